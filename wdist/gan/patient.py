"""What the doctor's probes are given, and what each hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["CriticLoss", "Finding", "GeneratorLoss", "Patient", "Penalty"]

Penalty = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(critic, x, y) -> 0-d."""
CriticLoss = Callable[[nn.Module, nn.Module, Tensor, Tensor], Tensor]
"""(critic, generator, x, z) -> 0-d, descended by the critic."""
GeneratorLoss = CriticLoss
"""The same, descended by the generator."""


@dataclass(frozen=True)
class Finding:
    """What one probe found.

    Attributes:
        check: What was asked.
        wrong: What is wrong; "" if nothing is.
        mend: How to mend it.
        seen: What was seen, where nothing is wrong, or why it could not be asked.
    """

    check: str
    wrong: str = ""
    mend: str = ""
    seen: str = ""

    def __str__(self) -> str:
        return (
            f"WRONG {self.check}: {self.wrong}; {self.mend}"
            if self.wrong
            else f"ok    {self.check}: {self.seen}"
        )


@dataclass(frozen=True, eq=False)
class Patient:
    """Copies of two networks, a batch for each, the losses that train them, and whether batches come in parts."""

    critic: nn.Module
    generator: nn.Module
    x: Tensor
    z: Tensor
    penalty: Penalty | None = None
    given_critic_loss: CriticLoss | None = None
    given_generator_loss: GeneratorLoss | None = None
    parts: bool = False

    @property
    def fakes(self) -> Tensor:
        """Generated points, detached."""
        with torch.no_grad():
            made: Tensor = self.generator(self.z)
        return made

    def critic_loss(self, x: Tensor, z: Tensor) -> Tensor:
        """What the critic descends, without the penalty."""
        if self.given_critic_loss is not None:
            return self.given_critic_loss(self.critic, self.generator, x, z)
        loss: Tensor = self.critic(self.generator(z).detach()).mean() - self.critic(x).mean()
        return loss

    def generator_loss(self, x: Tensor, z: Tensor) -> Tensor:
        """What the generator descends."""
        if self.given_generator_loss is not None:
            return self.given_generator_loss(self.critic, self.generator, x, z)
        loss: Tensor = -self.critic(self.generator(z)).mean()
        return loss

    def steady(self) -> bool:
        """Whether two passes over one batch give one answer: not with dropout, or noise of the network's own."""
        with torch.no_grad():
            return bool(torch.equal(self.critic(self.x), self.critic(self.x)))
