"""Tasks of development: ``.venv/bin/nox -l`` lists them; ``.ci/run`` calls those that must hold.

Checks run in the environment that holds nox. Only sessions that try a package make new ones.
"""

import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests", "uncompiled", "lint", "types", "docs", "wheel", "lowest"]
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent
# Wheels of the lowest versions may be absent for the newest Python.
LOWEST_PYTHON = "3.11" if shutil.which("python3.11") else None
SCAN = ["scan", "--chi", "0,1", "-P", "64,128,256", "--seeds", "3", "--out", "out"]
# What needs the extra and nothing else.
EXTRAS = {
    "nets": [["nets", "run", "--width", "8", "-P", "32", "-T", "2^-6"]],
    "cluster": [],
    "netcdf": [["export", "out", "--format", "netcdf"]],
    "testing": [["check", "perceptron_sim:simulate", "--budget", "2s"]],
}


def _here(session: nox.Session, tool: str, *arguments: str, **env: str) -> None:
    session.run(str(BIN / tool), *arguments, env=env, external=True)


def _install(session: nox.Session, constraints: str, extra: str = "") -> None:
    """Install what users get: the wheel, not this folder. Go on in a folder of its own."""
    tmp = Path(session.create_tmp()).resolve()
    shutil.rmtree(tmp)
    _here(session, "pip", "wheel", "-q", "--no-deps", "-w", str(tmp), str(ROOT))
    (wheel,) = tmp.glob("*.whl")
    session.install(
        "-q", "-c", str(ROOT / constraints), f"perceptron-sim{extra} @ {wheel.as_uri()}"
    )
    session.chdir(tmp)


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
    # What is packed is tried here; the kernel that compiles in no time does.
    scan = ["perceptron-sim", *SCAN, "--kernel", "reference"]
    session.run(*scan)
    if "nothing to simulate" not in str(session.run(*scan, silent=True)):
        session.error("the same scan again simulates again")
    session.run("perceptron-sim", "doctor")
    session.run("perceptron-sim", "report", "out", "--out", "report")
    _made(session, "out/summary.json", "out/scan_on_P.png")
    _made(session, "report/report.html", "report/claim_perceptron-gamma.svg")


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
    session.run("perceptron-sim", *SCAN, "--kernel", "reference")
    for line in EXTRAS[extra]:
        session.run("perceptron-sim", *line)


@nox.session
def walk(session: nox.Session) -> None:
    """Do every command of the pages as written, each limited by PERCEPTRON_SIM_BUDGET."""
    _here(session, "python", "tests/helpers/walk.py", *(session.posargs or ["walk"]))


def _made(session: nox.Session, *names: str) -> None:
    for name in names:
        if not Path(name).is_file() or not Path(name).stat().st_size:
            session.error(f"{name} was not made")
