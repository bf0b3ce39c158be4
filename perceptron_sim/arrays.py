"""Names for the array types that pass between modules."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Int32Array = NDArray[np.int32]
ByteArray = NDArray[np.int8]
Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
# Single or double precision.
Reals = NDArray[np.floating[Any]]
