"""What is known of a critic's slope: proved from above, searched for from below, and made true by extension.

`lipschitz_bound` multiplies, along the layers, what each can be proved to stretch, in float64. `steepest_pair` climbs
to the steepest pair of points that it can find: a lower bound on the constant, and the test of the proof. `mcshane`
makes of any values a function that is exactly 1-Lipschitz everywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import singledispatch

import torch
from torch import Tensor, nn

from wdist.costs import distances
from wdist.critic.cones import ConeNet
from wdist.critic.convolution import Convolution, Image
from wdist.critic.flats import FlatNet
from wdist.critic.nets import ACTIVATIONS, FeedForward
from wdist.critic.symbol import convolution_norm

__all__ = ["lipschitz_bound", "mcshane", "steepest_pair"]

ROUNDING = 1e-12
"""Relative room for the rounding of the singular values themselves."""
STEEP_ROUNDS, STEEP_STEP = 50, 0.1


@singledispatch
def lipschitz_bound(net: nn.Module) -> float | None:
    """Upper bound on the Euclidean Lipschitz constant, computed in float64 (Szegedy et al. 2014, §4.3).

    A chain of layers has at most the product of their bounds, a linear layer its largest singular value, a
    convolution a bound on its operator norm (`convolution_norm`), an activation one. Exact for orthonormal layers and
    for cones (both one); for other networks valid and usually far from tight.

    Returns:
        The bound, or None for a network that this cannot read.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
        >>> round(lipschitz_bound(layer), 9)
        5.0
    """
    return 1.0 if type(net) in ONE_LIPSCHITZ else None


ONE_LIPSCHITZ = {type(make()) for make in ACTIVATIONS.values()} | {
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    Image,
}


@lipschitz_bound.register
def _(net: nn.LeakyReLU) -> float | None:
    return max(1.0, abs(net.negative_slope)) if _plain(net, nn.LeakyReLU) else None


@lipschitz_bound.register
def _(net: nn.Linear) -> float | None:
    return _norm(net.weight) if _plain(net, nn.Linear) else None


@lipschitz_bound.register
def _(net: nn.Sequential) -> float | None:
    if not _plain(net, nn.Sequential):
        return None
    bound = 1.0
    for layer in net:
        stretch = lipschitz_bound(layer)
        if stretch is None:
            return None
        bound *= stretch
    return bound


@lipschitz_bound.register
def _(net: Convolution) -> float | None:
    if not _plain(net, Convolution):
        return None
    return convolution_norm(net.filters, (net.stride, net.stride)) * (1 + ROUNDING)


@lipschitz_bound.register
def _(net: nn.Conv2d) -> float | None:
    """One that wraps around, mirrors or leaves out pixels is not read."""
    simple = net.groups == 1 and tuple(net.dilation) == (1, 1) and net.padding_mode == "zeros"
    if not simple or not _plain(net, nn.Conv2d):
        return None
    down, right = net.stride
    return convolution_norm(net.weight, (down, right)) * (1 + ROUNDING)


@lipschitz_bound.register
def _(net: FeedForward) -> float | None:
    return lipschitz_bound(net.layers) if _plain(net, FeedForward) else None


@lipschitz_bound.register
def _(net: ConeNet) -> float | None:
    """Gradients are convex combinations of unit vectors, pulled back through the projections: at most their norm."""
    return max([1 + ROUNDING, *(_norm(basis) for basis in net.bases)])


@lipschitz_bound.register
def _(net: FlatNet) -> float | None:
    """The same: each unit gradient is pulled back through its N."""
    steepest = torch.linalg.matrix_norm(copy.deepcopy(net).double().across().detach(), ord=2).max()
    return max(1.0, float(steepest)) * (1 + ROUNDING)


def _plain(net: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a layer computes what its kind does; a subclass may do anything."""
    return type(net).forward is kind.forward


def _norm(weight: Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight.detach().double(), ord=2)) * (1 + ROUNDING)


def steepest_pair(
    net: nn.Module, x: Tensor, y: Tensor, rounds: int = STEEP_ROUNDS
) -> tuple[float, Tensor, Tensor]:
    """Search for the pair of points between which a critic is steepest: a lower bound on its Lipschitz constant.

    From the pairs (x_i, y_i) and from the segments' midpoints, with a neighbour down the gradient, both ends climb
    the slope |f(x) − f(y)|/|x − y| by normalised gradient steps, in float64.

    Args:
        net: Module (n, d) -> (n,); it is not changed.
        x: Starting points, shape (n, d).
        y: As many others.
        rounds: Steps.

    Returns:
        The slope, and the two points (d,).
    """
    net = copy.deepcopy(net).double().eval().requires_grad_(False)
    x, y = x.detach().double(), y.detach().double()
    size = torch.linalg.vector_norm(x - y, dim=1).median().clamp_min(1e-9)
    middle = (x + y) / 2
    ends = torch.cat(
        [torch.stack([x, y]), torch.stack([middle, middle + 1e-3 * size * _descent(net, middle)])], dim=1
    )
    best, slope = ends.clone(), _slopes(net, ends)
    for k in range(rounds):
        ends = ends.detach().requires_grad_(True)
        (uphill,) = torch.autograd.grad(_slopes(net, ends).sum(), ends)
        step = (
            STEEP_STEP * (1 - k / rounds) * torch.linalg.vector_norm(ends[0] - ends[1], dim=1, keepdim=True)
        )
        uphill = uphill / torch.linalg.vector_norm(uphill, dim=2, keepdim=True).clamp_min(1e-300)
        ends = (ends + step * uphill).detach()
        found = _slopes(net, ends)
        better = found > slope
        slope = torch.where(better, found, slope)
        best = torch.where(better[:, None], ends, best)
    top = int(slope.argmax())
    return float(slope[top]), best[0, top], best[1, top]


def _descent(net: nn.Module, x: Tensor) -> Tensor:
    """Unit vectors down the gradient."""
    z = x.clone().requires_grad_(True)
    (g,) = torch.autograd.grad(net(z).sum(), z)
    unit: Tensor = -g / torch.linalg.vector_norm(g, dim=1, keepdim=True).clamp_min(1e-300)
    return unit


def _slopes(net: nn.Module, ends: Tensor) -> Tensor:
    """|f(x) − f(y)| / |x − y| of pairs (2, n, d): (n,); zero for a pair closer than rounding lets one tell."""
    x, y = ends
    gap = torch.linalg.vector_norm(x - y, dim=1)
    told = gap > 1e-6 * (1 + torch.linalg.vector_norm(x, dim=1))
    slope: Tensor = torch.where(told, (net(x) - net(y)).abs() / gap.clamp_min(1e-300), 0.0)
    return slope


def mcshane(values: Tensor, anchors: Tensor) -> Callable[[Tensor], Tensor]:
    """Extend values at anchors to a function that is exactly 1-Lipschitz: min_j f(x_j) + |x − x_j| (McShane 1934).

    Where the values were 1-Lipschitz on the anchors already it passes through them; elsewhere it stays below.

    Args:
        values: f(x_j), shape (k,).
        anchors: x_j, shape (k, d).

    Returns:
        A function (n, d) -> (n,).

    Example:
        >>> f = mcshane(torch.tensor([0.0, 9.0]), torch.tensor([[0.0], [3.0]]))
        >>> f(torch.tensor([[3.0], [-1.0]])).tolist()
        [3.0, 1.0]
    """
    return lambda x: (distances(x, anchors) + values).amin(dim=1)
