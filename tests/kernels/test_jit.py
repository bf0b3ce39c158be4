"""The cache of compiled kernels: stamped with all sources, and never in the way."""

import errno
import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels.jit import SOURCE_STAMP, Told, compiled, told
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


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch, caplog):
    """Return a function that loads one small kernel, as a new process would."""
    file = tmp_path / "small.py"
    file.write_text(
        "from perceptron_sim.kernels.jit import compiled\n\n\n"
        "@compiled\ndef twice(x: float) -> float:\n    return 2.0 * x\n"
    )
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(told, "compiling", Told.compiling)
    monkeypatch.setattr(told, "problem", Told.problem)
    caplog.set_level(logging.INFO, "perceptron_sim")

    def load():
        spec = importlib.util.spec_from_file_location("small", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.twice(2.0) == 4.0
        stats = module.twice.stats
        return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())

    return load


def _damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    flipped = content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]
    damaged = {
        "empty": b"",
        "truncated": content[:100],
        "garbage": bytes(range(256)) * 8,
        "flipped": flipped,
    }
    path.write_bytes(damaged[how])


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("how", ["empty", "truncated", "garbage", "flipped"])
def test_a_damaged_file_of_the_cache_counts_as_absent(how, ending, kernel, tmp_path) -> None:
    assert (kernel(), kernel()) == ((0, 1), (1, 0))
    (path,) = tmp_path.rglob(f"*.{ending}")
    _damage(path, how)
    assert (kernel(), kernel()) == ((0, 1), (1, 0))


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_a_full_disk_is_told_once(kernel, monkeypatch, caplog) -> None:
    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    assert (kernel(), kernel()) == ((0, 1), (0, 1))
    compiling, problem = caplog.messages
    assert compiling == "compiling the kernels: up to a minute, once per machine"
    assert "No space left on device" in problem
    assert "set NUMBA_CACHE_DIR" in problem


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.parametrize("place", ["", "a file"])
def test_no_place_for_the_cache_is_told_once(place, kernel, monkeypatch, tmp_path, caplog) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", place and str(tmp_path / "file/cache"))
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    assert (kernel(), kernel()) == ((0, 1), (0, 1))
    problem, compiling = caplog.messages
    assert "no folder for Numba's cache can be written" in problem
    assert "in each process" in compiling


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_what_a_kernel_calls_is_compiled_into_it_once() -> None:
    @compiled
    def power(x: float, n: int) -> float:
        return x**n

    @compiled
    def polynomial(x: float) -> float:
        return power(x, 2) + power(x, 3)

    assert polynomial(2.0) == 12.0
    assert not power.signatures
    assert len(power._part.signatures) == 1
    assert power(2.0, 5) == 32.0
