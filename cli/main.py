"""Entry point of ``perceptron-sim``: finds the command, and turns every error into one line."""

import contextlib
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

import click

from cli import streams
from cli.groups import LazyGroup
from cli.output import use_legible_streams
from perceptron_sim import extras
from perceptron_sim.errors import InputError
from perceptron_sim.version import __version__

# Commands with their one-line help, so that --help imports none of them.
COMMANDS = {
    "scan": "Scan a grid, fit the exponents, draw the figures (the main job).",
    "run": "Train one perceptron and show its trajectory.",
    "phase": "Map the regimes over two axes; fit and draw their boundaries.",
    "nets": "Train nets on images or teacher data: the same questions, asked of deep nets.",
    "compare": "Run theory, perceptron and nets; judge every claim; write a report.",
    "report": "Judge the claims of the papers by run folders: a page, a table, JSON.",
    "check": "Test whether your own simulator obeys the laws of SGD.",
    "theory": "Print the predicted exponents and prefactors.",
    "export": "Write the runs of a folder as CSV, Parquet or NetCDF.",
    "import": "Read and check runs of other programs: fits, figures, evidence.",
    "store": "Check, compact or merge folders of runs.",
    "bench": "Time the event-driven kernel against the reference and two libraries.",
    "doctor": "Check this installation and say what to do about each problem.",
}


_STOPPED = "stopped: repeat the command to do what is left"
# Set once a signal has told this process to end.
_stopped = threading.Event()


@click.group(
    cls=LazyGroup,
    registry=COMMANDS,
    package="cli.commands",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="perceptron-sim")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; may stand anywhere.")
def root(debug: bool) -> None:
    """State a question about SGD noise; get the answers of theory and exact simulation.

    In the perceptron with boundary density |x_1|^chi, training until every sample is fitted
    gives ||w|| ~ T^delta P^gamma and t* ~ T P^b. Try: perceptron-sim scan --chi 0,1,3
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 done, 1 failed, 2 bad request."""
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    streams.open_closed()
    try:
        with _notes_shown():
            code = root.main(args=rest, prog_name="perceptron-sim", standalone_mode=False)
        streams.flush_output()
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        return _report(_one_line(error), 2, debug)
    except InputError as error:
        return _report(str(error), 2, debug)
    except (click.Abort, KeyboardInterrupt):
        return _report(_STOPPED, 1, debug)
    except OSError as error:
        with contextlib.suppress(OSError):
            streams.flush_output()
        if isinstance(error, BrokenPipeError):
            # The reader of the output ended, for example ``| head``. No message would be read.
            return 1
        name = f" ({error.filename})" if error.filename else ""
        return _report(f"{error.strerror or error}{name}", 1, debug)
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        return _report(f"out of memory{reason}: lower P, d or --workers", 1, debug)
    except ImportError as error:
        line = extras.explained(error)
        if line is None:
            return _report_bug(error, debug)
        return _report(line, 2, debug)
    except Exception as error:
        if _stopped.is_set():
            return _report(_STOPPED, 1, debug)
        return _report_bug(error, debug)


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message} See '{error.ctx.command_path} --help'."
    return message


def _report_bug(error: Exception, debug: bool) -> int:
    kind = type(error).__name__
    return _report(f"{kind}: {error}: this is a bug; repeat with --debug for details", 1, debug)


def _report(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    click.echo(f"perceptron-sim: error: {' '.join(message.split())}", err=True)
    return code


def _stop(number: int, frame: FrameType | None) -> None:
    _stopped.set()
    raise KeyboardInterrupt


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    # LLVM calls back while it compiles. An error raised there ends as another error, later.
    if not (unraisable.exc_type and issubclass(unraisable.exc_type, KeyboardInterrupt)):
        sys.__unraisablehook__(unraisable)


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


@contextlib.contextmanager
def _notes_shown() -> Iterator[None]:
    """Show notes of the library on stderr, for example that it compiles."""
    log, notes = logging.getLogger("perceptron_sim"), _Notes()
    if any(isinstance(handler, _Notes) for handler in log.handlers):
        # A command within a command.
        yield
        return
    level = log.level
    log.addHandler(notes)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(notes)
        log.setLevel(level)


def main() -> NoReturn:
    """Run the process's command line; unlike ``run``, settle what belongs to the process."""
    streams.open_closed()
    streams.settle()
    use_legible_streams()
    # Notebooks pass their backend on to programs that they start. Here figures are only saved.
    os.environ["MPLBACKEND"] = "agg"
    if os.environ.get("PYTHONWARNINGS"):
        # Set for other programs, this can turn warnings of packages that we use into errors.
        warnings.simplefilter("ignore")
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)
    sys.unraisablehook = _unraisable
    code = run(sys.argv[1:])
    if _stopped.is_set() or _broken_off():
        # Compilation that a signal broke off can crash Python while it shuts down.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _broken_off() -> bool:
    interrupts = sys.modules.get("perceptron_sim.scans.interrupts")
    return interrupts is not None and interrupts.broken_off.is_set()
