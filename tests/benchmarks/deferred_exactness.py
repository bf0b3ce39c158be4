"""Hold the deferred kernel to the reference, by KS tests of whole distributions at many settings.

Usage: python tests/benchmarks/deferred_exactness.py [RUNS [SETTING ...]]; 2,000 runs take minutes.
"""

import sys

import numpy as np
from scipy import stats

from perceptron_sim import PerceptronConfig, simulate

#         chi   d    P   B   kappa/T
SETTINGS = [
    (1.0, 8, 300, 1, 2.0**-15),
    (-0.5, 3, 80, 2, 2.0**-15),
    (3.0, 6, 640, 8, 1.0),
    (1.0, 5, 150, 150, 2.0),
    (0.0, 12, 200, 80, 0.1),
    (1.0, 16, 4000, 2, 1.0),
    (1.0, 6, 300, 2, 16.0),
    (0.5, 2, 200, 2, 0.0),
    (8.0, 5, 2000, 30, 0.3),
    (0.0, 3, 150, 12, 4.0),
    (3.0, 4, 5000, 2, 2.0**-15),
    (1.0, 3, 2, 1, 100.0),
    (3.0, 4, 300, 2, 1000.0),
    (1.0, 4, 500, 500, 1.0),
    (3.0, 8, 5000, 1, 64.0),
    (1.0, 2, 1000, 2, 0.3),
]
NAMES = ("t*", "w_1", "|w_perp|", "updates", "hits", "samples hit")


def sample(setting, seeds: range, kernel: str) -> tuple[np.ndarray, float]:
    """Return the six numbers of each run, and the mean part of the training set that was seen."""
    chi, d, P, B, kappa = setting
    rows, seen = [], 0.0
    for seed in seeds:
        config = PerceptronConfig(chi=chi, d=d, P=P, B=B, T=1.0, kappa=kappa, seed=seed)
        run = simulate(config, kernel, None)
        assert run.status == "fitted"
        distinct = np.count_nonzero(run.hit_counts)
        rows.append((run.t_star, run.w1, run.w_perp, run.updates, run.hits, distinct))
        seen += len(run.hit_counts) / P / len(seeds)
    return np.transpose(rows), seen


def main() -> None:
    """Print the p-values."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    chosen = [int(arg) for arg in sys.argv[2:]] or range(len(SETTINGS))
    p_values: list[float] = []
    for i in chosen:
        reference, _ = sample(SETTINGS[i], range(runs), "reference")
        deferred, seen = sample(SETTINGS[i], range(runs, 2 * runs), "deferred")
        found = [
            float(stats.ks_2samp(a, b).pvalue) for a, b in zip(reference, deferred, strict=True)
        ]
        print(
            i,
            SETTINGS[i],
            f"seen {seen:.2f}",
            dict(zip(NAMES, np.round(found, 4).tolist(), strict=True)),
            flush=True,
        )
        p_values += found
    print(f"smallest of {len(p_values)}: {min(p_values):.2g}")


if __name__ == "__main__":
    main()
