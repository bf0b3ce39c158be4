"""Panels of what theory predicts."""

from typing import TYPE_CHECKING

import numpy as np

from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.errors import InputError

if TYPE_CHECKING:
    from perceptron_sim.theory.prediction import Prediction

_ARGUMENTS = ("P", "T", "chi", "d", "B", "kappa")
_LOGARITHMIC = ("P", "d", "B", "T", "kappa", "w1", "w_perp", "lam", "w_norm", "t_star")
_NAMES = {"w1": "w_1", "w_perp": "|w_perp|", "lam": "lambda", "w_norm": "||w||", "t_star": "t*"}
_ERRORS = {"w1": "log_w_error", "w_norm": "log_w_error", "t_star": "log_t_error"}


def prediction_panel(found: "Prediction", y: str, x: str | None) -> Panel:
    """Return a field of a prediction against an argument, a line for each set of the others.

    Raises:
        InputError: if there are no such fields.
    """
    frame = found.to_frame()
    numbers = [str(name) for name in frame if name not in ("trusted", "doubt")]
    x = max(_ARGUMENTS, key=lambda name: frame[name].nunique()) if x is None else x
    for name, known in ((x, _ARGUMENTS), (y, numbers)):
        if name not in known:
            raise InputError(f"{name!r} is not predicted: choose one of {', '.join(known)}")
    varied = [n for n in _ARGUMENTS if n != x and frame[n].nunique() > 1]
    series = []
    for i, (_, members) in enumerate(frame.groupby([n for n in _ARGUMENTS if n != x], sort=True)):
        members = members.sort_values(x)
        at, values = members[x].to_numpy(), members[y].to_numpy(dtype=np.float64)
        label = ", ".join(f"{n} = {members[n].iloc[0]:g}" for n in varied) or "prediction"
        if len(members) == 1:
            series.append(Series(label, at, values, theory=True, colour=i, marker="*", size=9.0))
            continue
        if y in _ERRORS:
            width = np.exp(members[_ERRORS[y]].to_numpy())
            ends = values / width, values * width
            series.append(Series("", at, values, *ends, band=True, colour=i))
        series.append(Series(label, at, values, line=True, theory=True, colour=i))
    logs = x in _LOGARITHMIC and bool((frame[x] > 0).all()), y in _LOGARITHMIC or y == "test_error"
    return Panel("", _NAMES.get(x, x), _NAMES.get(y, y.replace("_", " ")), series, *logs)
