"""Several statistics read as one: each in units of what it exceeds at a stated rate, and the highest counts.

Scales and threshold come from the same sets, so that all statistics together keep the rate; where the set that is
judged is among them, its rank is that of one among equals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wdist.resampling.exchange import Array

__all__ = ["TIE", "Calibration", "in_scale"]

TIE = 1e-9
"""Statistics of the same rows round apart by less, relatively."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What random sets of a batch's size show, as statistics that are brought to one scale.

    Attributes:
        scales: Of every statistic, what it exceeds at the rate of false alarms alone, (K,).
        heights: The highest statistic in that scale, of every set, (sets,).
        threshold: What the heights exceed at that rate.
    """

    scales: Array
    heights: Array
    threshold: float

    @staticmethod
    def of(values: Array, rate: float) -> Calibration:
        """Read it off the statistics of all sets, (K, sets)."""
        scales = np.quantile(values, 1 - rate, axis=1, method="higher")
        heights = in_scale(values.T, scales).max(axis=1)
        return Calibration(scales, heights, float(np.quantile(heights, 1 - rate, method="higher")))

    def height(self, values: Array) -> float:
        """The highest of a batch's statistics, (K,), in scale."""
        return float(in_scale(values, self.scales).max())

    def reaching(self, height: float) -> int:
        """How many sets are as high."""
        return int((self.heights >= height * (1 - TIE)).sum())


def in_scale(values: Array, scales: Array) -> Array:
    """Statistics (..., K) over their scales; a scale of zero is one that anything exceeds."""
    beyond = np.where(values > 0, np.inf, 0.0)
    return np.where(scales > 0, values / np.where(scales > 0, scales, 1.0), beyond)
