"""Laws that hold in every single run, to rounding."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import training_data
from perceptron_sim.testing.law import Broken, Kind, Law, Look
from perceptron_sim.testing.plain import drawn_batches, fitted, replay
from perceptron_sim.testing.subject import Outcome, Subject

ROUNDING = "relative error 1e-9 (rtol); counts exactly"
# Runs on given data are wanted to their end: data of which plain SGD needs more are passed over.
_EASY_STEPS, _MANY_STEPS = 300, 20_000
_ANY = ("w", "t_star", "steps", "updates", "hits", "hit_counts")
_COUNTS = ("steps", "updates", "hits", "hit_counts")


def _compare(subject: Subject, found: Outcome, expected: dict[str, Any], against: str) -> None:
    """Raise Broken at the first quantity of ``expected`` that ``found`` has otherwise."""
    for name, value in found.present().items():
        if name not in expected:
            continue
        if name in _COUNTS:
            if not np.array_equal(value, expected[name]):
                raise Broken(f"{name} is {_shown(value)}: {against} {_shown(expected[name])}")
            continue
        error = float(np.max(np.abs(np.asarray(value) - expected[name])))
        scale = float(np.max(np.abs(expected[name])))
        if error > subject.rtol * scale:
            raise Broken(
                f"{name} is {_shown(value)}: {against} {_shown(expected[name])}, off by "
                f"{error / scale if scale else math.inf:.2g}"
            )


def _shown(value: Any) -> str:
    if np.ndim(value) == 0:
        return f"{value:.6g}"
    numbers = ", ".join(f"{v:.6g}" for v in np.ravel(value)[:4])
    return f"[{numbers}{', ...' if np.size(value) > 4 else ''}]"


def _returns(subject: Subject, config: PerceptronConfig) -> None:
    subject.run(config)


def _deterministic(subject: Subject, config: PerceptronConfig) -> None:
    first, again = subject.run(config), subject.run(config)
    for name, value in first.present().items():
        if not np.array_equal(value, again.present().get(name, ())):
            raise Broken(
                f"{name} of the same configuration is {_shown(value)}, then "
                f"{_shown(again.present()[name])}: draw from a generator seeded by config.seed"
            )


def _scale(subject: Subject, config: PerceptronConfig) -> None:
    one = subject.run(config).present()
    for c in (2.0**-9, 2.0**14):
        scaled = subject.run(replace(config, T=c * config.T, kappa=c * config.kappa))
        units = {"w": c, "t_star": c}
        expected = {name: value * units.get(name, 1) for name, value in one.items()}
        _compare(subject, scaled, expected, f"at T, kappa times c = {c:g} expected")


def _counts(subject: Subject, config: PerceptronConfig) -> None:
    run = subject.run(config)
    steps, updates, hits = run.steps, run.updates, run.hits
    if hits is None and run.hit_counts is not None:
        hits = int(run.hit_counts.sum())
    if run.t_star is not None:
        n = run.t_star / config.eta
        if abs(n - round(n)) > 1e-6 * max(n, 1.0):
            raise Broken(f"t_star = {run.t_star:.6g} is {n:.6g} eta: expected a whole number")
        if steps is not None and round(n) != steps:
            raise Broken(
                f"t_star = {run.t_star:.6g} is eta times {n:.6g}: expected {steps}, the last "
                "non-null step"
            )
        steps = round(n)
    if hits is not None and run.hit_counts is not None and hits != run.hit_counts.sum():
        raise Broken(f"hits = {hits}: hit_counts sum to {int(run.hit_counts.sum())}")
    if steps is not None and updates is not None:
        if updates > steps:
            raise Broken(f"updates = {updates} are more than steps = {steps}")
        if config.B == config.P and updates != steps:
            raise Broken(
                f"updates = {updates}, steps = {steps}: at B = P every step before the end is an "
                "update, so that both are equal and t_star = eta * updates"
            )
    if hits is not None and updates is not None and not updates <= hits <= config.B * updates:
        raise Broken(f"hits = {hits}: expected updates = {updates} to B times as many")


def _first_step(subject: Subject, config: PerceptronConfig) -> None:
    run = subject.run(replace(config, max_steps=1))
    found = {"steps": run.steps, "updates": run.updates, "hits": run.hits}
    for name, expected in {"steps": 1, "updates": 1, "hits": config.B}.items():
        if found[name] not in (None, expected):
            raise Broken(f"{name} after one step is {found[name]}: expected {expected}")
    if run.t_star is not None and abs(run.t_star - config.eta) > subject.rtol * config.eta:
        raise Broken(f"t_star after one step is {run.t_star:.6g}: expected eta = {config.eta:.6g}")
    if run.hit_counts is not None and (
        run.hit_counts.max() > 1 or run.hit_counts.sum() != config.B
    ):
        raise Broken(
            f"hit_counts after one step are {_shown(run.hit_counts)}: a batch holds B = {config.B} "
            "distinct samples"
        )


def _on_easy_data(look: Callable[[Subject, PerceptronConfig, FloatArray, IntArray], None]) -> Look:
    """Let a law look at data that plain SGD fits soon, with such batches; pass over the others."""

    def looked(subject: Subject, config: PerceptronConfig) -> None:
        z = training_data(config)
        batches = drawn_batches(config, z, _EASY_STEPS)
        if batches is not None:
            look(subject, replace(config, max_steps=_MANY_STEPS), z, batches)

    return looked


@_on_easy_data
def _fitted(subject: Subject, config: PerceptronConfig, z: FloatArray, batches: IntArray) -> None:
    w = subject.run(config, data=z).w
    if w is None:
        return
    margins = z @ w / math.sqrt(config.d)
    slack = subject.rtol * max(config.kappa, float(np.max(np.abs(margins))))
    if not fitted(margins + (slack if config.kappa > 0 else 0.0), config.kappa):
        raise Broken(
            f"it ended with a margin y f = {margins.min():.6g}: expected "
            f"{'>= kappa = ' + format(config.kappa, '.6g') if config.kappa > 0 else '> 0'} for "
            "every sample"
        )


def _weights(subject: Subject, config: PerceptronConfig) -> None:
    z = training_data(config)
    run = subject.run(config, data=z)
    if run.w is None or run.hit_counts is None:
        return
    w = config.T / math.sqrt(config.d) * (run.hit_counts @ z)
    _compare(subject, run, {"w": w}, "T/sqrt(d) sum_mu hit_counts_mu z_mu is")


def _signal(subject: Subject, config: PerceptronConfig) -> None:
    w = subject.run(config).w
    if w is not None and w[0] < -subject.rtol * np.linalg.norm(w):
        raise Broken(f"w_1 = {w[0]:.6g} is negative: each hit adds T |x_1|/sqrt(d) to it, from 0")


@_on_easy_data
def _grows(subject: Subject, config: PerceptronConfig, z: FloatArray, batches: IntArray) -> None:
    before, w1 = 0, 0.0
    for n in sorted({round(k) for k in np.geomspace(1, len(batches), 8)}):
        w = subject.run(replace(config, max_steps=n), data=z, batches=batches[:n]).w
        if w is None:
            return
        if w[0] < w1 - subject.rtol * np.linalg.norm(w):
            raise Broken(f"w_1 falls from {w1:.6g} after {before} steps to {w[0]:.6g} after {n}")
        before, w1 = n, float(w[0])


def _bound(subject: Subject, config: PerceptronConfig) -> None:
    z = training_data(config)
    run = subject.run(config, data=z)
    hits = run.hits if run.hit_counts is None else int(run.hit_counts.sum())
    if run.w is None or hits is None:
        return
    norm, root = float(np.linalg.norm(run.w)), math.sqrt(config.d)
    least = hits * config.T * float(z[:, 0].min()) / root
    squares = float(np.max(np.sum(z * z, axis=1)))
    most = math.sqrt(
        hits * (2 * config.T * config.kappa + config.T**2 * config.B * squares / config.d)
    )
    slack = 1.0 + subject.rtol
    if norm * slack < least:
        raise Broken(
            f"||w|| = {norm:.6g} after {hits} hits: each adds at least T min|x_1|/sqrt(d) to w_1, "
            f"together {least:.6g}"
        )
    if norm > most * slack:
        raise Broken(
            f"||w|| = {norm:.6g} after {hits} hits: unfitted samples give at most {most:.6g}"
        )


@_on_easy_data
def _full_batch(
    subject: Subject, config: PerceptronConfig, z: FloatArray, batches: IntArray
) -> None:
    expected = replay(config, z, batches)
    assert expected is not None
    for seed in (config.seed, config.seed + 1):
        run = subject.run(replace(config, seed=seed), data=z)
        _compare(subject, run, expected.present(), "gradient descent on the same data gives")


@_on_easy_data
def _replay(subject: Subject, config: PerceptronConfig, z: FloatArray, batches: IntArray) -> None:
    expected = replay(config, z, batches)
    assert expected is not None
    run = subject.run(config, data=z, batches=batches)
    _compare(subject, run, expected.present(), "the plain loop over the same batches gives")


@_on_easy_data
def _last_step(
    subject: Subject, config: PerceptronConfig, z: FloatArray, batches: IntArray
) -> None:
    run = subject.run(config, data=z, batches=batches)
    steps = run.steps if run.steps is not None else round((run.t_star or 0.0) / config.eta)
    if not 1 <= steps <= len(batches):
        raise Broken(f"it ended at step {steps} of {len(batches)} that were given")
    w = [
        subject.run(replace(config, max_steps=max(n, 1)), data=z, batches=batches[:n]).w
        for n in (steps - 1, steps)
    ]
    if w[0] is None or w[1] is None:
        return
    if np.array_equal(w[0], w[1]):
        raise Broken(
            f"step {steps} changes nothing: t_star is eta times the last step that does, however "
            "rarely the program looks"
        )


@_on_easy_data
def _permutation(
    subject: Subject, config: PerceptronConfig, z: FloatArray, batches: IntArray
) -> None:
    order = np.random.default_rng(config.seed).permutation(config.P)
    place = np.argsort(order)
    if "batches" in subject.takes:
        one = subject.run(config, data=z, batches=batches)
        other = subject.run(config, data=z[order], batches=place[batches])
    elif config.B == config.P:
        one, other = subject.run(config, data=z), subject.run(config, data=z[order])
    else:
        return
    expected = one.present()
    if one.hit_counts is not None:
        expected["hit_counts"] = one.hit_counts[order]
    _compare(subject, other, expected, "before the samples were permuted it was")


def _cases(**options: Any) -> Any:
    def strategy() -> Any:
        from perceptron_sim.testing.strategies import configs

        return configs(**options)

    return strategy


_law = partial(Law, kind=Kind.EXACT, bound=ROUNDING)
EXACT = (
    _law(
        name="returns",
        statement="A run ends within the time limit and returns finite numbers of the documented "
        "shapes.",
        source="the shape of a result, docs/testing.md",
        needs=(),
        fault="a loop that does not end, NaN",
        look=_returns,
        cases=_cases(),
    ),
    _law(
        name="deterministic",
        statement="The same configuration gives the same result.",
        source="the shape of a result, docs/testing.md",
        needs=(_ANY,),
        fault="a generator that is not seeded, or shared by runs",
        look=_deterministic,
        cases=_cases(),
    ),
    _law(
        name="scale-invariance",
        statement="(T, kappa) -> (c T, c kappa) gives c w and c t*, and the same counts, for c a "
        "power of two.",
        source="docs/theory.md (M2)",
        needs=(_ANY,),
        fault="a margin or a rate that is not in the same units",
        look=_scale,
        cases=_cases(),
    ),
    _law(
        name="counts",
        statement="t* = eta steps; updates <= steps, with equality at B = P; updates <= hits <= B "
        "updates; hits = sum of hit_counts.",
        source="docs/theory.md (M1)",
        needs=(("t_star", "updates", "hits", "hit_counts"),),
        fault="t* read off at the next checkpoint",
        look=_counts,
        # The equality is what tells most.
        cases=lambda: _cases()() | _cases(full_batch=True)(),
    ),
    _law(
        name="signal",
        statement="w_1 >= 0 at the end: each hit adds T |x_1|/sqrt(d) to it.",
        source="docs/theory.md (M1)",
        needs=(("w",),),
        fault="labels that are not folded into the margin",
        look=_signal,
        cases=_cases(),
    ),
    _law(
        name="first-step",
        statement="From w = 0, one step hits the B distinct samples of its batch, and t* = eta.",
        source="docs/theory.md (M1)",
        needs=(("t_star", "steps", "updates", "hits", "hit_counts"),),
        fault="batches drawn with replacement; max_steps ignored",
        look=_first_step,
        cases=_cases(),
    ),
    _law(
        name="full-batch",
        statement="At B = P a run is gradient descent: it depends on the data alone.",
        source="docs/theory.md (M1)",
        needs=(_ANY, ("data",)),
        fault="rate not divided by B; weights updated within a batch; y f < 0 at kappa = 0",
        look=_full_batch,
        cases=_cases(full_batch=True, most=12),
    ),
    _law(
        name="fitted",
        statement="At the end y f >= kappa for every sample; at kappa = 0, y f > 0.",
        source="docs/theory.md (M1)",
        needs=(("w",), ("data",)),
        fault="a run that ends when one batch is fitted",
        look=_fitted,
        cases=_cases(most=12),
    ),
    _law(
        name="weights-from-hits",
        statement="w = T/sqrt(d) sum_mu hit_counts_mu z_mu.",
        source="docs/theory.md (M1)",
        needs=(("w",), ("hit_counts",), ("data",)),
        fault="sums in float32",
        look=_weights,
        cases=_cases(),
    ),
    _law(
        name="mistake-bound",
        statement="hits T min|x_1|/sqrt(d) <= ||w||, and ||w||^2 <= hits (2 T kappa + T^2 B "
        "max|x|^2/d).",
        source="Novikoff's perceptron theorem, with batches and a margin (docs/testing.md)",
        needs=(("w",), ("hits", "hit_counts"), ("data",)),
        fault="fitted samples that are learnt too",
        look=_bound,
        cases=_cases(),
    ),
    _law(
        name="permutation",
        statement="Permuted samples, with their batches, give the same weights.",
        source="docs/theory.md (M1)",
        needs=(_ANY, ("data",)),
        fault="samples that are left out by their place",
        look=_permutation,
        cases=_cases(most=12),
    ),
    _law(
        name="replay",
        statement="On given data and batches a run is that of the plain loop.",
        source="docs/theory.md (M1)",
        needs=(_ANY, ("data",), ("batches",)),
        fault="any mistake but in the drawing of data and batches",
        look=_replay,
        cases=_cases(most=12),
    ),
    _law(
        name="last-step",
        statement="The last step counted changes the weights.",
        source="docs/theory.md (M1)",
        needs=(("w",), ("t_star", "steps"), ("data",), ("batches",)),
        fault="t* read off at the next checkpoint",
        look=_last_step,
        cases=_cases(most=12),
    ),
    _law(
        name="signal-grows",
        statement="w_1 never falls from one step to a later one.",
        source="docs/theory.md (M1)",
        needs=(("w",), ("data",), ("batches",)),
        fault="labels that are not folded into the update",
        look=_grows,
        cases=_cases(most=12),
    ),
)
