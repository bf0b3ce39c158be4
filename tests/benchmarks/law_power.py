"""How often laws find the mistakes they exist for, and how often they accuse what is right.

Run ``python tests/benchmarks/law_power.py [POWER_SEEDS [RIGHT_CHECKS [BUDGET_S]]]``: 20, 200 and
2 s by default, for half an hour.

It needs ``PYTHONPATH=tests/helpers:tests/testing``.
"""

import sys
import time

from simulators import compiled, with_mistake
from test_laws import PLANTED, event

from perceptron_sim.testing import check


def main() -> None:
    """Print a line for each mistake, then the false alarms."""
    seeds, checks, budget = (
        int(sys.argv[i]) if len(sys.argv) > i else n for i, n in ((1, 20), (2, 200), (3, 2))
    )
    for law, mistake, most in PLANTED:
        make = compiled if law in ("gamma", "b") else with_mistake
        started, found, sizes = time.process_time(), 0, []
        for seed in range(seeds):
            broken = check(make(mistake), [law], budget, seed=seed).broken
            found += len(broken)
            sizes += [finding.config.P for finding in broken]
        each = (time.process_time() - started) / seeds
        shown = f"P {min(sizes)}..{max(sizes)}" if sizes else "-"
        line = f"{law:24s} {mistake:14s} found {found}/{seeds}, {shown} (<= {most}), {each:.1f} s"
        print(line, flush=True)
    alarms = []
    for seed in range(checks):
        alarms += check(event, budget=budget, seed=seed).broken
        print(f"checks {seed + 1}, false alarms {len(alarms)}", end="\r", flush=True)
    print(f"{len(alarms)} false alarms in {checks} checks of all laws")
    for finding in alarms:
        print(finding.law.name, finding.text, finding.line)


if __name__ == "__main__":
    main()
