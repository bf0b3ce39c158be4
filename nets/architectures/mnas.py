"""MNAS, the convolutional net of the papers (docs/nets.md)."""

import math

import torch

from nets.architectures.activations import normalisation
from nets.architectures.base import Image
from nets.architectures.convolution import Convolution, Convolutional, image_of

_KERNEL = 5
_EXPANSION = 3


class Mnas(Convolutional):
    """Stem of 4h channels, depthwise-separable layer to 2h, L inverted residuals, head of 20h.

    As in the authors' code, which has L = 4: blocks come in pairs of h, 3h, 5h, ... channels. A
    block is a 1 x 1 expansion to three times its channels, a 5 x 5 depthwise convolution and a
    1 x 1 projection, with activations between them and none after. The first of a pair halves its
    image; the second leaves shapes as they are and returns (x + branch)/sqrt(2). The head is
    1 x 1; f = (v.<a> + b) / (20h), <> the average over the image. Zeros around an image count as
    fan-in. Weights and the bias b start from N(0, 1).
    """

    def __init__(self, d: int, depth: int, width: int, act: str, image: Image) -> None:
        """Prepare for images (height, width[, channels]), ``depth`` blocks and h = ``width``."""
        c = normalisation(act)
        size, channels = image_of(image)
        layers = [Convolution(size, channels, 4 * width, _KERNEL, 2, zeros_count=True)]

        def add(outputs: int, gain: float, kernel: int = 1, stride: int = 1) -> None:
            before = layers[-1]
            layers.append(
                Convolution(
                    *(before.out_size, before.outputs, outputs, kernel, stride, gain),
                    depthwise=kernel > 1,
                    zeros_count=True,
                )
            )

        add(4 * width, c, _KERNEL)
        add(2 * width, c)
        # Factors of what each block with a skip adds its branch to.
        self._skips: list[float | None] = []
        # What the first block reads is act(z) without its factor c.
        carried = c
        for block in range(depth):
            second = block % 2 == 1
            channels = (2 * (block // 2) + 1) * width
            middle = _EXPANSION * layers[-1].outputs
            add(middle, carried)
            add(middle, c, _KERNEL, 1 if second else 2)
            add(channels, c * math.sqrt(0.5) if second else c)
            self._skips.append(math.sqrt(0.5) if second else None)
            carried = 1.0
        add(20 * width, carried)
        super().__init__(layers, act, bias=True)

    def output(self, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return f, shape (R, n)."""
        pairs = zip(self.layers, weights[:-1], strict=True)

        def convolve(a: torch.Tensor) -> torch.Tensor:
            layer, w = next(pairs)
            return layer(w, a)

        a = self.images(x)
        for _ in range(3):
            a = self.activate(convolve(a))
        for skip in self._skips:
            branch = convolve(self.activate(convolve(self.activate(convolve(a)))))
            a = branch if skip is None else torch.add(branch, a, alpha=skip)
        return self.read_out(weights[-1], self.activate(convolve(a)))


build = Mnas
