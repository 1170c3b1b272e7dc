"""Penalised critics where mass moves in many directions: what they read too small, and what mends it.

By the critic's own value, the closed form of the penalty and no card, on two amounts of two families in the plane where
the two-sided penalty is not converged; beside it what the two cards that ship say of all families.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

import wdist
from benchmarks.clipping import SEED, plan
from benchmarks.store import Table
from wdist.calibration.calibrate import FARTHEST, NEAREST
from wdist.calibration.trials import run_trials

__all__ = ["WAYS", "measure", "table"]

Record = dict[str, Any]
STEPS = 1500
TWO, ONE = wdist.GradientPenalty(10.0), wdist.GradientPenalty(10.0, two_sided=False)
WAYS: dict[str, wdist.Critic] = {
    "λ = 10, 2 × 200 ReLU, 1500 steps": wdist.Critic(TWO, steps=STEPS),
    "one-sided": wdist.Critic(ONE, steps=STEPS),
    "3000 steps": wdist.Critic(TWO, steps=2 * STEPS),
    "rate × 3": wdist.Critic(TWO, steps=STEPS, lr=6e-3),
    "2 × 100 abs": wdist.Critic(TWO, wdist.MLP((100, 100), "abs"), STEPS),
    "2 × 100 maxmin": wdist.Critic(TWO, wdist.MLP((100, 100), "maxmin"), STEPS),
}
"""Critics by what they change in the first, which is that of the two-sided card."""
HARD, AMOUNTS = ("subspace", "funnels"), (NEAREST, math.sqrt(NEAREST * FARTHEST))
CARDS = {"two-sided": "gradient-penalty-10-d2", "one-sided": "one-sided-penalty-10-d2"}


def measure(into: Table, tell: Callable[[str], None], *, quick: bool = False) -> None:
    """Fill a table, a record a way; those that are there stay."""
    for name, method in WAYS.items():
        if name not in into:
            into.add({"key": name, **_record(method, 5 if quick else method.steps or STEPS)})
            tell(f"{name}: {', '.join(_cells(into.rows[-1]))}")


def _record(method: wdist.Critic, steps: int) -> Record:
    load = os.getloadavg()[0]
    trials = run_trials(plan(HARD, steps, AMOUNTS), method, SEED, {}, None, None, None)
    found = [{"family": t.family, "w": t.w, "error": t.said.own / t.w - 1} for t in trials]
    return {
        "method": repr(method),
        "steps": steps,
        "read": found,
        "cpu": sum(t.cpu for t in trials),
        "load": load,
    }


def table(rows: list[Record]) -> str:
    """A line a way; then families by both cards."""
    head = [f"{one['family']}, W1 = {one['w']:.2g}" for one in rows[0]["read"]]
    out = ["| way | " + " | ".join(head) + " | CPU a fit |", "|---|" + "---|" * (len(head) + 1)]
    for row in rows:
        cpu = row["cpu"] / len(row["read"])
        out.append(f"| {row['key']} | " + " | ".join(_cells(row)) + f" | {cpu:.0f} s |")
    return "\n".join([*out, "", *_cards()]) + "\n"


def _cells(row: Record) -> list[str]:
    return [f"{100 * one['error']:+.1f} %" for one in row["read"]]


def _cards() -> Iterator[str]:
    """A line a family: what twice the steps change, an amount left out, and the critic's own value, by both cards."""
    cards = {name: wdist.Calibration.load(card) for name, card in CARDS.items()}
    asked = {"twice the steps": budget, "an amount left out": held, "own value": own}
    yield "| family | " + " | ".join(f"{what}, {name}" for what in asked for name in cards) + " |"
    yield "|---|" + "---|" * (len(asked) * len(cards))
    for family in next(iter(cards.values())).families:
        cells = [say(card, family) for say in asked.values() for card in cards.values()]
        yield f"| {family} | " + " | ".join(cells) + " |"


def budget(card: wdist.Calibration, family: str) -> str:
    """By how much twice the steps change kappa, of the one fit that was tried so."""
    mine = {(t.level, t.replicate, t.steps): t.said.by(card.per) for t in card.trials if t.family == family}
    changes = [
        longer / mine[(*place, card.steps)] - 1 for (*place, n), longer in mine.items() if n > card.steps
    ]
    return ", ".join(f"{100 * change:+.1f} %" for change in changes)


def held(card: wdist.Calibration, family: str) -> str:
    """Error of W1 at amounts left out of the family's curve."""
    return f"±{100 * _rms(card.model.errors(family, left_out=False)):.1f} %"


def own(card: wdist.Calibration, family: str) -> str:
    """Error of what the critic says without a card."""
    mine = [t for t in card.trials if t.family == family and t.steps == card.steps]
    return f"±{100 * _rms(t.said.own / t.w - 1 for t in mine):.1f} %"


def _rms(errors: Iterable[float]) -> float:
    return math.sqrt(float(np.mean(np.square(list(errors)))))
