"""Kill scans of nets at random moments, for each engine: is the end that of an undisturbed scan?

Run ``python tests/benchmarks/kill_nets.py FOLDER [KILLS]``; 10 kills of each engine by default, a
few minutes. Exit code 0 if every folder then holds, run by run and bit by bit, what an undisturbed
scan holds (times and provenance aside). States of ensembles are saved every 2 s instead of 30 s and
results every second, so that runs are stored after the last state, which still trains them.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from perceptron_sim.store.store import ParquetStore

VOLATILE = ["wall_s", "versions", "revision", "host"]
# Of runs, and of ensembles.
SAVE_EVERY_S = {"compiled": 0.4}
SAVE_ENSEMBLES_EVERY_S = 2.0
# Lives of a scan beyond its imports, in units of an undisturbed one.
LIVES = (0.05, 0.95)
SCAN = """
import sys
from pathlib import Path
from nets.config import NetConfig
from nets.scan import scan
from nets.training import lanes
from perceptron_sim.progress import NoProgress
from perceptron_sim.store.store import ParquetStore

class Told(NoProgress):
    def note(self, text):
        print("note:", text, flush=True)

lanes._SAVE_EVERY_S = {save}
net = dict({net})
configs = [NetConfig(**net, P=P, seed=s, P_test=16) for P in {sizes} for s in range({seeds})]
print("begun", flush=True)
report = scan(configs, ParquetStore(Path(sys.argv[1])), device="cpu", engine="{engine}",
              workers={workers}, checkpoints=False, progress=Told())
print(report.found, report.done, report.interrupted)
"""
CASES = {
    "compiled": (
        "data='perceptron', d=32, depth=3, width=64, T=2.0**-12, dtype='float64'",
        (8192,),
        6,
        2,
    ),
    "ensemble": ("arch='cnn', depth=2, width=4, T=2.0**-8", (24, 32, 48, 64), 6, 1),
    "ensemble, 2 lanes": ("arch='cnn', depth=2, width=4, T=2.0**-8", (24, 32, 48, 64), 6, 2),
    "resident": ("arch='mlp', depth=2, width=16, T=2.0**-9", (64, 128, 256, 512), 16, 1),
}


def start(name: str, out: Path) -> subprocess.Popen[str]:
    """Start a scan and wait until its imports are done."""
    net, sizes, seeds, workers = CASES[name]
    code = SCAN.format(
        save=SAVE_EVERY_S.get(name, SAVE_ENSEMBLES_EVERY_S),
        net=net,
        sizes=sizes,
        seeds=seeds,
        engine=name.partition(",")[0],
        workers=workers,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "begun\n":
            break
    return process


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a scan; return what it said."""
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def state_of(out: Path) -> tuple[int, int, bool]:
    """Return runs stored, those of them that a saved state still trains, whether any is saved."""
    stored = ParquetStore.existing(out).keys() if (out / "store.json").exists() else set()
    files = list(out.glob("unfinished/[!.]*.npz"))
    named: set[str] = set()
    for path in files:
        with np.load(path) as archive:
            named |= set(json.loads(str(archive["meta"]))["keys"])
    return len(stored), len(stored & named), bool(files)


def kill_again_and_again(name: str, folder: Path, kills: int, seed: int) -> str:
    """Kill scans of one engine, each at a random moment; compare all that they end with."""
    calm = folder / "undisturbed"
    process = start(name, calm)
    begun = time.monotonic()
    finish(process)
    calm_s = time.monotonic() - begun
    truth = ParquetStore.existing(calm).frame().sort_values("key").reset_index(drop=True)
    rng = np.random.default_rng(seed)
    behind = done = kept = 0
    while done < kills:
        out = folder / f"killed{done}"
        # Two or three kills of one scan, the last of a kind that comes back to the same state.
        for _ in range(int(rng.integers(1, 4))):
            process = start(name, out)
            try:
                process.wait(calm_s * rng.uniform(*LIVES))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == 0:
                break
            done += 1
            _, later, saved = state_of(out)
            behind += later > 0
            kept += saved
        said = finish(start(name, out))
        assert "note:" not in said, said
        found = ParquetStore.existing(out).frame().sort_values("key").reset_index(drop=True)
        volatile = [column for column in VOLATILE if column in truth]
        pd.testing.assert_frame_equal(
            found.drop(columns=volatile), truth.drop(columns=volatile), check_exact=True
        )
        assert not (out / "unfinished").exists()
    return (
        f"{name}: {len(truth)} runs, undisturbed {calm_s:.1f} s; {done} kills, {kept} of them "
        f"with saved states, {behind} with runs stored that a saved state still trained: every "
        "run equal, bit by bit"
    )


def main() -> int:
    """Kill scans of each engine and report."""
    folder = Path(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    for seed, name in enumerate(CASES):
        print(kill_again_and_again(name, folder / name.replace(", ", "-"), kills, seed), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
