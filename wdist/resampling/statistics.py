"""How far apart two sets of rows are, for many ways to label the same rows at once.

What does not depend on the labels is done once: the order of scalars for the areas between distribution functions,
the matrix of distances for the energy distance, which all relabellings then share in one matrix product. Every
statistic is a small object that is `prepared` on the pooled rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from wdist.costs import distances
from wdist.errors import InputError
from wdist.plans.line import walk_block
from wdist.rng import Rng

__all__ = [
    "STATISTICS",
    "Array",
    "Energy",
    "Evaluate",
    "Own",
    "Radial",
    "SlicedLine",
    "Statistic",
    "StraightLine",
]

Array = np.ndarray[Any, Any]
Evaluate = Callable[[Array], Array]
"""Labels (k, N), int8, 1 for a -> the statistic of each relabelling, (k,)."""

HELD_BYTES = 1024 * 2**20
BLOCK_BYTES = 64 * 2**20


class Statistic(ABC):
    """Something that is larger the further two samples are apart."""

    @abstractmethod
    def prepare(self, points: Tensor, rng: Rng) -> Evaluate:
        """Look at the pooled rows, (N, d), float64, and give what evaluates labels on them."""


@dataclass(frozen=True)
class StraightLine(Statistic):
    """W_p between the samples on the line."""

    p: float = 1.0

    def prepare(self, points: Tensor, rng: Rng) -> Evaluate:
        """Sort once."""
        scalars = points[:, 0].cpu().numpy()
        order = np.argsort(scalars, kind="stable")
        if self.p == 1:
            return lambda labels: _areas(labels, order, np.diff(scalars[order]))
        return lambda labels: _powers(labels.astype(bool)[:, order], scalars[order], self.p)


@dataclass(frozen=True)
class Radial(Statistic):
    """W1 between the distances of both samples' rows from the mean of all rows: sees scale, in any dimension."""

    def prepare(self, points: Tensor, rng: Rng) -> Evaluate:
        """Reduce every row to its distance from the pooled mean, which no relabelling moves."""
        radii = distances(points, points.mean(dim=0, keepdim=True))  # (N, 1)
        return StraightLine().prepare(radii, rng)


@dataclass(frozen=True)
class SlicedLine(Statistic):
    """Mean W1 between projections on random directions."""

    projections: int = 50

    def prepare(self, points: Tensor, rng: Rng) -> Evaluate:
        """Sort along every direction once."""
        directions = rng.numpy.standard_normal((points.shape[1], self.projections))
        directions /= np.linalg.norm(directions, axis=0)
        centred = points - points.mean(dim=0)
        shadows = centred @ torch.as_tensor(directions, device=points.device)  # (N, L)
        lines = [StraightLine().prepare(shadow[:, None], rng) for shadow in shadows.T]
        return lambda labels: np.asarray(sum(line(labels) for line in lines)) / len(lines)


@dataclass(frozen=True)
class Energy(Statistic):
    """Energy distance 2E|X − Y| − E|X − X'| − E|Y − Y'| (Szekely and Rizzo 2013): sees shifts, in any dimension."""

    def prepare(self, points: Tensor, rng: Rng) -> Evaluate:
        """Hold the distances where there is room, else walk them in blocks of columns."""
        total = len(points)
        width = max(1, BLOCK_BYTES // (8 * total))
        slices = [slice(k, min(k + width, total)) for k in range(0, total, width)]
        held = distances(points, points) if 8 * total**2 <= HELD_BYTES else None  # (N, N)
        sums = torch.cat([_columns(points, held, part).sum(dim=0) for part in slices])  # (N,)

        def evaluate(labels: Array) -> Array:
            ours = torch.as_tensor(labels, device=points.device).double()  # (k, N)
            within = torch.zeros(len(ours), dtype=torch.float64, device=points.device)
            for part in slices:
                within += ((ours @ _columns(points, held, part)) * ours[:, part]).sum(dim=1)
            n = ours.sum(dim=1)
            m, reaching = total - n, ours @ sums  # Σ over i in a, all j
            across = reaching - within  # i in a, j in b
            rest = sums.sum() - reaching - across  # i and j in b
            energy: Array = (2 * across / (n * m) - within / n**2 - rest / m**2).cpu().numpy()
            return energy

        return evaluate


@dataclass(frozen=True)
class Own(Statistic):
    """A user's function (x (n, d), y (m, d)) -> float, called for every relabelling."""

    function: Callable[[Any, Any], Any]
    flat: bool = False

    def prepare(self, points: Tensor, rng: Rng) -> Evaluate:
        """Call it on the rows as they came: (n,) where the user's were flat, on copies that it may write to."""
        rows = points[:, 0].cpu().numpy() if self.flat else points.cpu().numpy()
        return lambda labels: np.array([self._value(rows[of_a], rows[~of_a]) for of_a in labels.astype(bool)])

    def _value(self, x: Array, y: Array) -> float:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        found = self.function(x, y)
        try:
            value = float(found)
        except (TypeError, ValueError):
            raise InputError(
                f"statistic {name} returned a {type(found).__name__}; it must return one number, larger for samples "
                "further apart"
            ) from None
        if not np.isfinite(value):
            raise InputError(
                f"statistic {name} returned {value} for {len(x)} and {len(y)} rows; no p-value can be read off that: "
                "have it return a finite number for any relabelling of the rows"
            )
        return value


STATISTICS: dict[str, Statistic] = {
    "wasserstein": StraightLine(),
    "wasserstein-2": StraightLine(2.0),
    "sliced": SlicedLine(),
    "radial": Radial(),
    "energy": Energy(),
}
"""Statistics by the name they have in `two_sample_test` and on the command line."""


def _columns(points: Tensor, held: Tensor | None, part: slice) -> Tensor:
    """Distances of all rows to those of one block, (N, k)."""
    return distances(points, points[part]) if held is None else held[:, part]


def _powers(labels: Array, ordered: Array, p: float) -> Array:
    """W_p of every relabelling of the sorted scalars."""
    values, unit = [], float(ordered[-1] - ordered[0]) or 1.0
    for of_a in labels:
        x, y = ordered[of_a], ordered[~of_a]
        if len(x) < len(y):
            x, y = y, x
        values.append(unit * walk_block(x, y, 0, len(x), len(y), p, unit) ** (1 / p))
    return np.array(values)


@njit(cache=True, nogil=True)
def _areas(labels: Array, order: Array, gaps: Array) -> Array:
    """∫|F − G| for every relabelling: heights F − G are whole multiples of 1/(nm), so that ties stay exact."""
    count, total = labels.shape
    areas = np.empty(count)
    for b in range(count):
        n = 0
        for i in range(total):
            n += labels[b, i]
        passed, area = 0, 0.0
        for k in range(total - 1):
            passed += labels[b, order[k]]
            area += abs(passed * total - (k + 1) * n) * gaps[k]
        areas[b] = area / n / (total - n)
    return areas
