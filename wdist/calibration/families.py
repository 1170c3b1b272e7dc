"""The families of cases that a card is made of by default, each for any amount of transport.

A family moves mass in one manner, such as a shift along the diagonal. Its members differ in how far, told as u =
W1 over the root mean square distance of both laws from their centre (at most 2, two atoms), and by a number that picks
whatever is random in it: a direction, a subspace, a landscape.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from wdist.measures import as_samples
from wdist.truth import axis, diagonal, funnels, random_direction, scaling, subspace_scaling, translation
from wdist.truth import wgan_example as example
from wdist.truth.case import Case
from wdist.truth.laws import Gaussian, Pushed
from wdist.truth.transport import identity

__all__ = ["Family", "families"]

Family = Callable[[float, int], Case]
"""(u, which) -> a case; where the family cannot reach u, its farthest."""

FUNNELS, SEED_FUNNELS, DEEPEST = 8, 987, 0.85
ATOMS = 10
CONDITION = 30.0
FARTHEST = 0.9
"""Of the W1 over spread that stretching reaches in the limit."""


def families(dim: int) -> dict[str, Family]:
    """Give the standard families in `dim` coordinates, by name.

    Example:
        >>> case = families(2)["axis"](0.5, 0)
        >>> round(case.w[1] / math.sqrt(2 + case.w[1] ** 2 / 4), 12)
        0.5
    """
    found: dict[str, Family] = {
        "axis": lambda u, k: translation(_shift(u, dim) * axis(dim), label="axis"),
        "scaling": lambda u, k: scaling(dim, _factor(u, dim, dim)),
        "gaussian": lambda u, k: _correlated(u, dim, k),
        "points": lambda u, k: _points(u, dim, k),
        "funnels": lambda u, k: _funnels(u, dim, k),
    }
    if dim > 1:
        found |= {
            "diagonal": lambda u, k: translation(_shift(u, dim) * diagonal(dim), label="diagonal"),
            "random": lambda u, k: translation(_shift(u, dim) * random_direction(dim, k), label=f"random {k}"),
            "subspace": lambda u, k: subspace_scaling(
                dim, dim // 2, _factor(u, dim, dim // 2), seed=k
            ),
        }  # fmt: skip
    if dim == 2:
        found["line"] = lambda u, k: example(_shift(u, 1 / 12))
    return found


def _shift(u: float, variance: float) -> float:
    """How far to move a law of this total variance: u² = δ² / (variance + δ²/4)."""
    return u * math.sqrt(variance / (1 - u * u / 4))


def _factor(u: float, d: int, k: int) -> float:
    """By what to stretch k of d normal coordinates: u²·(k(s² + 1)/2 + d − k) = (s − 1)²χ², χ = E|N(0, I_k)|."""
    chi2 = 2 * math.exp(2 * (math.lgamma((k + 1) / 2) - math.lgamma(k / 2)))
    u2 = min(u, FARTHEST * math.sqrt(2 * chi2 / k)) ** 2
    p, q = chi2 - u2 * k / 2, chi2 - u2 * (d - k / 2)  # p·s² − 2χ²·s + q = 0
    return (chi2 + math.sqrt(chi2 * chi2 - p * q)) / p


def _correlated(u: float, d: int, which: int) -> Case:
    """A normal law of random axes and uneven variances, moved in a random direction."""
    rng = torch.Generator().manual_seed(which)
    spectrum = torch.logspace(0, -math.log10(CONDITION) / 2, d, dtype=torch.float64)
    axes = torch.linalg.qr(torch.randn(d, d, generator=rng, dtype=torch.float64)).Q
    law = Gaussian(torch.zeros(d, dtype=torch.float64), axes * spectrum)
    length = _shift(u, float(spectrum.square().sum()))
    return translation(length * random_direction(d, which + 1), law, f"gaussian {which}")


def _points(u: float, d: int, which: int) -> Case:
    """Some point masses, moved in a random direction."""
    x: Tensor = torch.randn(ATOMS, d, generator=torch.Generator().manual_seed(which), dtype=torch.float64)
    x = x - x.mean(dim=0)
    length = _shift(u, float(x.square().sum(dim=1).mean()))
    return translation(
        length * random_direction(d, which + 1), Pushed(as_samples(x), identity, d), f"points {which}"
    )


def _funnels(u: float, d: int, which: int) -> Case:
    """Funnels whose depth is a share of their reach: (power − 1) / (d + power)."""
    share = min(u, DEEPEST)
    return funnels(d, FUNNELS, power=(1 + share * d) / (1 - share), seed=SEED_FUNNELS + which)
