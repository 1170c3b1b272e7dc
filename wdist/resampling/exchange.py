"""Which rows may change sides: units that move whole, exchanged within groups only.

A permutation test is as good as its exchangeability. A unit is one row, or a block of rows that depend on each
other; a group is a stratum within which units are exchangeable if both samples come from one law. Everything that a
test draws is a matrix of labels, one relabelling a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wdist.errors import InputError
from wdist.rng import Rng

__all__ = ["Array", "Blocks", "Exchange", "Groups", "exchange"]

Array = np.ndarray[Any, Any]
Groups = tuple[Any, Any] | None
"""Stratum of every row of a and of b: two sequences of names or numbers."""
Blocks = int | tuple[Any, Any] | None
"""Rows a block, for rows in order of time; or the block of every row, two sequences of names or numbers."""

BATCH_BYTES = 64 * 2**20
SINGLY = 32
"""Groups up to which each is shuffled by itself, for all relabellings at once."""


@dataclass(frozen=True, eq=False)
class Exchange:
    """The rows of two samples, pooled, and how they may change sides.

    Attributes:
        units: Which unit each row belongs to, (N,).
        sides: 1 where a unit is of a, 0 where of b, (U,), int8.
        groups: Group of every unit, (U,); units change sides within theirs.
    """

    units: Array
    sides: Array
    groups: Array

    @property
    def observed(self) -> Array:
        """The labels as they came, (N,), int8: 1 for a."""
        labels: Array = self.sides[self.units]
        return labels

    @property
    def count(self) -> float:
        """Number of different relabellings, the observed one among them; inf where float64 cannot hold it."""
        sizes, ours = np.bincount(self.groups), np.bincount(self.groups, weights=self.sides)
        terms = (
            math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
            for n, k in zip(sizes, ours, strict=True)
        )
        log = sum(terms)
        return math.inf if log > 700 else round(math.exp(log))

    @cached_property
    def _by_group(self) -> Array:
        return np.argsort(self.groups, kind="stable")

    def batches(self, permutations: int, rng: Rng) -> Iterator[Array]:
        """Yield the observed labels and then random ones, (k, N), int8, in batches of bounded memory."""
        yield self.observed[None]
        step = max(1, BATCH_BYTES // len(self.units))
        for start in range(0, permutations, step):
            yield self._drawn(min(step, permutations - start), rng)

    def _drawn(self, count: int, rng: Rng) -> Array:
        sides = np.tile(self.sides, (count, 1))  # (k, U)
        if self.groups.max() < SINGLY:
            for group in range(self.groups.max() + 1):
                members = np.flatnonzero(self.groups == group)
                sides[:, members] = rng.numpy.permuted(sides[:, members], axis=1)
        else:
            for row in sides:  # in random order, then group by group
                order = rng.numpy.permutation(len(row))
                row[self._by_group] = row[order[np.argsort(self.groups[order], kind="stable")]]
        return sides if len(self.sides) == len(self.units) else np.ascontiguousarray(sides[:, self.units])


def exchange(n: int, m: int, groups: Groups = None, blocks: Blocks = None) -> Exchange:
    """Say which rows of samples of n and m rows may change sides.

    Args:
        n: Rows of a.
        m: Rows of b.
        groups: Strata, as (groups_a, groups_b); None for one.
        blocks: Rows a block, a block never reaching over the end of a sample, or (blocks_a, blocks_b), the same name
            in both meaning two blocks; None for rows that move one by one.

    Raises:
        InputError: if lengths disagree, a block lies in two groups, or nothing could change sides.

    Example:
        >>> exchange(4, 2, blocks=2).units.tolist()
        [0, 0, 1, 1, 2, 2]
        >>> exchange(2, 2).count
        6
    """
    units = _units(n, m, blocks)
    groups_of_rows = (
        np.zeros(n + m, dtype=np.intp) if groups is None else _codes(groups, n, m, "groups", False)
    )
    first = np.unique(units, return_index=True)[1]  # (U,), the row that each unit begins with
    groups_of_units = groups_of_rows[first]
    if wrong := np.flatnonzero(groups_of_units[units] != groups_of_rows).tolist():
        side, row = ("a", wrong[0]) if wrong[0] < n else ("b", wrong[0] - n)
        raise InputError(
            f"row {row} of {side} is in another group than its block begins in; a block moves whole, "
            "so give all of it one group"
        )
    found = Exchange(units, (first < n).astype(np.int8), groups_of_units)
    if found.count == 1:
        what = "rows" if blocks is None else "blocks"
        where = "the samples hold" if groups is None else "no group holds"
        raise InputError(
            f"{where} no two {what} that could change sides, so no relabelling differs from the data; "
            f"pass more {what}{'' if groups is None else ', or wider groups'}"
        )
    return found


def _units(n: int, m: int, blocks: Blocks) -> Array:
    """Number the units of all rows, those of a first: (n + m,)."""
    if blocks is None:
        return np.arange(n + m)
    if isinstance(blocks, (int, np.integer)) and not isinstance(blocks, bool):
        if blocks < 1:
            raise InputError(f"blocks is {blocks}; pass the rows a block, at least 1")
        ours = np.arange(n) // blocks
        return np.concatenate([ours, ours[-1] + 1 + np.arange(m) // blocks])
    return _codes(blocks, n, m, "blocks", True)


def _missing(name: Any) -> bool:
    """Whether a name is None, NaN, NaT or pandas' NA."""
    return name is None or type(name).__name__ == "NAType" or bool(name != name)


def _codes(given: Any, n: int, m: int, name: str, apart: bool) -> Array:
    """Number the names that rows were given; with `apart`, one name in both samples is two things."""
    what = "group" if name == "groups" else "block"
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        rest = " or the rows a block" if name == "blocks" else ""
        raise InputError(
            f"{name} is a {type(given).__name__}; pass a pair ({name}_a, {name}_b), a {what} a row{rest}"
        )
    sides = [np.asarray(side) for side in given]
    for came, side, rows, sample in zip(given, sides, (n, m), "ab", strict=True):
        if side.shape != (rows,):
            raise InputError(
                f"{name}_{sample} has shape {side.shape} for {rows} rows of {sample}; pass one {what} a row"
            )
        names = came if isinstance(came, (list, tuple)) else side.tolist()
        if unnamed := [i for i, one in enumerate(names) if _missing(one)]:
            raise InputError(f"{name}_{sample} is missing in row {unnamed[0]}; give every row a {what}")
    if not all(side.dtype.kind in "biuf" for side in sides):  # else 1 and 1.0 are one name
        sides = [side.astype(str) for side in sides]
    if not apart:
        return np.unique(np.concatenate(sides), return_inverse=True)[1]
    codes = [np.unique(side, return_inverse=True)[1] for side in sides]
    return np.concatenate([codes[0], codes[0].max() + 1 + codes[1]])
