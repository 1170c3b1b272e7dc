"""Data on disk read by the process that trains, and ahead of it by workers: time a step of the generator.

The same trainer (100-100 nets, batches of 64, five critic steps) on a memory map in the system's cache, a folder
of images that are decoded at their turn, and a torch Dataset whose items take a millisecond to come, as from a network.
Trainers take turns in one process.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from benchmarks.store import Table
from wdist import datasets, gan

__all__ = ["KINDS", "measure", "table"]

Record = dict[str, Any]
WORKERS = (0, 1, 2)
ROWS, PICTURES, SIDE, WAIT = 20_000, 484, 128, 1e-3


class Slow(Dataset[Any]):
    """Flags, each of which takes a millisecond to come."""

    def __init__(self) -> None:
        self.images = datasets.flags().distinct().images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> Any:
        time.sleep(WAIT)
        return self.images[row]


def _map(folder: Path) -> Any:
    flags = datasets.flags().distinct().images
    np.save(folder / "x.npy", flags[np.arange(ROWS) % len(flags)])
    return gan.Data(str(folder / "x.npy"))


def _folder(folder: Path) -> Any:
    flags = datasets.flags(64).distinct().images
    for k in range(PICTURES):
        large = Image.fromarray(flags[k % len(flags)]).resize((SIDE, SIDE))
        large.save(folder / f"{k:04}.png")
    return gan.Data(str(folder), size=32, on_disk=True)


KINDS: dict[str, Callable[[Path], Any]] = {
    f"memory map, {ROWS} × 32 × 32 × 3": _map,
    f"folder of PNG, {SIDE} × {SIDE}, brought to 32": _folder,
    "Dataset, 1 ms an item": lambda _: Slow(),
}


def measure(into: Table, kinds: list[str], steps: int, turns: int, tell: Callable[[str], None]) -> None:
    """Fill a table, a record a kind of data; those that are there stay."""
    for kind in kinds:
        if kind not in into:
            with tempfile.TemporaryDirectory() as folder:
                into.add({"key": kind, "turns": turns, **_compared(KINDS[kind](Path(folder)), steps, turns)})
            tell(table(into.rows[-1:]).splitlines()[2])


def _compared(data: Any, steps: int, turns: int) -> Record:
    """Seconds a step with each number of workers: that passed, and of the training process's processor."""
    load = os.getloadavg()[0]
    running = {str(n): _training(data, n) for n in WORKERS}
    spent: dict[str, dict[str, list[float]]] = {clock: {n: [] for n in running} for clock in ("wall", "cpu")}
    for side in running.values():
        next(side)
    for _ in range(turns):
        for n, side in running.items():
            next(side)  # what was read during the others' turns is used up
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(steps):
                next(side)
            spent["wall"][n].append((time.perf_counter() - wall) / steps)
            spent["cpu"][n].append((time.process_time() - cpu) / steps)
    return {
        **{clock: {n: median(t) for n, t in times.items()} for clock, times in spent.items()},
        "load": load,
    }


def _training(data: Any, workers: int) -> Iterator[Any]:
    config = gan.preset("wgan-gp", data, workers=workers, held_every=0)
    return gan.Trainer(config, seed=0).steps(10**9)


def table(rows: list[Record]) -> str:
    """A line a kind of data: wall time a step, then the training process's own."""
    head = ["data", *(f"{n} workers" for n in WORKERS), *(f"its own CPU, {n}" for n in WORKERS), "load"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        times = [f"{1000 * row[clock][str(n)]:.0f} ms" for clock in ("wall", "cpu") for n in WORKERS]
        out.append("| " + " | ".join([row["key"], *times, f"{row['load']:.1f}"]) + " |")
    return "\n".join(out) + "\n"
