"""Grids, the store, resuming, exponents and figures of nets."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from nets.averages import average_rows, average_seeds, outputs_of
from nets.config import NetConfig, NetGrid
from nets.lazy import simulate_lazy
from nets.scan import scan
from nets.training import train
from perceptron_sim import InputError, PerceptronConfig
from perceptron_sim.analysis.exponents import exponent_rows, points_left_out
from perceptron_sim.analysis.figures import save
from perceptron_sim.analysis.figures.scan import figure_scan
from perceptron_sim.scans import scan as perceptron_scan
from perceptron_sim.store.schema import NET_FIELDS
from perceptron_sim.store.store import MemoryStore, ParquetStore

GRID = NetGrid(depth=(2,), width=(16,), P=(32, 64), T=(2.0**-9, 2.0**-7), seeds=3, P_test=50)


def test_a_scan_is_stored_and_resumed(tmp_path) -> None:
    store = ParquetStore(tmp_path / "out")
    some = list(GRID)[:5]
    assert scan(some, store, device="cpu").done == 5
    report = scan(GRID, store, device="cpu")
    assert (report.found, report.done, report.interrupted) == (5, 7, False)
    frame = store.frame()
    assert len(frame) == 12
    assert set(frame["model"]) == {"net"}
    assert np.allclose(frame["dw_rel"], frame["dw"] / frame["w0_norm"])
    assert np.allclose(frame["t_star"], frame["eta"] * frame["steps"])
    assert np.allclose(frame["eta"], frame["T"] * 16 * 16)
    assert (frame["d"] == 64).all()
    assert all(len(layers) == 3 for layers in frame["dw_layers"])
    assert all(dw[-1] == end for dw, end in zip(frame["checkpoint_dw"], frame["dw"], strict=True))
    # Stopped and resumed is the same as undisturbed, but for rounding.
    whole = MemoryStore()
    scan(GRID, whole, device="cpu")
    assert np.allclose(whole.frame()["dw"], frame["dw"], rtol=1e-5)
    assert scan(GRID, store, device="cpu").done == 0


def test_outputs_are_kept_and_averaged_over_seeds() -> None:
    configs = [NetConfig(depth=1, width=16, P=32, T=2.0**-7, seed=s) for s in range(4)]
    store = MemoryStore()
    scan(configs, store, device="cpu", keep_outputs=True, checkpoints=False)
    frame = store.frame().sort_values("seed")
    runs = train(configs, "cpu", keep_outputs=True, checkpoints=False)
    outputs = np.array([run.test_outputs for run in runs])
    # Half precision: 11 bits of the largest, 2^-24 of the root mean square near zero.
    assert np.allclose(outputs_of(frame), outputs, rtol=2.0**-10, atol=1e-6 * outputs.std())
    assert [len(row) for row in frame["test_outputs"]] == [2 * 599] * 4
    assert np.allclose(frame["test_signal"], outputs.mean(axis=1))
    assert np.allclose(frame["test_spread"], outputs.std(axis=1))
    assert (frame["train_signal"] > frame["test_signal"]).all()
    (row,) = average_rows(frame)
    assert row.average_error == np.mean(outputs.mean(axis=0) <= 0)
    assert row.mean_error == pytest.approx(np.mean(outputs <= 0))
    assert row.ci_low <= row.average_error < row.mean_error
    pseudo = average_seeds(frame)
    assert pseudo is not None
    others = np.array([np.delete(outputs, i, axis=0).mean(axis=0) for i in range(4)])
    assert np.allclose(
        pseudo, 4 * np.log(row.average_error) - 3 * np.log(np.mean(others <= 0, axis=1))
    )
    assert average_seeds(frame.iloc[:1]) is None
    assert average_seeds(frame.assign(status="diverged")) is None
    # Runs with test sets of their own have no average, and none is kept unless asked for.
    assert average_rows(frame.assign(shared_seeds=False)) == []
    assert train(configs[:1], "cpu")[0].test_outputs is None


def test_lazy_outputs_are_those_of_training_in_the_limit() -> None:
    net = {"depth": 1, "width": 16, "P": 32, "T": 2.0**-30, "alpha": 2.0**30, "dtype": "float64"}
    config = NetConfig(**net, P_test=50)
    (run,) = train([config], "cpu", keep_outputs=True)
    (lazy,) = simulate_lazy([config], paired=True)
    assert np.allclose(lazy.test_outputs, run.test_outputs, rtol=1e-4, atol=1e-6 * run.test_spread)
    assert lazy.train_signal == pytest.approx(run.train_signal, rel=1e-5)


def test_files_from_before_nets_are_read_and_mix_with_nets(tmp_path) -> None:
    store = ParquetStore(tmp_path / "out")
    perceptrons = [PerceptronConfig(d=4, P=32, seed=s) for s in range(2)]
    perceptron_scan.scan(perceptrons, store, workers=1)
    (path,) = (tmp_path / "out" / "runs").glob("*.parquet")
    table = pq.read_table(path).drop_columns([name for name, _ in NET_FIELDS])
    path.unlink()
    # Names were no hashes then.
    pq.write_table(table, path.with_name(f"{'0' * 32}.parquet"), write_page_checksum=True)
    assert "dw" not in store.frame().columns
    assert len(store.keys()) == 2
    scan(list(GRID)[:2], store, device="cpu")
    frame = store.frame()
    assert frame["dw"].notna().sum() == 2
    assert frame["w_norm"].notna().sum() == 2


def _power_law(seeds: int = 200) -> pd.DataFrame:
    """Runs with delta = 1, gamma = 1/3, b = 5/3 up to noise."""
    rng = np.random.default_rng(0)
    rows = []
    for config in NetGrid(P=(64, 256, 1024), T=(2.0**-9, 2.0**-7), seeds=seeds):
        noise = np.exp(0.2 * rng.standard_normal(2))
        rows.append(
            {
                **{name: getattr(config, name) for name in ("data", "chi", "arch", "depth")},
                **{name: getattr(config, name) for name in ("width", "act", "B", "P", "T")},
                **{"kappa": config.kappa, "alpha": config.alpha, "seed": config.seed, "d": 64},
                **{"status": "fitted", "model": "net", "dynamics": "sgd"},
                **{"kernel": "ensemble", "shared_seeds": False},
                "dw": config.T * config.P ** (1 / 3) * noise[0],
                "dw_rel": 0.1 * config.T * config.P ** (1 / 3) * noise[0],
                "t_star": config.T * config.P ** (5 / 3) * noise[1],
            }
        )
    return pd.DataFrame(rows)


def test_exponents_of_synthetic_power_laws_are_found() -> None:
    frame = _power_law()
    rows = {row.quantity: row for row in exponent_rows(frame)}
    truth = {"delta": 1, "t_star_on_T": 1, "gamma": 1 / 3, "b": 5 / 3, "b - 1 - 2 gamma": 0}
    for quantity, value in {**truth, "chi_eff": 2.0}.items():
        row = rows[quantity]
        # Half a 95 % interval is about two standard errors: five in all.
        assert abs(row.measured - value) < 1.25 * (row.ci_high - row.ci_low), quantity
        assert row.ci_low < row.measured < row.ci_high
    assert rows["gamma"].window.startswith("P 64..1024")
    assert rows["gamma"].chi is None


def test_a_point_with_a_run_not_fitted_is_left_out() -> None:
    frame = _power_law(seeds=4)
    frame.loc[(frame["P"] == 64) & (frame["seed"] == 2), "status"] = "diverged"
    assert points_left_out(frame) == 2
    assert exponent_rows(frame)[0].window.startswith("P 256..1024")
    frame["status"] = "diverged"
    assert exponent_rows(frame) == []


@pytest.mark.parametrize("on", ["T", "P"])
@pytest.mark.parametrize("fitted", [True, False])
def test_figures_are_drawn_with_and_without_fitted_runs(on, fitted, tmp_path) -> None:
    frame = _power_law(seeds=3)
    if not fitted:
        frame["status"] = "max_steps"
    paths = save(figure_scan(frame, exponent_rows(frame), on), tmp_path, "figure")
    assert all(path.stat().st_size > 1000 for path in paths)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"seeds": 0}, "seeds = 0"), ({"P": ()}, "P has no values"), ({"seeds": 10**8}, "has 100,")],
)
def test_bad_grids_are_refused(wrong, message) -> None:
    with pytest.raises(InputError, match=message):
        NetGrid(**wrong)
