"""Optimisers as recipes, so that a config can be compared and written down, and how their rates go over a run.

What they build steps all parameters at once by torch's fused and grouped kernels. It has what a loop needs of a torch
optimiser and is none, as making one of those imports torch's compiler, which takes seconds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from wdist.critic.constraint import Optimizer
from wdist.options import check_positive

__all__ = ["SCHEDULES", "Adam", "OptimizerRule", "RMSprop", "Rates", "Stepper", "rate"]

EPS = 1e-8


class OptimizerRule(ABC):
    """Recipe of an optimiser."""

    @abstractmethod
    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Build it for these parameters."""


class Stepper(ABC):
    """Steps parameters along their gradients, which all must have.

    Attributes:
        param_groups: As torch's: one dict with "params" and "lr".
        moments: What it remembers of the gradients, a list of tensors (one a parameter) a moment.
        steps: Steps so far, one a parameter, as the kernels take them.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, moments: int) -> None:
        self.parameters = list(parameters)
        self.param_groups: list[dict[str, Any]] = [{"params": self.parameters, "lr": lr}]
        self.moments = [[torch.zeros_like(p) for p in self.parameters] for _ in range(moments)]
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]

    @final
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    @final
    @torch.no_grad()
    def step(self) -> None:
        """Take one step on the gradients that are there."""
        gradients = [p.grad for p in self.parameters]
        self.move(gradients, self.param_groups[0]["lr"])  # type: ignore[arg-type] # of a loss of them all

    @abstractmethod
    def move(self, gradients: list[Tensor], lr: float) -> None:
        """Move the parameters."""

    @final
    def state_dict(self) -> dict[str, Any]:
        """Everything to go on from."""
        return {"lr": self.param_groups[0]["lr"], "moments": self.moments, "steps": self.steps}

    @final
    def load_state_dict(self, saved: dict[str, Any], /) -> None:
        """Go on from there."""
        self.param_groups[0]["lr"] = saved["lr"]
        for mine, theirs in zip(
            [*self.moments, self.steps], [*saved["moments"], saved["steps"]], strict=True
        ):
            for old, new in zip(mine, theirs, strict=True):
                old.copy_(new)


class _Adam(Stepper):
    def __init__(self, parameters: Iterable[Tensor], lr: float, betas: tuple[float, float]) -> None:
        super().__init__(parameters, lr, 2)
        self.betas = betas

    def move(self, gradients: list[Tensor], lr: float) -> None:
        """Kingma and Ba 2015, Algorithm 1, in one pass over memory."""
        torch._foreach_add_(self.steps, 1)
        means, squares = self.moments
        torch._fused_adam_(
            self.parameters, gradients, means, squares, [], self.steps,
            lr=lr, beta1=self.betas[0], beta2=self.betas[1], weight_decay=0.0, eps=EPS, amsgrad=False, maximize=False,
        )  # fmt: skip


class _RMSprop(Stepper):
    KEEP = 0.99

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, lr, 1)

    def move(self, gradients: list[Tensor], lr: float) -> None:
        """θ ← θ − lr·g/(√v + ε), v the moving average of g² (Tieleman and Hinton 2012)."""
        (squares,) = self.moments
        torch._foreach_mul_(squares, self.KEEP)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - self.KEEP)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_add_(roots, EPS)
        torch._foreach_addcdiv_(self.parameters, gradients, roots, -lr)


@dataclass(frozen=True)
class Adam(OptimizerRule):
    """Adam (Kingma and Ba 2015); the defaults are those of Gulrajani et al. 2017, Algorithm 1."""

    lr: float = 1e-4
    betas: tuple[float, float] = (0.0, 0.9)

    def __post_init__(self) -> None:
        check_positive("lr", self.lr)
        object.__setattr__(self, "betas", tuple(self.betas))

    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Build it."""
        return _Adam(parameters, self.lr, self.betas)


@dataclass(frozen=True)
class RMSprop(OptimizerRule):
    """RMSprop; the default is the rate of Arjovsky, Chintala and Bottou 2017, Algorithm 1."""

    lr: float = 5e-5

    def __post_init__(self) -> None:
        check_positive("lr", self.lr)

    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Build it."""
        return _RMSprop(parameters, self.lr)


SCHEDULES = ("constant", "linear", "cosine")
"""How a rate may go: stay, or fall to zero at the end of the run."""


def rate(schedule: str, share: float) -> float:
    """Factor on the learning rate after a share of the run.

    Example:
        >>> [rate("cosine", share) for share in (0, 0.5, 1)], rate("linear", 0.25)
        ([1.0, 0.5, 0.0], 0.75)
    """
    share = min(1.0, share)
    if schedule == "constant":
        return 1.0
    return 1 - share if schedule == "linear" else round(0.5 * (1 + math.cos(math.pi * share)), 15)


class Rates:
    """The learning rates of several optimisers over a run."""

    def __init__(self, optimizers: Sequence[Optimizer], schedule: str, steps: int) -> None:
        self.schedule, self.steps = schedule, steps
        self.groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self.first = [group["lr"] for group in self.groups]

    def set(self, step: int) -> None:
        """Set them for a step, counted from 0."""
        factor = rate(self.schedule, step / self.steps)
        for group, first in zip(self.groups, self.first, strict=True):
            group["lr"] = first * factor
