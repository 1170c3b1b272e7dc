"""Fitting a critic between two sources: standardise, ascend, keep the state that a validation split liked best.

The data are moved and divided by one number (an isotropic scale, undone at the end), so that the same
settings serve metres and millimetres. Three disjoint parts of the data train, choose and report; a Source
draws fresh points for each.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.constraints import Constraint
from wdist.critic.nets import Net
from wdist.critic.step import CriticStep
from wdist.sources import Source

__all__ = ["Fit", "Potential", "Scaling", "Schedule", "fit"]

ONE_THREAD_WORK = 200_000_000


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x − shift) / scale, one scale for all coordinates, so that distances are only divided by it."""

    shift: Tensor  # (d,)
    scale: float

    def __call__(self, x: Tensor) -> Tensor:
        """Standardise points (n, d)."""
        return (x.to(self.shift.dtype) - self.shift) / self.scale

    @staticmethod
    def of(x: Tensor, y: Tensor) -> Scaling:
        """Centre between the two means; scale to root mean square distance min(√d, 4) from there.

        Up to 16 coordinates that is unit variance. Beyond, W1 would grow like √d in standard units and with
        it the slope that a gradient penalty yields to; bounded radius keeps that within a few per cent.
        """
        x, y = x.double(), y.double()
        shift = (x.mean(0) + y.mean(0)) / 2
        spread = torch.cat([x - shift, y - shift])  # (n + m, d)
        top = float(spread.abs().max()) or 1.0  # keeps the squares of extreme units in range
        radius = top * math.sqrt(float((spread / top).square().sum(dim=1).mean()))
        return Scaling(shift, radius / min(math.sqrt(x.shape[1]), 4.0) or 1.0)


@dataclass(frozen=True)
class Schedule:
    """How long and how.

    Attributes:
        steps: Ascent steps.
        batch: Points of each side a step.
        lr: Learning rate at the start of a cosine; None for the constraint's own.
        average: Weight of the past in the moving average of the weights.
        checks: How often validation looks.
        warmup: Share of the steps over which `warmth` rises from 0 to 1.
    """

    steps: int = 2000
    batch: int = 256
    lr: float | None = None
    average: float = 0.99
    checks: int = 25
    warmup: float = 0.25


@dataclass(frozen=True, eq=False)
class Potential:
    """A fitted critic in the data's own units: f(x), high on a and low on b."""

    net: nn.Module
    scaling: Scaling
    dtype: torch.dtype

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Value at each point, (n, d) -> (n,), float64, in the unit of the data."""
        z = self.scaling(x).to(self.dtype)
        return self.scaling.scale * torch.cat([self.net(part) for part in torch.split(z, 8192)]).double()


@dataclass(frozen=True, eq=False)
class Fit:
    """The chosen critic, and on the way to it: (step, training value, validation objective), standardised units."""

    potential: Potential
    curve: tuple[tuple[int, float, float], ...]


def fit(
    a: Source, b: Source, validation: tuple[Tensor, Tensor], scaling: Scaling, *,
    net: Net, constraint: Constraint, schedule: Schedule, rng: torch.Generator, dtype: torch.dtype,
    progress: Callable[[int, int], None] | None = None,
) -> Fit:  # fmt: skip
    """Train a critic on draws of `a` and `b`.

    Args:
        a: Source of training points of the first measure.
        b: Source of training points of the second.
        validation: Points of both, (n, d) and (m, d), on which the state to keep is chosen.
        scaling: Standardisation of the data.
        net: Recipe of the network.
        constraint: What bounds its slope.
        schedule: Steps, batch, learning rate.
        rng: All randomness: initial weights, batches, penalty points.
        dtype: Precision of network and batches.
        progress: Called with (step, steps) now and then.
    """
    module = constraint.prepare(net.build(a.dim, rng, dtype))
    step = CriticStep(module, constraint, constraint.optimizer(module.parameters(), schedule.lr))
    averaged, kept = copy.deepcopy(module), copy.deepcopy(module)
    held = tuple(scaling(z).to(dtype) for z in validation)
    rates = [group["lr"] for group in step.optimizer.param_groups]
    every = max(1, schedule.steps // schedule.checks)
    best, curve = -math.inf, []
    with _threads_for(module, schedule.batch):
        for k in range(schedule.steps):
            for group, rate in zip(step.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * k / schedule.steps)))
            x, y = (scaling(source.draw(schedule.batch, rng)).to(dtype) for source in (a, b))
            value = step(x, y, rng, warmth=min(1.0, k / (schedule.warmup * schedule.steps)))
            _average(averaged, module, min(schedule.average, (k + 1) / (k + 10)))
            if (k + 1) % every == 0 or k + 1 == schedule.steps:
                objective = _objective(averaged, constraint, held[0], held[1], rng)
                curve.append((k + 1, float(value), objective))
                if objective > best:
                    best = objective
                    kept.load_state_dict(averaged.state_dict())
                if progress is not None:
                    progress(k + 1, schedule.steps)
    return Fit(Potential(kept.requires_grad_(False), scaling, dtype), tuple(curve))


@contextmanager
def _threads_for(module: nn.Module, batch: int) -> Iterator[None]:
    """Run a small critic on one thread, as its operations are shorter than waking a second one; restores the setting.

    On two cores that other processes share, 2000 steps of 2 x 100 units took 5 s on one thread and 107 s on
    two.
    """
    before = torch.get_num_threads()
    if batch * sum(p.numel() for p in module.parameters()) < ONE_THREAD_WORK:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _average(averaged: nn.Module, module: nn.Module, keep: float) -> None:
    """Exponential moving average of the weights."""
    for old, new in zip(averaged.parameters(), module.parameters(), strict=True):
        old.lerp_(new, 1 - keep)


def _objective(net: nn.Module, constraint: Constraint, x: Tensor, y: Tensor, rng: torch.Generator) -> float:
    """What the training ascends, on points it does not see: dual value less penalty."""
    with torch.no_grad():
        value = net(x).mean() - net(y).mean()
    return float(value - constraint.penalty(net, x, y, rng).detach())
