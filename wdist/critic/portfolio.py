"""Which critic: several recipes are fitted side by side, validation chooses, and the winner grows while that pays.

A critic that is too small is blind to detail, one that is too large learns the sample by heart, and which is which
depends on the data. So small and large start together, those that fall behind leave, and where the larger wins, larger
still is tried. Everything that is chosen is chosen on validation points: what is reported later is read on others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

import torch
from torch import Tensor, nn

from wdist.critic.batches import Stream
from wdist.critic.checkpoint import Checkpoint
from wdist.critic.constraint import Constraint
from wdist.critic.fit import Contender, Course, Schedule, fit
from wdist.critic.held import TIE, Held, Look
from wdist.critic.nets import Net
from wdist.critic.threads import threads_for_points
from wdist.ranks import ALONE, Ranks

__all__ = ["Chosen", "choose_critic"]

WORTHWHILE = 0.01
"""Relative gain that the next growth must promise: gains are taken to fall as they fell last, g_3 = g_2·g_2/g_1."""
LONGER = 1.5
"""Times the steps of the round before."""
POINTS_PER_CENTRE = 4
LEAST_SECONDS = 1e-3
FIRST_SHARE = 0.3
"""Share of a budget in seconds that the first of several rounds may take."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The critic that validation chose, in standardised units, and how it came to be.

    Attributes:
        net: Its best state.
        recipe: What it was built from.
        looks: Of every contender, in the order of the checks.
        steps: Of all rounds.
        stopped: What a failing source said, or "".
    """

    net: nn.Module
    recipe: Net
    looks: tuple[Look, ...]
    steps: int
    stopped: str


def choose_critic(
    nets: Sequence[Net], constraint: Constraint, batches: Stream, start: tuple[Tensor, Tensor], held: Held,
    schedule: Schedule, rng: torch.Generator, progress: Callable[[int, int], None] | None = None,
    checkpoint: Checkpoint | None = None, ranks: Ranks = ALONE,
) -> Chosen:  # fmt: skip
    """Fit one recipe; or several, of which the best on validation grows for as long as it gains.

    Args:
        nets: Recipes, the simplest first; a single one is fitted as it is.
        constraint: What bounds the slope.
        batches: Pairs of standardised training batches.
        start: Standardised training points of both sides, for the initial centres.
        held: Standardised validation points.
        schedule: Of the first round; `seconds` is for all rounds.
        rng: Initial weights and penalty points.
        progress: Called with (step, steps) of the round at hand.
        checkpoint: Where the rounds are kept after every look, and taken up from.
        ranks: Those that fit together.
    """
    began, looks, steps, rounds = time.perf_counter(), list[Look](), 0, 0

    def left() -> float:
        return schedule.seconds - ranks.told(lambda: time.perf_counter() - began)

    def round_of(recipes: Sequence[Net], here: Schedule) -> tuple[list[Contender], str]:
        nonlocal began, rounds, steps
        with threads_for_points(held.x.shape[1]):
            contenders = [
                Contender(recipe, constraint, start, rng, schedule.lr, ranks, held.x.device)
                for recipe in recipes
            ]
        course, before, number = Course(), time.perf_counter() - began, rounds
        if checkpoint is not None and (saved := checkpoint.at(number)) is not None:
            for contender, state in zip(contenders, saved["contenders"], strict=True):
                contender.load(state)
            rng.set_state(saved["rng"])
            batches.load(saved["batches"])
            course, before = Course(*saved["course"]), saved["before"]
            began = time.perf_counter() - before - course.seconds

        def tick(at: Course) -> None:
            if checkpoint is not None:
                states = [c.state() for c in contenders]
                checkpoint.keep(number, {
                    "contenders": states, "rng": rng.get_state(), "batches": batches.state(),
                    "course": astuple(at), "before": before,
                })  # fmt: skip
            if progress is not None:
                progress(round(at.share * here.steps), here.steps)

        said = fit(contenders, batches, held, here, rng, tick, course, ranks)
        looks.extend(replace(look, seconds=look.seconds + before) for c in contenders for look in c.looks)
        rounds, steps = rounds + 1, steps + max(c.looks[-1].step for c in contenders)
        return contenders, said

    first = schedule if len(nets) == 1 else replace(schedule, seconds=FIRST_SHARE * schedule.seconds)
    contenders, stopped = round_of(nets, first)
    scores = [held.score(c.kept, constraint) for c in contenders]
    top = max(scores)
    best = next((k for k, score in enumerate(scores) if score >= top - TIE * abs(top)), 0)
    winner, score = contenders[best], scores[best]
    last_gain = _gain(scores[0], score)
    here = schedule
    while (
        best > 0 and not stopped and left() > 0
    ):  # where the simplest does as well, size is not what is wanting
        larger = winner.recipe.grown(min(map(len, start)) // POINTS_PER_CENTRE)
        if larger is None:
            break
        here = replace(here, steps=round(LONGER * here.steps), seconds=max(LEAST_SECONDS, left()))
        (challenger,), stopped = round_of([larger], here)
        reached = held.score(challenger.kept, constraint)
        gain = _gain(score, reached)
        if gain > 0:
            winner, score = challenger, reached
        if gain <= 0 or gain * min(1.0, gain / last_gain) < WORTHWHILE:
            break
        last_gain = gain
    return Chosen(winner.kept.requires_grad_(False), winner.recipe, tuple(looks), steps, stopped)


def _gain(before: float, after: float) -> float:
    """By what share of the larger score `after` is above `before`."""
    return (after - before) / max(abs(after), abs(before), 1e-300)
