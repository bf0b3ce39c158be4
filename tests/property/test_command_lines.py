"""No command line, however odd, ends in a traceback, in a hang or in a number that is none.

Every command of the registry is drawn with its own options, read from its definition, and with
values sensible, wild and broken. Commands that are accepted are kept small by the strategy, not by
luck. 80 lines per test run; 2,000 with ``HYPOTHESIS_PROFILE=long`` (about twenty minutes).
"""

import contextlib
import io
import json
import math
import signal
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import click
import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from cli.commands.nets import COMMANDS as NETS
from cli.commands.store import command as store_command
from cli.main import COMMANDS, root, run
from cli.options import FloatGrid, IntegerGrid
from perceptron_sim import InputError, PerceptronConfig, simulate
from perceptron_sim.scans.grid import parse_floats
from perceptron_sim.store.schema import record_of
from perceptron_sim.store.store import ParquetStore

# No accepted line of these sizes takes as long, compilation of every kernel included.
LIMIT_S = 180
PERCEPTRON = ["--chi", "1", "-d", "3", "-P", "8"]
NET = ["--depth", "1", "--width", "4", "-P", "8", "-B", "2", "--test-samples", "8"]
ONE = ["--seeds", "1", "--workers", "1"]
# What keeps a command small when nothing else is said.
SMALL: dict[str, list[list[str]]] = {
    "scan": [[*PERCEPTRON, "-T", "1", *ONE], [*PERCEPTRON, "-P", "8,16", "-T", "1,2", *ONE]],
    "run": [PERCEPTRON],
    "phase": [
        [*PERCEPTRON, "-P", "8,16", "-B", "1,4", "--eta", "1,2", *ONE],
        ["--plane", "T-kappa", *PERCEPTRON, "-T", "1,2", "--kappa", "1", *ONE],
        ["--plane", "late-noise", *PERCEPTRON, "-T", "1,8", *ONE],
        ["--plane", "dynamics", *PERCEPTRON, "-B", "1,4", *ONE],
        ["--plane", "alpha-T", *NET, "-T", "2^-3,2^-2", "--alpha", "1,2", *ONE],
        ["--plane", "P-T", *NET, "-P", "8,16", "-T", "2^-3,2^-2", *ONE],
    ],
    # Never run, which takes minutes, but asked what it would run.
    "compare": [["--dry-run"], ["--dry-run", "--preset", "paper"]],
    "report": [[]],
    "import": [[]],
    "theory": [PERCEPTRON, [*PERCEPTRON, "-P", "64,128", "-d", "4"]],
    "export": [[]],
    "check": [["simulators:plain", "--law", "returns", "--budget", "1s"]],
    # Never measured here, which takes long, but asked for what it has not.
    "bench": [["--quick", "--cases", "headlines"], ["--repeats", "1"]],
    "doctor": [[]],
    "store check": [[]],
    "store compact": [[]],
    "store merge": [["--out", "new"]],
    "nets scan": [[*NET, "-T", "2^-7", *ONE], [*NET, "-P", "8,16", "-T", "2^-7,2^-5", *ONE]],
    "nets lazy": [[*NET, "-T", "2^-7", *ONE], [*NET, "-P", "8,16", "-T", "2^-7,2^-5", *ONE]],
    "nets run": [NET],
    "nets fetch": [[]],
}
# Commands that take the same time whatever their size, or none: they need no limit of steps.
UNLIMITED = {
    "compare",
    "report",
    "import",
    "theory",
    "export",
    "check",
    "bench",
    "doctor",
    "nets fetch",
    *(f"store {s}" for s in store_command.commands),
}
# What keeps the costly ones from running, or from serving for ever, stays as it is.
KEPT = {("bench", "cases"), ("bench", "repeats"), ("check", "budget"), ("report", "port")}
WORDS: dict[str, list[str]] = {
    "kernel": ["auto", "event", "reference", "sde", "lazy", "net", "Event", ""],
    "dynamics": ["sgd", "shuffled", "sde", "sde/16", "sde-uncentred", "poisson", "SGD", ""],
    "budget": ["90s", "0.0001s", "1runs", "1h", "0s", "-1s", "nans", "1e9h", "infh", "", "s"],
    "data": ["digits", "perceptron", "mnist", "cifar10", "minst", "../../etc/passwd", ""],
    "arch": ["mlp", "cnn", "mnas", "linear", "MLP", ""],
    "act": ["relu", "gelu", "silu", "none", "tanh"],
    "dtype": ["float32", "float64", "float16", "object"],
    "device": ["auto", "cpu", "cuda", "cuda:7", "mps"],
    "engine": ["auto", "compiled", "ensemble", "resident", "warp"],
    "plane": ["nowhere", "", "B-eta "],
    "observable": ["w_norm", "t_star", "test_error", "dw_rel", "ntk_change", "wall_s", "key"],
    "cases": ["headlines", "", ",", "grid,sise"],
    "preset": ["quick", "paper", "nowhere"],
    "stages": ["scan", "lazy,nets", "B-eta", "", "scna"],
    "scheduler": ["", "nowhere", "file", "/no/such/file.json"],
    "columns": ["P=P", "ptr=P", "=", "x", "P=Q"],
    "constants": ["B=2", "B=x", "model=perceptron", "=", "chi=nan"],
    "format": ["csv", "netcdf", "pickle"],
}
ODD = """0 1 -1 0.5 2^-3 nan inf -inf 1e400 -0.0 1e308 5e-324 1e-300 1:4:3 4:1:3 1:4:1e400 1:inf:2
    0,1 , 1,,2 2^1e9 -2^0.5 0^-1 x ½ ٣ 0x10 1_0 1e 2^ ^2 : :: 1:2 1:2:2:2 1:2:2,0.1"""
