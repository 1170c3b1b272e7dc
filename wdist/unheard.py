"""Silence for warnings that are read otherwise, from any number of threads.

`warnings.catch_warnings` puts back the filters it found: of two threads that overlap, the one that leaves last puts
back those of the other, and what was to be silent for a moment is silent for ever. Here the first to come keeps the
filters, and the last to leave puts them back.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["unheard"]

_lock = Lock()
_kept: list[warnings.catch_warnings[None]] = []
_inside = [0]


@contextmanager
def unheard(*, message: str = "", module: str = "") -> Iterator[None]:
    """Ignore warnings whose text and module begin with these regular expressions.

    Example:
        >>> with unheard(message="as I said"):
        ...     warnings.warn("as I said before")
    """
    with _lock:
        if not _inside[0]:
            _kept.append(warnings.catch_warnings())
            _kept[0].__enter__()
        _inside[0] += 1
        warnings.filterwarnings("ignore", message=message, module=module)
    try:
        yield
    finally:
        with _lock:
            _inside[0] -= 1
            if not _inside[0]:
                _kept.pop().__exit__(None, None, None)
