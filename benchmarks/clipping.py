"""Ways of clipping a critic, by how far kappa carries over: each family of laws is left out and read by the others.

Nine families in the plane, five amounts of transport, one fit an amount: two layers of 100 ReLU, data that are
standardised but for two ways, and the same seeds for every way. What a fit reads is its dual value over its own mean
slope, or the dual value alone.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import wdist
from benchmarks.store import Table
from wdist.calibration.calibrate import FARTHEST, NEAREST
from wdist.calibration.families import families
from wdist.calibration.fingerprint import fingerprint
from wdist.calibration.trials import Trial, Wanted, run_trials
from wdist.critic.nets import Net
from wdist.critic.potential import Scaling
from wdist.truth import Case

__all__ = ["AMOUNTS", "GIVEN", "WAYS", "AsGiven", "as_given", "measure", "plan", "table"]

Record = dict[str, Any]
DIM, SEED, MLP, DRAWS = 2, 0, wdist.MLP((100, 100)), 100_000
AMOUNTS = tuple(np.geomspace(NEAREST, FARTHEST, 5).tolist())
"""Of transport, those of a card by default."""


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


@dataclass(frozen=True)
class AsGiven(Net):
    """Data that are not standardised: the network sees `unit` times the points that were given.

    It undoes what the critic does to its points, by a scale and a centre that are measured on other draws of the case.
    """

    unit: float
    scale: float
    shift: tuple[float, ...]

    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> nn.Module:
        return GivenNet(self, MLP.build(x, y, rng))

    def grown(self, most: int) -> None:
        return None


class GivenNet(nn.Module):
    """z ↦ net(unit·(scale·z + shift)) / (unit·scale), so that slopes are those over the points given."""

    def __init__(self, recipe: AsGiven, net: nn.Module) -> None:
        super().__init__()
        self.net, self.scale = net, recipe.unit * recipe.scale
        self.register_buffer("shift", recipe.unit * torch.tensor(recipe.shift))

    def forward(self, z: Tensor) -> Tensor:
        """(n, d) -> (n,)."""
        value: Tensor = self.net(self.scale * z + self.shift.to(z)) / self.scale
        return value


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
GIVEN = {"not standardised": 1.0, "not standardised, ten times as large": 10.0}
"""By what the points of every case, in the units that its family has, are multiplied; plain clipping at c = 0.1."""


def measure(into: Table, tell: Callable[[str], None], *, quick: bool = False) -> None:
    """Fill a table, a record a way; those that are there stay."""
    for name, (constraint, steps) in WAYS.items():
        if name not in into:
            into.add({"key": name, **_record(constraint, 5 if quick else steps)})
            tell(f"{name}: {into.rows[-1]['slope']['spread']:.1%} of {into.rows[-1]['fits']} fits")
    for name, unit in GIVEN.items():
        if name not in into:
            into.add({"key": name, **_given(unit, 5 if quick else 300)})
            tell(f"{name}: {into.rows[-1]['slope']['spread']:.1%} of {into.rows[-1]['fits']} fits")


def plan(
    names: Iterable[str], steps: int, amounts: Iterable[float] = AMOUNTS, replicates: int = 1
) -> list[Wanted]:
    """The trials of a card, but for those of longer budget: families at their amounts, the farthest once."""
    wanted = []
    for name in names:
        for which in range(replicates):
            cases = {case.name: case for case in (families(DIM)[name](u, which) for u in amounts)}
            wanted += [Wanted(name, case, level, which, steps) for level, case in enumerate(cases.values())]
    return wanted


def _record(constraint: wdist.Clip, steps: int) -> Record:
    load, method = os.getloadavg()[0], wdist.Critic(constraint, MLP, steps=steps)
    trials = run_trials(plan(families(DIM), steps), method, SEED, {}, None, None, None)
    return _told(method, trials, load)


def _given(unit: float, steps: int) -> Record:
    """The same trials by networks that see points as they were given; W1 is then in those units too."""
    load, trials, method = os.getloadavg()[0], [], wdist.Critic(wdist.Clip(0.1), MLP, steps=steps)
    for wanted in plan(families(DIM), steps):
        net = as_given(wanted.case, unit)
        (trial,) = run_trials([wanted], dataclasses.replace(method, net=net), SEED, {}, None, None, None)
        by = unit * trial.said.scale
        said = dataclasses.replace(trial.said, raw=by * trial.said.raw)
        trials.append(dataclasses.replace(trial, w=by * trial.w, said=said))
    return _told(method, trials, load, unit)


def as_given(case: Case, unit: float) -> AsGiven:
    """Measure what the critic will standardise by."""
    rng = torch.Generator().manual_seed(SEED)
    scaling = Scaling.of(*(law.draw(DRAWS, rng) for law in (case.a, case.b)))
    return AsGiven(unit, scaling.scale, tuple(scaling.shift.tolist()))


def _told(method: wdist.Critic, trials: Iterable[Trial], load: float, unit: float = 1.0) -> Record:
    card = wdist.Calibration(fingerprint(method, DIM), "slope", tuple(trials), SEED)
    found = {
        "constraint": repr(method.constraint),
        "steps": card.steps,
        "fits": len(card.trials),
        "cpu": card.cpu,
        "load": load,
    }
    return found | {per: _reading(card.by(per), unit) for per in ("slope", "raw")}


def _reading(card: wdist.Calibration, unit: float) -> Record:
    left_out = {
        family: math.sqrt(float(np.mean(np.square(card.model.errors(family, left_out=True)))))
        for family in card.families
    }
    at = [math.exp(card.model.curve(family).at(0.5 * unit)) for family in card.families]
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
