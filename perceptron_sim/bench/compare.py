"""Benchmarks of every dynamics: its fast kernels, the reference loop and common libraries.

The table of ``kernels.dynamics`` lists what is compared, as in tests.

Times are those of the kernels alone, on one thread, compiled before. Runs of two kernels are
interleaved in one process on the same data. As t* scatters from run to run and each kernel
draws its own batches, the ratio of the times per step stands next to the ratio of the times.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np

from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.kernels.dynamics import AUTO, DYNAMICS, REFERENCE, SGD
from perceptron_sim.parameters import DEFAULT_KAPPA
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.result import RunResult
from perceptron_sim.runs.simulate import StopFlag, simulate, training_data
from perceptron_sim.status import Status
from perceptron_sim.store.schema import Record

KERNELS = DYNAMICS[SGD].on_given_data
Say = Callable[[str], None]

# Runs shorter than this are repeated with more seeds, up to so many or for so long.
_SHORT_S, _MOST_SEEDS, _SHORT_TOTAL_S = 1e-3, 40, 0.2
_PROBE_STEPS = 20_000
_TORCH_CHUNK = 128


@dataclass(frozen=True)
class Case:
    """One point of the benchmark, at T = 1, so that kappa is kappa/T."""

    chi: float
    d: int
    P: int
    B: int = 2
    kappa: float = DEFAULT_KAPPA
    dynamics: str = SGD

    @property
    def name(self) -> str:
        """The case in words."""
        mantissa, exponent = math.frexp(self.kappa)
        power = mantissa == 0.5 and self.kappa < 1
        kappa = f"2^{exponent - 1}" if power else f"{self.kappa:g}"
        which = "" if self.dynamics == SGD else f"{self.dynamics}: "
        return f"{which}chi {self.chi:g}, d {self.d}, P {self.P}, B {self.B}, kappa/T {kappa}"

    def config(self, seed: int, **limits: int) -> PerceptronConfig:
        """Return the configuration of one replica."""
        point = asdict(self)
        del point["dynamics"]
        return PerceptronConfig(**point, seed=seed, **limits)


HEADLINE = (
    Case(0, 8, 16384),
    Case(1, 16, 131072),
    Case(0, 8, 4096),
    Case(1, 8, 16384),
    Case(1, 64, 16384),
    Case(3, 128, 16384),
    Case(1, 16, 8192, kappa=128.0),
)
OTHERS = tuple(Case(1, 16, 1024, dynamics=name) for name in DYNAMICS if name != SGD)
GRID = tuple(
    Case(chi, d, P, B)
    for chi, d, P, B in itertools.product(
        (0, 1, 3), (8, 64, 128), (256, 1024, 4096, 16384), (1, 2, 16, 256)
    )
)


@dataclass(frozen=True)
class Settings:
    """How much to measure: ``quick`` shrinks everything until it only shows that it works."""

    repeats: int = 5
    limit_s: float = 20.0
    quick: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        if self.repeats < 2:
            raise InputError(f"--repeats {self.repeats}: allowed is >= 2, a spread needs two runs")
        if not 0 < self.limit_s < math.inf:
            raise InputError(f"--limit-s {self.limit_s:g}: allowed is 0 < seconds < inf")

    @property
    def seeds(self) -> int:
        """Replicas of each case, at least."""
        return 2 if self.quick else self.repeats

    def shown(self, cases: Iterable[Case]) -> list[Case]:
        """Return the cases, shrunk and without doubles if this is to be quick."""
        if not self.quick:
            return list(cases)
        small = (replace(c, d=min(c.d, 16), P=min(c.P, 128), B=min(c.B, 16)) for c in cases)
        return list(dict.fromkeys(small))


def run_kernel(
    config: PerceptronConfig, kernel: str, data: FloatArray | None = None, dynamics: str = SGD
) -> RunResult:
    """Run one kernel without checkpoints, so that Ctrl-C ends it at its next step."""
    stop = StopFlag()
    # Python sees no signal while a kernel runs in the main thread.
    with ThreadPoolExecutor(1) as pool:
        how: dict[str, Any] = {"dynamics": dynamics, "stop": stop}
        # A loop that draws its own samples can be given none; its time has their drawing in it.
        how["data"] = data if kernel in DYNAMICS[dynamics].on_given_data else None
        future = pool.submit(simulate, config, kernel, None, **how)
        try:
            return future.result()
        except BaseException:
            stop.set()
            raise


def warm_up() -> dict[str, float]:
    """Compile all kernels, or load them; return the seconds of a call of SGD's, hardly a step."""
    least = PerceptronConfig(P=1, d=2, B=1)
    for name in DYNAMICS:
        run_kernel(least, REFERENCE, dynamics=name)
    wall = {kernel: [run_kernel(least, kernel).wall_s for _ in range(21)] for kernel in KERNELS}
    return {kernel: float(np.median(some)) for kernel, some in wall.items()}


