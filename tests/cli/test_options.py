"""Names of options: those of version 0.1 are known or lead to their successors; near matches."""

import click
import pytest

from cli.main import root, run

_POINT = (
    "--chi --dimension --samples --batch-size --temperature --eta --learning-rate --kappa --margin "
    "--alpha --max-steps"
)
_NET = "--data --arch --depth --width --act --test-samples --data-dir"
_TRAINED = "--dtype --device --engine"
_SCAN = "--seeds --workers --scheduler --budget --dry-run --checkpoints --no-checkpoints"
# Options of version 0.1, by command.
OLD = {
    "scan": f"{_POINT} {_SCAN} --kernel --out --json",
    "run": f"{_POINT} --seed --kernel --out --json",
    "phase": f"{_POINT} {_NET} {_TRAINED} --plane --seeds --max-updates --budget --dry-run "
    "--uniform --tolerance --observable --workers --scheduler --kernel --out --json",
    "nets scan": f"{_POINT} {_NET} {_TRAINED} {_SCAN} --with-lazy --out --json",
    "nets lazy": f"{_POINT} {_NET} {_SCAN} --kernels --out --json",
    "nets run": f"{_POINT} {_NET} {_TRAINED} --seed --out --json",
    "nets fetch": "--data-dir --out --force",
    "compare": "--preset --stages --chi --data --arch --depth --width --act --seeds --with "
    "--workers --device --scheduler --data-dir --dry-run --out --json",
    "report": "--out --serve --json",
    "theory": f"{_POINT} --out --json",
    "export": "--format --output --checkpoints",
    "import": "--column --set --shared-seeds --out --json",
    "store check": "--repair --json",
    "store merge": "--out",
    "bench": "--cases --repeats --limit-s --quick --out --json",
    "doctor": "--json",
}


def _known(words: list[str]) -> set[str]:
    command: click.Command | None = root
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize("command", OLD)
def test_options_of_version_0_1_are_known_or_lead_to_their_successors(command, capsys) -> None:
    words = command.split()
    for option in OLD[command].split():
        if option not in _known(words):
            assert run([*words, option]) == 2
            assert "Did you mean" in capsys.readouterr().err, option


@pytest.mark.parametrize("command", OLD)
def test_a_mistyped_option_gets_the_near_match(command, capsys) -> None:
    words = command.split()
    known = {name for name in _known(words) if name.startswith("--")}
    assert known
    for option in known:
        # The last two letters in each other's place, or one letter too many.
        for wrong in (f"{option[:-2]}{option[-1]}{option[-2]}", f"{option}x"):
            if wrong not in known:
                assert run([*words, wrong]) == 2
                error = capsys.readouterr().err
                assert error.count("\n") == 1
                assert f"'{option}'" in error, (wrong, error)
