"""Counting modes: where they are known, narrow and equal, each generated point is one mode's, or none's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from wdist.errors import InputError
from wdist.measures import as_samples
from wdist.options import check_positive

__all__ = ["Modes", "count_modes"]

FAIR = 0.1
"""A mode is covered if it has at least this part of its due number of good points."""


@dataclass(frozen=True)
class Modes:
    """How generated points lie about the modes of a mixture.

    Attributes:
        counts: Good points of each mode: those within `reach` widths of its centre.
        good: Share of the points that are good.
        covered: Modes with at least a tenth of n / k good points.
        imbalance: Total variation between the counts' shares and equal ones: the part of the good points that is in the
            wrong mode; 1 if no point is good. Of n points drawn from the mixture itself it is about √(k / (2πn)).
    """

    counts: tuple[int, ...]
    good: float
    covered: int
    imbalance: float

    def __str__(self) -> str:
        return f"{self.covered}/{len(self.counts)} modes, {100 * self.good:.3g} % good, imbalance {self.imbalance:.2g}"


def count_modes(points: Any, centres: Any, width: float, reach: float = 3.0) -> Modes:
    """Count the generated points at each mode of a mixture of equal Gaussians N(centre, width²·I).

    Args:
        points: Generated points (n, d).
        centres: Of the modes, (k, d).
        width: Standard deviation of a mode in each coordinate.
        reach: Widths within which a point is good; 3 by custom, which in the plane holds 98.9 % of a Gaussian.

    Raises:
        InputError: if the two live in different spaces, or width or reach is not positive.

    Example:
        >>> found = count_modes([[0.0, 0.1], [0.0, -0.1], [4.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [4.0, 0.0]], 0.1)
        >>> found.counts, found.good
        ((2, 1), 0.75)
    """
    check_positive("width", width)
    check_positive("reach", reach)
    x, c = (
        as_samples(points, name="points").points.double(),
        as_samples(centres, name="centres").points.double(),
    )
    if x.shape[1] != c.shape[1]:
        raise InputError(
            f"points has {x.shape[1]} coordinates a point and centres has {c.shape[1]}; pass one space"
        )
    away, nearest = torch.cdist(x, c, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)  # (n,)
    counts = torch.bincount(nearest[away <= reach * width], minlength=len(c))  # (k,)
    n, k, good = len(x), len(c), int(counts.sum())
    shares = counts.double() / max(good, 1)
    return Modes(
        tuple(counts.tolist()),
        good / n,
        int((counts >= max(1.0, FAIR * n / k)).sum()),
        float((shares - 1 / k).abs().sum() / 2) if good else 1.0,
    )
