"""``perceptron-sim nets fetch`` in process, against a server on this machine."""

from pathlib import Path

import numpy as np
import pytest
from openml_server import made_up, serving

from cli import progress
from cli.main import run
from nets.data import download as download_module
from nets.data import fetch as fetch_module
from nets.data import openml, sources

pytestmark = pytest.mark.usefixtures("no_data")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """A made-up MNIST on a server of ours, and no waiting between tries."""
    source, server, _, _ = made_up("mnist")
    monkeypatch.setattr(download_module, "_WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setitem(sources.SOURCES, "mnist", source)
    with serving(server):
        monkeypatch.setattr(openml, "SERVER", server.url)
        yield server


def test_fetch_puts_mnist_into_the_cache_and_leaves_it_alone(server, tmp_path, capsys) -> None:
    assert run(["nets", "fetch"]) == 0
    target = tmp_path / "cache" / "perceptron-sim" / "mnist.npz"
    assert f"mnist: 200 images, checked, in {target}\n" == capsys.readouterr().out
    assert target.is_file()
    assert run(["nets", "fetch", "mnist", "mnist"]) == 0
    assert f"mnist: 200 images are there already, in {target}\n" == capsys.readouterr().out
    assert len(server.asked) == 1
    assert run(["nets", "fetch", "--force"]) == 0
    assert len(server.asked) == 2


def test_another_folder_and_what_is_found_first(server, tmp_path, capsys, monkeypatch) -> None:
    mine = tmp_path / "mine"
    assert run(["nets", "fetch", "--data-dir", str(mine)]) == 0
    assert (mine / "mnist.npz").is_file()
    monkeypatch.setenv("PERCEPTRON_SIM_DATA", str(mine))
    capsys.readouterr()
    assert run(["nets", "fetch"]) == 0
    assert f"there already, in {mine / 'mnist.npz'}" in capsys.readouterr().out
    assert run(["nets", "fetch", "--force"]) == 0
    assert f"mnist: {mine / 'mnist.npz'} comes first" in capsys.readouterr().err


def test_incomplete_and_damaged_archives_are_told_with_the_remedy(server, tmp_path, capsys) -> None:
    few = np.zeros((2, 4, 4), np.uint8)
    parts = {"x_train": few, "x_test": few, "y_train": few[:, 0, 0], "y_test": few[:, 0, 0]}
    np.savez(tmp_path / "mnist.npz", **parts)
    assert run(["nets", "fetch", "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "mnist: 4 images are there already" in captured.out
    assert "mnist: the set has 200; --force fetches it" in captured.err
    (tmp_path / "mnist.npz").write_text("not found")
    assert run(["nets", "fetch", "--out", str(tmp_path)]) == 2
    assert "is damaged" in (text := capsys.readouterr().err)
    assert "--force fetches one into" in text
    assert server.asked == []
    assert run(["nets", "fetch", "--out", str(tmp_path), "--force"]) == 0


def test_failures_are_one_line_and_exit_1(server, tmp_path, capsys) -> None:
    server.statuses = [404]
    assert run(["nets", "fetch", "--out", str(tmp_path)]) == 1
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "perceptron-sim: error: http://127.0.0.1" in text
    assert "answers HTTP 404 Not Found" in text


def test_ctrl_c_says_that_the_same_command_continues(
    server, tmp_path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cuts = [3000]

    def interrupt(self: object, runs: int, cost: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress.TerminalProgress, "advance", interrupt)
        assert run(["nets", "fetch", "--out", str(tmp_path)]) == 1
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert f"interrupted: what was downloaded is in {tmp_path}; the same command continues" in text
    kept = (tmp_path / "mnist.arff.part").stat().st_size
    assert 0 < kept <= 3000
    assert run(["nets", "fetch", "--out", str(tmp_path)]) == 0
    assert server.asked == ["", f"bytes={kept}-"]


def test_bad_requests(tmp_path, capsys) -> None:
    assert run(["nets", "fetch", "minst"]) == 2
    text = capsys.readouterr().err
    assert "data set = 'minst' is unknown: did you mean 'mnist'? choose one of mnist, cif" in text


def test_all_is_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    fetched = []

    def pretend(source: sources.Source, folder: Path, _: object) -> Path:
        fetched.append(source.name)
        return folder / f"{source.name}.npz"

    monkeypatch.setattr(fetch_module, "fetch", pretend)
    assert run(["nets", "fetch", "all", "mnist", "--out", str(tmp_path)]) == 0
    assert fetched == ["mnist", "cifar10"]


def test_progress_counts_megabytes(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_QUIET_S", 0.0)
    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.0)
    watcher = progress.TerminalProgress("MB", 10**6)
    watcher.start("mnist.arff", 128_000_000, 128_000_000)
    watcher.advance(32_000_000, 32_000_000)
    # The size was an estimate.
    watcher.advance(97_000_000, 97_000_000)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("mnist.arff: 32/128 MB, 25 % of the work")
    assert second.startswith("mnist.arff: 129/128 MB, 100 % of the work")
    assert second.endswith("about 0 s left")
