"""What training sees of a set and what it never does.

A finite set is split once and for all, by its size alone, so that runs with other seeds and nets are judged by the same
points. Copies of an image are kept on one side.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.gan.data import Rows, too_few_rows
from wdist.sources import Source

__all__ = ["Parts", "split"]

HELD = 2000
"""Points that a law draws to be held against."""
HELD_ON_DISK = 4096
"""Rows that are held out of a set on disk at the most, as they are read into memory."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What training sees and what it never does: sets of rows, or twice one law."""

    train: Rows | Source
    held: Rows | Source

    def held_out(self) -> Tensor:
        """Real points that training never saw, (n, d), in the data's unit; of a law, the same draws each time."""
        if isinstance(self.held, Rows):
            return self.held.points()
        return self.held.draw(HELD, torch.Generator().manual_seed(1))


def split(rows: Rows, share: float) -> Parts:
    """Hold out a share, chosen by the set's size alone; images that are equal, pixel for pixel, on one side.

    Rows that are read from disk one by one are not compared.
    """
    order = torch.from_numpy(np.random.default_rng([20261125, len(rows)]).permutation(len(rows)))
    held = min(max(2, round(share * len(rows))), len(rows) - 2)
    if not isinstance(rows.rows, Tensor):
        held = min(held, HELD_ON_DISK)
    if held < 2:
        raise InputError(too_few_rows(rows))
    if rows.images and isinstance(rows.rows, Tensor):
        order, held = _unparted(rows, order, held)
    return Parts(rows.part(order[held:]), rows.part(order[:held]))


def _unparted(rows: Rows, order: Tensor, held: int) -> tuple[Tensor, int]:
    """An order whose first rows have no copy among the others, and how many those are: `held`, or somewhat fewer."""
    levels = rows.at(order).numpy()
    copies: dict[bytes, list[int]] = {}
    for row, image in zip(order.tolist(), levels, strict=True):
        copies.setdefault(blake2b(image.tobytes(), digest_size=16).digest(), []).append(row)
    if len(copies) == len(rows):
        return order, held
    first: list[int] = []
    rest: list[list[int]] = []
    for same in copies.values():
        if len(first) + len(same) <= held:
            first += same
        else:
            rest.append(same)
    if len(first) < 2:  # no group is so small
        first += rest.pop(min(range(len(rest)), key=lambda k: len(rest[k])))
    seen = [row for same in rest for row in same]
    if len(seen) < 2:
        raise InputError(
            f"{rows.about}: its {len(rows)} images are copies of {len(copies)}, too few to train on some and hold out "
            "others; add images that differ"
        )
    return torch.tensor(first + seen), len(first)
