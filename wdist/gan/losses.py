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
from wdist.errors import InputError
from wdist.gan.minibatch import MinibatchNet
from wdist.options import check_positive

__all__ = ["LOSSES", "Free", "Loss", "Minimax", "NonSaturating", "Wasserstein"]

LABELS = "pass the label of real points, 1, or less to smooth it, such as 0.9"


class Loss(ABC):
    """One game between a critic and a generator.

    Attributes:
        needs_real: Whether the generator's loss looks at real points.
    """

    needs_real: ClassVar[bool] = False

    @property
    @abstractmethod
    def quantity(self) -> str:
        """What `reading` is, in words."""

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


@dataclass(frozen=True)
class _Discriminating(Loss):
    """A discriminator σ(f) that tells real from generated (Goodfellow et al. 2014).

    Attributes:
        real: Label of real points; below one it is smoothed on that side alone (Salimans et al. 2016, §3.4), so that a
            sure discriminator pays. Smoothed labels of generated points would hold them where they are.
    """

    real: float = 1.0

    def __post_init__(self) -> None:
        check_positive("real", self.real, LABELS)
        if self.real > 1:
            raise InputError(f"real is {self.real!r}; {LABELS}")

    @property
    @final
    def quantity(self) -> str:
        """The divergence that an optimal discriminator sees."""
        return f"Jensen-Shannon divergence{' of smoothed labels' if self.real < 1 else ''} (nats)"

    @final
    def objective(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """E [a·log σ(f(x)) + (1 − a)·log(1 − σ(f(x)))] + E log(1 − σ(f(y))), a = `real`; ibid., eq. (1) with a = 1."""
        real, fake = outputs(net, x, y)
        value = -softplus(-real).mean() - softplus(fake).mean()
        return value if self.real == 1 else value - (1 - self.real) * real.mean()  # log(1 − σ) = log σ − f

    @final
    def reading(self, raw: float, constraint: Constraint, scale: float) -> float:
        """H(a/2) + raw/2, H the entropy of a coin in nats.

        If the discriminator is optimal, it is what a point tells of its label, in an even mixture of both laws: for
        a = 1 the Jensen-Shannon divergence, log 2 + raw/2. It is less if the discriminator is not.
        """
        p = self.real / 2
        return -p * math.log(p) - (1 - p) * math.log1p(-p) + raw / 2


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
    """Values on two batches, in one pass: (n,) and (m,); each by itself if a point is seen beside the others of its."""
    if isinstance(net, MinibatchNet):
        return net(x), net(y)
    values = net(torch.cat([x, y]))
    return values[: len(x)], values[len(x) :]
