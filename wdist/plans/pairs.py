"""Matrices over all pairs of two clouds, walked in blocks of rows so that they need not be held.

A `Pairs` gives any block of its rows. Ground costs are such: `Matrix` holds one, `Powers` computes it from
differences of the points, `Squares` by a matrix product; `ground_cost` picks between them. Each also writes the
exponents (u + v − c)/ε of an entropic problem.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from wdist.costs import Metric, distances

__all__ = [
    "Cost",
    "Matrix",
    "Pairs",
    "Powers",
    "Squares",
    "Writer",
    "block_bytes",
    "dense",
    "fits",
    "ground_cost",
    "held_bytes",
    "row_blocks",
]

BLOCK_BYTES = {"cpu": 4 * 2**20, "cuda": 128 * 2**20}  # a block stays in the cache, or fills the GPU
KEPT_BYTES = 512 * 2**20  # the largest matrix held because that is quicker than to compute it anew
TINY = 1e-300  # the smallest cost told from zero

Writer = Callable[[slice, Tensor], None]  # of some rows into a tensor (..., k, m)


class Pairs(ABC):
    """A matrix, shape (..., n, m), float64, given by blocks of rows."""

    shape: tuple[int, ...]
    device: torch.device

    @abstractmethod
    def block(self, rows: slice) -> Tensor:
        """Entries of some rows, (..., k, m); not to be written to."""


class Cost(Pairs):
    """A ground cost over all pairs: non-negative."""

    def largest(self) -> Tensor:
        """The largest entry, (...), in one walk."""
        top = torch.zeros(self.shape[:-2], dtype=torch.float64, device=self.device)
        peak = torch.empty_like(top)  # made before the blocks: small tensors between them would pin the heap
        for rows in row_blocks(self):
            torch.amax(self.block(rows), dim=(-2, -1), out=peak)
            torch.maximum(top, peak, out=top)
        return top

    def extent(self) -> Tensor:
        """Bound the numbers that the entries are made of, (...): what rounding is in proportion to."""
        return self.largest()

    def exponents(self, w: Tensor, level: Tensor, dtype: torch.dtype) -> Writer:
        """Give what writes w_i + w_j − c_ij/level for some rows; w = (u, v)/level, (..., n + m), level (..., 1)."""
        n = self.shape[-2]
        rows_w, columns_w, level = (
            w[..., :n, None].to(dtype),
            w[..., None, n:].to(dtype),
            level[..., None].to(dtype),
        )

        def write(rows: slice, out: Tensor) -> None:
            out.copy_(self.block(rows)).div_(-level).add_(rows_w[..., rows, :]).add_(columns_w)

        return write


class Matrix(Cost):
    """A matrix that is held, (..., n, m)."""

    def __init__(self, entries: Tensor) -> None:
        self.shape, self.device = tuple(entries.shape), entries.device
        self._entries = entries

    def block(self, rows: slice) -> Tensor:
        """Entries of some rows, (..., k, m)."""
        return self._entries[..., rows, :]


class Powers(Cost):
    """(distance / unit)**p between rows of x (..., n, d) and of y (..., m, d), from their differences."""

    def __init__(
        self, x: Tensor, y: Tensor, metric: Metric, p: float, native: str = "torch", unit: float = 1.0
    ) -> None:
        self.shape, self.device = (*x.shape[:-1], y.shape[-2]), x.device
        self.x, self.y = x, y
        self.metric, self._native, self.p, self.unit = metric, native, p, unit
        self._held: Tensor | None = None

    def hold(self) -> None:
        """Compute the whole matrix now and keep it: differences take longer than all that is done with them."""
        with torch.no_grad():
            whole = callable(self.metric)  # a metric of the user's own is called once
            self._held = self._between(self.x, self.y) if whole else dense(self)

    def raised(self, p: float, unit: float) -> Powers:
        """(these distances / unit)**p; takes over the matrix where one is held."""
        assert self.p == self.unit == 1
        out = Powers(self.x, self.y, self.metric, p, self._native, unit)
        if self._held is not None:
            for rows in row_blocks(self):
                self._held[..., rows, :] = out._power(self._held[..., rows, :])
        out._held, self._held = self._held, None
        return out

    def block(self, rows: slice) -> Tensor:
        """Entries of some rows, (..., k, m)."""
        if self._held is not None:
            return self._held[..., rows, :]
        return self._between(self.x[..., rows, :], self.y)

    def slopes(self, rows: slice, plan: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient of Σ plan·c at fixed plan (..., k, m) over those rows: in x[rows] (..., k, d), in y (..., m, d)."""
        with torch.enable_grad():
            x, y = self.x.detach()[..., rows, :].requires_grad_(), self.y.detach().requires_grad_()
            to_x, to_y = torch.autograd.grad(self._between(x, y), (x, y), plan)
        return to_x, to_y

    def _between(self, x: Tensor, y: Tensor) -> Tensor:
        return self._power(distances(x, y, self.metric, self._native))

    def _power(self, gaps: Tensor) -> Tensor:
        gaps = gaps / self.unit
        if self.p == 1:
            return gaps
        return torch.where(gaps > 0, (gaps**self.p).clamp_min(TINY), 0.0)  # no power is lost to underflow


