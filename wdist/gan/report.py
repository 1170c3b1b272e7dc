"""What a trainer says after each step of the generator, and what it says it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wdist.gan.trainer import Trainer

__all__ = ["Hook", "StepReport"]

FIGURES = (
    *("step", "critic", "held", "gap", "generator_loss", "generator_gradient", "critic_gradient", "seconds"),
)


@dataclass(frozen=True)
class StepReport:
    """What one step of the generator was like.

    Attributes:
        step: Steps of the generator so far.
        critic: The critic's reading, mean over its steps since the last report: `quantity`, W1 in the data's
            unit with the penalty's bias taken off; positive, and falling as the generator learns.
        quantity: What `critic` is.
        held: The same on real points that training never saw, every `held_every` steps, else None.
        generator_loss: What the generator descended.
        generator_gradient: Euclidean norm of its gradient.
        critic_gradient: That of the critic's last step.
        seconds: Wall time of training so far.
        trainer: Where nets and config are to be had.
    """

    step: int
    critic: float
    quantity: str
    held: float | None
    generator_loss: float
    generator_gradient: float
    critic_gradient: float
    seconds: float
    trainer: Trainer = field(repr=False, compare=False)

    @property
    def gap(self) -> float | None:
        """How much more the critic sees on the points it is trained on: overfitting, in the unit of `critic`."""
        return None if self.held is None else self.critic - self.held

    @property
    def numbers(self) -> dict[str, float]:
        """All figures by name, for a log; those that were not taken are left out."""
        return {name: value for name in FIGURES if (value := getattr(self, name)) is not None}


Hook = Callable[[StepReport], Any]
"""Called with each report before the loop hands it out."""
