"""Losses: what the critic ascends, what the generator descends, and what the critic's value says in which unit.

Each is a small frozen object with one signature, and the trainer has no branch on them. WGANs and standard GANs differ
in nothing else, except that a standard discriminator has no constraint (`Free`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from wdist.critic.constraint import Constraint, Optimizer, Unpenalised, adam
from wdist.critic.step import dual_value

__all__ = ["LOSSES", "Free", "Loss", "Minimax", "NonSaturating", "Wasserstein"]


class Loss(ABC):
    """One game between a critic and a generator.

    Attributes:
        quantity: What `reading` is, in words.
        needs_real: Whether the generator's loss looks at real points.
    """

    quantity: ClassVar[str]
    needs_real: ClassVar[bool] = False

    @abstractmethod
    def objective(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """What the critic ascends on real x (n, d) and generated y (m, d): 0-d."""

    @abstractmethod
    def generator(self, net: nn.Module, y: Tensor, x: Tensor | None) -> Tensor:
        """What the generator descends, for generated y (m, d), beside real x (n, d) if it needs them: 0-d."""

    @abstractmethod
    def reading(self, raw: float, constraint: Constraint, scale: float) -> float:
        """Turn the objective's value into `quantity`, where `scale` data units are one standard unit.

        Positive where the two laws differ, and falling as they come together.
        """


@final
@dataclass(frozen=True)
class Wasserstein(Loss):
    """E f(x) − E f(y) against −E f(y) (Arjovsky, Chintala and Bottou 2017, Algorithm 1)."""

    quantity = "W1"
    objective = staticmethod(dual_value)

    def generator(self, net: nn.Module, y: Tensor, x: Tensor | None) -> Tensor:
        """−E f(y)."""
        value: Tensor = -net(y).mean()
        return value

    def reading(self, raw: float, constraint: Constraint, scale: float) -> float:
        """W1 in the data's unit, with the constraint's bias taken off."""
        return scale * constraint.reading(raw)


class _Discriminating(Loss):
    """A discriminator σ(f) that tells real from generated (Goodfellow et al. 2014)."""

    quantity = "Jensen-Shannon divergence (nats)"

    @final
    def objective(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """E log σ(f(x)) + E log(1 − σ(f(y))): ibid., eq. (1)."""
        real, fake = outputs(net, x, y)
        return -softplus(-real).mean() - softplus(fake).mean()

    @final
    def reading(self, raw: float, constraint: Constraint, scale: float) -> float:
        """Log 2 + raw/2, which is the Jensen-Shannon divergence if the discriminator is optimal and less if not."""
        return math.log(2) + raw / 2


@final
@dataclass(frozen=True)
class Minimax(_Discriminating):
    """The generator descends E log(1 − σ(f(y))), whose gradient fades as the discriminator wins."""

    def generator(self, net: nn.Module, y: Tensor, x: Tensor | None) -> Tensor:
        """E log(1 − σ(f(y)))."""
        return -softplus(net(y)).mean()


@final
@dataclass(frozen=True)
class NonSaturating(_Discriminating):
    """The generator ascends E log σ(f(y)) instead (Goodfellow et al. 2014, §3)."""

    def generator(self, net: nn.Module, y: Tensor, x: Tensor | None) -> Tensor:
        """−E log σ(f(y))."""
        return softplus(-net(y)).mean()


@dataclass(frozen=True)
class Free(Unpenalised):
    """No constraint, as a standard GAN's discriminator has none."""

    def prepare(self, net: nn.Module) -> nn.Module:
        """Take it as it is."""
        return net

    def project(self, net: nn.Module) -> None:
        """Nothing to do."""

    def optimizer(self, net: nn.Module, lr: float | None) -> Optimizer:
        """Adam."""
        return adam(net, lr)


LOSSES: dict[str, Loss] = {"wgan": Wasserstein(), "gan": NonSaturating(), "gan-minimax": Minimax()}
"""Losses by name."""


def outputs(net: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Values on two batches, in one pass: (n,) and (m,)."""
    values = net(torch.cat([x, y]))
    return values[: len(x)], values[len(x) :]
