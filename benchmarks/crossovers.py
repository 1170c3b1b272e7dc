"""Which engine of `wdist.Discrete` is fastest where: measured, and boiled down to rules that wdist reads.

`rows` walks a grid of orders, dimensions, kinds of mass and sizes on the tuning seed, dropping an engine that fell
far behind; `rules` turns the table into wdist/data/crossovers.json: of the engines that are slower than POT's on no
family, the fastest on average. No figure there is typed or mended by hand.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from statistics import geometric_mean
from typing import Any

from benchmarks.families import TUNED, Instance
from benchmarks.harness import Candidate, Contender, Row
from benchmarks.sides import engines
from benchmarks.store import Table
from benchmarks.verdict import Record, fault, figure

__all__ = ["rows", "rules", "written"]

ORDERS = (1.0, 2.0)
DIMENSIONS = (2, 3, 8, 32, 256)
SIZES = (300, 1000, 3000)
LATE = (6000,)  # where the winner changes late: assignments in many dimensions, and all in few
FAMILIES = {False: ("gaussian", "clustered", "duplicated", "heavy"), True: ("separated",)}
"""By whether the clouds lie apart."""
MASSES = ("matched", "uniform", "uneven")
ASSIGNMENT_ONLY = ("scipy", "lapx")
HOPELESS = 4.0  # times the fastest, and falling further behind: such an engine is not run at larger sizes
MARGIN = 1.1  # times faster an engine has to be to take over from the one before

ABOUT = (
    "Which engine of wdist.Discrete is fastest, measured by `python -m benchmarks.run crossovers`. The first rule "
    "that holds is taken. p and d: order and dimension lie in [low, high), null for no end. masses: matched for "
    "equal numbers of points of equal mass, uniform for unequal numbers, uneven else. apart: whether the means are "
    "further from each other than twice the root mean square distance of points from their own. from: the geometric "
    "mean of n and m is at least that. engines: fastest first."
)

Standing = tuple[float, float]  # time over POT's: on the family where that is largest, and the mean
Standings = dict[str, Standing]


def rows(table: Table, quick: bool) -> Iterator[Row]:
    """The grid; what is yielded must be in the table before the next is asked for."""
    sizes, dimensions = ((100, 200), (2, 16)) if quick else (SIZES, DIMENSIONS)
    for p, d, masses, apart in itertools.product(ORDERS, dimensions, MASSES, FAMILIES):
        matched = masses == "matched"
        alive = [engine for engine in engines() if matched or engine not in ASSIGNMENT_ONLY]
        changes_late = (matched and d == 32) or d <= 3
        late = LATE if changes_late and not quick else ()
        before: dict[str, float] = {}
        for n in (*sizes, *late) if d < 256 or quick else sizes[1:]:
            contenders = tuple(
                Contender(engine, (Candidate("wdist Discrete", {"engine": engine}),)) for engine in alive
            )
            for family in FAMILIES[apart]:
                fewer = n * 4 // 5 if masses == "uniform" else None
                instance = Instance(family, n, d, p, m=fewer, weighted=masses == "uneven", seed=TUNED)
                yield Row("crossovers", instance, contenders, isolated=False, interleaved=n <= 1000)
            behind = _behind([row for row in table.rows if _cell(row) == (p, d, masses, apart, n)])
            alive = [
                engine
                for engine in alive
                if behind.get(engine, math.inf) < max(HOPELESS, before.get(engine, math.inf))
            ]
            before = behind


def rules(table_rows: list[Record]) -> list[dict[str, Any]]:
    """The rules of a measured grid, in the order in which they are to be tried."""
    cells: dict[tuple[Any, ...], list[Record]] = {}
    for row in table_rows:
        cells.setdefault(_cell(row), []).append(row)
    by_size: dict[tuple[float, int, str, bool], dict[int, Standings]] = {}
    for (*kind, n), members in cells.items():
        by_size.setdefault(tuple(kind), {})[n] = _standings(members)  # type: ignore[arg-type]
    orders = _bands(sorted({p for p, *_ in by_size}), whole=False)
    dimensions = _bands(sorted({d for _, d, *_ in by_size}), whole=True)
    return [
        {
            "p": orders[p],
            "d": dimensions[d],
            "masses": masses,
            "apart": apart,
            "from": start,
            "engines": ranking,
        }
        for (p, d, masses, apart), sizes in sorted(by_size.items())
        for start, ranking in reversed(_segments(sizes))
    ]


def written(table: Table) -> str:
    """The file as wdist reads it: JSON, a rule a line."""
    lines = ",\n  ".join(json.dumps(rule) for rule in rules(table.rows))
    head = json.dumps({"about": ABOUT, "environment": table.environment}, indent=1).removesuffix("\n}")
    return f'{head},\n "rules": [\n  {lines}\n ]\n}}\n'


def _cell(row: Record) -> tuple[float, int, str, bool, int]:
    instance = row["instance"]
    masses = "uneven" if instance["weighted"] else "uniform" if instance["m"] else "matched"
    return instance["p"], instance["d"], masses, instance["family"] in FAMILIES[True], instance["n"]


def _times(record: Record) -> dict[str, float]:
    """CPU seconds of each engine that was right."""
    return {
        side["name"]: seconds
        for side in record["sides"]
        if (seconds := figure(side, "cpu")) is not None and not fault(side, record)
    }


def _over(members: list[Record], yardstick: Callable[[dict[str, float]], float]) -> dict[str, list[float]]:
    """Times of each engine that was right on every family, over a yardstick: a figure a family."""
    found: dict[str, list[float]] = {}
    for times in map(_times, members):
        for engine, seconds in times.items():
            found.setdefault(engine, []).append(seconds / yardstick(times))
    return {engine: ratios for engine, ratios in found.items() if len(ratios) == len(members)}


def _behind(members: list[Record]) -> dict[str, float]:
    """How many times slower than the fastest each engine is on the family it is worst at."""
    return {
        engine: max(ratios) for engine, ratios in _over(members, lambda times: min(times.values())).items()
    }


def _standings(members: list[Record]) -> Standings:
    over = _over(members, lambda times: times.get("pot", min(times.values())))
    return {engine: (max(ratios), geometric_mean(ratios)) for engine, ratios in over.items()}


def _segments(sizes: dict[int, Standings]) -> list[tuple[int, list[str]]]:
    """Where each winner's reign begins, with the engines that ran there ranked, fastest first.

    One that is wrong, or out of patience, on a family of the next size may be so between the two: it is not taken.
    """
    reigns: list[tuple[str, list[int]]] = []
    measured = sorted(sizes.items())
    for (n, standings), (_, later) in zip(measured, [*measured[1:], measured[-1]], strict=True):
        best = min(standings.keys() & later.keys(), key=lambda engine: _rank(standings[engine]))
        before = reigns[-1][0] if reigns else best
        slower, mean = _rank(standings.get(before, (math.inf, math.inf)))
        if slower <= _rank(standings[best])[0] and mean <= MARGIN * standings[best][1]:
            best = before
        if not reigns or best != before:
            reigns.append((best, []))
        reigns[-1][1].append(n)
    starts = [0]
    for (before, earlier), (best, later) in itertools.pairwise(reigns):
        starts.append(_crossing(before, best, earlier[-1], later[0], sizes))
    return [
        (start, [best, *_ranking([sizes[n] for n in members], best)])
        for start, (best, members) in zip(starts, reigns, strict=True)
    ]


def _rank(standing: Standing) -> tuple[bool, float]:
    """What sorts first is taken: who is nowhere slower than POT, then who is fastest on average."""
    worst, mean = standing
    return worst > 1, mean


def _crossing(before: str, best: str, low: int, high: int, sizes: dict[int, Standings]) -> int:
    """From where between two sizes the better one is taken, by ratios of times as powers of n.

    Once it is nowhere slower than POT, that is where it passes the one before, or that one falls behind POT somewhere.
    """
    then, now = sizes[low].get(best), sizes[high][best]
    rivals = sizes[low].get(before), sizes[high].get(before)
    if then is None or None in rivals:
        return high
    (worst_then, rival_then), (worst_now, rival_now) = rivals  # type: ignore[misc]
    sound = _share(then[0], now[0])
    passes = _share(then[1] / rival_then, now[1] / rival_now)
    falls = _share(1 / worst_then, 1 / worst_now)
    return math.ceil(low * (high / low) ** max(sound, min(passes, falls)))


def _share(first: float, last: float) -> float:
    """Where on the way a ratio falls to one: 0 if it begins below, 1 if it never does."""
    if first <= 1:
        return 0.0
    return math.log(first) / math.log(first / last) if last < 1 else 1.0


def _ranking(sizes: list[Standings], best: str) -> list[str]:
    """The engines behind the best, those that ran at every size first."""
    others = {engine for one in sizes for engine in one} - {best}

    def behind(engine: str) -> tuple[int, int, float]:
        runs = [one[engine] for one in sizes if engine in one]
        slower = sum(_rank(standing)[0] for standing in runs)
        return len(sizes) - len(runs), slower, geometric_mean(mean for _, mean in runs)

    return sorted(others, key=behind)


def _bands(measured: list[Any], *, whole: bool) -> dict[Any, list[Any]]:
    """Half-open neighbourhoods of the values measured, from 1 up: split at geometric means, at midpoints for orders."""
    cuts = [
        math.ceil(math.sqrt(low * high)) if whole else (low + high) / 2
        for low, high in itertools.pairwise(measured)
    ]
    edges = [1, *cuts, None]
    return {value: [edges[i], edges[i + 1]] for i, value in enumerate(measured)}
