"""A generator of images of few flat colours, as flags, icons and sprites are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from wdist.gan.form import Form
from wdist.gan.layers import convolution, linear, transposed
from wdist.gan.networks import FLAT_NORMS, NORMS, AsPoint, GeneratorNet, channels, check_sizes, ladder
from wdist.gan.virtual import referenced
from wdist.options import check_whole

__all__ = ["PaletteGenerator"]

CRISP, VIVID = 12.0, 3.0
"""Factors on the weights of profiles and of colours at the start, when edges and colours are strong."""


@dataclass(frozen=True)
class PaletteGenerator(GeneratorNet):
    """Few colours an image, and which of them each pixel has: for flags, icons and sprites.

    Pixel (i, j) is the mean of the colours by the weights softmax_k(r_k(i) + c_k(j) + u_k(i, j)). Profiles r over the
    rows and c over the columns, straight between knots two pixels apart, make bands, crosses and corners that reach
    from side to side; a small DCGAN makes u, and so what is in their middle. All come of one fully connected trunk.

    Attributes:
        width: Channels before the last layer of convolutions; they double with each halving of the side.
        latent: Coordinates of the latent.
        norm: "batch", "virtual" (`VirtualNorm`), or "none".
        colours: In one image.
        units: Of both layers of the trunk.
    """

    width: int = 16
    latent: int = 64
    norm: str = "batch"
    colours: int = 6
    units: int = 256

    def __post_init__(self) -> None:
        check_sizes(self.width, self.latent, self.norm)
        check_whole("colours", self.colours, 2)
        check_whole("units", self.units)

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it for an image of 8 to 128 pixels a side, any channels."""
        start, doublings = ladder(form)
        widths = [self.width * 2**k for k in reversed(range(doublings))]
        norm, k, side = NORMS[self.norm], self.colours, start * 2**doublings
        trunk: list[nn.Module] = []
        for fan_in in (self.latent + form.classes, self.units):
            trunk += [linear(fan_in, self.units, rng, dtype), FLAT_NORMS[self.norm](self.units), nn.ReLU()]
        layers: list[nn.Module] = [
            linear(self.units, widths[0] * start**2, rng, dtype),
            nn.Unflatten(1, (widths[0], start, start)), norm(widths[0]), nn.ReLU(),
        ]  # fmt: skip
        for wide, narrow in pairwise(widths):
            layers += [transposed(wide, narrow, rng, dtype), norm(narrow), nn.ReLU()]
        layers += [nn.Upsample(scale_factor=2), convolution(widths[-1], k, 3, rng, dtype)]
        profiles = linear(self.units, 2 * k * (side // 2), rng, dtype)
        colours = linear(self.units, k * channels(form), rng, dtype)
        with torch.no_grad():
            profiles.weight.mul_(CRISP)
            colours.weight.mul_(VIVID)
        painted = _Painted(nn.Sequential(*layers), profiles, colours, k, form.bounded)
        net = nn.Sequential(*trunk, painted, AsPoint(form, bound=False)).to(dtype)
        return referenced(net, self.latent, form.classes, rng, dtype)


class _Painted(nn.Module):
    """(n, units) -> (n, C, S, S): colours by the softmax of profiles over rows and columns and of convolutions."""

    def __init__(
        self, layout: nn.Module, profiles: nn.Module, colours: nn.Module, k: int, bounded: bool
    ) -> None:
        super().__init__()
        self.layout, self.profiles, self.colours, self.k, self.bounded = layout, profiles, colours, k, bounded

    def forward(self, h: Tensor) -> Tensor:
        """Profiles through their knots, weights, and the mean."""
        layout = self.layout(h)  # (n, K, S, S)
        n, k, side = layout.shape[:3]
        knots = self.profiles(h).reshape(n, 2 * k, -1)
        profiles = nn.functional.interpolate(knots, size=side, mode="linear")
        rows, columns = profiles[:, :k], profiles[:, k:]  # (n, K, S) each
        weights = torch.softmax(layout + rows[..., None] + columns[:, :, None], dim=1)
        colours = self.colours(h).reshape(n, -1, k)
        colours = torch.tanh(colours) if self.bounded else colours
        return torch.bmm(colours, weights.flatten(2)).reshape(n, -1, side, side)
