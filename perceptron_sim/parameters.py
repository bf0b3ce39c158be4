"""What every parameter is read by: T or eta, kappa or alpha, integers, numbers, paths."""

import math
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from perceptron_sim.errors import InputError

DEFAULT_KAPPA = 2.0**-15
# Scales of w and t: products and ratios of two of them and a number of steps neither overflow nor
# vanish. Runs depend on kappa/T alone, so nothing is lost.
LARGEST_SCALE = 1e100


# Whole numbers that runs and grids have, each with its least value and why.
_LEAST = {
    "d": (2, "the boundary needs a direction along it"),
    "P": (1, "there must be a sample to fit"),
    "B": (1, "a batch holds at least one sample"),
    "depth": (1, "a net has a hidden layer"),
    "width": (1, "a layer has a unit"),
    "P_test": (0, "0 leaves the test out"),
    "seed": (0, "seeds count replicas from 0"),
    "seeds": (1, "there must be a run"),
    "max_steps": (1, "a run has at least one step"),
    "max_updates": (1, "a run has at least one update"),
}
INTEGERS = tuple(_LEAST)


def check_pairs(T: Any, eta: Any, kappa: Any, alpha: Any, law: str = "eta / B") -> None:
    """Refuse two names of one parameter, whatever their values; ``law`` is what T stands for.

    Raises:
        InputError: if T and eta are given, or kappa and alpha.
    """
    if T is not None and eta is not None:
        raise InputError(f"both T and eta are given: give one, they are tied by T = {law}")
    if kappa is not None and alpha is not None:
        raise InputError("both kappa and alpha are given: give one, kappa = 1 / alpha")


def temperature(T: float | None, eta: float | None, factor: int, default: float = 1.0) -> float:
    """Return T from itself, or from eta = T x ``factor`` (B of the perceptron, B h of nets).

    Raises:
        InputError: if both are given, or the one given is out of range.
    """
    check_pairs(T, eta, None, None)
    if eta is not None:
        return scale("eta", eta) / factor
    return scale("T", default if T is None else T)


def margin(kappa: float | None, alpha: float | None) -> float:
    """Return kappa from itself or from alpha = 1 / kappa; 2^-15 if neither is given.

    Raises:
        InputError: if both are given, or the one given is out of range.
    """
    check_pairs(None, None, kappa, alpha)
    if alpha is not None:
        return 1.0 / scale("alpha", alpha)
    value = number("kappa", DEFAULT_KAPPA if kappa is None else kappa)
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"kappa = {value:g} is out of range: allowed is 0 <= kappa < inf")
    return value if value == 0.0 else scale("kappa", value)


def each(check: Callable[[Any], Any], values: Any) -> Any:
    """Return what ``check`` makes of a number, or of each of an array of numbers, in its shape.

    Raises:
        InputError: as ``check``, or if there is anything but numbers.
    """
    if np.ndim(values) == 0:
        return check(values[()] if isinstance(values, np.ndarray) else values)
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise InputError(f"an array of {array.dtype} holds values that are not numbers")
    # As many calls as there are different numbers.
    known, back = np.unique(array, return_inverse=True)
    return np.array([check(value) for value in known])[back].reshape(array.shape)


def each_of(check: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    """Return ``each`` of a pair of names for one parameter, of which one at most is given."""
    if first is None:
        return check(None, None) if second is None else each(lambda v: check(None, v), second)
    return each(lambda v: check(v, None if second is None else 1.0), first)


def integers(**values: Any) -> dict[str, int]:
    """Return values of ``INTEGERS`` by name, each held to its range, and B to P.

    Raises:
        InputError: on the first that is not an integer or out of range.
    """
    found = {name: integer(name, value) for name, value in values.items()}
    B, P = found.get("B", 0), found.get("P", 2**62)
    if B > P:
        raise InputError(f"B = {B} is larger than P = {P}: allowed is 1 <= B <= P")
    return found


def integer(name: str, value: Any, low: int | None = None, reason: str = "") -> int:
    """Return ``value`` as an integer from ``low`` to 2^62; from what ``INTEGERS`` has by default.

    Raises:
        InputError: if it is none.
    """
    if low is None:
        low, reason = _LEAST[name]
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(f"{name} = {value!r} is not an integer")
    if value < low:
        raise InputError(f"{name} = {value} is too small: allowed is {name} >= {low} ({reason})")
    if value > 2**62:
        raise InputError(f"{name} = {value} is too large: allowed is {name} <= 2^62")
    return int(value)


def number(name: str, value: Any) -> float:
    """Return ``value`` as a float.

    Raises:
        InputError: if it is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"{name} = {value!r} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{name} = {value} is larger than the largest float") from None


def positive(name: str, value: Any) -> float:
    """Return ``value`` as a positive, finite float.

    Raises:
        InputError: if it is none.
    """
    checked = number(name, value)
    if not (math.isfinite(checked) and checked > 0):
        raise InputError(f"{name} = {checked:g} is out of range: allowed is 0 < {name} < inf")
    return checked


def scale(name: str, value: Any) -> float:
    """Return ``value`` as a positive float that is neither too small nor too large a scale.

    Raises:
        InputError: if it is none.
    """
    checked = positive(name, value)
    if not 1.0 / LARGEST_SCALE <= checked <= LARGEST_SCALE:
        raise InputError(
            f"{name} = {checked:g} is out of range: allowed is {1 / LARGEST_SCALE:g} <= {name} <= "
            f"{LARGEST_SCALE:g}; only ratios such as kappa / T matter, so choose other units"
        )
    return checked


def path(name: str, value: str | PathLike[str]) -> Path:
    """Return ``value`` as a path.

    Raises:
        InputError: if it is none.
    """
    try:
        return Path(value)
    except TypeError:
        raise InputError(f"{name} = {value!r} is not a path: give a string or a Path") from None
