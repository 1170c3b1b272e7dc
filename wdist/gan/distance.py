"""How far generated points are from real ones, and how much of that is only noise.

Two samples of one law are apart too, so a raw distance has a floor; and as a collapsed generator has little noise of
its own, it may pass below that floor and be no good. The debiased distance takes each side's own noise off, and so
is about zero for the law of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.measures import as_samples
from wdist.methods import Discrete
from wdist.options import check_whole
from wdist.plans.dense import Coupling
from wdist.question import ask
from wdist.result import Estimate
from wdist.rng import Seed, as_rng

__all__ = ["Debiased", "Halves", "debiased_distance", "halvings_of"]

FEWEST_ROWS = 4
ROWS_IN_ALL, MOST_HALVINGS = 2000, 16
"""Small samples are halved anew until so many rows have been in a half, or so often; large ones once or twice."""


@dataclass(frozen=True)
class Debiased:
    """W1 between equal samples, with what is left of it once the noise of both sides is taken off.

    Attributes:
        between: Exact W1 between `n` generated and `n` real points, a mean over two disjoint pairs of such samples and
            over the halvings; in the unit of the data, as all distances here.
        within_generated: Exact W1 between `n` generated points and `n` others, a mean over the halvings.
        within_real: The same for real points: the floor of `between`.
        n: Points a side.
        halvings: How often each side was halved anew.
        value: between − within_generated / 2 − within_real / 2: about zero if both laws are one, below it by luck only.
        plan: An optimal coupling of the first pair of samples; its rows are generated points.
    """

    between: float
    within_generated: float
    within_real: float
    n: int
    plan: Coupling = field(repr=False, compare=False)
    halvings: int = 1
    value: float = field(init=False)

    def __post_init__(self) -> None:
        noise = (self.within_generated + self.within_real) / 2
        object.__setattr__(self, "value", self.between - noise)

    @staticmethod
    def mean(found: Sequence[Debiased]) -> Debiased:
        """Average over halvings, with the plan of the first; what any one owes to who is in which half falls away."""
        return Debiased(
            fmean(each.between for each in found),
            fmean(each.within_generated for each in found),
            fmean(each.within_real for each in found),
            found[0].n,
            found[0].plan,
            len(found),
        )

    def __str__(self) -> str:
        return (
            f"W1 {self.between:.4g} (floor {self.within_real:.4g}, {self.n} points a side), "
            f"debiased {self.value:.4g}"
        )


@dataclass(frozen=True, eq=False)
class Halves:
    """Two disjoint samples of one law, of equal size, and the distance between them.

    Attributes:
        first: Shape (n, d).
        second: Shape (n, d).
        within: Exact W1 between the two.
    """

    first: Tensor
    second: Tensor
    within: float

    @staticmethod
    def of(x: Tensor, n: int) -> Halves:
        """Take the first n rows of x and the next n; whose order must be random."""
        first, second = x[:n], x[n : 2 * n]
        return Halves(first, second, _exact(first, second).value)

    def against(self, real: Halves) -> Debiased:
        """Debias the distance of this law, the generated one, from a real one; halves of one size."""
        found = [_exact(self.first, real.first), _exact(self.second, real.second)]
        between = sum(each.value for each in found) / 2
        return Debiased(between, self.within, real.within, len(self.first), found[0].detail.plan)


def halvings_of(n: int) -> int:
    """How often to halve samples anew, of n points a half, where nobody says.

    Of 100 points a half, which ones a half has moves the debiased distance by more than a run gains in a thousand
    steps; of 1000 by some hundredths of it, and each costs half a second.

    Example:
        >>> [halvings_of(n) for n in (50, 250, 1000, 3000)]
        [16, 8, 2, 1]
    """
    return max(1, min(MOST_HALVINGS, ROWS_IN_ALL // n))


def debiased_distance(
    generated: Any, real: Any, *, most: int = 1000, halvings: int | None = None, seed: Seed = 0
) -> Debiased:
    """Measure W(generated, real) − W(generated, generated′)/2 − W(real, real′)/2, all three exact W1.

    That is the form of an energy distance (Székely and Rizzo 2013, eq. (4)) with W1 between samples in the place of the
    distance between points. Half of each sample is held against half of the other, and against its own other half. Far
    from the real law, where noise adds little to the first term, it falls short of W1 between the laws by up to the
    noise: it tells better from worse, and the law from all else, but is no estimate of that W1.

    Args:
        generated: Points (n, d), array-like.
        real: Points (m, d) that the generator was not trained on.
        most: Points a half at the most; an exact W1 of 1000 by 1000 takes about half a second.
        halvings: How often to halve anew, the three terms being means; None for `halvings_of` the points.
        seed: Shuffles the rows before they are halved.

    Raises:
        InputError: if a sample has fewer than four points, or the two live in different spaces.

    Example:
        >>> debiased_distance([0.0, 0.0, 0.0, 0.0], [3.0, 3.0, 3.0, 3.0]).value
        3.0
    """
    check_whole("most", most)
    if halvings is not None:
        check_whole("halvings", halvings)
    rng = as_rng(seed)
    x, y = as_samples(generated, name="generated"), as_samples(real, name="real")
    if x.dim != y.dim:
        raise InputError(f"generated has {x.dim} coordinates a point and real has {y.dim}; pass one space")
    for sample, name in ((x, "generated"), (y, "real")):
        if len(sample) < FEWEST_ROWS:
            raise InputError(f"{name} has {len(sample)} points; halving needs {FEWEST_ROWS}")
    n = min(most, len(x) // 2, len(y) // 2)
    found = []
    for _ in range(halvings or halvings_of(n)):
        mixed = [sample.points[torch.as_tensor(rng.numpy.permutation(len(sample)))] for sample in (x, y)]
        found.append(Halves.of(mixed[0], n).against(Halves.of(mixed[1], n)))
    return Debiased.mean(found)


def _exact(x: Tensor, y: Tensor) -> Estimate:
    """Exact W1 between equally weighted points x (n, d) and y (m, d), with the plan in its `detail`."""
    rng = as_rng(0)  # nothing is drawn
    return Discrete().estimate(ask(x, y, rng=rng), rng)
