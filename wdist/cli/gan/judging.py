"""The tables in which trained generators stand side by side.

Figures come in groups, and groups fill tables of the screen's width, one under another, each with the names of the
runs: so neither a name nor a figure is broken. In which folder the runs lie is said once, above.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from wdist.gan.evaluation import Evaluation

__all__ = ["Names", "classes", "tables"]

GROUPS: tuple[dict[str, str], ...] = (
    {"debiased": "debiased\nW1", "w1": "W1", "floor": "real to\nreal"},
    {
        "curve": "its own\ncritic", "critic_lower": "laws at\nleast", "calibrated": "W1 by\ncard",
        "calibrated_low": "card\nfrom", "calibrated_high": "card\nto",
    },
    {"modes": "modes", "good": "within\n3 widths", "imbalance": "imbalance"},
    {
        "recall": "recall", "precision": "precision", "diversity": "diversity", "stays": "in its\nclass",
        "missing": "classes\nmissing",
    },
    {
        "frechet": "Fréchet\n(ours)", "frechet_floor": "real to\nreal", "inception": "inception\n(ours)",
        "inception_real": "of the\nreal",
    },
)  # fmt: skip
"""What the tables show, and what they call it, in lines that fit beside each other on a screen of 80 columns."""

TITLES = {key: title for group in GROUPS for key, title in group.items()}
MOST_CLASSES = 30
BETWEEN, EDGES = 2, 2
"""Columns of the screen between two of a table, and at its edges together."""


@dataclass(frozen=True)
class Names:
    """What the runs are called in the tables.

    Attributes:
        runs: Their paths, best first by debiased distance.
        short: A name each: the last part of the path where all lie in one folder, a number where that is too long.
        folder: That in which all lie, or "".
        legend: Lines that say what the numbers stand for; none where there are none.
    """

    runs: list[str]
    short: list[str]
    folder: str = ""
    legend: tuple[str, ...] = ()

    @staticmethod
    def of(judged: dict[str, Evaluation], width: int) -> Names:
        """Name runs for a screen of `width` columns."""
        runs = sorted(judged, key=lambda name: judged[name].numbers["debiased"])
        paths, short, folder = [PurePath(run) for run in runs], runs, ""
        if len({path.parent for path in paths}) == 1 < len(runs) and paths[0].parent != PurePath():
            short, folder = [path.name for path in paths], f"{paths[0].parent}: "
        if _wide(short) > width // 3:
            numbers = [str(k) for k in range(1, len(runs) + 1)]
            return Names(runs, numbers, legend=tuple(map(": ".join, zip(numbers, runs, strict=True))))
        return Names(runs, short, folder)


def tables(
    judged: dict[str, Evaluation], names: Names, curves: dict[str, float], width: int
) -> Iterator[Table]:
    """Several runs side by side, best first, in tables of at most `width` columns.

    Args:
        judged: Evaluations by the paths of the runs.
        names: Of the runs.
        curves: What the critic of each run's training read at its end; {} to leave that out.
        width: Of the screen.
    """
    columns = {"run": names.short}
    for key in TITLES:
        cells = [_cell(judged[run], key, curves.get(run)) for run in names.runs]
        if any(cells):
            columns[key] = cells
    for block in _blocks(columns, width):
        shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        shown.add_column("run", style="bold", no_wrap=True)
        for key in block:
            shown.add_column(TITLES[key], justify="right", no_wrap=True)
        for row in zip(names.short, *(columns[key] for key in block), strict=True):
            shown.add_row(*row)
        yield shown


def classes(found: Evaluation) -> Table | None:
    """Each class of one evaluation, what is due and what is made of it; None where only clusters stand for classes."""
    cover = found.coverage
    if cover.names[0].startswith("cluster ") or len(cover.names) > MOST_CLASSES:
        return None
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("class", "due", "made", "stays in\nits class", "moved\non average"):
        shown.add_column(title, justify="left" if title == "class" else "right", no_wrap=True)
    rows = zip(cover.names, cover.due, cover.shares, cover.filled, cover.cost, strict=True)
    for name, due, share, filled, cost in rows:
        if due or share:
            shown.add_row(name, f"{due:.3f}", f"{share:.3f}", f"{filled:.3f}", f"{cost:.4g}")
    return shown


def _cell(found: Evaluation, key: str, curve: float | None) -> str:
    """One figure as it is shown; "" where it was not taken."""
    if key == "modes":
        return "" if found.modes is None else f"{found.modes.covered}/{len(found.modes.counts)}"
    value = curve if key == "curve" else found.numbers.get(key)
    return "" if value is None else f"{value:.4g}"


def _blocks(columns: dict[str, list[str]], width: int) -> Iterator[list[str]]:
    """Keys of the columns of each table: as many as fit, a group that does not fit whole begun on a new one."""
    taken = {key: BETWEEN + _wide([TITLES[key], *cells]) for key, cells in columns.items() if key != "run"}
    room = width - EDGES - _wide(columns["run"])
    block, left = list[str](), room
    for group in GROUPS:
        there = [key for key in group if key in taken]
        whole = sum(taken[key] for key in there)
        for place, key in enumerate(there):
            if block and left < (whole if place == 0 else taken[key]):
                yield block
                block, left = [], room
            block.append(key)
            left -= taken[key]
    yield block


def _wide(cells: list[str]) -> int:
    return max(len(line) for cell in cells for line in cell.split("\n"))
