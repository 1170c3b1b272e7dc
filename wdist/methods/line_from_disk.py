"""Exact W_p on the line between files: the report around `plans/external.py`, and when `estimate` takes it.

A memory map of one coordinate is handed over where the answer in memory would take more than half of what is
free; nothing but its header is read before that is known.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from wdist.errors import InputError
from wdist.files import read_points
from wdist.memory import available_bytes, human_bytes
from wdist.methods.line import Line
from wdist.methods.method import Method
from wdist.options import check_whole
from wdist.plans.column import Column
from wdist.plans.external import Progress, external_distance
from wdist.question import as_order
from wdist.result import Bound, Choice, Estimate, Target

__all__ = ["Progress", "belongs_on_disk", "line_from_disk"]

LEAST_MEMORY = 2**16
IN_MEMORY = 40
"""Bytes a point that the answer in memory takes: a float, its mass, and the sort."""


def line_from_disk(
    a: Any,
    b: Any,
    *,
    p: float = 1,
    memory: int = 512 * 2**20,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Exact W_p between two uniform samples on the line that need not fit into memory.

    External merge sort, then W_p^p = ∫_0^1 |F⁻¹(t) − G⁻¹(t)|^p dt (Villani 2003, Thm 2.18) as both sorted
    sides stream past; exact for unequal sizes too. Weights are not for this: every point counts the same.

    Args:
        a: First sample: the path of a .npy file of shape (n,) or (n, 1), or a memory map of one; any bool,
            int or float type.
        b: Second sample, (m,) or (m, 1).
        p: Order, 1 <= p <= inf.
        memory: Bytes of working memory, beside what Python and its libraries take.
        folder: Where temporary files are written, of 4 or 8 bytes a point (twice that for one side where
            memory is scarce), and removed whatever happens; None for the system's temporary folder.
        progress: Called with (done, total) points, each counted once for every pass over it.

    Returns:
        An `Estimate` with W_p in the unit of the data, exact.

    Raises:
        InputError: if a side is no such file, holds a number that is not finite (its row is given), or the
            folder has too little room.

    Example:
        >>> import os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = [os.path.join(folder, name) for name in ("a.npy", "b.npy")]
        ...     for file, points in zip(files, ([2.0, 0.0, 1.0], [3.5, 4.5])):
        ...         np.save(file, points)
        ...     line_from_disk(*files).value
        3.0
    """
    order = as_order(p)
    check_whole("memory", memory, LEAST_MEMORY)
    place = Path(tempfile.gettempdir() if folder is None else folder)
    sides = _column(a, "a"), _column(b, "b")
    start = time.perf_counter()
    value = external_distance(
        *sides, order, memory=memory, folder=place, progress=progress or (lambda done, total: None)
    )
    rounded = [side.name for side in sides if side.dtype.kind in "iu" and side.dtype.itemsize == 8]
    note = f" Whole numbers of 2**53 and beyond in {' and '.join(rounded)} were rounded." if rounded else ""
    return Estimate(
        value, order, Line.name, Bound.EXACT, Target.SAMPLE, f"W{order:g}", lower=value, upper=value,
        message=f"Sorted on disk, in {place}.{note}", seconds=time.perf_counter() - start,
        choice=Choice("one coordinate, from disk: exact by sorting in bounded memory.", memory),
    )  # fmt: skip


def belongs_on_disk(
    a: Any, b: Any, *, method: str | Method, weights: tuple[Any, Any], metric: Any, target: Any, device: Any
) -> bool:
    """Tell whether `line_from_disk` should answer, for want of memory.

    Raises:
        InputError: if only the weights stand in the way and memory cannot hold the answer with them.
    """
    sides = Column.of(a, "a"), Column.of(b, "b")
    if sides[0] is None or sides[1] is None:
        return False
    asked = method in ("auto", "exact", Line.name) if isinstance(method, str) else isinstance(method, Line)
    plain = isinstance(metric, str) and target in (Target.SAMPLE, "sample") and device in (None, "cpu")
    need, free = IN_MEMORY * (sides[0].size + sides[1].size), available_bytes()
    if not asked or not plain or 2 * need <= free:
        return False
    if all(w is None for w in weights):
        return True
    if need > free:
        raise InputError(
            f"a and b would take about {human_bytes(need)} in memory with their weights, and {human_bytes(free)} are "
            "free; leave the weights out, and both are sorted on disk, or pass fewer points"
        )
    return False


def _column(x: Any, name: str) -> Column:
    if isinstance(x, (str, Path)):
        if Path(x).suffix.lower() != ".npy":
            raise InputError(
                f"{name} is {str(x)!r}; only .npy files are read from disk, numpy.save makes one"
            )
        x = read_points(x)
    column = Column.of(x, name)
    if column is None:
        what = f"shape {x.shape}, {x.dtype}" if isinstance(x, np.memmap) else type(x).__name__
        raise InputError(
            f"{name} ({what}) is no column on disk; pass the path of a .npy file of shape (n,) or (n, 1) that holds "
            f"numbers, or its memory map: numpy.load(path, mmap_mode='r')"
        )
    return column
