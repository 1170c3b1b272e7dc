"""What a call took: seconds, and resident memory above what was there before.

The kernel keeps the high-water mark of this process and lets it be set back, so that every allocator is
counted, compiled code's too; only Linux does. Pages that an allocator had kept from earlier are not seen
again, so a small figure is a lower one.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["METHOD", "Metered", "metered"]

METHOD = (
    "Time is wall time, after a first run where that took under a second. Memory is the peak of resident "
    "memory (VmHWM, set back before the call) above what was resident before; inputs are not in it."
)

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
QUICK = 1.0


@dataclass(frozen=True)
class Metered:
    """A value and what it took; `extra` is in bytes, None where it cannot be measured."""

    value: float
    seconds: float
    extra: int | None


def metered(call: Callable[[], float]) -> Metered:
    """Run a call and measure it; a quick one twice, so that imports and compilation are not counted."""
    first = _once(call)
    if first.seconds >= QUICK:
        return first
    again = _once(call)
    return Metered(again.value, again.seconds, again.extra)


def _once(call: Callable[[], float]) -> Metered:
    before = _reset()
    start = time.perf_counter()
    value = call()
    seconds = time.perf_counter() - start
    peak = _resident("VmHWM")
    return Metered(value, seconds, None if before is None or peak is None else max(0, peak - before))


def _reset() -> int | None:
    """Give freed memory back, set the high-water mark to what is left, and say how much that is."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    try:
        CLEAR.write_text("5")
    except OSError:
        return None
    return _resident("VmRSS")


def _resident(name: str) -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
