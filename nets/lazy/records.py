"""A lazy run as a row of the store, with the columns of trained nets."""

from nets.lazy.config import LazyConfig
from nets.records import failure_record, record_of
from nets.training.result import NetResult
from perceptron_sim.store.schema import Record

MODEL = "lazy"


def lazy_record(run: LazyConfig, end: NetResult) -> Record:
    """Return the row of a finished lazy run: as of a net, ``model`` "lazy".

    Args:
        run: what was run.
        end: how it ended.
    """
    return record_of(end) | _named(run)


def lazy_failure(run: LazyConfig, reason: BaseException) -> Record:
    """Return the row of a lazy run that could not be done: no numbers, the reason as message."""
    return failure_record(run.config, reason) | _named(run)


def _named(run: LazyConfig) -> Record:
    # Runs of one seed share data and initial weights, unless paired with those of training.
    return {"key": run.key(), "model": MODEL, "shared_seeds": not run.paired}
