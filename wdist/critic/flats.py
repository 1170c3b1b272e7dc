"""Critics made of distances to learned flats: 1-Lipschitz by construction, and bent like cylinders and sheets.

−|N(x − c)| falls at slope one away from an affine subspace through c, if N = diag(s)·V with orthonormal rows V and
scales s in [0, 1]; scales between zero and one leave open of what dimension the subspace is, and s = 1 is a cone. A
mixture of Gaussians on each side says where to begin: in the directions in which a part is narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from wdist.critic.cones import CROWDED, SIDES, SLOWEST, PeakNet, kmeans, planes_between
from wdist.critic.nets import Net
from wdist.options import check_positive, check_whole

__all__ = ["FlatNet", "Flats", "mixture"]

ROUNDS = 10
"""Of expectation and maximisation."""
NARROW, FEWEST = 0.5, 16
"""A direction is left out where no part has less than this share of the variance; but so many cost nothing."""
NUMBERS = 2**18
"""Entries of all N of a side, at most: a step takes some three thousand times as many operations."""
SOFTEST = 0.05
"""Nearest to 0 and to 1 that a scale begins."""
SMOOTH = 1e-3
"""Rounds the tip of |N(x − c)|, whose slope would be undefined; still 1-Lipschitz."""
POINTS = 4096
WIDEST, SEEN = 256, 1024
"""Dimensions in which parts are told apart, the widest by so many points: a covariance has their square of entries."""
JITTER = 1e-5


@dataclass(frozen=True)
class Flats(Net):
    """Softmax of distances to flats, and of planes, on each side.

    Attributes:
        flats: On each side.
        planes: Affine functions of slope one on each side.
        pace: First step of Adam, in standard deviations of the points; less where the parts are narrow.
    """

    flats: int = 16
    planes: int = 8
    pace: float = 0.03

    def __post_init__(self) -> None:
        check_whole("flats", self.flats)
        check_whole("planes", self.planes, least=0)
        check_positive("pace", self.pace)

    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> FlatNet:
        """Place a flat along every part of a mixture, at the height of its mean distance."""
        d, k = x.shape[1], max(1, min(self.flats, len(x) // 4, len(y) // 4))
        basis = _widest(x, y)  # (w, d)
        means, covariances = (
            torch.cat(both) for both in zip(*(mixture(z @ basis.T, k, rng) for z in (x, y)), strict=True)
        )
        variances, axes = torch.linalg.eigh(covariances)  # ascending: (2k, w), (2k, w, w)
        pooled = torch.cat([x, y]) @ basis.T
        typical = float(pooled.var(dim=0, correction=0).mean()) or 1.0
        narrow = int((variances < NARROW * typical).sum(dim=1).max())
        rows = max(1, min(len(basis), max(FEWEST, narrow), NUMBERS // (k * d)))
        scales = (1 - variances[:, :rows] / typical).clamp(SOFTEST, 1 - SOFTEST)
        room = math.sqrt(float(variances[:, :rows].clamp_min(0).mean()))
        pace = max(min(self.pace * math.sqrt(typical), CROWDED * room), SLOWEST)
        normals, levels = planes_between(x, y, self.planes, rng)
        net = FlatNet(
            (axes[:, :, :rows].mT @ basis).contiguous(),
            torch.logit(scales) / 4,
            means @ basis,
            levels.new_zeros(SIDES, k),
            normals,
            levels,
            pace,
        )
        some = torch.cat([x[:512], y[:512]])
        with torch.no_grad():
            net.offsets[:, :k] = net.distances(some).mean(dim=0).view(SIDES, k)
        return net

    def grown(self, most: int) -> Flats | None:
        """Four times the flats."""
        return replace(self, flats=4 * self.flats) if 4 * self.flats <= most else None


class FlatNet(PeakNet):
    """The weighted difference of two peaks, as `ConeNet` is, over −|N_j(x − c_j)| and planes.

    Attributes:
        bases: V, orthonormal rows across each flat, (2K, r, d): first those of a, then those of b.
        scales: The logits of s over four, (2K, r).
        centres: A point of each flat, (2K, d).
    """

    def __init__(
        self, bases: Tensor, scales: Tensor, centres: Tensor, heights: Tensor, normals: Tensor, levels: Tensor,
        pace: float = 0.03,
    ) -> None:  # fmt: skip
        super().__init__(torch.cat([heights, levels], dim=1), normals, pace)
        self.bases, self.scales = nn.Parameter(bases), nn.Parameter(scales)
        self.centres = nn.Parameter(centres)

    def distances(self, x: Tensor) -> Tensor:
        """|N_j(x − c_j)|: (n, d) -> (n, 2K)."""
        return self.steps(x, self.across())[1]

    def steps(self, x: Tensor, across: Tensor) -> tuple[Tensor, Tensor]:
        """N_j(x − c_j) for N = `across`, (n, 2K, r), and its length, (n, 2K)."""
        levels = torch.einsum("mrd,md->mr", across, self.centres)
        steps = torch.addmm(-levels.flatten(), x, across.flatten(0, 1).T).view(len(x), *levels.shape)
        return steps, (steps.square().sum(dim=2) + SMOOTH**2).sqrt()

    def across(self) -> Tensor:
        """N = diag(s)·V of every flat, (2K, r, d)."""
        return torch.sigmoid(4 * self.scales)[:, :, None] * self.bases

    def curved(self, x: Tensor) -> Tensor:
        """Minus the distances, side by side: (n, 2, K)."""
        return -self.distances(x).view(len(x), SIDES, -1)

    def matrices(self) -> list[Tensor]:
        """All bases, as one stack."""
        return [self.bases]


def _widest(x: Tensor, y: Tensor) -> Tensor:
    """Orthonormal rows along the directions in which points (n, d) and (m, d) vary most: (w, d); all, up to 256."""
    d = x.shape[1]
    if d <= WIDEST:
        return torch.eye(d, dtype=x.dtype, device=x.device)
    z = torch.cat([x[: SEEN // 2], y[: SEEN // 2]]).double()
    z = z - z.mean(dim=0)
    _, spans = torch.linalg.eigh(z @ z.T)  # ascending; of their number, as fewer than d
    widest: Tensor = torch.linalg.qr(z.T @ spans[:, -min(WIDEST, len(z) - 1) :]).Q.T.to(x.dtype)
    return widest


def mixture(x: Tensor, k: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Means (k, d) and covariances (k, d, d) of a mixture of Gaussians at points (n, d), by expectation-maximisation.

    Each covariance is shrunk towards that of all points, which weighs as much as d of them (Fraley and Raftery 2007).

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
        >>> means, _ = mixture(x, 1, torch.Generator().manual_seed(0))
        >>> means.tolist()
        [[4.5, 0.5]]
    """
    x = x[:POINTS]
    n, d = x.shape
    whole = x - x.mean(dim=0)
    prior = whole.mT @ whole / n
    ridge = (JITTER * float(prior.trace()) / d or JITTER) * torch.eye(d, dtype=x.dtype, device=x.device)
    nearest = torch.cdist(x, kmeans(x, k, rng)).argmin(dim=1)
    shares = nn.functional.one_hot(nearest, k).to(x.dtype)  # (n, k)
    for left in range(ROUNDS, -1, -1):
        counts = shares.sum(dim=0)
        means = shares.mT @ x / counts.clamp_min(1e-6)[:, None]
        scatter = torch.stack(
            [
                (z * share[:, None]).mT @ z
                for z, share in ((x - m, s) for m, s in zip(means, shares.mT, strict=True))
            ]
        )
        covariances = (scatter + d * prior) / (counts + d)[:, None, None] + ridge
        if left:
            roots = torch.linalg.cholesky(covariances.double())
            white = torch.linalg.solve_triangular(
                roots, torch.eye(d, dtype=roots.dtype, device=x.device).expand_as(roots), upper=False
            )
            white = white.to(x.dtype)
            offsets = torch.einsum("kij,kj->ki", white, means)
            squares = torch.stack(
                [(x @ w.mT - o).square().sum(dim=1) for w, o in zip(white, offsets, strict=True)], dim=1
            )
            volumes = roots.diagonal(dim1=1, dim2=2).log().sum(dim=1).to(x.dtype)
            shares = torch.softmax(((counts + 1) / n).log() - volumes - squares / 2, dim=1)
    return means, covariances
