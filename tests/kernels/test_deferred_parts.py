"""Parts of the deferred kernel: probabilities, binomial numbers, samples given a shell.

False alarms: KS and chi-squared p-values of 1e-8, some 40 of them. Seeds are fixed.
"""

import math

import numpy as np
import pytest
from scipy import special, stats

from perceptron_sim.kernels.deferred import unseen_samples
from perceptron_sim.kernels.deferred.draws import draw_binomial
from perceptron_sim.kernels.deferred.means import unfitted_beyond, unfitted_in_all
from perceptron_sim.kernels.deferred.population import lower_gamma, mass, population
from perceptron_sim.kernels.deferred.shells import MASS, frontier, line_of, see
from perceptron_sim.kernels.null_steps import draw_marked, draw_null_steps


@pytest.mark.parametrize("chi", [-0.9, 0.0, 1.0, 8.0, 20.0])
@pytest.mark.parametrize("d", [2, 3, 16, 1000])
def test_the_probability_below_a_line_is_right_to_1e_12(chi: float, d: int) -> None:
    for s in (1e-6, 0.03, 0.3, 1.0):
        closed = special.betainc(0.5 * (1 + chi), 0.5 * (d - 1), s * s / (1 + s * s))
        if closed > 1e-250:
            assert mass(population(chi, d), 0.0, s) == pytest.approx(closed, rel=2e-12)


def test_the_probability_below_a_line_with_an_intercept() -> None:
    from mpmath import mp

    for chi, d, a, s in [(1.0, 16, 0.01, 0.02), (-0.9, 2, 0.001, 0.3), (0.5, 3, 0.3, 1e-6)]:

        def density(v, chi=chi, d=d, a=a, s=s):
            part = mp.gammainc((1 + chi) / 2, 0, (a + s * v) ** 2 / 2, regularized=True)
            norm = mp.mpf(2) ** ((d - 3) / 2) * mp.gamma((d - 1) / 2)
            return part * v ** (d - 2) * mp.exp(-v * v / 2) / norm

        root = math.sqrt(d)
        exact = mp.quad(density, [0, a / s if a < s else 1, 1.5, root, root + 3, root + 14])
        assert mass(population(chi, d), a, s) == pytest.approx(float(exact), rel=2e-11)
    x = np.geomspace(1e-8, 200, 60)
    for alpha in (0.05, 0.5, 1.0, 4.5):
        ours = [lower_gamma(alpha, y) for y in x]
        np.testing.assert_allclose(ours, special.gammainc(alpha, x), rtol=2e-14)


@pytest.mark.parametrize(("n", "p"), [(10, 0.3), (1000, 0.9), (10**6, 0.37), (10**9, 1e-7)])
def test_binomial_numbers_follow_their_law(n: int, p: float) -> None:
    rng = np.random.default_rng(1)
    ours = np.array([draw_binomial(rng, n, p) for _ in range(20_000)])
    law = stats.binom(n, p)
    edges = np.unique(law.ppf(np.linspace(0.02, 0.98, 17)))
    counts = np.bincount(np.searchsorted(edges, ours), minlength=edges.size + 1)
    expected = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]])) * ours.size
    assert stats.chisquare(counts, expected).pvalue > 1e-8


def test_binomial_numbers_of_2_to_the_62() -> None:
    rng, n, p = np.random.default_rng(2), 2**62, 0.3
    ours = np.array([draw_binomial(rng, n, p) for _ in range(4000)], dtype=np.float64)
    z = (ours - n * p) / math.sqrt(n * p * (1 - p))
    assert stats.kstest(z, "norm").pvalue > 1e-8
    assert (draw_binomial(rng, n, 0.0), draw_binomial(rng, n, 1.0)) == (0, n)


