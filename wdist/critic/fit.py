"""Fitting critics between two sources: all contenders ascend side by side on the same batches.

`Contender` is one critic in training: its step, the moving average of its weights, and the state that the validation
points liked best. `fit` draws, steps, cools and looks; it knows neither what bounds a contender's slope nor how many
there are. Data come standardised (one isotropic scale, undone by `Potential`), so that the same settings serve metres
and millimetres.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Constraint
from wdist.critic.held import Held, Look, too_late
from wdist.critic.nets import Net
from wdist.critic.potential import rows_at_once
from wdist.critic.step import CriticStep
from wdist.critic.threads import threads_for
from wdist.errors import InputError
from wdist.ranks import ALONE, Ranks

__all__ = [
    "Batches",
    "Contender",
    "Course",
    "Schedule",
    "fit",
]

HOT, COLD = 0.1, 0.003
"""Temperature of a cone net at the start and at the end, in standardised units; geometric between."""

AVERAGE = 0.99
"""Weight of the past in the moving average of the weights."""

CHECKS = 12
"""How often validation looks."""

WARMUP = 0.25
"""Share of the fit over which `warmth` rises from 0 to 1."""

Batches = Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Schedule:
    """How long and how.

    Attributes:
        steps: Ascent steps.
        batch: Points of each side a step.
        lr: Learning rate at the start of a cosine; None for the constraint's own.
        seconds: Wall time after which the fit is to have run its whole course, steps or not.
    """

    steps: int = 400
    batch: int = 256
    lr: float | None = None
    seconds: float = math.inf


class Contender:
    """One critic in training.

    Attributes:
        recipe: What it was built from.
        kept: The averaged weights of the best look; what the fit is for.
        best: Validation objective of `kept`: dual value less penalty.
        looks: One entry a check.
        pieces: In which a batch goes through the network; doubled when memory runs out.
        out: Whether it has left, too far behind the best to catch up; it keeps what it had.
    """

    def __init__(
        self, recipe: Net, constraint: Constraint, start: tuple[Tensor, Tensor], rng: torch.Generator,
        lr: float | None = None, ranks: Ranks = ALONE, device: torch.device | None = None,
    ) -> None:  # fmt: skip
        net = constraint.prepare(recipe.build(*start, rng)).to(device)
        ranks.spread(net.parameters())
        self.recipe, self.constraint = recipe, constraint
        self.step = CriticStep(net, constraint, constraint.optimizer(net, lr), ranks=ranks)
        self.rates = [group["lr"] for group in self.step.optimizer.param_groups]
        self.averaged, self.kept = copy.deepcopy(net), copy.deepcopy(net)
        self.best = -math.inf
        self.looks: list[Look] = []
        self.pieces = 1
        self.out = False

    def advance(self, x: Tensor, y: Tensor, rng: torch.Generator, share: float, schedule: Schedule) -> Tensor:
        """Take the step that is due after `share` of the fit; the dual value before it, 0-d."""
        for group, rate in zip(self.step.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        cool(self.step.net, share)
        while True:
            try:
                return self.step(x, y, rng, min(1.0, share / WARMUP), self.pieces)
            except torch.cuda.OutOfMemoryError as error:
                self._halve(len(x), error)

    def _halve(self, batch: int, error: Exception) -> None:
        """Have batches go through the network in twice as many pieces, or say what else helps."""
        if self.pieces >= batch or self.step.ranks.size > 1:  # other ranks know nothing of it, and would wait
            raise InputError(
                f"the device has no memory for a step of {self.recipe!r} on {batch} points a side, in {self.pieces} "
                "pieces; pass a smaller batch, a smaller net, or device='cpu'"
            ) from error
        self.pieces *= 2
        torch.cuda.empty_cache()

    @torch.no_grad()
    def average(self, keep: float) -> None:
        """Move the average on by one step."""
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.step.net.parameters()), 1 - keep)

    def look(self, held: Held, rng: torch.Generator, share: float) -> float:
        """Judge the average on held-out points, and keep it if it is the best so far."""
        self.constraint.project(self.averaged)  # an average of points of a manifold lies inside it
        cool(self.averaged, share)
        value, _ = held.value(self.averaged)
        some = rows_at_once(held.x.shape[1])
        paid = self.constraint.penalty(self.averaged, held.x[:some], held.y[:some], rng)
        objective = value - float(paid.detach())
        if objective > self.best:
            self.best = objective
            self.kept.load_state_dict(self.averaged.state_dict())
        return objective

    def state(self) -> dict[str, Any]:
        """Everything to go on from, to the bit: tensors and plain numbers."""
        nets = {name: net.state_dict() for name, net in self._nets.items()}
        looks = [astuple(look) for look in self.looks]
        return {
            "nets": nets,
            "optimizer": self.step.optimizer.state_dict(),
            "best": self.best,
            "looks": looks,
            "out": self.out,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        for name, net in self._nets.items():
            net.load_state_dict(state["nets"][name])
        self.step.optimizer.load_state_dict(state["optimizer"])
        self.best, self.looks = state["best"], [Look(*look) for look in state["looks"]]
        self.out = state["out"]

    @property
    def _nets(self) -> dict[str, nn.Module]:
        return {"net": self.step.net, "averaged": self.averaged, "kept": self.kept}


def cool(net: nn.Module, share: float) -> None:
    """Set the temperature of a network that has one."""
    temperature = getattr(net, "temperature", None)
    if temperature is not None:
        temperature.fill_(HOT * (COLD / HOT) ** share)


@dataclass
class Course:
    """How far a fit has come: steps, seconds, the share of its schedule, and how often validation has looked."""

    step: int = 0
    seconds: float = 0.0
    share: float = 0.0
    looked: int = 0


def fit(
    contenders: Sequence[Contender], batches: Batches, held: Held, schedule: Schedule, rng: torch.Generator,
    tick: Callable[[Course], None] | None = None, course: Course | None = None, ranks: Ranks = ALONE,
) -> str:  # fmt: skip
    """Train contenders on the same batches, each to its own best on the held-out points or until it cannot win.

    Args:
        contenders: Those in training; changed.
        batches: Pairs of standardised batches, (n, d) and (m, d).
        held: Validation points.
        schedule: Steps and batch.
        rng: For the points of a penalty.
        tick: Called with the course at every check, after it.
        course: Where to go on from; None begins.
        ranks: Those that fit together; the first one's clock counts.

    Returns:
        "" or, if a source failed after the first check, what it said: the contenders then stand as they were.

    Raises:
        InputError: from a source that fails before anything was learnt.
    """
    at = Course() if course is None else course
    start = time.perf_counter() - at.seconds
    largest = max(sum(p.numel() for p in c.step.net.parameters()) for c in contenders)
    with threads_for(schedule.batch * largest), _full_precision():
        while at.share < 1:
            try:
                x, y = next(batches)
            except InputError as error:
                if at.looked:
                    return str(error)
                raise
            live = [c for c in contenders if not c.out]
            values = [c.advance(x, y, rng, at.share, schedule) for c in live]
            at.step += 1
            at.seconds = time.perf_counter() - start
            passed = ranks.told(lambda: at.seconds / schedule.seconds) if schedule.seconds < math.inf else 0.0
            at.share = min(1.0, max(at.step / schedule.steps, passed))
            for contender in live:
                contender.average(min(AVERAGE, at.step / (at.step + 9)))
            if at.share * CHECKS >= at.looked + 1:
                at.looked = math.floor(at.share * CHECKS)
                for c, value in zip(live, values, strict=True):
                    objective = c.look(held, rng, at.share)
                    c.looks.append(Look(repr(c.recipe), at.step, at.seconds, float(value), objective))
                for c, late in zip(live, ranks.told(partial(too_late, [c.looks for c in live])), strict=True):
                    c.out = late
                if tick is not None:
                    tick(at)
    return ""


@contextmanager
def _full_precision() -> Iterator[None]:
    """Multiply in full float32: TF32 has ten bits, too few to hold a matrix orthonormal; restores the setting."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
