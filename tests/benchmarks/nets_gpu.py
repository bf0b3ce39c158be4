"""Whole training runs on a GPU beside the same runs on all cores of the CPU, in one process.

Run from the root of the repository: python tests/benchmarks/nets_gpu.py
Drawing of data and weights, evaluations and results are included. A replica-step is one step of
one run. The CPU trains fewer runs where that takes long: compare steps per second.
"""

import sys
import time

import torch

from nets.config import NetConfig
from nets.data import load_images
from nets.data.paths import locate
from nets.training import Control, train_each

_REPETITIONS = 2
# What is trained, with how many replicas on the GPU, and with how many runs on the CPU.
_MLP = {"data": "mnist", "depth": 5, "width": 128, "P": 1024, "T": 2.0**-8}
_CASES: list[tuple[dict[str, object], list[int], int]] = [
    (_MLP, [32, 256, 1024], 64),
    (_MLP | {"dtype": "float64"}, [256], 32),
    (_MLP | {"T": 2.0**-12, "max_steps": 4000}, [256], 32),
    (_MLP | {"T": 2.0**-4, "alpha": 1.0}, [256], 16),
    ({"data": "digits", "width": 64, "P": 512, "T": 2.0**-8}, [256, 1024], 256),
    ({"data": "digits", "arch": "cnn", "P": 256, "T": 2.0**-6}, [256], 16),
    ({"data": "digits", "arch": "mnas", "width": 8, "P": 128, "T": 2.0**-6}, [256], 4),
    (
        {"data": "mnist", "arch": "mnas", "width": 16, "P": 256, "B": 64, "T": 2.0**-6}
        | {"max_steps": 300},
        [64],
        2,
    ),
]


def _rate(configs: list[NetConfig], device: str) -> tuple[float, float, float]:
    """Return replica-steps per second, steps per run, and seconds for all runs."""
    notes: list[str] = []
    started = time.perf_counter()
    runs = list(train_each(configs, device, checkpoints=False, control=Control(note=notes.append)))
    wall = time.perf_counter() - started
    steps = sum(run.steps for run in runs)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    return steps / wall, steps / len(runs), wall


def main() -> None:
    """Print one line a case, number of replicas and repetition."""
    if not torch.cuda.is_available():
        sys.exit("there is no GPU here")
    print(torch.cuda.get_device_name(0), torch.__version__)
    for net, counts, on_cpu in _CASES:
        if net["data"] != "digits" and locate(str(net["data"])) is None:
            print(f"{net['data']} is not there: set PERCEPTRON_SIM_DATA", file=sys.stderr)
            continue
        load_images(str(net["data"]))
        configs = [NetConfig(**net, seed=s) for s in range(max(*counts, on_cpu))]
        print(" ".join(f"{k}={v}" for k, v in net.items()), flush=True)
        for device in ("cuda", "cpu"):
            _rate(configs[:2], device)
        for _ in range(_REPETITIONS):
            cpu, length, wall = _rate(configs[:on_cpu], "cpu")
            print(f"  cpu  {on_cpu:5d} runs {length:8.0f} steps/run {cpu:10.0f} /s {wall:6.2f} s")
            for R in counts:
                rate, length, wall = _rate(configs[:R], "cuda")
                print(
                    f"  cuda {R:5d} runs {length:8.0f} steps/run {rate:10.0f} /s {wall:6.2f} s "
                    f"{rate / cpu:7.1f} times the CPU",
                    flush=True,
                )


if __name__ == "__main__":
    main()
