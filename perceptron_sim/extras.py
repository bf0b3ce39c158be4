"""Optional packages: which extra brings each, and the one line that says how to get it."""

from importlib.util import find_spec

from perceptron_sim.errors import InputError

# Module to its name for people, and the extra that brings it.
_EXTRAS = {
    "torch": ("PyTorch", "nets"),
    "sklearn": ("scikit-learn", "nets"),
    "threadpoolctl": ("threadpoolctl", "nets"),
    "dask": ("Dask", "cluster"),
    "distributed": ("Dask distributed", "cluster"),
    "xarray": ("xarray", "netcdf"),
    "h5netcdf": ("h5netcdf", "netcdf"),
    "h5py": ("h5py", "netcdf"),
    "hypothesis": ("Hypothesis", "testing"),
    "pytest": ("pytest", "testing"),
}
_CPU = "pip install torch --index-url https://download.pytorch.org/whl/cpu"


class MissingExtra(ModuleNotFoundError, InputError):
    """A package that only an extra brings is not installed; the message names the extra."""


def require(purpose: str, *modules: str) -> None:
    """Check, without importing them, that optional modules are installed.

    Args:
        purpose: what needs them, for the message: "nets", "--scheduler".
        modules: names of top-level modules, each one that an extra brings.

    Raises:
        MissingExtra: naming the first that is missing and how to install it.
    """
    for module in modules:
        if not installed(module):
            raise MissingExtra(f"{purpose}: {how_to_install(module)}", name=module)


def how_to_install(module: str) -> str:
    """Return one line that says which extra brings ``module``, and how to install it."""
    title, extra = _EXTRAS[module]
    line = f"{title} is not installed: pip install 'perceptron-sim[{extra}]'"
    if extra == "nets":
        line += f" (before it, for a machine without a GPU: {_CPU})"
    return line


def explained(error: ImportError) -> str | None:
    """Return the line for an import that failed; None if no optional module is the cause."""
    module = (error.name or "").partition(".")[0]
    if module not in _EXTRAS:
        return None
    if isinstance(error, ModuleNotFoundError):
        return how_to_install(module)
    title, extra = _EXTRAS[module]
    return f"{title} cannot be imported ({error}): install perceptron-sim[{extra}] again"


def installed(module: str) -> bool:
    """Tell whether there is a module to import, without importing it."""
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
    except ValueError:
        # Imported already, from nowhere in particular.
        return True
