"""Convolutional critics for images: strided convolutions with activations between them, and a linear layer at the end.

The recipe is `ConvNet`; images reach it flattened, as every point does, and the first layer gives them their shape
back, channels first, wherever they lay. A convolution's weight is kept as the matrix that acts on one patch: where
patches do not overlap, the whole convolution stretches exactly as that matrix does, and orthonormal rows or columns
make it 1-Lipschitz.
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

__all__ = ["ConvNet", "Convolution", "Image", "ScalarConvNet", "image_layer"]

MOST_COLOURS = 4
"""The axis of an image that is no longer is that of its channels, if the other end is longer."""


@dataclass(frozen=True)
class ConvNet(Net):
    """Convolutions that divide the sides by `stride` each, an activation after each, and a linear layer to one number.

    The default holds every slope that a certificate allows: its patches do not overlap and its activation preserves
    norms, as `Orthonormal` wants it. The critic of DCGAN (Radford, Metz and Chintala 2016), without batch
    normalisation, is `ConvNet(shape, (64, 128, 256), "leaky_relu", kernel=4)`.

    Attributes:
        shape: Of one image as it lies, `images.shape[1:]` before they were flattened: (H, W, C) as files and
            `wdist.datasets` have it, (C, H, W) as torch has it, or (H, W) if grey.
        channels: Of each convolution's output.
        activation: A key of `ACTIVATIONS`; `maxmin` and `groupsort` sort channels at each pixel.
        kernel: Side of a patch, at least `stride`.
        stride: Step from patch to patch; a side that is no multiple of it is rounded up, with zeros about the image.
        channels_last: Whether `shape` ends with the channels or begins with them; None takes the end that is at most 4
            where the other is more.
        labels: Coordinates that follow those of the image, each spread over all pixels as a channel of its own.

    Example:
        >>> ConvNet((32, 32, 3)).channels_last, ConvNet((3, 32, 32)).channels_last
        (True, False)
    """

    shape: tuple[int, ...]
    channels: tuple[int, ...] = (32, 64, 128)
    activation: str = "abs"
    kernel: int = 2
    stride: int = 2
    channels_last: bool | None = None
    labels: int = 0

    def __post_init__(self) -> None:
        shape, channels = _whole(self.shape), _whole(self.channels)
        if len(shape) not in (2, 3):
            raise InputError(
                f"shape is {self.shape!r}; pass that of one image as it lies, such as (64, 64, 3), (3, 64, 64) or, if "
                "grey, (28, 28)"
            )
        if self.channels_last not in (None, True, False):
            raise InputError(f"channels_last is {self.channels_last!r}; pass True, False, or None")
        object.__setattr__(self, "channels_last", self._last(shape))
        if not channels:
            raise InputError(
                f"channels is {self.channels!r}; pass the output channels of each convolution, such as (32, 64)"
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "channels", channels)
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise InputError(f"activation is {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}")
        check_whole("labels", self.labels, 0)
        check_whole("stride", self.stride)
        check_whole(
            "kernel", self.kernel, self.stride, f"pass an int of at least the stride, {self.stride}, or "
            "pixels between the patches would not be seen",
        )  # fmt: skip

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        if len(self.shape) == 2:
            return (1, *self.shape)
        return (self.shape[-1], *self.shape[:2]) if self.channels_last else self.shape  # type: ignore[return-value]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether images of this shape lie as `shape` says; an axis of one grey channel may be there or not."""
        c, height, width = self.geometry
        grey = {(height, width), (height, width, 1), (1, height, width)} if c == 1 else set()
        return shape == self.shape or shape in grey

    def _last(self, shape: tuple[int, ...]) -> bool:
        """Where the channels are."""
        if len(shape) == 2 or self.channels_last is not None:
            return len(shape) == 2 or bool(self.channels_last)
        first, last = (end <= MOST_COLOURS for end in (shape[0], shape[-1]))
        if first == last:
            raise InputError(
                f"shape is {shape}, which may have its channels at either end; pass channels_last=True or False"
            )
        return last

    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> ScalarConvNet:
        """Build the module with weights uniform in ±1/sqrt(fan-in), as torch's own layers have them.

        Raises:
            InputError: if points are no flattened images of `shape`.
        """
        if x.shape[1] != math.prod(self.shape) + self.labels:
            product = " x ".join(map(str, self.shape)) + f" = {math.prod(self.shape)}"
            raise InputError(
                f"points have {x.shape[1]} coordinates, and images of shape {self.shape} have {product}"
                f"{f' and {self.labels} labels' * (self.labels > 0)}; pass the shape that one image had before it was "
                "flattened"
            )
        return ScalarConvNet(self, rng, x.dtype)

    def grown(self, most: int) -> ConvNet | None:
        """Twice the channels in every layer."""
        wider = replace(self, channels=tuple(2 * c for c in self.channels))
        return wider if max(wider.channels) <= min(most, WIDEST) else None


class ScalarConvNet(FeedForward):
    """The network of a `ConvNet`: (n, C·H·W + labels), however the image lies, -> (n,)."""

    def __init__(self, recipe: ConvNet, rng: torch.Generator, dtype: torch.dtype) -> None:
        c, h, w = recipe.geometry
        layers = [image_layer(recipe)]
        c += recipe.labels
        for channels in recipe.channels:
            layer = Convolution((c, h, w), channels, recipe.kernel, recipe.stride, rng, dtype)
            layers += [layer, ACTIVATIONS[recipe.activation]()]
            c, h, w = layer.out
        super().__init__([*layers, nn.Flatten(), linear(c * h * w, 1, rng, dtype)], recipe.activation)
        self.recipe = recipe

    def pace(self) -> float:
        """Biases shift the kinks over patches, whose norms are a tenth or so of those of whole images."""
        return 0.003


def image_layer(recipe: ConvNet) -> nn.Module:
    """The layer that gives points their shape as images back: (n, C·H·W + labels) -> (n, C + labels, H, W)."""
    c, h, w = recipe.geometry
    turned = recipe.channels_last and c > 1
    return (
        Image((c, h, w), bool(turned), recipe.labels)
        if turned or recipe.labels
        else nn.Unflatten(1, (c, h, w))
    )


class Image(nn.Module):
    """Give points their shape as images, channels first, and spread labels over them: an isometry.

    A label e becomes a channel that is e/√(H·W) at every pixel, and so is as long as e.
    """

    def __init__(self, geometry: tuple[int, int, int], channels_last: bool, labels: int) -> None:
        super().__init__()
        self.geometry, self.channels_last, self.labels = geometry, channels_last, labels
        c, h, w = geometry
        self.size, self.spread = c * h * w, 1 / math.sqrt(h * w)

    def forward(self, x: Tensor) -> Tensor:
        """(n, C·H·W + labels) -> (n, C + labels, H, W)."""
        c, h, w = self.geometry
        image = x[:, : self.size]
        image = image.view(-1, h, w, c).permute(0, 3, 1, 2) if self.channels_last else image.view(-1, c, h, w)
        if not self.labels:
            return image
        planes = (self.spread * x[:, self.size :])[:, :, None, None].expand(-1, -1, h, w)
        return torch.cat([image, planes], dim=1)

    def transposed(self, g: Tensor) -> Tensor:
        """Adjoint: (n, C + labels, H, W) -> (n, C·H·W + labels)."""
        c = self.geometry[0]
        image = g[:, :c].permute(0, 2, 3, 1) if self.channels_last else g[:, :c]
        return torch.cat([image.flatten(1), self.spread * g[:, c:].sum(dim=(2, 3))], dim=1)


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
