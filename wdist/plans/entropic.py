"""Entropic transport over a dense cost: Sinkhorn's fixed point, found by accelerated averaged steps; batched.

The dual of OT_ε = min ⟨P, c⟩ + ε KL(P | a⊗b) is max Σ a u + Σ b v − ε Σ a b (exp((u + v − c)/ε) − 1), reached
where u and v are each other's soft c-transforms. `_Anderson` mixes the averaged steps of both sides at once,
so a and b are treated alike; `_at_level` runs them for one ε on a Gibbs kernel that has absorbed the
potentials (Schmitzer 2019), which makes a step two matrix-vector products and no exponential;
`entropic_potentials` lowers ε from the largest cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Entropic", "entropic_potentials", "entropic_value"]

SHRINK = 0.25  # of epsilon from one level to the next
ROUGH = 3e-4, 300  # marginal error and steps that end a level on the way
MEMORY = 20  # steps that Anderson's mixing looks back on
RIDGE = 1e-10
REACH = 100.0  # in units of epsilon: how far the potentials may leave those in the kernel
STEEP = 600.0  # largest exponent in a kernel; met only between points that weigh nothing
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Entropic:
    """Potentials of an entropic problem.

    Attributes:
        u: Shape (..., n), in the unit of the cost.
        v: Shape (..., m).
        error: Half the L1 distance of both marginals from a and b, shape (...).
        iterations: Steps taken, over all levels.
    """

    u: Tensor
    v: Tensor
    error: Tensor
    iterations: int


def entropic_potentials(
    cost: Tensor, a: Tensor, b: Tensor, epsilon: float, *, tol: float, max_iter: int,
    guess: tuple[Tensor, Tensor] | None = None,
) -> Entropic:  # fmt: skip
    """Maximise the entropic dual.

    Args:
        cost: Ground costs, shape (..., n, m), float64, non-negative.
        a: Masses, shape (..., n), summing to one.
        b: Masses, shape (..., m), summing to one.
        epsilon: Strength of the entropy, in the unit of the cost.
        tol: Marginal error to stop at.
        max_iter: Steps to stop at, converged or not; read `error`.
        guess: Potentials to start from at `epsilon` itself; None to lower epsilon from the largest cost.
    """
    n, m = cost.shape[-2:]
    marginals = torch.cat([a, b], dim=-1)  # (..., n + m)
    goal = torch.full_like(marginals[..., :1], epsilon)  # (..., 1)
    if guess is None:
        level = torch.maximum(cost.amax(dim=(-2, -1))[..., None], goal)
        w = torch.zeros_like(marginals)  # (u, v) in units of the level
    else:
        level, w = goal, torch.cat(guess, dim=-1) / goal
    used = 0
    while True:
        last = bool((level <= goal).all())
        left = max(1, max_iter - used)
        aim, limit = (tol, left) if last else (max(tol, ROUGH[0]), min(left, ROUGH[1]))
        w, error, steps = _at_level(cost, marginals, w, level, aim, limit)
        used += steps
        if last:
            u, v = torch.split(w * goal, [n, m], dim=-1)
            return Entropic(u, v, error, used)
        lower = torch.maximum(level * SHRINK, goal)
        w, level = w * (level / lower), lower


def entropic_value(cost: Tensor, a: Tensor, b: Tensor, u: Tensor, v: Tensor, epsilon: float) -> Tensor:
    """Evaluate the dual objective at fixed potentials: (...), a lower bound on OT_ε for any u and v.

    Differentiable in cost, a and b; at optimal potentials that is the gradient of OT_ε itself (envelope
    theorem), and the error of the value is of second order in theirs.
    """
    ratio = ((u[..., :, None] + v[..., None, :] - cost) / epsilon).clamp(max=STEEP).exp()  # (..., n, m)
    rows = (ratio @ b[..., :, None])[..., 0]  # (..., n)
    return (a * u).sum(-1) + (b * v).sum(-1) - epsilon * ((a * rows).sum(-1) - a.sum(-1) * b.sum(-1))


def _at_level(
    cost: Tensor, marginals: Tensor, w: Tensor, level: Tensor, tol: float, limit: int
) -> tuple[Tensor, Tensor, int]:
    """Solve at one epsilon from w = (u, v)/ε: the new w (..., n + m), its marginal error (...), the steps."""
    n = cost.shape[-2]
    mixing = _Anderson(marginals)
    kernel = torch.empty_like(cost)
    base = _fill(kernel, w, cost, level)
    step = 0
    while True:
        step += 1
        if float((w - base).abs().amax()) > REACH:
            base = _fill(kernel, w, cost, level)
        heavy = marginals * (w - base).exp()  # (..., n + m)
        rows = (heavy[..., None, n:] @ kernel.mT)[..., 0, :]  # (..., n)
        columns = (heavy[..., None, :n] @ kernel)[..., 0, :]  # (..., m)
        sums = torch.cat([rows, columns], dim=-1)
        error = (heavy * sums - marginals).abs().sum(dim=-1) / 2
        if step == limit or bool((error <= tol).all()):
            return w, error, step
        image = base - sums.clamp_(min=TINY).log()  # soft c-transforms of v and of u, over ε
        w = torch.where((error <= tol)[..., None], w, mixing.step(w, image, error))


def _fill(kernel: Tensor, w: Tensor, cost: Tensor, level: Tensor) -> Tensor:
    """Write exp((u + v − c)/ε) into `kernel` and return the (u, v)/ε that it now holds."""
    n = cost.shape[-2]
    torch.div(cost, -level[..., None], out=kernel)
    kernel.add_(w[..., :n, None]).add_(w[..., None, n:]).clamp_(max=STEEP).exp_()
    return w


class _Anderson:
    """Anderson's mixing (Walker and Ni 2011, type II) of averaged steps w → (w + T(w))/2, with restarts.

    The averaged step alone never expands, so wherever mixing has made the marginal error four times its best,
    that element of the batch goes back to the averaged step from its best point, and forgets what it mixed
    and how good it was.
    """

    def __init__(self, marginals: Tensor) -> None:
        self._norm = marginals.sqrt()  # residuals count by the mass they move
        history = (*marginals.shape[:-1], MEMORY, marginals.shape[-1])
        self._moves, self._turns = marginals.new_zeros(history), marginals.new_zeros(history)
        self._best = torch.full_like(marginals[..., 0], torch.inf)
        self._refuge = self._plain = self._residual = marginals
        self._count = 0

    def step(self, w: Tensor, image: Tensor, error: Tensor) -> Tensor:
        plain, residual = (w + image) / 2, (image - w) * (self._norm / 2)  # (..., n + m)
        better, sound = (error < self._best)[..., None], (error <= 4 * self._best)[..., None]
        self._best = torch.where(sound[..., 0], torch.minimum(self._best, error), torch.inf)
        self._refuge = torch.where(better, plain, self._refuge)
        if self._count > 0:
            slot = self._count % MEMORY
            self._moves[..., slot, :] = plain - self._plain
            self._turns[..., slot, :] = residual - self._residual
            if not bool(sound.all()):
                self._moves *= sound[..., None]
                self._turns *= sound[..., None]
        self._count += 1
        self._plain, self._residual = plain, residual
        gram = self._turns @ self._turns.mT  # (..., MEMORY, MEMORY)
        diagonal = gram.diagonal(dim1=-2, dim2=-1)
        diagonal += RIDGE * diagonal.amax(dim=-1, keepdim=True) + TINY
        mix = torch.linalg.solve(gram, self._turns @ residual[..., None])  # (..., MEMORY, 1)
        return torch.where(sound, plain - (mix.mT @ self._moves)[..., 0, :], self._refuge)
