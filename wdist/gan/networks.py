"""Generator networks: maps of a latent to a point in standard units, each described by a small frozen recipe.

`build` makes the module (n, latent) -> (n, d) for points of a given form, with weights from the generator of random
numbers given. Sizes are fields; depth follows from the image's size. Critics are `wdist.critic` recipes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from wdist.errors import InputError
from wdist.gan.codes import Coded
from wdist.gan.form import Form
from wdist.gan.layers import ACTIVATIONS, Residual, convolution, linear, transposed
from wdist.gan.virtual import VirtualNorm, referenced
from wdist.options import check_whole, check_widths

__all__ = [
    "FLAT_NORMS",
    "NORMS",
    "AsPoint",
    "DCGANGenerator",
    "GeneratorNet",
    "MLPGenerator",
    "ResidualGenerator",
    "channels",
    "check_sizes",
    "ladder",
]

NORMS: dict[str, Any] = {"batch": nn.BatchNorm2d, "virtual": VirtualNorm, "none": nn.Identity}
FLAT_NORMS: dict[str, Any] = {**NORMS, "batch": nn.BatchNorm1d}
LEAST, MOST = 8, 128
"""Sides in pixels that convolutional nets are made for."""
MOST_CODES = 4096
"""In 2000 steps of 128 latents each of so many is drawn some sixty times; of more, most would stay as they began."""


class GeneratorNet(ABC):
    """Recipe of a generator network.

    Attributes:
        latent: Coordinates of the standard Gaussian that it maps.
    """

    latent: int

    @abstractmethod
    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build a module (n, latent + classes) -> (n, d), bounded by tanh where the form is.

        Raises:
            InputError: if it cannot make points of this form.
        """


