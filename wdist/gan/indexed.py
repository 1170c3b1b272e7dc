"""Rows that stay on disk: a memory map, or a torch `Dataset` whose items are read when their turn comes.

Both answer to row numbers. A Dataset is read by worker processes where the caller asks for them, one call of `read`
after the other: what a batch holds depends on the row numbers alone, so that a run can be resumed at any place.
"""

from __future__ import annotations

from collections.abc import Sized
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError

__all__ = ["DatasetRows", "Indexed", "MappedRows"]

Array = np.ndarray[Any, Any]


class Indexed(Protocol):
    """Rows by number."""

    dtype: torch.dtype

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def read(self, index: Tensor) -> Tensor:
        """Rows with these numbers, flattened: (k, d)."""
        ...

    def part(self, index: Tensor) -> Indexed:
        """Only the rows with these numbers."""
        ...


class MappedRows:
    """Rows of an array on disk (n, ...), of which each batch is copied."""

    def __init__(self, array: Array, rows: Tensor | None = None) -> None:
        self.array = array
        self.rows = torch.arange(len(array)) if rows is None else rows
        self.dtype = torch.uint8 if array.dtype == np.uint8 else torch.float32

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: Tensor) -> Tensor:
        """Copy rows from the map: (k, d)."""
        wanted = self.rows[index].numpy()
        return torch.from_numpy(np.array(self.array[wanted]).reshape(len(wanted), -1)).to(self.dtype)

    def part(self, index: Tensor) -> MappedRows:
        """Only the rows with these numbers."""
        return MappedRows(self.array, self.rows[index])


class DatasetRows:
    """Items of a map-style torch `Dataset`: tensors or arrays, or tuples that begin with one.

    Threads read ahead of no one: an item's place decides what it is, `workers` only how many are read at a time.
    """

    def __init__(self, dataset: Any, workers: int = 0, rows: Tensor | None = None) -> None:
        self.dataset, self.workers = dataset, workers
        self.rows = torch.arange(len(cast(Sized, dataset))) if rows is None else rows
        self.dtype = self._item(0).dtype
        self._pool = ThreadPoolExecutor(workers) if workers else None

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: Tensor) -> Tensor:
        """Read items: (k, d)."""
        wanted = index.tolist()
        items = self._pool.map(self._item, wanted) if self._pool else map(self._item, wanted)
        return torch.stack(list(items))

    def part(self, index: Tensor) -> DatasetRows:
        """Only the rows with these numbers."""
        return DatasetRows(self.dataset, self.workers, self.rows[index])

    def shape(self) -> tuple[int, ...]:
        """Of one item."""
        return tuple(np.shape(self._raw(0)))

    def _raw(self, place: int) -> Any:
        item = self.dataset[int(self.rows[place])]
        return item[0] if isinstance(item, (tuple, list)) else item

    def _item(self, place: int) -> Tensor:
        try:
            x = torch.as_tensor(self._raw(place)).flatten()
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"item {place} of the data set is no array of numbers ({error})") from None
        return x if x.dtype == torch.uint8 else x.float()
