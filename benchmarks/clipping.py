"""Ways of clipping a critic, by how far kappa carries over: each family of laws is left out and read by the others.

Nine families in the plane, five amounts of transport, one fit an amount: two layers of 100 ReLU, standardised data,
and the same seeds for every way. What a fit reads is its dual value over its own mean slope, or the dual value alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

import wdist
from benchmarks.store import Table
from wdist.calibration.calibrate import FARTHEST, NEAREST
from wdist.calibration.families import families
from wdist.calibration.fingerprint import fingerprint
from wdist.calibration.trials import Wanted, run_trials

__all__ = ["WAYS", "measure", "table"]

Record = dict[str, Any]
DIM, LEVELS, SEED = 2, 5, 0


@dataclass(frozen=True)
class FreeBiases(wdist.Clip):
    """Weights are clipped, biases are not."""

    @torch.no_grad()
    def project(self, net: nn.Module) -> None:
        for name, parameter in net.named_parameters():
            if not name.endswith("bias"):
                parameter.clamp_(-self.c, self.c)


@dataclass(frozen=True)
class NonNegative(wdist.Clip):
    """Weights start at or above zero."""

    @torch.no_grad()
    def prepare(self, net: nn.Module) -> nn.Module:
        for name, parameter in net.named_parameters():
            if name.endswith("weight"):
                parameter.abs_()
        return super().prepare(net)


@dataclass(frozen=True)
class ByLayer(wdist.Clip):
    """A layer of k inputs is clipped to ±c·√(100/k): c itself for those between hidden layers."""

    @torch.no_grad()
    def project(self, net: nn.Module) -> None:
        for layer in net.modules():
            if isinstance(layer, nn.Linear):
                reach = self.c * math.sqrt(100 / layer.in_features)
                for parameter in layer.parameters():
                    parameter.clamp_(-reach, reach)


WAYS: dict[str, tuple[wdist.Clip, int]] = {
    "plain, c = 0.1": (wdist.Clip(0.1), 300),
    "biases not clipped": (FreeBiases(0.1), 300),
    "weights start at or above 0": (NonNegative(0.1), 300),
    "c by layer": (ByLayer(0.1), 300),
    "1200 steps": (wdist.Clip(0.1), 1200),
    "plain, c = 0.01": (wdist.Clip(0.01), 300),
    "plain, c = 0.3": (wdist.Clip(0.3), 300),
}
"""Constraint and steps by name."""


def measure(into: Table, tell: Callable[[str], None], *, quick: bool = False) -> None:
    """Fill a table, a record a way; those that are there stay."""
    for name, (constraint, steps) in WAYS.items():
        if name not in into:
            into.add({"key": name, **_record(constraint, 5 if quick else steps)})
            tell(f"{name}: {into.rows[-1]['slope']['spread']:.1%} of {into.rows[-1]['fits']} fits")


def _record(constraint: wdist.Clip, steps: int) -> Record:
    load, method = os.getloadavg()[0], wdist.Critic(constraint, wdist.MLP((100, 100)), steps=steps)
    wanted = [
        Wanted(family, case, level, 0, steps)
        for family, make in families(DIM).items()
        for level, case in enumerate(
            {
                c.name: c for c in (make(u, 0) for u in np.geomspace(NEAREST, FARTHEST, LEVELS).tolist())
            }.values()
        )
    ]
    trials = tuple(run_trials(wanted, method, SEED, {}, None, None, None))
    card = wdist.Calibration(fingerprint(method, DIM), "slope", trials, SEED)
    found = {
        "constraint": repr(constraint),
        "steps": steps,
        "fits": len(trials),
        "cpu": card.cpu,
        "load": load,
    }
    return found | {per: _reading(card.by(per)) for per in ("slope", "raw")}


def _reading(card: wdist.Calibration) -> Record:
    left_out = {
        family: math.sqrt(float(np.mean(np.square(card.model.errors(family, left_out=True)))))
        for family in card.families
    }
    at = [math.exp(card.model.curve(family).at(0.5)) for family in card.families]
    return {"spread": card.spread, "left out": left_out, "factor": math.exp(card.model.half_width(None, 0.9)),
            "kappa": [min(at), max(at)], "lost": card.lost}  # fmt: skip


def table(rows: list[Record]) -> str:
    """A line a way, by its reading over the slope; the raw one beside."""
    head = ["way of clipping", "steps", "a family left out", "the worst of them", "90 % for a new family"]
    head += ["kappa at w = 0.5, by family", "a family left out, raw", "CPU"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        over = row["slope"]
        worst = max(over["left out"], key=over["left out"].__getitem__)
        line = [
            row["key"], str(row["steps"]), f"±{100 * over['spread']:.1f} %",
            f"{worst} ±{100 * over['left out'][worst]:.1f} %", f"within a factor {over['factor']:.2f}",
            "{:.3g} to {:.3g}".format(*over["kappa"]), f"±{100 * row['raw']['spread']:.0f} %", f"{row['cpu']:.0f} s",
        ]  # fmt: skip
        out.append("| " + " | ".join(line) + " |")
    return "\n".join(out) + "\n"
