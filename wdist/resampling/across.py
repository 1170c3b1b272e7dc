"""Whether rows of two samples belong together: copies of one row, and row i of both of one case.

Copies are told from ties by where they lie: ties of one law fall within the samples and across them alike; and by what
else ties: rows that are equal in coordinates which no two other rows share are of no discrete law. Pairs are told by
ranks, as in `serial.py`; two columns that were both sorted tell nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from wdist.resampling.serial import RELEVANT, SIGNIFICANT

__all__ = ["copies_note", "different_rows", "pairing", "shared_note", "untied"]

Array = np.ndarray[Any, Any]

ERRORS = 2.5
"""Standard errors by which copies are more across, or less, than ties would be."""
MOSTLY_UNIQUE = 1 / 3
"""Share of different rows from which on equal ones within a sample are copies rather than of a discrete law."""
FEWEST_PAIRS = 20
FEWEST_DIFFERENT = 10
"""Rows that two coordinates each have to tell apart: of fewer it is no wonder."""


def copies_note(x: Array, y: Array) -> str:
    """Say in a sentence if rows (n, d) and (m, d) hold copies of each other, or of themselves; "" if not.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(40, 2))
        >>> copies_note(x[:20], x[20:])
        ''
        >>> copies_note(np.repeat(x[:20], 3, axis=0), x[20:])[:45]
        '20 rows occur more than once in one sample, a'
    """
    if shared := shared_note(x, y):
        return shared
    rows, of_x, of_y = different_rows(x, y)
    across, errors = _across(of_x, of_y)
    unique = [1 - np.maximum(part - 1, 0).sum() / part.sum() for part in (of_x, of_y)]
    if errors < -ERRORS and x.shape[1] > 1 and (min(unique) > MOSTLY_UNIQUE or untied(rows)):
        return (
            f"{int((of_x + of_y > 1).sum()) - across} rows occur more than once in one sample, and hardly any of them "
            "in the other: if they are copies, there are fewer independent rows than it seems, and differences are "
            "overstated; drop the copies."
        )
    return ""


def shared_note(x: Array, y: Array) -> str:
    """Say in a sentence if rows (n, d) and (m, d) share more rows than ties explain; "" if not.

    A set of k equal rows lies across both samples with probability 1 − (C(n, k) + C(m, k)) / C(n + m, k) if rows are
    of one law.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(40, 2))
        >>> shared_note(x[:30], x[10:])
        '20 rows occur in a and in b, and hardly any twice in one of them: if the same cases were put into both \
samples, they are less apart than their laws; drop them from one.'
    """
    _, of_x, of_y = different_rows(x, y)
    across, errors = _across(of_x, of_y)
    if errors <= ERRORS:
        return ""
    return (
        f"{across} rows occur in a and in b, and hardly any twice in one of them: if the same cases were put into both "
        "samples, they are less apart than their laws; drop them from one."
    )


def different_rows(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """The different ones among rows (n, d) and (m, d), (k, d), and how often each occurs in x and in y, (k,)."""
    rows = np.ascontiguousarray(np.concatenate([x, y]) + 0.0)  # -0.0 is 0.0
    keys = (
        rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
        if rows.shape[1] > 1
        else rows[:, 0]
    )
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    parts = inverse[: len(x)], inverse[len(x) :]
    of_x, of_y = (np.bincount(part, minlength=len(first)) for part in parts)
    return rows[first], of_x, of_y


def untied(rows: Array) -> bool:
    """Whether different rows, (k, d), differ in two coordinates all, so that where rows are equal they are copies.

    Example:
        >>> untied(np.random.default_rng(0).normal(size=(20, 3))), untied(np.indices((3, 7)).reshape(2, -1).T)
        (True, False)
    """
    apart = (len(np.unique(column)) == len(rows) for column in rows.T)
    return len(rows) >= FEWEST_DIFFERENT and sum(apart) >= 2


def _across(of_x: Array, of_y: Array) -> tuple[int, float]:
    """How many sets of equal rows lie in both samples, and by how many standard errors that is more than chance."""
    n, m = int(of_x.sum()), int(of_y.sum())
    several = of_x + of_y > 1
    of_x, of_y = of_x[several], of_y[several]
    across = int(((of_x > 0) & (of_y > 0)).sum())
    chance = 1 - _within(of_x + of_y, n, m)
    spread = float(np.sqrt((chance * (1 - chance)).sum())) or 1.0
    return across, (across - float(chance.sum())) / spread


def _within(sizes: Array, n: int, m: int) -> Array:
    """Chance that k equal rows, (sets,), all lie in one of two samples, for each k."""
    found = np.zeros(len(sizes))
    for rows in (n, m):
        steps = np.arange(sizes.max(initial=0))
        falling = np.cumprod(
            np.maximum(rows - steps, 0) / np.maximum(n + m - steps, 1)
        )  # C(rows, k) / C(n + m, k)
        found += falling[sizes - 1]
    return found


def pairing(x: Array, y: Array) -> float:
    """Rank correlation between row i of x and row i of y, (n, d) each; 0 where it is none that counts.

    Σ_i ⟨z_i, w_i⟩ for centred ranks has, if y is in random order, mean 0 and variance Σ_ij ⟨z_i, w_j⟩² / (n − 1).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(40, 1))
        >>> pairing(x, x + 1), pairing(x, x[::-1])
        (1.0, 0.0)
    """
    n = len(x)
    if len(y) != n or n < FEWEST_PAIRS:
        return 0.0
    told = ~(_ordered(x) & _ordered(y))
    if not told.any():
        return 0.0
    z, w = (rankdata(side[:, told], axis=0) - (n + 1) / 2 for side in (x, y))
    size = float(np.sqrt(np.square(z).sum() * np.square(w).sum()))
    if size == 0:
        return 0.0
    total = float((z * w).sum())
    wide = z.shape[1] > n
    squares = np.square(z @ w.T).sum() if wide else ((z.T @ z) * (w.T @ w)).sum()  # the same either way
    error = float(np.sqrt(squares / (n - 1)))
    correlation = total / size
    return correlation if abs(total) > SIGNIFICANT * error and abs(correlation) > RELEVANT else 0.0


def _ordered(points: Array) -> Array:
    """Which coordinates only rise, only fall or stay: (d,)."""
    steps = np.diff(points, axis=0)
    return np.logical_or((steps >= 0).all(axis=0), (steps <= 0).all(axis=0))
