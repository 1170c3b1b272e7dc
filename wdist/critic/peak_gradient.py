"""The gradient of the dual value of cones and flats in their parameters, written out.

A step by autograd passes some thirty times over a matrix of points by cones; here it is a dozen, in place. Softmax
weights, signed by the side that a point belongs to, pull centres towards points and turn planes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wdist.critic.cones import SIDES, ConeNet, PeakNet
from wdist.critic.flats import FlatNet

__all__ = ["ascend"]

NEAR = 1e-3
"""Distance below which a cone is flat, in standardised units: nearer, products in single precision do not tell."""
NOTHING = -60.0
"""Logarithm of the least share: smaller ones, and what they are multiplied with, would be subnormal numbers, which take
a hundred times as long."""

Write = Callable[[list[Tensor]], None]
"""Takes d loss / d height over the distance, (n, 2K) of every space, and writes the gradients of what curves."""


@torch.no_grad()
def ascend(net: ConeNet | FlatNet, x: Tensor, y: Tensor) -> Tensor:
    """Write the gradient of −(E_a f − E_b f) on batches x (n, d) and y (m, d) to `grad`; the dual value, 0-d."""
    z, n, m = torch.cat([x, y]), len(x), len(y)
    lengths = torch.linalg.vector_norm(net.normals, dim=2, keepdim=True).clamp_min(1e-12)
    normals = net.normals / lengths  # (2, planes, d)
    away, write = _flats(net, z) if isinstance(net, FlatNet) else _cones(net, z)
    heights = _heights(net, away, z @ normals.flatten(0, 1).T)  # (n + m, 2, K + planes)
    first = heights[..., 0].clone()
    shares = torch.log_softmax(heights, dim=2)
    peaks = net.temperature * (first - shares[..., 0])  # (n + m, 2)
    w = torch.sigmoid(4 * net.balance)
    sides = torch.stack([w, w - 1])
    signs = torch.cat([z.new_full((n,), 1 / n), z.new_full((m,), -1 / m)])
    totals = signs @ peaks  # (2,)
    net.balance.grad = -4 * w * (1 - w) * totals.sum()
    shares = (
        shares.clamp_min_(NOTHING).exp_().mul_((-signs[:, None] * sides)[:, :, None])
    )  # d loss / d heights
    net.offsets.grad = shares.sum(dim=0)
    *curved, flat = torch.split(shares, [*(far.shape[1] // SIDES for far in away), normals.shape[1]], dim=2)
    write([(part / far.view(part.shape)).flatten(1) for part, far in zip(curved, away, strict=True)])
    turn = (z.T @ flat.flatten(1)).T.view(normals.shape)
    net.normals.grad = (turn - (turn * normals).sum(dim=2, keepdim=True) * normals) / lengths
    return totals @ sides


def _heights(net: PeakNet, away: list[Tensor], flat: Tensor) -> Tensor:
    """Heights of all cones or flats, and planes, over the temperature: (n, 2, K + planes)."""
    heights = flat.new_empty(len(flat), *net.offsets.shape)
    start = 0
    for far in away:
        part = far.view(len(far), SIDES, -1)
        stop = start + part.shape[2]
        torch.sub(net.offsets[:, start:stop], part, out=heights[:, :, start:stop])
        start = stop
    torch.add(flat.view(len(flat), SIDES, -1), net.offsets[:, start:], out=heights[:, :, start:])
    return heights.div_(net.temperature)


def _cones(net: ConeNet, z: Tensor) -> tuple[list[Tensor], Write]:
    """Distances from the centres, (n, 2K) of every space."""
    bases, centres = net.bases, [c.flatten(0, 1) for c in net.centres]
    spaces = [z, *(z @ basis.T for basis in bases)]

    def write(pulls: list[Tensor]) -> None:
        for c, flat, u, pull in zip(net.centres, centres, spaces, pulls, strict=True):
            towards = (u.T @ pull).T  # pull.T @ u takes eight times as long
            c.grad = (towards - pull.sum(dim=0)[:, None] * flat).view(c.shape)
        for basis, flat, u, pull in zip(bases, centres[1:], spaces[1:], pulls[1:], strict=True):
            turn = torch.addmm(pull.sum(dim=1, keepdim=True) * u, pull, flat, alpha=-1)  # (n, r)
            basis.grad = -(turn.T @ z)

    return [_distances(u, c) for u, c in zip(spaces, centres, strict=True)], write


def _distances(z: Tensor, centres: Tensor) -> Tensor:
    """Distances (n, K) by one product, and none below `NEAR`."""
    squares = torch.addmm(centres.square().sum(dim=1), z, centres.T, alpha=-2)
    return squares.add_(z.square().sum(dim=1, keepdim=True)).clamp_min_(NEAR**2).sqrt_()


def _flats(net: FlatNet, z: Tensor) -> tuple[list[Tensor], Write]:
    """Distances from the flats, (n, 2K)."""
    across, shares = net.across(), torch.sigmoid(4 * net.scales)  # (2K, r, d), (2K, r)
    steps, away = net.steps(z, across)  # (n, 2K, r), (n, 2K)

    def write(pulls: list[Tensor]) -> None:
        pulled = steps.mul_(-pulls[0][:, :, None])
        total = pulled.sum(dim=0)  # (2K, r)
        turn = (z.T @ pulled.flatten(1)).T.view(across.shape) - total[:, :, None] * net.centres[:, None]
        net.centres.grad = -(total[:, :, None] * across).sum(dim=1)
        net.bases.grad = shares[:, :, None] * turn
        net.scales.grad = 4 * shares * (1 - shares) * (turn * net.bases).sum(dim=2)

    return [away], write
