"""Resamples of many rows on the line at the price of a few thousand: rows in cells, of which only the counts are drawn.

How often the rows of a cell are drawn with replacement is multinomial, and how many of them get the label "a" is
hypergeometric, so F* − G* at the ends of the cells has exactly the law that drawing row by row gives it. Between the
ends of a cell |F* − G*| is taken to be linear; what that can cost is stated. The outermost rows, whose gaps are
widest, have cells of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wdist.rng import Rng

__all__ = ["Array", "Cells"]

Array = np.ndarray[Any, Any]

ALONE, TOGETHER = 1024, 6000
"""Rows at either end with cells of their own, and cells for the rest."""
BATCH = 2_000_000
"""Counts drawn at a time."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Two samples on the line, pooled and in order, in K cells.

    Attributes:
        of_x: Rows of x in each cell, (K,).
        of_y: Rows of y, (K,).
        within: Length of a cell before its last row, (K,); 0 where that row is alone.
        behind: Gap behind its last row, (K,).
    """

    of_x: Array
    of_y: Array
    within: Array
    behind: Array

    @staticmethod
    def of(first: Array, gaps: Array) -> Cells:
        """Cut the pooled rows: whether each is of x, (N,), and the gaps between them, (N − 1,)."""
        total = len(first)
        alone = min(ALONE, total // 2)
        starts = np.unique(
            np.concatenate(
                [
                    np.arange(alone),
                    np.linspace(alone, total - alone, TOGETHER, endpoint=False, dtype=np.intp),
                    np.arange(total - alone, total),
                ]
            )
        )
        of_x = np.add.reduceat(first, starts, dtype=np.int64)
        sizes = np.diff(starts, append=total)
        padded = np.append(gaps, 0.0)
        behind = padded[starts + sizes - 1]
        return Cells(of_x, sizes - of_x, np.add.reduceat(padded, starts) - behind, behind)

    @property
    def slack(self) -> float:
        """Bound on the mean of |T − its figure here|, T = ∫|(F* − F) − (G* − G)| of a resample.

        Given the counts of a cell, how many of its rows lie left of a point has a variance of at most a quarter of
        their number.
        """
        n, m = self.of_x.sum(), self.of_y.sum()
        return float(self.within @ np.sqrt(self.of_x / n**2 + self.of_y / m**2) / 2)

    def excesses(self, resamples: int, rng: Rng) -> Array:
        """T of every bootstrap resample: (resamples,)."""
        sides = self.of_x, self.of_y
        found = []
        for count in self._batches(resamples):
            drawn = [(rng.numpy.multinomial(k.sum(), k / k.sum(), size=count) - k) / k.sum() for k in sides]
            found.append(self._areas(drawn[0] - drawn[1]))
        return np.concatenate(found)

    def relabelled(self, permutations: int, rng: Rng) -> Array:
        """∫|F − G| of the observed labels and of random ones, (1 + permutations,)."""
        pooled, n, m = self.of_x + self.of_y, self.of_x.sum(), self.of_y.sum()
        labels = [self.of_x[None]] + [
            rng.numpy.multivariate_hypergeometric(pooled, n, size=count, method="marginals")
            for count in self._batches(permutations)
        ]
        return np.concatenate([self._areas(of_a / n - (pooled - of_a) / m) for of_a in labels])

    def _areas(self, steps: Array) -> Array:
        """∫|H| for H that rises by the steps (k, K), one a cell: (k,)."""
        heights = np.abs(np.cumsum(steps, axis=1))
        areas: Array = heights @ (self.behind + self.within / 2)
        areas += heights[:, :-1] @ (self.within[1:] / 2)
        return areas

    def _batches(self, total: int) -> Iterator[int]:
        step = max(1, BATCH // len(self.of_x))
        for start in range(0, total, step):
            yield min(step, total - start)