NUMBERS = st.one_of(
    st.sampled_from(ODD.split()),
    st.sampled_from(["", " ", " 1 ", "1 , 2", "\n", "−1", "1\u00a0"]),
    st.integers(-3, 64).map(str),
    st.sampled_from([10**15, 2**62, 2**62 + 1, 2**63, 2**64, 10**30, -(10**30)]).map(str),
    st.floats().map(str),
    st.text(max_size=5),
)
SENSIBLE = st.sampled_from(["1", "2", "0.5", "2^-3", "1,2", "1:2:2", "4", "3"])
NAMES = st.sampled_from(["new", "new", "a/b/c", "ü ∂ß", "x" * 300, "", ".", "-", "~", "a\nb"])
PLACES = st.sampled_from(["file", "foreign", "store", "broken", "future", "/proc/none", "/"])


def _command(name: str) -> click.Command:
    command: click.Command = root
    for part in name.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), part)
        assert found is not None
        command = found
    return command


def _small(text: str, most: int) -> bool:
    """Tell whether a value of a size is small, or so large that it must be refused."""
    try:
        values = parse_floats(text, "")
    except InputError:
        return True
    return len(values) <= 4 and all(not v > most or v >= 1e15 for v in values)


def _value(param: click.Parameter) -> st.SearchStrategy[str]:
    """Return values of an option, as often sensible as not."""
    if isinstance(param.type, FloatGrid | IntegerGrid) or param.type.name.startswith("integer"):
        return st.one_of(SENSIBLE, _odd_value(param))
    return _odd_value(param)


def _odd_value(param: click.Parameter) -> st.SearchStrategy[str]:
    name = param.name or ""
    if isinstance(param.type, click.Path):
        return st.one_of(NAMES, PLACES)
    if name in WORDS:
        return st.one_of(st.sampled_from(WORDS[name]), st.text(max_size=5))
    if name in ("d", "P", "B", "P_test", "depth", "width"):
        most = {"depth": 3, "width": 8}.get(name, 32)
        return NUMBERS.filter(lambda text: _small(text, most))
    if isinstance(param.type, IntegerGrid) or param.type in (click.INT,) or name == "workers":
        return NUMBERS.filter(lambda text: _small(text, 2))
    return NUMBERS


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw a command line; places are named by words that the test puts paths for."""
    name = draw(st.sampled_from(list(SMALL)))
    command = _command(name)
    line = [*name.split(), *draw(st.sampled_from(SMALL[name]))]
    options = [p for p in command.params if isinstance(p, click.Option) and p.name != "max_steps"]
    for option in draw(st.lists(st.sampled_from(options), max_size=3)) if options else []:
        if (name, option.name) in KEPT:
            continue
        if name == "phase" and option.name == "plane":
            line += ["--plane", draw(st.sampled_from(WORDS["plane"]))]
            continue
        line.append(draw(st.sampled_from([*option.opts, *option.secondary_opts])))
        if not option.is_flag:
            line.append(draw(_value(option)))
    for argument in command.params:
        if isinstance(argument, click.Argument):
            names = st.sampled_from(["mnist", "cifar10", "all", "mnits", ""])
            known = names if name == "nets fetch" else st.one_of(PLACES, NAMES)
            line += draw(st.lists(known, max_size=2))
    if draw(st.integers(0, 9)) == 0:
        odd = ["--sedes", "-Q", "--", "-", "--out", "--chi", "--help", "🙂", "--=1"]
        line.append(draw(st.sampled_from(odd)))
    if name not in UNLIMITED:
        line += ["--out", draw(st.one_of(st.just("new"), NAMES, PLACES))]
        bad = ["0", "-1", "nan", "inf", "1.5", "1,2", "x", "", "2^63", "1e400"]
        limits = ["20"] * 30 + ["1"] * 10 + bad
        line += ["--max-steps", draw(st.sampled_from(limits))]
    return line


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make folders of every kind, the present one among them; no network, no data sets."""
    home = tmp_path_factory.mktemp("command_lines")

    def offline(*args: Any, **kwargs: Any) -> Any:
        raise URLError("no network in tests")

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PERCEPTRON_SIM_DATA", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setattr(urllib.request.OpenerDirector, "open", offline)
        patch.setattr("nets.data.download.time.sleep", lambda seconds: None)
        yield home


