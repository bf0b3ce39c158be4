"""Entry point of ``perceptron-sim``: finds the command, and turns every error into one line."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from cli.lazy import LazyGroup
from cli.output import use_legible_streams
from perceptron_sim import __version__
from perceptron_sim.errors import InputError

# Commands with their one-line help, so that --help imports none of them.
COMMANDS = {
    "scan": "Scan a grid, fit the exponents, draw the figures (the main job).",
    "run": "Train one perceptron and show its trajectory.",
    "phase": "Map the regimes over two axes; fit and draw their boundaries.",
    "nets": "Train nets on images or teacher data: the same questions, asked of deep nets.",
    "compare": "Run theory, perceptron and nets; judge every claim; write a report.",
    "report": "Judge the claims of the papers by run folders: a page, a table, JSON.",
    "theory": "Print the predicted exponents and prefactors.",
    "export": "Write the runs of a folder as CSV, Parquet or NetCDF.",
    "import": "Take in runs of other programs, checked: fits, figures, evidence.",
    "store": "Check, compact or merge folders of runs.",
    "bench": "Time the event-driven kernel beside the reference and two libraries.",
    "doctor": "Check this installation and say what to do about each problem.",
}


@click.group(
    cls=LazyGroup,
    registry=COMMANDS,
    package="cli.commands",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="perceptron-sim")
@click.option("--debug", is_flag=True, help="Show the traceback of an error (anywhere).")
def root(debug: bool) -> None:
    """Settle questions about SGD noise: theory and exact simulation side by side.

    In the perceptron with boundary density |x_1|^chi, training until every sample is fitted
    gives ||w|| ~ T^delta P^gamma and t* ~ T P^b. Try: perceptron-sim scan --chi 0,1,3
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 done, 1 failed, 2 bad request."""
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    try:
        code = root.main(args=rest, prog_name="perceptron-sim", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        return _report(_one_line(error), 2, debug)
    except InputError as error:
        return _report(str(error), 2, debug)
    except (click.Abort, KeyboardInterrupt):
        return _report("aborted", 1, debug)
    except BrokenPipeError:
        # The reader of our output went away, for example ``| head``: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        name = f" ({error.filename})" if error.filename else ""
        return _report(f"{error.strerror or error}{name}", 1, debug)
    except Exception as error:
        return _report(
            f"{type(error).__name__}: {error}: this is a bug; repeat with --debug for details",
            1,
            debug,
        )


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message} See '{error.ctx.command_path} --help'."
    return message


def _report(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    click.echo(f"perceptron-sim: error: {' '.join(message.split())}", err=True)
    return code


def main() -> NoReturn:
    """Run the process's command line."""
    use_legible_streams()
    sys.exit(run(sys.argv[1:]))
