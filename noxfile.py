"""Tasks of development: ``.venv/bin/nox -l`` lists them; ``.ci/run`` calls those that must hold.

Checks run in the environment that holds nox. Only sessions that try a package make new ones.
"""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
# Pythons that are absent are skipped.
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["tests", "uncompiled", "lint", "types", "docs", "wheel", "lowest"]
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent
# Wheels of the lowest versions may be absent for the newest Python.
LOWEST_PYTHON = "3.11" if shutil.which("python3.11") else None
SCAN = ["scan", "--chi", "0,1", "-P", "64,128,256", "--seeds", "3", "--out", "out"]
# What is packed is tried with the kernel that compiles in no time.
QUICK = ["perceptron-sim", *SCAN, "--kernel", "reference"]
# A command that needs the extra and nothing else.
EXTRAS = {
    "nets": ["nets", "run", "--width", "8", "-P", "32", "-T", "2^-6"],
    "cluster": [*QUICK[1:], "--out", "shared", "--scheduler", "scheduler.json"],
    "netcdf": ["export", "out", "--format", "netcdf"],
    # The first run compiles, for minutes on a busy machine.
    "testing": ["check", "perceptron_sim:simulate", "--budget", "2s", "--limit-s", "60"],
}
# Cheap tests of what a new Python may break.
BROAD = ["ground", "house", "kernels", "runs", "scans", "store", "theory", "cli/test_options.py"]
BROAD += ["nets/test_architectures.py", "nets/test_data.py"]


def _here(session: nox.Session, tool: str, *arguments: str, **env: str) -> None:
    session.run(str(BIN / tool), *arguments, env=env, external=True)


def _install(session: nox.Session, constraints: str, extra: str = "", kind: str = "wheel") -> Path:
    """Install what users get: the wheel or sdist, not this folder. Go on in a folder of its own."""
    tmp = Path(session.create_tmp()).resolve()
    shutil.rmtree(tmp)
    _here(session, "python", "-m", "build", f"--{kind}", "-o", str(tmp), str(ROOT))
    (package,) = tmp.glob("perceptron_sim-*")
    session.install(
        "-q", "-c", str(ROOT / constraints), f"perceptron-sim{extra} @ {package.as_uri()}"
    )
    session.chdir(tmp)
    return package


def _named(session: nox.Session, absent: Iterable[str]) -> None:
    """Without an extra, its command says in one line which it needs."""
    for extra in absent:
        said = session.run("perceptron-sim", *EXTRAS[extra], success_codes=[2], silent=True)
        if len(str(said).splitlines()) != 1 or f"'perceptron-sim[{extra}]'" not in str(said):
            session.error(f"the missing extra {extra} is not named in one line: {said}")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; what follows -- goes to pytest."""
    _here(session, "pytest", "-q", *session.posargs)


@nox.session
def uncompiled(session: nox.Session) -> None:
    """Run the tests of kernels as plain Python."""
    _here(session, "pytest", "-q", "-m", "jit_free", "--numprocesses=1", NUMBA_DISABLE_JIT="1")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and spelling."""
    _here(session, "ruff", "check", ".")
    _here(session, "ruff", "format", "--check", ".")
    _here(session, "codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    _here(session, "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site; a broken link is an error."""
    site = ["build", "--quiet", "--strict", "--site-dir", str(Path(session.create_tmp()) / "site")]
    _here(session, "mkdocs", *site, NO_MKDOCS_2_WARNING="1")


@nox.session(venv_backend="venv")
def wheel(session: nox.Session) -> None:
    """Try the installed wheel, without extras."""
    _install(session, "constraints.txt")
    session.run(*QUICK)
    if "nothing to simulate" not in str(session.run(*QUICK, silent=True)):
        session.error("the same scan again simulates again")
    session.run("perceptron-sim", "doctor")
    session.run("perceptron-sim", "report", "out", "--out", "report")
    _made(session, "out/summary.json", "out/scan_on_P.png")
    _made(session, "report/report.html", "report/claim_perceptron-gamma.svg")


@nox.session(venv_backend="venv")
def sdist(session: nox.Session) -> None:
    """Try the installed sdist, then a part of the tests that it holds."""
    package = _install(session, "constraints.txt", kind="sdist")
    session.run(*QUICK)
    session.run("python", "-m", "perceptron_sim", "theory")
    shutil.unpack_archive(package)
    session.chdir(package.name.removesuffix(".tar.gz"))
    session.install("-q", "-c", "constraints.txt", ".[testing]", "pytest-xdist")
    session.run("pytest", "-q", "-n", "0", "tests/house", "tests/runs", "tests/store")


@nox.session(venv_backend="venv", python=["3.12", "3.13", "3.14"])
def pythons(session: nox.Session) -> None:
    """Run cheap tests with each newer Python that is here; what follows -- goes to pytest."""
    session.install("-q", "-c", "constraints.txt", "-e", ".[dev]")
    chosen = session.posargs or ["-n", "2", "-m", "not slow", *(f"tests/{name}" for name in BROAD)]
    session.run("pytest", "-q", *chosen)


@nox.session(venv_backend="venv", python=LOWEST_PYTHON)
def lowest(session: nox.Session) -> None:
    """Try the installed wheel with the lowest versions of what it needs."""
    _install(session, "constraints-lowest.txt")
    for line in (SCAN, ["export", "out"], ["import", "out/runs.csv", "--out", "imported"]):
        session.run("perceptron-sim", *line)
    session.run("perceptron-sim", "report", "out", "imported", "--out", "report")
    _made(session, "report/report.html", "imported/summary.json")


@nox.session(venv_backend="venv")
@nox.parametrize("extra", list(EXTRAS))
def extras(session: nox.Session, extra: str) -> None:
    """Try the installed wheel with each extra alone."""
    _install(session, "constraints.txt", f"[{extra}]")
    session.run(*QUICK)
    # Starts a scheduler and a worker for a command, and ends them.
    around = ["python", str(ROOT / "tests/helpers/dask_processes.py")]
    session.run(*(around if extra == "cluster" else []), "perceptron-sim", *EXTRAS[extra])
    _named(session, EXTRAS.keys() - {extra})


@nox.session
def walk(session: nox.Session) -> None:
    """Do every command of the pages as written, each limited by PERCEPTRON_SIM_BUDGET."""
    _here(session, "python", "tests/helpers/walk.py", *(session.posargs or ["walk"]))


def _made(session: nox.Session, *names: str) -> None:
    for name in names:
        if not Path(name).is_file() or not Path(name).stat().st_size:
            session.error(f"{name} was not made")
