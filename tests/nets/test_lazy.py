"""The lazy limit: against training run by run and in distribution, nested kernels, scans."""

from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from nets.config import NetConfig, NetGrid
from nets.lazy import LazyConfig, build_kernel, run_lazy, simulate_lazy
from nets.lazy.scan import scan_lazy
from nets.training import train
from perceptron_sim import InputError, PerceptronConfig, simulate
from perceptron_sim.analysis.exponents import exponent_rows
from perceptron_sim.analysis.figures import save
from perceptron_sim.analysis.figures.scan import figure_scan
from perceptron_sim.store.store import MemoryStore, ParquetStore

# What must agree between two results that are the same run.
SAME = ("status", "steps", "updates", "hits", "t_star", "dw", "dw_rel", "test_error", "train_loss")


def _same(a, b) -> bool:
    return all(getattr(a, name) == getattr(b, name) for name in SAME)


@pytest.mark.parametrize(
    "net",
    [
        {"depth": 2, "width": 48, "B": 16},
        {"depth": 3, "width": 32, "act": "gelu", "B": 5},
        {"arch": "linear", "data": "perceptron", "chi": 0.5, "d": 8, "B": 2},
    ],
)
def test_a_paired_run_is_the_linearisation_of_the_trained_run(net) -> None:
    # So large an alpha, in double precision, that no hit of the net differs from its linearisation.
    alpha = 2.0**30
    configs = [
        NetConfig(**net, alpha=alpha, T=T / alpha, seed=seed, P=P, dtype="float64", P_test=100)
        for T in (1.0, 128.0)
        for P in (64, 200)
        for seed in range(2)
    ]
    runs = zip(train(configs, "cpu"), simulate_lazy(configs, paired=True), strict=True)
    for trained, lazy in runs:
        assert lazy.status == trained.status == "fitted"
        assert (lazy.steps, lazy.updates, lazy.hits) == (
            *(trained.steps, trained.updates, trained.hits),
        )
        assert lazy.t_star == trained.t_star
        assert lazy.dw == pytest.approx(trained.dw, rel=1e-5)
        assert lazy.w0_norm == pytest.approx(trained.w0_norm, rel=1e-12)
        # Test samples within rounding of f = 0 may fall on either side.
        assert abs(lazy.test_error - trained.test_error) <= 0.011
        a, b = lazy.checkpoints, trained.checkpoints
        assert np.array_equal(a.step, b.step)
        assert np.allclose(a.dw, b.dw, rtol=1e-5)
        assert np.array_equal(a.unfitted, b.unfitted)
        assert np.allclose(a.train_loss, b.train_loss, rtol=1e-3, atol=1e-5 / alpha)


def test_convolutional_nets_have_a_limit_too() -> None:
    # One run, shorter than those above: after 10^4 steps hits part by rounding.
    alpha = 2.0**30
    net = {"arch": "cnn", "depth": 2, "width": 8, "P": 64, "dtype": "float64"}
    config = NetConfig(**net, alpha=alpha, T=1.0 / alpha, seed=1)
    trained, lazy = train([config], "cpu")[0], simulate_lazy([config], paired=True)[0]
    assert lazy.status == trained.status == "fitted"
    assert (lazy.steps, lazy.hits) == (trained.steps, trained.hits)
    assert lazy.dw == pytest.approx(trained.dw, rel=1e-5)


def _samples(runs) -> np.ndarray:
    return np.array([(run.t_star, run.dw, run.test_error) for run in runs]).T


def test_nets_in_the_lazy_regime_have_the_distributions_of_their_limit() -> None:
    # Two-sample KS, 3 observables, 100 runs each, twice: a false alarm has probability below 6e-7.
    alpha = 2.0**15
    grid = [NetConfig(depth=2, width=48, P=64, P_test=100, T=2.0**-12, seed=s) for s in range(100)]
    trained = _samples(train(grid, "cpu"))
    limits = [_samples(simulate_lazy(grid, paired=paired)) for paired in (False, True)]
    for lazy in limits:
        assert all(stats.ks_2samp(a, b).pvalue > 1e-7 for a, b in zip(trained, lazy, strict=True))
    # At alpha = 1 and the same T/kappa the net is not lazy, and the same test says so.
    wide = [NetConfig(**{**asdict(c), "kappa": 1.0, "T": alpha * c.T}) for c in grid]
    trained = _samples(train(wide, "cpu"))
    assert all(stats.ks_2samp(trained[1], alpha * lazy[1]).pvalue < 1e-9 for lazy in limits)


