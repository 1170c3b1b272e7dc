"""Handwritten digits, 784 pixels: what critics prove of W1 between the laws, beside W1 between the samples.

Each digit is cut into two halves. A critic is fitted on the first and read on the second, which it never saw: the dual
value over its certificate bounds W1 between the laws from below, but for sampling error, which the bound allows for.
W1 between the second halves themselves is exact; between two halves of one digit it shows how much of that is
sampling: that the bound is far below need not be a fault of the critic.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm

import wdist
from benchmarks.store import Table
from wdist import ConvNet, Critic, GradientPenalty

__all__ = ["CONTESTANTS", "PAIRS", "measure", "table"]

Record = dict[str, Any]
Array = np.ndarray[Any, Any]
PAIRS = ((4, 9), (0, 1))
SHAPE = (1, 28, 28)
CONFIDENCE = 0.95

CONTESTANTS: dict[str, Critic] = {
    "default": Critic(),
    "convolutions": Critic(net=ConvNet(SHAPE)),
    "penalty": Critic(GradientPenalty(10.0)),
    "penalty, convolutions": Critic(
        GradientPenalty(10.0), ConvNet(SHAPE, (16, 32, 64), "leaky_relu", kernel=4), steps=400
    ),
}


def measure(
    into: Table, seeds: range, tell: Callable[[str], None], fitted: dict[str, Critic] = CONTESTANTS
) -> None:
    """Fill a table, a record a pair of digits, contestant and seed; those that are there stay."""
    for pair in PAIRS:
        for seed in seeds:
            halves = [_halves(digit, seed) for digit in pair]
            exact = wdist.estimate(halves[0][1], halves[1][1]).value
            within = [wdist.estimate(*both).value for both in halves]
            for name, method in fitted.items():
                key = f"{pair[0]} against {pair[1]} | {name} | {seed}"
                if key in into:
                    continue
                found = _record(method, halves, seed)
                rest = {
                    "digits": list(pair),
                    "contestant": name,
                    "seed": seed,
                    "exact": exact,
                    "within": within,
                }
                into.add({"key": key, **rest, **found})
                tell(
                    f"{key}: value {found['value']:.3f}, certified {found['certified']:.3f}, samples {exact:.3f}"
                )


def _record(method: Critic, halves: list[tuple[Array, Array]], seed: int) -> Record:
    """Fit on the first halves, read on the second."""
    load, cpu = os.getloadavg()[0], time.process_time()
    found = wdist.estimate(halves[0][0], halves[1][0], method=method, seed=seed).detail
    cpu = time.process_time() - cpu
    values = [found.potential(half[1]).numpy() for half in halves]
    raw = float(values[0].mean() - values[1].mean())
    error = math.sqrt(sum(v.var(ddof=1) / len(v) for v in values))
    unit = found.potential.scaling.scale
    proved = max(0.0, raw - float(norm.ppf(CONFIDENCE)) * error) / found.lipschitz_bound
    return {
        "value": unit * method.constraint.reading(raw / unit), "standard error": error, "certified": proved,
        "certificate": found.lipschitz_bound, "net": repr(found.net), "steps": found.steps, "cpu": cpu,
        "load": load,
    }  # fmt: skip


def _halves(digit: int, seed: int) -> tuple[Array, Array]:
    """Images of a digit as points, cut in two at random."""
    points = wdist.datasets.mnist().of(digit)
    order = np.random.default_rng((seed, digit)).permutation(len(points))
    middle = len(points) // 2
    return points[order[:middle]], points[order[middle:]]


def table(rows: list[Record]) -> str:
    """A line a pair, contestant and seed."""
    head = ["digits", "critic", "held-out reading", "certified lower bound", "certificate"]
    head += ["W1 between the samples", "within the first digit", "within the second", "CPU", "critic chosen"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        line = [
            "{} against {}".format(*row["digits"]), row["contestant"],
            f"{row['value']:.2f} ± {row['standard error']:.2f}",
            f"{row['certified']:.2f}", f"{row['certificate']:.4g}", f"{row['exact']:.2f}",
            *(f"{w:.2f}" for w in row["within"]), f"{row['cpu']:.0f} s", f"`{row['net']}`",
        ]  # fmt: skip
        out.append("| " + " | ".join(line) + " |")
    return "\n".join(out) + "\n"
