"""The stages of ``compare``, each a command of this program, in the order of the report.

Times are seconds on two quiet cores, compilation left out; a stage with a budget ends at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perceptron_sim.choices import check_choice
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
    """A named comparison.

    Attributes:
        about: one line for --help and the plan.
        stages: its stages.
    """

    about: str
    stages: tuple[Stage, ...]


def _preset(about: str, text: str) -> Preset:
    """Read stages from lines "name kind seconds command"; lines that begin with a space go on."""
    lines = text.strip().replace("\n ", " ").split("\n")
    words = [line.split() for line in lines]
    return Preset(about, tuple(Stage(w[0], w[1], tuple(w[3:]), float(w[2])) for w in words))


PRESETS = {
    "quick": _preset(
        "digits, minutes on two cores",
        """
scan       perceptron     30  scan -d 16,64 -P 1024:16384:4 -T 2^-4,1,2^4 --seeds 10
                              --no-checkpoints
B-eta      perceptron     40  phase --chi 0,1 -d 32 -P 512,1024,2048 --budget 35s
B-eta-nets nets           25  phase --plane B-eta --data digits
T-kappa    perceptron     30  phase --plane T-kappa --budget 25s
late-noise perceptron     15  phase --plane late-noise --chi 0,1
lazy       nets           12  nets lazy --seeds 24 --no-checkpoints
nets       nets           15  nets scan --seeds 24 --no-checkpoints
max-margin nets           25  nets scan -B 1 --kappa 2^-10 -P 64,128,256 -T 2^-17,2^-7 --seeds 12
                              --max-steps 1000000 --with-lazy --no-checkpoints
alpha-T    nets           65  phase --plane alpha-T --budget 60s
P-T        nets           30  phase --plane P-T --budget 25s
""",
    ),
    "large": _preset(
        "MNIST, an hour or two on two cores",
        """
scan       perceptron    420  scan -d 16,64 -P 1024:65536:7 -T 2^-4,1,2^4 --seeds 12
                              --no-checkpoints
B-eta      perceptron    600  phase --chi 0,1,3 -d 32 -P 512,2048,8192 --budget 10min
B-eta-nets nets          300  phase --plane B-eta --data mnist --depth 5 --width 128
                              -P 512,2048,8192 -B 1:8192:14 --seeds 4
T-kappa    perceptron    600  phase --plane T-kappa --chi 0,1 -d 8,64 -P 1024,8192 --seeds 12
                              --budget 10min
late-noise perceptron     30  phase --plane late-noise --chi 0,1 --seeds 48
lazy       nets          240  nets lazy --data mnist --depth 5 --width 128 -P 256:16384:7
                              -T 2^-13:4:16 --seeds 8 --no-checkpoints
nets       nets          900  nets scan --data mnist --depth 5 --width 128 -P 256:16384:7
                              -T 2^-12,2^-10 --seeds 10 --no-checkpoints
alpha-T    nets         1200  phase --plane alpha-T --data mnist --depth 1,3,5 --width 64 -P 512
                              --budget 20min
P-T        nets          300  phase --plane P-T --data mnist --depth 5 --width 128 -B 16
                              -P 256:8192:6 -T 2^-8:4:11 --seeds 8 --kernel lazy
""",
    ),
    "paper": _preset(
        "the experiments of the papers on the authors' grids, MNAS months on two cores",
        """
I1         nets         5500  phase --plane alpha-T --data mnist --depth 5 --width 128 --act gelu
                              -P 1024 --alpha 2^-14:2^11:26 --eta 2^-15:2^15:31 --seeds 9
                              --keep-outputs
I2         nets      2700000  phase --plane alpha-T --data cifar10 --arch mnas --width 32 --act gelu
                              -B 64 -P 1024 --alpha 2^-14:2^11:26 --eta 2^-13:2^10:24 --seeds 4
                              --keep-outputs
I3         nets          900  nets scan --data mnist --depth 5 --width 128 -P 1024:16384:5
                              -T 2^-13:2^2:16 --seeds 5 --with-lazy
I4         nets         1800  nets scan --data cifar10 --depth 5 --width 128 -P 1024:16384:5
                              -T 2^-13:2^2:16 --seeds 5 --with-lazy
I5         nets      1600000  nets scan --data mnist --arch mnas --width 64 -B 64 -P 1024:16384:5
                              -T 2^-20:1:21 --seeds 5
I6         nets      2100000  nets scan --data cifar10 --arch mnas --width 64 -B 64
                              -P 1024:16384:5 -T 2^-20:1:21 --seeds 5
I7         nets          900  phase --plane P-T --data mnist --depth 5 --width 128 -B 16
                              -P 1024:16384:5 -T 2^-13:2^2:16 --seeds 5
I8         perceptron     30  phase --plane late-noise --chi 0,1,3 --seeds 48
I9         perceptron    190  scan --chi 0,1,3 -d 16,32,64,128 -P 1024:16384:5 --eta 2^-15:2^2:18
                              --alpha 32768 --seeds 5 --no-checkpoints
P1         perceptron   1000  phase --chi 0 -d 128 -P 8192 -B 1:8192:14 --eta 2^-5:2^13:19
                              --alpha 128 --seeds 5
P2         perceptron   1500  phase --chi 1 -d 128 -P 8192 -B 1:8192:14 --eta 2^-10:2^12:23
                              --alpha 128 --seeds 5
P3         nets          470  phase --plane B-eta --data mnist --depth 5 --width 128 --alpha 2^15
                              -P 32768 -B 1:32768:16 --eta 2^-15:2^5:21 --seeds 5
P4         nets         2000  phase --plane B-eta --data mnist --depth 5 --width 128 --alpha 1
                              -P 16384 -B 1:16384:15 --eta 2^-5:2^13:19 --kernel net --seeds 5
P5         nets       380000  phase --plane B-eta --data cifar10 --arch mnas --width 32 --alpha 2^15
                              -P 16384 -B 1:256:9 --eta 2^-15:2^5:11 --kernel net --seeds 2
P6         nets       270000  phase --plane B-eta --data cifar10 --arch mnas --width 32 --alpha 1
                              -P 16384 -B 1:256:9 --eta 2^-5:2^13:10 --kernel net --seeds 2
P7         perceptron    600  phase --chi 0,1,3 -d 32 -P 512,2048,8192 --budget 10min
P7-nets    nets          600  phase --plane B-eta --data mnist --depth 5 --width 128
                              -P 2048,8192,32768 -B 1:16384:8 --eta 2^-15:2^5:11 --seeds 2
P9         perceptron    300  phase --plane dynamics --chi 1 -d 64 -P 1024 -B 1,2,16,128,1024
                              --seeds 24
""",
    ),
}


def preset(name: str) -> Preset:
    """Return the preset of that name.

    Raises:
        InputError: if there is none.
    """
    return PRESETS[check_choice("preset", name, list(PRESETS))]


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
