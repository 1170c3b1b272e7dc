"""Constraints by name, and the two that the literature began with: clipping and the gradient penalty.

Neither bounds the slope by one. A clipped critic measures kappa·W1 with kappa unknown, a penalised one W1 with a bias
known in closed form, so both give estimates; `certified.py` has those that give bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.certified import Orthonormal, Spectral
from wdist.critic.constraint import Constraint, Optimizer, Unpenalised, adam
from wdist.critic.slope import input_gradient
from wdist.errors import InputError
from wdist.options import check_positive
from wdist.ranks import ALONE, Ranks

__all__ = ["CONSTRAINTS", "Clip", "Constraint", "GradientPenalty", "Orthonormal", "Spectral"]

PLACES = ("interpolates", "data", "both")


@dataclass(frozen=True)
class Clip(Unpenalised):
    """Clip every weight to [−c, c] after each RMSprop step (Arjovsky, Chintala and Bottou 2017, Algorithm 1).

    The box is not a Lipschitz ball, so the raw value is kappa·W1, where kappa depends on the network, c, the
    direction of transport, the budget and the data.
    """

    c: float = 0.01

    quantity = "kappa*W1 (kappa unknown)"
    steps = 300  # kappa grows for thousands of steps, but its slope grows with it: their ratio is what a card goes by

    def __post_init__(self) -> None:
        check_positive("c", self.c)

    def prepare(self, net: nn.Module) -> nn.Module:
        """Start inside the box."""
        self.project(net)
        return net

    @torch.no_grad()
    def project(self, net: nn.Module) -> None:
        """Clip weights and biases."""
        for parameter in net.parameters():
            parameter.clamp_(-self.c, self.c)

    def optimizer(self, net: nn.Module, lr: float | None) -> Optimizer:
        """RMSprop; momentum makes a clipped critic unstable (ibid., §4)."""
        return torch.optim.RMSprop(net.parameters(), lr=5e-4 if lr is None else lr)


@dataclass(frozen=True)
class GradientPenalty(Constraint):
    """Penalise (|∇f| − 1)² at points of the samples or between them (Gulrajani et al. 2017, Algorithm 1).

    Where the penalty is active the slope g maximises g·W − λ(g − 1)², so the raw value is about W(1 +
    W/(2λ)): the reading inverts that. It is exact for a constant displacement and approximate otherwise;
    slopes above one remain, so the number is an estimate and never a bound.

    Attributes:
        lam: Weight λ of the penalty, for standardised data.
        two_sided: Whether slopes below one are penalised too; False is WGAN-LP (Petzka, Fischer and Lukovnikov 2018).
        where: At "interpolates" between random pairs, at the "data" themselves, or at "both".
    """

    lam: float = 10.0
    two_sided: bool = True
    where: str = "interpolates"

    def __post_init__(self) -> None:
        check_positive("lam", self.lam)
        if not isinstance(self.two_sided, bool):
            raise InputError(
                f"two_sided is {self.two_sided!r}; pass True, or False to spare slopes below one"
            )
        if self.where not in PLACES:
            raise InputError(f"where is {self.where!r}; choose one of {', '.join(PLACES)}")

    def prepare(self, net: nn.Module) -> nn.Module:
        """Refuse batch normalisation: under it f(x) depends on the whole batch, and ∇f is of no function of x."""
        for name, part in net.named_modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                raise InputError(
                    f"the network has batch normalisation ({name}), under which f(x) depends on the other points of "
                    "the batch, so a penalty on its slope at x means nothing; use layer normalisation or none"
                )
        return net

    def penalty(
        self, net: nn.Module, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0,
        ranks: Ranks = ALONE,
    ) -> Tensor:  # fmt: skip
        """λ·E(|∇f(z)| − 1)², z uniform on the segments between the rows of x and of y, or rows themselves.

        Slopes below one pay only `warmth` of it: at full price from the start, the penalty would drive the
        slope to one in whatever direction the initial weights have, and hold it there, wrong way round as
        often as not.
        """
        slope = input_gradient(net, self._points(x, y, rng, ranks))  # (n, d)
        excess = torch.linalg.vector_norm(slope, dim=1) - 1  # (n,)
        penalty: Tensor = self.lam * (self._price(excess, warmth) * excess.square()).mean()
        return penalty

    def derivative(self, slope: Tensor, warmth: float) -> Tensor:
        """Derivative of the penalty in the slopes ∇f (n, d) that it is taken at: (n, d)."""
        length = torch.linalg.vector_norm(slope, dim=1, keepdim=True)  # (n, 1)
        pull = 2 * self.lam / len(slope) * self._price(length - 1, warmth) * (length - 1)
        derivative: Tensor = slope * (pull / length.clamp_min(1e-30))
        return derivative

    def places(self, x: Tensor, rng: torch.Generator, ranks: Ranks) -> Tensor:
        """Where on the segments the penalty is taken: t uniform on [0, 1], one a row of x (n, d), (n, 1)."""
        t = torch.rand(len(x) * ranks.size, 1, generator=rng, device=rng.device, dtype=x.dtype)
        return ranks.share(t).to(x.device)

    def _price(self, excess: Tensor, warmth: float) -> Tensor:
        low = excess.new_tensor(warmth if self.two_sided else 0.0)
        return torch.where(excess > 0, excess.new_tensor(1.0), low)  # numbers would be float32

    def _points(self, x: Tensor, y: Tensor, rng: torch.Generator, ranks: Ranks) -> Tensor:
        if self.where == "data":
            return torch.cat([x, y])
        n = min(len(x), len(y))
        between = torch.lerp(y[:n], x[:n], self.places(x[:n], rng, ranks))
        return between if self.where == "interpolates" else torch.cat([between, x, y])

    def project(self, net: nn.Module) -> None:
        """Nothing to do."""

    def optimizer(self, net: nn.Module, lr: float | None) -> Optimizer:
        """Adam."""
        return adam(net, lr)

    def reading(self, raw: float) -> float:
        """Invert raw = W(1 + W/(2λ)): W = λ(√(1 + 2·raw/λ) − 1)."""
        return self.lam * (math.sqrt(max(0.0, 1 + 2 * raw / self.lam)) - 1)


CONSTRAINTS: dict[str, type[Constraint]] = {
    "clip": Clip, "gradient_penalty": GradientPenalty, "spectral": Spectral, "orthonormal": Orthonormal,
}  # fmt: skip
"""Constraints by name."""
