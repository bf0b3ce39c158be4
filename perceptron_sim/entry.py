"""Where the program starts, and how it finds its packages ``cli`` and ``nets``.

Users may have packages of these names, too. So they are loaded from the folder that holds this
package, before anything else on the path of imports is looked at.
"""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from perceptron_sim.errors import InputError

_HOME = Path(__file__).resolve().parent.parent


def load_siblings() -> None:
    """Load the packages ``cli`` and ``nets`` that belong to this one.

    Raises:
        InputError: if this process has loaded others of these names.
    """
    for name in ("cli", "nets"):
        file = _HOME / name / "__init__.py"
        loaded = sys.modules.get(name)
        if loaded is not None:
            origin = getattr(loaded, "__file__", None)
            if origin is None or Path(origin).resolve() != file:
                raise InputError(
                    f"another package called {name!r} is loaded in this process ({loaded}): "
                    "rename it, or start perceptron-sim as a program of its own"
                )
            continue
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code, as ``cli.main.run``.

    Raises:
        InputError: as ``load_siblings``.
    """
    load_siblings()
    from cli.main import run

    return run(arguments)


def main() -> NoReturn:
    """Run the process's command line."""
    try:
        load_siblings()
        from cli.main import main
    except InputError as error:
        sys.exit(f"perceptron-sim: error: {error}")
    except KeyboardInterrupt:
        sys.exit(1)
    main()
