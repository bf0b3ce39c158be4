"""Kernel machines: against the obvious loop, on parts of one matrix, watched, and never hanging."""

import itertools

import numpy as np
import pytest
from oracles import ORACLES
from scipy import stats

from perceptron_sim import InputError, KernelMatrix, simulate_kernel
from perceptron_sim.kernels.batches import draw_batch, needs_order


def _problem(seed: int, P: int, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((P, d))
    return x @ x.T / d, np.sign(x[:, 0])


def _obvious(K, y, B: int, T: float, kappa: float, rng, steps: int):
    """Return v and the last non-null step of SGD on f = K v, every batch drawn."""
    P = len(y)
    order, batch = np.arange(P if needs_order(P, B) else 0), np.empty(B, dtype=np.int64)
    v, last, course = np.zeros(P), 0, []
    for step in range(1, steps + 1):
        f = K @ v
        course.append((np.sqrt(v @ f), np.mean(y * f < kappa), np.mean(np.fmax(kappa - y * f, 0))))
        draw_batch(rng, P, order, batch)
        hit = batch[(y * f)[batch] < kappa]
        v[hit] += T * y[hit]
        last = step if len(hit) else last
    return v, last, np.array(course)


@pytest.mark.parametrize(("P", "B"), [(40, 3), (40, 40), (300, 16), (130, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_batch_is_the_obvious_loop(P: int, B: int, dtype) -> None:
    K, y = _problem(1, P)
    marks = np.array([0, 1, 2, 5, 20, 50, 10**6])
    run = simulate_kernel(
        K.astype(dtype), y, B=B, T=0.5, kappa=0.25, stream=np.random.default_rng(2),
        every_batch=True, marks=marks,
    )  # fmt: skip
    v, last, course = _obvious(K, y, B, 0.5, 0.25, np.random.default_rng(2), run.steps + 100)
    assert run.status == "fitted"
    assert run.steps == last
    assert np.array_equal(0.5 * y * run.hit_counts, v)
    assert run.w_norm == pytest.approx(np.sqrt(v @ K @ v), rel=1e-6)
    reached = marks[marks < last]
    assert np.array_equal(run.course.step, [*reached, last])
    found = np.column_stack([run.course.w_norm, run.course.unfitted, run.course.train_loss])
    assert np.allclose(found[:-1], course[reached], rtol=1e-5, atol=1e-6)
    assert found[-1].tolist() == [run.w_norm, 0.0, 0.0]


def test_jumping_over_null_batches_changes_no_distribution() -> None:
    # Two-sample KS, 4 observables: a false alarm has probability below 4e-9.
    samples: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
    for seed in range(600):
        K, y = _problem(seed, 90)
        for every_batch, found in samples.items():
            run = simulate_kernel(
                K, y, B=4, T=1.0, kappa=0.5, seed=seed + 10_000 * every_batch,
                every_batch=every_batch, marks=np.array([30]),
            )  # fmt: skip
            found.append((run.t_star, run.w_norm, run.hits, run.course.w_norm[0]))
    for a, b in zip(np.transpose(samples[False]), np.transpose(samples[True]), strict=True):
        assert stats.ks_2samp(a, b).pvalue > 1e-9


@pytest.mark.parametrize("every_batch", [False, True])
def test_a_leading_block_is_used_where_it_lies(every_batch: bool, monkeypatch) -> None:
    K, y = _problem(3, 700)
    matrix = KernelMatrix(K.astype(np.float32))
    assert matrix.entries.shape == (700, 700)
    for P in (1, 100, 700):
        kwargs = {"B": min(P, 8), "T": 1.0, "seed": 4, "every_batch": every_batch}
        block = simulate_kernel(matrix, y[:P], **kwargs)
        copied = simulate_kernel(matrix.entries[:P, :P].copy(), y[:P], **kwargs)
        assert np.array_equal(block.hit_counts, copied.hit_counts)
        assert (block.steps, block.w_norm) == (copied.steps, copied.w_norm)
    # Nothing is looked through again: entries outside the block may be anything by now.
    matrix.entries[100:] = np.nan
    matrix.entries[:, 100:] = np.nan
    again = simulate_kernel(matrix, y[:100], B=8, T=1.0, seed=4, every_batch=every_batch)
    assert again.status == "fitted"
    assert np.isfinite(again.w_norm)


@pytest.mark.parametrize("every_batch", [False, True])
def test_equal_samples_with_opposite_labels_end_with_a_status(every_batch: bool) -> None:
    K, y = _problem(5, 60)
    K[1], K[:, 1] = K[0], K[:, 0]
    K[1, 1] = K[0, 0]
    y[1] = -y[0]
    for limit, status in (
        ({"max_steps": 5000}, "max_steps"),
        ({"max_updates": 500}, "max_updates"),
    ):
        run = simulate_kernel(K, y, B=4, T=1.0, every_batch=every_batch, **limit)
        assert run.status == status
        assert run.unfitted > 0
        assert run.train_loss > 0
        assert "equal samples with opposite labels" in run.message


@pytest.mark.parametrize(
    ("K", "message"),
    [
        (np.zeros((3, 4)), "must be square"),
        (np.zeros((4, 4), dtype=np.complex64), "complex"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.diag([1.0, np.inf, 1.0, 1.0]), "not finite"),
        (-np.eye(4), "negative diagonal"),
    ],
)
def test_bad_matrices_are_refused(K, message: str) -> None:
    with pytest.raises(InputError, match=message):
        KernelMatrix(K)


def test_large_entries_are_not_taken_for_infinite() -> None:
    assert len(KernelMatrix(np.full((8, 8), 3e38, dtype=np.float32))) == 8


def test_requests_that_do_not_match_the_matrix_are_refused() -> None:
    K, y = _problem(6, 20)
    with pytest.raises(InputError, match="K has 20 samples and y has 40 labels"):
        simulate_kernel(KernelMatrix(K), np.tile(y, 2))
    with pytest.raises(InputError, match=r"K has shape \(20, 20\) and y 10 labels"):
        simulate_kernel(K, y[:10])
    with pytest.raises(InputError, match="every_batch needs K as a matrix"):
        simulate_kernel(lambda i: K[i], y, every_batch=True)


@pytest.mark.parametrize("dynamics", ["shuffled", "sde", "sde/4", "sde-uncentred"])
@pytest.mark.parametrize("B", [1, 6, 30])
def test_other_dynamics_step_as_the_plain_ones(dynamics: str, B: int) -> None:
    # The oracle moves w on features; the kernel machine has their products alone.
    rng = np.random.default_rng(B)
    x = rng.standard_normal((30, 8))
    y = np.sign(x[:, 0])
    phi = y[:, None] * x / np.sqrt(8)
    steps = 25
    run = simulate_kernel(
        x @ x.T / 8, y, B=B, T=0.5, kappa=0.4, stream=np.random.default_rng(5),
        max_steps=steps, marks=np.arange(steps), dynamics=dynamics,
    )  # fmt: skip
    oracle = ORACLES[dynamics](phi, 0.8, B, np.random.default_rng(5))
    courses = [np.zeros(8)]
    courses += [w.copy() for w, _ in itertools.islice(oracle, steps)]
    reached = run.course.step[:-1]
    assert len(reached) == steps or run.status == "fitted"
    expected = [0.5 * np.linalg.norm(courses[s]) for s in run.course.step]
    assert run.course.w_norm == pytest.approx(expected, rel=1e-9)
    assert np.allclose(run.margins, 0.5 * phi @ courses[run.course.step[-1]], atol=1e-12)
    lasts = {"sde": 0.5, "sde/4": 0.125}.get(dynamics, 0.5 * B)
    assert run.t_star == lasts * run.steps
    assert (run.hit_counts.dtype == np.int64) == (dynamics == "shuffled")


def test_poisson_hits_of_a_kernel_machine_in_distribution() -> None:
    # Two-sample KS, 2 observables: a false alarm has probability below 4e-9.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, 3))
    y = np.sign(x[:, 0])
    phi = y[:, None] * x / np.sqrt(3)
    found = [], []
    for seed in range(400):
        run = simulate_kernel(x @ x.T / 3, y, B=1, T=1.0, kappa=0.5, seed=seed, dynamics="poisson")
        found[0].append((run.w_norm, run.hits))
        assert run.hits == run.hit_counts.sum()
        for w, hits in ORACLES["poisson"](phi, 0.5, 1, np.random.default_rng(seed)):
            if np.all(phi @ w >= 0.5):
                found[1].append((np.linalg.norm(w), hits.sum()))
                break
    for a, b in zip(np.transpose(found[0]), np.transpose(found[1]), strict=True):
        assert stats.ks_2samp(a, b).pvalue > 1e-9


def test_other_dynamics_need_a_matrix_and_a_name() -> None:
    with pytest.raises(InputError, match="needs K as a matrix"):
        simulate_kernel(lambda i: np.eye(3)[i], [1, 1, 1], B=1, dynamics="sde")
    with pytest.raises(InputError, match="dynamics"):
        simulate_kernel(np.eye(3), [1, 1, 1], B=1, dynamics="sgdd")
