"""Exact W_inf between two uniform clouds of one size: the bottleneck assignment.

W_inf is the smallest entry t of the distance matrix such that the pairs no further apart than t hold a
perfect matching. Binary search over the sorted distances, a maximum bipartite matching (Hopcroft and Karp
1973) at each step: the matching found certifies the answer from above, and its absence at the next smaller
distance from below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

__all__ = ["bottleneck"]

Array = np.ndarray[Any, Any]


def bottleneck(distance: Array) -> tuple[float, Array]:
    """Smallest t at which a perfect matching within distance t exists, and the column matched to each row.

    Args:
        distance: Shape (n, n), finite, non-negative.
    """
    low_bound = max(distance.min(axis=1).max(), distance.min(axis=0).max())  # every point must find a partner
    levels = np.unique(distance[distance >= low_bound])
    low, high = 0, len(levels) - 1
    best = _matching(distance, levels[high])
    assert best is not None
    while low < high:
        middle = (low + high) // 2
        found = _matching(distance, levels[middle])
        if found is None:
            low = middle + 1
        else:
            high, best = middle, found
    return float(levels[high]), best


def _matching(distance: Array, level: float) -> Array | None:
    """Perfect matching within `level`, or None."""
    columns = maximum_bipartite_matching(csr_matrix(distance <= level), perm_type="column")
    return None if (columns < 0).any() else columns
