"""The samples that an ensemble reads: once on its device, of which replicas hold indices."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch

from nets.config import NetConfig
from nets.data import ImageData, Subsets
from nets.training.samples import chosen
from perceptron_sim.arrays import FloatArray, IntArray

# Choices of samples that are kept.
_MOST = 64


class Taken(NamedTuple):
    """What one run is trained and tested on.

    Attributes:
        where: its training samples are in the stock, shape (P,).
        y, y_test: labels, shapes (P,) and (P_test,).
        test: what ``Stock.test`` makes the test inputs of.
    """

    where: IntArray
    y: FloatArray
    test: np.ndarray
    y_test: FloatArray


class Stock(Protocol):
    """Samples in the memory of a device."""

    d: int

    def take(self, config: NetConfig) -> Taken:
        """Return the samples of one more run."""

    def give_back(self, config: NetConfig) -> None:
        """Let go of the samples of a run."""

    def rows(self, index: torch.Tensor) -> torch.Tensor:
        """Return samples ``index``, shape (n,), as inputs of a net, shape (n, d)."""

    def test(self, test: np.ndarray) -> Callable[[slice], torch.Tensor]:
        """Return what reads a part of test inputs, shape (n, d)."""


class Bytes:
    """All images of a data set as bytes, with the value that each byte stands for."""

    def __init__(self, images: ImageData, dtype: torch.dtype, device: torch.device) -> None:
        """Bring the images to the device; on a CPU they stay where they are."""
        mean, deviation = images.moments
        # As ``ImageData.inputs`` has it, to the bit.
        values = (np.arange(256.0) - mean) / deviation
        self.d = images.d
        self._images = images
        # What runs to come may take as well.
        self._taken: dict[tuple[object, ...], Taken] = {}
        self._pixels = torch.from_numpy(images.pixels).to(device)
        self._table = torch.from_numpy(values).to(device, dtype)

    def take(self, config: NetConfig) -> Taken:
        """Return the samples of one more run."""
        key = (*config.family, config.P, config.P_test)
        if key not in self._taken:
            if len(self._taken) >= _MOST:
                del self._taken[next(iter(self._taken))]
            train, test = chosen(config, self._images)
            y, y_test = (self._images.y[part].astype(np.float64) for part in (train, test))
            self._taken[key] = Taken(train, y, test, y_test)
        return self._taken[key]

    def give_back(self, config: NetConfig) -> None:
        """Let go of the samples of a run: nothing here is its own."""

    def rows(self, index: torch.Tensor) -> torch.Tensor:
        """Return samples ``index``, shape (n,), as inputs of a net, shape (n, d)."""
        pixels = self._pixels.index_select(0, index)
        return self._table.index_select(0, pixels.view(-1).int()).view(pixels.shape)

    def test(self, test: np.ndarray) -> Callable[[slice], torch.Tensor]:
        """Return what reads a part of test inputs, shape (n, d)."""
        index = torch.from_numpy(test).to(self._pixels.device)
        return lambda part: self.rows(index[part])


@dataclass
class _Home:
    """Where the samples of a seed are: the first index, runs that read them, what was drawn."""

    base: int
    users: int = 0
    drawn: list[Subsets] = field(default_factory=list)


class Floats:
    """Samples as they were drawn, in the precision of the net; runs of a seed share theirs."""

    def __init__(
        self,
        draw: Callable[[NetConfig], Subsets],
        capacity: int,
        P: int,
        d: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Make space for ``capacity`` runs of up to P samples each, which ``draw`` returns."""
        self.d = d
        self._draw = draw
        self._P = P
        self._x = torch.zeros((capacity * P, d), dtype=dtype, device=device)
        self._free = [P * i for i in range(capacity)]
        self._homes: dict[tuple[object, ...], _Home] = {}

    def take(self, config: NetConfig) -> Taken:
        """Return the samples of one more run."""
        P = config.P
        home = self._homes.get(config.family)
        if home is None:
            home = self._homes[config.family] = _Home(self._free.pop())
        home.users += 1
        for one in home.drawn:
            if len(one.y) >= P and len(one.y_test) == config.P_test:
                break
        else:
            one = self._draw(config)
            self._x[home.base : home.base + P].copy_(torch.from_numpy(one.x))
            # The inputs are in the stock now.
            one = Subsets(one.x[:0], one.y, one.x_test, one.y_test)
            home.drawn.append(one)
        return Taken(home.base + np.arange(P), one.y[:P], one.x_test, one.y_test)

    def give_back(self, config: NetConfig) -> None:
        """Let go of the samples of a run."""
        home = self._homes[config.family]
        home.users -= 1
        if home.users == 0:
            self._free.append(self._homes.pop(config.family).base)

    def rows(self, index: torch.Tensor) -> torch.Tensor:
        """Return samples ``index``, shape (n,), as inputs of a net, shape (n, d)."""
        n = len(index)
        if n > 1 and self._x.device.type == "cpu" and index[-1] - index[0] == n - 1:
            first = int(index[0])
            if torch.equal(index, torch.arange(first, first + n)):
                # A whole set, where it is.
                return self._x[first : first + n]
        return self._x.index_select(0, index)

    def test(self, test: np.ndarray) -> Callable[[slice], torch.Tensor]:
        """Return what reads a part of test inputs, shape (n, d)."""
        x = torch.from_numpy(test).to(self._x)
        return lambda part: x[part]
