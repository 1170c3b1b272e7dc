"""From the JSON under benchmarks/results/ to docs/benchmarks.md: `python -m benchmarks.render`.

`page` is a pure function of a folder of tables, so that a test can hold the committed page against the committed
figures. Records of one work on several seeds become one line a side: medians over all timings, ratios seed by
seed with the worst beside the median, since it is the worst one that a target judges.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
from pathlib import Path
from statistics import median
from typing import Any

import typer

from benchmarks.families import FAMILIES, Instance
from benchmarks.store import QUICK, RESULTS, ROOT, write_whole
from benchmarks.tables import GROUPS
from benchmarks.verdict import Record, fault, ratio, score, verdict

__all__ = ["page"]

PAGE = ROOT / "docs" / "benchmarks.md"

INTRODUCTION = """# Benchmarks

This page is made from `benchmarks/results/` by `python -m benchmarks.render`; no figure here was typed.

- Both sides of a row run in one process and take turns, after a run in small that imports and compiles. **CPU** is the
  processor time of all threads, **wall** the time that passed; medians. *Timings* says how many a side had: seeds ×
  repeats, fewer repeats where one run takes minutes. The seeds (101, 102, 103) are not those that wdist was tuned on.
- **Error** is the worst relative distance from a certified answer, which trusts no side: on the line and along
  directions the quantile functions in extended precision, in space the plan and the potentials that `wdist` hands out,
  checked once more over all pairs.
- **Memory** is what one run in a process of its own adds to what was resident before.
- **Times ours** is the peer's CPU time over that of the first line: the median over seeds and, in brackets, the worst.
  There is none where a side did not converge or is further off than the row's tolerance. `>` marks a peer that was
  stopped when its time was up.
- A side includes what its user has to do: cost matrices, copies, input checks. POT runs without an iteration limit,
  since at its default it returns wrong costs.

To measure again: `pip install -c constraints.txt -e '.[bench]'`, then `python -m benchmarks.run exact`, `scaling` and
`crossovers` (hours; `--only GROUP`, `--resume`), then `python -m benchmarks.render`.
"""

ALL_BUT_SEED = [field.name for field in dataclasses.fields(Instance) if field.name != "seed"]
FAMILY_ORDER = {family: position for position, family in enumerate(FAMILIES)}
UNMEASURED = "Not measured yet."


def page(results: Path) -> str:
    """The whole page as Markdown, from the tables in a folder."""
    parts = [INTRODUCTION]
    for name, group in GROUPS.items():
        parts += [f"## {name.capitalize()}\n", f"{inspect.getdoc(group)}\n"]
        path = results / f"{name}.json"
        if not path.exists():
            parts.append(f"{UNMEASURED}\n")
            continue
        table = json.loads(path.read_text())
        parts.append(_pivot(table["rows"]) if name == "families" else _lines(table["rows"]))
        parts.append(_environment(table))
    return "\n".join(parts)


def _lines(rows: list[Record]) -> str:
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


def _pivot(rows: list[Record]) -> str:
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


def _environment(table: Record) -> str:
    facts = table["environment"]
    threads = ", ".join(f"{name} {count}" for name, count in facts["threads"].items())
    versions = ", ".join(f"{name} {value}" for name, value in itertools.islice(facts.items(), 6, None))
    load = max(row["load"] for row in table["rows"])
    return (
        f"\n{facts['date']}, commit {facts['commit']}, wdist {facts['wdist']} (code {facts['code']}); "
        f"{facts['machine']}; threads: {threads}; {versions}. Load before a row: at most {load:g}.\n"
    )


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


def main(quick: bool = False) -> None:
    """Write the page from the tables; with --quick from those of trial runs, beside them."""
    results, path = (QUICK, QUICK / "benchmarks.md") if quick else (RESULTS, PAGE)
    write_whole(path, page(results))
    typer.echo(f"wrote {path}")


if __name__ == "__main__":
    typer.run(main)
