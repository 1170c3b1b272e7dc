"""W1 of laws that no card has seen: a clipped critic read by its card, beside what asks for no card.

Three readings of one clipped fit: by the curve of its own family, where that is on the card (another amount, direction
or landscape than those calibrated); by a card from which that family was left out; and, for families that no card has,
by the whole card. Beside them a penalised critic read by its closed form, the certified critic, and the exact distance
between two samples. Truth is W1 between the laws.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

import wdist
from benchmarks.store import QUICK, Table
from wdist.calibration.families import families
from wdist.truth import Case, random_direction, translation, valleys
from wdist.truth.laws import Box, Pushed, standard_gaussian

__all__ = ["instances", "measure", "table", "unseen"]

Record = dict[str, Any]
CLIPPED = wdist.Critic(wdist.Clip(0.1), wdist.MLP((100, 100)))
SHIPPED = "clip-0.1-relu-100x100-d2"
OTHERS = {
    "penalty": wdist.Critic(wdist.GradientPenalty(10.0)),
    "one-sided penalty": wdist.Critic(wdist.GradientPenalty(10.0, two_sided=False)),
    "certified": wdist.Critic(),
}
SAMPLES = "exact, samples"
READINGS = ("clip, family known", "clip, family left out", "clip, family unseen")
SAMPLE, SEED, CONFIDENCE = 2000, 1000, 0.9
AMOUNTS = {2: (0.3, 0.9), 16: (0.5,), 64: (0.5,)}
"""By dimension: W1 over spread of instances of the card's own families, between those that it was made at."""
MEMBERS = {2: 3, 16: 2, 64: 1}
"""By dimension: instances of each family that no card has."""


@dataclasses.dataclass(frozen=True)
class Outward:
    """x ↦ x + by·Πx/|Πx|, Π on the first k coordinates: two halves that part (k = 1), or a ring that opens."""

    by: float
    k: int

    def __call__(self, x: Tensor) -> Tensor:
        """(n, d) -> (n, d)."""
        part = x[:, : self.k]
        return x + torch.nn.functional.pad(
            self.by * torch.nn.functional.normalize(part), (0, x.shape[1] - self.k)
        )


def outward(d: int, k: int, by: float) -> Case:
    """Every point of N(0, I) goes `by` away from {Πx = 0}: W1 = by, as |Πx| is 1-Lipschitz and rises by just that."""
    law = standard_gaussian(d)
    return Case(
        f"outward d={d} k={k} by={by:g}",
        Pushed(law, Outward(by, k), d),
        law,
        {1: by},
        "its potential is |Πx|",
    )


def unseen(dim: int, which: int) -> dict[str, Case]:
    """An instance of each family that no card has: sheets, a cube that moves, two halves, a shell."""
    cube = Box(-torch.ones(dim, dtype=torch.float64), torch.ones(dim, dtype=torch.float64))
    by = (0.5 + 0.5 * which) * math.sqrt(dim) / 2
    return {
        "valleys": valleys(dim, (3, 8, 16)[which], dim // 2, seed=SEED + which),
        "cube": translation(by * random_direction(dim, SEED + which), cube, "cube"),
        "halves": outward(dim, 1, by),
        "shell": outward(dim, dim, by),
    }


def instances(dim: int) -> Iterator[tuple[str, Case, bool]]:
    """Family, case and whether the card has the family."""
    for name, family in families(dim).items():
        for k, amount in enumerate(AMOUNTS[dim]):
            yield name, family(amount, SEED + k), True
    for k in range(MEMBERS[dim]):
        for name, case in unseen(dim, k).items():
            yield name, case, False


def measure(into: Table, dims: list[int], tell: Callable[[str], None], *, quick: bool = False) -> None:
    """Fill a table, a record an instance; those that are there stay, and are asked what no answer of theirs says."""
    clipped, others = CLIPPED, OTHERS
    if quick:
        clipped, *rest = (dataclasses.replace(one, steps=5) for one in (CLIPPED, *OTHERS.values()))
        others = dict(zip(OTHERS, rest, strict=True))
    for dim in dims:
        todo = [one for one in instances(dim) if f"{dim} | {one[1].name}" not in into]
        if todo and (dim != 2 or quick):
            folder = QUICK / "cards" / f"d{dim}{'-quick' if quick else ''}"
            card = wdist.calibrate(clipped, dim=dim, replicates=2, folder=folder)
        elif todo:
            card = wdist.Calibration.load(SHIPPED)
        for _, case, _ in instances(dim):
            key = f"{dim} | {case.name}"
            if key in into and set(others) - set(into[key]["answers"]):
                into.put(_amended(into[key], case, others, into.environment["code"]))
                tell(_said(into[key]))
        for family, case, known in todo[: 2 if quick else None]:
            key = f"{dim} | {case.name}"
            into.put({"key": key, **_record(dim, family, case, known, card, clipped, others)})
            tell(_said(into[key]))


def _amended(row: Record, case: Case, others: dict[str, wdist.Critic], code: str) -> Record:
    """A record with the answers that it lacks, which say by what code, as the others may be of another."""
    lacking = {name: method for name, method in others.items() if name not in row["answers"]}
    found = {
        name: _answer(case.a, case.b, method, row["truth"]) | {"code": code}
        for name, method in lacking.items()
    }
    return {**row, "answers": row["answers"] | found}


def _said(row: Record) -> str:
    told = (f"{name} {found['error']:+.1%}" for name, found in row["answers"].items())
    return f"d = {row['d']}, {row['case']}: {', '.join(told)}"


def _record(
    dim: int, family: str, case: Case, known: bool, card: wdist.Calibration, clipped: wdist.Critic,
    others: dict[str, wdist.Critic],
) -> Record:  # fmt: skip
    load, truth = os.getloadavg()[0], case.w[1]
    if known:
        rest = dataclasses.replace(card, trials=tuple(t for t in card.trials if t.family != family))
        asked: dict[str, wdist.Method] = {
            READINGS[0]: wdist.Calibrated(clipped, card, family), READINGS[1]: wdist.Calibrated(clipped, rest)
        }  # fmt: skip
    else:
        asked = {READINGS[2]: wdist.Calibrated(clipped, card)}
    answers = {name: _answer(case.a, case.b, method, truth) for name, method in (asked | others).items()}
    rng = torch.Generator().manual_seed(SEED)
    answers[SAMPLES] = _answer(*(side.draw(SAMPLE, rng) for side in (case.a, case.b)), "auto", truth)
    return {"d": dim, "family": family, "case": case.name, "truth": truth, "truth error": case.error / truth,
            "answers": answers, "load": load}  # fmt: skip


def _answer(a: Any, b: Any, method: str | wdist.Method, truth: float) -> Record:
    cpu = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", wdist.WdistWarning
        )  # beyond its card: told by the interval that is missing
        found = wdist.estimate(a, b, method=method, seed=SEED, confidence=CONFIDENCE)
    held = found.interval
    return {
        "value": found.value, "error": found.value / truth - 1, "cpu": time.process_time() - cpu,
        "interval": None if held is None or isinstance(method, str) else [held.low, held.high],
        "lower": found.lower,
    }  # fmt: skip


