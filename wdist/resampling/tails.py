"""From a statistic and its relabellings to p-values: shares that reach it, the observed labels counted in."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["refined_shares", "tail_shares"]

Array = np.ndarray[Any, Any]

TIE = 1e-9
"""Statistics that differ by less than so much of the largest are equal: sums of the same rows round apart."""


def tail_shares(values: Array, among: Array) -> Array:
    """Share of all labellings, the observed one too, that reach each of some values.

    Args:
        values: Statistics, shape (k,).
        among: The statistic of every labelling, the observed one too, shape (1 + permutations,).

    Example:
        >>> tail_shares(np.array([2.0, 5.0]), np.array([5.0, 1.0, 2.0, 2.0])).tolist()
        [0.75, 0.25]
    """
    below = np.searchsorted(np.sort(among), values - TIE * np.abs(among).max(), side="left")
    shares: Array = (len(among) - below) / len(among)
    return shares


def refined_shares(values: Array) -> Array:
    """Share for each labelling itself, less a part of the last step that grows with the distance from the mean.

    Without it every statistic's most extreme relabelling would have the least p-value there is, and where several
    statistics are asked the observed labels would never have it alone.

    Args:
        values: The statistic of every labelling, shape (1 + permutations,).
    """
    out = values / (np.abs(values).max() or 1.0)  # of order one, so that squares stay in range
    out = np.maximum(out - out.mean(), 0) / (out.std() or 1.0)
    shares: Array = tail_shares(values, values) - out / (1 + out) / len(values)
    return shares
