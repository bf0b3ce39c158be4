"""A net of the user's own, tried on a few samples before anything rests on it.

Runs share tensors with others, whichever these are. So a net must give each sample of each replica
what it would give it alone, must not touch what it is given, and must say the same twice.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from nets.architectures.base import Architecture, sample_gradients
from perceptron_sim.errors import InputError, reason_of

_REPLICAS, _SAMPLES = 3, 5
# Of the largest number compared: what rounding may do where other samples are in company.
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}


def try_net(
    name: str,
    net: Architecture,
    d: int,
    dtype: torch.dtype,
    device: torch.device,
    by_sample: bool,
) -> None:
    """Refuse a net that cannot be trained, or whose results would depend on company.

    Args:
        name: of the architecture, for messages.
        net: as it was built.
        d: input dimension.
        dtype, device: of weights and inputs.
        by_sample: whether gradients sample by sample are needed, as they are for the observables
            along a course and for kernels.

    Raises:
        InputError: naming what is wrong, why it matters and what would mend it.
    """
    # What a net draws at random must not advance the streams of the caller.
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        trial = _Trial(name, net, d, dtype, device)
        trial.attributes()
        trial.draw()
        trial.forward()
        trial.company()
        trial.descend()
        if by_sample:
            trial.gradients()


class _Trial:
    """The steps of ``try_net``, in the order in which one rests on another."""

    def __init__(
        self, name: str, net: Any, d: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._name, self._net = name, net
        self._dtype, self._device = dtype, device
        self._tolerance = _TOLERANCE[dtype]
        rng = np.random.default_rng(0)
        self._rng = rng
        self._x = self._tensor(rng.standard_normal((_REPLICAS, _SAMPLES, d)))
        self._push = self._tensor(rng.uniform(0.5, 1.5, (_REPLICAS, _SAMPLES)))
        self._weights: list[torch.Tensor] = []
        self._f = self._x

    def attributes(self) -> None:
        """Check what is planned with."""
        shapes = getattr(self._net, "shapes", None)
        if not isinstance(shapes, list | tuple) or not shapes or not all(map(_is_shape, shapes)):
            raise self._wrong(
                f"shapes = {shapes!r:.80}", "give a list of tuples of integers >= 1, one a layer"
            )
        for what in ("flops", "activations"):
            value = getattr(self._net, what, None)
            good = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not good or value < 1:  # type: ignore[operator]
                raise self._wrong(f"{what} = {value!r:.80}", "give an integer >= 1, to plan with")

    def draw(self) -> None:
        """Draw the weights of a few replicas, twice from the same stream."""
        layers: list[list[np.ndarray]] = []
        for seed in (0, 0, 1, 2):
            drawn = self._call("draw", self._net.draw, np.random.default_rng(seed))
            shapes = [np.shape(layer) for layer in drawn]
            if shapes != [tuple(shape) for shape in self._net.shapes]:
                raise self._wrong(f"draw returns shapes {shapes}", "return one array a layer")
            layers.append([np.asarray(layer, dtype=np.float64) for layer in drawn])
        if not all(np.isfinite(layer).all() for drawn in layers for layer in drawn):
            raise self._wrong("draw returns values that are not finite", "mend it")
        if not all(map(np.array_equal, layers[0], layers[1])):
            raise self._wrong(
                "draw does not depend on the stream it is given alone, so runs are not "
                "reproducible",
                "draw from rng only",
            )
        # Beside the start, which may be a special place such as w = 0.
        self._weights = [
            self._tensor(np.stack(layer) + 0.1 * self._rng.standard_normal(np.stack(layer).shape))
            for layer in zip(*layers[1:], strict=True)
        ]

    def forward(self) -> None:
        """Evaluate, and again with the same arguments."""
        weights, x = [w.clone() for w in self._weights], self._x.clone()
        f = self._output(weights, x)
        if not torch.equal(x, self._x):
            raise self._wrong("output changes its inputs x in place", "work on a copy")
        if not all(map(torch.equal, weights, self._weights)):
            raise self._wrong("output changes the weights in place", "work on copies")
        if not torch.isfinite(f).all():
            raise self._wrong("output is not finite on normal inputs", "mend it")
        self._f = f.clone()
        self._compare(
            self._output(self._weights, self._x),
            self._f,
            "two calls with the same weights and inputs differ",
            "leave out dropout, other randomness and what is carried from call to call",
        )

    def company(self) -> None:
        """Evaluate some samples and some replicas without the others, and in another order."""
        for what, axis, remedy in (
            (
                "samples of a batch",
                1,
                "leave out what runs over samples, such as batch normalisation in training mode",
            ),
            ("replicas", 0, "reduce over no replica axis"),
        ):
            length = self._f.shape[axis]
            for chosen in ([1, 2], [length - 1], list(range(length))[::-1]):
                index = torch.tensor(chosen, device=self._device)
                x = self._x.index_select(axis, index)
                weights = self._weights
                if axis == 0:
                    weights = [w.index_select(0, index) for w in weights]
                self._compare(
                    self._output(weights, x),
                    self._f.index_select(axis, index),
                    f"the output for one of several {what} depends on the others, so a run "
                    "depends on what is trained with it",
                    remedy,
                )

    def descend(self) -> None:
        """Pass back some samples of some replicas, with the others and without."""
        every = self._descended(self._weights, self._x, self._push)
        some = self._push.clone()
        some[:, 2:] = 0.0
        padded = self._descended(self._weights, self._x, some)
        rows = self._descended(self._weights, self._x[:, :2], self._push[:, :2])
        alone = self._descended([w[1:2] for w in self._weights], self._x[1:2], self._push[1:2])
        if not all(torch.isfinite(layer).all() for layer in every):
            raise self._wrong("gradients are not finite on normal inputs", "mend it")
        for found, expected, what in (
            (rows, padded, "samples of a batch"),
            (alone, [layer[1:2] for layer in every], "replicas"),
        ):
            self._compare(
                *(_flat(found), _flat(expected)),
                f"the gradient for one of several {what} depends on the others",
                "reduce over the features of one sample only",
            )

    def gradients(self) -> None:
        """Differentiate sample by sample, and hold the sum against ``descend``."""
        expected = self._descended([w[:1] for w in self._weights], self._x[:1], self._push[:1])
        each = self._call(
            "the gradient of single samples (torch.func.vmap and grad, which the course and "
            "kernels need)",
            *(sample_gradients, self._net, [w[0] for w in self._weights], self._x[0]),
        )
        self._compare(
            _flat([torch.tensordot(self._push[0], part, dims=1) for part in each]),
            _flat(expected),
            "gradients of single samples do not add up to that of a batch",
            "write output such that torch.func.grad can differentiate it",
        )

    def _output(self, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        f = self._call("output", self._net.forward, weights, x)[0]
        wanted = tuple(x.shape[:2])
        if not isinstance(f, torch.Tensor) or tuple(f.shape) != wanted:
            got = f"shape {tuple(f.shape)}" if isinstance(f, torch.Tensor) else type(f).__name__
            squeeze = isinstance(f, torch.Tensor) and tuple(f.shape) == (*wanted, 1)
            raise self._wrong(
                f"output has {got} for {wanted[0]} replicas of {wanted[1]} samples",
                f"return (R, n), here {wanted}" + (", by squeeze(-1)" if squeeze else ""),
            )
        for what in ("dtype", "device"):
            if getattr(f, what) != getattr(x, what):
                raise self._wrong(
                    f"output has {what} {getattr(f, what)} for inputs of {getattr(x, what)}",
                    f"make tensors with {what} = x.{what}",
                )
        return f

    def _descended(
        self, weights: list[torch.Tensor], x: torch.Tensor, push: torch.Tensor
    ) -> list[torch.Tensor]:
        """Return what ``descend`` adds to the weights."""
        after = [w.clone() for w in weights]
        _, tape = self._call("output", self._net.forward, after, x)
        tape = tuple(part.clone() for part in tape)
        self._call("the gradient of output by all weights", self._net.descend, after, tape, push)
        return [a - w for a, w in zip(after, weights, strict=True)]

    def _call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            raise self._wrong(f"{what} raises {reason_of(error)}", "mend it") from error

    def _compare(self, f: torch.Tensor, expected: torch.Tensor, what: str, remedy: str) -> None:
        apart = float((f - expected).abs().max())
        if not apart <= self._tolerance * float(expected.abs().max()):
            raise self._wrong(what, remedy)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values, dtype=self._dtype, device=self._device)

    def _wrong(self, what: str, remedy: str) -> InputError:
        return InputError(f"arch = {self._name!r} cannot be used: {what}; {remedy}")


def _is_shape(shape: Any) -> bool:
    """Tell whether this is the shape of an array that holds something."""
    return isinstance(shape, list | tuple) and all(
        isinstance(n, int | np.integer) and n >= 1 for n in shape
    )


def _flat(layers: list[torch.Tensor]) -> torch.Tensor:
    """Return all layers one after the other, compared on the scale of the largest."""
    return torch.cat([layer.reshape(-1) for layer in layers])
