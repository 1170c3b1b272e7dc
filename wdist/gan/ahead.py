"""Batches read ahead by worker processes: torch's `DataLoader`, in an order that is the feed's own.

The feed says which rows come next; workers read whole batches of them and hand them over in that order. Nothing of what
they do is part of a run's state: where a batch is asked for that is not the next one, they begin anew at its place.
"""

from __future__ import annotations

import itertools
import signal
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from wdist.errors import InputError
from wdist.gan.indexed import Indexed
from wdist.unheard import unheard

__all__ = ["Ahead"]

Order = Callable[[int, int], Tensor]
"""Place in an endless order, number of rows -> their row numbers."""


class Ahead:
    """Reads rows that lie on disk before they are asked for.

    Args:
        rows: Where they lie.
        order: Which come when; it must not hold on to this object.
        workers: Processes that read, two batches each at the most before they are asked for.
    """

    def __init__(self, rows: Indexed, order: Order, workers: int) -> None:
        self.rows, self.order, self.workers = rows, order, workers
        self._next = (-1, 0)
        self._asked: deque[Tensor] = deque()
        self._batches: list[Iterator[Any]] = []
        # whoever lets go of this object ends the workers; left to the garbage collector, which takes their queues
        # first, each of them would hold it up for seconds
        weakref.finalize(self, self._batches.clear)

    def take(self, start: int, n: int) -> tuple[Tensor, Tensor]:
        """Row numbers at places start … start + n − 1, (n,), and those rows as they lie, (n, d).

        Raises:
            InputError: if a row cannot be read, at the batch that it is in.
        """
        if self._next != (start, n):
            self._begin(start, n)
        self._next = (start + n, n)
        found = next(self._batches[0])
        if isinstance(found, InputError):
            raise found
        return self._asked.popleft(), found

    def _begin(self, start: int, n: int) -> None:
        self._batches.clear()
        self._asked.clear()
        with unheard(
            message="This DataLoader will create"
        ):  # more workers than cores, as those that wait may be
            loader: DataLoader[Any] = DataLoader(
                _Batches(self.rows), sampler=_Places(self.order, start, n, self._asked), batch_size=None,
                num_workers=self.workers, worker_init_fn=_deaf, generator=torch.Generator(),
                multiprocessing_context="fork" if sys.platform == "linux" else None,
            )  # fmt: skip
            self._batches.append(iter(loader))


@dataclass(frozen=True)
class _Places:
    """What a loader takes for a sampler: the row numbers of batch after batch, for ever, which it notes in `asked`."""

    order: Order
    start: int
    n: int
    asked: deque[Tensor]

    def __iter__(self) -> Iterator[Tensor]:
        for place in itertools.count(self.start, self.n):
            self.asked.append(self.order(place, self.n))
            yield self.asked[-1]


class _Batches(Dataset[Any]):
    """What a loader takes for a data set: an item is a batch."""

    def __init__(self, rows: Indexed) -> None:
        self.rows = rows

    def __getitem__(self, index: Tensor) -> Any:
        """The rows, or what is wrong with one, without a worker's traceback around it."""
        try:
            return self.rows.read(index)
        except InputError as error:
            return error


def _deaf(worker: int) -> None:
    """Leave Ctrl-C, which a terminal sends to all its processes, to the one that trains and saves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