def compare(
    cases: Iterable[Case], settings: Settings, say: Say, limit_s: float = math.inf
) -> list[Record]:
    """Compare the kernels; cases whose reference run is predicted to exceed the limit are named."""
    rows = []
    for case in settings.shown(cases):
        predicted = predicted_reference_s(case) if limit_s < math.inf else 0.0
        if predicted > limit_s:
            skipped = f"a reference run is predicted to take {predicted:.3g} s"
            rows.append({"case": case.name, **asdict(case), "skipped": skipped})
            say(f"{case.name}: skipped, {skipped}")
        else:
            rows.append(_compare(case, settings, say))
    return rows


def predicted_reference_s(case: Case) -> float:
    """Predict the seconds of a reference run: steps of an event run times a first rate.

    The rate is that of the first steps, which hit most, so that it is rather too slow.
    """
    event = run_kernel(case.config(0), AUTO)
    first = run_kernel(case.config(0, max_steps=_PROBE_STEPS), REFERENCE)
    quiet = math.ceil(case.P / case.B)
    done = min(_PROBE_STEPS, first.steps + quiet) if first.status == Status.FITTED else _PROBE_STEPS
    return (event.steps + quiet) * first.wall_s / done


def _compare(case: Case, settings: Settings, say: Say) -> Record:
    kernels = DYNAMICS[case.dynamics].on_given_data
    runs: dict[str, list[RunResult]] = {kernel: [] for kernel in kernels}
    while not _enough(runs, settings):
        config = case.config(seed=len(runs[REFERENCE]))
        data = training_data(config)
        # Whoever comes second finds the data in the caches.
        for kernel in kernels if config.seed % 2 else reversed(kernels):
            runs[kernel].append(run_kernel(config, kernel, data, case.dynamics))
    row: Record = {"case": case.name, **asdict(case), "seeds": len(runs[REFERENCE])}
    row |= {kernel: timing(done) for kernel, done in runs.items()}
    fastest, reference = row[kernels[0]], row[REFERENCE]
    row["ratios"] = {
        "of_medians": reference["median_s"] / fastest["median_s"],
        "of_sums": reference["sum_s"] / fastest["sum_s"],
        "per_step": reference["ns_per_step"] / fastest["ns_per_step"],
    }
    if case.dynamics == SGD:
        # What the reference reads at least: B samples a step, at random places.
        reference["read_GB_per_s"] = 8 * case.d * case.B / reference["ns_per_step"]
    say(f"{case.name}: {row['ratios']['of_medians']:.3g} times as fast, {row['seeds']} seeds")
    return row


def _enough(runs: dict[str, list[RunResult]], settings: Settings) -> bool:
    done = len(runs[REFERENCE])
    if done < settings.seeds or settings.quick:
        return done >= settings.seeds
    spent = [sum(run.wall_s for run in some) for some in runs.values()]
    is_long = min(spent) >= _SHORT_S * done or sum(spent) >= _SHORT_TOTAL_S
    return is_long or done >= _MOST_SEEDS


def timing(runs: list[RunResult]) -> Record:
    """Summarise runs of one kernel: median and spread of the wall time, time per step."""
    wall = [run.wall_s for run in runs]
    steps = sum(run.steps for run in runs)
    return {
        "median_s": float(np.median(wall)),
        "min_s": min(wall),
        "max_s": max(wall),
        "quartiles_s": np.quantile(wall, (0.25, 0.75)).tolist(),
        "sum_s": sum(wall),
        "ns_per_step": 1e9 * sum(wall) / steps,
        "steps": [run.steps for run in runs],
        "hits": [run.hits for run in runs],
        "wall_s": wall,
        "not_fitted": sum(run.status != Status.FITTED for run in runs),
    }


