"""Names of array types, checks of users' arrays, and results that compare by value."""

from dataclasses import fields
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Int32Array = NDArray[np.int32]
ByteArray = NDArray[np.int8]
Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
# Single or double precision.
Reals = NDArray[np.floating[Any]]


class ByValue:
    """Base of frozen dataclasses that hold arrays; use it with ``eq=False``.

    Two objects are equal if all compared fields are equal; NaN equals NaN. Pandas and notebooks
    show them as tables.
    """

    def __eq__(self, other: object) -> bool:
        """Tell whether ``other`` is of this class and holds the same values."""
        if type(other) is not type(self):
            return NotImplemented
        return all(
            _same(getattr(self, name), getattr(other, name)) for name in _compared(type(self))
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table: one row per record of a course, or one row of the numbers of a result."""
        import pandas as pd

        values = {name: getattr(self, name) for name in _compared(type(self))}
        arrays = {name: value for name, value in values.items() if np.ndim(value) == 1}
        if len(arrays) and len({len(value) for value in arrays.values()}) == 1:
            return pd.DataFrame(arrays)
        return pd.DataFrame([{n: v for n, v in values.items() if isinstance(v, str | Real)}])

    def _repr_html_(self) -> str:
        """Show the table in notebooks."""
        return str(self.to_frame().to_html(max_rows=20))

    def __hash__(self) -> int:
        """Return a hash that equal objects share; arrays count by their shape alone."""
        return hash(
            (type(self), *(_hashable(getattr(self, name)) for name in _compared(type(self))))
        )


def _compared(kind: type) -> list[str]:
    return [field.name for field in fields(kind) if field.compare]


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if hasattr(a, "__array__") or hasattr(b, "__array__"):
        x, y = np.asarray(a), np.asarray(b)
        return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, float) and isinstance(b, float) and a != a:
        return b != b
    return bool(a == b)


def _hashable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    if hasattr(value, "__array__") and not np.isscalar(value):
        return np.shape(value)
    # The hash of a NaN depends on the object.
    return None if isinstance(value, dict) or value != value else value


def real_array(name: str, value: Any, ndim: int | None = None) -> FloatArray:
    """Return a user's value as an array of finite float64, copied only where needed.

    Args:
        name: its name in messages.
        value: array, list, table or tensor of real numbers, with ``ndim`` dimensions.
        ndim: number of dimensions; None for any.

    Raises:
        InputError: if it holds masked or complex entries, text, NaN or infinities.
    """
    if hasattr(value, "toarray") and not hasattr(value, "__array__"):
        raise InputError(f"{name} is a sparse matrix: pass {name}.toarray()")
    parts = value if isinstance(value, list | tuple) else [value]
    if any(np.ma.is_masked(part) for part in parts):
        raise InputError(
            f"{name} has masked entries: fill them with numbers, or leave their samples out"
        )
    try:
        array = np.asarray(_without_gradients(value) if hasattr(value, "detach") else value)
        if array.dtype.kind == "O" and all(isinstance(x, Real) for x in array.flat):
            array = array.astype(np.float64)
    except Exception as error:
        # A user's object may raise anything when it is asked for its values.
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{name} cannot be read as an array of numbers: {reason}") from None
    if array.dtype.kind == "c":
        raise InputError(f"{name} has complex entries: pass real numbers")
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} has entries that are not numbers ({array.dtype}): pass numbers")
    if ndim is not None and array.ndim != ndim:
        raise InputError(f"{name} has shape {array.shape}: {ndim} dimension(s) are expected")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        raise InputError(f"{name} has entries that are not finite: clean it first")
    return array


def _without_gradients(tensor: Any) -> Any:
    """Return the values of a tensor, of any device, as an array."""
    values = tensor.detach().cpu()
    values = values.to_dense() if values.is_sparse else values
    return (values if values.is_complex() else values.double()).resolve_conj().numpy()
