"""Minibatch discrimination: a discriminator that sees each point beside the others of its batch.

One point looks real by itself however often it is made; beside its copies it does not. What is wrapped is any critic
that ends in a linear layer, whose input says how near two points are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.nets import Net
from wdist.errors import InputError
from wdist.gan.critics import ImageCritic
from wdist.options import check_whole

__all__ = ["MinibatchDiscrimination", "MinibatchNet", "features"]


@dataclass(frozen=True)
class MinibatchDiscrimination:
    """A critic that is told how near the other points of the batch are (Salimans et al. 2016, §3.2).

    With h(x) the input of its last layer, M_b(x) = T_b·h(x) and o_b(x_i) the mean of exp(−|M_b(x_i) − M_b(x_j)|₁) over
    j ≠ i, the value is f(x) + Σ_b a_b·o_b(x). The paper has sums; means do not go with the batch's size. It is no
    function of a point, so it goes with no constraint on slopes, and needs whole batches.

    Attributes:
        net: Recipe of the critic f.
        kernels: Number of the o_b.
        dim: Coordinates of each M_b.
    """

    net: Net | ImageCritic
    kernels: int = 16
    dim: int = 8

    def __post_init__(self) -> None:
        check_whole("kernels", self.kernels)
        check_whole("dim", self.dim)

    def around(self, net: nn.Module, x: Tensor, rng: torch.Generator) -> MinibatchNet:
        """Wrap the critic that was built; points x (n, d) show how large its features are."""
        return MinibatchNet(net, x, self, rng)


class MinibatchNet(nn.Module):
    """The network of a `MinibatchDiscrimination`.

    Attributes:
        net: The critic f.
        maps: The T_b, (kernels, k, dim).
        shares: The a_b, (kernels,).
    """

    def __init__(
        self, net: nn.Module, x: Tensor, recipe: MinibatchDiscrimination, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.net = net
        with torch.no_grad():
            h = features(net, x)[1]
        k = h.shape[1]
        spread = max(float((h - h.mean(0)).square().sum(1).mean().sqrt()), 1e-6)
        reach = math.sqrt(3) / (
            spread * recipe.dim
        )  # |M(x) - M(y)| about one: a kernel that is neither 1 nor 0
        maps = x.new_empty(recipe.kernels, k, recipe.dim).uniform_(-reach, reach, generator=rng)
        reach = 1 / math.sqrt(k + recipe.kernels)  # as if the last layer had these inputs too
        shares = x.new_empty(recipe.kernels).uniform_(-reach, reach, generator=rng)
        self.maps, self.shares = nn.Parameter(maps), nn.Parameter(shares)

    def forward(self, x: Tensor) -> Tensor:
        """(n, d) -> (n,), n at least 2."""
        f, h = features(self.net, x)  # (n,), (n, k)
        values: Tensor = f + self.nearness(h) @ self.shares
        return values

    def nearness(self, h: Tensor) -> Tensor:
        """o_b: (n, k) -> (n, kernels)."""
        m = torch.einsum("nk,bkc->bnc", h, self.maps)
        kernel = torch.exp(-torch.cdist(m, m, p=1))  # (b, n, n)
        return (kernel.sum(dim=2) - 1).T / (len(h) - 1)


def features(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Values of a critic at x (n, d), (n,), and the input of its last linear layer, (n, k).

    Raises:
        InputError: if it has none.
    """
    with _listening(net) as heard:
        values = net(x)
    return values, heard[-1].flatten(1).to(x.dtype)  # which autocast may have made coarser


@contextmanager
def _listening(net: nn.Module) -> Iterator[list[Tensor]]:
    layers = [part for part in net.modules() if isinstance(part, nn.Linear)]
    if not layers:
        raise InputError(
            f"{type(net).__name__} has no linear layer whose input could stand for a point; use a critic that ends in "
            "one, such as MLP or ConvNet"
        )
    heard: list[Tensor] = []
    hook = layers[-1].register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    try:
        yield heard
    finally:
        hook.remove()
