"""Independent evaluation while a generator is trained: how often, by what, and whether it may end the run.

`Evaluate` is the recipe, a field of a config; a trainer makes a `Judge` of it, which keeps what the stopping rule has
seen. It draws from generators of its own, so that a run that is looked at is the run that is not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wdist.errors import InputError
from wdist.gan.data import Rows
from wdist.gan.evaluation import Evaluation
from wdist.gan.evaluator import Evaluator
from wdist.gan.sets import Parts
from wdist.gan.stopping import StoppingRule, Verdict
from wdist.methods import Critic
from wdist.options import check_whole
from wdist.sources import Source

__all__ = ["Evaluate", "Judge", "evaluator_of", "judge_of"]


@dataclass(frozen=True)
class Evaluate:
    """How often a generator is judged by points that its training never saw, and what ends the run.

    Attributes:
        every: Steps of the generator from one evaluation to the next.
        stop: The rule that may end the run; None to train to the last step.
        most: Points a side of each exact W1 at the most.

    Example:
        >>> Evaluate(every=200, stop=StoppingRule(gain=0.02)).stop.gain
        0.02
    """

    every: int = 100
    stop: StoppingRule | None = None
    most: int = 1000

    def __post_init__(self) -> None:
        for name in ("every", "most"):
            check_whole(name, getattr(self, name))
        if self.stop is not None and not isinstance(self.stop, StoppingRule):
            raise InputError(f"stop is {self.stop!r}; pass a gan.StoppingRule(), or None")


class Judge:
    """An evaluator with the rule that reads it.

    Attributes:
        recipe: How often.
        evaluator: Generator -> `Evaluation`.
        rule: What has seen every evaluation so far.
    """

    def __init__(self, recipe: Evaluate, evaluator: Callable[[Source], Evaluation]) -> None:
        self.recipe, self.evaluator = recipe, evaluator
        self.rule = dataclasses.replace(recipe.stop or StoppingRule())

    def __call__(self, generator: Source) -> tuple[Evaluation, Verdict]:
        """Judge the generator as it stands; without a rule in the recipe, the verdict is never to stop."""
        found = self.evaluator(generator)
        verdict = self.rule.update(found)
        if self.recipe.stop is None:
            verdict = dataclasses.replace(verdict, stop=False, reason="")
        return found, verdict

    def due(self, step: int) -> bool:
        """Whether it is time."""
        return step % self.recipe.every == 0


def evaluator_of(parts: Parts, most: int = 1000, seed: int = 0, critic: Critic | None = None) -> Evaluator:
    """The judge of a run: its held-out points, with their labels where they have some."""
    held, labels = parts.held, None
    if isinstance(held, Rows) and held.labels is not None:
        labels = np.array(held.names)[held.labels.numpy()]
    return Evaluator(parts.held_out(), labels=labels, most=most, seed=seed, critic=critic)


def judge_of(
    recipe: Evaluate | None, parts: Parts, evaluator: Callable[[Source], Evaluation] | None
) -> Judge | None:
    """Make the judge of a run, by the user's evaluator or by the run's own held-out points.

    Raises:
        InputError: if there is an evaluator and no word on how often to ask it.
    """
    if recipe is None:
        if evaluator is not None:
            raise InputError(
                "there is an evaluator and no evaluate in the config; pass gan.Evaluate(every=...)"
            )
        return None
    fitted = Critic() if recipe.stop is not None and recipe.stop.by == "critic" else None
    return Judge(recipe, evaluator or evaluator_of(parts, recipe.most, critic=fitted))
