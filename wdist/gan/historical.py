"""Historical averaging: each player is drawn to the mean of where it has been, which damps circling about a balance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wdist.critic.constraint import Optimizer
from wdist.gan.optimizers import OptimizerRule
from wdist.options import check_positive

__all__ = ["HistoricalAveraging"]


@dataclass(frozen=True)
class HistoricalAveraging(OptimizerRule):
    """An optimiser of the loss + weight·|θ − mean of all θ so far|² (Salimans et al. 2016, §3.3).

    The mean counts as given: the gradient that is added is 2·weight·(θ − mean).

    Attributes:
        rule: Recipe of the optimiser.
        weight: Of the square; 1 as published.
    """

    rule: OptimizerRule
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_positive("weight", self.weight)

    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Build it."""
        return _Averaging(list(parameters), self)


class _Averaging:
    def __init__(self, parameters: list[Tensor], recipe: HistoricalAveraging) -> None:
        self.parameters, self.weight, self.steps = parameters, recipe.weight, 0
        self.inner = recipe.rule.build(parameters)
        self.param_groups = self.inner.param_groups
        self.means = [p.detach().clone() for p in parameters]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        self.inner.zero_grad(set_to_none)

    @torch.no_grad()
    def step(self) -> None:
        """Take in where the parameters are, add the pull to their gradients, and step."""
        self.steps += 1
        torch._foreach_lerp_(self.means, self.parameters, 1 / self.steps)
        away = torch._foreach_sub(self.parameters, self.means)
        gradients = [p.grad for p in self.parameters]
        torch._foreach_add_(gradients, away, alpha=2 * self.weight)  # type: ignore[arg-type] # of a loss of them all
        self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything to go on from."""
        return {"inner": self.inner.state_dict(), "means": self.means, "steps": self.steps}

    def load_state_dict(self, saved: dict[str, Any], /) -> None:
        """Go on from there."""
        self.inner.load_state_dict(saved["inner"])
        self.steps = saved["steps"]
        for mean, old in zip(self.means, saved["means"], strict=True):
            mean.copy_(old)
