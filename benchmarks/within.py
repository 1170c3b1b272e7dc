"""Clipped critics within a family: an amount of transport is left out of the family's curve, and read by the rest.

Five amounts and two seeds a family in the plane, the trials of a card of two replicates. Many ways of clipping are
tried on funnels, which are hardest, and the best of them on all nine families. For two ways each landscape of funnels
is fitted by several seeds, so that what comes of the landscape can be told from what comes of the seed.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import wdist
from benchmarks.clipping import DIM, SEED, plan
from benchmarks.store import QUICK, Table
from wdist.calibration.families import families
from wdist.calibration.fingerprint import fingerprint
from wdist.calibration.trials import run_trials

__all__ = ["SEEDED", "WAYS", "WHOLE", "measure", "table"]

Record = dict[str, Any]
CARDS = ("clip-0.1-relu-100x100-d2", "clip-0.01-relu-100x100-d2", "certified-d2")
NET, ABS, MAXMIN = (wdist.MLP((100, 100), name) for name in ("relu", "abs", "maxmin"))
TENTH, WIDE = wdist.Clip(0.1), wdist.Clip(0.3)
WAYS: dict[str, wdist.Critic] = {
    "2 × 100 ReLU, c = 0.1, 300 steps": wdist.Critic(TENTH, NET, 300),
    "1200 steps": wdist.Critic(TENTH, NET, 1200),
    "c = 0.3": wdist.Critic(WIDE, NET, 300),
    "c = 0.3, 1200 steps": wdist.Critic(WIDE, NET, 1200),
    "rate 5e-3": wdist.Critic(TENTH, NET, 300, lr=5e-3),
    "3 × 100": wdist.Critic(TENTH, wdist.MLP((100, 100, 100)), 300),
    "maxmin": wdist.Critic(TENTH, MAXMIN, 300),
    "abs": wdist.Critic(TENTH, ABS, 300),
    "abs, c = 0.3": wdist.Critic(WIDE, ABS, 300),
    "abs, 1200 steps": wdist.Critic(TENTH, ABS, 1200),
    "abs, c = 0.3, 1200 steps": wdist.Critic(WIDE, ABS, 1200),
}
"""Critics by what they change in the first, which is that of the card."""
WHOLE = "abs, c = 0.3, 1200 steps"
"""The way that is tried on all families."""
SEEDED = ("2 × 100 ReLU, c = 0.1, 300 steps", "abs")
"""Those by which each landscape is fitted by several seeds."""
AT, SEEDS = (1, 3), range(1, 5)
"""Amounts at which a landscape is fitted by other seeds than the card's, and those seeds."""


def measure(into: Table, tell: Callable[[str], None], *, quick: bool = False) -> None:
    """Fill a table, a record a way and what it was tried on; those that are there stay."""
    asked = [(name, "funnels", _record) for name in WAYS] + [(name, "seeds", _seeds) for name in SEEDED]
    for name, on, record in asked if quick else [*asked, (WHOLE, "all families", _record)]:
        if (key := f"{name} | {on}") not in into:
            method = dataclasses.replace(WAYS[name], steps=20) if quick else WAYS[name]
            into.add({"key": key, "way": name, "on": on, **record(method, on)})
            tell(f"{key}: {into.rows[-1]['fits']} fits, {into.rows[-1]['cpu']:.0f} s of CPU time")


def _record(method: wdist.Critic, on: str) -> Record:
    load, steps = os.getloadavg()[0], method.steps
    assert steps is not None
    whole, about = on == "all families", fingerprint(method, DIM)
    wanted = plan(families(DIM) if whole else [on], steps, replicates=2)
    kept = QUICK / "within" if whole else None  # minutes, so that what was cut off goes on
    trials = tuple(run_trials(wanted, method, SEED, {"fingerprint": about}, None, kept, None))
    card = wdist.Calibration(about, "slope", trials, SEED)
    return {"steps": steps, "fits": len(trials), "cpu": card.cpu, "load": load, **read(card)}


