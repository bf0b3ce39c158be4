"""Linking of kernels: functions that a kernel calls are compiled into it, and optimised once.

Numba optimises each function, makes machine code of it, links it into its callers and optimises it
there again, at every level. Here only a kernel that Python calls is optimised and becomes machine
code. Functions that it calls are passed to it before optimisation. The result is as fast, and takes
little more than half the time to compile.
"""

from typing import Any

from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.types.misc import unliteral


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """Code that other code is linked with, and that nothing calls by itself."""

    def _optimize_final_module(self) -> None:
        """Leave it to the kernel that this becomes a part of, but for what calls nothing itself.

        Small functions are inlined where they are called, and kernels are faster if they went
        through the optimiser before.
        """
        if not self._linking_libraries:
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return that there is no such machine code."""
        return 0

    @property
    def codegen(self) -> Any:
        """Code that sets environments in machine code; there is none."""
        return _NoMachineCode


class _NoMachineCode:
    @staticmethod
    def set_env(name: str, env: Any) -> None:
        """Do nothing; ``set_environments`` does it for the kernel."""


class _WholeCompiler(Compiler):  # type: ignore[misc]
    """Compiles a kernel as a whole, and what it calls as parts of it."""

    def compile_extra(self, func: Any) -> Any:
        codegen = self.state.targetctx.codegen()
        self.state.library = codegen.create_library(func.__qualname__)
        self.state.library.enable_object_caching()
        before = codegen._library_class
        codegen._library_class = _Part
        try:
            return super().compile_extra(func)
        finally:
            codegen._library_class = before


class _PartDispatcher(CPUDispatcher):  # type: ignore[misc]
    """A function as kernels call it."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        # A constant would make a function of its own.
        plain = {name: unliteral(kind) for name, kind in kws.items()}
        return super().get_call_template([unliteral(kind) for kind in args], plain)


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A compiled function. Called from Python it is a kernel, called from a kernel a part of it."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        """Take the function and options of ``numba.jit``."""
        super().__init__(function, targetoptions=options, pipeline_class=_WholeCompiler)
        inner = options | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        self._part = _PartDispatcher(function, targetoptions=inner)

    @property
    def _numba_type_(self) -> Any:
        return types.Dispatcher(self._part)


def set_environments(compiled: Any) -> None:
    """Give the parts of a kernel their environments, as Numba does when it loads one."""
    for env in compiled._find_referenced_environments():
        compiled.codegen.set_env(env.env_name, env)
