"""Tables of records as Markdown: a line a side, or families against dimensions; slopes and rules.

Records of one work on several seeds become one line a side: medians over all timings, ratios seed by seed with the
worst beside the median, since it is the worst one that a target judges.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from statistics import median
from typing import Any

from benchmarks.crossovers import FAMILIES as GRID
from benchmarks.crossovers import rules
from benchmarks.families import FAMILIES, Instance
from benchmarks.scaling import CURVES, FIGURE, PATIENCE, Curve, points, slope
from benchmarks.verdict import Record, fault, ratio, score, verdict

__all__ = ["engine_rules", "lines", "pivot", "slopes"]

ALL_BUT_SEED = [field.name for field in dataclasses.fields(Instance) if field.name != "seed"]
FAMILY_ORDER = {family: position for position, family in enumerate(FAMILIES)}


def lines(rows: list[Record]) -> str:
    """One line a side of each work."""
    head = (
        "work", "side", "CPU", "wall", "timings", "error", "memory", "times ours", "at least, stretch", "reached",
    )  # fmt: skip
    out = [head, ("---",) * len(head)]
    for records in _grouped(rows, *ALL_BUT_SEED).values():
        targets = {json.dumps(target): target for record in records for target in record["targets"]}.values()
        for position, name in enumerate(_names(records)):
            mine = [t for t in targets if t["over"] == name or (not t["over"] and position == 0)]
            out.append(
                (
                    records[0]["work"] if position == 0 else "",
                    *_side(records, name),
                    _ratios(records, name) if position else "1",
                    "; ".join(_wanted(target) for target in mine),
                    "; ".join(_reached(records, target) for target in mine),
                )
            )
    return _table(out)


def _side(records: list[Record], name: str) -> tuple[str, ...]:
    """Name with settings, CPU, wall, timings, error, memory; over all seeds."""
    sides = [(side, record) for record in records for side in record["sides"] if side["name"] == name]
    chosen = sorted({_settings(side) for side, _ in sides if "candidates" in side})
    label = f"{name} ({'; '.join(chosen)})" if any(chosen) else name
    if reasons := [fault(side, record) for side, record in sides if side["status"] != "done"]:
        label += f": {reasons[0].removeprefix(name).strip()}"
    done = [side for side, _ in sides if side["status"] == "done"]
    errors = [side["error"] for side in done if side["error"] is not None]
    memory = [side["memory"] for side in done if side["memory"] is not None]
    repeats = sorted({len(side["cpu"]) for side, _ in sides})
    return (
        label,
        *(_seconds([t for side, _ in sides for t in side[measure]]) for measure in ("cpu", "wall")),
        f"{len(sides)} × {'–'.join(map(str, repeats))}",
        f"{max(errors):.0e}" if errors else "",
        _bytes(median(memory)) if memory else "",
    )


def _ratios(records: list[Record], name: str) -> str:
    """Median and worst of the seeds' ratios."""
    pairs = [(record, side) for record in records for side in record["sides"] if side["name"] == name]
    found = [ratio(record, side) for record, side in pairs]
    values = [one.value for one in found if one.value is not None]
    if len(values) < len(found):
        return f"none: {next(one.reason for one in found if one.value is None)}"
    sign = ">" if any(one.open_ended for one in found) else ""
    return f"{sign}{median(values):.3g} ({min(values):.3g})"


def _wanted(target: Record) -> str:
    scale = {"cpu": "", "wall": " s wall", "memory": " in memory", "rss": " resident"}[target["measure"]]

    def mark(value: float | None) -> str:
        if value is None:
            return "–"
        if target["over"]:
            return f"{value:g}×{scale}"
        return f"{_bytes(value)}{scale}" if target["measure"] == "rss" else f"{value:g}{scale}"

    return ("" if target["over"] else "at most ") + ", ".join(map(mark, (target["least"], target["stretch"])))


def _reached(records: list[Record], target: Record) -> str:
    found = [score(record, target) for record in records]
    word = verdict(found, target)
    if (target["over"] and target["measure"] == "cpu") or any(one.value is None for one in found):
        return word
    values = [one.value for one in found if one.value is not None]
    worst = min(values) if target["over"] else max(values)
    shown = (
        f"{worst:.3g}×"
        if target["over"]
        else _bytes(worst)
        if target["measure"] == "rss"
        else f"{worst:.3g} s"
    )
    return f"{word} ({shown})"


