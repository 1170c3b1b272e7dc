"""Half the precision where it does no harm: a game whose critic runs in bfloat16, and nothing else with it.

`Coarse` is a wrap around a loss. What the critic says of points comes back in their own dtype, so that means are taken
there; the constraint never hears of it, and a gradient penalty is computed from the float32 weights, whose slopes
eight bits would hold to the wrong length (`wdist gan doctor` measures by how much).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Constraint
from wdist.gan.losses import Loss

__all__ = ["Coarse"]


@final
@dataclass(frozen=True)
class Coarse(Loss):
    """A game in which the critic's values are computed by torch's autocast to bfloat16.

    Attributes:
        loss: The game.
    """

    loss: Loss

    @property
    def quantity(self) -> str:
        """That of the game."""
        return self.loss.quantity

    def objective(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """That of the game, to some three digits."""
        with _coarse(net, x):
            return self.loss.objective(net, x, y)

    def generator(self, net: nn.Module, y: Tensor, x: Tensor | None) -> Tensor:
        """That of the game, to some three digits."""
        with _coarse(net, y):
            return self.loss.generator(net, y, x)

    def reading(self, raw: float, constraint: Constraint, scale: float) -> float:
        """That of the game."""
        return self.loss.reading(raw, constraint, scale)


@contextmanager
def _coarse(net: nn.Module, like: Tensor) -> Iterator[None]:
    """Run a network in bfloat16, its values coming back in the dtype of `like`."""
    hook = net.register_forward_hook(lambda _, given, values: values.to(like.dtype))
    try:
        with torch.autocast(like.device.type, torch.bfloat16):
            yield
    finally:
        hook.remove()
