"""Independent evaluation while a generator is trained: how often, by what, and whether it may end the run.

`Evaluate` is the recipe, a field of a config; a trainer makes a `Judge` of it, which keeps what the stopping rule has
seen. It draws from generators of its own, so that a run that is looked at is the run that is not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wdist.calibration import Calibrated, Calibration
from wdist.errors import InputError
from wdist.gan.classifier import SIDE, mnist_classifier
from wdist.gan.data import Rows
from wdist.gan.evaluation import Evaluation
from wdist.gan.evaluator import Evaluator
from wdist.gan.features import Classifier
from wdist.gan.sets import Data, opened
from wdist.gan.splitting import Parts
from wdist.gan.stopping import StoppingRule, Verdict
from wdist.gan.toys import Mixture, SwissRoll
from wdist.methods import Critic
from wdist.options import check_whole
from wdist.sources import Source

__all__ = [
    "Evaluate",
    "Judge",
    "calibrated_by",
    "evaluator_of",
    "judge_after",
    "judge_of",
    "never_stops",
    "too_few",
]

FEWEST, FEWEST_BY_CRITIC = 8, 20
"""Held-out points that an `Evaluator` needs, and one that fits a critic to some and reads it on others."""


@dataclass(frozen=True)
class Evaluate:
    """How often a generator is judged by points that its training never saw, and what ends the run.

    Attributes:
        every: Steps of the generator from one evaluation to the next.
        stop: The rule that may end the run; None to train to the last step.
        most: Points a side of each exact W1 at the most.
        card: Folder or file of a card that `wdist.calibrate` made, or the name of one that ships; None for none. A
            critic of its settings is then fitted from scratch at each evaluation and read by it.

    Example:
        >>> Evaluate(every=200, stop=StoppingRule(gain=0.02)).stop.gain
        0.02
    """

    every: int = 100
    stop: StoppingRule | None = None
    most: int = 1000
    card: str | None = None

    def __post_init__(self) -> None:
        for name in ("every", "most"):
            check_whole(name, getattr(self, name))
        if self.stop is not None and not isinstance(self.stop, StoppingRule):
            raise InputError(f"stop is {self.stop!r}; pass a gan.StoppingRule(), or None")
        if self.card is not None and not isinstance(self.card, str):
            raise InputError(f"card is {self.card!r}; pass the path of a card as text, or None")


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
        self.rule.every = recipe.every

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


def evaluator_of(
    parts: Parts, most: int = 1000, seed: int = 0, critic: Critic | None = None, classifier: Classifier | None = None,
    calibrated: Calibrated | None = None,
) -> Evaluator:  # fmt: skip
    """The judge of a run: its held-out points, by classes of the classifier or else by their labels, if any."""
    held, labels = parts.held, None
    if classifier is None and isinstance(held, Rows) and held.labels is not None:
        labels = np.array(held.names)[held.labels.numpy()]
    law = held if isinstance(held, (Mixture, SwissRoll)) else None
    return Evaluator(
        parts.held_out(), labels=labels, classifier=classifier, critic=critic, most=most, seed=seed,
        calibrated=calibrated, law=law,
    )  # fmt: skip


def calibrated_by(card: str | None) -> Calibrated | None:
    """The critic of a card with the card, read from a folder, a file, or by the name of one that ships.

    Raises:
        InputError: if there is no card, or one of a critic that only its maker can build.
    """
    if card is None:
        return None
    found = Calibration.load(card)
    return Calibrated(found.critic(), found)


def too_few(parts: Parts, needed: int = FEWEST) -> str:
    """Say that fewer points are held out than judging needs, and how to mend it; "" if they are enough."""
    held = parts.held
    if not isinstance(held, Rows) or len(held) >= needed:
        return ""
    return (
        f"{held.about}: {len(held)} points are held out, and judging a generator by them needs {needed}; hold out a "
        "larger share (held_out=0.5, --held-out 0.5) or give more data"
    )


def never_stops(recipe: Evaluate | None, steps: int) -> str:
    """Say that a run is over before its rule may stop it, and how to mend it; "" if it is not."""
    if recipe is None or recipe.stop is None or steps // recipe.every >= recipe.stop.fewest:
        return ""
    fewest = recipe.stop.fewest
    return (
        f"the stopping rule waits for {fewest} evaluations, and there are {steps // recipe.every} in {steps} steps; "
        f"judge every {max(1, steps // (2 * fewest))} steps, or keep the best as it is kept without a rule"
    )


def judge_after(
    data: Any, by_classifier: bool | None = None, critic: Critic | None = None, calibrated: Calibrated | None = None,
    seed: int = 0, parts: Parts | None = None,
) -> Evaluator:  # fmt: skip
    """The judge of runs that are trained, by the data of their config.

    Args:
        data: What the config has.
        by_classifier: Whether the bundled classifier of digits tells classes and gives features; None for bundled MNIST
            only. The images held out are in part those that it was trained on, which its features do not show: see
            docs/gan-evaluation.md.
        critic: Of the evaluator.
        calibrated: Of the evaluator.
        seed: Of the evaluator.
        parts: What the data open to, where that was done.

    Raises:
        InputError: if too few points are held out, or they are no images that the classifier reads.
    """
    parts = parts or opened(data)
    if fault := too_few(parts, FEWEST if critic is None and calibrated is None else FEWEST_BY_CRITIC):
        raise InputError(f"{fault}, and train anew")
    digits = (data.name if isinstance(data, Data) else data) == "mnist"
    fits = isinstance(parts.held, Rows) and parts.held.images and parts.held.shape == (SIDE, SIDE)
    if by_classifier and not fits:
        raise InputError(
            f"the bundled classifier reads grey images of {SIDE} by {SIDE} and these are no such; drop --classifier, "
            "or pass gan.Evaluator(real, classifier=...) one of yours"
        )
    classifier = mnist_classifier()[0] if by_classifier or (by_classifier is None and digits) else None
    return evaluator_of(parts, 1000, seed, critic, classifier, calibrated)


def judge_of(
    recipe: Evaluate | None, parts: Parts, evaluator: Callable[[Source], Evaluation] | None
) -> Judge | None:
    """Make the judge of a run, by the user's evaluator or by the run's own held-out points.

    Raises:
        InputError: if there is an evaluator and no word on how often to ask it, or too few points are held out.
    """
    if recipe is None:
        if evaluator is not None:
            raise InputError(
                "there is an evaluator and no evaluate in the config; pass gan.Evaluate(every=...)"
            )
        return None
    fitted = Critic() if recipe.stop is not None and recipe.stop.by == "critic" else None
    if evaluator is None:
        if fault := too_few(parts, FEWEST if fitted is None and recipe.card is None else FEWEST_BY_CRITIC):
            raise InputError(
                f"{fault}; or judge no generator as it trains (evaluate=None, no --evaluate-every)"
            )
        evaluator = evaluator_of(parts, recipe.most, critic=fitted, calibrated=calibrated_by(recipe.card))
    return Judge(recipe, evaluator)
