"""How a run can end, and the message for it."""

from enum import StrEnum


class Status(StrEnum):
    """How a run ended. Results and stored rows hold the value.

    >>> from perceptron_sim import Status
    >>> Status.FITTED == "fitted"
    True
    """

    FITTED = "fitted"
    MAX_STEPS = "max_steps"
    MAX_UPDATES = "max_updates"
    MAX_MEMORY = "max_memory"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    # The run raised an error. It is tried again on resume.
    FAILED = "failed"

    def message(
        self, unfitted: int, P: int, *, T: float, max_steps: int, max_updates: int = 0
    ) -> str:
        """Return one line: how a run ended and, if it was not fitted, what would help.

        Args:
            unfitted: number of the ``P`` training samples that are unfitted at the end.
            T, max_steps, max_updates: temperature and limits of the run.
        """
        facts = {"unfitted": unfitted, "P": P, "T": T, "steps": max_steps, "updates": max_updates}
        return _MESSAGES[self].format(**facts)


_MESSAGES = {
    Status.FITTED: "every training sample is fitted",
    Status.MAX_STEPS: "{unfitted} of {P} samples unfitted after max_steps = {steps:.6g}: raise "
    "max_steps, or lower P; equal samples with opposite labels are never fitted",
    Status.MAX_UPDATES: "{unfitted} of {P} samples unfitted after max_updates = {updates:.6g}: "
    "raise max_updates; equal samples with opposite labels are never fitted",
    Status.MAX_MEMORY: "{unfitted} of {P} samples unfitted when those drawn filled the memory "
    "that a run may use: raise sample_budget, or lower P, d or kappa/T",
    Status.DIVERGED: "weights grew beyond all bounds at T = {T:g}: lower T (and kappa with it)",
    Status.INTERRUPTED: "stopped on request with {unfitted} of {P} samples unfitted",
    Status.FAILED: "the run failed",
}
