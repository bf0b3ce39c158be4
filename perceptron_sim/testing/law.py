"""What a law is: a statement that every exact simulator obeys, and how it is looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.testing.subject import RETURNED, Misbehaved, Simulator, Subject

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# Steps after which runs of laws are given up: the bound on their cost.
MAX_STEPS = 3000
Look = Callable[[Subject, PerceptronConfig], None]


class Kind(StrEnum):
    """How a law can fail: in one run, in a distribution, or in how means depend on a parameter."""

    EXACT = "exact"
    DISTRIBUTION = "in distribution"
    SCALING = "scaling"


class Broken(AssertionError):
    """A law does not hold; the message says what was found, in one line."""


class NotTestable(Exception):
    """A simulator does not offer what a law needs; the message says what it would have to."""


@dataclass(frozen=True)
class Law:
    """One law of SGD on the perceptron.

    Attributes:
        name: what it is called, for ``--law``.
        kind: exact, in distribution or scaling.
        statement: what holds.
        source: where it is derived: an equation of docs/theory.md, or a paper.
        needs: what a simulator must take or return; of each group one.
        bound: tolerance of an exact law, probability of a false alarm of the others.
        fault: the classic mistake that it exists for.
        look: looks at one configuration, and raises ``Broken``.
        cases: strategy of configurations for an exact law, the settings of the others, easy ones
            first.
    """

    name: str
    kind: Kind
    statement: str
    source: str
    needs: tuple[tuple[str, ...], ...]
    bound: str
    fault: str
    look: Look
    cases: "Callable[[], SearchStrategy[PerceptronConfig]] | Sequence[PerceptronConfig]"

    def settings(self) -> Sequence[PerceptronConfig]:
        """Return the settings of a statistical law; none of an exact one."""
        return () if callable(self.cases) else self.cases

    def missing(self, subject: Subject) -> str:
        """Return what the simulator would have to take or return, "" if nothing is missing."""
        wanted = [group for group in self.needs if not subject.offers.intersection(group)]
        parts = []
        for group in wanted:
            verb = "return" if group[0] in RETURNED else "take"
            parts.append(f"{verb} {' or '.join(group)}")
        return ", ".join(parts)

    def test(self, simulator: Simulator, config: PerceptronConfig, *, rtol: float = 1e-9) -> None:
        """Look whether the law holds for a simulator at one configuration.

        Args:
            simulator: ``simulator(config)``, with ``data`` and ``batches`` if it takes them.
            config: where.
            rtol: relative error up to which two numbers count as equal.

        Raises:
            Broken: if it does not, or if the simulator gives no readable answer.
            NotTestable: if the simulator lacks what the law needs.
        """
        subject = Subject(simulator, rtol=rtol)
        try:
            subject.probe(config)
            missing = self.missing(subject)
            if missing:
                raise NotTestable(f"{self.name}: the simulator would have to {missing}")
            self.look(subject, config)
        except Misbehaved as error:
            raise Broken(str(error)) from None
