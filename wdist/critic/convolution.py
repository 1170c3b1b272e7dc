"""Convolutional critics for images: strided convolutions with activations between them, and a linear layer at the end.

The recipe is `ConvNet`; images reach it flattened, as every point does, and the first layer gives them their shape
back. A convolution's weight is kept as the matrix that acts on one patch: where patches do not overlap, the whole
convolution stretches exactly as that matrix does, and orthonormal rows or columns make it 1-Lipschitz.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from wdist.critic.nets import ACTIVATIONS, WIDEST, FeedForward, Net, linear
from wdist.errors import InputError
from wdist.options import check_whole

__all__ = ["ConvNet", "Convolution", "ScalarConvNet"]

AXES = 3


@dataclass(frozen=True)
class ConvNet(Net):
    """Convolutions that divide the sides by `stride` each, an activation after each, and a linear layer to one number.

    The default holds every slope that a certificate allows: its patches do not overlap and its activation preserves
    norms, as `Orthonormal` wants it. The critic of DCGAN (Radford, Metz and Chintala 2016), without batch
    normalisation, is `ConvNet(shape, (64, 128, 256), "leaky_relu", kernel=4)`.

    Attributes:
        shape: Channels, height and width (C, H, W) of the images, in the order in which they were flattened.
        channels: Of each convolution's output.
        activation: A key of `ACTIVATIONS`; `maxmin` and `groupsort` sort channels at each pixel.
        kernel: Side of a patch, at least `stride`.
        stride: Step from patch to patch; a side that is no multiple of it is rounded up, with zeros about the image.
    """

    shape: tuple[int, int, int]
    channels: tuple[int, ...] = (32, 64, 128)
    activation: str = "abs"
    kernel: int = 2
    stride: int = 2

    def __post_init__(self) -> None:
        shape, channels = _whole(self.shape), _whole(self.channels)
        if len(shape) != AXES:
            raise InputError(
                f"shape is {self.shape!r}; pass channels, height and width of an image, such as (3, 64, 64)"
            )
        if not channels:
            raise InputError(
                f"channels is {self.channels!r}; pass the output channels of each convolution, such as (32, 64)"
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "channels", channels)
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise InputError(f"activation is {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}")
        check_whole("stride", self.stride)
        check_whole(
            "kernel", self.kernel, self.stride, f"pass an int of at least the stride, {self.stride}, or "
            "pixels between the patches would not be seen",
        )  # fmt: skip

    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> ScalarConvNet:
        """Build the module with weights uniform in ±1/sqrt(fan-in), as torch's own layers have them.

        Raises:
            InputError: if points are no flattened images of `shape`.
        """
        if x.shape[1] != math.prod(self.shape):
            product = " x ".join(map(str, self.shape))
            raise InputError(
                f"points have {x.shape[1]} coordinates, and images of shape {self.shape} have {product} = "
                f"{math.prod(self.shape)}; pass shape=(channels, height, width) of the images that were flattened"
            )
        return ScalarConvNet(self, rng, x.dtype)

    def grown(self, most: int) -> ConvNet | None:
        """Twice the channels in every layer."""
        wider = replace(self, channels=tuple(2 * c for c in self.channels))
        return wider if max(wider.channels) <= min(most, WIDEST) else None


class ScalarConvNet(FeedForward):
    """The network of a `ConvNet`: (n, C·H·W) -> (n,)."""

    def __init__(self, recipe: ConvNet, rng: torch.Generator, dtype: torch.dtype) -> None:
        c, h, w = recipe.shape
        layers: list[nn.Module] = [nn.Unflatten(1, recipe.shape)]
        for channels in recipe.channels:
            layer = Convolution((c, h, w), channels, recipe.kernel, recipe.stride, rng, dtype)
            layers += [layer, ACTIVATIONS[recipe.activation]()]
            c, h, w = layer.out
        super().__init__([*layers, nn.Flatten(), linear(c * h * w, 1, rng, dtype)], recipe.activation)
        self.recipe = recipe

    def pace(self) -> float:
        """Biases shift the kinks over patches, whose norms are a tenth or so of those of whole images."""
        return 0.003


class Convolution(nn.Module):
    """Convolution with stride and zeros about the image, whose output has sides ceil(H/stride), ceil(W/stride).

    Attributes:
        weight: The matrix that acts on a patch, (K, C·kernel²).
        bias: Of each output channel, (K,).
        out: Shape (K, h, w) of an output.
    """

    def __init__(
        self, shape: tuple[int, int, int], channels: int, kernel: int, stride: int,
        rng: torch.Generator, dtype: torch.dtype,
    ) -> None:  # fmt: skip
        super().__init__()
        c, *sides = shape
        layer = linear(c * kernel**2, channels, rng, dtype)
        self.weight, self.bias = layer.weight, layer.bias
        self.kernel, self.stride = kernel, stride
        steps = [math.ceil(side / stride) for side in sides]
        lacking = [(step - 1) * stride + kernel - side for step, side in zip(steps, sides, strict=True)]
        self.padding = [math.ceil(lack / 2) for lack in lacking]
        ends = [side + 2 * pad - kernel for side, pad in zip(sides, self.padding, strict=True)]
        self.left_over = [end % stride for end in ends]
        self.out = (channels, *(end // stride + 1 for end in ends))

    @property
    def filters(self) -> Tensor:
        """The weight as filters, (K, C, kernel, kernel)."""
        return self.weight.view(len(self.weight), -1, self.kernel, self.kernel)

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, H, W) -> (n, K, h, w)."""
        return conv2d(x, self.filters, self.bias, self.stride, self.padding)

    def transposed(self, g: Tensor) -> Tensor:
        """Adjoint of the linear part: (n, K, h, w) -> (n, C, H, W)."""
        return conv_transpose2d(g, self.filters, None, self.stride, self.padding, self.left_over)


def _whole(given: Any) -> tuple[int, ...]:
    """Positive whole numbers as a tuple; an empty one if they are something else."""
    if not isinstance(given, Iterable) or isinstance(given, str):
        return ()
    numbers = tuple(given)
    if any(type(k) is bool or not isinstance(k, Integral) or k < 1 for k in numbers):
        return ()
    return tuple(int(k) for k in numbers)
