"""Exact transport on the line between columns that do not fit into memory.

Each column is read in chunks, which are sorted and written to disk as runs; the runs of both sides are then
read again block by block, and the two quantile functions walked as they come. Where there are more runs than
blocks fit into memory, neighbouring ones are first merged into longer ones.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wdist.errors import InputError
from wdist.memory import human_bytes
from wdist.plans.column import Column
from wdist.plans.line import combine, power_mean, walk_block
from wdist.plans.radix import sort_line
from wdist.plans.room import Room

__all__ = ["Progress", "external_distance"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]
"""Called with (done, total): points handled and to be handled, each counted once for every pass over it."""

CHUNK_SHARE = 36
"""Bytes that a point of a chunk takes while it is read, turned into a float and sorted."""
BLOCK_SHARE = 56
"""Bytes that a point of a block takes while it is read, merged and walked over."""
LEAST_READ = 2**13
"""Points to read from a run at once, where memory allows: for fewer, finding the place takes longer."""


def external_distance(
    a: Column, b: Column, p: float, *, memory: int, folder: Path, progress: Progress
) -> float:
    """Exact W_p between two uniform samples on disk.

    Args:
        a: First sample.
        b: Second sample.
        p: Order, 1 <= p <= inf.
        memory: Bytes of working memory.
        folder: Where a temporary folder for the runs is made; it is removed whatever happens.
        progress: Called now and then.

    Returns:
        W_p, in the unit of the data.

    Raises:
        InputError: if the folder has too little room, or a file cannot be read, ends early or holds a number
            that is not finite; the text gives its row.
    """
    sides = sorted((a, b), key=lambda column: -column.size)
    _check_room(sides, memory, folder)
    points = a.size + b.size
    done, total = 0, 2 * points + sum(side.size * _passes(side, memory) for side in sides)

    def tick(count: int) -> None:
        nonlocal done, total
        done += count
        total += points if done > total else 0  # one walk did not do
        progress(done, total)

    with tempfile.TemporaryDirectory(prefix="wdist-", dir=folder) as temporary:
        x, y = (_sort(side, Path(temporary) / str(k), memory, tick) for k, side in enumerate(sides))

        def walk(p: float, unit: float) -> float:
            return combine(_shares(x, y, p, unit, memory // 2, tick), p)

        distance = power_mean(walk, p, max(x.high - y.low, y.high - x.low))
    tick(total - done)
    return distance


@dataclass(frozen=True)
class _Runs:
    """Sorted runs of given lengths, one after the other in a file of floats between `low` and `high`."""

    path: Path
    dtype: np.dtype[Any]
    lengths: tuple[int, ...]
    low: float
    high: float

    @property
    def size(self) -> int:
        return sum(self.lengths)


def _check_room(sides: list[Column], memory: int, folder: Path) -> None:
    """Refuse to start what the disk cannot hold: every run, and those of one side twice while they are merged."""
    kept = [side.size * side.kept.itemsize for side in sides]
    again = [size for size, side in zip(kept, sides, strict=True) if _passes(side, memory)]
    need = sum(kept) + max(again, default=0)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InputError(f"folder={str(folder)!r} cannot be used: {error.strerror or error}") from None
    if need > free:
        raise InputError(
            f"sorting {' and '.join(side.name for side in sides)} on disk needs {human_bytes(need)} in {folder}, "
            f"where {human_bytes(free)} are free; choose a folder on another disk: folder=... of "
            "wdist.line_from_disk, or the environment variable TMPDIR"
        )


def _chunk(memory: int) -> int:
    return max(1, memory // CHUNK_SHARE)


def _fan_in(memory: int) -> int:
    """Count the runs that are merged at once."""
    return max(2, memory // 2 // BLOCK_SHARE // LEAST_READ)


def _passes(column: Column, memory: int) -> int:
    """Count the passes that merge runs into longer ones, before few enough are left to be walked over."""
    runs, passes = -(-column.size // _chunk(memory)), 0
    while runs > _fan_in(memory):
        runs, passes = -(-runs // _fan_in(memory)), passes + 1
    return passes


def _sort(column: Column, path: Path, memory: int, tick: Callable[[int], None]) -> _Runs:
    """Sort a column into so few runs that they can be merged at once."""
    lengths, ends = [], []
    room = Room()
    with path.open("wb") as file:
        for start in range(0, column.size, _chunk(memory)):
            run = sort_line(column.read(start, _chunk(memory)), room)
            run.tofile(file)
            lengths.append(run.size)
            ends += [float(run[0]), float(run[-1])]
            room.all_back()
            tick(run.size)
    runs = _Runs(path, column.kept, tuple(lengths), min(ends), max(ends))
    for _ in range(_passes(column, memory)):
        runs = _merge(runs, _fan_in(memory), memory // 2, tick)
    return runs


def _merge(runs: _Runs, fan_in: int, memory: int, tick: Callable[[int], None]) -> _Runs:
    """Merge neighbouring runs, `fan_in` at a time, into a new file in place of the old one."""
    path = runs.path.with_suffix(f"{runs.path.suffix}.merged")
    lengths = []
    with path.open("wb") as file:
        for k in range(0, len(runs.lengths), fan_in):
            some = slice(k, k + fan_in)
            for block in _blocks(runs, some, memory):
                block.tofile(file)
                tick(block.size)
            lengths.append(sum(runs.lengths[some]))
    runs.path.unlink()
    return replace(runs, path=path, lengths=tuple(lengths))


def _blocks(runs: _Runs, some: slice, memory: int) -> Iterator[Array]:
    """Merge some runs: their points in ascending order, block by block; each block holds until the next.

    Of every run the next points are in memory. All up to the least of their last ones are complete, and
    sorted together: a block.
    """
    ends = np.cumsum(runs.lengths)[some].tolist()
    starts = [end - length for end, length in zip(ends, runs.lengths[some], strict=True)]
    most = max(1, memory // BLOCK_SHARE // len(ends))
    held = [np.empty(0, runs.dtype) for _ in ends]
    room = Room()
    with runs.path.open("rb") as file:
        while True:
            for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
                if start < end and 2 * held[k].size < most:
                    file.seek(start * runs.dtype.itemsize)
                    fresh = np.fromfile(file, runs.dtype, min(most - held[k].size, end - start))
                    held[k] = np.concatenate([held[k], fresh])
                    starts[k] += fresh.size
            unread = [x[-1] for x, start, end in zip(held, starts, ends, strict=True) if start < end]
            limit = min(unread, default=np.inf)
            cuts = [int(x.searchsorted(limit, side="right")) for x in held]
            if not any(cuts):
                return
            room.all_back()
            block = room.take(sum(cuts), runs.dtype)
            np.concatenate([x[:cut] for x, cut in zip(held, cuts, strict=True)], out=block)
            held = [x[cut:] for x, cut in zip(held, cuts, strict=True)]
            yield sort_line(block, room)


def _shares(
    x: _Runs, y: _Runs, p: float, unit: float, memory: int, tick: Callable[[int], None]
) -> Iterator[float]:
    """Walk over both sides, x being the larger: the share of each of its blocks."""
    n, m = x.size, y.size
    everything = slice(None)
    coming = _blocks(y, everything, memory)
    window, at = np.empty(0, y.dtype), 0  # points of y from number `at` on
    first = 0
    for block in _blocks(x, everything, memory):
        after = first + block.size
        start, stop = first * m // n, (after * m - 1) // n + 1
        parts = [window[start - at :]]
        missing = stop - start - parts[0].size
        while missing > 0:
            part = next(coming).copy()
            parts.append(part)
            missing -= part.size
        window, at = np.concatenate(parts), start
        yield walk_block(block, window[: stop - start], first, n, m, p, unit)
        tick(block.size + after * m // n - first * m // n)
        first = after
