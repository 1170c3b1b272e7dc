"""Whether what is promised of the laws holds: coverage, size, power, floors, alarms, over samples of known laws.

A promise is a group of cells; a cell draws pairs of samples of two laws whose answer is known, over and over, and
counts: `python -m benchmarks.coverage`, with `--only PROMISE`, `--resume` and `--share` of the repeats as time allows.
Figures are written to `results/coverage.json` after every cell.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from scipy import stats

import wdist
from benchmarks.store import QUICK, RESULTS, ChangedError, Table
from wdist.resampling.premises import heavy_tails

__all__ = [
    "LEVEL",
    "MEASURES",
    "PROMISES",
    "Cell",
    "Keep",
    "Measure",
    "Only",
    "Resume",
    "Share",
    "cells",
    "fill",
    "measure",
]

SEED = 501
"""Of all draws here; nothing was tuned on it."""
LEVEL = 0.95

Array = np.ndarray[Any, Any]
Draw = Callable[[np.random.Generator, int, int], Array]  # (generator, rows, coordinates)

LAWS: dict[str, Draw] = {
    "normal": lambda g, n, d: g.standard_normal((n, d)),
    "uniform": lambda g, n, d: g.random((n, d)),
    "t3": lambda g, n, d: g.standard_t(3, (n, d)),
    "lognormal": lambda g, n, d: np.exp(g.standard_normal((n, d))),
    "cauchy": lambda g, n, d: g.standard_cauchy((n, d)),
}
MEAN_SIZES = {
    "normal": math.sqrt(2 / math.pi),
    "uniform": 0.5,
    "t3": 2 * math.sqrt(3) / math.pi,
    "lognormal": math.exp(0.5),
}
"""E|X| of one coordinate."""

CHANGES: dict[str, Callable[[Array, float], Array]] = {
    "none": lambda x, by: x,
    "shift": lambda x, by: x + by / math.sqrt(x.shape[1]),
    "scale": lambda x, by: x * by,
    "scale of half": lambda x, by: x * np.where(np.arange(x.shape[1]) < x.shape[1] // 2, by, 1.0),
    "rare far": lambda x, by: x + by * (np.arange(len(x)) % 20 == 0)[:, None] * (np.arange(x.shape[1]) == 0),
    "right half scaled": lambda x, by: np.where(x > 0, by * x, x),
}

PROMISES = {
    "interval": "interval for W1 between laws on the line, nominal 95 %: coverage at least 0.92 in every cell, width "
    "at most 1.05 of that of the L1 band",
    "refusal": "pairs of samples refused an interval for tails of infinite variance: 15 % at most wrongly, or wrongly "
    "not",
    "size": "two-sample test at 5 %: rejections between 3 and 7 % where both laws are one",
    "power": "two-sample test at 5 %: power within 0.05 of the best single statistic's",
    "floor": "mean floor of either sample: within 10 % of the mean W1 between fresh samples of the law",
    "score": "batches without drift, 20 a reference, at a stated rate of 5 %: alarms at most 6.5 %",
    "watch": "streams of 30 batches without drift, at a stated chance of 5 %: ever an alarm in at most 8 %",
    "time": "two-sample test, 999 relabellings, 500 rows a side, 32 coordinates: at most 2 s",
}


POWER = (
    *((1, "shift", 0.4), (1, "scale", 1.4), (1, "rare far", 6.0), (2, "shift", 0.45), (2, "scale", 1.3)),
    *(
        (3, "shift", 0.5),
        (3, "scale", 1.25),
        (8, "shift", 0.65),
        (8, "scale", 1.15),
        (8, "scale of half", 1.25),
    ),
    *((32, "shift", 0.9), (32, "scale", 1.06), (32, "scale of half", 1.1)),
    *((128, "shift", 1.1), (128, "scale", 1.03)),
)
"""Dimension and change, of sizes that are found neither always nor never."""


@dataclass(frozen=True)
class Cell:
    """Two laws, the second changed, and the sizes of the samples."""

    group: str
    law: str
    n: int
    m: int
    d: int = 1
    change: str = "none"
    by: float = 0.0
    repeats: int = 500

    @property
    def key(self) -> str:
        """Name that no other cell has."""
        change = self.change if self.change == "none" else f"{self.change} {self.by:g}"
        return f"{self.group}: {self.law}, d = {self.d}, {change}, {self.n} and {self.m}"

    def pair(self, k: int) -> tuple[Array, Array]:
        """The k-th pair of samples."""
        g = np.random.default_rng([SEED, k])
        draw = LAWS[self.law]
        x, y = draw(g, self.n, self.d), CHANGES[self.change](draw(g, self.m, self.d), self.by)
        return (x[:, 0], y[:, 0]) if self.d == 1 else (x, y)

    @property
    def truth(self) -> float:
        """W1 between the two laws on the line: the mean displacement."""
        if self.change == "scale":
            return abs(self.by - 1) * MEAN_SIZES[self.law]
        if self.change == "right half scaled":
            return abs(self.by - 1) * MEAN_SIZES[self.law] / 2
        return self.by


def cells() -> Iterator[Cell]:
    """All of them, promise by promise."""
    for law in ("normal", "t3", "lognormal"):
        for n, m in ((50, 50), (200, 200), (1000, 1000), (1000, 100)):
            for change, by in (("none", 0.0), ("shift", 0.5), ("scale", 1.5)):
                yield Cell("interval", law, n, m, change=change, by=by)
    for n in (50, 200, 1000):
        yield Cell("interval", "normal", n, n, change="right half scaled", by=1.5)
    for law, rows in (("cauchy", 1000), ("lognormal", 1000), ("t3", 200), ("normal", 50)):
        for n in (50, 200, 1000)[: (50, 200, 1000).index(rows) + 1]:
            yield Cell("refusal", law, n, n)
    for d in (1, 2, 8, 32, 128):
        for n, m in ((100, 100), (150, 50)):
            yield Cell("size", "normal", n, m, d, repeats=1000)
    for d, change, by in POWER:
        yield Cell("power", "normal", 100, 100, d, change, by, repeats=400)
    for law in ("normal", "uniform", "t3"):
        for d in (1, 2, 8, 32, 128):
            for n, m in ((300, 300), (1000, 100)):
                yield Cell("floor", law, n, m, d, repeats={1: 2000, 2: 200}.get(d, 40))
    for law in ("normal", "t3"):
        for d in (1, 8):
            yield Cell("score", law, 200, 50, d, repeats=100)
            yield Cell("watch", law, 80, 16, d, repeats=200)
    yield Cell("time", "normal", 500, 500, 32, repeats=7)


def measure(cell: Cell, share: float = 1.0, measures: dict[str, Measure] | None = None) -> dict[str, Any]:
    """Measure a cell; gives its record, all plain figures."""
    load, repeats = os.getloadavg()[0], max(3, round(share * cell.repeats))
    figures = (measures or MEASURES)[cell.group](cell, repeats)
    parts = {name: getattr(cell, name) for name in ("group", "law", "n", "m", "d", "change", "by")}
    return {
        "key": cell.key,
        **parts,
        "seed": SEED,
        "repeats": repeats,
        "figures": figures,
        "load": round(load, 2),
    }


def _interval(cell: Cell, repeats: int) -> dict[str, float]:
    hits = above = refused = 0
    widths, guesses, plug_ins = [], [], []
    for k in range(repeats):
        x, y = cell.pair(k)
        try:
            found = wdist.estimate(x, y, target="population", confidence=LEVEL, method="line", seed=k)
        except wdist.InputError:
            refused += 1
            continue
        detail = found.detail
        hits += detail.low <= cell.truth <= detail.high
        above += detail.low > cell.truth
        band = detail.plug_in + detail.radius - max(0.0, detail.plug_in - detail.radius)
        widths.append((detail.high - detail.low) / band)
        guesses.append(detail.guess)
        plug_ins.append(detail.plug_in)
    answered = repeats - refused
    return {
        "truth": cell.truth, "coverage": hits / answered, "too high": above / answered,
        "width over band": float(np.mean(widths)), "mean guess": float(np.mean(guesses)),
        "mean plug-in": float(np.mean(plug_ins)), "refused": refused / repeats,
    }  # fmt: skip


def _refusal(cell: Cell, repeats: int) -> dict[str, float]:
    pairs = (cell.pair(k) for k in range(repeats))
    return {
        "refused": sum(heavy_tails(x[:, None], y[:, None]) is not None for x, y in pairs) / repeats,
        "to be refused": float(cell.law == "cauchy"),
    }


def _size(cell: Cell, repeats: int) -> dict[str, float]:
    p = np.array(
        [wdist.two_sample_test(*cell.pair(k), permutations=199, seed=k).pvalue for k in range(repeats)]
    )
    return {"rejected": float((p <= 1 - LEVEL + 1e-9).mean())}


def _power(cell: Cell, repeats: int) -> dict[str, float]:
    names = ("wasserstein", "wasserstein-2") if cell.d == 1 else ("sliced", "radial", "energy")
    hits = dict.fromkeys(("auto", *names), 0)
    for k in range(repeats):
        x, y = cell.pair(k)
        hits["auto"] += wdist.two_sample_test(x, y, seed=k).pvalue <= 1 - LEVEL + 1e-9
        for part in wdist.two_sample_test(x, y, names, seed=k).parts:
            hits[part.name] += part.pvalue <= 1 - LEVEL + 1e-9
    return {name: count / repeats for name, count in hits.items()}


def _floor(cell: Cell, repeats: int) -> dict[str, float]:
    """Truth from pairs that the floors do not see."""
    distances = [wdist.estimate(*cell.pair(10_000 + k)).value for k in range(repeats)]
    floors = [
        wdist.sampling_floor(*cell.pair(k), seed=k) for k in range(min(repeats, max(20, 200 // cell.d)))
    ]
    truth, a, b = float(np.mean(distances)), [floor.a for floor in floors], [floor.b for floor in floors]
    return {
        "truth": truth, "its error": float(stats.sem(distances)),
        "a": float(np.mean(a)) / truth, "b": float(np.mean(b)) / truth,
        "spread a": float(np.std(a)) / truth, "spread b": float(np.std(b)) / truth,
    }  # fmt: skip


def _score(cell: Cell, repeats: int) -> dict[str, float]:
    """Each reference judges batches of its own."""
    alarms = []
    for k in range(repeats):
        batches = [cell.pair(1000 * k + j)[1] for j in range(20)]
        reference = wdist.Reference(cell.pair(1000 * k)[0], false_alarms=1 - LEVEL, seed=k)
        alarms.append(np.mean([reference.score(batch).alarm for batch in batches]))
    return {"alarms": float(np.mean(alarms)), "95 % of references": float(np.quantile(alarms, LEVEL))}


def _watch(cell: Cell, repeats: int) -> dict[str, float]:
    ever = 0
    for k in range(repeats):
        watch = wdist.Watch(wdist.Reference(cell.pair(1000 * k)[0], seed=k), false_alarms=1 - LEVEL)
        for j in range(30):
            watch = watch.after(cell.pair(1000 * k + j)[1])
        ever += watch.alarm
    return {"ever": ever / repeats}


def _time(cell: Cell, repeats: int) -> dict[str, float]:
    x, y = cell.pair(0)
    wdist.two_sample_test(x, y)  # compiles
    cpu, wall = [], []
    for k in range(repeats):
        start = time.process_time(), time.perf_counter()
        wdist.two_sample_test(x, y, seed=k)
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return {"CPU seconds": median(cpu), "wall seconds": median(wall)}


Measure = Callable[[Cell, int], dict[str, float]]
MEASURES: dict[str, Measure] = {
    "interval": _interval, "refusal": _refusal, "size": _size, "power": _power, "floor": _floor, "score": _score,
    "watch": _watch, "time": _time,
}  # fmt: skip


Only = Annotated[list[str] | None, typer.Option(help="A promise, by its name; repeatable.")]
Share = Annotated[float, typer.Option(help="Of the repeats; below 1 it goes to build/benchmarks/.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a table that was interrupted.")]
Keep = Annotated[
    bool, typer.Option("--keep", help="On resuming, keep rows of another state of the code; they say which.")
]


def main(only: Only = None, share: Share = 1.0, resume: Resume = False, keep: Keep = False) -> None:
    """Measure the promises, one cell after the other."""
    fill("coverage", PROMISES, cells(), MEASURES, only, share, resume, keep)


def fill(
    name: str, promised: dict[str, str], all_cells: Iterable[Cell], measures: dict[str, Measure],
    only: list[str] | None, share: float, resume: bool, keep: bool,
) -> None:  # fmt: skip
    """Measure cells into the table `name`, saved after each."""
    if unknown := set(only or ()) - set(promised):
        raise typer.BadParameter(
            f"no promise is called {', '.join(sorted(unknown))}; choose {', '.join(promised)}"
        )
    try:
        table = Table((RESULTS if share >= 1 else QUICK) / f"{name}.json", resume=resume, keep=keep)
    except ChangedError as error:
        raise typer.BadParameter(str(error)) from None
    for cell in all_cells:
        if (only and cell.group not in only) or cell.key in table:
            continue
        start = time.perf_counter()
        record = measure(cell, share, measures)
        table.add(record)
        figures = ", ".join(f"{name} {figure:.3g}" for name, figure in record["figures"].items())
        typer.echo(f"{cell.key} ({time.perf_counter() - start:.0f} s): {figures}")


if __name__ == "__main__":
    typer.run(main)
