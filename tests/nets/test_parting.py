"""Where nets part from their linearisation, on synthetic pairs of runs."""

import math

import numpy as np
import pandas as pd
import pytest

from nets.lazy.parting import parting_rows

T = 2.0 ** np.arange(-12, -1)


def _pairs(seed: int, departure, n_seeds: int = 10, scatter: float = 0.1):
    """Runs of nets whose mean ln(dw / dw linearised) at T is ``departure(T)``."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in T:
        for s in range(n_seeds):
            noise = scatter * rng.standard_normal()
            rows.append(
                {
                    **{"data": "digits", "chi": None, "d": 64, "arch": "mlp", "depth": 3},
                    **{"width": 64, "act": "relu", "B": 16, "P": 128, "kappa": 2.0**-15},
                    **{"T": at, "seed": s, "status": "fitted", "dw_rel": at, "w0_norm": 10.0},
                    "dw": 10.0 * at * math.exp(departure(at) + noise),
                }
            )
    trained = pd.DataFrame(rows)
    lazy = trained.assign(dw=10.0 * trained["T"])
    return trained.sample(frac=1.0, random_state=seed), lazy


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_temperature_of_parting_is_found(sign: float) -> None:
    # ln ratio = ln(1.2) at T = 2^-6; its slope in ln T is 0.36 there, so 0.1 / sqrt(10) of noise
    # moves T by 9 %.
    truth = 2.0**-6
    estimates, covered = [], 0
    for seed in range(40):
        trained, lazy = _pairs(seed, lambda t: sign * math.log(1.2) * (t / truth) ** 2.0)
        (row,) = parting_rows(trained, lazy)
        estimates.append(row.T)
        covered += row.ci_low <= truth <= row.ci_high
        assert row.ci_low <= row.T <= row.ci_high
        assert row.dw_rel == pytest.approx(row.T, rel=1e-9)
        assert row.n_seeds == 10
    assert np.exp(np.mean(np.log(estimates))) == pytest.approx(truth, rel=0.1)
    # Interpolation between powers of two shifts it a little; at 95 % fewer than 32 of 40 has
    # probability 4e-4, and this is one fixed draw.
    assert covered >= 32


def test_a_difference_that_changes_sign_has_parted_before() -> None:
    trained, lazy = _pairs(1, lambda t: -0.5 * math.sin(math.log2(t) - 2.0) * (t > 2.0**-9), 20)
    (row,) = parting_rows(trained, lazy)
    assert 2.0**-10 < row.T <= 2.0**-7


def test_nets_that_do_not_part_and_nets_that_always_have() -> None:
    (row,) = parting_rows(*_pairs(2, lambda t: 0.0, n_seeds=30))
    assert (row.T, row.ci_low, row.ci_high, row.dw_rel) == (None, None, None, None)
    (row,) = parting_rows(*_pairs(3, lambda t: 1.0, n_seeds=30))
    assert (row.T, row.ci_low, row.ci_high, row.dw_rel) == (0.0, 0.0, 0.0, None)


def test_a_net_that_is_not_fitted_has_parted() -> None:
    trained, lazy = _pairs(4, lambda t: 0.0, n_seeds=30)
    trained.loc[(trained["T"] >= T[6]) & (trained["seed"] == 3), "status"] = "diverged"
    (row,) = parting_rows(trained, lazy)
    assert pytest.approx(math.sqrt(T[5] * T[6])) == row.T
    # Where the linearisation is not fitted either, there is nothing to compare.
    lazy.loc[lazy["T"] >= T[6], "status"] = "max_steps"
    (row,) = parting_rows(trained, lazy)
    assert row.T is None


def test_single_pairs_have_no_upper_bound() -> None:
    (row,) = parting_rows(*_pairs(5, lambda t: 0.0, n_seeds=1, scatter=0.01))
    assert (row.T, row.ci_high) == (None, None)
    assert row.ci_low == 0.0
