"""Without an extra every command that needs it names the extra and creates nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Hides a module as if it were not installed.
_HIDE = """
import sys

class Hidden:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
"""
# Runs the command lines of each case one after another in a child, which inherits what loads long.
_RUN = """
import contextlib, io, json, os
import scipy.optimize
import perceptron_sim.scans.cluster, perceptron_sim.scans.grid, perceptron_sim.store.store
from perceptron_sim.entry import run

for folder, hidden, commands in json.loads(sys.argv[1]):
    assert hidden not in sys.modules
    if os.fork():
        assert os.wait()[1] == 0
        continue
    sys.meta_path.insert(0, Hidden)
    os.chdir(folder)
    answers = []
    for command in commands:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(command)
        answers.append([code, out.getvalue(), err.getvalue()])
    print(json.dumps([folder, answers]), flush=True)
    os._exit(0)
"""
# Imports every module of nets.
_IMPORT = """
import pkgutil
hidden = "torch"
sys.meta_path.insert(0, Hidden)
import nets
from perceptron_sim import InputError
refused = 0
for module in pkgutil.walk_packages(nets.__path__, "nets.", onerror=lambda name: None):
    try:
        __import__(module.name)
    except ModuleNotFoundError as error:
        assert isinstance(error, InputError), (module.name, error)
        assert error.name == "torch" and "perceptron-sim[nets]" in str(error)
        refused += 1
assert refused > 10
"""
RUNS = Path(__file__).parents[1] / "fixtures" / "version_0_1" / "scan"
NETCDF = ("xarray", "h5netcdf", "h5py")
NETS = [
    ["nets", "scan"],
    ["nets", "scan", "--dry-run"],
    ["nets", "run"],
    ["nets", "lazy"],
    ["nets", "lazy", "--dry-run"],
    ["phase", "--plane", "alpha-T"],
    ["phase", "--plane", "P-T", "--dry-run"],
    ["compare"],
    ["compare", "--dry-run"],
]
CLUSTER = ["--scheduler", "tcp://127.0.0.1:1"]
SCAN = ["scan", "--chi", "1", "-d", "3", "-P", "8", "-T", "1", "--seeds", "1"]
CASES = {
    "torch": ("nets", NETS),
    "threadpoolctl": ("nets", NETS[:1]),
    "sklearn": ("nets", [["nets", "scan"], ["nets", "lazy", "--dry-run"]]),
    "distributed": ("cluster", [[*SCAN, *CLUSTER], ["phase", *CLUSTER, "--dry-run"]]),
    "dask": ("cluster", [["nets", "scan", *CLUSTER], [*SCAN, "--scheduler", "scheduler.json"]]),
    **{name: ("netcdf", [["export", str(RUNS), "--format", "netcdf"]]) for name in NETCDF},
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[Any]]]:
    """Code, output and errors of each command without a module, by the folder it was run in."""
    base = tmp_path_factory.mktemp("extras")
    for module in CASES:
        (base / module).mkdir()
    cases = [(str(base / module), module, commands) for module, (_, commands) in CASES.items()]
    environment = os.environ | {"XDG_CACHE_HOME": str(base / "cache")}
    environment.pop("PERCEPTRON_SIM_DATA", None)
    done = subprocess.run(
        [sys.executable, "-c", _HIDE + _RUN, json.dumps(cases)],
        capture_output=True,
        text=True,
        cwd=base,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("module", CASES)
def test_a_missing_extra_is_named_in_one_line(module, answered) -> None:
    extra, commands = CASES[module]
    ((folder, answers),) = (item for item in answered.items() if Path(item[0]).name == module)
    for command, (code, out, err) in zip(commands, answers, strict=True):
        assert (code, out, err.count("\n")) == (2, "", 1), (command, err)
        assert f"pip install 'perceptron-sim[{extra}]'" in err
        if module in ("torch", "threadpoolctl"):
            assert "https://download.pytorch.org/whl/cpu" in err
    assert not list(Path(folder).iterdir())
    assert not list(RUNS.glob("*.nc"))


def test_the_python_api_names_the_extra(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _HIDE + _IMPORT], check=True, cwd=tmp_path)
