"""Virtual batch normalisation: by the statistics of a batch that is drawn once, so that points do not see each other.

A network that has such layers is wrapped in `Referenced`, which puts the reference latents in front of every batch and
takes their points off the end; each layer reads its statistics from those first rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

__all__ = ["REFERENCE", "Referenced", "VirtualNorm", "referenced"]

REFERENCE = 64
"""Latents of the reference batch: those of a usual batch, at whose price they come with each."""
EPS = 1e-5


class VirtualNorm(nn.Module):
    """Normalise each point by the reference batch and itself, each channel alone (Salimans et al. 2016, §3.5).

    Attributes:
        weight: Scale of each channel, (k,).
        bias: Shift of each channel, (k,).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(REFERENCE + n, k, ...) -> the same."""
        n, inner = REFERENCE, tuple(range(2, x.ndim))
        mean = x.mean(inner) if inner else x  # of each row, (REFERENCE + n, k)
        variance = x.var(inner, unbiased=False) if inner else torch.zeros_like(x)
        center = mean[:n].mean(dim=0)
        away = mean - center
        width = variance[:n].mean(dim=0) + away[:n].square().mean(dim=0)  # the reference batch by itself
        beside = (n * width + variance[n:]) / (n + 1) + n * (
            away[n:] / (n + 1)
        ).square()  # and with one row more
        means = torch.cat([center.expand(n, -1), center + away[n:] / (n + 1)])
        variances = torch.cat([width.expand(n, -1), beside])
        scale = self.weight * torch.rsqrt(variances + EPS)
        shift = self.bias - scale * means
        spread = (..., *[None] * len(inner))
        normed: Tensor = x * scale[spread] + shift[spread]
        return normed


class Referenced(nn.Module):
    """A network on a batch with the reference latents in front.

    Attributes:
        reference: Those, (REFERENCE, latent).
    """

    reference: Tensor

    def __init__(self, net: nn.Module, reference: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("reference", reference)

    def forward(self, z: Tensor) -> Tensor:
        """(n, latent) -> (n, d)."""
        made: Tensor = self.net(torch.cat([self.reference, z]))[len(self.reference) :]
        return made


def referenced(
    net: nn.Module, latent: int, classes: int, rng: torch.Generator, dtype: torch.dtype
) -> nn.Module:
    """Give a network its reference latents if any of its layers wants them; the classes take turns."""
    if not any(isinstance(part, VirtualNorm) for part in net.modules()):
        return net
    z = torch.randn(REFERENCE, latent, generator=rng, dtype=dtype)
    turns = one_hot(torch.arange(REFERENCE) % max(classes, 1), max(classes, 1)).to(dtype)
    return Referenced(net, torch.cat([z, turns], dim=1) if classes else z)
