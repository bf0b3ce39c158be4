"""Every command that a page names, done as written in one new folder, as a newcomer would.

``python tests/helpers/walk.py FOLDER`` takes the pages in the order of README, tutorials, guides
and the rest. PERCEPTRON_SIM_BUDGET (30s unless set) limits each command, and nothing else is
changed. It prints how each ended, and ends with 1 if one did not end with 0.
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# What stands for something of the user's, or lives elsewhere.
PLACEHOLDERS = (
    "DIR",
    "MODULE:",
    "FILE",
    "tcp://",
    "--scheduler",
    "nowhere",
    "nets fetch",
    "part-",
    "runs.json",
    "...",
)
_LIMIT_S = 600


def main(folder: Path) -> int:
    """Do the commands in ``folder``; return the exit code."""
    from tests.docs.test_commands import in_pages

    folder.mkdir(parents=True)
    env = os.environ | {"PERCEPTRON_SIM_BUDGET": os.environ.get("PERCEPTRON_SIM_BUDGET", "30s")}
    failed = 0
    for line, page in in_pages().items():
        if any(word in line for word in PLACEHOLDERS):
            print(f"  -           {page}: {line}")
            continue
        started = time.monotonic()
        words = [sys.executable, "-m", "perceptron_sim", *shlex.split(line)]
        how = {"cwd": folder, "env": env, "capture_output": True, "text": True}
        done = subprocess.run(words, timeout=_LIMIT_S, **how)
        # A scan that its budget stops ends with 1.
        wrong = done.returncode != 0 and "budget" not in done.stderr
        failed += wrong
        how_it_ended = f"{done.returncode:3} {time.monotonic() - started:6.1f} s"
        print(f"{how_it_ended}  {page}: {line}", flush=True)
        if wrong:
            print("    " + "\n    ".join(done.stderr.strip().splitlines()[-3:]), flush=True)
    print(f"{failed} commands failed; figures are in {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
