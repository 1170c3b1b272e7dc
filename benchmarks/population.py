"""Whether the bounds on W1 between laws hold in any dimension, how close they come, and what they cost.

Cells, draws and records are those of `coverage.py`: `python -m benchmarks.population`, with the same options, writes
`results/population.json`. Coverage leaves out floors and most guesses, which take no part in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import cache
from statistics import median

import numpy as np
import torch
import typer

import wdist
from benchmarks.coverage import LEVEL, SEED, Array, Cell, Keep, Measure, Only, Resume, Share, fill
from wdist.question import Question, ask
from wdist.rng import as_rng

__all__ = ["MEASURES", "PROMISES", "cells", "truth"]

PROMISES = {
    "bounds": "W1 between laws, nominal 95 %: coverage of the one-sided lower bound, of the one-sided upper bound and, "
    "where it was counted, of the interval at least 0.93 in every cell, and of the lower bound 0.95 over all cells",
    "finite": 'the same of `guarantee="finite"` on laws of known support: at least 0.95 in every cell',
    "tightness": "lower bound over W1 at 5000 rows a side, on average: at least 0.85 for translations and scalings, "
    "0.8 for funnels",
    "duration": "an estimate of 2000 rows a side in 16 dimensions, floor and guess included: at most 10 s",
}

DIMENSIONS = (1, 2, 8, 32, 128)
FUNNELS = "4 funnels"
GUESSES = 40
"""Guesses a cell, which promise nothing and take about as long as the bounds."""


def cells() -> Iterator[Cell]:
    """All of them, promise by promise; those that were asked for first."""
    for n in (200, 1000):
        for d in DIMENSIONS:
            for change, by in (("none", 0.0), ("shift", 0.5)):
                yield Cell("bounds", "normal", n, n, d, change, by, repeats=400)
    for change, by in (("none", 0.0), ("shift", 0.5)):
        for law in ("t3", "lognormal"):
            for d in (2, 8):
                yield Cell("bounds", law, 200, 200, d, change, by, repeats=400)
        yield Cell("bounds", "normal", 1000, 100, 8, change, by, repeats=400)
        yield Cell("bounds", "normal", 50, 50, 8, change, by, repeats=400)
    for d in (2, 8):
        for change, by in (("none", 0.0), ("scale", 0.8)):
            yield Cell("finite", "uniform", 200, 200, d, change, by, repeats=400)
    for change, by in (("shift", 0.5), ("shift", 1.0), ("scale", 1.2), ("scale", 1.5)):
        yield Cell("tightness", "normal", 5000, 5000, 8, change, by, repeats=20)
    yield Cell("tightness", FUNNELS, 5000, 5000, 8, repeats=20)
    yield Cell("duration", "normal", 2000, 2000, 16, "shift", 0.5, repeats=5)
    for n in (200, 1000):
        for d in DIMENSIONS:
            yield Cell("bounds", "normal", n, n, d, "scale", 1.3, repeats=400)


@cache
def truth(cell: Cell) -> float:
    """W1 between the two laws; the mean length of uniform points by a million draws."""
    if cell.law == FUNNELS:
        return wdist.truth.funnels(cell.d, 4).w[1.0]
    if cell.change != "scale":
        return cell.by
    if cell.law == "normal":
        length = math.sqrt(2) * math.exp(math.lgamma((cell.d + 1) / 2) - math.lgamma(cell.d / 2))
    else:
        length = float(np.linalg.norm(np.random.default_rng(SEED).random((1_000_000, cell.d)), axis=1).mean())
    return abs(cell.by - 1) * length


def _pair(cell: Cell, k: int) -> tuple[Array, Array]:
    if cell.law != FUNNELS:
        return cell.pair(k)
    case, generator = wdist.truth.funnels(cell.d, 4), torch.Generator().manual_seed(1000 * SEED + k)
    x, y = case.a.draw(cell.n, generator), case.b.draw(cell.m, generator)
    return x.numpy(), y.numpy()


def _asked(cell: Cell, repeats: int, method: wdist.Population) -> list[tuple[int, Question]]:
    """Those pairs that are not refused, with their number."""
    questions = (
        ask(*_pair(cell, k), target="population", confidence=LEVEL, rng=as_rng(k)) for k in range(repeats)
    )
    return [(k, question) for k, question in enumerate(questions) if method.refusal(question) is None]


def _bounds(cell: Cell, repeats: int) -> dict[str, float]:
    return _covered(cell, repeats, wdist.Population())


def _finite(cell: Cell, repeats: int) -> dict[str, float]:
    return _covered(cell, repeats, wdist.Population(guarantee="finite", support=(0, 1)))


def _covered(cell: Cell, repeats: int, method: wdist.Population) -> dict[str, float]:
    asked, w = _asked(cell, repeats, method), truth(cell)
    found = [method.bounds(question, as_rng(k)) for k, question in asked]
    lower, upper, low, high, plug_in = (
        np.array([getattr(one, name) for one in found])
        for name in ("lower", "upper", "low", "high", "plug_in")
    )
    guesses = [method.estimate(question, as_rng(k)).value for k, question in asked[:GUESSES]]
    return {
        "truth": w, "lower": float((lower <= w).mean()), "upper": float((upper >= w).mean()),
        "interval": float(((low <= w) & (high >= w)).mean()),
        "mean lower": float(lower.mean()), "mean upper": float(upper.mean()), "mean guess": float(np.mean(guesses)),
        "mean plug-in": float(plug_in.mean()), "refused": 1 - len(found) / repeats,
    }  # fmt: skip


def _tightness(cell: Cell, repeats: int) -> dict[str, float]:
    w = truth(cell)
    method = wdist.Population()
    shares = [method.bounds(question, as_rng(k)).lower / w for k, question in _asked(cell, repeats, method)]
    return {
        "truth": w, "lower over W1": float(np.mean(shares)), "least": min(shares), "largest": max(shares),
        "wanted": 0.8 if cell.law == FUNNELS else 0.85,
    }  # fmt: skip


def _duration(cell: Cell, repeats: int) -> dict[str, float]:
    wdist.estimate(*(side[:100] for side in cell.pair(0)), target="population")  # compiles
    cpu, wall = [], []
    for k in range(repeats):
        x, y = cell.pair(k)
        start = time.process_time(), time.perf_counter()
        wdist.estimate(x, y, target="population", seed=k)
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return {"CPU seconds": median(cpu), "wall seconds": median(wall)}


MEASURES: dict[str, Measure] = {
    "bounds": _bounds, "finite": _finite, "tightness": _tightness, "duration": _duration,
}  # fmt: skip


def main(only: Only = None, share: Share = 1.0, resume: Resume = False, keep: Keep = False) -> None:
    """Measure the bounds between laws, one cell after the other."""
    fill("population", PROMISES, cells(), MEASURES, only, share, resume, keep)


if __name__ == "__main__":
    typer.run(main)
