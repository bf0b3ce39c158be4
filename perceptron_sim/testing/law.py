"""A law: a statement that holds for every exact simulator, and how it is tested."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.testing.subject import RETURNED, Misbehaved, Simulator, Subject

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# Largest number of steps of runs of laws, which bounds their cost.
MAX_STEPS = 3000
Look = Callable[[Subject, PerceptronConfig], None]


class Kind(StrEnum):
    """How a law can fail: in one run, in a distribution, or in how means depend on a parameter."""

    EXACT = "exact"
    DISTRIBUTION = "in distribution"
    SCALING = "scaling"


class Broken(AssertionError):
    """A law does not hold. The message states in one line what was found."""


class NotTestable(Exception):
    """A simulator lacks what a law needs. The message states what it would have to offer."""


@dataclass(frozen=True)
class Law:
    """One law of SGD on the perceptron.

    Attributes:
        name: its name, for ``--law``.
        kind: exact, in distribution or scaling.
        statement: what holds.
        source: an equation of docs/theory.md, or a paper, where it is derived.
        needs: what a simulator must take or return, one of each group.
        bound: tolerance of an exact law, or probability of a false alarm.
        fault: the classic mistake that it finds.
        look: tests one configuration, and raises ``Broken``.
        cases: strategy of configurations of an exact law, or settings of others, easy ones first.
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
        """Return the settings of a statistical law; an exact law has none."""
        return () if callable(self.cases) else self.cases

    def missing(self, subject: Subject) -> str:
        """Return what the simulator ``subject`` lacks, or "" if nothing is missing."""
        wanted = [group for group in self.needs if not subject.offers.intersection(group)]
        parts = []
        for group in wanted:
            verb = "return" if group[0] in RETURNED else "take"
            parts.append(f"{verb} {' or '.join(group)}")
        return ", ".join(parts)

    def test(self, simulator: Simulator, config: PerceptronConfig, *, rtol: float = 1e-9) -> None:
        """Test whether the law holds for a simulator at one configuration.

        Args:
            simulator: as in ``check``.
            config: the configuration.
            rtol: relative error up to which two numbers count as equal.

        Raises:
            Broken: if it does not hold, or if the result of the simulator cannot be read.
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
