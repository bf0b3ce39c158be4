"""Runs checks on kernels broken in named ways, each in a fork of one process that has imported all.

Exit code of each: 0 if the kernel passes, 1 (and "caught: ...") if not.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

# Exit code and what was printed.
Ends = dict[str, tuple[int, str]]


def ends_of(module: str, mutations: list[str]) -> Ends:
    """Return how the checks of a helper end, uncompiled so that parts can be replaced."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(f"{module}.py")), *mutations],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (code, said) for name, (code, said) in json.loads(done.stdout).items()}


def main(check: Callable[[str], int]) -> None:
    """Print how ``check`` ends for each mutation that the command line names."""
    warnings.simplefilter("ignore")
    ends: Ends = {}
    for mutation in sys.argv[1:]:
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if child == 0:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                code = check(mutation)
                sys.stdout.flush()
                os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said.seek(0)
            ends[mutation] = (code, said.read())
    print(json.dumps(ends))
