"""Rows that stay on disk: a memory map, or a torch `Dataset` whose items are read when their turn comes.

Both answer to row numbers: what a batch holds depends on them alone, so that a run can be resumed at any place, and
worker processes may read ahead (`ahead.py`).
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wdist.errors import InputError
from wdist.folders import check_levels, mode_of, pixels

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
        """Copy rows from the map: (k, d).

        Raises:
            InputError: if one holds a NaN or infinite value.
        """
        wanted = self.rows[index].numpy()
        found = torch.from_numpy(np.array(self.array[wanted]).reshape(len(wanted), -1)).to(self.dtype)
        name = getattr(self.array, "filename", None)
        return _finite(found, self.rows[index], Path(name).name if name else "the array")

    def part(self, index: Tensor) -> MappedRows:
        """Only the rows with these numbers."""
        return MappedRows(self.array, self.rows[index])


class DatasetRows:
    """Items of a map-style torch `Dataset`: tensors, arrays or PIL images, or tuples that begin with one.

    All are of one shape, which is that of the first. Images of PIL are of its mode too, and come as uint8.
    """

    def __init__(self, dataset: Any, rows: Tensor | None = None, first: _Form | None = None) -> None:
        self.dataset = dataset
        self.rows = torch.arange(len(cast(Sized, dataset))) if rows is None else rows
        if not len(self.rows):
            raise InputError(f"the {type(dataset).__name__} is empty; pass at least 4 items")
        self._first = first
        self.dtype = self._item(0).dtype

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: Tensor) -> Tensor:
        """Read items: (k, d).

        Raises:
            InputError: if one is no array of numbers, is of another shape, or holds a NaN or infinite value.
        """
        found = torch.stack([self._item(place) for place in index.tolist()])
        return _finite(found, self.rows[index], f"the {type(self.dataset).__name__}")

    def part(self, index: Tensor) -> DatasetRows:
        """Only the rows with these numbers."""
        return DatasetRows(self.dataset, self.rows[index], self._first)

    def shape(self) -> tuple[int, ...]:
        """Of one item."""
        assert self._first is not None
        return self._first.shape

    def classes(self) -> tuple[tuple[str, ...], Tensor]:
        """Names of the classes that items bring, and the class of each item, (n,), a place among the names.

        Raises:
            InputError: if the items are no pairs (x, class), the class a whole number or a word.
        """
        found = getattr(self.dataset, "targets", None)
        if found is None or len(found) != len(self.dataset):
            pairs = (self.dataset[row] for row in range(len(self.dataset)))
            found = [
                pair[1] if isinstance(pair, (tuple, list)) and len(pair) == 2 else None for pair in pairs
            ]
        labels = [_plain(label) for label in found]
        if not all(isinstance(label, (int, str)) for label in labels):
            raise InputError(
                f"conditional training needs the class of each point, and the items of this "
                f"{type(self.dataset).__name__} bring none; let them be pairs (x, class), the class a whole number or "
                "a word"
            )
        names, codes = np.unique(np.array(labels)[self.rows.numpy()], return_inverse=True)
        return tuple(str(name) for name in names.tolist()), torch.from_numpy(codes)

    def _raw(self, place: int) -> tuple[Any, str]:
        """An item's numbers, and the mode of what came as an image of PIL, else ""."""
        item = self.dataset[int(self.rows[place])]
        item = item[0] if isinstance(item, (tuple, list)) else item
        if not isinstance(item, Image.Image):
            return item, ""
        check_levels(item, f"item {int(self.rows[place])} of the data set")
        mode = mode_of(item)
        return pixels(item, item.size[::-1], mode), mode

    def _item(self, place: int) -> Tensor:
        row = int(self.rows[place])
        try:
            raw, mode = self._raw(place)
            x = torch.as_tensor(raw)
        except InputError:  # an image's own, which names its file
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"item {row} of the data set is no array of numbers ({error})") from None
        found = _Form(row, tuple(x.shape), mode)
        first = self._first = self._first or found
        if (found.shape, found.mode) != (first.shape, first.mode):
            raise InputError(
                f"{found} and {first}; let the data set bring all items to one shape, and images to one mode"
            )
        return x.flatten() if x.dtype == torch.uint8 else x.flatten().float()


@dataclass(frozen=True)
class _Form:
    """What an item is; the mode is that of an image of PIL, else ""."""

    row: int
    shape: tuple[int, ...]
    mode: str

    def __str__(self) -> str:
        mode = f" (mode {self.mode})" if self.mode else ""
        return f"item {self.row} is of shape {self.shape}{mode}"


def _finite(found: Tensor, rows: Tensor, name: str) -> Tensor:
    """What was read, unless a number is none: training would only say that the critic's value is not finite."""
    if found.dtype != torch.uint8 and not bool(torch.isfinite(found).all()):
        bad = int(rows[~torch.isfinite(found).all(dim=1)][0])
        raise InputError(
            f"{name} holds a NaN or infinite value in row {bad}; drop such rows, or fill them in"
        )
    return found


def _plain(label: Any) -> Any:
    """A scalar of torch or NumPy as Python's own; anything else as it is."""
    return label.item() if isinstance(label, (Tensor, np.generic)) and label.ndim == 0 else label
