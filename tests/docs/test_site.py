"""Pages that are generated, or hold data, are those that the code gives."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import cli_page
import notebook
import numpy as np
import pandas as pd
import pytest

import perceptron_sim
from perceptron_sim import testing, theory
from perceptron_sim.theory import predict

DOCS = Path(__file__).parents[2] / "docs"
POINTS = pd.read_csv(DOCS / "predictions.csv")


def test_the_command_line_page_is_that_of_the_commands() -> None:
    shown = cli_page.PAGE.read_text(encoding="utf-8")
    # In a process of its own: click keeps the help option of the context that first asked for it.
    code = "import cli_page; print(cli_page.page(), end='')"
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(cli_page.__file__).parent),
        "PYTHONIOENCODING": "utf-8",
    }
    made = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, check=True, encoding="utf-8"
    )
    assert shown == made.stdout, "run: python docs/hooks/cli_page.py"


@pytest.mark.parametrize(
    ("page", "module"), [("api", perceptron_sim), ("theory", theory), ("testing", testing)]
)
def test_every_public_object_is_in_the_reference(page: str, module) -> None:
    shown = (DOCS / "reference" / f"{page}.md").read_text().split()
    at_top = set() if module is perceptron_sim else set(perceptron_sim.__all__)
    for name in set(module.__all__) - at_top - {"__version__", "LAWS"}:
        whole = f"{module.__name__}.{name}"
        # A function in a module of its own name is named by both.
        assert (f"{whole}.{name}" if f"{whole}.{name}" in shown else whole) in shown
        assert inspect.ismodule(sys.modules.get(whole)) == (whole not in shown)


def test_the_notebook_runs_and_shows_its_figures() -> None:
    text, figures = notebook.rendered(DOCS / "tutorials" / "notebook.py")
    assert len(figures) == 2
    assert all(f"({name})" in text and len(image) > 10_000 for name, image in figures.items())
    assert "fitted: t* = " in text


def test_the_page_of_predictions_holds_those_of_predict() -> None:
    """Rows hold predicted minus measured ln w_1, and the measured w_1 to four digits."""
    held = POINTS[(POINTS["set"] == "held-out") & (POINTS.kappa_over_T == 0.0)]
    rows = held.iloc[:: len(held) // 8]
    said = np.exp(rows.dlog_w1) * rows.w1 * np.sqrt(rows.d)
    law = predict(
        chi=rows.chi.to_numpy(),
        d=rows.d.to_numpy(),
        P=(rows.P_over_d * rows.d).to_numpy().astype(int),
        B=rows.B.to_numpy(),
        T=1.0,
        kappa=0.0,
    )
    assert np.abs(np.log(said / law.w1)).max() < 0.002


def test_accuracies_are_those_of_the_points() -> None:
    """README and docs/theory.md state medians of the absolute errors of held-out points."""
    held = POINTS[POINTS["set"] == "held-out"]
    medians = held[["dlog_w1", "dlog_lam", "dlog_t_star"]].abs().median()
    assert medians.tolist() == pytest.approx([0.025, 0.038, 0.120], abs=0.00051)
    assert f"| {len(held)} | 0.025 | 0.038 | 0.120 |" in (DOCS / "theory.md").read_text()
