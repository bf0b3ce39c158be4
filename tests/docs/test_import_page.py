"""The converter that docs/import.md shows: pickles of the layout it describes, to CSV, imported."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

from cli.main import run

PAGE = Path(__file__).parents[2] / "docs/import.md"


@pytest.fixture(scope="module")
def shown():
    """The functions of the page."""
    (region,) = CodeBlockParser("python")(Document.parse(str(PAGE)))
    functions: dict = {}
    exec(compile(region.parsed, PAGE, "exec"), functions)
    return functions


def _dump(path: Path, args: dict, squares: list[float], t: float, loss: float) -> None:
    start = {"weights_norm": [np.float32(9.0), np.float32(16.0)]}
    end = {
        "t": np.float32(t),
        "step": np.int64(round(t / args["dt"])),
        "weights_norm": [np.float32(1e4)],
        "delta_weights_norm": [np.float32(x) for x in squares],
        "train": {"loss": np.float32(loss)},
        "test": {"err": np.float32(0.25)},
    }
    with path.open("wb") as file:
        pickle.dump(args, file)
        pickle.dump({"sgd": {"dynamics": [start, end]}, "args": args}, file)


def test_the_converter_makes_runs_that_are_imported(shown, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for P in (64, 128, 256):
        for seed in range(3):
            common = {"ptr": P, "bs": 2, "alpha": 4096.0, "seed_init": seed}
            # ||w||^2 ~ P, so that gamma is 1/2.
            scatter = rng.lognormal(0.0, 0.05)
            linear = {"arch": "linear", "dataset": "depleted_sign", "dt": 2.0, "data_chi": 1.0}
            _dump(
                tmp_path / f"p{P}-{seed}.pk",
                common | linear | {"d": 16, "h": 1, "L": None, "act": "relu"},
                [P * scatter],
                P**2.0 * scatter,
                0.0,
            )
            deep = {"arch": "mlp", "dataset": "mnist_parity", "dt": 0.5, "data_chi": 0.0}
            _dump(
                tmp_path / f"n{P}-{seed}.pk",
                common | deep | {"d": None, "h": 128, "L": 5, "act": "gelu"},
                [0.5 * P * scatter, 0.5 * P * scatter],
                P**2.0 * scatter,
                np.nan if (P, seed) == (256, 0) else 0.0,
            )
    shown["convert"](tmp_path, tmp_path / "runs.csv")
    out = tmp_path / "out"
    assert run(["import", str(tmp_path / "runs.csv"), "--shared-seeds", "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["status"] == {"diverged": 1, "fitted": 17}
    gamma = [row for row in summary["exponents"] if row["quantity"] == "gamma"]
    assert [(row["model"], row["n_points"]) for row in gamma] == [("net", 2), ("perceptron", 3)]
    for row in gamma:
        assert row["ci_low"] < 0.5 < row["ci_high"]
    assert run(["import", str(tmp_path / "p64-0.pk"), "--out", str(tmp_path / "x")]) == 2
