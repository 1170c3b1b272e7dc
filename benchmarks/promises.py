"""Records of `coverage.py` as Markdown: a table a promise, each cell with whether the promise was kept there."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import coverage, population
from benchmarks.verdict import Record

__all__ = ["kept", "promises"]

COVERAGES = ("lower", "upper", "interval")
"""Of either end alone, and of both together, which the first tables did not count."""

RULES: dict[str, Callable[[dict[str, float]], bool]] = {
    "interval": lambda f: f["coverage"] >= 0.92 and f["width over band"] <= 1.05,
    "refusal": lambda f: abs(f["refused"] - f["to be refused"]) <= 0.15,
    "size": lambda f: 0.03 <= f["rejected"] <= 0.07,
    "power": lambda f: f["auto"] >= max(f.values()) - 0.05,
    "floor": lambda f: all(abs(f[side] - 1) <= 0.1 for side in "ab"),
    "score": lambda f: f["alarms"] <= 0.065,
    "watch": lambda f: f["ever"] <= 0.08,
    "time": lambda f: f["wall seconds"] <= 2,
    "bounds": lambda f: min(f[name] for name in COVERAGES if name in f) >= 0.93,
    "finite": lambda f: min(f[name] for name in COVERAGES if name in f) >= 0.95,
    "tightness": lambda f: f["lower over W1"] >= f["wanted"],
    "duration": lambda f: f["wall seconds"] <= 10,
}


def kept(record: Record) -> bool:
    """Whether a cell keeps its promise."""
    return RULES[record["group"]](record["figures"])


def promises(rows: list[Record]) -> str:
    """All promises that were measured, in their order."""
    parts = []
    for group, text in {**coverage.PROMISES, **population.PROMISES}.items():
        members = [row for row in rows if row["group"] == group]
        if members:
            count = sum(map(kept, members))
            repeats = " to ".join(map(str, sorted({row["repeats"] for row in members})))
            parts.append(f"### {group.capitalize()}\n")
            kept_in = f"Kept in {count} of {len(members)} cells, {repeats} repeats each."
            parts.append(
                " ".join(filter(None, [f"{text[0].upper()}{text[1:]}.", kept_in, _pooled(members)])) + "\n"
            )
            parts.append(_table(members))
    return "\n".join(parts)


def _pooled(rows: list[Record]) -> str:
    """The coverage of a lower bound over all cells."""
    if "lower" not in rows[0]["figures"]:
        return ""
    repeats = sum(row["repeats"] for row in rows)
    covered = sum(row["repeats"] * row["figures"]["lower"] for row in rows)
    return f"Over all cells the lower bound covers {covered / repeats:.3f}."


def _table(rows: list[Record]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    head = ["law", "d", "change", "rows", *names, "kept"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        change = row["change"] if row["change"] == "none" else f"{row['change']} {row['by']:g}"
        figures = [f"{row['figures'][name]:.3g}" if name in row["figures"] else "" for name in names]
        verdict = "yes" if kept(row) else "**no**"
        lines.append([row["law"], str(row["d"]), change, f"{row['n']}, {row['m']}", *figures, verdict])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
