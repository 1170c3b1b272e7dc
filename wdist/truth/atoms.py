"""Discrete cases: point masses, an atom against many, and the textbooks' piles of dirt.

Both laws are `Samples`, so a method that is exact between samples has to return these values to the last
digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.measures import as_samples
from wdist.truth.case import Case
from wdist.truth.lines import ORDERS
from wdist.truth.transport import Affine, Coupling, Linear, Radial, identity

__all__ = ["atom_and_many", "piles", "two_atoms"]


def two_atoms(delta: Tensor) -> Case:
    """Give a unit mass at delta against a unit mass at 0: W_p = |delta| for every p.

    Args:
        delta: Shape (d,), not zero.

    Raises:
        InputError: if delta is zero or no vector.

    Example:
        >>> two_atoms(torch.tensor([3.0, 4.0])).w[1]
        5.0
    """
    delta = delta.to(torch.float64)
    length = float(torch.linalg.vector_norm(delta))
    if delta.ndim != 1 or length == 0:
        raise InputError(f"delta is {delta.tolist()!r}; pass a vector (d,) that is not zero")
    b = as_samples(torch.zeros_like(delta)[None], name="b")
    return Case(
        name=f"two atoms d={len(delta)} length={length:g}",
        a=as_samples(delta[None]),
        b=b,
        w=dict.fromkeys((*ORDERS, math.inf), length),
        origin="two point masses have one coupling, so W_p(δ_x, δ_y) = |x − y|",
        couple=Coupling(b, Affine(_eye(len(delta)), delta), identity),
        potential=Linear(delta / length),
    )


def atom_and_many(points: Tensor, weights: Tensor, centre: Tensor) -> Case:
    """Give a unit mass at `centre` against weighted atoms: W_p^p = Σ w_i|x_i − centre|^p.

    Args:
        points: Atoms x_i of the second law, shape (n, d).
        weights: Their masses w_i > 0, shape (n,), summing to one.
        centre: Shape (d,).

    Raises:
        InputError: if a mass is not positive, or the masses do not sum to one.

    Example:
        >>> corners = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
        >>> atom_and_many(corners, torch.tensor([0.5, 0.5]), torch.zeros(2)).w[1]
        1.5
    """
    points, weights, centre = (t.to(torch.float64) for t in (points, weights, centre))
    if not bool((weights > 0).all()):
        raise InputError("an atom without mass would count in W_∞; drop it")
    many = as_samples(points, weights, name="b")
    lengths = torch.linalg.vector_norm(points - centre, dim=1)  # (n,)
    w = {p: float(many.weights @ lengths**p) ** (1 / p) for p in ORDERS}
    return Case(
        name=f"atom and many d={many.dim} n={len(many)}",
        a=as_samples(centre[None]),
        b=many,
        w=w | {math.inf: float(lengths.max())},
        origin="a point mass has one coupling with any law, so W_p^p = E|y − centre|^p",
        couple=Coupling(many, Affine(torch.zeros(many.dim, many.dim, dtype=torch.float64), centre), identity),
        potential=Radial(centre, -1.0),
    )


def piles(before: Sequence[int], after: Sequence[int]) -> Case:
    """Give piles of dirt at 0, 1, 2, ... against those that they are to be made into.

    The textbooks count the cost in units of dirt times steps: Σ|σ_i| with σ_{i+1} = σ_i + before_i − after_i.
    Our measures are probabilities, so each unit of dirt has mass 1 / total and W_1 = Σ|σ_i| / total. For
    other orders the units are matched from left to right, W_p^p = Σ_k |x_(k) − y_(k)|^p / total.

    Args:
        before: Units of dirt in each place.
        after: Units wanted in each place; as many places and the same total.

    Raises:
        InputError: if the totals or the numbers of places differ, or a pile is negative.

    Example:
        >>> case = piles((5, 2, 2, 5), (3, 3, 5, 3))
        >>> round(case.w[1] * 14, 12)  # the textbook's cost
        5.0
    """
    total = sum(before)
    if len(before) != len(after) or total != sum(after) or total < 1 or min(*before, *after) < 0:
        raise InputError(
            f"piles {tuple(before)} and {tuple(after)} need as many places and the same positive total"
        )
    places = torch.arange(len(before), dtype=torch.float64)
    left, right = torch.tensor(before), torch.tensor(after)  # (k,), whole numbers
    units = torch.stack(
        [places.repeat_interleave(left), places.repeat_interleave(right)], dim=1
    )  # (total, 2)
    gaps = (units[:, 0] - units[:, 1]).abs()
    zero = torch.zeros(1, dtype=torch.float64)
    return Case(
        name=f"piles {'-'.join(map(str, before))} to {'-'.join(map(str, after))}",
        a=as_samples(places[left > 0], left[left > 0].double() / total),
        b=as_samples(places[right > 0], right[right > 0].double() / total, name="b"),
        w={p: float((gaps**p).mean()) ** (1 / p) for p in ORDERS} | {math.inf: float(gaps.max())},
        origin="units matched from left to right (Villani 2003, Thm 2.18); W_1 = textbook Σ|σ_i| / total",
        couple=Coupling(as_samples(units), Affine(_eye(2)[:1], zero), Affine(_eye(2)[1:], zero)),
    )


def _eye(d: int) -> Tensor:
    return torch.eye(d, dtype=torch.float64)