class Squares(Powers):
    """(distance / unit)**2 for the Euclidean distance, by a matrix product: many times faster where d is large.

    That rounds to 1e-16 of the clouds' extent squared, which is nothing beside epsilon; bounds are made from
    true distances.
    """

    def __init__(self, x: Tensor, y: Tensor, unit: float = 1.0) -> None:
        super().__init__(x / unit, y / unit, "euclidean", 2.0)
        self._squares = torch.cat([(z * z).sum(-1) for z in (self.x, self.y)], dim=-1)  # (..., n + m)

    def block(self, rows: slice) -> Tensor:
        """Entries of some rows, (..., k, m): |x|² + |y|² − 2 x·y."""
        n = self.shape[-2]
        product = (self.x[..., rows, :] @ self.y.mT).mul_(-2)
        return product.add_(self._squares[..., :n][..., rows, None]).add_(self._squares[..., None, n:])

    def extent(self) -> Tensor:
        """Bound what the product adds up, (...)."""
        n = self.shape[-2]
        return self._squares[..., :n].amax(dim=-1) + self._squares[..., n:].amax(dim=-1)

    def slopes(self, rows: slice, plan: Tensor) -> tuple[Tensor, Tensor]:
        """Give 2 Σ_j P_ij (x_i − y_j) and 2 Σ_i P_ij (y_j − x_i)."""
        x = self.x[..., rows, :]
        to_x = plan.sum(-1)[..., None] * x - plan @ self.y
        return 2 * to_x, 2 * (plan.sum(-2)[..., None] * self.y - plan.mT @ x)

    def exponents(self, w: Tensor, level: Tensor, dtype: torch.dtype) -> Writer:
        """Make one product of (√2 x, w − |x|², 1) and (√2 y, 1, w − |y|²), in units of the level."""
        n = self.shape[-2]
        root, rest = (2 / level).sqrt()[..., None], (w - self._squares / level)[..., None]
        ones = torch.ones_like(rest)
        left = torch.cat([root * self.x, rest[..., :n, :], ones[..., :n, :]], dim=-1).to(dtype)
        right = torch.cat([root * self.y, ones[..., n:, :], rest[..., n:, :]], dim=-1).to(dtype).mT

        def write(rows: slice, out: Tensor) -> None:
            torch.matmul(left[..., rows, :], right, out=out)

        return write


def ground_cost(
    x: Tensor, y: Tensor, metric: Metric, p: float, native: str = "torch", unit: float = 1.0
) -> Powers:
    """(distance / unit)**p over all pairs of x (..., n, d) and y (..., m, d), in the form that is quickest to walk.

    A matrix product where there is one; else held, where it fits; else computed anew at every walk.
    """
    if metric == "euclidean" and p == 2:
        return Squares(x, y, unit)
    cost = Powers(x, y, metric, p, native, unit)
    if fits(cost.shape):
        cost.hold()
    return cost


def fits(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> bool:
    """Tell whether a matrix is small enough to be held: `KEPT_BYTES`, the one rule for all of them."""
    return dtype.itemsize * math.prod(shape) <= KEPT_BYTES


def held_bytes(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> int:
    """Predict what a matrix takes: itself where it fits, else nothing that lasts."""
    return dtype.itemsize * math.prod(shape) if fits(shape, dtype) else 0


def row_blocks(pairs: Pairs, dtype: torch.dtype = torch.float64) -> Iterator[slice]:
    """Cut the rows so that a block of all of a batch takes `BLOCK_BYTES`."""
    n = pairs.shape[-2]
    row = dtype.itemsize * math.prod(pairs.shape) // n
    step = max(1, block_bytes(pairs.device) // row)
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def block_bytes(device: torch.device) -> int:
    """Size of a block on a device."""
    return BLOCK_BYTES["cpu" if device.type == "cpu" else "cuda"]


def dense(pairs: Pairs) -> Tensor:
    """Build the whole matrix, (..., n, m)."""
    out = torch.empty(pairs.shape, dtype=torch.float64, device=pairs.device)
    for rows in row_blocks(pairs):
        out[..., rows, :] = pairs.block(rows)
    return out
