"""The W_1 benchmark of Korotin, Kolesov and Burnaev 2022: points of a cube sink in a landscape of funnels.

The landscape u(x) = min_m |x − a_m| + b_m falls at slope one towards the tip of the funnel that x is in.
Moving every point straight towards that tip lowers u by just the way it goes, so −u and the move prove each
other optimal whatever the amount: W_1 = E|x − T(x)|. Only how far a ray reaches (to the next funnel, or the
wall) takes some geometry.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.costs import distances
from wdist.errors import InputError
from wdist.truth.case import Case
from wdist.truth.laws import Box, Pushed
from wdist.truth.transport import Coupling, identity

__all__ = ["Landscape", "funnels"]

CHUNK = 2**20
"""Entries of one (rows, N) matrix, 8 MiB in float64; about ten such are held at a time."""

COORDINATES = 2**19
"""Coordinates drawn for the Monte Carlo mean behind W_1: distances vary less in high d, by about 1/√d."""


@dataclass(frozen=True, eq=False)
class Landscape:
    """Funnels u(x) = min_m |x − a_m| + b_m over the cube [−half_width, half_width]^d.

    Attributes:
        tips: a, shape (N, d), inside the cube.
        heights: b, shape (N,).
        half_width: Half the edge of the cube.
        power: Along its ray, from the tip at t = 0 to the end at t = 1, a point sinks from t to t**power.
    """

    tips: Tensor
    heights: Tensor
    half_width: float
    power: float

    def potential(self, x: Tensor) -> Tensor:
        """Give −u(x), which is 1-Lipschitz: (n, d) -> (n,)."""
        return -torch.cat([self._cones(rows).amin(dim=1) for rows in self._chunks(x)])

    def funnel(self, x: Tensor) -> Tensor:
        """Tell which funnel each point is in: (n, d) -> (n,), an index into `tips`."""
        return torch.cat([self._cones(rows).argmin(dim=1) for rows in self._chunks(x)])

    def sink(self, x: Tensor) -> Tensor:
        """Move points along their rays towards their tips: T(x), (n, d) -> (n, d)."""
        return torch.cat([self._sink(rows) for rows in self._chunks(x)])

    def _sink(self, x: Tensor) -> Tensor:
        own = self._cones(x).argmin(dim=1)
        tip = self.tips.to(x)[own]  # (n, d)
        length = torch.linalg.vector_norm(x - tip, dim=1, keepdim=True)  # (n, 1), from the tip to x
        direction = (x - tip) / length.clamp(min=torch.finfo(x.dtype).tiny)
        ahead = torch.minimum(self._to_wall(x, direction), self._to_next_funnel(x, direction, own))[:, None]
        t = length / (length + ahead)
        sunk: Tensor = tip + direction * length * t ** (self.power - 1)
        return sunk

    def _to_wall(self, x: Tensor, direction: Tensor) -> Tensor:
        """Tell how far x can go along its unit direction before it leaves the cube: (n,)."""
        room = (direction.sign() * self.half_width - x) / direction  # (n, d)
        return torch.where(direction == 0, math.inf, room).amin(dim=1).clamp(min=0)

    def _to_next_funnel(self, x: Tensor, direction: Tensor, own: Tensor) -> Tensor:
        """Tell how far x can go before another cone is as low as its own: (n,), infinite where none ever is.

        At x + r·v the own cone is at f + r. Cone m meets it where |x + r·v − a_m| = s + r with s = f − b_m;
        squared, |x − a_m|² + 2r·v·(x − a_m) = s² + 2rs.
        """
        tips, heights = self.tips.to(x), self.heights.to(x)
        away = distances(x, tips)  # (n, N)
        s = (away + heights).gather(1, own[:, None]) - heights  # (n, N)
        closing = s - ((x * direction).sum(dim=1, keepdim=True) - direction @ tips.T)  # s − v·(x − a_m)
        r = (away - s) * (away + s) / (2 * closing)
        met = (r >= 0) & (s + r >= 0)  # not NaN, ahead, and a root of the equation before it was squared
        met &= torch.arange(len(tips), device=x.device) != own[:, None]  # its own cone it meets everywhere
        return torch.where(met, r, math.inf).amin(dim=1)

    def _cones(self, x: Tensor) -> Tensor:
        return distances(x, self.tips.to(x)) + self.heights.to(x)  # (n, N)

    def _chunks(self, x: Tensor) -> Iterator[Tensor]:
        rows = max(1, CHUNK // len(self.tips))
        return (x[start : start + rows] for start in range(0, len(x), rows))


def funnels(d: int, n: int, *, power: float = 8.0, half_width: float = 2.5, seed: int = 987) -> Case:
    """Give Korotin's benchmark: the uniform law of a cube sunk into `n` funnels, against itself unsunk.

    a ~ U(cube) and b ~ 0.1·N(0, 1) are each drawn in float32 after seeding with `seed`, as the paper's code
    does with the global generator. What belongs to a funnel is star-shaped about its tip, so along every ray
    t has density d·t^{d−1}, and E|x − T(x)| = E[t − t^power]/E[t] · E|x − tip of x|. The first factor is
    (power − 1)/(d + power); the second is a Monte Carlo mean, so W_1 has a standard error, `Case.error`, of
    about a part in a thousand.

    Args:
        d: Number of coordinates.
        n: Number of funnels.
        power: t ↦ t**power along the rays, > 1.
        half_width: Half the edge of the cube.
        seed: Places the funnels.

    Raises:
        InputError: if a number is out of its range.
    """
    if d < 1 or n < 1 or not power > 1 or not half_width > 0:
        raise InputError(
            f"d={d!r}, n={n!r}, power={power!r}, half_width={half_width!r}: "
            "need d >= 1, n >= 1, power > 1, half_width > 0"
        )
    tips = half_width * (2 * torch.rand(n, d, generator=torch.Generator().manual_seed(seed)) - 1)
    heights = 0.1 * torch.randn(n, generator=torch.Generator().manual_seed(seed))
    land = Landscape(tips.double(), heights.double(), half_width, power)
    corner = torch.full((d,), half_width, dtype=torch.float64)
    cube = Box(-corner, corner)
    w1, error = _mean_descent(land, cube)
    return Case(
        name=f"funnels d={d} n={n}",
        a=Pushed(cube, land.sink, d),
        b=cube,
        w={1.0: w1},
        origin="Korotin, Kolesov and Burnaev 2022: E|x − T(x)| on the rays of u = min_m |x − a_m| + b_m",
        couple=Coupling(cube, land.sink, identity),
        potential=land.potential,
        error=error,
    )


def _mean_descent(land: Landscape, cube: Box) -> tuple[float, float]:
    """Give E|x − T(x)| and its standard error."""
    n = max(10_000, COORDINATES // cube.dim)
    x = cube.draw(n, torch.Generator().manual_seed(0))
    length = torch.linalg.vector_norm(x - land.tips[land.funnel(x)], dim=1)
    share = (land.power - 1) / (cube.dim + land.power)
    return share * float(length.mean()), share * float(length.std()) / math.sqrt(n)
