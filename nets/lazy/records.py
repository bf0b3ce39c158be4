"""A lazy run as a row of the store, with the columns of trained nets."""

from nets.lazy.config import LazyConfig
from nets.records import failure_record, record_of
from nets.training.result import NetResult
from perceptron_sim.experiments.records import Record

MODEL = "lazy"


def lazy_record(run: LazyConfig, end: NetResult, provenance: str) -> Record:
    """Return the row of a finished lazy run: as of a net, ``model`` "lazy".

    Args:
        run: what was run.
        end: how it ended.
        provenance: versions that made it, ``records.versions_text(("torch",))``.
    """
    return record_of(end, provenance) | {"key": run.key(), "model": MODEL}


def lazy_failure(run: LazyConfig, provenance: str, reason: BaseException) -> Record:
    """Return the row of a lazy run that could not be done: no numbers, the reason as message."""
    return failure_record(run.config, provenance, reason) | {"key": run.key(), "model": MODEL}
