"""What ``compare`` runs: stages, each a command of this program, in the order of the report.

Times are seconds on two quiet cores, compilation left out; a stage with a budget ends at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perceptron_sim.errors import InputError

PERCEPTRON, NETS = "perceptron", "nets"


@dataclass(frozen=True)
class Stage:
    """One command of a comparison.

    Attributes:
        name: of the stage and of its folder.
        kind: PERCEPTRON or NETS, which says whose options it takes.
        command: what is run, without --out.
        seconds: how long that takes.
    """

    name: str
    kind: str
    command: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Preset:
    """A comparison that has a name.

    Attributes:
        about: one line for --help and the plan.
        stages: its stages.
    """

    about: str
    stages: tuple[Stage, ...]


def _stage(name: str, kind: str, command: str, seconds: float) -> Stage:
    return Stage(name, kind, tuple(command.split()), seconds)


def _phase(name: str, kind: str, options: str, seconds: float) -> Stage:
    return _stage(name, kind, f"phase {options}", seconds)


PRESETS = {
    "quick": Preset(
        "digits, minutes on two cores",
        (
            _stage(
                "scan",
                PERCEPTRON,
                "scan -d 16,64 -P 1024:16384:4 -T 2^-4,1,2^4 --seeds 10 --no-checkpoints",
                30,
            ),
            _phase("B-eta", PERCEPTRON, "--chi 0,1 -d 32 -P 512,1024,2048 --budget 35s", 40),
            _phase("T-kappa", PERCEPTRON, "--plane T-kappa --budget 25s", 30),
            _phase("late-noise", PERCEPTRON, "--plane late-noise --chi 0,1", 15),
            _stage("lazy", NETS, "nets lazy --seeds 24 --no-checkpoints", 12),
            _stage("nets", NETS, "nets scan --seeds 24 --no-checkpoints", 15),
            _phase("alpha-T", NETS, "--plane alpha-T --budget 60s", 65),
            _phase("P-T", NETS, "--plane P-T --budget 25s", 30),
        ),
    ),
    "large": Preset(
        "MNIST, an hour or two on two cores",
        (
            _stage(
                "scan",
                PERCEPTRON,
                "scan -d 16,64 -P 1024:65536:7 -T 2^-4,1,2^4 --seeds 12 --no-checkpoints",
                420,
            ),
            _phase("B-eta", PERCEPTRON, "--chi 0,1,3 -d 32 -P 512,2048,8192 --budget 10min", 600),
            _phase(
                "T-kappa",
                PERCEPTRON,
                "--plane T-kappa --chi 0,1 -d 8,64 -P 1024,8192 --seeds 12 --budget 10min",
                600,
            ),
            _phase("late-noise", PERCEPTRON, "--plane late-noise --chi 0,1 --seeds 48", 30),
            _stage(
                "lazy",
                NETS,
                "nets lazy --data mnist --depth 5 --width 128 -P 256:16384:7 -T 2^-13:4:16 "
                "--seeds 8 --no-checkpoints",
                240,
            ),
            _stage(
                "nets",
                NETS,
                "nets scan --data mnist --depth 5 --width 128 -P 256:16384:7 -T 2^-12,2^-10 "
                "--seeds 10 --no-checkpoints",
                900,
            ),
            _phase(
                "alpha-T",
                NETS,
                "--plane alpha-T --data mnist --depth 1,3,5 --width 64 -P 512 --budget 20min",
                1200,
            ),
            _phase(
                "P-T",
                NETS,
                "--plane P-T --data mnist --depth 5 --width 128 -B 16 -P 256:8192:6 "
                "-T 2^-8:4:11 --seeds 8 --kernel lazy",
                300,
            ),
        ),
    ),
    "paper": Preset(
        "the authors' grids on MNIST; hours on a GPU, days on two cores",
        (
            _stage(
                "scan",
                PERCEPTRON,
                "scan --chi 0,1,3 -d 16,32,64,128 -P 1024:16384:5 --eta 2^-15:2^2:18 "
                "--alpha 32768 --seeds 5 --no-checkpoints",
                3600,
            ),
            _phase(
                "B-eta",
                PERCEPTRON,
                "--chi 0,1 -d 128 -P 8192 -B 1:8192:14 --eta 2^-5:2^13:19 --alpha 128 --uniform "
                "--seeds 5",
                3600,
            ),
            _phase("T-kappa", PERCEPTRON, "--plane T-kappa --chi 0,1 -d 8,64 -P 1024,8192", 3600),
            _phase("late-noise", PERCEPTRON, "--plane late-noise --chi 0,1 --seeds 48", 30),
            _stage(
                "lazy",
                NETS,
                "nets lazy --data mnist --depth 5 --width 128 -P 1024:16384:5 -T 2^-13:2^2:16 "
                "--seeds 5 --no-checkpoints",
                240,
            ),
            _stage(
                "nets",
                NETS,
                "nets scan --data mnist --depth 5 --width 128 -P 1024:16384:5 -T 2^-13:2^2:16 "
                "--seeds 5 --no-checkpoints",
                14400,
            ),
            _phase(
                "alpha-T",
                NETS,
                "--plane alpha-T --data mnist --depth 5 --width 128 --act gelu -P 1024 "
                "--alpha 2^-14:2^11:26 --eta 2^-15:2^15:31 --seeds 9 --uniform",
                86400,
            ),
            _phase(
                "P-T",
                NETS,
                "--plane P-T --data mnist --depth 5 --width 128 -B 16 -P 1024:16384:5 "
                "-T 2^-13:2^2:16 --seeds 5",
                14400,
            ),
        ),
    ),
}


def preset(name: str) -> Preset:
    """Return the preset of that name.

    Raises:
        InputError: if there is none.
    """
    if name not in PRESETS:
        raise InputError(f"preset {name!r} is unknown: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def chosen(stages: Sequence[Stage], names: str | None) -> list[Stage]:
    """Return the stages named in a comma list, all for None.

    Raises:
        InputError: if a name is unknown or given twice.
    """
    if names is None:
        return list(stages)
    by_name = {stage.name: stage for stage in stages}
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in by_name:
            raise InputError(
                f"--stages: {name!r} is unknown: choose from {', '.join(by_name)}, by commas"
            )
    if len(set(wanted)) < len(wanted):
        raise InputError(f"--stages: {names!r} names a stage twice: name each once")
    return [stage for stage in stages if stage.name in wanted]


def with_options(stage: Stage, options: Sequence[str]) -> Stage:
    """Return the stage with options appended: the last of an option counts."""
    return replace(stage, command=(*stage.command, *options))
