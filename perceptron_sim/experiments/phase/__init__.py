"""Planes of the phase diagram: one module a plane, one line of this registry each."""

from importlib import import_module

from perceptron_sim.errors import InputError
from perceptron_sim.experiments.phase.plane import Plane

# Name to the module whose PLANE it is.
PLANES = {
    "B-eta": "perceptron_sim.experiments.phase.batch_rate",
    "T-kappa": "perceptron_sim.experiments.phase.temperature",
    "dynamics": "perceptron_sim.experiments.phase.dynamics",
    "late-noise": "perceptron_sim.experiments.phase.late_noise",
}


def plane(name: str) -> Plane:
    """Return a plane by its name.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in PLANES:
        raise InputError(f"plane {name!r} is unknown: choose one of {', '.join(PLANES)}")
    found = import_module(PLANES[name]).PLANE
    assert isinstance(found, Plane)
    return found