def table(rows: list[Record]) -> str:
    """A line a dimension and method: errors, and how often the stated interval held the truth.

    What asks for no card has another line, of the laws whose family is on the card.
    """
    head = [
        "d",
        "how",
        "instances",
        "error, root mean square",
        "median",
        "worst",
        "interval holds W1",
        "factor",
        "CPU",
    ]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    names = (*READINGS, *OTHERS, SAMPLES)
    for dim in dict.fromkeys(row["d"] for row in rows):
        for name in names:
            here = [row for row in rows if row["d"] == dim and name in row["answers"]]
            known = [row for row in here if READINGS[0] in row["answers"]]
            if here:
                out.append("| " + " | ".join([str(dim), name, *_line(here, name)]) + " |")
            if name in OTHERS and 0 < len(known) < len(here):
                cells = [str(dim), f"{name}, families of the card", *_line(known, name)]
                out.append("| " + " | ".join(cells) + " |")
    return "\n".join([*out, "", *_summary(rows)]) + "\n"


def _line(rows: list[Record], name: str) -> list[str]:
    found = [row["answers"][name] for row in rows]
    errors = [one["error"] for one in found]
    worst = max(range(len(rows)), key=lambda k: abs(errors[k]))
    held, stated = coverage(rows, name) if name in READINGS else (0, 0)
    wide = [
        one["interval"][1] / one["interval"][0] for one in found if one["interval"] and one["interval"][0] > 0
    ]
    return [
        str(len(rows)), f"±{100 * float(np.sqrt(np.mean(np.square(errors)))):.1f} %",
        f"{100 * median(map(abs, errors)):.1f} %", f"{100 * errors[worst]:+.0f} % ({rows[worst]['family']})",
        f"{held} of {stated}" if stated else "", f"{math.sqrt(median(wide)):.2f}" if stated else "",
        f"{median(one['cpu'] for one in found):.1f} s",
    ]  # fmt: skip


def coverage(rows: list[Record], name: str) -> tuple[int, int]:
    """How often the interval held the truth, of those that had one."""
    stated = [(row["truth"], row["answers"][name]["interval"]) for row in rows if name in row["answers"]]
    return sum(i[0] <= w <= i[1] for w, i in stated if i), sum(i is not None for _, i in stated)


def _summary(rows: list[Record]) -> Iterator[str]:
    counted = [coverage(rows, name) for name in READINGS[1:]]
    held, stated = (sum(one) for one in zip(*counted, strict=True))
    asked = sum(name in row["answers"] for row in rows for name in READINGS[1:])
    if stated:
        yield (
            f"Over families that the card had not seen, in all dimensions, the {CONFIDENCE:.0%} interval held W1 in "
            f"{held} of {stated} instances ({held / stated:.0%}); in {asked - stated} more W1 came out beyond the "
            f"card's range, and there was none. Samples: {SAMPLE:,} points a side."
        )
    later = {(name, said["code"]) for row in rows for name, said in row["answers"].items() if "code" in said}
    yield from (f"Added to rows that were there, by code {code}: {name}." for name, code in sorted(later))
