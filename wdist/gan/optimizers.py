"""Optimisers as recipes, so that a config can be compared and written down, and how their rates go over a run.

They are torch's own, in their fused or grouped form: the same arithmetic in fewer passes over memory.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.critic.constraint import Optimizer
from wdist.options import check_positive

__all__ = ["SCHEDULES", "Adam", "OptimizerRule", "RMSprop", "rate"]


class OptimizerRule(ABC):
    """Recipe of an optimiser."""

    @abstractmethod
    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Build it for these parameters."""


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
        return torch.optim.Adam(list(parameters), lr=self.lr, betas=self.betas, fused=True)


@dataclass(frozen=True)
class RMSprop(OptimizerRule):
    """RMSprop; the default is the rate of Arjovsky, Chintala and Bottou 2017, Algorithm 1."""

    lr: float = 5e-5

    def __post_init__(self) -> None:
        check_positive("lr", self.lr)

    def build(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Build it."""
        return torch.optim.RMSprop(list(parameters), lr=self.lr, foreach=True)


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
