"""The max-margin law: where lazy runs end, from the kernel alone (docs/lazy.md (5)).

SGD ends near the least norm that fits the training set with a margin raised by u times what a hit
moves its own sample, ||w - w_0|| = (kappa + u kick) omega, kick = T h mean diag K.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import POINT, SHARED, shared_by
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.analysis.summary import Entry
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.entries import Paired
from perceptron_sim.status import Status
from perceptron_sim.store.schema import LAZY

if TYPE_CHECKING:
    from nets.lazy.norms import KernelNorm

# kick/kappa from which runs measure u, and up to which they test the law without it.
HOT, COLD = 8.0, 0.05
# u of predictions: that of nets at one sample per step, whatever data and net (docs/lazy.md).
U = 0.5
# A net is lazy while its weights have moved by less than this part of ||w_0||.
_LAZY = 0.1


@dataclass(frozen=True)
class OfNet(Entry):
    """What runs share: "net" or "lazy", data, net and batch size."""

    model: str
    data: str
    chi: float | None
    d: int | None
    arch: str
    depth: int
    width: int
    act: str
    B: int


@dataclass(frozen=True)
class LawRow(OfNet):
    """The law at one P; of trained nets at their smallest kappa.

    Attributes:
        P: number of samples.
        n_seeds: number of seeds.
        omega, n_support, K_mean, K_spread, participation: means over seeds, as ``KernelNorm``.
        u: from runs at kick >= 8 kappa.
        cold: ||w - w_0|| / (kappa omega) at kick <= kappa/20, where the law says 1.
        hits_hot, hits_cold: H T h / (||w - w_0|| omega), at most 1 by the perceptron theorem.
        batch_hits: hits in a batch that changes something, where u is measured.
        T_c: kappa / (u h K_mean) at the smallest kappa, where noise takes over.
        T_lazy: T up to which ||w - w_0|| <= 0.1 ||w_0|| at that kappa; 0 where no T is.
    """

    P: int
    n_seeds: int
    omega: float
    n_support: float
    K_mean: float
    K_spread: float
    participation: float
    u: Paired | None
    cold: Paired | None
    hits_hot: Paired | None
    hits_cold: Paired | None
    batch_hits: Paired | None
    T_c: float
    T_lazy: float


@dataclass(frozen=True)
class LawFit(OfNet):
    """What the law says of a scan over P, from one number u for all of it.

    Attributes:
        kappa: smallest of the runs.
        n_seeds: number of seeds.
        window: over which P and kick/kappa, in words.
        u: geometric mean over P at kick >= 8 kappa, the range of its means as the interval.
        cold: ||w - w_0|| / (kappa omega) over all P, at kick <= kappa/20.
        residual: root mean square of ln(||w - w_0|| / predicted), over all runs.
        worst: largest |mean over seeds| of it at any (P, T, kappa).
        drift: exponent of u in P; the law says 0.
        gamma, gamma_omega, support: exponents of ||w - w_0||, omega and the number of support
            vectors, at kick >= 8 kappa as all that follow.
        b, hits, nu: exponents of t*, of H T h / (||w - w_0|| omega), and of 1 / n_mean with n_mean
            the mean unfitted fraction of the batches; b = gamma + gamma_omega + hits + nu.
    """

    kappa: float
    n_seeds: int
    window: str
    u: Paired | None
    cold: Paired | None
    residual: float
    worst: float
    drift: Paired | None
    gamma: Paired | None
    gamma_omega: Paired | None
    support: Paired | None
    b: Paired | None
    hits: Paired | None
    nu: Paired | None


@dataclass(frozen=True)
class LawPoint(OfNet):
    """1 + u x = ||w - w_0|| / (kappa omega) at one grid point, geometric mean over seeds.

    Attributes:
        P, kappa: of the runs.
        x: kick/kappa, mean over seeds.
        ratio: of the norms, with its 95 % interval, brought to the mean x by the law with u = 1/2.
    """

    P: int
    kappa: float
    x: float
    ratio: Paired


@dataclass(frozen=True)
class Law:
    """The max-margin law in a scan: rows at each P, a fit for each kind of net, all points."""

    rows: list[LawRow]
    fits: list[LawFit]
    points: list[LawPoint]

    def to_json(self) -> dict[str, Any]:
        """Return the lists of summary.json, by their names there."""
        parts: dict[str, Sequence[Entry]] = {
            "max_margin": self.rows,
            "max_margin_fits": self.fits,
            "max_margin_points": self.points,
        }
        return {name: [each.to_json() for each in part] for name, part in parts.items()}


def with_predictions(frame: pd.DataFrame, norms: "Mapping[str, KernelNorm]") -> pd.DataFrame:
    """Return runs with what the law says: NaN or False where no norm is known.

    ``dw_predicted`` is ||w - w_0|| with u = 1/2, ``cold`` whether kick <= kappa/20.
    """
    known = [norms.get(key) for key in frame["key"]]
    omega = np.array([(norm and norm.omega) or math.nan for norm in known])
    kick = frame["T"] * frame["width"] * [norm.K_mean if norm else math.nan for norm in known]
    predicted = (frame["kappa"] + U * kick) * omega
    return frame.assign(dw_predicted=predicted, cold=kick <= COLD * frame["kappa"])


def law_of(frame: pd.DataFrame, norms: "Mapping[str, KernelNorm]") -> Law:
    """Compare the ends of runs with the max-margin law.

    Args:
        frame: stored runs of nets, lazy or trained, a row each.
        norms: by the keys of runs, as ``NormLog.of`` gives them; points at which some run was not
            fitted, and runs without a known norm, are left out.
    """
    table = _measured(frame, norms)
    rows, fits, points = [], [], []
    for _, alike in table.groupby(list(SHARED), dropna=False, sort=True):
        shared = shared_by(alike)
        points += [LawPoint(**shared, **point) for point in _points(alike)]
        # Only of lazy runs ||w - w_0||/kappa depends on T/kappa alone.
        least = alike["kappa"] == alike["kappa"].min()
        chosen = alike if shared["model"] == LAZY else alike[least]
        rows += [LawRow(**shared, **_at(P, same)) for P, same in _by_size(chosen)]
        fits.append(LawFit(**shared, **_fit(chosen.copy())))
    return Law(rows, fits, points)


def _points(alike: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for P, same in _by_size(alike):
        for _, cell in same.groupby(["kappa", "T"]):
            # Kernels of other seeds have another <K>: each is brought to the mean kick by the law.
            x = float(cell["x"].mean())
            to_mean = (1.0 + U * x) / (1.0 + U * cell["x"])
            logs = np.log((cell["cold"] * to_mean).to_numpy(dtype=np.float64))
            found = Paired.of(logs)
            ends = (found.ci_low, found.ci_high)
            low, high = (None if end is None else math.exp(end) for end in ends)
            ratio = Paired(math.exp(found.measured), low, high)
            yield {"P": P, "kappa": float(cell["kappa"].iloc[0]), "x": x, "ratio": ratio}


def _measured(frame: pd.DataFrame, norms: "Mapping[str, KernelNorm]") -> pd.DataFrame:
    """Return a table of fitted runs with their norms, x = kick/kappa, u and hits ratio."""
    names = ("omega", "K_mean", "K_spread", "n_support", "participation")
    # The mean of a point at which some run was not fitted is biased.
    point = [frame[name] for name in (*SHARED, *POINT)]
    whole = (frame["status"] == Status.FITTED).groupby(point, dropna=False).transform("all")
    known = frame[whole & frame["key"].isin(norms.keys())].copy()
    for name in names:
        known[name] = [getattr(norms[key], name) for key in known["key"]]
    known = known[known["omega"].notna()].astype({"omega": float})
    kick = known["T"] * known["width"] * known["K_mean"]
    known["kick"], known["x"] = kick, kick / known["kappa"]
    known["u"] = (known["dw"] / known["omega"] - known["kappa"]) / kick
    known["cold"] = known["dw"] / (known["kappa"] * known["omega"])
    push = known["T"] * known["width"] * known["hits"]
    known["hits_ratio"] = push / (known["dw"] * known["omega"])
    known["batch_hits"] = known["hits"] / known["updates"]
    known["n_mean"] = known["hits"] / (known["B"] * known["steps"])
    return known


def _at(P: int, same: pd.DataFrame) -> dict[str, Any]:
    hot, cold = same[same["x"] >= HOT], same[same["x"] <= COLD]
    kernels = same.groupby("seed").first()
    names = ("omega", "n_support", "K_mean", "K_spread", "participation")
    means = {name: float(kernels[name].mean()) for name in names}
    u = _mean(hot, "u")
    kappa = float(same["kappa"].min())
    kick = (U if u is None else u.measured) * means["K_mean"] * float(same["width"].iloc[0])
    norm = _LAZY * float(kernels["w0_norm"].mean())
    return {
        **{"P": P, "n_seeds": len(kernels), **means, "u": u, "cold": _mean(cold, "cold")},
        **{"hits_hot": _mean(hot, "hits_ratio"), "hits_cold": _mean(cold, "hits_ratio")},
        **{"batch_hits": _mean(hot, "batch_hits"), "T_c": kappa / kick},
        "T_lazy": max(norm / means["omega"] - kappa, 0.0) / kick,
    }


def _fit(alike: pd.DataFrame) -> dict[str, Any]:
    # Far from the lazy regime ||w - w_0|| can be below kappa omega, and there is no such u.
    hot = alike[(alike["x"] >= HOT) & (alike["u"] > 0.0)]
    levels = [math.exp(np.log(same["u"]).mean()) for _, same in _by_size(hot)]
    u = math.exp(float(np.mean(np.log(levels)))) if levels else U
    logs = np.log(alike["dw"] / ((alike["kappa"] + u * alike["kick"]) * alike["omega"]))

    def slope(of: Callable[[pd.DataFrame], Any]) -> Paired | None:
        return _exponent(hot, of)

    sizes, x = alike["P"], alike["x"]
    return {
        "kappa": float(alike["kappa"].min()),
        "n_seeds": int(alike["seed"].nunique()),
        "window": f"P {sizes.min()}..{sizes.max()}, kick/kappa {x.min():.2g}..{x.max():.2g}",
        "u": Paired(u, min(levels), max(levels)) if levels else None,
        "cold": _mean(alike[alike["x"] <= COLD], "cold"),
        "residual": float(np.sqrt(np.mean(logs**2))),
        "worst": float(logs.groupby([alike[n] for n in ("P", "T", "kappa")]).mean().abs().max()),
        "drift": slope(lambda t: t["u"]),
        "gamma": slope(lambda t: t["dw"]),
        "gamma_omega": slope(lambda t: t["omega"]),
        "support": slope(lambda t: t["n_support"]),
        "b": slope(lambda t: t["t_star"]),
        "hits": slope(lambda t: t["hits_ratio"]),
        "nu": slope(lambda t: 1.0 / t["n_mean"]),
    }


def _exponent(hot: pd.DataFrame, of: Callable[[pd.DataFrame], Any]) -> Paired | None:
    """Return the exponent in P of a column of the runs, an intercept for each T and kappa."""
    cells = list(_complete(hot))
    fit = fit_power_law(
        [P for P, _, _ in cells],
        [np.log(np.asarray(of(cell), dtype=np.float64)) for _, _, cell in cells],
        [group for _, group, _ in cells],
        by_seed=True,
    )
    return None if fit is None else Paired(fit.slope, fit.ci_low, fit.ci_high)


def _complete(hot: pd.DataFrame) -> Iterator[tuple[float, Any, pd.DataFrame]]:
    """Yield P, (T, kappa) and the runs in the order of their seeds, where all seeds are there."""
    seeds = hot["seed"].nunique()
    for P, same in _by_size(hot):
        for group, cell in same.groupby(["T", "kappa"]):
            if len(cell) == seeds:
                yield float(P), group, cell.sort_values("seed")


def _by_size(runs: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    for P in sorted(set(runs["P"].tolist())):
        yield P, runs[runs["P"] == P]


def _mean(runs: pd.DataFrame, name: str) -> Paired | None:
    """Return the mean of a column over the means of seeds."""
    if runs.empty:
        return None
    seeds: FloatArray = runs.groupby("seed")[name].mean().to_numpy(dtype=np.float64)
    return Paired.of(seeds)
