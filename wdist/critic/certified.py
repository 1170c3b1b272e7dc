"""Constraints under which a critic is 1-Lipschitz, up to rounding: its held-out dual value is a lower bound on W1.

Both act on the weights that a network names in `CriticNet.matrices`. Spectral norms of one let a slope of one through
only where all layers stretch the same direction; orthonormal weights stretch all directions alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.cones import Cones
from wdist.critic.constraint import Constraint, Optimizer, Unpenalised, adam
from wdist.critic.convolution import Convolution
from wdist.critic.flats import Flats
from wdist.critic.lipschitz import lipschitz_bound
from wdist.critic.nets import MLP, NORM_PRESERVING, CriticNet, FeedForward
from wdist.critic.retraction import OrthonormalAdam, retract
from wdist.errors import InputError
from wdist.result import Bound

__all__ = ["Orthonormal", "Spectral"]


@dataclass(frozen=True)
class Spectral(Unpenalised):
    """Divide every weight by its largest singular value after each step (Miyato et al. 2018).

    The product of the layers is then at most one, but a ReLU between two of them wastes slope: for W1 it is of
    little use, and is here because it is common. The singular value is found by power iteration; what that misses,
    the certificate makes good.
    """

    bound = Bound.LOWER

    def prepare(self, net: nn.Module) -> nn.Module:
        """Start on the constraint."""
        _certifiable(net, self)
        self.project(net)
        return net

    @torch.no_grad()
    def project(self, net: nn.Module) -> None:
        """Weights to spectral norm one."""
        for weight in _held(net, self).matrices():
            weight.div_(_largest_singular_value(weight).clamp_min(1e-12))

    def optimizer(self, net: nn.Module, lr: float | None) -> Optimizer:
        """Adam."""
        return adam(net, lr)


@dataclass(frozen=True)
class Orthonormal(Unpenalised):
    """Hold weights orthonormal by Newton-Schulz retraction after polar steps (Anil, Lucas and Grosse 2019).

    With activations that preserve norms (`maxmin`, `groupsort`, `abs`) slopes of one can pass through the whole
    network, which no other certified constraint allows. Cones and flats have unit slope by themselves; of
    theirs, only projections are held. Without a recipe from the user it fits a portfolio, chooses by validation, and
    lets the winner grow until that gains nothing.
    """

    bound = Bound.LOWER
    nets = (
        Cones(16, pace=0.1),
        Cones(64),
        Cones(16, ranks=(0.5, 0.25, 1)),
        MLP((64, 64), "abs"),
        Flats(),
    )
    steps = 400

    def prepare(self, net: nn.Module) -> nn.Module:
        """Make the weights orthonormal, and spread the kinks of an MLP over data of unit variance."""
        held = _certifiable(net, self)
        if isinstance(held, FeedForward):
            if held.activation not in NORM_PRESERVING:
                raise InputError(
                    f"Orthonormal needs an activation that preserves norms, and {held.activation} does not: it would "
                    f"waste most of the slope; pass a recipe with the activation {', '.join(NORM_PRESERVING)}"
                )
            if any(isinstance(part, Convolution) and part.kernel > part.stride for part in held.layers):
                raise InputError(
                    "Orthonormal needs convolutions whose patches do not overlap, as no other is orthonormal when the "
                    "matrix of its patches is; pass ConvNet(shape, channels) with kernel equal to stride"
                )
            self._spread(held)
        with torch.no_grad():
            for weight in held.matrices():
                u, _, vh = torch.linalg.svd(weight.double(), full_matrices=False)
                weight.copy_(u @ vh)
        return net

    @staticmethod
    @torch.no_grad()
    def _spread(net: FeedForward) -> None:
        for layer in net.layers:
            if isinstance(layer, nn.Linear):
                layer.bias.mul_(math.sqrt(layer.in_features))  # from ±1/√fan-in to ±1

    @torch.no_grad()
    def project(self, net: nn.Module) -> None:
        """Retract; three rounds, since a step may turn a matrix by a tenth of a radian."""
        for weight in _held(net, self).matrices():
            weight.copy_(retract(weight, 3))

    def optimizer(self, net: nn.Module, lr: float | None) -> Optimizer:
        """Polar steps of `lr` radians for what is orthonormal, Adam at the network's own pace for the rest."""
        held = _held(net, self)
        matrices = held.matrices()
        known = {id(weight) for weight in matrices}
        free = [p for p in held.parameters() if id(p) not in known]
        angle = 0.1 if lr is None else lr
        return OrthonormalAdam(matrices, free, angle=angle, lr=held.pace() * angle / 0.1)


def _held(net: nn.Module, constraint: Constraint) -> CriticNet:
    """The network, as one that says which of its weights are to be held."""
    if not isinstance(net, CriticNet):
        raise InputError(
            f"{type(constraint).__name__} cannot hold a {type(net).__name__}; pass a recipe such as wdist.MLP, "
            "wdist.ConvNet or wdist.Cones"
        )
    return net


def _certifiable(net: nn.Module, constraint: Constraint) -> CriticNet:
    """The same, and one whose slope `lipschitz_bound` can prove."""
    held = _held(net, constraint)
    if lipschitz_bound(held) is None:
        raise InputError(
            f"{type(constraint).__name__} reports a bound, and nothing is known of the slope of a "
            f"{type(net).__name__}; register what is with wdist.critic.lipschitz.lipschitz_bound, or pass a recipe "
            "such as "
            "wdist.MLP, wdist.ConvNet or wdist.Cones"
        )
    return held


def _largest_singular_value(weight: Tensor, rounds: int = 10) -> Tensor:
    """Power iteration from the longest row: 0-d, never above the truth; of a stack (k, r, c) exactly, (k, 1, 1)."""
    if weight.ndim > 2:
        exact: Tensor = torch.linalg.matrix_norm(weight, ord=2, keepdim=True)
        return exact
    v = weight[torch.linalg.vector_norm(weight, dim=1).argmax()]
    for _ in range(rounds):
        v = torch.nn.functional.normalize(weight.T @ (weight @ v), dim=0)
    found: Tensor = torch.linalg.vector_norm(weight @ v)
    return found
