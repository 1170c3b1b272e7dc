"""Entropic transport: Sinkhorn's fixed point, found by accelerated averaged steps; batched.

The dual of OT_ε = min ⟨P, c⟩ + ε KL(P | a⊗b) is max Σ a u + Σ b v − ε Σ a b (exp((u + v − c)/ε) − 1), reached
where u and v are each other's soft c-transforms. `_Anderson` mixes the averaged steps of both sides at once,
so a and b are treated alike; `_at_level` runs them for one ε on a `Gibbs` kernel; `entropic_potentials` lowers ε
from the largest cost. Large problems take their steps in single precision; what they end in is read, and where it
falls short mended, in double.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.plans.gibbs import Gibbs
from wdist.plans.online import gibbs
from wdist.plans.pairs import Cost

__all__ = ["Entropic", "entropic_potentials"]

SHRINK = 0.25  # of epsilon from one level to the next
ROUGH = 3e-4, 300  # marginal error and steps that end a level on the way
SINGLE_PAIRS = 2**18  # from so many on, single precision saves time that one notices
SINGLE_ERROR = 1e-2  # the largest marginal error from rounding that single precision is still of use with
MEMORY = 20  # steps that Anderson's mixing looks back on
RIDGE = 1e-10
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Entropic:
    """Potentials of an entropic problem.

    Attributes:
        u: Shape (..., n), in the unit of the cost.
        v: Shape (..., m).
        error: Half the L1 distance of both marginals from a and b, shape (...).
        iterations: Steps taken, over all levels.
        value: OT_ε, shape (...); its own error is of second order in `error`.
    """

    u: Tensor
    v: Tensor
    error: Tensor
    iterations: int
    value: Tensor


def entropic_potentials(
    cost: Cost, a: Tensor, b: Tensor, epsilon: float, *, tol: float, max_iter: int,
    guess: tuple[Tensor, Tensor] | None = None, keops: bool | None = None,
) -> Entropic:  # fmt: skip
    """Maximise the entropic dual.

    Args:
        cost: Ground cost, (..., n, m).
        a: Masses, shape (..., n), float64, summing to one.
        b: Masses, shape (..., m), float64, summing to one.
        epsilon: Strength of the entropy, in the unit of the cost.
        tol: Marginal error to stop at.
        max_iter: Steps to stop at, converged or not; read `error`.
        guess: Potentials to start from at `epsilon` itself; None to lower epsilon from the largest cost.
        keops: Whether KeOps makes the sums over pairs; None for where that is quicker.
    """
    n, m = cost.shape[-2:]
    marginals = torch.cat([a, b], dim=-1)  # (..., n + m)
    goal = torch.full_like(marginals[..., :1], epsilon)  # (..., 1)
    if guess is None:
        level, w = torch.maximum(cost.largest()[..., None], goal), torch.zeros_like(marginals)
    else:
        level, w = goal, torch.cat(guess, dim=-1) / goal  # (u, v) in units of the level
    large = math.prod(cost.shape) >= SINGLE_PAIRS
    unit_error = torch.finfo(torch.float32).eps * cost.extent()[..., None] if large else goal
    single, double = gibbs(cost, torch.float32, keops), gibbs(cost, torch.float64, keops)
    used = 0
    while True:
        last = bool((level <= goal).all())
        aim, limit = (tol, max_iter) if last else (max(tol, ROUGH[0]), ROUGH[1])
        rounding = float((unit_error / level).amax())
        rough = large and rounding <= SINGLE_ERROR
        kernels = [(double, aim, 0)] if last or not rough else []
        if rough:  # and leave a step to read the end in double precision
            kernels.insert(0, (single, max(aim, rounding), 1))
        for kernel, near, spare in kernels:
            left = min(limit, max_iter - used - spare)
            if left > 0 or spare == 0:
                w, reached, steps = _at_level(kernel, marginals, w, level, near, max(1, left))
                used += steps
        if last:
            break
        lower = torch.maximum(level * SHRINK, goal)
        w, level = w * (level / lower), lower
    error = _error(reached, marginals)
    value = epsilon * ((marginals * w).sum(-1) - reached[..., :n].sum(-1) + 1)
    u, v = torch.split(w * epsilon, [n, m], dim=-1)
    return Entropic(u, v, error, used, value)


def _at_level(
    kernel: Gibbs, marginals: Tensor, w: Tensor, level: Tensor, tol: float, limit: int
) -> tuple[Tensor, Tensor, int]:
    """Solve at one epsilon from w = (u, v)/ε: the new w, the marginals of its plan, both (..., n + m), the steps."""
    mixing = _Anderson(marginals)
    kernel.forget()
    step = 0
    while True:
        step += 1
        image, reached = kernel.step(w, level, marginals)
        error = _error(reached, marginals)
        if step == limit or bool((error <= tol).all()):
            return w, reached, step
        w = torch.where((error <= tol)[..., None], w, mixing.step(w, image, error))


def _error(reached: Tensor, marginals: Tensor) -> Tensor:
    return (reached - marginals).abs().sum(dim=-1) / 2


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
