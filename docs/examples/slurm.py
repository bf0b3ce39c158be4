"""Scan on a SLURM cluster: 4 jobs of 32 workers, the driver here (a login node, or a job itself).

Needs, besides perceptron-sim[cluster], ``pip install dask-jobqueue``. Adapt the first block and run
``python slurm.py``. Kill it when you like: the same command goes on where it stopped.
"""

import subprocess
import sys

from dask_jobqueue import SLURMCluster

QUEUE, ACCOUNT = "compute", "physics"
JOBS = 4
SCAN = ["--chi", "0,1,3", "-d", "64", "-P", "2^10:2^18:9", "-T", "0.25,1,4", "--seeds", "24"]
# On a file system that outlives the jobs; only this machine writes there.
OUT = "scan-slurm"


def main() -> int:
    """Ask for the jobs, scan, give them back."""
    with SLURMCluster(
        queue=QUEUE,
        account=ACCOUNT,
        # As many processes as cores: one thread each.
        cores=32,
        processes=32,
        memory="96GB",
        walltime="04:00:00",
        # Workers leave before the batch system kills them, not all at once.
        worker_extra_args=["--lifetime", "225m", "--lifetime-stagger", "10m"],
    ) as jobs:
        # Jobs that end are asked for again.
        jobs.adapt(minimum_jobs=1, maximum_jobs=JOBS)
        command = ["perceptron-sim", "scan", *SCAN, "--out", OUT]
        return subprocess.run([*command, "--scheduler", jobs.scheduler_address]).returncode


if __name__ == "__main__":
    sys.exit(main())
