"""Categorical latents: a Gaussian coordinate cut into classes that are equally likely, each with a vector of its own.

A continuous map of a Gaussian makes one connected piece, and where the law has several, the mass between them is a
bridge that no training takes away (Khayatkhoei, Singh and Elgammal 2018). Codes are points apart (Gurumurthy et al.
2017; Chen et al. 2016), and so are what a network makes of them. Nothing is told of the law: codes outnumber its
pieces, and training deals them out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wdist.gan.layers import linear

__all__ = ["Coded"]

SPREAD = 0.5
"""Standard deviation of the codes' vectors at the start."""
NARROW = 0.2
"""Factor on the weights of the other coordinates at the start: what has one code starts near together."""


class Coded(nn.Module):
    """First layer of a generator: the vector of the code plus a linear map of the other coordinates.

    Attributes:
        table: Vector of each code, (codes, out).
        rest: Map of all coordinates but the first.
    """

    def __init__(self, codes: int, fan_in: int, out: int, rng: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.table = nn.Parameter(SPREAD * torch.randn(codes, out, generator=rng, dtype=dtype))
        self.rest = linear(fan_in - 1, out, rng, dtype)
        with torch.no_grad():
            self.rest.weight.mul_(NARROW)

    def forward(self, z: Tensor) -> Tensor:
        """(n, latent + classes) -> (n, out); z₁ has code ⌊codes·Φ(z₁)⌋."""
        k = len(self.table)
        code = (torch.special.ndtr(z[:, 0]) * k).long().clamp(max=k - 1)  # (n,)
        moved: Tensor = self.table[code] + self.rest(z[:, 1:])
        return moved
