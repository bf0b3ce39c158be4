"""The cache of compiled kernels depends on the sources of all of them."""

import subprocess
import sys

import numba
import pytest

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels.jit import SOURCE_STAMP
from perceptron_sim.kernels.observables import training_state


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_cache_is_stamped_with_all_sources() -> None:
    # Numba's own stamp is the file's time and size; this fails if it moves to another attribute.
    assert training_state._cache._cache_file._source_stamp == SOURCE_STAMP
    assert training_state._cache._cache_file._load_index is not None


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_a_second_process_compiles_nothing() -> None:
    simulate(PerceptronConfig(P=16, d=2))
    script = (
        "from perceptron_sim import PerceptronConfig, simulate\n"
        "from perceptron_sim.kernels.event_driven import event_driven_sgd as kernel\n"
        "simulate(PerceptronConfig(P=16, d=2))\n"
        "print(sum(kernel.stats.cache_misses.values()), sum(kernel.stats.cache_hits.values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "1"]
