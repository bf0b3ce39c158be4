"""Property-based testing of SGD simulators: laws, strategies, and ``check`` (docs/testing.md).

Needs the extra ``testing``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from perceptron_sim.extras import require

if TYPE_CHECKING:
    from perceptron_sim.testing.conformance import Answer, Finding, Report, check
    from perceptron_sim.testing.law import Broken, Kind, Law, NotTestable
    from perceptron_sim.testing.laws import LAWS
    from perceptron_sim.testing.strategies import configs, gram_matrices, training_sets
    from perceptron_sim.testing.subject import Outcome

__all__ = [
    "LAWS",
    "Answer",
    "Broken",
    "Finding",
    "Kind",
    "Law",
    "NotTestable",
    "Outcome",
    "Report",
    "check",
    "configs",
    "gram_matrices",
    "training_sets",
]
_MODULES = ("conformance", "law", "laws", "strategies", "subject")


def __getattr__(name: str) -> Any:
    """Load a public name on first use; pytest loads this package with its plugin, and no more."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("perceptron_sim.testing", "hypothesis")
    for module in _MODULES:
        found = vars(import_module(f"perceptron_sim.testing.{module}"))
        if name in found:
            return found[name]
    raise AssertionError(name)
