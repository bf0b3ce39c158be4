"""A trained net as one flat row of the store that perceptron runs are kept in."""

from dataclasses import asdict

from nets.training.result import NetResult
from perceptron_sim.experiments.records import Record

_FIELDS = (
    *("d", "status", "message", "t_star", "steps", "updates", "hits", "unfitted", "dw", "w0_norm"),
    *("dw_rel", "dw_layers", "w0_layers", "train_loss", "test_error", "wall_s", "device"),
)
_COURSE = ("step", "t", "dw", "unfitted", "train_loss")


def record_of(run: NetResult, provenance: str) -> Record:
    """Return the row of a finished run, as ``perceptron_sim.experiments.records.SCHEMA`` says.

    Args:
        run: the result.
        provenance: versions that made it, ``records.versions_text(("torch",))``.
    """
    config = run.config
    row: Record = {
        "key": config.key(),
        "model": "net",
        "kernel": "ensemble",
        **asdict(config),
        "eta": config.eta,
        "alpha": config.alpha,
        "versions": provenance,
    }
    for name in _FIELDS:
        row[name] = getattr(run, name)
    for name in _COURSE:
        course = run.checkpoints
        row[f"checkpoint_{name}"] = None if course is None else getattr(course, name).tolist()
    return row
