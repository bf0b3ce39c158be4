"""The companion module for nets: data sets, architectures, training of many runs at once.

Without PyTorch, what needs it raises MissingExtra, which names the extra to install.
"""

import sys

from perceptron_sim.extras import require

# Every module that imports PyTorch itself; others reach it through these.
_NEED_TORCH = (*("nets.training", "nets.ntk", "nets.architectures.", "nets.lazy", "nets.scan"),)


class _Guard:
    """Looks at imports of this package's modules before Python's finders do."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Raise MissingExtra for a module that could not be loaded; else leave it to others."""
        if name.startswith(_NEED_TORCH):
            require("nets", "torch", "threadpoolctl")


sys.meta_path.insert(0, _Guard)
