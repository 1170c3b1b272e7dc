"""Landscapes that are not made of cones: points sink towards the nearest of several affine subspaces.

The landscape u(x) = min_m dist(x, A_m) + b_m falls at slope one towards the foot of x on the subspace it belongs to.
No other subspace comes closer by more than the way that x goes, so x stays with its own, −u and the move prove each
other optimal whatever the amount, and W_1 = E|x − T(x)|. Floors of one dimension less than the space are folded
sheets, points are the cones of `funnel.py`, and between them lie bent cylinders.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.truth.case import Case
from wdist.truth.laws import Pushed, standard_gaussian
from wdist.truth.transport import Coupling, identity

__all__ = ["Valleys", "valleys"]

CHUNK = 2**20
"""Entries of one (rows, N, d - k) array."""

COORDINATES, MOST_DRAWS = 2**21, 2**18
"""Coordinates, and points at most, drawn for the Monte Carlo mean behind W_1."""


@dataclass(frozen=True, eq=False)
class Valleys:
    """Floors A_m = centre_m + {z : normals_m z = 0} at heights b_m, and a law that sinks towards them.

    Attributes:
        centres: A point of each floor, (N, d).
        normals: Orthonormal rows across each floor, (N, d − k, d).
        heights: b, (N,).
        kept: What remains of the distance to the floor, in [0, 1).
    """

    centres: Tensor
    normals: Tensor
    heights: Tensor
    kept: float

    def potential(self, x: Tensor) -> Tensor:
        """Give −u(x), which is 1-Lipschitz: (n, d) -> (n,)."""
        return -torch.cat([self._rises(rows).amin(dim=1) for rows in torch.split(x, self._chunk())])

    def sink(self, x: Tensor) -> Tensor:
        """Move points straight towards their floors: T(x), (n, d) -> (n, d)."""
        return torch.cat(
            [rows - (1 - self.kept) * self._fall(rows) for rows in torch.split(x, self._chunk())]
        )

    def depth(self, x: Tensor) -> Tensor:
        """How far T moves each point: (n, d) -> (n,)."""
        falls = [torch.linalg.vector_norm(self._fall(rows), dim=1) for rows in torch.split(x, self._chunk())]
        return (1 - self.kept) * torch.cat(falls)

    def _fall(self, x: Tensor) -> Tensor:
        """From its foot on its own floor to each point: (n, d)."""
        own = self._rises(x).argmin(dim=1)
        across = self._across(x).gather(1, own[:, None, None].expand(-1, 1, self.normals.shape[1]))[:, 0]
        fall: Tensor = torch.einsum("nr,nrd->nd", across, self.normals.to(x)[own])
        return fall

    def _rises(self, x: Tensor) -> Tensor:
        rises: Tensor = torch.linalg.vector_norm(self._across(x), dim=2) + self.heights.to(x)  # (n, N)
        return rises

    def _across(self, x: Tensor) -> Tensor:
        """Coordinates across each floor, from it: (n, N, d − k)."""
        normals, centres = self.normals.to(x), self.centres.to(x)
        return torch.einsum("nd,mrd->nmr", x, normals) - torch.einsum("md,mrd->mr", centres, normals)

    def _chunk(self) -> int:
        return max(1, CHUNK // (self.normals.shape[0] * self.normals.shape[1]))


def valleys(d: int, n: int, k: int, *, kept: float = 0.3, seed: int = 11) -> Case:
    """Give a Gaussian sunk towards `n` random affine subspaces of dimension `k`, against itself unsunk.

    W_1 = (1 − kept)·E dist(x, own floor) is a Monte Carlo mean, so it has a standard error, `Case.error`.

    Args:
        d: Number of coordinates.
        n: Number of floors.
        k: Dimension of each floor, below `d`.
        kept: What remains of a point's distance to its floor, in [0, 1).
        seed: Places the floors.

    Raises:
        InputError: if a number is out of its range.
    """
    if d < 1 or n < 1 or not 0 <= k < d or not 0 <= kept < 1:
        raise InputError(
            f"d={d!r}, n={n!r}, k={k!r}, kept={kept!r}: need d >= 1, n >= 1, 0 <= k < d, 0 <= kept < 1"
        )
    rng = torch.Generator().manual_seed(seed)
    law = standard_gaussian(d)
    normals = torch.linalg.qr(torch.randn(n, d, d - k, generator=rng, dtype=torch.float64)).Q.mT
    heights = 0.1 * torch.randn(n, generator=rng, dtype=torch.float64)
    land = Valleys(law.draw(n, rng), normals.contiguous(), heights, kept)
    draws = max(10_000, min(MOST_DRAWS, COORDINATES // d))
    depth = land.depth(law.draw(draws, torch.Generator().manual_seed(0)))
    return Case(
        name=f"valleys d={d} n={n} k={k}",
        a=Pushed(law, land.sink, d),
        b=law,
        w={1.0: float(depth.mean())},
        origin="Kantorovich duality: E|x − T(x)| along the rays of u = min_m dist(x, A_m) + b_m",
        couple=Coupling(law, land.sink, identity),
        potential=land.potential,
        error=float(depth.std()) / math.sqrt(draws),
    )