def compare_peers(rows: Iterable[Record], settings: Settings, say: Say) -> list[Record]:
    """Measure the libraries at each distinct (d, P, B) of compared cases; extrapolate to them.

    ``peers`` of a dynamics lists its libraries.

    A row for each of ``rows`` that was not skipped: ns per step of each library, and the seconds
    it would take for the steps of the reference: an extrapolation, not a measurement.
    """
    seconds = 0.02 if settings.quick else 0.5
    rates: dict[tuple[str, int, int, int], dict[str, Record]] = {}
    found = {}
    for row in rows:
        if "skipped" in row or row["case"] in found:
            continue
        place = (row["dynamics"], row["d"], row["P"], row["B"])
        if place not in rates:
            say("libraries against {} at d {}, P {}, B {}".format(*place))
            config = Case(row["chi"], *place[1:], row["kappa"]).config(0)
            features = training_data(config) / math.sqrt(config.d)
            rates[place] = {
                name: _STEPS_OF[name](features, config.threshold, config.B, seconds)
                for name in DYNAMICS[row["dynamics"]].peers
            }
        steps = float(np.mean(row["reference"]["steps"]))
        event_s = row[DYNAMICS[row["dynamics"]].on_given_data[0]]["sum_s"] / row["seeds"]
        entry: Record = {"case": row["case"], "reference_steps": steps, "event_s": event_s}
        entry["reference_s"] = row["reference"]["sum_s"] / row["seeds"]
        for name, rate in rates[place].items():
            entry[name] = dict(rate)
            if "skipped" not in rate:
                extrapolated = 1e-9 * steps * rate["ns_per_step"] * row["B"] / rate["samples"]
                entry[name] |= {
                    "extrapolated_s": extrapolated,
                    "extrapolated_over_event": extrapolated / event_s,
                }
        found[row["case"]] = entry
    return list(found.values())


def _sklearn(features: FloatArray, threshold: float, B: int, seconds: float) -> Record:
    """Time one-sample steps of SGDClassifier, drawn without replacement, epoch by epoch."""
    try:
        from sklearn.linear_model import SGDClassifier
    except ImportError as error:
        return {"skipped": f"not installed ({error})"}
    # Two classes are wanted; unfolding with random labels leaves y x, all that counts.
    labels = np.where(np.random.default_rng(0).random(len(features)) < 0.5, -1.0, 1.0)
    labels[:2] = -1.0, 1.0
    samples = features * labels[:, None]
    loss = {"loss": "hinge", "penalty": None, "fit_intercept": False}
    # Its margin is 1, so that w is measured in units of kappa.
    rate = {"learning_rate": "constant", "eta0": 1.0 / threshold}
    model = SGDClassifier(**loss, **rate, max_iter=2, tol=None, warm_start=True, random_state=0)
    model.fit(samples, labels)
    pace = _timed(lambda: model.fit(samples, labels)) / 2
    epochs = max(2, round(seconds / pace))
    model.set_params(max_iter=epochs)
    spent = _timed(lambda: model.fit(samples, labels))
    return _rate("scikit-learn", spent, epochs * len(samples), samples=1)


def _torch(features: FloatArray, threshold: float, B: int, seconds: float) -> Record:
    """Time steps of a plain loop, batches drawn with replacement."""
    try:
        import torch
    except ImportError as error:
        return {"skipped": f"not installed ({error})"}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    data = torch.from_numpy(features)
    w = torch.zeros(data.shape[1], dtype=data.dtype)
    generator = torch.Generator().manual_seed(0)

    def chunk() -> None:
        for _ in range(_TORCH_CHUNK):
            batch = data[torch.randint(len(data), (B,), generator=generator)]
            w.add_((batch @ w < threshold).to(batch.dtype) @ batch)

    try:
        with torch.no_grad():
            chunk()
            spent = [_timed(chunk)]
            while sum(spent) < seconds:
                spent.append(_timed(chunk))
    finally:
        torch.set_num_threads(threads)
    return _rate("torch", sum(spent), len(spent) * _TORCH_CHUNK, samples=B)


# How the peers of the table are timed.
_STEPS_OF: dict[str, Callable[[FloatArray, float, int, float], Record]] = {
    "scikit-learn": _sklearn,
    "torch": _torch,
}


def _rate(package: str, spent: float, steps: int, samples: int) -> Record:
    return {
        "version": metadata.version(package),
        "ns_per_step": 1e9 * spent / steps,
        "samples": samples,
        "measured_steps": steps,
        "measured_s": spent,
    }


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