def _furnish(home: Path) -> None:
    """Put a file, a foreign folder and stores whole, broken and of the future into ``home``."""
    (home / "file").write_text("")
    (home / "foreign").mkdir()
    (home / "foreign" / "thesis.tex").write_text("")
    for name in ("store", "broken", "future"):
        store = ParquetStore(home / name)
        store.append([record_of(simulate(PerceptronConfig(P=8, d=2, seed=1)))])
    (broken,) = (home / "broken" / "runs").glob("*.parquet")
    broken.write_bytes(broken.read_bytes()[:-20])
    (home / "future" / "store.json").write_text(
        json.dumps({"format": "perceptron-sim store", "version": 99})
    )


@contextlib.contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Raise in the main thread when it takes longer."""

    class Hang(BaseException):
        """What ``run`` does not catch."""

    def hang(*_: object) -> None:
        raise Hang(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _is_finite(content: Any) -> bool:
    if isinstance(content, dict):
        return all(map(_is_finite, content.values()))
    if isinstance(content, list):
        return all(map(_is_finite, content))
    return not isinstance(content, float) or math.isfinite(content)


def _check_stored(folder: Path) -> None:
    """Every fitted run in a store has finite numbers."""
    frame = ParquetStore.existing(folder, tell=lambda text: None).frame()
    fitted = frame[frame["status"] == "fitted"]
    for name in ("t_star", "w_norm", "dw", "wall_s"):
        values = fitted[name].dropna() if name in fitted else ()
        assert np.all(np.isfinite(values)), name
    assert len(fitted[["steps", "t_star"]].dropna()) == len(fitted)


COUNT: dict[str, int] = {}


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(line=command_lines())
def test_every_command_line_ends_well(line: list[str], places: Path, tmp_path_factory) -> None:
    home = tmp_path_factory.mktemp("line", numbered=True)
    _furnish(home)
    note(f"perceptron-sim {' '.join(map(repr, line))}")
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(home),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
        _within(LIMIT_S),
    ):
        code = run(line)
    said = err.getvalue()
    note(said)
    COUNT[f"{code}"] = COUNT.get(f"{code}", 0) + 1
    assert code in (0, 1, 2)
    assert "Traceback" not in said
    assert "this is a bug" not in said
    if code == 2:
        *notes, error = said.splitlines()
        assert error.startswith("perceptron-sim: error: ")
        # Damaged files are named one by one, before what cannot be done without them.
        assert all(" is damaged " in note for note in notes)
        assert len(said) < 2000
        assert out.getvalue() == ""
        assert not (home / "new").exists()
    if code == 0 and "--json" in line and "--help" not in line:
        content = json.loads(out.getvalue())
        assert _is_finite(content)
    for folder in ("new", "store", "a/b/c"):
        if (home / folder / "store.json").exists():
            _check_stored(home / folder)


def test_every_command_is_drawn() -> None:
    groups = {"nets": NETS, "store": store_command.commands}
    every = {
        f"{name} {sub}" if sub else name
        for name in COMMANDS
        for sub in (groups[name] if isinstance(_command(name), click.Group) else [""])
    }
    assert every == set(SMALL), "say in SMALL what keeps a command small"
