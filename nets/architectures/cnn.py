"""Plain convolutional nets with a mean-field last layer (docs/nets.md)."""

import torch

from nets.architectures.activations import normalisation
from nets.architectures.base import Image
from nets.architectures.convolution import Convolution, Convolutional, halving, image_of

_KERNEL = 3


class Cnn(Convolutional):
    """L layers of h channels, kernels 3 x 3, average over the image, v / h.

    z_1 = W_1 * x / sqrt(fan-in), a_l = c act(z_l), z_{l+1} = W_{l+1} * a_l / sqrt(fan-in),
    f = v.<a_L> / h, <> the average over the image. A layer has stride 2 where its image is larger
    than 4 pixels. The fan-in is 9 h inside the image, less at its borders.
    """

    def __init__(self, d: int, depth: int, width: int, act: str, image: Image) -> None:
        """Prepare for images (height, width[, channels]), ``depth`` layers of ``width``."""
        c = normalisation(act)
        size, channels = image_of(image)
        layers: list[Convolution] = []
        for gain in [1.0] + [c] * (depth - 1):
            layers.append(Convolution(size, channels, width, _KERNEL, halving(size), gain))
            size, channels = layers[-1].out_size, width
        super().__init__(layers, act)

    def output(self, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return f, shape (R, n)."""
        a = self.images(x)
        for layer, w in zip(self.layers, weights[:-1], strict=True):
            a = self.activate(layer(w, a))
        return self.read_out(weights[-1], a)


build = Cnn
