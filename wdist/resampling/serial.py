"""Whether rows depend on the ones before them, as those of a time series do.

Ranks make the check blind to units and outliers. A sample whose coordinate only rises or only falls was sorted, and
its order tells nothing; there the check is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

__all__ = ["Serial", "serial_dependence"]

Array = np.ndarray[Any, Any]

SIGNIFICANT = 4.0
"""Standard errors: rows in random order reach that once in 30,000 samples."""
RELEVANT = 0.15
"""A correlation of that size takes the 5 % of a test on means to 9 %."""
FEWEST_ROWS = 20


@dataclass(frozen=True)
class Serial:
    """Rank correlation between a row and the next, averaged over coordinates, and in standard errors."""

    correlation: float
    errors: float

    @property
    def plain(self) -> bool:
        """True where it is too strong for chance and strong enough to spoil a p-value."""
        return self.errors > SIGNIFICANT and self.correlation > RELEVANT


def serial_dependence(points: Array, groups: Array | None = None) -> Serial:
    """Rank correlation of neighbouring rows, against its spread if their order were random.

    The lag-one analogue of Spearman's rho (Wald and Wolfowitz 1943), pooled over coordinates: Σ_i ⟨z_i, z_{i+1}⟩ /
    Σ_i |z_i|² for centred ranks z. In random order its mean is −1/n and its variance tr(S²)/(tr S)²/n, with S the
    coordinates' covariance.

    Args:
        points: Rows in the order they came in, shape (n, d).
        groups: Number of every row's stratum, (n,): what strata differ by is then no dependence.

    Example:
        >>> import numpy as np
        >>> walk = np.random.default_rng(0).normal(size=(200, 1)).cumsum(axis=0)
        >>> serial_dependence(walk).plain, serial_dependence(np.sort(walk, axis=0)).plain
        (True, False)
    """
    n = len(points)
    steps = np.diff(points, axis=0)
    told = ~((steps >= 0).all(axis=0) | (steps <= 0).all(axis=0))  # sorted or constant coordinates are not
    if n < FEWEST_ROWS or not told.any():
        return Serial(0.0, 0.0)
    z = rankdata(points[:, told], axis=0)
    z -= z.mean(axis=0)
    if groups is not None:
        sums, counts = np.zeros((groups.max() + 1, z.shape[1])), np.bincount(groups)
        np.add.at(sums, groups, z)
        z -= (sums / np.maximum(counts, 1)[:, None])[groups]
    total = float(np.square(z).sum())
    if total == 0:
        return Serial(0.0, 0.0)
    correlation = float((z[1:] * z[:-1]).sum()) / total
    gram = z.T @ z if z.shape[1] <= n else z @ z.T  # one has the other's trace, and that of its square
    error = float(np.sqrt(np.square(gram).sum() / n)) / total
    return Serial(correlation, (correlation + 1 / n) / error)
