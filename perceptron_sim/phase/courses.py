"""Courses of runs, as planes compare and figures draw them."""

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray

# Dynamics by the names that tables and figures have for them; --dynamics names that of the SDE.
DYNAMICS = {"SGD": "sgd", "shuffled": "shuffled", "SDE": "sde"}


def loss_curves(runs: pd.DataFrame, t: FloatArray) -> FloatArray:
    """Return the training loss of every run at times ``t``, shape (runs, times); 0 from t* on.

    Linear in ln t between checkpoints; kappa, the loss at w = 0, before the first.
    """
    curves = []
    for _, run in runs.sort_values("seed").iterrows():
        at, loss = np.array(run["checkpoint_t"][1:]), np.array(run["checkpoint_train_loss"][1:])
        curves.append(
            np.interp(np.log(t), np.log(at), loss, left=float(run["checkpoint_train_loss"][0]))
        )
    return np.array(curves)
