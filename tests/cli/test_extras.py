"""Without an extra every command that needs it names the extra and creates nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Hides modules as if they were not installed.
_HIDE = """
import json, sys
hidden = json.loads(sys.argv[1])

class Hidden:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden)
"""
# Runs command lines one after another.
_RUN = """
import contextlib, io
from perceptron_sim.entry import run
answers = []
for command in json.loads(sys.argv[2]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(command)
    answers.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""
# Imports every module of nets.
_IMPORT = """
import pkgutil
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
CASES = [
    ("sklearn", "nets", [["nets", "scan"], ["nets", "lazy", "--dry-run"]]),
    ("distributed", "cluster", [[*SCAN, *CLUSTER], ["phase", *CLUSTER, "--dry-run"]]),
    ("dask", "cluster", [["nets", "scan", *CLUSTER], [*SCAN, "--scheduler", "scheduler.json"]]),
    *((module, "netcdf", [["export", str(RUNS), "--format", "netcdf"]]) for module in NETCDF),
]


def _python(folder: Path, script: str, *arguments: object) -> str:
    words = [json.dumps(argument) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-c", _HIDE + script, *words],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("hidden", "commands"), [("torch", NETS), ("threadpoolctl", NETS[:1])])
def test_commands_that_need_pytorch_name_the_extra(hidden, commands, tmp_path: Path) -> None:
    answers = json.loads(_python(tmp_path, _RUN, [hidden], commands))
    for command, (code, out, err) in zip(commands, answers, strict=True):
        assert (code, out, err.count("\n")) == (2, "", 1), (command, err)
        assert "pip install 'perceptron-sim[nets]'" in err
        assert "https://download.pytorch.org/whl/cpu" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("module", "extra", "commands"), CASES)
def test_a_missing_extra_is_named_in_one_line(
    module, extra, commands, tmp_path: Path, no_data
) -> None:
    for code, out, err in json.loads(_python(tmp_path, _RUN, [module], commands)):
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert f"pip install 'perceptron-sim[{extra}]'" in err
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}
    assert not list(RUNS.glob("*.nc"))


def test_the_python_api_names_the_extra(tmp_path: Path) -> None:
    _python(tmp_path, _IMPORT, ["torch"])
