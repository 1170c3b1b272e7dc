"""What a constraint is: all that the training loop and the report ask of whatever keeps a critic's slope in bounds.

A constraint says what to add to the loss (`penalty`), what to do after a step (`project`), what it can prove
(`certificate`), which optimiser and which networks it is used with, and how its raw dual value is to be read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, final

import torch
from torch import Tensor, nn

from wdist.critic.lipschitz import lipschitz_bound
from wdist.critic.nets import MLP, Net
from wdist.ranks import ALONE, Ranks
from wdist.result import Bound

__all__ = ["Constraint", "Optimizer", "Unpenalised", "adam"]


class Optimizer(Protocol):
    """What a loop needs of an optimiser; every `torch.optim.Optimizer` has it."""

    param_groups: list[dict[str, Any]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""

    def step(self) -> Any:
        """Take one step."""

    def state_dict(self) -> dict[str, Any]:
        """Everything to go on from."""

    def load_state_dict(self, saved: dict[str, Any], /) -> None:
        """Go on from there."""


class Constraint(ABC):
    """How the critic is kept (nearly) 1-Lipschitz.

    Attributes:
        quantity: What the reading of the raw value is, in words.
        bound: LOWER if the raw value over the certificate is reported, as a lower bound; NONE if the reading is.
        nets: Recipes that are used where the user names none.
        steps: Ascent steps that are taken where the user says no number.
    """

    quantity: ClassVar[str] = "W1"
    bound: ClassVar[Bound] = Bound.NONE
    nets: ClassVar[tuple[Net, ...]] = (MLP((200, 200)),)
    steps: ClassVar[int] = 1500

    @abstractmethod
    def prepare(self, net: nn.Module) -> nn.Module:
        """Ready a fresh network, or refuse it; called once before training."""

    @abstractmethod
    def penalty(
        self, net: nn.Module, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0,
        ranks: Ranks = ALONE,
    ) -> Tensor:  # fmt: skip
        """Term added to the critic's loss for batches x, y (n, d): 0-d; `warmth` < 1 at the start of a fit.

        Where x and y are one rank's shares, random numbers are drawn for the whole batch, and shared like it.
        """

    @abstractmethod
    def project(self, net: nn.Module) -> None:
        """Put the weights back in place after a step."""

    @final
    def certificate(self, net: nn.Module) -> float | None:
        """Prove an upper bound on the network's Lipschitz constant, or None."""
        return lipschitz_bound(net)

    @abstractmethod
    def optimizer(self, net: nn.Module, lr: float | None) -> Optimizer:
        """Give the optimiser this constraint is used with; `lr` None takes the measured default."""

    @abstractmethod
    def reading(self, raw: float) -> float:
        """Turn a raw dual value E_a f − E_b f (standardised units) into the quantity named by `quantity`."""


class Unpenalised(Constraint):
    """A constraint that acts on the weights alone: nothing is added to the loss, and the raw value is read as it is."""

    @final
    def penalty(
        self, net: nn.Module, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0,
        ranks: Ranks = ALONE,
    ) -> Tensor:  # fmt: skip
        """Nothing to pay."""
        return x.new_zeros(())

    @final
    def reading(self, raw: float) -> float:
        """The raw value itself."""
        return raw


def adam(net: nn.Module, lr: float | None) -> Optimizer:
    """Adam with a short memory of the steps' direction (β1 = 0.5, as Gulrajani et al. 2017 nearly have it)."""
    return torch.optim.Adam(net.parameters(), lr=2e-3 if lr is None else lr, betas=(0.5, 0.9))
