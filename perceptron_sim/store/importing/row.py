"""One row of a file: every cell is checked by itself and against the others."""

import math
from typing import Any

from perceptron_sim.errors import InputError
from perceptron_sim.kernels.dynamics import SGD
from perceptron_sim.runs.identity import key_of
from perceptron_sim.status import Status
from perceptron_sim.store.importing.columns import COLUMNS, KERNEL, SHARED_SEEDS, parse, shown
from perceptron_sim.store.importing.reading import Cell, is_missing, is_not_finite
from perceptron_sim.store.schema import IMPORTED, PERCEPTRON, Record, of_version_0_1

# Two columns with the same meaning may differ by the rounding of their digits.
_PRINTED = 1e-3

POINT = ("P", "B", "T", "kappa")
# Columns that identify a run: of perceptrons, and of nets.
IDENTITY = {
    True: ("model", "chi", "d", *POINT, "seed"),
    False: ("model", "data", "chi", "d", "arch", "depth", "width", "act", *POINT, "seed"),
}


class Row:
    """One run of a file on its way into the store."""

    def __init__(self, where: str, cells: dict[str, Cell]) -> None:
        """Take the cells by names of the store's columns; ``where`` begins every message."""
        self._where = where
        self._cells = cells
        self._values: Record = {}

    def record(self, shared_seeds: bool) -> Record:
        """Return the row of the store, without its provenance.

        Args:
            shared_seeds: as in ``import_runs``.

        Raises:
            InputError: on the first cell that is wrong.
        """
        ended = self._needed("status", "say how each run ended, or --set status=fitted if all were")
        for name, column in COLUMNS.items():
            cell = self._cells.get(name)
            # Results of a run that was not fitted may be anything, since no fit uses them.
            lost = column.result and ended != Status.FITTED and is_not_finite(cell)
            self._values[name] = None if is_missing(cell) or lost else self._parsed(name)
        values = self._values
        perceptron = (
            self._needed("model", f"{PERCEPTRON}, net, lazy or another net's") == PERCEPTRON
        )
        for name in ("P", "B", "seed"):
            self._needed(name)
        if values["B"] > values["P"]:
            self._refuse("B", f"{values['B']} is larger than P = {values['P']}", "1 <= B <= P")
        self._identify(perceptron)
        width = 1 if perceptron else values["width"]
        values["eta"] = self._temperature(values["B"] * width, perceptron)
        values["alpha"] = self._margin(perceptron)
        if ended == Status.FITTED:
            self._time()
        self._norms(perceptron, ended == Status.FITTED)
        shared = shared_seeds or self._says_shared()
        identity = {name: values[name] for name in IDENTITY[perceptron]}
        return values | {
            "key": key_of({"imported": True, "config": identity}),
            "dynamics": SGD,
            "kernel": IMPORTED,
            "shared_seeds": shared,
            "message": "imported",
        }

    def _says_shared(self) -> bool:
        if is_missing(self._cells.get(SHARED_SEEDS)):
            return of_version_0_1(str(self._cells.get(KERNEL)))[2]
        return str(self._cells[SHARED_SEEDS]).lower() in ("true", "1", "1.0")

    def _identify(self, perceptron: bool) -> None:
        values = self._values
        if perceptron:
            for name in ("chi", "d"):
                self._needed(name)
            if values["d"] < 2:
                self._refuse("d", f"{values['d']} is out of range", "d >= 2 for the perceptron")
            return
        for name in ("data", "arch", "act"):
            self._needed(name)
        for name in ("depth", "width"):
            self._needed(name, "of the hidden layers")
        self._needed("d", "the number of values of one input, such as 784")

    def _temperature(self, factor: int, perceptron: bool) -> float:
        """Fill in T from eta if needed, and return eta. If both are given, they must agree."""
        values = self._values
        T, eta = values["T"], values["eta"]
        law = "eta = T B" if perceptron else "eta = T B h, h the width"
        if T is None and eta is None:
            self._absent("T", f"or eta; {law}")
        if T is None:
            T = values["T"] = eta / factor
            if not T > 0.0:
                self._refuse("eta", f"{eta:g} is out of range", "eta such that T > 0")
        elif eta is not None and not math.isclose(eta, T * factor, rel_tol=_PRINTED):
            self._refuse("eta", f"{eta:g} does not go with T = {T:g}", law)
        return float(T * factor)

    def _margin(self, perceptron: bool) -> float | None:
        values = self._values
        kappa, alpha = values["kappa"], values["alpha"]
        if kappa is None and alpha is None:
            self._absent("kappa", "or alpha; kappa = 1/alpha, the margin at which a sample is fit")
        if kappa is None:
            kappa = values["kappa"] = 1.0 / alpha
        elif alpha is not None and not math.isclose(kappa * alpha, 1.0, rel_tol=_PRINTED):
            self._refuse(
                "alpha", f"{alpha:g} does not go with kappa = {kappa:g}", "kappa = 1/alpha"
            )
        if kappa == 0.0 and not perceptron:
            self._refuse("kappa", "0 is out of range", "a number > 0 for nets")
        if not math.isfinite(kappa / values["T"]):
            self._refuse("kappa", f"{kappa:g} / T = {values['T']:g} overflows", "kappa / T < inf")
        # The rows of perceptrons have no alpha, which is infinite at kappa = 0.
        return None if perceptron else (alpha or 1.0 / kappa)

    def _time(self) -> None:
        values = self._values
        if values["t_star"] is None:
            if values["steps"] is None:
                self._absent("t_star", "or steps; t* = eta x index of the last step that changed w")
            t_star = values["t_star"] = values["eta"] * values["steps"]
            if not 0.0 < t_star < math.inf:
                self._refuse(
                    "steps",
                    f"{values['steps']} steps of eta make t* = {t_star:g}",
                    "such that 0 < t* < inf",
                )

    def _norms(self, perceptron: bool, fitted: bool) -> None:
        values = self._values
        if perceptron:
            w1, w_perp = values["w1"], values["w_perp"]
            if w1 is not None and w_perp is not None:
                values["lam"] = w1 / w_perp if w_perp > 0.0 else (math.inf if w1 > 0.0 else 0.0)
                self._agree("w_norm", math.hypot(w1, w_perp), "the norm of (w1, w_perp)")
            if fitted and not values["w_norm"]:
                self._absent("w_norm", "or w1 and w_perp; ||w||, not its square")
            return
        dw, w0 = values["dw"], values["w0_norm"]
        if dw is not None and w0:
            self._agree("dw_rel", dw / w0, "dw / w0_norm")
        if fitted and dw is None and values["dw_rel"] is None:
            self._absent("dw_rel", "||w - w0|| / ||w0||, or dw, ||w - w0||, not its square")

    def _agree(self, name: str, derived: float, law: str) -> None:
        given = self._values[name]
        if given is None:
            self._values[name] = derived
        elif not math.isclose(given, derived, rel_tol=_PRINTED):
            self._refuse(name, f"{given:g} is not {derived:g}", law)

    def _needed(self, name: str, meaning: str = "") -> Any:
        if is_missing(self._cells.get(name)):
            self._absent(name, meaning)
        return self._parsed(name)

    def _parsed(self, name: str) -> Any:
        cell = self._cells[name]
        try:
            return parse(name, cell)
        except ValueError as error:
            what = str(error)
            if is_not_finite(cell):
                what = f"{shown(cell)} is not a value, leave the cell empty where there is none"
            raise self._wrong(name, what, COLUMNS[name].allowed) from None

    def _absent(self, name: str, meaning: str) -> None:
        if name in self._cells:
            raise self._wrong(
                name, "is empty", f"{COLUMNS[name].allowed} ({meaning})".replace(" ()", "")
            )
        raise InputError(
            f"{self._where}: no column {name}{f' ({meaning})' if meaning else ''}: name the file's "
            f"by --column THEIRS={name}, or a value for all runs by --set {name}=VALUE"
        )

    def _refuse(self, name: str, what: str, allowed: str) -> None:
        raise self._wrong(name, what, allowed)

    def _wrong(self, name: str, what: str, allowed: str) -> InputError:
        return InputError(
            f"{self._where}, column {name}: {what}: allowed is {allowed}; correct the file, or "
            "leave the row out"
        )
