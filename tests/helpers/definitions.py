"""Definitions of the closed forms, by quadrature to 30 digits, and the values that they gave.

Quadrature is slow, so its values are kept; ``python tests/helpers/definitions.py`` renews them.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import mpmath as mp

VALUES = Path(__file__).parents[1] / "fixtures" / "closed_forms.json"
KINDS = ("n", "g_1", "z theta", "z^2 theta")
# (chi, lambda, margin) over the stated ranges; chi = 50 underflows beyond lambda ~ 1e5.
POINTS = [
    (-0.9, 0.0, 0.0),
    (-0.9, 0.3, 0.5),
    (-0.9, 1e5, 5.0),
    (-0.9, 1e8, 0.0),
    (-0.5, 0.99, 1e-3),
    (-0.5, 1e8, 50.0),
    (0.0, 0.0, 1.0),
    (0.0, 1e8, 0.0),
    (0.0, 1e8, 0.5),
    (0.0, 3.0, 50.0),
    (1.0, 1.0, 1.0),
    (1.0, 1e5, 1e3),
    (1.0, 1e8, 1e-3),
    (3.7, 0.3, 5.0),
    (3.7, 100.0, 0.0),
    (3.7, 1e8, 5.0),
    (20.0, 3.0, 0.0),
    (20.0, 100.0, 50.0),
    (20.0, 1e5, 0.5),
    (50.0, 0.0, 0.5),
    (50.0, 0.99, 3.0),
    (50.0, 3.0, 5.0),
    (50.0, 100.0, 0.0),
    (50.0, 100.0, 1e3),
]


def definition(kind: str, chi: float, lam: float, margin: float) -> Any:
    """Integrate over z_1 = u the conditional moment of g < margin - lambda u, 30 digits."""
    nu, lam, margin = mp.mpf(1 + chi), mp.mpf(lam), mp.mpf(margin)
    log_c = (1 - nu / 2) * mp.log(2) - mp.loggamma(nu / 2)

    def given_u(u: Any) -> Any:
        s = margin - lam * u
        return {
            "n": lambda: mp.ncdf(s),
            "g_1": lambda: u * mp.ncdf(s),
            "z theta": lambda: -mp.npdf(s),
            "z^2 theta": lambda: mp.ncdf(s) - s * mp.npdf(s),
        }[kind]()

    # u = y^k takes away the singularity of u^(nu-1) below nu = 1.
    k = 1 / nu if nu < 1 else mp.mpf(1)

    def integrand(y: Any) -> Any:
        if y == 0:
            return mp.mpf(0)
        return k * mp.exp(log_c + (nu * k - 1) * mp.log(y) - y ** (2 * k) / 2) * given_u(y**k)

    edges = {mp.mpf(0), *(mp.sqrt(nu) + j for j in range(-16, 17, 2))}
    # Where p(u) phi(margin - lambda u) peaks.
    saddle = lam * margin + mp.sqrt((lam * margin) ** 2 + 4 * nu * (1 + lam**2))
    saddle /= 2 * (1 + lam**2)
    edges |= {saddle + j / mp.sqrt(1 + lam**2) for j in range(-14, 16, 2)}
    top = max(mp.sqrt(nu), saddle) + 16
    if lam >= 1:
        peak = (margin + mp.sqrt(margin**2 + 4 * nu)) / 2
        edges |= {(at + j) / lam for at in (peak, margin) for j in range(-14, 22)}
        top = min(top, (max(peak, margin) + 22) / lam)
    nodes = [u ** (1 / k) for u in [*sorted(e for e in edges if 0 <= e < top), top]]
    # mpmath stops at an absolute error: bring the integrand to order one.
    scale = max(abs(integrand((a + b) / 2)) * (b - a) for a, b in pairwise(nodes))
    return scale * mp.quad(lambda y: integrand(y) / scale, nodes)


def kept() -> dict[str, dict[str, str]]:
    """Return the values kept: of each point, as text, those of all kinds."""
    found: dict[str, dict[str, str]] = json.loads(VALUES.read_text())
    return found


if __name__ == "__main__":
    with mp.workdps(30):
        made = {
            str(point): {kind: mp.nstr(definition(kind, *point), 25) for kind in KINDS}
            for point in POINTS
        }
    VALUES.write_text(json.dumps(made, indent=1) + "\n")
