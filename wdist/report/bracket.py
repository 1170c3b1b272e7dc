"""An estimate on a line: its value, what is proved about it, its interval, and what noise alone would show.

Each has a row of its own over one axis, so that nothing runs into anything and a phone can show it. What is not known
is not drawn: a solver that stopped short has no value here, only an open mark that says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from wdist.report.svg import WIDE, Scale, across, drawing, element, figure, words
from wdist.result import Bound, Estimate

__all__ = ["bracket"]

ROW, TOP = 58, 18


@dataclass(frozen=True)
class _Row:
    """One statement: from where to where, in which manner, and its numbers with their places in the page's JSON."""

    label: str
    kind: str
    low: float | None
    high: float | None
    numbers: tuple[tuple[str, float], ...]

    @property
    def ends(self) -> list[float]:
        """What the axis must reach."""
        return [end for end in (self.low, self.high) if end is not None]

    @property
    def said(self) -> str:
        """The row in words, for those who cannot see it."""
        return f"{self.label} {' to '.join(f'{value:.6g}' for _, value in self.numbers)}"


def bracket(found: Estimate, unit: str = "") -> Markup:
    """Draw what is known of a distance, all on one axis from zero.

    Args:
        found: Of what.
        unit: Unit of the data, for the axis.
    """
    rows = _rows(found)
    ends = [end for row in rows for end in row.ends]
    reach = max([0.0, *ends])
    scale = Scale(0.0, 1.08 * reach if reach > 0 else 1.0, 8.0, WIDE - 8.0)
    foot = TOP + ROW * len(rows) + 4
    parts = [_noise(found, scale, foot)] if found.floor is not None else []
    parts += [_drawn(row, scale, TOP + ROW * k) for k, row in enumerate(rows)]
    label = f"distance, in {unit}" if unit else "distance, in the unit of the data"
    parts.append(across(scale, foot, label, most=5))
    return drawing(
        "bracket",
        f"What is known of {found.quantity} {found.target.words}",
        f"On one axis from zero: {'; '.join(row.said for row in rows)}.",
        (WIDE, foot + 52),
        *parts,
    )


def _rows(found: Estimate) -> list[_Row]:
    name, of_value = f"W{found.p:g}", (("estimate.value", found.value),)
    rows = []
    if not found.converged:
        rows.append(_Row("unfinished figure, no answer", "open", found.value, found.value, of_value))
    elif found.of_laws:
        rows.append(_Row("debiased guess, no guarantee", "open", found.value, found.value, of_value))
    else:
        kind = {Bound.EXACT: "exact", Bound.NONE: "an estimate, no guarantee"}.get(found.bound, "certified")
        rows.append(_Row(f"{found.quantity}, {kind}", "value", found.value, found.value, of_value))
    sides = [
        (f"estimate.{side}", end) for side in ("lower", "upper") if (end := getattr(found, side)) is not None
    ]
    if sides and (found.bound is not Bound.EXACT or not found.converged):
        says = {1: "at least" if found.upper is None else "at most", 2: "between"}[len(sides)]
        low = 0.0 if found.lower is None else found.lower
        rows.append(_Row(f"{name} {says}, {found.vouched}", "proved", low, found.upper, tuple(sides)))
    if found.interval is not None and not found.of_laws:
        low, high = found.interval.low, found.interval.high
        rows.append(
            _Row(
                f"{100 * found.interval.confidence:g} % interval, {found.interval.source}", "interval", low, high,
                (("estimate.interval.low", low), ("estimate.interval.high", high)),
            )
        )  # fmt: skip
    if found.floor is not None:
        pair = (("estimate.floor.a", found.floor.a), ("estimate.floor.b", found.floor.b))
        rows.append(_Row("noise alone, law of a and of b", "noise", 0.0, found.floor.value, pair))
    return rows


def _noise(found: Estimate, scale: Scale, foot: float) -> Markup:
    """Shade, through all rows, what sampling noise alone would show."""
    assert found.floor is not None
    right = scale(found.floor.value)
    return element(
        "rect", x=float(scale.start), y=4.0, width=right - scale.start, height=foot - 4.0, class_="wash"
    )


def _drawn(row: _Row, scale: Scale, y: float) -> Markup:
    line = y + 20.0
    parts = [words(row.label, scale.start, y + 6, "label")]
    numbers = Markup(" and " if row.kind == "noise" else " to ").join(
        figure(value, place) for place, value in row.numbers
    )
    parts.append(words(numbers, scale.end, y + 6, f"number {row.kind}", anchor="end"))
    low = scale(row.low) if row.low is not None else scale.start
    high = scale(row.high) if row.high is not None else scale.end
    if row.kind in ("value", "open"):
        parts.append(
            element("line", x1=float(scale.start), x2=low, y1=line, y2=line, class_=f"stem {row.kind}")
        )
        parts.append(element("circle", cx=low, cy=line, r=6.0, class_=f"mark {row.kind}"))
        return Markup().join(parts)
    parts.append(element("line", x1=low, x2=max(high, low + 2), y1=line, y2=line, class_=f"bar {row.kind}"))
    for end, at in ((row.low, low), (row.high, high)):
        if end is not None and not (row.kind == "noise" and end == 0):
            parts.append(element("line", x1=at, x2=at, y1=line - 6, y2=line + 6, class_=f"cap {row.kind}"))
    if row.high is None:  # it may be more: the bar runs on to the edge
        tip = f"M{high - 9:.1f} {line - 6:.1f}L{high:.1f} {line:.1f}L{high - 9:.1f} {line + 6:.1f}"
        parts.append(element("path", d=tip, class_=f"cap {row.kind}"))
    assert all(math.isfinite(end) for end in row.ends)
    return Markup().join(parts)