def pivot(rows: list[Record]) -> str:
    """A table a size: families and dimensions down, orders and kinds of mass across."""
    parts = ["Times ours; losses are bold.\n"]
    for n, members in _grouped(rows, "n").items():
        cells = _grouped(members, "family", "d", "p", "weighted")
        lines = sorted(
            {(family, d) for family, d, _, _ in cells}, key=lambda line: (FAMILY_ORDER[line[0]], line[1])
        )
        columns = sorted({(p, masses) for _, _, p, masses in cells})
        heads = [f"W{p:g}, {'weighted' if masses else 'uniform'}" for p, masses in columns]
        out: list[tuple[str, ...]] = [(f"n = {n[0]}", "d", *heads), ("---",) * (2 + len(heads))]
        out += [
            (family, str(d), *(_cell(cells.get((family, d, *column), [])) for column in columns))
            for family, d in lines
        ]
        parts.append(_table(out))
    return "\n".join(parts)


def _cell(records: list[Record]) -> str:
    if not records:
        return ""
    shown = _ratios(records, records[0]["sides"][1]["name"])
    found = [score(record, target) for record in records for target in record["targets"][:1]]
    return f"**{shown}**" if any(one.value is not None and one.value < 1 for one in found) else shown


def slopes(rows: list[Record]) -> str:
    """The figure, and the exponents that its legends show."""
    out: list[tuple[str, ...]] = [("curve", "side", "largest n", "CPU time", "memory"), ("---",) * 5]
    for curve in CURVES:
        for contender in curve.contenders:
            sizes, seconds = points(rows, curve, contender.name, "cpu")
            fits = slope(sizes, seconds), slope(*points(rows, curve, contender.name, "memory"))
            powers = ["" if fit is None else f"n^{fit:.2f}" for fit in fits]
            out.append((curve.title, contender.name, f"{max(sizes, default=0):,}", *powers))
    caption = (
        "Slopes are fitted to the upper half of each curve. A curve ends where its side took more than "
        f"{PATIENCE:g} s, where the next size would take half of the memory, or where nobody measured on "
        f"({', '.join(c.title for c in CURVES if _cut_short(rows, c)) or 'none'})."
    )
    return f"![Time and memory against n, log-log]({FIGURE})\n\n{caption}\n\n{_table(out)}"


def _cut_short(rows: list[Record], curve: Curve) -> bool:
    """Whether the first side of a curve could have gone on."""
    sizes, seconds = points(rows, curve, curve.contenders[0].name, "cpu")
    return bool(sizes) and sizes[-1] < curve.sizes[-1] and seconds[-1] < PATIENCE


def engine_rules(rows: list[Record]) -> str:
    """The rules of wdist/data/crossovers.json."""
    out: list[tuple[str, ...]] = [
        ("p", "d", "masses", "apart", "from n", "engines, fastest first"),
        ("---",) * 6,
    ]
    for rule in rules(rows):
        bands = [f"{low} to {high}" if high else f"{low} and more" for low, high in (rule["p"], rule["d"])]
        kind = rule["masses"], "yes" if rule["apart"] else "no"
        out.append((*bands, *kind, str(rule["from"]), ", ".join(rule["engines"])))
    caption = (
        "Which engine `wdist.Discrete` takes, measured on the tuning seed over the families "
        f"{', '.join(itertools.chain(*GRID.values()))}; upper ends are excluded. Clouds are apart whose means are "
        "further from each other than twice the root mean square distance of points from their own."
    )
    return f"{caption}\n\n{_table(out)}"


def _grouped(rows: list[Record], *fields: str) -> dict[tuple[Any, ...], list[Record]]:
    """Records by fields of their instances, in the order measured."""
    out: dict[tuple[Any, ...], list[Record]] = {}
    for row in rows:
        out.setdefault(tuple(row["instance"][field] for field in fields), []).append(row)
    return out


def _names(records: list[Record]) -> list[str]:
    return list(dict.fromkeys(side["name"] for record in records for side in record["sides"]))


def _settings(side: Record) -> str:
    return ", ".join(
        f"{value:.3g}" if isinstance(value, float) else str(value) for value in side["settings"].values()
    )


def _seconds(times: list[float]) -> str:
    if not times:
        return ""
    middle = median(times)
    return f"{1e3 * middle:.3g} ms" if middle < 1 else f"{middle:.3g} s"


def _bytes(count: float) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _table(lines: list[tuple[str, ...]]) -> str:
    return (
        "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
            for line in lines
        )
        + "\n"
    )
