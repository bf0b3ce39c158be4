"""Whatever the library is asked for: one InputError, or finite numbers, or a status that says why.

Values are sensible, wild and of wrong types; what is accepted is kept small by the strategy. 16 of
each kind, 400 with ``HYPOTHESIS_PROFILE=long``.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptron_sim import InputError, PerceptronConfig, simulate, simulate_online, theory
from perceptron_sim.kernels.dynamics import KERNELS, NAMES
from perceptron_sim.runs.result import RunResult
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.store import MemoryStore

# A fraction of the command lines: these are several tests.
EXAMPLES = settings().max_examples // 5
some = settings(deadline=None, max_examples=EXAMPLES)

WRONG = st.sampled_from(["1", None, True, 1j, (), np.nan, np.float64(2.0), np.int64(2)])
WILD = st.sampled_from(
    [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, 5e-324, 1e-300, 1e300, 1.7e308, 2.0**-15, 1e16]
)


def _rarely(odd: st.SearchStrategy[Any], usual: st.SearchStrategy[Any]) -> Any:
    return st.one_of(usual, usual, usual, odd)


POSITIVE = _rarely(st.one_of(WILD, WRONG), st.floats(2.0**-20, 2.0**20))
CHI = _rarely(st.one_of(WILD, WRONG, st.floats(-1.001, 1e6)), st.floats(-0.9, 8.0))


def sizes(most: int, least: int = 1) -> Any:
    """Return integers that are small, or so large that they must be refused."""
    absurd = st.sampled_from([-(10**30), -1, 0, 2**50, 2**62, 2**62 + 1, 2**64, 10**30])
    return _rarely(st.one_of(absurd, WRONG), st.integers(least, most))


def some_of(**fields: Any) -> Any:
    """Return dictionaries that hold any of ``fields``."""
    return st.fixed_dictionaries({}, optional=fields)


PERCEPTRON = {
    "chi": CHI,
    "d": sizes(12, 2),
    "B": sizes(8),
    "T": POSITIVE,
    "kappa": POSITIVE,
    "seed": sizes(2**62, 0),
    "max_updates": sizes(100),
}
PAIRS = {"eta": POSITIVE, "alpha": POSITIVE}
NET = {
    "arch": st.sampled_from(["mlp", "mlp", "linear", "cnn", "mnas", "", "MLP"]),
    "depth": sizes(3),
    "width": sizes(8),
    "act": st.sampled_from(["relu", "gelu", "silu", "none"]),
    "P_test": sizes(16, 0),
    "B": sizes(8),
    "T": POSITIVE,
    "kappa": POSITIVE,
    "seed": sizes(2**62, 0),
    "dtype": st.sampled_from(["float32", "float64", "float16"]),
}


def _check_perceptron(run: RunResult) -> None:
    assert run.status in ("fitted", "max_steps", "max_updates", "diverged")
    assert run.message
    if run.status == "fitted":
        numbers = (run.t_star, run.w1, run.w_perp, run.w_norm, run.test_error, run.wall_s)
        assert all(map(math.isfinite, numbers))
        assert np.all(np.isfinite(run.w))
        # Diffusion alone can fit few samples with weights that point away from the teacher.
        assert run.lam != 0.0 if run.dynamics.startswith("sde") else run.lam > 0.0
        assert run.unfitted == 0
        if run.checkpoints is not None:
            for name in ("t", "w1", "w_perp", "train_loss", "test_error"):
                assert np.all(np.isfinite(getattr(run.checkpoints, name))), name


@some
@given(
    values=some_of(**PERCEPTRON, **PAIRS),
    P=sizes(64),
    max_steps=sizes(100),
    kernel=st.sampled_from([*KERNELS, "", "Event"]),
    dynamics=st.sampled_from([*NAMES, "", "SGD"]),
    checkpoints=st.sampled_from(["log", None, "linear"]),
)
def test_every_perceptron(values, P, max_steps, kernel, dynamics, checkpoints) -> None:
    try:
        config = PerceptronConfig(**values, P=P, max_steps=max_steps)
        run = simulate(config, kernel, checkpoints, dynamics=dynamics)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        _check_perceptron(run)
        assert config.key(kernel, dynamics) == dataclasses.replace(config).key(kernel, dynamics)


@some
@given(
    grid=st.lists(some_of(**PERCEPTRON), max_size=4),
    dynamics=st.sampled_from(NAMES),
    workers=st.integers(1, 3),
    checkpoints=st.sampled_from(["log", None]),
    late=st.booleans(),
)
def test_every_scan(grid, dynamics, workers, checkpoints, late) -> None:
    store = MemoryStore()
    try:
        configs = [PerceptronConfig(**values, P=8, max_steps=50) for values in grid]
        # A time that is over.
        until = 0.0 if late else None
        report = scan(
            configs, store, dynamics=dynamics, workers=workers, checkpoints=checkpoints, until=until
        )
    except InputError as error:
        assert "\n" not in str(error)
        return
    frame = store.frame()
    assert report.done == len(frame) == (0 if late else len(report.keys))
    assert not set(frame["status"]) & {"failed", "interrupted"}
    fitted = frame[frame["status"] == "fitted"]
    for name in ("t_star", "steps", "w_norm", "test_error"):
        assert np.all(np.isfinite(fitted[name].astype(float)))


@some
@given(
    t=st.lists(_rarely(WILD.filter(lambda t: t != 1e16), st.floats(1e-6, 50.0)), max_size=4),
    # A step costs B whatever B is: none is too large to be accepted.
    B=_rarely(st.sampled_from([-1, 0, 2**64, "2"]), st.integers(1, 8)),
    values=some_of(chi=CHI, d=sizes(12, 2), kappa=POSITIVE, replicas=sizes(3)),
)
def test_every_online_run(t, B, values) -> None:
    try:
        found = simulate_online(t, T=1.0, B=B, **values)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert np.all(np.isfinite(found.w1))
        assert np.all(np.isfinite(found.w_perp))


@some
@given(values=some_of(**NET, eta=POSITIVE, alpha=POSITIVE, chi=CHI, d=sizes(6, 2)), data=st.data())
@pytest.mark.parametrize("how", ["train", "lazy"])
def test_every_net(how: str, values, data) -> None:
    from nets.config import NetConfig
    from nets.lazy import simulate_lazy
    from nets.training import train

    source = data.draw(st.sampled_from(["perceptron", "digits", "", "minst"]))
    P, steps = data.draw(sizes(24)), data.draw(sizes(30))
    engine = data.draw(st.sampled_from(["auto", "compiled", "ensemble", "resident"]))
    try:
        config = NetConfig(data=source, P=P, max_steps=steps, **({"P_test": 8} | values))
        if how == "train":
            (run,) = train([config], "cpu", engine=engine, workers=1)
        else:
            paired = data.draw(st.booleans())
            (run,) = simulate_lazy([config], paired=paired, workers=1)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert run.status in ("fitted", "max_steps", "max_updates", "diverged")
    assert run.message
    if run.status == "fitted":
        assert all(map(math.isfinite, (run.t_star, run.dw, run.w0_norm, run.train_loss)))
        assert math.isfinite(run.test_error) or config.P_test == 0
        for name in ("t", "dw", "train_loss"):
            assert np.all(np.isfinite(getattr(run.checkpoints, name))), name


def _numbers(found: Any) -> list[Any]:
    """Return every number in a result of theory."""
    if dataclasses.is_dataclass(found):
        values = [getattr(found, field.name) for field in dataclasses.fields(found)]
        return [number for value in values for number in _numbers(value)]
    return [] if isinstance(found, str) else np.asarray(found, dtype=float).ravel().tolist()


LAM = _rarely(WILD, st.floats(0.0, 1e6))
THEORY: dict[str, dict[str, Any]] = {
    "exponents": {"chi": CHI},
    "constants": {"chi": CHI},
    "mean_abs_x1": {"chi": CHI},
    "minimal_error": {"chi": CHI},
    "exponents_at_dimension": {"chi": CHI, "d": sizes(1000, 2)},
    "minimal_signal": {"chi": CHI, "P": sizes(10**6), "d": sizes(300, 2)},
    "crossovers": {"chi": CHI, "P": sizes(10**6), "d": sizes(300, 2)},
    "noise_covariance": {"lam": LAM, "chi": CHI, "d": sizes(300, 2), "margin": LAM},
    **{
        name: {"lam": LAM, "chi": CHI, "margin": LAM}
        for name in ("unfitted_fraction", "signal_drift", "noise_drift", "noise_diffusion")
    },
    "predict": {
        **{"chi": CHI, "P": sizes(10**6), "d": sizes(300, 2)},
        **{"T": POSITIVE, "kappa": POSITIVE, "B": sizes(64)},
    },
}


@some
@given(data=st.data())
@pytest.mark.parametrize("name", THEORY)
def test_every_question_to_theory(name: str, data) -> None:
    values = data.draw(st.fixed_dictionaries(THEORY[name]))
    try:
        found = getattr(theory, name)(**values)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(map(math.isfinite, _numbers(found))), found


@some
@given(
    t=st.lists(_rarely(WILD, st.floats(1e-3, 1e6)), max_size=3).map(sorted),
    values=st.fixed_dictionaries(
        {"chi": CHI, "d": sizes(300, 2), "T": POSITIVE},
        optional={"kappa": POSITIVE, "B": sizes(64)},
    ),
)
def test_every_flow(t, values) -> None:
    try:
        found = theory.order_parameter_flow(t, **values)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(map(math.isfinite, _numbers(found))), found
