"""Break the uncompiled deferred kernel in one named way and put it to the replay test.

Run with NUMBA_DISABLE_JIT=1, by ``planted``.
"""

import numpy as np
import planted
from deferred_check import check_run, check_walk
from trace_check import Laws

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels.deferred import shells, sight, unseen


def break_kernel(mutation: str) -> None:
    """Apply ``mutation``."""
    if mutation == "none":
        return
    if mutation == "shells pooled":
        original = sight.frontier

        def pooled(data, rng, chain, a, s):
            """Take all unseen samples below the frontier for draws from what lies below it."""
            k = original(data, rng, chain, a, s)
            lines, counts, n = chain.lines, chain.unseen, chain.sizes[shells.N_SHELLS]
            counts[0] = counts[: k + 1].sum()
            lines[0] = lines[k]
            lines[1 : n - k], counts[1 : n - k] = lines[k + 1 : n].copy(), counts[k + 1 : n].copy()
            counts[n - k : n] = 0
            chain.sizes[shells.N_SHELLS] = n - k
            if lines[0, shells.A] < np.inf:
                shells._prepare(data, lines, 0)
            return 0

        sight.frontier = pooled
    elif mutation == "split with the wrong probability":
        binomial = shells.draw_binomial
        shells.draw_binomial = lambda rng, n, p: binomial(rng, n, 1.1 * p if p < 0.9 else p)
    elif mutation == "frontier too small":
        line_of = shells.line_of
        for module in (sight, unseen):
            module.line_of = lambda *args: tuple(0.9 * x for x in line_of(*args))
    elif mutation == "unseen samples of the whole frontier":
        between = shells.draw_between

        def anywhere(rng, data, outer, inner, mode, ratio, by_power):
            """Forget the inner line."""
            return between(rng, data, outer, (0.0, 0.0), mode, 0.0, by_power)

        shells.draw_between = anywhere
    elif mutation == "dormant samples forgotten":
        sort_seen = unseen.sort_seen

        def forgetful(run, samples, line, shrinks):
            """Wake nobody."""
            samples.places[sight.BLOCKS] = 0
            sort_seen(run, samples, line, shrinks)

        unseen.sort_seen = forgetful
    else:
        raise SystemExit(f"no such mutation: {mutation}")


def main(mutation: str) -> int:
    """Run the checks on the broken kernel."""
    break_kernel(mutation)
    # So that the frontier moves often while many samples are unseen.
    sight.FEW = 2
    laws = Laws()
    # What is whole has to pass; what is broken, to be seen, and two ways of it are seen in runs.
    seen_in_runs = ("frontier too small", "dormant samples forgotten")
    walks, runs = {"none": (50, 5), **dict.fromkeys(seen_in_runs, (0, 15))}.get(mutation, (150, 15))
    try:
        for seed in range(walks):
            check_walk(seed, sight.frontier, laws)
        laws.hold()
        # In two dimensions the bound on margins is attained by every second sample.
        for seed in range(runs):
            chi, d, kappa = [(3.0, 2, 2.0**-15), (3.0, 2, 0.1), (1.0, 4, 0.5)][seed % 3]
            config = PerceptronConfig(
                chi=chi, d=d, P=4000, B=2, T=1.0, kappa=kappa, seed=seed, max_updates=120
            )
            trace = np.zeros(3_000_000, dtype=np.int64)
            run = simulate(config, "deferred", None, trace=trace)
            check_run(config, trace, run, laws)
        laws.hold()
    except (AssertionError, RuntimeError) as error:
        print(f"caught: {error}")
        return 1
    print("passed", laws.z())
    return 0


if __name__ == "__main__":
    planted.main(main)