def read(card: wdist.Calibration) -> Record:
    """Errors by family, an amount left out of its curve; and, of several families, that of a family left out."""
    own = {name: _rms(card.model.errors(name, left_out=False)) for name in card.families}
    ks = {name: [p.reading / p.w for p in points] for name, points in card.points.items()}
    return {
        "own": own, "kappa": {name: [min(k), max(k)] for name, k in ks.items()},
        "spread": card.spread if len(own) > 1 else None,
    }  # fmt: skip


def _seeds(method: wdist.Critic, _: str) -> Record:
    """Kappa of two landscapes of funnels at two amounts, a fit a seed."""
    load, steps, found = os.getloadavg()[0], method.steps, []
    assert steps is not None
    for wanted in plan(["funnels"], steps, replicates=2):
        if wanted.level in AT:
            trials = [
                trial for seed in SEEDS for trial in run_trials([wanted], method, seed, {}, None, None, None)
            ]
            ks = [trial.said.by("slope") / trial.w for trial in trials]
            place = {"landscape": wanted.replicate, "w": trials[0].w, "kappa": ks}
            found.append({**place, "cpu": sum(trial.cpu for trial in trials)})
    return {"steps": steps, "fits": len(SEEDS) * len(found), "cpu": sum(one["cpu"] for one in found), "load": load,
            "landscapes": found}  # fmt: skip


def table(rows: list[Record]) -> str:
    """Ways on funnels, a line each; families by the card and by the way that was tried on all; landscapes and seeds."""
    out = ["| way | funnels, an amount left out | kappa | fits | CPU a fit |", "|---|---|---|---|---|"]
    for row in _on(rows, "funnels"):
        low, high = row["kappa"]["funnels"]
        out.append(
            f"| {row['way']} | ±{100 * row['own']['funnels']:.1f} % | {low:.2f} to {high:.2f} | {row['fits']} | "
            f"{row['cpu'] / row['fits']:.1f} s |"
        )
    for row in _on(rows, "all families"):
        out += ["", *_beside(row)]
    out += [
        "",
        "| way | landscape of funnels | W1 | kappa, mean of seeds | they scatter by |",
        "|---|---|---|---|---|",
    ]
    for row in _on(rows, "seeds"):
        for one in row["landscapes"]:
            mean, scatter = float(np.mean(one["kappa"])), float(np.std(one["kappa"], ddof=1))
            out.append(
                f"| {row['way']} | {one['landscape']} | {one['w']:.2f} | {mean:.2f} | {100 * scatter / mean:.1f} % |"
            )
    return "\n".join(out) + "\n"


def _beside(row: Record) -> Iterator[str]:
    """The way that was tried on all families, beside the cards that ship."""
    sides = {f"card `{name}`": read(wdist.Calibration.load(name)) for name in CARDS} | {row["way"]: row}
    yield "| an amount left out, kappa | " + " | ".join(sides) + " |"
    yield "|---|" + "---|" * len(sides)
    for family in row["own"]:
        cells = [
            f"±{100 * one['own'][family]:.1f} %, {one['kappa'][family][0]:.2f} to {one['kappa'][family][1]:.2f}"
            for one in sides.values()
        ]
        yield f"| {family} | " + " | ".join(cells) + " |"
    together = [f"±{100 * _rms(one['own'].values()):.1f} %" for one in sides.values()]
    yield "| all families together | " + " | ".join(together) + " |"
    yield (
        "| a family left out | "
        + " | ".join(f"±{100 * one['spread']:.1f} %" for one in sides.values())
        + " |"
    )


def _on(rows: list[Record], on: str) -> list[Record]:
    return [row for row in rows if row["on"] == on]


def _rms(errors: Iterable[float]) -> float:
    return math.sqrt(float(np.mean(np.square(list(errors)))))
