"""Cases on the line, where x = F⁻¹(u), y = G⁻¹(u) is optimal for every p (Villani 2003, Thm 2.18).

In each case here both quantile functions are affine in one another, so the gap between them is an affine
function of one random number, and W_p is the p-norm of that function.
"""

from __future__ import annotations

import math

import torch
from scipy.special import hyp1f1

from wdist.errors import InputError
from wdist.truth.case import Case
from wdist.truth.laws import Box, Exponential, Gaussian
from wdist.truth.transport import Coupling, affine_on_line, identity, potential_on_line

__all__ = ["ORDERS", "exponentials", "gaussians_on_line", "intervals"]

ORDERS = (1.0, 1.5, 2.0, 3.0)
"""The finite orders that a case with a formula for every p lists in `Case.w`."""


def intervals(a: tuple[float, float], b: tuple[float, float]) -> Case:
    """Give U[a_0, a_1] against U[b_0, b_1].

    The quantile functions differ by g(t) = g_0 + (g_1 − g_0)·t with g_i = a_i − b_i, so
    W_p^p = ∫_0^1 |g(t)|^p dt = (g_1|g_1|^p − g_0|g_0|^p) / ((p + 1)(g_1 − g_0)) and W_∞ = max |g_i|.

    Args:
        a: Ends of the first interval, a_0 <= a_1; equal ends are an atom.
        b: Ends of the second.

    Raises:
        InputError: if an interval ends before it begins.

    Example:
        >>> intervals((0.0, 2.0), (0.0, 1.0)).w[1]
        0.5
    """
    gap = (a[0] - b[0], a[1] - b[1])
    w = {p: _mean_power_of_affine(*gap, p) ** (1 / p) for p in ORDERS}
    to_a, to_b = (a[1] - a[0], a[0]), (b[1] - b[0], b[0])  # quantile functions: slope and value at 0
    return Case(
        name=f"intervals U[{a[0]:g},{a[1]:g}] U[{b[0]:g},{b[1]:g}]",
        a=_interval(*a),
        b=_interval(*b),
        w=w | {math.inf: max(abs(gap[0]), abs(gap[1]))},
        origin="W_p^p = ∫_0^1 |g_0 + (g_1 − g_0)t|^p dt, g the quantile gap (Villani 2003, Thm 2.18)",
        couple=Coupling(_interval(0.0, 1.0), affine_on_line(*to_a), affine_on_line(*to_b)),
        potential=potential_on_line(to_a, to_b),
    )


def exponentials(rate_a: float, rate_b: float) -> Case:
    """Give Exp(λ) against Exp(μ).

    The quantile functions are −log(1 − t)/λ and −log(1 − t)/μ, so
    W_p = |1/λ − 1/μ|·(E Z^p)^{1/p} with Z ~ Exp(1), that is |1/λ − 1/μ|·Γ(p + 1)^{1/p}.

    Args:
        rate_a: λ > 0, in 1 / unit.
        rate_b: μ > 0.

    Raises:
        InputError: if a rate is not positive.

    Example:
        >>> exponentials(1.0, 2.0).w[1]
        0.5
    """
    if not (rate_a > 0 and rate_b > 0):
        raise InputError(f"the rates are {rate_a!r} and {rate_b!r}; a rate is > 0")
    gap = abs(1 / rate_a - 1 / rate_b)
    b = Exponential(rate_b)
    return Case(
        name=f"exponentials rates {rate_a:g} {rate_b:g}",
        a=Exponential(rate_a),
        b=b,
        w={p: gap * math.gamma(p + 1) ** (1 / p) for p in ORDERS},
        origin="W_p = |1/λ − 1/μ|·Γ(p + 1)^{1/p}, from the quantile functions −log(1 − t)/rate",
        couple=Coupling(b, affine_on_line(rate_b / rate_a, 0.0), identity),
        potential=potential_on_line((1 / rate_a, 0.0), (1 / rate_b, 0.0)),
    )


def gaussians_on_line(mean_a: float, std_a: float, mean_b: float, std_b: float) -> Case:
    """Give N(m_a, s_a²) against N(m_b, s_b²) on the line, for every p.

    The quantile functions differ by G = (m_a − m_b) + (s_a − s_b)Z with Z ~ N(0, 1), so W_p = (E|G|^p)^{1/p}.
    For p = 1 that is the mean of a folded normal (Leone, Nelson and Nottingham 1961), for p = 2
    √((m_a − m_b)² + (s_a − s_b)²), in general Winkelbauer 2012, eq. (17). For s_a = s_b it is |m_a − m_b|,
    also at p = ∞.

    Args:
        mean_a: m_a.
        std_a: s_a >= 0, a standard deviation.
        mean_b: m_b.
        std_b: s_b >= 0.

    Raises:
        InputError: if a standard deviation is negative.

    Example:
        >>> round(gaussians_on_line(3.0, 5.0, 0.0, 1.0).w[2], 12)
        5.0
    """
    if not (std_a >= 0 and std_b >= 0):
        raise InputError(f"the standard deviations are {std_a!r} and {std_b!r}; they must be >= 0")
    shift, spread = mean_a - mean_b, abs(std_a - std_b)
    w = {p: _absolute_moment(shift, spread, p) ** (1 / p) for p in ORDERS}
    to_a, to_b = (std_a, mean_a), (std_b, mean_b)
    return Case(
        name=f"gaussians 1-d N({mean_a:g},{std_a:g}²) N({mean_b:g},{std_b:g}²)",
        a=_normal(mean_a, std_a),
        b=_normal(mean_b, std_b),
        w=w if spread else w | {math.inf: abs(shift)},
        origin="W_p^p = E|(m_a − m_b) + (s_a − s_b)Z|^p (quantile functions); Winkelbauer 2012, eq. (17)",
        couple=Coupling(_normal(0.0, 1.0), affine_on_line(*to_a), affine_on_line(*to_b)),
        potential=potential_on_line(to_a, to_b),
    )


def _interval(low: float, high: float) -> Box:
    return Box(torch.tensor([low], dtype=torch.float64), torch.tensor([high], dtype=torch.float64))


def _normal(mean: float, std: float) -> Gaussian:
    return Gaussian(torch.tensor([mean], dtype=torch.float64), torch.tensor([[std]], dtype=torch.float64))


def _mean_power_of_affine(start: float, end: float, p: float) -> float:
    """Give ∫_0^1 |start + (end − start)·t|^p dt, without cancellation where start is close to end."""
    low, high = sorted((abs(start), abs(end)))
    if high == 0:
        return 0.0
    if start * end < 0:  # the gap changes sign: two triangles
        return float((high ** (p + 1) + low ** (p + 1)) / ((p + 1) * (high + low)))
    short = (high - low) / high  # 1 − low/high
    if short == 0:
        return float(high**p)
    fall = 1.0 if low == 0 else -math.expm1((p + 1) * math.log1p(-short))  # 1 − (low/high)^{p+1}
    return float(high**p * fall / ((p + 1) * short))


def _absolute_moment(mean: float, std: float, p: float) -> float:
    """Give E|mean + std·Z|^p for Z ~ N(0, 1) (Winkelbauer 2012, eq. 17)."""
    if std == 0:
        return float(abs(mean) ** p)
    standard = 2 ** (p / 2) * math.gamma((p + 1) / 2) / math.sqrt(math.pi)  # E|Z|^p
    return float(std**p * standard * hyp1f1(-p / 2, 0.5, -((mean / std) ** 2) / 2))
