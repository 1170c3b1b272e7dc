"""What validation sees of critics in training: their dual value on held-out points, and who cannot win any more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Constraint
from wdist.critic.potential import rows_at_once
from wdist.critic.threads import threads_for

__all__ = ["TIE", "Held", "Look", "mean_and_variance", "too_late"]

TIE = 0.003
"""Relative difference below which two critics are as good as each other, and the recipe that comes first is taken."""

BACK, AHEAD, LEAD = 2, 1.5, 0.5
"""A contender leaves once its gain over so many looks, made again `AHEAD` times, would not bring it up to the best,
which is taken to make `LEAD` of its own. Fits gain ever more slowly: in 55 fits of cases with known answers this would
have saved half of the time and cost none its winner."""


@dataclass(frozen=True)
class Look:
    """What validation saw at one time, in standardised units: the WGAN loss is minus `training`."""

    net: str
    step: int
    seconds: float
    training: float
    objective: float


@dataclass(frozen=True, eq=False)
class Held:
    """Standardised validation points of both sides, (n, d) and (m, d), with their masses (n,) and (m,).

    Points lie where the critics are fitted, masses where float64 is.
    """

    x: Tensor
    y: Tensor
    mass_x: Tensor
    mass_y: Tensor

    @torch.no_grad()
    def value(self, net: nn.Module) -> tuple[float, float]:
        """Dual value on these points, and its standard error."""
        found = []
        with threads_for(len(self.x) * sum(p.numel() for p in net.parameters())):
            for z, mass in ((self.x, self.mass_x), (self.y, self.mass_y)):
                parts = torch.split(z, rows_at_once(z.shape[1]))
                values = torch.cat([net(part) for part in parts])
                found.append(mean_and_variance(values.to(mass.device), mass))
        return found[0][0] - found[1][0], math.sqrt(found[0][1] + found[1][1])

    def score(self, net: nn.Module, constraint: Constraint) -> float:
        """What a choice goes by: the constraint's reading of the dual value, less one standard error of luck."""
        value, error = self.value(net)
        return constraint.reading(value - error) if math.isfinite(value) else -math.inf


def mean_and_variance(values: Tensor, masses: Tensor) -> tuple[float, float]:
    """Weighted mean in float64, and the variance of that mean: of a ratio of sums, as masses may go with values."""
    values = values.double()
    mean = values @ masses
    spread = (masses * (values - mean)).square().sum()
    return float(mean), float(spread / (1 - masses.square().sum()).clamp_min(1e-12))


def too_late(looks: Sequence[Sequence[Look]]) -> list[bool]:
    """Tell of each contender, the simplest first, whether it is so far behind the best that it will not catch up."""
    now = [seen[-1].objective for seen in looks]
    if len(looks[0]) <= BACK or max(now) <= 0:  # there is nothing yet that one could be behind
        return [False] * len(looks)
    gains = [max(0.0, a - seen[-1 - BACK].objective) for a, seen in zip(now, looks, strict=True)]
    best = max(range(len(now)), key=now.__getitem__)
    goal = now[best] + LEAD * gains[best]
    return [
        k != best and a + AHEAD * gain < goal * (1 + (TIE if k > best else -TIE))
        for k, (a, gain) in enumerate(zip(now, gains, strict=True))
    ]
