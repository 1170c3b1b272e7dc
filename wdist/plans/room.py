"""Working memory that one sort hands on to the next.

Memory fresh from the system is zeroed page by page as it is first touched, which takes as long as several
passes over it. A `Room` keeps the blocks it made: `take` gives one out, `back` and `all_back` return them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Room"]

Array = np.ndarray[Any, Any]


class Room:
    """Blocks of memory, made as they are needed and used again; for one thread at a time.

    Example:
        >>> room = Room()
        >>> first = room.take(1000, np.float64)
        >>> room.back(first)
        >>> np.shares_memory(first, room.take(10, np.uint32))
        True
    """

    def __init__(self) -> None:
        self._free: list[Array] = []
        self._lent: list[Array] = []

    def take(self, n: int, dtype: Any) -> Array:
        """Give out an array (n,), its contents left as they were."""
        size = n * np.dtype(dtype).itemsize
        for k, block in enumerate(self._free):
            if block.size >= size:
                self._lent.append(self._free.pop(k))
                break
        else:
            del self._free[-1:]  # grown out of: kept, ever larger blocks would pile up
            self._lent.append(np.empty(size, np.uint8))
        return self._lent[-1][:size].view(dtype)

    def back(self, array: Array) -> None:
        """Take an array back; what is not of this room is left alone."""
        for k, block in enumerate(self._lent):
            if array.base is block:
                self._free.append(self._lent.pop(k))
                return

    def all_back(self) -> None:
        """Take every array back: none that was given out may be used any more."""
        self._free += self._lent
        self._lent.clear()
