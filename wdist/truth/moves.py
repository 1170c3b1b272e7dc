"""A law against its own image: shifted, or stretched about its mean, in any dimension and for every p.

All values come from one argument. A 1-Lipschitz φ to the line gives W_p(a, b) ≥ W_p(φ(a), φ(b)); with φ the
projection on the shift, or the distance from the centre, the move itself attains that bound.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.sources import Source
from wdist.truth.case import Case
from wdist.truth.laws import Box, Gaussian, Pushed, standard_gaussian
from wdist.truth.lines import ORDERS
from wdist.truth.transport import Affine, Coupling, Linear, Radial, identity

__all__ = [
    "axis",
    "diagonal",
    "random_direction",
    "scaling",
    "subspace_scaling",
    "translation",
    "wgan_example",
]


def axis(d: int) -> Tensor:
    """Give the first unit vector (d,)."""
    return torch.eye(d, dtype=torch.float64)[0]


def diagonal(d: int) -> Tensor:
    """Give the unit vector (1, ..., 1) / √d."""
    return torch.full((d,), 1 / math.sqrt(d), dtype=torch.float64)


def random_direction(d: int, seed: int = 5) -> Tensor:
    """Give a unit vector (d,) in a random direction."""
    v = torch.randn(d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    unit: Tensor = v / torch.linalg.vector_norm(v)
    return unit


def translation(delta: Tensor, law: Source | None = None, label: str = "") -> Case:
    """Give X + delta against X: W_p = |delta| for every p, whatever the law of X.

    Args:
        delta: The shift, shape (d,), not zero.
        law: Law of X, over d coordinates; None for N(0, I).
        label: Said in the case's name: a direction, a law.

    Raises:
        InputError: if delta is zero or no vector, or `law` lives in another space.

    Example:
        >>> translation(torch.tensor([3.0, 4.0])).w[2]
        5.0
    """
    delta = delta.to(torch.float64)
    length = float(torch.linalg.vector_norm(delta))
    if delta.ndim != 1 or length == 0:
        raise InputError(f"delta is {delta.tolist()!r}; pass a vector (d,) that is not zero")
    d = len(delta)
    base = standard_gaussian(d) if law is None else law
    shift = Affine(torch.eye(d, dtype=torch.float64), delta)
    return Case(
        name=" ".join(["translation", f"d={d}", *([label] if label else []), f"length={length:g}"]),
        a=Gaussian(delta, torch.eye(d, dtype=torch.float64)) if law is None else Pushed(law, shift, d),
        b=base,
        w=dict.fromkeys((*ORDERS, math.inf), length),
        origin="W_p ≥ |E x − E y| = |delta| by Jensen, and x = y + delta attains it",
        couple=Coupling(base, shift, identity),
        potential=Linear(delta / length),
    )


def wgan_example(theta: float) -> Case:
    """Give Example 1 of the WGAN paper: (θ, U) against (0, U) with U ~ U[0, 1]; W_p = |θ| for every p.

    The supports are parallel segments without a common point: the Jensen-Shannon divergence is log 2 and the
    total variation 1 for every θ ≠ 0, so neither says how far there is to go.

    Args:
        theta: Distance of the segments, signed, not zero.

    Raises:
        InputError: if theta is zero.

    Example:
        >>> wgan_example(-2.0).w[1]
        2.0
    """
    if theta == 0:
        raise InputError("theta is 0, where both laws are the same; pass another")
    delta = torch.tensor([theta, 0.0], dtype=torch.float64)
    segment = torch.tensor([0.0, 1.0], dtype=torch.float64)  # its upper end; its lower one is the origin
    b = Box(torch.zeros(2, dtype=torch.float64), segment)
    return Case(
        name=f"wgan example theta={theta:g}",
        a=Box(delta, delta + segment),
        b=b,
        w=dict.fromkeys((*ORDERS, math.inf), abs(theta)),
        origin="Arjovsky, Chintala and Bottou 2017, Example 1: W = |θ|",
        couple=Coupling(b, Affine(torch.eye(2, dtype=torch.float64), delta), identity),
        potential=Linear(delta / abs(theta)),
    )


def scaling(d: int, factor: float = 1.5) -> Case:
    """Give s·X against X for X ~ N(0, I_d): W_p = |s − 1|·(E|X|^p)^{1/p}, a moment of the chi law.

    W_1 = |s − 1|·√2·Γ((d + 1)/2)/Γ(d/2) and W_2 = |s − 1|·√d.

    Args:
        d: Number of coordinates.
        factor: s >= 0.

    Raises:
        InputError: if d < 1 or s < 0.

    Example:
        >>> round(scaling(16, 1.5).w[2], 12)
        2.0
    """
    return _stretched(f"scaling d={d} factor={factor:g}", d, d, factor, None)


def subspace_scaling(d: int, k: int, factor: float = 2.0, seed: int = 6) -> Case:
    """Give N(0, I_d) stretched by s in a random k-dimensional subspace, against N(0, I_d).

    W_p is that of `scaling` in k dimensions; the d − k directions in which nothing happens hide it.

    Args:
        d: Number of coordinates.
        k: Dimension of the subspace, 1 <= k <= d.
        factor: s >= 0.
        seed: Picks the subspace.

    Raises:
        InputError: if k is not in 1..d or s < 0.

    Example:
        >>> round(subspace_scaling(64, 16, 2.0).w[2], 12)
        4.0
    """
    if not 1 <= k <= d:
        raise InputError(f"k is {k!r}; a subspace of {d} dimensions has 1 to {d}")
    noise = torch.randn(d, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    basis = torch.linalg.qr(noise).Q  # (d, k)
    return _stretched(f"subspace scaling d={d} k={k} factor={factor:g}", d, k, factor, basis)


def _stretched(name: str, d: int, k: int, factor: float, basis: Tensor | None) -> Case:
    """Push N(0, I_d) through I + (factor − 1)·basis·basisᵀ; basis None is the whole space."""
    if not factor >= 0:
        raise InputError(
            f"factor is {factor!r}; a negative one turns points over, which is not optimal; pass one >= 0"
        )
    b = standard_gaussian(d)
    projector = torch.eye(d, dtype=torch.float64) if basis is None else basis @ basis.T
    stretch = torch.eye(d, dtype=torch.float64) + (factor - 1) * projector
    centre = torch.zeros(d, dtype=torch.float64)
    return Case(
        name=name,
        a=Gaussian(centre, stretch),
        b=b,
        w={p: abs(factor - 1) * _chi_norm(k, p) for p in ORDERS},
        origin="W_p ≥ W_p(|Πx|, |Πy|) = |s − 1|·(E|Πy|^p)^{1/p}, a chi moment; y + (s − 1)Πy attains it",
        couple=Coupling(b, Affine(stretch, centre), identity),
        potential=Radial(centre, math.copysign(1.0, factor - 1), basis),
    )


def _chi_norm(k: int, p: float) -> float:
    """Give (E|Z|^p)^{1/p} for Z ~ N(0, I_k): √2·(Γ((k + p)/2) / Γ(k/2))^{1/p}."""
    return math.sqrt(2) * math.exp((math.lgamma((k + p) / 2) - math.lgamma(k / 2)) / p)
