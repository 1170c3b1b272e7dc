"""The critic where W1 between the laws is known: errors, seconds, and the steepest slope that a search finds.

Every contestant is asked through `wdist.estimate` with its defaults, the same for all cases. The value is read on draws
that neither training nor choice saw; beside it stand the published errors of other neural solvers on the cells of
their benchmark (instances of one recipe, so relative errors are compared).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import wdist
from benchmarks.store import Table
from wdist.critic.lipschitz import steepest_pair
from wdist.truth import (
    Case,
    axis,
    diagonal,
    funnels,
    random_direction,
    scaling,
    subspace_scaling,
    translation,
    valleys,
    wgan_example,
)

__all__ = ["CELLS", "CONTESTANTS", "measure", "table"]

Record = dict[str, Any]
PUBLISHED = Path(__file__).with_name("published_w1.json")
PUBLISHED_CELLS = tuple((d, n) for d in (2, 4, 8, 16, 32, 64, 128) for n in (4, 16, 64, 256))
VALLEYS = ((2, 3, 1), (2, 16, 1), (16, 8, 15), (16, 16, 8), (64, 8, 32), (128, 16, 64))
PROBES = 400
FRESH = range(101, 104)
"""Seeds that no constant of the recipe was chosen on."""

CELLS: dict[str, Callable[[], Case]] = {
    "Example 1": partial(wgan_example, 2.0),
    **{f"translation d={d}": partial(translation, random_direction(d)) for d in (2, 16, 128)},
    "translation d=16 diagonal, 10": partial(translation, 10 * diagonal(16)),
    "translation d=2, 10": partial(translation, 10 * axis(2)),
    **{f"scaling d={d}": partial(scaling, d) for d in (2, 16, 128)},
    **{f"subspace scaling d={d}": partial(subspace_scaling, d, d // 2) for d in (16, 64)},
    **{f"funnels ({d}, {n})": partial(funnels, d, n) for d, n in PUBLISHED_CELLS},
    **{f"valleys ({d}, {n}, {k})": partial(valleys, d, n, k) for d, n, k in VALLEYS},
}
"""Cases by name; none of the recipe's constants depends on them."""

CONTESTANTS: dict[str, wdist.Critic] = {
    "default": wdist.Critic(),
    "orthonormal": wdist.Critic(wdist.Orthonormal(), wdist.MLP((128, 128), "abs"), steps=1500),
    "penalty": wdist.Critic(wdist.GradientPenalty(10.0)),
    "one-sided": wdist.Critic(wdist.GradientPenalty(10.0, two_sided=False)),
    "spectral": wdist.Critic(wdist.Spectral()),
    "clip": wdist.Critic(wdist.Clip(0.01)),
}


def measure(
    into: Table, cells: list[str], contestants: list[str], seeds: range, device: str, tell: Callable[[str], None]
) -> None:  # fmt: skip
    """Fill a table, a record a case, contestant and seed, all fitted on one device; those that are there stay."""
    for cell in cells:
        case = CELLS[cell]()
        for name in contestants:
            for seed in seeds:
                key = f"{cell} | {name} | {seed}"
                if key not in into:
                    into.add({"key": key, **record(cell, case, name, seed, device)})
                    tell(f"{key}: {into.rows[-1]['error']:+.2%} in {into.rows[-1]['cpu']:.1f} s of CPU")


def record(cell: str, case: Case, name: str, seed: int, device: str) -> Record:
    """Run one contestant on one case, and search for its steepest slope."""
    method = replace(CONTESTANTS[name], device=None if device == "cpu" else device)
    load, cpu = os.getloadavg()[0], time.process_time()
    found = wdist.estimate(case.a, case.b, method=method, seed=seed)
    cpu = time.process_time() - cpu
    potential, rng = found.detail.potential, torch.Generator().manual_seed(seed)
    x, y = (potential.scaling(law.draw(PROBES, rng)) for law in (case.a, case.b))
    slope, _, _ = steepest_pair(potential.net, x, y)
    truth = case.w[1.0]
    return {
        "case": cell, "contestant": name, "seed": seed, "truth": truth, "truth error": case.error / truth,
        "value": found.value, "error": found.value / truth - 1, "raw error": found.detail.raw / truth - 1,
        "standard error": found.detail.standard_error / truth, "bound": found.bound.value, "slope": slope,
        "certificate": found.detail.lipschitz_bound, "net": repr(found.detail.net), "steps": found.detail.steps,
        "seconds": found.seconds, "cpu": cpu, "load": load,
    }  # fmt: skip


def table(rows: list[Record]) -> str:
    """A line a case: the default first, then the others' errors, then the best published one."""
    published = json.loads(PUBLISHED.read_text())["W1"]
    names = [name for name in CONTESTANTS if any(row["contestant"] == name for row in rows)]
    head = ["case", "W1", "default: error", "± s.e.", "CPU", "slope", "critic chosen"]
    head += [f"{name}: error (slope)" for name in names if name != "default"]
    head += ["published: median", "certified", "best"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for cell in CELLS:
        here = [row for row in rows if row["case"] == cell]
        ours = [row for row in here if row["contestant"] == "default"]
        if not ours:
            continue
        line = [
            cell, f"{ours[0]['truth']:.4g}", _errors(ours), f"{100 * _noise(ours):.2f} %",
            f"{median(row['cpu'] for row in ours):.1f} s", f"{max(row['slope'] for row in ours):.4f}",
            f"`{ours[0]['net']}`",
        ]  # fmt: skip
        for name in names:
            theirs = [row for row in here if row["contestant"] == name]
            if name != "default":
                line.append(
                    f"{_errors(theirs)} ({max(row['slope'] for row in theirs):.2f})" if theirs else ""
                )
        cells = published.get(cell.removeprefix("funnels ").strip("()").replace(", ", ","))
        out.append("| " + " | ".join([*line, *_theirs(cells)]) + " |")
    return "\n".join([*out, "", *_summary(rows)]) + "\n"


def _errors(rows: list[Record]) -> str:
    return ", ".join(f"{100 * row['error']:+.2f} %" for row in rows)


def _noise(rows: list[Record]) -> float:
    """Standard error of value and truth together, relative."""
    return float(np.hypot(median(row["standard error"] for row in rows), rows[0]["truth error"]))


def _theirs(cells: dict[str, float] | None) -> list[str]:
    """Published errors on a cell, discrete transport aside: the median, the certified solver's, the smallest."""
    if cells is None:
        return ["", "", ""]
    errors = {name: w / cells["true"] - 1 for name, w in cells.items() if name not in ("true", "dot")}
    best = min(errors, key=lambda name: abs(errors[name]))
    middle = median(abs(error) for error in errors.values())
    certified = f"{errors['sort-out']:+.0%}" if "sort-out" in errors else ""
    return [f"{middle:.0%}", certified, f"{errors[best]:+.0%} ({best})"]


def _summary(rows: list[Record]) -> Iterator[str]:
    ours = [row for row in rows if row["contestant"] == "default" and row["case"].startswith("funnels")]
    if ours:
        errors = [abs(row["error"]) for row in ours]
        cells, slowest = len({row["case"] for row in ours}), max(row["cpu"] for row in ours)
        yield (
            f"Over the {cells} cells of funnels here the default's error has the median {median(errors):.1%} "
            f"and is at most {max(errors):.1%}; CPU at most {slowest:.0f} s."
        )