@dataclass(frozen=True)
class MLPGenerator(GeneratorNet):
    """Fully connected: 2 × 100 as the project began with, or (512,) * 4 as in the literature.

    Attributes:
        widths: Units of each hidden layer.
        latent: Coordinates of the latent.
        activation: One of `ACTIVATIONS`.
        norm: "none", "batch", or "virtual" (`VirtualNorm`), before each activation.
        codes: Into how many classes, equally likely, the first coordinate of the latent is cut (`Coded`), so that the
            law made need not be connected: 2 to `MOST_CODES`, or 0 for none.
    """

    widths: tuple[int, ...] = (100, 100)
    latent: int = 64
    activation: str = "relu"
    norm: str = "none"
    codes: int = 0

    def __post_init__(self) -> None:
        check_whole("latent", self.latent)
        check_whole("codes", self.codes, 0)
        if self.codes == 1:
            raise InputError("codes is 1, and one code cuts nothing; pass 0 for none, or at least 2")
        if self.codes > MOST_CODES:
            raise InputError(
                f"codes is {self.codes}, of which a run would reach few; pass at most {MOST_CODES}: some times as many "
                "as the law has pieces will do"
            )
        if self.codes and self.latent < 2:
            raise InputError(
                "codes take the first coordinate of the latent, and latent is 1; pass at least 2, so that points of "
                "one code differ"
            )
        object.__setattr__(self, "widths", check_widths(self.widths))
        for name, known in (("activation", ACTIVATIONS), ("norm", NORMS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(known)}")

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it with weights uniform in ±1/sqrt(fan-in)."""
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((self.latent + form.classes, *self.widths)):
            coded = self.codes and not layers
            layers += [
                Coded(self.codes, fan_in, fan_out, rng, dtype)
                if coded
                else linear(fan_in, fan_out, rng, dtype)
            ]
            layers += [] if self.norm == "none" else [FLAT_NORMS[self.norm](fan_out)]
            layers += [ACTIVATIONS[self.activation]()]
        layers += [linear(self.widths[-1], form.dim, rng, dtype)]
        layers += [nn.Tanh()] if form.bounded else []
        net = nn.Sequential(*layers).to(dtype)
        return referenced(net, self.latent, form.classes, rng, dtype)


@dataclass(frozen=True)
class DCGANGenerator(GeneratorNet):
    """Transposed convolutions that double the side until the image is made (Radford, Metz and Chintala 2016).

    Attributes:
        width: Channels before the last layer; they double with each halving of the side.
        latent: Coordinates of the latent.
        norm: "batch", as published, "virtual" (`VirtualNorm`), or "none".
    """

    width: int = 32
    latent: int = 64
    norm: str = "batch"

    def __post_init__(self) -> None:
        check_sizes(self.width, self.latent, self.norm)

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it for an image of 8 to 128 pixels a side, any channels; sides that no halving reaches are cropped."""
        start, doublings = ladder(form)
        widths = [self.width * 2**k for k in reversed(range(doublings))]  # from the smallest image on
        layers: list[nn.Module] = [
            linear(self.latent + form.classes, widths[0] * start**2, rng, dtype),
            nn.Unflatten(1, (widths[0], start, start)), NORMS[self.norm](widths[0]), nn.ReLU(),
        ]  # fmt: skip
        for narrow, wide in zip(widths[1:], widths, strict=False):
            layers += [transposed(wide, narrow, rng, dtype), NORMS[self.norm](narrow), nn.ReLU()]
        layers += [transposed(widths[-1], channels(form), rng, dtype)]
        net = nn.Sequential(*layers, AsPoint(form)).to(dtype)
        return referenced(net, self.latent, form.classes, rng, dtype)


@dataclass(frozen=True)
class ResidualGenerator(GeneratorNet):
    """Residual blocks, each after a doubling of the side (Gulrajani et al. 2017, appendix F).

    Attributes:
        width: Channels, the same in every block.
        latent: Coordinates of the latent.
        norm: "batch", as published, "virtual" (`VirtualNorm`), or "none".
    """

    width: int = 64
    latent: int = 64
    norm: str = "batch"

    def __post_init__(self) -> None:
        check_sizes(self.width, self.latent, self.norm)

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it for an image of 8 to 128 pixels a side, any channels."""
        start, doublings = ladder(form)
        w, norm = self.width, NORMS[self.norm]
        layers: list[nn.Module] = [
            linear(self.latent + form.classes, w * start**2, rng, dtype),
            nn.Unflatten(1, (w, start, start)),
        ]
        for _ in range(doublings):
            body = nn.Sequential(
                norm(w), nn.ReLU(), nn.Upsample(scale_factor=2), convolution(w, w, 3, rng, dtype),
                norm(w), nn.ReLU(), convolution(w, w, 3, rng, dtype),
            )  # fmt: skip
            skip = nn.Sequential(nn.Upsample(scale_factor=2), convolution(w, w, 1, rng, dtype))
            layers.append(Residual(body, skip))
        layers += [norm(w), nn.ReLU(), convolution(w, channels(form), 3, rng, dtype)]
        net = nn.Sequential(*layers, AsPoint(form)).to(dtype)
        return referenced(net, self.latent, form.classes, rng, dtype)


class AsPoint(nn.Module):
    """(n, C, h, w) -> (n, d): the middle of the image, its coordinates in the order in which the data have theirs."""

    def __init__(self, form: Form, bound: bool = True) -> None:
        super().__init__()
        self.form, self.bound = form, bound and form.bounded

    def forward(self, x: Tensor) -> Tensor:
        """Crop, bound, and flatten."""
        _, height, width = self.form.geometry
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        image = x[:, :, top : top + height, left : left + width]
        image = torch.tanh(image) if self.bound else image
        return self.form.as_points(image.permute(0, 2, 3, 1))


def channels(form: Form) -> int:
    """Of an image; 1 where it is grey."""
    return form.geometry[0]


def ladder(form: Form) -> tuple[int, int]:
    """Side to start from, 3 or 4, and how often it doubles until the largest side of the image is reached."""
    images = len(form.shape) in (2, 3)
    sides = form.geometry[1:] if images else ()
    if not (images and all(LEAST <= side <= MOST for side in sides)):
        resized = "bring a folder's images to such a size (--size 32), or " if images else ""
        raise InputError(
            f"convolutional nets are for images (H, W), (H, W, C) or (C, H, W) of {LEAST} to {MOST} pixels a "
            f"side, and a point has shape {form.shape}; {resized}use gan.MLPGenerator and wdist.MLP"
        )
    side = max(sides)
    doublings = max(1, math.ceil(math.log2(side / 4)))
    return math.ceil(side / 2**doublings), doublings


def check_sizes(width: int, latent: int, norm: str) -> None:
    """Refuse what no convolutional net has."""
    check_whole("width", width)
    check_whole("latent", latent)
    if norm not in NORMS:
        raise InputError(f"norm is {norm!r}; choose one of {', '.join(NORMS)}")
