"""Courses of runs, as planes compare and figures draw them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray

# Names that tables and figures have for dynamics.
LABELS = {
    "sgd": "SGD",
    "shuffled": "shuffled",
    "sde": "SDE",
    "sde/4": "SDE, T/4",
    "sde/16": "SDE, T/16",
    "sde-uncentred": "SDE, uncentred",
    "poisson": "Poisson hits",
}


def loss_curves(runs: pd.DataFrame, t: FloatArray) -> FloatArray:
    """Return the training loss of every run at times ``t``, shape (runs, times); 0 from t* on.

    Linear in ln t between checkpoints; kappa, the loss at w = 0, before the first.
    """
    return _at(runs.sort_values("seed"), "checkpoint_train_loss", t)


def size_curves(runs: pd.DataFrame, t: FloatArray) -> FloatArray:
    """Return ||w|| of perceptrons, ||w - w_0|| of nets, of every run at times ``t``.

    Shape (runs, times), in the order of the seeds. Linear in ln t between checkpoints, 0 before
    the first, constant from t* on.
    """
    ordered = runs.sort_values("seed")
    if ordered["checkpoint_w1"].isna().any():
        return _at(ordered, "checkpoint_dw", t)
    pairs = zip(ordered["checkpoint_w1"], ordered["checkpoint_w_perp"], strict=True)
    return _at(ordered.assign(size=[np.hypot(*pair) for pair in pairs]), "size", t)


def _at(runs: pd.DataFrame, column: str, t: FloatArray) -> FloatArray:
    courses: Sequence[tuple[FloatArray, FloatArray]] = [
        (np.asarray(at, dtype=np.float64), np.asarray(values, dtype=np.float64))
        for at, values in zip(runs["checkpoint_t"], runs[column], strict=True)
    ]
    # The start, at t = 0, has no logarithm.
    return np.array(
        [np.interp(np.log(t), np.log(at[1:]), y[1:], left=float(y[0])) for at, y in courses]
    )
