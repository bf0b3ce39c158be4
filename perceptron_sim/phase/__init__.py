"""Planes of the phase diagram: one module a plane, one line of this registry each."""

from collections.abc import Mapping
from importlib import import_module

from perceptron_sim.errors import InputError
from perceptron_sim.phase.plane import Plane

# Name to the module whose PLANE it is.
PLANES = {
    "B-eta": "perceptron_sim.phase.batch_rate",
    "T-kappa": "perceptron_sim.phase.temperature",
    "dynamics": "perceptron_sim.phase.dynamics",
    "late-noise": "perceptron_sim.phase.late_noise",
}


def plane_of(name: str, more: Mapping[str, str] | None = None, *, of_others: bool = False) -> Plane:
    """Return a plane by its name.

    Args:
        name: of the plane.
        more: planes of other models, as ``PLANES``.
        of_others: which one is meant where both have a plane of that name.

    Raises:
        InputError: if there is none of that name.
    """
    planes = {**PLANES, **(more or {})} if of_others else {**(more or {}), **PLANES}
    if name not in planes:
        raise InputError(f"plane {name!r} is unknown: choose one of {', '.join(planes)}")
    found = import_module(planes[name]).PLANE
    assert isinstance(found, Plane)
    return found
