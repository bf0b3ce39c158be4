"""Convolutions over a replica axis, and what convolutional nets share.

Activations have shape (n, R C, height, width): every layer of all replicas is one grouped
convolution. On one core (B = 16, h = 32 and 64, R = 1, 4, 16) that took, forward and back, 0.5 to
1 times as long as a loop over replicas, and 0.4 to 1.2 times as long as products of unfolded
images; only 16 replicas of a wide depthwise layer, which leave the caches, took 1.8 times as long.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from nets.architectures.activations import ACTIVATIONS, normalisation
from nets.architectures.autograd import Autograd
from nets.architectures.base import Image

# Images are halved while they are larger than this.
SMALLEST = 4


@dataclass(frozen=True)
class Convolution:
    """A layer of convolutions without bias, zeros around the image, divided by sqrt(fan-in).

    The fan-in of a unit is the number of values it reads, without the zeros: at initialisation
    the second moment of a unit is that of what it reads, at borders too.

    Attributes:
        size: height and width of the images read.
        inputs, outputs: channels.
        kernel: side of the square kernel, odd.
        stride: step between the places it is put at.
        gain: factor of what is read, beside 1/sqrt(fan-in).
        depthwise: whether each channel is read by one output only; then outputs = inputs.
    """

    size: tuple[int, int]
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    gain: float = 1.0
    depthwise: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights of one replica."""
        return (self.outputs, 1 if self.depthwise else self.inputs, self.kernel, self.kernel)

    @property
    def out_size(self) -> tuple[int, int]:
        """Height and width of the images returned."""
        height, width = self.size
        return -(-height // self.stride), -(-width // self.stride)

    @property
    def floats(self) -> int:
        """Numbers a sample has at the output."""
        return self.outputs * math.prod(self.out_size)

    @property
    def flops(self) -> int:
        """Multiplications a sample takes, zeros around the image included."""
        return math.prod(self.shape) * math.prod(self.out_size)

    def __call__(self, w: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, shape (n, R outputs, *out_size).

        Args:
            w: weights, shape (R, *shape).
            a: images, shape (n, R inputs, *size).
        """
        # What is the same for all units goes to the weights, fewer than the activations.
        scale = self.gain / math.sqrt(self.shape[1])
        z = torch.nn.functional.conv2d(
            a,
            (w * scale).flatten(0, 1),
            stride=self.stride,
            padding=self.kernel // 2,
            groups=len(w) * (self.outputs if self.depthwise else 1),
        )
        if self.kernel > 1:
            z.mul_(_root_of_places(self.size, self.kernel, self.stride, z.dtype, z.device))
        return z


@cache
def _root_of_places(
    size: tuple[int, int], kernel: int, stride: int, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Return 1/sqrt(number of pixels read) of each unit, shape of an image returned."""
    along = []
    for side in size:
        centre = torch.arange(0, side, stride, dtype=torch.float64)
        first, last = centre - kernel // 2, centre + kernel // 2
        along.append(last.clamp(max=side - 1) - first.clamp(min=0) + 1)
    return torch.outer(*along).rsqrt().to(dtype).to(device)


def halving(size: tuple[int, int]) -> int:
    """Return the stride of a layer that halves images while they are large."""
    return 2 if max(size) > SMALLEST else 1


class Convolutional(Autograd):
    """Convolutions, then f = sum_c v_c (mean of channel c over the image) / C (mean field).

    Attributes:
        layers: the convolutions in the order of their weights; the last shape is that of v.
    """

    def __init__(self, layers: Sequence[Convolution], act: str) -> None:
        """Prepare for the channels and image size that the first layer reads."""
        self.layers = tuple(layers)
        channels = layers[-1].outputs
        self.shapes = [*(layer.shape for layer in layers), (channels, 1)]
        self.flops = sum(layer.flops for layer in layers) + layers[-1].floats
        self._act = ACTIVATIONS[act]
        read = layers[0].inputs * math.prod(layers[0].size)
        floats = [layer.floats for layer in layers]
        # Inputs in both orders, outputs of layers and of activations, two gradients on the way.
        copies = 1 if self._act.from_output else 2
        self.activations = 2 * read + copies * sum(floats) + 2 * max(floats)
        self._last = normalisation(act) / channels

    def images(self, x: torch.Tensor) -> torch.Tensor:
        """Return inputs (R, n, d), pixels with channels last, as (n, R channels, *size)."""
        first = self.layers[0]
        pixels = x.view(*x.shape[:2], *first.size, first.inputs).permute(1, 2, 3, 0, 4)
        images = pixels.flatten(3).permute(0, 3, 1, 2)
        # What lies last in memory here does so in all layers: channels suit oneDNN, which has
        # single precision only, and pixels suit the rest, by factors of 1.3 to 3 each.
        last = x.dtype == torch.float32 and x.device.type == "cpu"
        return images if last else images.contiguous()

    def activate(self, z: torch.Tensor) -> torch.Tensor:
        """Return act(z); its normalisation is a gain of the layer that reads it."""
        return self._act.apply(z)

    def read_out(self, v: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """Return f, shape (R, n), from v (R, C, 1) and the last activations, not normalised."""
        pooled = a.mean((2, 3)).unflatten(1, v.shape[:2]).transpose(0, 1)
        return torch.bmm(pooled, v).squeeze(-1) * self._last


def image_of(image: Image) -> tuple[tuple[int, int], int]:
    """Return (height, width) and the number of channels of an image's shape."""
    assert image is not None
    height, width, channels = (*image, 1)[:3]
    return (height, width), channels
