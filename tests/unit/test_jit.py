"""The cache of compiled kernels depends on the sources of all of them."""

import numba
import pytest

from perceptron_sim.kernels.jit import SOURCE_STAMP
from perceptron_sim.kernels.observables import training_state


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_cache_is_stamped_with_all_sources() -> None:
    # Numba's own stamp is the file's time and size; this fails if it moves to another attribute.
    assert training_state._cache._cache_file._source_stamp == SOURCE_STAMP
    assert training_state._cache._cache_file._load_index is not None
