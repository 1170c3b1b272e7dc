"""Feature matching: a generator that is to make the discriminator's features right on average, and not to fool it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Constraint
from wdist.gan.losses import Loss
from wdist.gan.minibatch import features

__all__ = ["FeatureMatching"]


@final
@dataclass(frozen=True)
class FeatureMatching(Loss):
    """The generator descends |E h(x) − E h(y)|², h the input of the critic's last layer (Salimans et al. 2016, §3.1).

    The critic plays the game that is wrapped. It needs whole batches: the square of a mean is no mean over points.

    Attributes:
        loss: That game.
    """

    loss: Loss

    needs_real = True

    @property
    def quantity(self) -> str:
        """That of the game."""
        return self.loss.quantity

    def objective(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """That of the game."""
        return self.loss.objective(net, x, y)

    def generator(self, net: nn.Module, y: Tensor, x: Tensor | None) -> Tensor:
        """|E h(x) − E h(y)|²."""
        assert x is not None
        with torch.no_grad():
            target = features(net, x)[1].mean(dim=0)  # (k,)
        return (features(net, y)[1].mean(dim=0) - target).square().sum()

    def reading(self, raw: float, constraint: Constraint, scale: float) -> float:
        """That of the game."""
        return self.loss.reading(raw, constraint, scale)
