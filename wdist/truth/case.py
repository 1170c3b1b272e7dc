"""What an analytic case is: two laws to draw from, their exact distances, and where those come from.

A case may also carry both halves of its proof: an optimal coupling (no plan is cheaper) and an optimal
potential (no critic sees more). Either can be checked by drawing, which is how `tests/test_truth.py` checks
every case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.sources import Source

__all__ = ["Case", "Couple", "Potential"]

Couple = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
Potential = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Case:
    """Two laws whose Wasserstein distance (Euclidean ground metric) is known.

    Attributes:
        name: Unique among `cases()`.
        a: First law; draws (n, d) in float64 from nothing but the generator it is given.
        b: Second law.
        w: Order p -> W_p(a, b), in the unit of the points (never a p-th power), where it is known.
        origin: Paper and equation of the value, or its proof in a line.
        couple: Draws n pairs (x, y), each (n, d), of one coupling with x ~ a and y ~ b that is optimal for
            every order in `w`; None if unknown.
        potential: A 1-Lipschitz f, (n, d) -> (n,), with W_1 = E_a f − E_b f; None if unknown.
        error: Standard error of w[1] where it is a Monte Carlo mean; 0 where the value is exact.

    Raises:
        InputError: if the laws live in different spaces, or `w` holds an order below 1 or no distance.
    """

    name: str
    a: Source
    b: Source
    w: Mapping[float, float]
    origin: str
    couple: Couple | None = None
    potential: Potential | None = None
    error: float = 0.0

    def __post_init__(self) -> None:
        if self.a.dim != self.b.dim:
            raise InputError(
                f"a has {self.a.dim} coordinates a point and b has {self.b.dim}; both must live in one space"
            )
        for p, value in self.w.items():
            if not (p >= 1 and 0 <= value < math.inf):
                raise InputError(
                    f"w[{p!r}] is {value!r}; w maps orders p >= 1 (or inf) to finite distances >= 0"
                )

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.a.dim
