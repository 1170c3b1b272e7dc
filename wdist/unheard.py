"""Silence for warnings that are read otherwise, from any number of threads.

`warnings.catch_warnings` puts back the filters it found: of two threads that overlap, the one that leaves last puts
back those of the other, and who listens meanwhile is deaf. Here one filter comes, and the same one goes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

__all__ = ["unheard"]

_lock = Lock()


@contextmanager
def unheard(*, message: str = "", module: str = "") -> Iterator[None]:
    """Ignore warnings whose text and module begin with these regular expressions.

    Example:
        >>> with unheard(message="as I said"):
        ...     warnings.warn("as I said before")
    """
    patterns = re.compile(message, re.IGNORECASE), re.compile(module)
    entry = ("ignore", patterns[0], Warning, patterns[1], 0)
    held: Any = warnings.filters
    with _lock:
        held.insert(0, entry)
    try:
        yield
    finally:
        with _lock:
            now: Any = warnings.filters  # a copy of those, where somebody came to listen in between
            for filters in (held,) if now is held else (held, now):
                if entry in filters:
                    filters.remove(entry)
