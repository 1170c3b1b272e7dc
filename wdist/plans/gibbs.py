"""Sums over rows and columns of a Gibbs kernel, exp((u + v − c)/ε), which is all that Sinkhorn asks of it.

The potentials are within the exponent, so nothing overflows that an optimal plan needs (Schmitzer 2019). A
kernel that fits is held and serves while the potentials move little: a step is two matrix-vector products and
no exponential. A larger one is written anew at every step, block after block in one buffer.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from wdist.plans.pairs import Cost, fits, row_blocks

__all__ = ["Gibbs"]

REACH = {torch.float32: 30.0, torch.float64: 100.0}  # how far potentials may leave those in a held kernel
RANGE = {torch.float32: (-60.0, 40.0), torch.float64: (-600.0, 600.0)}
"""Exponents are cut to it: above are only pairs that weigh nothing, below denormal numbers, many times slower."""
TINY = 1e-300  # sums below are an underflow


class Gibbs:
    """The kernel of a cost, in single or double precision, at one epsilon after another.

    Args:
        cost: Ground cost, (..., n, m).
        dtype: Of the kernel; sums come in float64.
    """

    def __init__(self, cost: Cost, dtype: torch.dtype) -> None:
        self._cost, self._dtype = cost, dtype
        self._slices = list(row_blocks(cost, dtype))
        self._kernel = self._block = torch.empty(0)  # the held one, and the buffer of one that is not
        self._base: Tensor | None = None  # the w that the held kernel is of
        self._used = False

    def step(self, w: Tensor, level: Tensor, marginals: Tensor) -> tuple[Tensor, Tensor]:
        """Transform potentials w = (u, v)/level, shape (..., n + m), at an epsilon `level`, (..., 1).

        Returns:
            The soft c-transforms of v and of u, over the level, and the marginals of w's plan, both (..., n + m).
        """
        if self._base is not None and float((w - self._base).abs().amax()) <= REACH[self._dtype]:
            base, walk = self._base, iter([(slice(None), self._kernel)])
        else:
            base, walk = w, self.blocks(w, level, hold=self._worth_holding())
        n = self._cost.shape[-2]
        heavy = marginals * (w - base).exp()
        narrow = heavy.to(self._dtype)
        left, right = narrow[..., :n], narrow[..., n:]
        sums = torch.zeros_like(heavy)
        for rows, kernel in walk:
            sums[..., :n][..., rows] = (kernel @ right[..., None])[..., 0]
            sums[..., n:] += (left[..., None, rows] @ kernel)[..., 0, :]
        return base - sums.clamp(min=TINY).log(), heavy * sums

    def forget(self) -> None:
        """Take the held kernel for out of date: epsilon changes."""
        self._base = None

    def blocks(self, w: Tensor, level: Tensor, *, hold: bool = False) -> Iterator[tuple[slice, Tensor]]:
        """Walk the kernel at w = (u, v)/level: (rows, block (..., k, m)), which lasts until the next one."""
        self._base = None
        *batch, n, m = self._cost.shape
        room = self._kernel if hold else self._block
        if not room.numel():
            height = n if hold else self._slices[0].stop
            room = torch.empty((*batch, height, m), dtype=self._dtype, device=self._cost.device)
        write = self._cost.exponents(w, level, self._dtype)
        for rows in self._slices:
            block = room[..., rows, :] if hold else room[..., : rows.stop - rows.start, :]
            write(rows, block)
            yield rows, block.clamp_(*RANGE[self._dtype]).exp_()
        if hold:
            self._kernel, self._base = room, w
        else:
            self._block = room

    def _worth_holding(self) -> bool:
        """If it fits; but not for one step, in which double precision reads what single precision ended in."""
        first, self._used = not self._used, True
        return fits(self._cost.shape, self._dtype) and not (first and self._dtype is torch.float64)
