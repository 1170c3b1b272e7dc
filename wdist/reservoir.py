"""A fair sample of a stream in bounded memory: every row draws a random key, and the rows of the smallest keys stay.

A key comes of the seed, the process and the place of the row in the process's stream alone, so the same rows stay
however the stream is cut into batches. The rows of the smallest keys of a union are found among those of its parts,
and a row is known by its mark, so samples of several processes merge into one of the union, and one that arrives
twice counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wdist.errors import InputError
from wdist.measures import Samples

__all__ = ["Gather", "Reservoir"]

Marks = NDArray[np.int64]
"""Key, process and place of each row, shape (n, 3): the order in which rows stay, and what each is known by."""

Gather = Callable[[Any], list[Any]]
"""Hand in an object, get those of all processes, in their order."""


class Reservoir:
    """A uniform sample without replacement of all rows that came, as they came.

    Attributes:
        most: Rows kept at most.
        seen: How many rows came in each process.
        device: Where the rows are kept.
    """

    def __init__(self, most: int, root: Sequence[int], side: int) -> None:
        self.most, self.device = most, torch.device("cpu")
        self._root, self._side = list(root), side
        self.clear()

    def clear(self) -> None:
        """Forget all rows; the same stream would leave the same sample again."""
        self.seen: dict[int, int] = {}
        self._marks: Marks = np.empty((0, 3), np.int64)
        self._slots: Tensor | None = None  # (at least n, d), grown by doubling

    def __len__(self) -> int:
        return len(self._marks)

    @property
    def dim(self) -> int | None:
        """Number of coordinates of a row, None before the first."""
        return None if self._slots is None else self._slots.shape[1]

    def add(self, rows: Tensor, process: int) -> None:
        """Let rows (n, d) of one process pass by; d as before."""
        place = self.seen.get(process, 0)
        sequence = np.random.SeedSequence(self._root, spawn_key=(self._side, process))
        keys = (
            np.random.PCG64(sequence).advance(place).random_raw(len(rows)) >> 1
        )  # 63 bits, one for each place
        marks = np.empty((len(rows), 3), np.int64)
        marks[:, 0], marks[:, 1], marks[:, 2] = keys, process, np.arange(place, place + len(rows))
        self.seen[process] = place + len(rows)
        self._keep(marks, rows)

    def samples(self, name: str) -> Samples:
        """The kept rows in the order in which they came, and how many they are of how many."""
        assert self._slots is not None
        n, total = len(self), sum(self.seen.values())
        order = torch.from_numpy(np.lexsort((self._marks[:, 2], self._marks[:, 1]))).to(self.device)
        note = (
            f"{name}: all {total} rows that came" if n == total else f"{name}: {n} of {total} rows that came"
        )
        note += f" in {len(self.seen)} processes" if len(self.seen) > 1 else ""
        note += "." if n == total else ", a fair sample."
        masses = torch.full((n,), 1 / n, dtype=torch.float64, device=self.device)
        return Samples(self._slots[order], masses, native="torch", note=note)

    def union(self, gather: Gather, rank: int) -> Reservoir:
        """Sample of what came in all processes: each sends its marks, then only the rows that stay, once each."""
        heads = gather((self._marks, self.seen))
        marks = np.concatenate([head for head, _ in heads])
        ends = np.cumsum([0] + [len(head) for head, _ in heads])
        chosen = _smallest(marks, self.most)
        places = [chosen[(chosen >= low) & (chosen < high)] for low, high in pairwise(ends)]
        mine = None if self._slots is None else self._slots[places[rank] - ends[rank]].cpu()
        whole = Reservoir(self.most, self._root, self._side).to(self.device)
        for place, rows in zip(places, gather(mine), strict=True):
            if rows is not None:
                whole._keep(marks[place], rows)
        for _, seen in heads:  # a process may know what another had seen, of a state that it loaded
            whole.seen |= {k: max(count, whole.seen.get(k, 0)) for k, count in seen.items()}
        return whole

    def to(self, device: torch.device) -> Reservoir:
        """Move the rows; returns itself."""
        self.device = device
        self._slots = None if self._slots is None else self._slots.to(device)
        return self

    def state(self) -> dict[str, Any]:
        """Everything that is needed to go on: tensors and plain numbers, all copies."""
        rows = None if self._slots is None else self._slots[: len(self)].clone()
        return {"most": self.most, "root": list(self._root), "seen": dict(self.seen), "rows": rows,
                "marks": torch.from_numpy(self._marks.copy())}  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a `state`, by its seed.

        Raises:
            InputError: if it was made with another `most`: from then on the sample would not be fair.
        """
        if state["most"] != self.most:
            raise InputError(
                f"the state was kept with rows={state['most']} and this metric has rows={self.most}; make it with "
                f"rows={state['most']}"
            )
        self.clear()
        self._root, self.seen = list(state["root"]), dict(state["seen"])
        if state["rows"] is not None:
            self._keep(state["marks"].numpy(force=True), state["rows"])

    def _keep(self, marks: Marks, rows: Tensor) -> None:
        """Let the smallest marks of old and new stay; new rows take the slots of those that leave."""
        old = len(self)
        joined = np.concatenate([self._marks, marks])
        chosen = _smallest(joined, self.most)
        staying, entering = chosen[chosen < old], chosen[chosen >= old] - old
        free = np.setdiff1d(np.arange(len(chosen)), staying, assume_unique=True)  # (len(entering),)
        slots = self._room(len(chosen), rows)
        coming = rows[torch.from_numpy(entering).to(rows.device)].to(slots)
        slots[torch.from_numpy(free).to(slots.device)] = coming
        kept = np.empty((len(chosen), 3), np.int64)
        kept[:old] = self._marks
        kept[free] = marks[entering]
        self._marks, self._slots = kept, slots

    def _room(self, n: int, rows: Tensor) -> Tensor:
        """Slots for `n` rows in the wider of both types, with what is held already."""
        held = rows.new_empty((0, rows.shape[1]), device=self.device) if self._slots is None else self._slots
        dtype = torch.promote_types(held.dtype, rows.dtype)
        if len(held) >= n and held.dtype == dtype:
            return held
        slots = held.new_empty((max(n, min(2 * len(held), self.most)), held.shape[1]), dtype=dtype)
        slots[: len(held)] = held
        return slots


def _smallest(marks: Marks, most: int) -> NDArray[np.intp]:
    """Where the smallest marks are, each once, at its first place: (at most `most`,)."""
    order = np.lexsort(marks.T[::-1])
    first = np.ones(len(order), bool)
    first[1:] = (marks[order[1:]] != marks[order[:-1]]).any(axis=1)
    return order[first][:most]
