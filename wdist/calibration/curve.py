"""Kappa as a curve in W1, in the logarithms of both: straight between knots, level beyond them.

Each amount of transport gives a knot, the mean over its replicates. What has to rise is not kappa but the reading
kappa(w)·w, or it could not be read backwards, so that is made monotone by isotonic regression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

__all__ = ["Curve"]

LEAST_RISE = 1e-9
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Curve:
    """log kappa at knots log w, which ascend."""

    log_w: tuple[float, ...]
    log_k: tuple[float, ...]

    @staticmethod
    def through(log_w: Sequence[float], log_k: Sequence[float]) -> Curve:
        """Pass through knots, as nearly as a reading that rises with w can."""
        order = np.argsort(log_w, kind="stable")
        w, k = np.asarray(log_w)[order], np.asarray(log_k)[order]
        rising = IsotonicRegression().fit_transform(w, k + w)
        rising = rising + LEAST_RISE * np.arange(len(w))
        return Curve(tuple(w.tolist()), tuple((rising - w).tolist()))

    def at(self, w: float) -> float:
        """Log kappa at W1 = w > 0."""
        return float(np.interp(math.log(w), self.log_w, self.log_k))

    def solve(self, reading: float, shift: float = 0.0) -> float:
        """The w of which a critic reads `reading` = kappa(w)·w, if kappa is exp(shift) times the curve.

        Example:
            >>> doubles = Curve((0.0, 1.0), (math.log(2), math.log(2)))
            >>> round(doubles.solve(3.0), 9)
            1.5
        """
        if reading <= 0:
            return 0.0
        aim = math.log(reading) - shift
        rising = np.add(self.log_w, self.log_k)
        if aim <= rising[0]:
            return math.exp(aim - self.log_k[0])
        if aim >= rising[-1]:
            return math.exp(aim - self.log_k[-1])
        return math.exp(float(np.interp(aim, rising, self.log_w)))

    @property
    def reach(self) -> tuple[float, float]:
        """Least and largest w among the knots."""
        return math.exp(self.log_w[0]), math.exp(self.log_w[-1])