def test_a_linear_net_is_the_perceptron() -> None:
    # Two-sample KS, 2 observables: a false alarm has probability below 2e-9.
    point = {"chi": 1.0, "d": 8, "P": 64, "B": 2, "T": 1.0}
    net = {"arch": "linear", "data": "perceptron", "P_test": 0}
    lazy = simulate_lazy([NetConfig(**net, **point, seed=s) for s in range(300)])
    theirs = [
        simulate(PerceptronConfig(**point, kappa=2.0**-15, seed=s), "reference", None)
        for s in range(600)
    ]
    for a, b in (
        ([run.t_star for run in lazy], [run.t_star for run in theirs]),
        ([run.dw for run in lazy], [run.w_norm for run in theirs]),
    ):
        assert stats.ks_2samp(a, b).pvalue > 1e-9


@pytest.mark.parametrize("data", ["digits", "perceptron"])
def test_runs_do_not_depend_on_company(data: str) -> None:
    grid = list(NetGrid(data=data, P=(64, 100, 600), T=(2.0**-9, 2.0**-7), width=(16,), seeds=2))
    together = simulate_lazy(grid)
    alone = [simulate_lazy([config], checkpoints=False)[0] for config in grid]
    assert all(map(_same, together, alone))
    assert len({run.t_star for run in together}) == len(grid)
    # P = 64 are the first of P = 600, at every T; seeds have nothing in common.
    kernels = [build_kernel(LazyConfig(config)) for config in (grid[0], grid[8], grid[1])]
    assert np.array_equal(kernels[0].matrix.entries, kernels[1].matrix.entries[:64, :64])
    assert np.array_equal(kernels[0].cross, kernels[1].cross[:64])
    assert kernels[0].w0_layers != kernels[2].w0_layers


def test_precision_means_nothing_and_max_steps_is_no_seed() -> None:
    base = {"P": 64, "T": 2.0**-8, "width": 16}
    one, other = (simulate_lazy([NetConfig(**base, dtype=t)])[0] for t in ("float32", "float64"))
    assert _same(one, other)
    assert LazyConfig(one.config).key() == LazyConfig(other.config).key()
    cut = simulate_lazy([NetConfig(**base, max_steps=one.steps - 1)])[0]
    assert cut.status == "max_steps"
    same = len(cut.checkpoints.dw) - 1
    assert np.array_equal(cut.checkpoints.dw[:same], one.checkpoints.dw[:same])
    keys = {
        run.key()
        for paired in (False, True)
        for run in (LazyConfig(one.config, paired), LazyConfig(cut.config, paired))
    }
    assert len(keys) == 4
    assert one.config.key() not in keys


def test_equal_images_with_opposite_labels_end_with_a_status() -> None:
    config = NetConfig(P=64, width=16, T=2.0**-8, max_steps=3000)
    run = LazyConfig(config)
    kernel = build_kernel(run)
    K = kernel.matrix.entries
    K[1], K[:, 1] = K[0], K[:, 0]
    K[1, 1] = K[0, 0]
    kernel.y[1] = -kernel.y[0]
    end = run_lazy(kernel, run)
    assert end.status == "max_steps"
    assert end.unfitted > 0
    assert "opposite labels" in end.message


GRID = NetGrid(depth=(2,), width=(16,), P=(32, 64, 128), T=(2.0**-9, 2.0**-7), seeds=3, P_test=50)


def test_a_lazy_scan_is_stored_resumed_and_fitted(tmp_path) -> None:
    store = ParquetStore(tmp_path / "out")
    some = list(GRID)[:5]
    assert scan_lazy(some, store).done == 5
    report = scan_lazy(GRID, store, folder=tmp_path / "kernels")
    assert (report.found, report.done, report.interrupted) == (5, 13, False)
    assert len(list((tmp_path / "kernels").glob("*.npy"))) == 3
    frame = store.frame()
    assert set(frame["model"]) == {"lazy"}
    assert np.allclose(frame["dw_rel"], frame["dw"] / frame["w0_norm"])
    assert np.allclose(frame["t_star"], frame["eta"] * frame["steps"])
    whole = MemoryStore()
    scan_lazy(GRID, whole, workers=1)
    for name in ("key", "dw", "t_star", "test_error"):
        assert (whole.frame()[name] == frame[name]).all()
    assert scan_lazy(GRID, store).done == 0
    rows = {row.quantity: row for row in exponent_rows(frame)}
    assert rows["gamma"].model == "lazy"
    # The seed is the unit: two degrees of freedom, so intervals are wide.
    assert rows["b"].ci_high - rows["b"].ci_low > 0
    paths = save(figure_scan(frame, list(rows.values()), "P"), tmp_path, "figure")
    assert all(path.stat().st_size > 1000 for path in paths)


def test_a_kernel_that_does_not_fit_is_refused_before_any_work(monkeypatch) -> None:
    monkeypatch.setattr("nets.ntk.available_bytes", lambda: 10_000)
    with pytest.raises(InputError, match="P up to 44 fits, or keep kernels on disk"):
        simulate_lazy([NetConfig(P=64)])
    with pytest.raises(InputError, match="is more than the 1198 training images"):
        simulate_lazy([NetConfig(P=1700)])
