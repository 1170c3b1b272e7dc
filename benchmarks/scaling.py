"""Time and memory against n, log-log, for wdist and each peer, with fitted slopes.

`rows` grows n until a side took too long, or would take half of the memory, and leaves that side out from there on;
`draw` makes docs/scaling.png from the table alone. A slope is fitted to the upper half of a curve (in log n), where
what is fixed no longer counts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.families import REPORTED, Instance
from benchmarks.harness import Candidate, Contender, Row
from benchmarks.store import Table
from benchmarks.tables import LAPX, LINE, POT
from benchmarks.verdict import Record, fault, figure
from wdist.memory import available_bytes

__all__ = ["CURVES", "FIGURE", "PATIENCE", "Curve", "draw", "points", "rows", "slope"]

FIGURE = "scaling.png"  # in docs/

PATIENCE = 10.0  # seconds: a side that took longer is left out at the next size
GROWTH = 4.0  # of memory from one size to the next, for those that hold all pairs


@dataclass(frozen=True)
class Curve:
    """One column of the figure."""

    title: str
    d: int
    p: float
    sizes: tuple[int, ...]
    contenders: tuple[Contender, ...]

    @property
    def reference(self) -> str:
        """As in `Row`."""
        return "line" if self.d == 1 else "plan"


def _doubling(first: int, times: int, factor: int = 2) -> tuple[int, ...]:
    return tuple(first * factor**k for k in range(times))


SPARSE = Contender("wdist Discrete", (Candidate("wdist Discrete", {"engine": "sparse"}),))
SCIPY = Contender.plain("scipy linear_sum_assignment")
LINES = tuple(map(Contender.plain, ("scipy wasserstein_distance", "POT emd2_1d", "POT wasserstein_1d")))
CURVES = (
    Curve("line, W1", 1, 1.0, _doubling(1000, 5, 10), (LINE, *LINES)),
    Curve("assignment, W2, d = 16", 16, 2.0, _doubling(250, 9), (SPARSE, POT, LAPX, SCIPY)),
    Curve("assignment, W2, d = 2", 2, 2.0, _doubling(250, 9), (SPARSE, POT, LAPX, SCIPY)),
)


def rows(table: Table, quick: bool) -> Iterator[Row]:
    """All sizes of all curves; what is yielded must be in the table before the next is asked for."""
    for curve in CURVES:
        alive = curve.contenders
        for n in curve.sizes[:3] if quick else curve.sizes:
            instance = Instance("gaussian", n, curve.d, curve.p, seed=REPORTED[0])
            row = Row("scaling", instance, alive, reference=curve.reference, limit=60 * PATIENCE)
            yield row
            record = next(found for found in table.rows if found["key"] == row.key)
            alive = tuple(one for one in alive if _goes_on(_side(record, one.name)))
            if not alive or alive[0] is not curve.contenders[0]:
                break


def _side(record: Record, name: str) -> Record:
    return next(side for side in record["sides"] if side["name"] == name)


def _goes_on(side: Record) -> bool:
    return (
        side["status"] == "done"
        and side["wall"][-1] < PATIENCE
        and GROWTH * side["memory"] < available_bytes() / 2
    )


def points(table_rows: list[Record], curve: Curve, name: str, measure: str) -> tuple[list[int], list[float]]:
    """Sizes and figures of one side, where it was right."""
    found = []
    for record in table_rows:
        instance = record["instance"]
        if (instance["d"], instance["p"]) != (curve.d, curve.p):
            continue
        for side in record["sides"]:
            value = figure(side, measure)
            if side["name"] == name and not fault(side, record) and value:
                found.append((instance["n"], value))
    found.sort()
    return [n for n, _ in found], [value for _, value in found]


def slope(sizes: list[int], values: list[float]) -> float | None:
    """Exponent of n, by least squares on the points in the upper half; None for fewer than three of them."""
    if not sizes:
        return None
    middle = math.sqrt(sizes[0] * sizes[-1])
    upper = [(math.log(n), math.log(value)) for n, value in zip(sizes, values, strict=True) if n >= middle]
    return float(np.polyfit(*zip(*upper, strict=True), 1)[0]) if len(upper) >= 3 else None


def finding(table_rows: list[Record]) -> str:
    """The title: what the fitted numbers say of the first assignment curve."""
    curve = CURVES[1]

    def grows(name: str) -> str:
        fits = [slope(*points(table_rows, curve, name, measure)) for measure in ("cpu", "memory")]
        return " and ".join("n^?" if fit is None else f"n^{fit:.1f}" for fit in fits)

    largest = max(points(table_rows, curve, SPARSE.name, "cpu")[0], default=0)
    return (
        f"Exact assignment in 16 dimensions, certified up to n = {largest:,}: "
        f"wdist takes {grows(SPARSE.name)} of time and memory, POT {grows(POT.name)}"
    )


STYLES = {
    "wdist": {"color": "black", "marker": "o", "linestyle": "-", "linewidth": 2.2},
    "POT": {"color": "#c1440e", "marker": "s", "linestyle": "--"},
    "lapx": {"color": "#7cc0f0", "marker": "^", "linestyle": "-."},
    "scipy": {"color": "#6b6b6b", "marker": "D", "linestyle": ":"},
    "POT wasserstein_1d": {"color": "#efc66b", "marker": "v", "linestyle": "-."},
}


def draw(table_rows: list[Record], path: Path) -> None:
    """Write the figure: time above memory, a column a curve."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure_ = Figure(figsize=(15, 8.6), layout="constrained", dpi=110)
    axes = figure_.subplots(2, len(CURVES))
    measures = (("cpu", "CPU time, seconds (all threads)", 1.0), ("memory", "extra memory, MB", 1e6))
    for (row, (measure, label, unit)), (column, curve) in itertools.product(
        enumerate(measures), enumerate(CURVES)
    ):
        ax = axes[row, column]
        for contender in curve.contenders:
            sizes, values = points(table_rows, curve, contender.name, measure)
            fit = slope(sizes, values)
            power = "" if fit is None else f", $n^{{{fit:.2f}}}$"
            shown = np.array(values) / unit
            ax.plot(sizes, shown, label=contender.name + power, **_style(contender.name))
        measured = any(len(line.get_xdata()) for line in ax.lines)
        scale = "log" if measured else "linear"  # an empty logarithmic axis cannot be drawn
        ax.set(xscale=scale, yscale=scale, xlabel="points a side, n", ylabel=label)
        ax.set_title(curve.title if row == 0 else "")
        ax.grid(which="major", alpha=0.3)
        ax.xaxis.set_minor_formatter(NullFormatter())  # within two decades they would overlap
        ax.legend(fontsize=8.5)
    figure_.suptitle(finding(table_rows), fontsize=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure_.savefig(path)


def _style(name: str) -> dict[str, Any]:
    return STYLES.get(name) or STYLES[name.split()[0]]
