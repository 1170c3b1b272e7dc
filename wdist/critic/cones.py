"""Critics made of cones: 1-Lipschitz by construction, at every temperature and after every step.

A cone c − |x − p| has slope one everywhere, and the softmax of such has slope at most one, since its gradient is a
convex combination of theirs. One softmax peaks at centres of a, another at centres of b, and the critic is the
weighted difference of the two. Cones in learned orthonormal projections are cylinders in the whole space: they see
a subspace whose noise elsewhere would hide it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from wdist.critic.nets import CriticNet, Net
from wdist.errors import InputError
from wdist.options import check_positive, check_whole

__all__ = ["ConeNet", "Cones", "PeakNet", "kmeans", "planes_between"]

SIDES = 2
SPREAD = 0.5
"""Length of the random part that is added to the unit vector between the means, for the planes' normals."""
CROWDED, SLOWEST = 0.15, 1e-4
"""Longest first step, in standard deviations of a cluster about its centre; and the shortest at all."""
LONGEST_TURN = 2**27
"""Bound on rank²·d of a projection given as a share: a step takes some twenty times as many operations."""
ENTRIES = 2**18
"""Points by cones at a time."""
BELOW = 1.5
"""How far below the cones the planes begin, in standard deviations."""


@dataclass(frozen=True)
class Cones(Net):
    """Softmax of cones and planes on each side, in the whole space and in learned projections.

    Attributes:
        centres: Cones on each side, in the whole space and again in each projection.
        planes: Affine functions of slope one on each side.
        ranks: Dimensions of the projections; a rank below one is that share of the dimension of the data, or less where
            thousands of dimensions would make a step take seconds.
        pace: First step of Adam on centres and offsets, in standard deviations of the points, but never so long that
            neighbouring centres would be thrown together. Long steps settle sooner; short ones find many small
            features in high dimension, and let projections turn before the cones settle.
    """

    centres: int = 64
    planes: int = 8
    ranks: tuple[float, ...] = ()
    pace: float = 0.03

    def __post_init__(self) -> None:
        check_whole("centres", self.centres)
        check_whole("planes", self.planes, least=0)
        check_positive("pace", self.pace)
        given: Any = self.ranks
        ranks = tuple(given) if isinstance(given, (tuple, list)) else (None,)
        if any(isinstance(r, bool) or not isinstance(r, (int, float)) or not 0 < r < math.inf for r in ranks):
            raise InputError(
                f"ranks is {given!r}; pass dimensions, or shares of the dimension, such as (0.5, 0.25, 1)"
            )
        object.__setattr__(self, "ranks", ranks)

    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> ConeNet:
        """Place the centres by k-means on each side, at the height of the mean distance, so that none starts hidden."""
        d = x.shape[1]
        ranks = sorted({_rank(r, d) for r in self.ranks}, reverse=True)
        bases = [_orthonormal_rows(r, d, rng, x) for r in ranks if r < d]
        spaces = [(x, y), *((x @ basis.T, y @ basis.T) for basis in bases)]
        k = max(1, min(self.centres, len(x) // 2, len(y) // 2))
        centres = [torch.stack([kmeans(z, k, rng) for z in pair]) for pair in spaces]
        offsets = [_mean_distances(pair, c) for pair, c in zip(spaces, centres, strict=True)]
        normals, levels = planes_between(x, y, self.planes, rng)
        heights = torch.cat([*offsets, levels], dim=1)
        spread = float(torch.cat([x, y]).std(correction=0))
        pace = max(min(self.pace * spread, CROWDED * _room((x, y), centres[0])), SLOWEST)
        return ConeNet(bases, centres, heights, normals, pace)

    def grown(self, most: int) -> Cones | None:
        """Four times the cones."""
        return replace(self, centres=4 * self.centres) if 4 * self.centres <= most else None


class PeakNet(CriticNet):
    """f(x) = w·peak_a(x) − (1 − w)·peak_b(x), peak(x) = τ·log Σ_j exp(h_j(x)/τ) over curved functions and planes h_j.

    Attributes:
        offsets: Height of every curved function and plane, (2, K + m).
        normals: Of the planes, (2, m, d), normalised where they are used.
        balance: The logit of w, over four.
        temperature: τ, in the unit of the points.
    """

    temperature: Tensor

    def __init__(self, offsets: Tensor, normals: Tensor, pace: float) -> None:
        super().__init__()
        self._pace = pace
        self.offsets = nn.Parameter(offsets)
        self.normals = nn.Parameter(normals)
        self.balance = nn.Parameter(offsets.new_zeros(()))
        self.register_buffer("temperature", offsets.new_tensor(0.1))

    @abstractmethod
    def curved(self, x: Tensor) -> Tensor:
        """What stands beside the planes, before offsets: (n, d) -> (n, 2, K), each of slope at most one."""

    def forward(self, x: Tensor) -> Tensor:
        """Value at each point: (n, d) -> (n,)."""
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return self._values(x)
        parts = torch.split(x, max(1, ENTRIES // self.offsets.numel()))  # what a cache holds
        return torch.cat([self._values(part) for part in parts])

    def _values(self, x: Tensor) -> Tensor:
        normals = normalize(self.normals, dim=2)
        flat = (x @ normals.flatten(0, 1).T).view(len(x), *normals.shape[:2])
        logits = (torch.cat([self.curved(x), flat], dim=2) + self.offsets) / self.temperature  # (n, 2, K + m)
        peak = self.temperature * log_sum_exp(logits)  # (n, 2)
        w = torch.sigmoid(4 * self.balance)
        return w * peak[:, 0] - (1 - w) * peak[:, 1]

    def pace(self) -> float:
        """A share of the standard deviation of the points about the nearest centre."""
        return self._pace


class ConeNet(PeakNet):
    """Peaks of cones in the whole space and in projections; distances are exact in eval mode, products in training.

    Attributes:
        bases: Orthonormal rows (r, d) of each projection.
        centres: Of the whole space and of each projection, (2, K, r): first those of a, then those of b.
    """

    def __init__(
        self, bases: list[Tensor], centres: list[Tensor], offsets: Tensor, normals: Tensor, pace: float = 0.1
    ) -> None:
        super().__init__(offsets, normals, pace)
        self.bases = nn.ParameterList(bases)
        self.centres = nn.ParameterList(centres)

    def curved(self, x: Tensor) -> Tensor:
        """Minus the distances from the centres: (n, 2, spaces·K)."""
        mode = "use_mm_for_euclid_dist" if self.training else "donot_use_mm_for_euclid_dist"
        heights = []
        for z, c in zip([x, *(x @ basis.T for basis in self.bases)], self.centres, strict=True):
            away = torch.cdist(z, c.flatten(0, 1), compute_mode=mode)  # (n, 2K)
            heights.append(-away.view(len(x), SIDES, c.shape[1]))
        return torch.cat(heights, dim=2)

    def matrices(self) -> list[Tensor]:
        """The projections' bases."""
        return list(self.bases)


def planes_between(x: Tensor, y: Tensor, m: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Normals about the direction from b to a (for b reversed), at a level below the cones': (2, m, d), (2, m)."""
    d = x.shape[1]
    forth = normalize(x.mean(0) - y.mean(0), dim=0)  # (d,)
    noise = torch.randn(SIDES, m, d, generator=rng, dtype=x.dtype, device=x.device) * (SPREAD / math.sqrt(d))
    normals = normalize(noise + torch.stack([forth, -forth])[:, None], dim=2)
    pooled = torch.cat([x, y])
    return normals, -BELOW * pooled.std(correction=0) - normals @ pooled.mean(0)


def log_sum_exp(logits: Tensor) -> Tensor:
    """Log Σ_j exp(l_j) over the last axis; by torch's log-softmax, which is quicker than its logsumexp."""
    return logits[..., 0] - torch.log_softmax(logits, dim=-1)[..., 0]


def kmeans(x: Tensor, k: int, rng: torch.Generator, rounds: int = 8) -> Tensor:
    """Centres (k, d) of points (n, d): a few rounds of Lloyd's algorithm from random points; empty ones stay put."""
    centres = x[torch.randperm(len(x), generator=rng, device=rng.device).to(x.device)[:k]].clone()
    for _ in range(rounds):
        nearest = torch.cdist(x, centres).argmin(dim=1)  # (n,)
        count = torch.bincount(nearest, minlength=k)[:, None]
        total = torch.zeros_like(centres).index_add_(0, nearest, x)
        centres = torch.where(count > 0, total / count.clamp(min=1), centres)
    return centres


def _rank(given: float, d: int) -> int:
    """Dimensions of a projection of d coordinates."""
    return int(given) if given >= 1 else max(1, min(math.ceil(given * d), math.isqrt(LONGEST_TURN // d)))


def _orthonormal_rows(rows: int, d: int, rng: torch.Generator, like: Tensor) -> Tensor:
    noise = torch.randn(d, rows, generator=rng, dtype=torch.float64, device=like.device)
    basis: Tensor = torch.linalg.qr(noise).Q.T.to(like.dtype).contiguous()
    return basis


def _room(pair: tuple[Tensor, Tensor], centres: Tensor) -> float:
    """Standard deviation, a coordinate, of the points of each side about their nearest centre."""
    within = [
        float(torch.cdist(z, c).amin(dim=1).square().mean()) for z, c in zip(pair, centres, strict=True)
    ]
    return math.sqrt(sum(within) / (2 * centres.shape[2]))


def _mean_distances(pair: tuple[Tensor, Tensor], centres: Tensor) -> Tensor:
    """Mean distance of the pooled points to each centre: (2, K)."""
    pooled = torch.cat([z[:512] for z in pair])
    return torch.cdist(pooled, centres.flatten(0, 1)).mean(0).view(centres.shape[:2])
