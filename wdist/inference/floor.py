"""What sampling noise alone would show.

Two samples of one law are never at distance zero: in 32 dimensions, a thousand points each of one Gaussian
are 5.6 apart. The floor estimates that figure for the laws at hand, by halving each sample and measuring
between its own halves.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from wdist.errors import InputError
from wdist.measures import Samples
from wdist.methods import Discrete, Line
from wdist.options import check_whole
from wdist.question import Question, ask
from wdist.rng import Rng, Seed, as_rng

__all__ = ["Floor", "sampling_floor"]

LARGEST_HALF = 1500
FEWEST_ROWS = 4


@dataclass(frozen=True)
class Floor:
    """Distance that two samples, of the sizes given, would be apart if both came from one law.

    Attributes:
        a: If both came from the law of a.
        b: If both came from the law of b.
        p: Order of the distance.
    """

    a: float
    b: float
    p: float

    @property
    def value(self) -> float:
        """The larger of the two."""
        return max(self.a, self.b)

    def __repr__(self) -> str:
        return (
            f"W{self.p:g} between two samples of these sizes from one law would be about "
            f"{self.a:.4g} (the law of a) or {self.b:.4g} (the law of b)"
        )


def sampling_floor(
    a: Any,
    b: Any,
    *,
    p: float = 1,
    weights_a: Any = None,
    weights_b: Any = None,
    shuffles: int = 3,
    seed: Seed = 0,
) -> Floor:
    """Estimate the distance that sampling noise alone would give.

    F(n, m) = mean over shuffles of W_p(half, other half)·(h / n_eff)^{1/max(d, 2)}, with n_eff = 2nm/(n + m):
    the distance between halves of h points, carried to sizes n and m at the rate of Dudley (1969). The rate
    takes the points to fill their d dimensions; where they do not, the factor, between 2^{-1/2} and 1, is
    closer to 1 than it should be.

    Args:
        a: Points (n,) or (n, d), array-like.
        b: Points (m,) or (m, d).
        p: Order, finite.
        weights_a: Masses (n,), summing to one; None for equal ones. The sample's size is then taken as 1/Σw².
        weights_b: Masses (m,).
        shuffles: Random halvings to average over.
        seed: As in `estimate`.

    Raises:
        InputError: if a or b is a source, or has fewer than four points.

    Example:
        >>> floor = sampling_floor(list(range(100)), list(range(50, 150)))
        >>> 0 < floor.a < 50
        True
    """
    check_whole("shuffles", shuffles)
    rng = as_rng(seed)
    question = ask(a, b, p=p, weights_a=weights_a, weights_b=weights_b, rng=rng)
    if not question.sampled:
        raise InputError("the sampling floor is of two given samples; draw from the source first")
    if question.p == float("inf"):
        raise InputError("p is inf; the sampling floor is for finite p")
    pair = question.samples
    sizes = [_size(s) for s in pair]
    effective = 2 * sizes[0] * sizes[1] / (sizes[0] + sizes[1])
    floors = [
        _of_law(s, effective, question, shuffles, rng.spawn(), name)
        for s, name in zip(pair, "ab", strict=True)
    ]
    return Floor(floors[0], floors[1], question.p)


def _size(s: Samples) -> float:
    """Number of equal points that would be as noisy: n for uniform weights."""
    return float(1 / s.weights.square().sum())


def _of_law(s: Samples, effective: float, question: Question, shuffles: int, rng: Rng, name: str) -> float:
    if len(s) < FEWEST_ROWS:
        raise InputError(f"{name} has {len(s)} points; the sampling floor needs {FEWEST_ROWS} to halve them")
    if int(s.weights.count_nonzero()) < FEWEST_ROWS:
        raise InputError(
            f"weights_{name} are zero on all but {int(s.weights.count_nonzero())} points; "
            f"the sampling floor needs {FEWEST_ROWS} of positive mass"
        )
    method = Line() if s.dim == 1 else Discrete()
    half = len(s) // 2 if s.dim == 1 else min(len(s) // 2, LARGEST_HALF)
    total = 0.0
    for _ in range(shuffles):
        order = torch.as_tensor(rng.numpy.permutation(len(s)), device=s.points.device)
        halves = [_part(s, order[:half]), _part(s, order[half : 2 * half])]
        between = method.estimate(dataclasses.replace(question, a=halves[0], b=halves[1]), rng).value
        h = 2 / sum(1 / _size(part) for part in halves)
        total += between * (h / effective) ** (1 / max(s.dim, 2))
    return total / shuffles


def _part(s: Samples, rows: torch.Tensor) -> Samples:
    w = s.weights[rows]
    return Samples(s.points[rows], w / w.sum(), s.uniform)
