"""A lower bound on a mean that holds at any size of sample and for any law: betting that a bounded variable is larger.

Where E X ≤ μ, no strategy of stakes on X − μ wins on average, so capital above 1/α has probability at most α (Markov):
the bound is the largest μ that makes the capital so large (Waudby-Smith and Ramdas 2024, §4). Capitals won on the same
question are averaged, which keeps their mean below one however they depend on each other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wdist.resampling.two_folds import Reading

__all__ = ["betting_lower", "capital"]

Array = np.ndarray[Any, Any]

BOLDEST = 0.75
"""Share of the capital that a stake may lose at most."""
BISECTIONS = 50


def capital(values: Array, mean: float, level: float) -> float:
    """Final capital of betting, from 1, that variables in [0, 1] have a larger mean than `mean`, in (0, 1].

    The stakes √(2·log(1/level)/(n·variance)) use the variance of the values before, and would be best at that level
    were it known from the start; they do not depend on `mean` but for their limit, so the capital falls in it.

    Args:
        values: In random order, shape (n,).
        mean: The mean that is bet against.
        level: Of the test that the stakes are made for.

    Example:
        >>> values = np.tile([0.4, 0.6], 50)
        >>> capital(values, 0.6, 0.05) < 1 < 20 < capital(values, 0.45, 0.05)
        True
    """
    n = len(values)
    counts = np.arange(2, n + 2)
    means = (0.5 + np.cumsum(values)) / counts
    variances = (0.25 + np.cumsum(np.square(values - means))) / counts
    before = np.concatenate([[0.25], variances[:-1]])
    stakes = np.minimum(np.sqrt(2 * math.log(1 / level) / (n * before)), BOLDEST / mean)
    return math.exp(min(700.0, float(np.log1p(stakes * (values - mean)).sum())))


def betting_lower(readings: tuple[Reading, ...], level: float) -> float:
    """Largest w whose claim W1 ≤ w is bet against with success by the readings' values, at error `level`; at least 0.

    A critic cut to the range that it had where it was fitted is 1-Lipschitz still, and bounded whatever the law. Where
    one side has more rows, groups of them are averaged to one partner each.
    """
    found = [(_differences(r), r.high - r.low) for r in readings if r.high > r.low]

    def refuted(w: float) -> bool:
        won = [capital(h, (w + width) / (2 * width), level) for h, width in found if w < width]
        return sum(won) / len(readings) >= 1 / level

    low, high = 0.0, max((width for _, width in found), default=0.0)
    if not found or not refuted(low):
        return 0.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def _differences(reading: Reading) -> Array:
    """Independent values f(x) − f(y), shifted and scaled from [low − high, high − low] to [0, 1]."""
    sides = [np.clip(side, reading.low, reading.high) for side in (reading.values_a, reading.values_b)]
    pairs = min(map(len, sides))
    grouped = [side[: len(side) // pairs * pairs].reshape(pairs, -1).mean(axis=1) for side in sides]
    scaled: Array = 0.5 + (grouped[0] - grouped[1]) / (2 * (reading.high - reading.low))
    return scaled
