"""Critics of images by size: recipes that take channels and sides from the data, as generators do.

`build` makes the module (n, d + classes) -> (n,). Depth follows from the image's size: sides are halved until three or
four pixels are left. Coordinates of a class, behind those of the image, are spread over it as planes. Other critics are
recipes of `wdist.critic`, which are shown points and ask for no form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from wdist.critic.convolution import ConvNet, Convolution, ScalarConvNet, image_layer
from wdist.critic.nets import ACTIVATIONS, FeedForward
from wdist.errors import InputError
from wdist.gan.form import Form
from wdist.gan.layers import Residual, convolution, linear
from wdist.gan.networks import ladder
from wdist.options import check_whole

__all__ = ["CRITICS", "DCGANCritic", "ImageCritic", "PatchCritic", "ResidualCritic"]

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda _: nn.Identity(), "layer": lambda channels: nn.GroupNorm(1, channels), "batch": nn.BatchNorm2d,
}  # fmt: skip


class ImageCritic(ABC):
    """Recipe of a critic of images."""

    @abstractmethod
    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build a module (n, d + classes) -> (n,).

        Raises:
            InputError: if points of this form are no images, or none of 8 to 128 pixels a side.
        """


@dataclass(frozen=True)
class DCGANCritic(ImageCritic):
    """Strided 4 × 4 convolutions and leaky ReLU (Radford, Metz and Chintala 2016).

    As published it has batch normalisation, under which f(x) depends on the rest of the batch: a gradient penalty
    refuses that, and takes layer normalisation (Gulrajani et al. 2017, §4) or none, with which the penalty's gradient
    is written out.

    Attributes:
        width: Channels after the first layer; they double with each halving of the side.
        norm: "none", "layer", or "batch".
        activation: A key of `wdist.critic.nets.ACTIVATIONS`.
    """

    width: int = 32
    norm: str = "none"
    activation: str = "leaky_relu"

    def __post_init__(self) -> None:
        check_whole("width", self.width)
        for name, known in (("norm", NORMS), ("activation", ACTIVATIONS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(known)}")

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it for an image of 8 to 128 pixels a side, any channels."""
        net = ScalarConvNet(_of(form, self.width, self.activation, kernel=4), rng, dtype)
        return net if self.norm == "none" else FeedForward(self._normed(net), self.activation).to(dtype)

    def _normed(self, net: FeedForward) -> Iterator[nn.Module]:
        """The layers, with a norm behind every convolution but the first, which sees the image itself."""
        for place, layer in enumerate(net.layers):
            yield layer
            if isinstance(layer, Convolution) and place > 1:
                yield NORMS[self.norm](layer.out[0])


@dataclass(frozen=True)
class PatchCritic(ImageCritic):
    """Convolutions whose patches do not overlap, and |·|: what `Orthonormal` holds to slope one (see `ConvNet`).

    Attributes:
        width: Channels after the first layer; they double with each halving of the side.
    """

    width: int = 32

    def __post_init__(self) -> None:
        check_whole("width", self.width)

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it for an image of 8 to 128 pixels a side, any channels."""
        return ScalarConvNet(_of(form, self.width, "abs", kernel=2), rng, dtype)


@dataclass(frozen=True)
class ResidualCritic(ImageCritic):
    """Residual blocks, each with a halving of the side, without normalisation (Gulrajani et al. 2017, appendix F).

    Attributes:
        width: Channels, the same in every block.
    """

    width: int = 64

    def __post_init__(self) -> None:
        check_whole("width", self.width)

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it for an image of 8 to 128 pixels a side, any channels."""
        w, (_, halvings) = self.width, ladder(form)
        image = _of(form, w, "relu")
        layers: list[nn.Module] = [
            image_layer(image), convolution(image.geometry[0] + form.classes, w, 3, rng, dtype)
        ]  # fmt: skip
        for _ in range(halvings):
            body = nn.Sequential(
                nn.ReLU(), convolution(w, w, 3, rng, dtype), nn.ReLU(), convolution(w, w, 3, rng, dtype), _halved()
            )  # fmt: skip
            layers.append(Residual(body, nn.Sequential(_halved(), convolution(w, w, 1, rng, dtype))))
        layers += [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear(w, 1, rng, dtype)]
        return FeedForward(layers, "relu")


CRITICS: dict[str, type[ImageCritic]] = {
    "dcgan": DCGANCritic, "patches": PatchCritic, "residual": ResidualCritic,
}  # fmt: skip
"""Recipes of critics of images by name."""


def _halved() -> nn.Module:
    """Means of squares of four pixels, of what there is of them at an odd border."""
    return nn.AvgPool2d(2, ceil_mode=True)


def _of(form: Form, width: int, activation: str, kernel: int = 2) -> ConvNet:
    """Convolutions down the ladder that a generator of this form goes up."""
    _, halvings = ladder(form)
    channels = tuple(width * 2**k for k in range(halvings))
    last = not form.channels_first
    return ConvNet(form.shape, channels, activation, kernel, channels_last=last, labels=form.classes)
