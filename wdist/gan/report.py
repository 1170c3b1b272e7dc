"""What a trainer says after each step of the generator, and what it says it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from wdist.gan.evaluation import Evaluation
    from wdist.gan.stopping import Verdict
    from wdist.gan.trainer import Trainer

__all__ = ["Hook", "StepReport"]

FIGURES = (
    *("step", "critic", "held", "gap", "generator_loss", "generator_gradient", "critic_gradient", "seconds"),
)

SLACK, ERRORS = 1.25, 3
"""A reading is doubted above so many times the ceiling with so many of its standard errors."""
PAIRED = 512
"""Points of a batch whose pairs are looked at, at the most."""


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
        evaluation: What points that training never saw say of the generator, where that was asked; else None.
        verdict: What the stopping rule says to it.
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
    evaluation: Evaluation | None = None
    verdict: Verdict | None = None

    @property
    def gap(self) -> float | None:
        """How much more the critic sees on the points it is trained on: overfitting, in the unit of `critic`."""
        return None if self.held is None else self.critic - self.held

    @property
    def numbers(self) -> dict[str, float]:
        """All figures by name, for a log; those that were not taken are left out.

        Those of an evaluation are called as there, except that its critic, fitted from scratch, is "refitted".
        """
        judged = {} if self.evaluation is None else self.evaluation.numbers
        judged = {"refitted" if name == "critic" else name: value for name, value in judged.items()}
        return {name: value for name in FIGURES if (value := getattr(self, name)) is not None} | judged

    @property
    def ceiling(self) -> float | None:
        """What W1 is at most, by the critic's last batches: the mean distance of independent pairs, in its unit.

        The product of the two laws is a plan, so its cost is an upper bound; that of a batch has the batch's noise. To
        be read before the next step, since it is computed when it is asked for; None where `critic` claims no W1.
        """
        found = self._ceiling
        return None if found is None else found[0]

    @property
    def _ceiling(self) -> tuple[float, float] | None:
        """The mean over all pairs of the batches, and its standard error."""
        if self.quantity != "W1" or self.trainer.pair is None:
            return None
        x, y = (side[:PAIRED].double() for side in self.trainer.pair)
        away = self.trainer.scale.scale * torch.cdist(x, y)  # (n, m)
        spread = sum(away.mean(dim=k).var(correction=0) / (away.shape[1 - k]) for k in (0, 1))
        return float(away.mean()), float(torch.as_tensor(spread).sqrt())

    @property
    def doubt(self) -> str:
        """Why `critic` is no W1, where it is far above what W1 can be; else "". As `ceiling`, before the next step."""
        found = self._ceiling
        if found is None or self.critic <= SLACK * (found[0] + ERRORS * found[1]):
            return ""
        return (
            f"the critic reads {self.critic:.4g}, and W1 is at most about {found[0]:.4g} (the mean distance of a real "
            "point from a generated one): its slope is not held, so this is no W1; take lower rates (--lr) or a "
            "larger λ"
        )

    @property
    def best(self) -> bool:
        """Whether this step's evaluation is the best so far."""
        return self.verdict is not None and self.verdict.newest

    @property
    def words(self) -> dict[str, str]:
        """What there is to say beside numbers: a "collapse" by name, why it "stopped", a "doubt" of the critic."""
        said = (
            {}
            if self.verdict is None
            else {"collapse": self.verdict.collapse, "stopped": self.verdict.reason}
        )
        said = {**said, "doubt": self.doubt}
        return {name: text for name, text in said.items() if text}


Hook = Callable[[StepReport], Any]
"""Called with each report before the loop hands it out."""
