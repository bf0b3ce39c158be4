"""Data files, stores and states of others are not trusted: nothing in them is run or written."""

import ast
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cli
import nets
import perceptron_sim
from cli.main import run
from perceptron_sim import InputError, PerceptronConfig, simulate
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.store.schema import record_of
from perceptron_sim.store.store import ParquetStore

# Names by which Python runs or unpacks what a file says.
DANGEROUS = {
    *("eval", "exec", "compile", "__import__", "extractall", "extract", "unpack_archive"),
    *("loads_pickle", "read_pickle", "to_pickle", "full_load", "unsafe_load"),
}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "yaml"}


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def _calls(path: Path) -> set[str]:
    """Return the names that a module calls or imports, and those of ``torch.load``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} & MODULES
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else ""
            if isinstance(function, ast.Attribute):
                of = function.value.id if isinstance(function.value, ast.Name) else ""
                # re.compile and model.eval() run nothing that a file says.
                name = function.attr if function.attr not in ("compile", "eval") else ""
                name = f"{of}.load" if (of, function.attr) == ("torch", "load") else name
            found |= {name} & (DANGEROUS | {"torch.load"})
            if any(k.arg == "allow_pickle" and getattr(k.value, "value", 1) for k in node.keywords):
                found.add("allow_pickle")
    return found


# Numba's own cache, which holds pickles that Numba reads, with a checksum before each; and what
# Dask sends, which it pickles anyway between machines that trust each other.
TRUSTED = {"perceptron_sim/kernels/jit.py", "perceptron_sim/scans/cluster_task.py"}


def test_nothing_in_the_packages_runs_or_unpacks_what_a_file_says() -> None:
    modules = [
        path
        for package in (perceptron_sim, nets, cli)
        for path in Path(package.__file__).parent.rglob("*.py")
    ]
    assert len(modules) > 100
    found = {str(path): calls for path in modules if (calls := _calls(path))}
    assert all(calls == {"pickle"} for calls in found.values())
    assert {"/".join(Path(path).parts[-3:]) for path in found} == TRUSTED


def test_the_search_finds_what_it_is_for(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    for text, name in (
        ("import pickle", "pickle"),
        ("from joblib import load", "joblib"),
        ("eval('1')", "eval"),
        ("archive.extractall('.')", "extractall"),
        ("np.load(f, allow_pickle=True)", "allow_pickle"),
        ("torch.load(f)", "torch.load"),
    ):
        module.write_text(text)
        assert _calls(module) == {name}


def _archive(path: Path, trap: Path) -> None:
    """Write an npz whose arrays are pickles, and which names a file outside its folder."""
    with path.open("wb") as file:
        np.savez(file, x=np.array([Payload(trap)], dtype=object), meta=np.array("{}"))
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside.npy", content.getvalue())


def test_a_state_with_a_pickle_starts_its_run_anew(tmp_path: Path) -> None:
    folder, trap = tmp_path / "a" / "b" / "unfinished", tmp_path / "trap"
    folder.mkdir(parents=True)
    config = PerceptronConfig(P=16, d=3)
    _archive(folder / f"{config.key('event')}.npz", trap)
    notes: list[str] = []
    snapshots = Snapshots(folder, {}, notes.append)
    assert simulate(config, snapshots=snapshots).status == "fitted"
    assert len(notes) == 1
    assert "damaged: its runs start again" in notes[0]
    assert not trap.exists()
    assert not list(tmp_path.rglob("outside*"))


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_data_set_with_a_pickle_is_refused(name: str, tmp_path: Path, capsys) -> None:
    folder, trap = tmp_path / "a" / "b", tmp_path / "trap"
    folder.mkdir(parents=True)
    _archive(folder / f"{name}.npz", trap)
    line = ["nets", "run", "--data", name, "--data-dir", str(folder), "--out"]
    assert run([*line, str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(folder / f"{name}.npz") in said
    assert not trap.exists()
    assert not list(tmp_path.rglob("outside*"))


def test_a_store_with_a_stranger_s_file_is_refused_or_sets_it_aside(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path / "store")
    store.append([record_of(simulate(PerceptronConfig(P=8, d=2)))])
    trap = tmp_path / "trap"
    _archive(store.runs / f"{'0' * 40}.parquet", trap)
    told: list[str] = []
    again = ParquetStore(tmp_path / "store", tell=told.append)
    assert len(again.keys()) == 1
    assert len(told) == 1
    assert not trap.exists()
    (store.folder / "store.json").write_text('{"format": "__import__(\'os\')", "version": 1}')
    with pytest.raises(InputError):
        ParquetStore(store.folder)