@pytest.mark.parametrize(
    ("chi", "d", "lines"),
    [
        (1.0, 16, [(0.0, 0.3), (0.0, 0.1)]),
        (1.0, 16, [(1.0, 0.2), (0.9, 0.2), (0.5, 0.15), (0.5, 0.05)]),
        (-0.7, 2, [(0.5, 0.5), (0.5, 0.1), (1e-3, 0.09)]),
        (3.0, 3, [(2.0, 0.2), (0.3, 0.2), (0.1, 0.2)]),
    ],
)
def test_samples_given_a_shell_are_those_that_rejection_gives(chi, d, lines) -> None:
    rng, data = np.random.default_rng(3), population(chi, d)
    samples = unseen_samples(10**12, d, chi, 4000)
    for a, s in lines:
        frontier(data, rng, samples.shells, a, s)
    u = np.sqrt(2 * rng.standard_gamma(0.5 * (1 + chi), 10**6))
    v = np.sqrt(2 * rng.standard_gamma(0.5 * (d - 1), 10**6))
    inner = np.zeros(u.size, dtype=bool)
    shells, n = samples.shells, samples.sizes[0]
    assert n > len(lines)
    inner_mass = 0.0
    for k in range(n):
        inside = u < shells.lines[k, 0] + shells.lines[k, 1] * v
        those, inner = inside & ~inner, inside
        here = shells.lines[k, MASS] - inner_mass
        inner_mass = shells.lines[k, MASS]
        deviation = math.sqrt(1e12 * here * (1 - here)) + 1
        assert abs(shells.unseen[k] - 1e12 * here) < 7 * deviation
        samples.sizes[1] = 0
        for _ in range(3000):
            see(data, rng, shells, k, samples.features, samples.norms)
        z = samples.features[:3000] * math.sqrt(d)
        ours = z[:, 0], np.linalg.norm(z[:, 1:], axis=1)
        np.testing.assert_allclose(samples.norms[:3000] * math.sqrt(d), ours[1], rtol=1e-12)
        for one, other in ((ours[0], u), (ours[1], v), (ours[0] / ours[1], u / v)):
            assert stats.ks_2samp(one, other[those]).pvalue > 1e-8


@pytest.mark.parametrize(("chi", "d"), [(1.0, 16), (0.0, 3), (3.0, 2), (-0.5, 6)])
def test_mean_numbers_of_unfitted_samples(chi: float, d: int) -> None:
    rng, data = np.random.default_rng(4), population(chi, d)
    u = np.sqrt(2 * rng.standard_gamma(0.5 * (1 + chi), 10**6))
    g = rng.standard_normal(10**6)
    v = np.sqrt(g * g + 2 * rng.standard_gamma(0.5 * (d - 2), 10**6))
    for shift, spread, a, s in [
        (0.1, 0.3, 0.12, 0.2),
        (0.3, 0.1, 0.35, 0.05),
        (0.0, 0.5, 0.01, 0.3),
    ]:
        top = shift + spread * g
        beyond = u > a + s * v
        for (fraction, gap), where in (
            (unfitted_in_all(data, shift, spread), u < top),
            (unfitted_beyond(data, shift, spread, a, s), (u < top) & beyond),
        ):
            assert abs(where.mean() - fraction) < 6 * where.std() / 1e3 + 1e-9
            gaps = np.where(where, top - u, 0.0)
            assert abs(gaps.mean() - gap) < 6 * gaps.std() / 1e3 + 1e-9
    assert unfitted_beyond(data, 0.1, 0.3, 0.1, 0.3) == (0.0, 0.0)


def test_numbers_beyond_those_of_drawn_sets_do_not_overflow() -> None:
    rng = np.random.default_rng(5)
    assert draw_marked(rng, 2**62, 2**62, 2, 1) == 2
    assert 1 <= draw_marked(rng, 2**62, 2**61, 2**20, 1) <= 2**20
    # So long are the waits that the next step is beyond any limit; never negative.
    waits = [draw_null_steps(rng, -1e-18, count) for count in (1, 2, 50)]
    assert all(0 < wait <= 2**62 for wait in waits)
    waits = np.array([draw_null_steps(rng, -(2.0**-40), 3) for _ in range(4000)], dtype=np.float64)
    assert stats.kstest(waits * 2.0**-40, stats.gamma(3).cdf).pvalue > 1e-8


def test_lines_that_matter_little_are_parallel() -> None:
    a, s = line_of(10.0, 1.0, 1e-300, 16)
    assert a == pytest.approx(4e-3 * s)
    assert line_of(0.0, 1.0, 1.0, 16) == (math.inf, math.inf)
