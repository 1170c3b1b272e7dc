"""What keeps a critic's slope in bounds, one small class each over the same loop.

A constraint says what to add to the loss (`penalty`), what to do after a step (`project`), what it can prove
(`certificate`), which optimiser it is used with, and how its raw dual value is to be read (`reading`): a
clipped critic measures kappa·W1 with kappa unknown, a penalised one W1 with a bias known in closed form.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.lipschitz import lipschitz_bound
from wdist.options import check_positive

__all__ = ["CONSTRAINTS", "Clip", "Constraint", "GradientPenalty"]


class Constraint(ABC):
    """How the critic is kept (nearly) 1-Lipschitz."""

    quantity: str
    """What the reading of the raw value is, in words."""

    @abstractmethod
    def prepare(self, net: nn.Module) -> nn.Module:
        """Ready a fresh network; called once before training."""

    @abstractmethod
    def penalty(
        self, net: nn.Module, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0
    ) -> Tensor:
        """Term added to the critic's loss for batches x, y (n, d): 0-d; `warmth` < 1 at the start of a fit."""

    @abstractmethod
    def project(self, net: nn.Module) -> None:
        """Put the weights back in place after a step."""

    @abstractmethod
    def certificate(self, net: nn.Module) -> float | None:
        """Prove an upper bound on the network's Lipschitz constant, or None."""

    @abstractmethod
    def optimizer(self, parameters: Iterable[nn.Parameter], lr: float | None) -> torch.optim.Optimizer:
        """Give the optimiser this constraint is used with; `lr` None takes the measured default."""

    @abstractmethod
    def reading(self, raw: float) -> float:
        """Turn a raw dual value E_a f − E_b f (standardised units) into the quantity named by `quantity`."""


@dataclass(frozen=True)
class Clip(Constraint):
    """Clip every weight to [−c, c] after each RMSprop step (Arjovsky, Chintala and Bottou 2017, Algorithm 1).

    The box is not a Lipschitz ball, so the raw value is kappa·W1, where kappa depends on the network, c, the
    direction of transport, the budget and the data.
    """

    c: float = 0.01

    quantity = "kappa*W1 (kappa unknown)"

    def __post_init__(self) -> None:
        check_positive("c", self.c)

    def prepare(self, net: nn.Module) -> nn.Module:
        """Start inside the box."""
        self.project(net)
        return net

    def penalty(
        self, net: nn.Module, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0
    ) -> Tensor:
        """Nothing to pay."""
        return x.new_zeros(())

    @torch.no_grad()
    def project(self, net: nn.Module) -> None:
        """Clip weights and biases."""
        for parameter in net.parameters():
            parameter.clamp_(-self.c, self.c)

    def certificate(self, net: nn.Module) -> float | None:
        """Product of spectral norms."""
        return lipschitz_bound(net)

    def optimizer(self, parameters: Iterable[nn.Parameter], lr: float | None) -> torch.optim.Optimizer:
        """RMSprop; momentum makes a clipped critic unstable (ibid., §4)."""
        return torch.optim.RMSprop(parameters, lr=5e-4 if lr is None else lr)

    def reading(self, raw: float) -> float:
        """The raw value itself."""
        return raw


@dataclass(frozen=True)
class GradientPenalty(Constraint):
    """Penalise (|∇f| − 1)² at random points between the two samples (Gulrajani et al. 2017, Algorithm 1).

    Where the penalty is active the slope g maximises g·W − λ(g − 1)², so the raw value is about W(1 +
    W/(2λ)): the reading inverts that. It is exact for a constant displacement and approximate otherwise;
    slopes above one remain, so the number is an estimate and never a bound.

    Attributes:
        lam: Weight λ of the penalty, for standardised data.
    """

    lam: float = 10.0

    quantity = "W1"

    def __post_init__(self) -> None:
        check_positive("lam", self.lam)

    def prepare(self, net: nn.Module) -> nn.Module:
        """Nothing to do."""
        return net

    def penalty(
        self, net: nn.Module, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0
    ) -> Tensor:
        """λ·E(|∇f(z)| − 1)², z uniform on the segments between the rows of x and of y.

        Slopes below one pay only `warmth` of it: at full price from the start, the penalty would drive the
        slope to one in whatever direction the initial weights have, and hold it there, wrong way round as
        often as not.
        """
        n = min(len(x), len(y))
        t = torch.rand(n, 1, generator=rng, device=x.device, dtype=x.dtype)
        z = torch.lerp(y[:n], x[:n], t).requires_grad_(True)  # (n, d)
        (slope,) = torch.autograd.grad(net(z).sum(), z, create_graph=True)
        excess = torch.linalg.vector_norm(slope, dim=1) - 1  # (n,)
        price = torch.where(excess > 0, 1.0, warmth)
        penalty: Tensor = self.lam * (price * excess.square()).mean()
        return penalty

    def project(self, net: nn.Module) -> None:
        """Nothing to do."""

    def certificate(self, net: nn.Module) -> float | None:
        """Product of spectral norms: valid, and loose."""
        return lipschitz_bound(net)

    def optimizer(self, parameters: Iterable[nn.Parameter], lr: float | None) -> torch.optim.Optimizer:
        """Adam without first-moment memory of the steps' direction reversals (β1 = 0.5)."""
        return torch.optim.Adam(parameters, lr=2e-3 if lr is None else lr, betas=(0.5, 0.9))

    def reading(self, raw: float) -> float:
        """Invert raw = W(1 + W/(2λ)): W = λ(√(1 + 2·raw/λ) − 1)."""
        return self.lam * (math.sqrt(max(0.0, 1 + 2 * raw / self.lam)) - 1)


CONSTRAINTS: dict[str, type[Constraint]] = {"clip": Clip, "gradient_penalty": GradientPenalty}
"""Constraints by name."""
