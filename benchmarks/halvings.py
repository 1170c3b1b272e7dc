"""The debiased distance of one run by two disjoint sets of real points, halved once and as often as few points need.

Sevens, of which few are held out: what differs between the two sets, each with latents of its own, is the judge's
error. And generators of all ten digits by several numbers of points a half, which move the distance itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean
from typing import Any

from benchmarks import stops
from benchmarks.store import Table
from wdist import gan

__all__ = ["measure", "table"]

Record = dict[str, Any]
SEED, STEPS, LOOKS = 103, 6000, 10
SIZES = (1000, 500, 250, 107)
CASES: dict[str, dict[str, int]] = {
    "sevens, halved once": {"halvings": 1},
    "sevens": {},
    **{f"all ten, {n} a half": {"most": n} for n in SIZES},
}
"""How both sets judge, each with latents of its own."""


def measure(into: Table, steps: int | None, tell: Callable[[str], None]) -> None:
    """Fill a table, a record a case, of those that it lacks; `steps` None for what digits have."""
    for data in ("sevens", "all ten"):
        mine = [case for case in CASES if case.startswith(data)]
        if any(case not in into for case in mine):
            for row in _judged(data, mine, steps or STEPS):
                into.add(row)
                tell(f"{row['key']}: apart {_apart(row):.3f}")


def _judged(data: str, cases: list[str], steps: int) -> list[Record]:
    """Train a run and have every look at it judged in every way by both sets."""
    real = gan.Data("mnist", classes=tuple(stops.DIGITS[data]), held_out=0.4)
    every = max(1, steps // LOOKS)
    config = replace(gan.preset("wgan-gp", real, held_every=0), ema=stops.EMA, steps=steps)
    sides = stops.held_apart(config)
    judges = {
        case: [gan.Evaluator(side, seed=k, **CASES[case]) for k, side in enumerate(sides)] for case in cases
    }
    load = os.getloadavg()[0]
    rows = {case: {"key": case, "steps": steps, "looks": [], "cpu": 0.0, "load": load} for case in cases}
    trainer = gan.Trainer(config, seed=SEED)
    for report in trainer.steps(steps):
        for case, row in rows.items() if report.step % every == 0 else ():
            cpu = time.process_time()
            found = [judge(trainer.generator).distance for judge in judges[case]]
            row["cpu"] += (time.process_time() - cpu) / len(sides) / LOOKS
            row["looks"].append({"step": report.step, "debiased": [each.value for each in found]})
            row |= {"n": found[0].n, "halvings": found[0].halvings}
    return list(rows.values())


def table(rows: list[Record]) -> str:
    """A line a case and set: the distance over the run; how far apart the sets are, and what a look costs."""
    steps = [look["step"] for look in rows[0]["looks"]][1::2]
    head = ["digits", "points a half", "halvings", "set", *(f"step {step}" for step in steps)]
    out = [
        "| " + " | ".join([*head, "sets apart, second half", "CPU a look"]) + " |",
        "|" + "---|" * (len(head) + 2),
    ]
    for row in rows:
        for side in (0, 1):
            values = [f"{look['debiased'][side]:.3f}" for look in row["looks"][1::2]]
            cells = [
                row["key"].partition(",")[0],
                str(row["n"]),
                str(row["halvings"]),
                str(side + 1),
                *values,
            ]
            out.append("| " + " | ".join([*cells, f"{_apart(row):.3f}", f"{row['cpu']:.2f} s"]) + " |")
    return "\n".join(out) + "\n"


def _apart(row: Record) -> float:
    """Mean difference of the two sets' distances over the second half of the run."""
    pairs = [look["debiased"] for look in row["looks"]]
    return fmean(abs(a - b) for a, b in pairs[len(pairs) // 2 :])
