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
    the second moment of a unit is that of what it reads, at borders too. Where zeros count, as in
    the authors' code, it falls there; then a layer with a stride has them as that code does, an
    odd one at the lower and the right border.

    Attributes:
        size: height and width of the images read.
        inputs, outputs: channels.
        kernel: side of the square kernel, odd.
        stride: step between the places it is put at.
        gain: factor of what is read, times 1/sqrt(fan-in).
        depthwise: whether each channel is read by one output only; then outputs = inputs.
        zeros_count: whether zeros around the image are fan-in.
    """

    size: tuple[int, int]
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    gain: float = 1.0
    depthwise: bool = False
    zeros_count: bool = False

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
    def padded(self) -> int:
        """Numbers of the copy of a sample with zeros around it, where one is made."""
        if not (self.zeros_count and self.stride > 1):
            return 0
        left, right, above, below = _zeros(self.size, self.kernel, self.stride)
        return self.inputs * (self.size[0] + above + below) * (self.size[1] + left + right)

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
        fan_in = math.prod(self.shape[1:]) if self.zeros_count else self.shape[1]
        padding = self.kernel // 2
        if self.padded:
            a, padding = torch.nn.functional.pad(a, _zeros(self.size, self.kernel, self.stride)), 0
        scaled = w * (self.gain / math.sqrt(fan_in))
        single = self.kernel == self.stride == 1 and not self.depthwise
        if single and a.device.type == "cuda":
            # On a CPU products took 0.9 to 2.1 times as long, forward and back.
            return products(scaled, a)
        z = torch.nn.functional.conv2d(
            a,
            scaled.flatten(0, 1),
            stride=self.stride,
            padding=padding,
            groups=len(w) * (self.outputs if self.depthwise else 1),
        )
        if self.kernel > 1 and not self.zeros_count:
            z.mul_(_root_of_places(self.size, self.kernel, self.stride, z.dtype, z.device))
        return z


def products(w: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """Return convolutions of single pixels as batched products; arguments as of a layer."""
    pixels = a.reshape(len(a), len(w), w.shape[2], -1)
    return torch.matmul(w.flatten(2), pixels).reshape(len(a), -1, *a.shape[2:])


def _zeros(size: tuple[int, int], kernel: int, stride: int) -> list[int]:
    """Return how many zeros lie left, right, above and below an image, as JAX's "SAME" has it."""
    found = []
    for side in reversed(size):
        total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        found += [total // 2, total - total // 2]
    return found


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
    """Convolutions, then f = (sum_c v_c (mean of channel c over the image) + b) / C (mean field).

    Attributes:
        layers: the convolutions in the order of their weights; the last shape is that of v, to
            which a bias b is appended if there is one.
    """

    def __init__(self, layers: Sequence[Convolution], act: str, bias: bool = False) -> None:
        """Prepare for the channels and image size that the first layer reads."""
        self.layers = tuple(layers)
        channels = layers[-1].outputs
        self.shapes = [*(layer.shape for layer in layers), (channels + bias, 1)]
        self.flops = sum(layer.flops for layer in layers) + layers[-1].floats
        self._act = ACTIVATIONS[act]
        read = layers[0].inputs * math.prod(layers[0].size)
        floats = [layer.floats for layer in layers]
        # Inputs in both orders, outputs of layers and of activations, two gradients on the way.
        copies = 1 if self._act.from_output else 2
        copied = sum(layer.padded for layer in layers)
        self.activations = 2 * read + copies * sum(floats) + 2 * max(floats) + copied
        self._channels = channels
        self._gain = normalisation(act)

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
        """Return f, shape (R, n), from v, (R, C, 1), and the last activations, not normalised."""
        C = self._channels
        pooled = a.mean((2, 3)).unflatten(1, (len(v), C)).transpose(0, 1)
        f = torch.bmm(pooled, v[:, :C]).squeeze(-1) * (self._gain / C)
        return f if v.shape[1] == C else f + v[:, C] / C


def image_of(image: Image) -> tuple[tuple[int, int], int]:
    """Return (height, width) and the number of channels of an image's shape."""
    assert image is not None
    height, width, channels = (*image, 1)[:3]
    return (height, width), channels
