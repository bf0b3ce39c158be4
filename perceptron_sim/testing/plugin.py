"""The pytest plugin: a test that takes ``sgd_law`` runs once for each law (docs/testing.md)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from perceptron_sim.testing.law import Law
    from perceptron_sim.testing.subject import Simulator


@dataclass(frozen=True)
class LawOfATest:
    """The law that a test of a user's project looks at."""

    law: "Law"

    def check(self, simulator: "Simulator", budget: float = 5.0, rtol: float = 1e-9) -> None:
        """Fail the test if ``simulator`` breaks the law; skip it if that cannot be tested.

        Args:
            simulator: as of ``perceptron_sim.testing.check``.
            budget: seconds for this law.
            rtol: relative error up to which two numbers count as equal.
        """
        from perceptron_sim.testing.conformance import Answer, check

        report = check(simulator, [self.law], budget, rtol=rtol)
        report.raise_if_broken()
        (finding,) = report.findings
        if finding.answer is not Answer.HOLDS:
            pytest.skip(f"{self.law.name}: {finding.text}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``sgd_law`` once for each law."""
    if "sgd_law" in metafunc.fixturenames:
        from perceptron_sim.testing import LAWS

        laws = [pytest.param(LawOfATest(law), id=name) for name, law in LAWS.items()]
        metafunc.parametrize("sgd_law", laws)
