"""A column of numbers in a file, read piece by piece.

A memory map says which bytes of which file it shows; they are read plainly, since the pages of a map would
count as memory of the process. What is read is doubted here, for no border has seen it.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wdist.errors import InputError
from wdist.measures import REACH_LIMIT

__all__ = ["Column"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Column:
    """Real numbers that lie one after the other in a file.

    Attributes:
        name: What the user calls them.
        path: The file.
        offset: Where in it they begin, in bytes.
        size: How many they are.
        dtype: How they are stored: any bool, int or float, in any byte order.
    """

    name: str
    path: Path
    offset: int
    size: int
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, x: Any, name: str) -> Column | None:
        """See a memory map, or a contiguous part of one, as a column of its file; None if it is none."""
        if not isinstance(x, np.memmap) or x.filename is None or x.mode == "c" or x.dtype.kind not in "biuf":
            return None
        if x.ndim not in (1, 2) or x.size == 0 or x.size != x.shape[0] or not x.flags.c_contiguous:
            return None
        pages = np.frombuffer(x._mmap, np.uint8)  # type: ignore[attr-defined]
        within = x.__array_interface__["data"][0] - pages.__array_interface__["data"][0]
        return cls(
            name, Path(x.filename), x.offset - x.offset % mmap.ALLOCATIONGRANULARITY + within, x.size, x.dtype
        )

    @property
    def kept(self) -> np.dtype[Any]:
        """The float type that runs are kept in: float32 where that holds every value, else float64."""
        return np.dtype(np.float32 if np.can_cast(self.dtype, np.float32) else np.float64)

    def read(self, start: int, count: int) -> Array:
        """Read and doubt numbers from number `start` on: (count,) or what is left, in the type `kept`."""
        count = min(count, self.size - start)
        try:
            raw = np.fromfile(self.path, self.dtype, count, offset=self.offset + start * self.dtype.itemsize)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or error}") from None
        if raw.size < count:
            raise InputError(
                f"{self.path} ends after {start + raw.size} of {self.size} numbers; is it whole?"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            x = raw.astype(self.kept, copy=False)
        if not max(-float(x.min()), float(x.max())) <= REACH_LIMIT:
            row = int(np.flatnonzero(~(np.abs(x) <= REACH_LIMIT))[0])
            what = "not finite" if not np.isfinite(x[row]) else f"beyond {REACH_LIMIT:g}, too large,"
            raise InputError(
                f"{self.name} is {what} in row {start + row} ({float(x[row])!r}); write {self.path.name} anew "
                f"without such rows: numpy.save(path, {self.name}[numpy.isfinite({self.name})])"
            )
        return x
