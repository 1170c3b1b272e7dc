"""Kappa of every family of cases, what they have in common, and how far either may be trusted.

A family has its own curve, and its replicates scatter about it. A family that was never seen may lie anywhere among the
families, so the pooled curve is tried on each of them in turn with that one left out, and what it then misses by is the
spread that is promised for the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import t as student

from wdist.calibration.curve import Curve

__all__ = ["FEWEST_FAMILIES", "Model", "Point"]

FEWEST_FAMILIES = 3


@dataclass(frozen=True)
class Point:
    """One fit: which amount of its family, the true w, and what was read."""

    level: int
    w: float
    reading: float

    @property
    def log_k(self) -> float:
        """Of kappa = reading / w."""
        return math.log(self.reading / self.w)


@dataclass(frozen=True)
class Model:
    """Points of every family, all of positive reading."""

    points: Mapping[str, Sequence[Point]]

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """One a family."""
        return {family: _curve(points) for family, points in self.points.items()}

    @cached_property
    def pooled(self) -> Curve | None:
        """What the families have in common; None of fewer than three."""
        return None if len(self.points) < FEWEST_FAMILIES else _pool(list(self.curves.values()))

    def pooled_without(self, family: str) -> Curve:
        """The same, as if a family had never been seen."""
        return _pool([curve for name, curve in self.curves.items() if name != family])

    def curve(self, family: str | None) -> Curve:
        """Of a family, or pooled."""
        found = self.pooled if family is None else self.curves[family]
        assert found is not None
        return found

    def half_width(self, family: str | None, confidence: float) -> float:
        """By how much log kappa of one more fit may differ from the curve: of this family, or of a new one.

        Within a family that is Student's prediction interval about its knots. For a new family the squares of what
        each family, left out, was missed by are averaged over families, which count as so many draws.
        """
        if family is None:
            count = len(self.points)
            # a family against the mean of the others, to a new one against the mean of all
            wider = (count * count - 1) / count**2
            square, freedom = wider * self._left_out_square, count - 1
        else:
            points, knots = self.points[family], len(self.curves[family].log_w)
            freedom = len(points) - knots
            if freedom < 1:
                return math.inf
            curve = self.curves[family]
            rest = sum((p.log_k - curve.at(p.w)) ** 2 for p in points)
            square = rest / freedom * (1 + knots / len(points))
        return float(student.ppf((1 + confidence) / 2, freedom)) * math.sqrt(square)

    @property
    def _left_out_square(self) -> float:
        squares = []
        for family, points in self.points.items():
            curve = self.pooled_without(family)
            squares.append(np.mean([(p.log_k - curve.at(p.w)) ** 2 for p in points]))
        return float(np.mean(squares))

    def errors(self, family: str, *, left_out: bool) -> list[float]:
        """Relative errors of the calibrated W1 of a family's fits, by its own curve or by that of the others.

        By its own, each amount of transport is left out in turn, but for the two at the ends.
        """
        points = self.points[family]
        if left_out:
            curve = self.pooled_without(family)
            return [curve.solve(p.reading) / p.w - 1 for p in points]
        levels = sorted({p.level for p in points})
        held = levels[1:-1] or levels
        found = []
        for level in held:
            rest = [p for p in points if p.level != level or len(levels) < 3]
            curve = _curve(rest)
            found += [curve.solve(p.reading) / p.w - 1 for p in points if p.level == level]
        return found

    @property
    def spread(self) -> float:
        """Root mean square of the relative error of W1 over families, each left out of the pooled curve."""
        squares = [np.mean(np.square(self.errors(family, left_out=True))) for family in self.points]
        return math.sqrt(float(np.mean(squares)))

    def reach(self, family: str | None) -> tuple[float, float]:
        """The w that were calibrated: of a family, or those that at least half of the families reach."""
        ends = [c.reach for c in self.curves.values()] if family is None else [self.curves[family].reach]
        return float(np.median([low for low, _ in ends])), float(np.median([high for _, high in ends]))


def _curve(points: Sequence[Point]) -> Curve:
    levels = sorted({p.level for p in points})
    groups = [[p for p in points if p.level == level] for level in levels]
    log_w = [float(np.mean([math.log(p.w) for p in group])) for group in groups]
    return Curve.through(log_w, [float(np.mean([p.log_k for p in group])) for group in groups])


def _pool(curves: Sequence[Curve]) -> Curve:
    """Mean of log kappa over families, at all their knots."""
    knots = sorted({w for curve in curves for w in curve.log_w})
    return Curve.through(knots, [float(np.mean([c.at(math.exp(w)) for c in curves])) for w in knots])
