"""The gradient of a critic's loss in its weights: by autograd, or written out where that saves half the time.

A piecewise linear MLP under a gradient penalty between the samples needs seven products with its widest layer where
autograd takes nine: between two points its first layer is the mean of what it is there, and one product gives the
layer's gradient of both the dual value and the penalty. Cones and flats are in `peak_gradient.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from wdist.critic.cones import ConeNet
from wdist.critic.constraint import Constraint, Unpenalised
from wdist.critic.constraints import GradientPenalty
from wdist.critic.flats import FlatNet
from wdist.critic.nets import ScalarMLP
from wdist.critic.peak_gradient import ascend
from wdist.critic.slope import is_piecewise_linear, slope_of
from wdist.ranks import ALONE, Ranks

__all__ = ["Objective", "added", "descend", "dual_value"]

Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""What is ascended, without penalty: (net, x (n, d), y (m, d)) -> 0-d."""


def dual_value(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """E_a f − E_b f on two batches, one pass through the network: positive where f is high on a; 0-d."""
    values = net(torch.cat([x, y]))  # (n + m,)
    value: Tensor = values[: len(x)].mean() - values[len(x) :].mean()
    return value


def descend(
    net: nn.Module, constraint: Constraint, objective: Objective, x: Tensor, y: Tensor, rng: torch.Generator,
    warmth: float, ranks: Ranks = ALONE,
) -> Tensor:  # fmt: skip
    """Write the gradient of penalty − objective into the weights' `grad`, which is empty; the objective, detached."""
    plain = objective is dual_value and isinstance(constraint, Unpenalised)
    if plain and isinstance(net, ConeNet | FlatNet):
        return ascend(net, x, y)
    if _written_out(net, constraint, objective) and len(x) == len(y):
        assert isinstance(net, ScalarMLP)
        assert isinstance(constraint, GradientPenalty)
        return _penalised(net, constraint, x, y, constraint.places(x, rng, ranks), warmth)
    return added(net, constraint, objective, x, y, rng, warmth, ranks)


def added(
    net: nn.Module, constraint: Constraint, objective: Objective, x: Tensor, y: Tensor, rng: torch.Generator,
    warmth: float, ranks: Ranks = ALONE, share: float = 1.0,
) -> Tensor:  # fmt: skip
    """Add a share of that gradient to what is in `grad`, by autograd; the same share of the objective, detached."""
    value = objective(net, x, y)
    loss = constraint.penalty(net, x, y, rng, warmth, ranks) - value
    (share * loss).backward()  # type: ignore[no-untyped-call]
    return share * value.detach()


def _written_out(net: nn.Module, constraint: Constraint, objective: Objective) -> bool:
    plain = isinstance(constraint, GradientPenalty) and constraint.where == "interpolates"
    return plain and objective is dual_value and isinstance(net, ScalarMLP) and is_piecewise_linear(net)


@torch.no_grad()
def _penalised(
    net: ScalarMLP, constraint: GradientPenalty, x: Tensor, y: Tensor, t: Tensor, warmth: float
) -> Tensor:
    """The same for f = w_L·σ(W_{L−1}·σ(…W_1·x)) and batches of one size n, t (n, 1) telling where between."""
    n = len(x)
    layers = [layer for layer in net.layers if isinstance(layer, nn.Linear)]
    sigma = next((layer for layer in net.layers if not isinstance(layer, nn.Linear)), nn.Identity())
    points = torch.cat([x, y])  # (2n, d)
    first = torch.addmm(layers[0].bias, points, layers[0].weight.T)  # (2n, k)
    h = torch.cat([first, torch.lerp(first[n:], first[:n], t)])  # (3n, k): of x, of y, between
    inputs, slopes = [], []
    for layer in layers[1:]:
        slopes.append(slope_of(sigma, h))
        inputs.append(sigma(h))
        h = torch.addmm(layer.bias, inputs[-1], layer.weight.T)
    value = h[:n].mean() - h[n : 2 * n].mean()
    seeds = h.new_ones(3 * n, 1)  # dLoss/df of x and of y; 1 between, for the slope
    seeds[:n], seeds[n : 2 * n] = -1 / n, 1 / n
    chain = [seeds]  # of each layer's output, from the last to the first
    for layer, slope in zip(reversed(layers[1:]), reversed(slopes), strict=True):
        chain.append((chain[-1] @ layer.weight).mul_(slope))
    chain.reverse()  # chain[l] (3n, k_l)
    gradient = chain[0][2 * n :] @ layers[0].weight  # (n, d): ∇f between
    back = constraint.derivative(gradient, warmth)  # d penalty / d∇f, (n, d)
    _write(layers[0], chain[0], torch.cat([points, back]), n)
    for k, layer in enumerate(layers[1:]):
        back = (back @ layers[k].weight.T).mul_(slopes[k][2 * n :])
        inputs[k][2 * n :] = back
        _write(layer, chain[k + 1], inputs[k], n)
    return value


def _write(layer: nn.Linear, chain: Tensor, inputs: Tensor, n: int) -> None:
    """Gradients of a layer: its weight's from all rows, its bias's from those of x and y: no slope depends on it."""
    layer.weight.grad = chain.T @ inputs
    layer.bias.grad = chain[: 2 * n].sum(dim=0)
