"""A trained net as one flat row of the store that perceptron runs are kept in."""

from dataclasses import asdict

from nets.config import NetConfig
from nets.training.result import NetResult
from perceptron_sim.store.schema import Record, failure_fields, provenance

_FIELDS = (
    *("d", "status", "message", "t_star", "steps", "updates", "hits", "unfitted", "dw", "w0_norm"),
    *("dw_rel", "dw_layers", "w0_layers", "train_loss", "test_error", "noise_trace", "ntk_change"),
    *("wall_s", "device"),
)
_COURSE = ("step", "t", "dw", "unfitted", "train_loss", "noise_trace", "ntk_change")


def _identity(config: NetConfig) -> Record:
    return {
        "key": config.key(),
        "model": "net",
        "dynamics": "sgd",
        "shared_seeds": False,
        **asdict(config),
        "eta": config.eta,
        "alpha": config.alpha,
        "versions": provenance(("torch",)),
    }


def failure_record(config: NetConfig, reason: BaseException) -> Record:
    """Return the row of a run that ended in an exception: no numbers, the reason as message."""
    return _identity(config) | failure_fields(reason)


def record_of(run: NetResult) -> Record:
    """Return the row of a finished run, as ``perceptron_sim.store.schema.SCHEMA`` says."""
    row = _identity(run.config) | {"kernel": run.engine}
    for name in _FIELDS:
        row[name] = getattr(run, name)
    for name in _COURSE:
        course = run.checkpoints
        row[f"checkpoint_{name}"] = None if course is None else getattr(course, name).tolist()
    return row
