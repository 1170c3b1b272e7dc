"""What a record says: ratios, and whether they reach their targets.

A ratio is only given where both sides converged and both are as near to the certified answer as the row asks; a
peer that ran out of time gives a lower bound on it, marked so. Over several seeds the worst one decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

__all__ = ["Score", "fault", "ratio", "score", "verdict"]

Record = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """A figure, `open_ended` if the true one is at least that; or None and the reason."""

    value: float | None
    open_ended: bool = False
    reason: str = ""


def fault(side: Record, record: Record) -> str:
    """Why a side's time must not be compared; empty if it may be."""
    if side["status"] != "done":
        return f"{side['name']} {side['status']}: {side['note']}"
    if not side["converged"]:
        return f"{side['name']} did not converge"
    if side["error"] is None:
        return "no certified answer"
    if side["error"] > record["tolerance"]:
        return f"{side['name']} is off by {side['error']:.1e}, tolerance {record['tolerance']:.0e}"
    return ""


def ratio(record: Record, peer: Record, measure: str = "cpu") -> Score:
    """How many times less of `measure` ours takes than the peer: medians over medians."""
    ours = record["sides"][0]
    if reason := fault(ours, record):
        return Score(None, reason=reason)
    over = peer["status"] == "over limit" and measure in ("cpu", "wall")
    if not over and (reason := fault(peer, record)):
        return Score(None, reason=reason)
    theirs, mine = figure(peer, measure), figure(ours, measure)
    if not theirs or not mine:
        return Score(None, reason=f"no {measure} was measured")
    return Score(theirs / mine, open_ended=over)


def figure(side: Record, measure: str) -> float | None:
    """A side's seconds (their median) or bytes."""
    found = side[measure]
    return (median(found) if found else None) if isinstance(found, list) else found


def score(record: Record, target: Record) -> Score:
    """The figure that a target judges."""
    ours, over = record["sides"][0], target["over"]
    if over:
        peer = next(side for side in record["sides"] if side["name"] == over)
        return ratio(record, peer, target["measure"])
    if reason := fault(ours, record):
        return Score(None, reason=reason)
    return Score(figure(ours, target["measure"]))


def verdict(scores: list[Score], target: Record) -> str:
    """Read "stretch", "met", "missed" or "open: reason" off the worst of several seeds."""
    missing = [one for one in scores if one.value is None]
    if missing:
        return f"open: {missing[0].reason}"
    sign = 1 if target["over"] else -1  # a ratio has to reach its mark, a figure of ours to stay under it
    worst = min((one for one in scores), key=lambda one: sign * one.value)  # type: ignore[operator]
    for word, mark in (("stretch", target["stretch"]), ("met", target["least"])):
        if mark is not None and sign * worst.value >= sign * mark:  # type: ignore[operator]
            return word
    return f"open: {worst.value:.3g} is only a bound" if worst.open_ended else "missed"
