"""Limits that are known of coordinates: a box, its diameter, and rows that contradict it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wdist.errors import InputError

__all__ = ["Box"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Box:
    """All points between `low` and `high`, which are numbers () or one for each coordinate (d,)."""

    low: Array
    high: Array

    @staticmethod
    def of(support: Any) -> Box:
        """Read what a user passes as (low, high).

        Example:
            >>> Box.of((0, [3.0, 4.0])).diameter(2)
            5.0
        """
        try:
            low, high = (np.asarray(side, dtype=np.float64) for side in support)
            fine = low.ndim <= 1 and high.ndim <= 1 and bool(np.all((high > low) & np.isfinite(high - low)))
        except (TypeError, ValueError):
            fine = False
        if not fine:
            raise InputError(
                f"support is {support!r}; pass (low, high), finite numbers or (d,) sequences, every low below its high"
            )
        return Box(low, high)

    def contradiction(self, x: Array, y: Array) -> str | None:
        """Say where rows of x (n, d) and y (m, d) lie outside, or have another number of coordinates; None if fine."""
        for side in (self.low, self.high):
            if side.ndim == 1 and len(side) != x.shape[1]:
                return f"support has limits for {len(side)} coordinates, and rows have {x.shape[1]}; pass one for each"
        for points, name in ((x, "a"), (y, "b")):
            outside = int(((points < self.low) | (points > self.high)).any(axis=1).sum())
            if outside:
                return f"{outside} rows of {name} lie outside of support; widen it, or use guarantee='asymptotic'"
        return None

    def diameter(self, d: int) -> float:
        """Largest distance between two points of d coordinates."""
        return float(np.linalg.norm(np.broadcast_to(self.high - self.low, (d,))))
