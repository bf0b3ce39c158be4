"""Entry point of ``perceptron-sim``: finds the command, and turns every error into one line."""

import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from perceptron_sim import __version__
from perceptron_sim.errors import InputError

# Commands with their one-line help, so that --help imports none of them.
COMMANDS = {
    "scan": "Scan a grid, fit the exponents, draw the figures (the main job).",
    "run": "Train one perceptron and show its trajectory.",
    "theory": "Print the predicted exponents and prefactors.",
    "export": "Write the runs of a folder as CSV or NetCDF.",
    "bench": "Time the event-driven kernel beside the reference and two libraries.",
    "doctor": "Check this installation and say what to do about each problem.",
}


class LazyGroup(click.Group):
    """A group whose commands live in ``cli.commands.NAME`` and are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the registry."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(COMMANDS)}"
            raise click.UsageError(f"no such command {name!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the registry, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
    sys.exit(run(sys.argv[1:]))
