"""The Sinkhorn divergence, as a report (`Sinkhorn`) and as a differentiable kernel (`sinkhorn_divergence`).

S_ε(a, b) = OT_ε(a, b) − OT_ε(a, a)/2 − OT_ε(b, b)/2 (Genevay, Peyre, Cuturi 2018; Feydy et al. 2019): entropy
makes transport smooth, the two self terms take away the bias that it brings, so that S is zero on equal
measures and tends to W_p**p as ε falls. S is not W_p: the report adds what its potentials and its rounded
plan prove about W_p itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from wdist.costs import METRICS, centred
from wdist.errors import InputError, NotConvergedError
from wdist.methods.kernel import check_kernel_input, masses
from wdist.methods.method import Method
from wdist.options import check_positive, check_whole
from wdist.plans.ctransform import dual_bound
from wdist.plans.entropic import MEMORY, Entropic, entropic_potentials
from wdist.plans.envelope import entropic_value
from wdist.plans.online import FORMULAS, has_keops
from wdist.plans.pairs import TINY, Powers, Squares, block_bytes, ground_cost, held_bytes, row_blocks
from wdist.plans.rounding import plan_from_potentials, round_to_coupling
from wdist.question import Question, in_units
from wdist.result import Bound, Estimate, Target
from wdist.rng import Rng

__all__ = ["Sinkhorn", "SinkhornDetail", "sinkhorn_divergence"]

HINT_STEPS = 1  # given to the self potentials as a guess for (a, b), which they solve where a equals b


@dataclass(frozen=True, eq=False)
class SinkhornDetail:
    """What the solver found.

    Attributes:
        epsilon: Strength of the entropy, in the unit of W_p**p.
        iterations: Sinkhorn steps, of the cross term and of both self terms.
        marginal_error: Mass that the worst of the three plans has in the wrong place.
        potential_a: Entropic potential at the rows of a, (n,), in the unit of W_p**p.
        potential_b: The same at the rows of b, (m,).
    """

    epsilon: float
    iterations: int
    marginal_error: float
    potential_a: np.ndarray[Any, Any]
    potential_b: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sinkhorn(Method):
    """Debiased entropic transport, S_ε**(1/p), with a certified bracket around W_p.

    Attributes:
        blur: Sets epsilon = blur**2 · (mean of distance**p over all pairs of a and b), so that the answer
            moves with the unit of the data. For p = 2, mass is blurred over `blur` times the root mean square
            distance.
        epsilon: The strength of the entropy itself, in the unit of the data to the power p; overrides `blur`.
        tol: Share of the mass that may sit in the wrong place at the end; the value's own error is of second
            order in it.
        max_iter: Steps after which the answer is handed out as not converged.
        keops: Whether KeOps makes the sums over pairs, without a matrix; None for a GPU that has it and no room
            for the matrix.
    """

    blur: float = 0.05
    epsilon: float | None = None
    tol: float = 1e-4
    max_iter: int = 3000
    keops: bool | None = None

    name: ClassVar[str] = "sinkhorn"
    when: ClassVar[str] = "a smooth stand-in for W_p, as a loss or on a GPU; with a bracket around W_p"
    cost: ClassVar[str] = "some 100 passes over all pairs, which are held where small: 5000 x 5000 in seconds"
    besides: ClassVar[str] = "entropic: near W_p, not W_p itself"
    draws: ClassVar[int | None] = 2000

    def __post_init__(self) -> None:
        check_positive("blur", self.blur)
        check_positive("tol", self.tol)
        check_whole("max_iter", self.max_iter)
        if self.epsilon is not None:
            check_positive("epsilon", self.epsilon, "pass a finite number above zero, or None to go by blur")
        _check_keops(self.keops)

    def refusal(self, question: Question) -> str | None:
        """Refuse p = inf and the laws as target."""
        if question.target is Target.POPULATION:
            return "it speaks of the samples, not of the laws that they came from; use 'population'"
        if math.isinf(question.p):
            return "entropic transport needs a finite p; pass one, or use 'line' or 'discrete' for p=inf"
        if self.keops and question.metric not in FORMULAS:
            return f"KeOps is given formulas for {' and '.join(FORMULAS)} only; leave keops at None"
        return None

    def memory(self, question: Question) -> int:
        """Count the matrices that are held, the largest kernel in both precisions, blocks and small change."""
        n, m = question.sizes
        square = (max(n, m),) * 2
        held = held_bytes((n, m)) + held_bytes(square) + held_bytes(square, torch.float32)
        if question.metric != "euclidean" or question.p != 2:
            held += held_bytes(square)  # the cost of a self term
        blocks = 8 * max(block_bytes(question.device), 8 * max(n, m))
        return held + blocks + 8 * (n + m) * (6 * question.dim + 2 * MEMORY + 40)

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Solve three entropic problems; bound W_p by the potentials and the rounded plan of the first."""
        p, metric = question.p, question.metric
        a, b = (measure.weights for measure in question.samples)
        x, y, scale, native = in_units(question)
        gaps = ground_cost(x, y, metric, 1.0, native)
        longest = float(gaps.largest()) or 1.0
        unit = scale * longest  # the costs are in [0, 1], and no power is lost to over- or underflow
        power = float(torch.tensor(unit, dtype=torch.float64) ** p)  # inf where it must be
        truth = gaps.raised(p, longest)
        cost = Squares(x, y, longest) if metric == "euclidean" and p == 2 else truth
        mean = float(sum(a[rows] @ truth.block(rows) @ b for rows in row_blocks(truth)))
        epsilon = self.blur**2 * mean if self.epsilon is None else self.epsilon / power
        epsilon = epsilon or 1.0  # all points are one
        at_a, at_b = (
            _solve(ground_cost(z, z, metric, p, native, longest), w, w, epsilon, self)
            for z, w in ((x, a), (y, b))
        )
        found = _solve(cost, a, b, epsilon, self, guess=(at_a.u, at_b.v))
        divergence = float((found.value - (at_a.value + at_b.value) / 2).clamp(min=0))
        lower = max(0.0, dual_bound(found.v, x, y, a, b, cost=truth).value - TINY)
        plan = plan_from_potentials(found.u, found.v, cost, a, b, epsilon)
        upper = round_to_coupling(plan, a, b).cost(truth)
        error = float(torch.stack([part.error for part in (found, at_a, at_b)]).max())
        steps = sum(part.iterations for part in (found, at_a, at_b))
        potentials = (found.u * power).cpu().numpy(), (found.v * power).cpu().numpy()
        detail = SinkhornDetail(epsilon * power, steps, error, *potentials)
        return Estimate(
            unit * divergence ** (1 / p), p, self.name, Bound.NONE, Target.SAMPLE,
            f"Sinkhorn divergence {question.name} (epsilon={detail.epsilon:.3g})",
            lower=unit * min(lower, upper) ** (1 / p), upper=unit * upper ** (1 / p),
            converged=error <= self.tol, message=self._message(question, error), detail=detail,
        )  # fmt: skip

    def _message(self, question: Question, error: float) -> str:
        if error <= self.tol:
            return f"Entropic, so not {question.name} itself, which lies in the certified bracket."
        off = f"the marginal error is {error:.2g}" if error < 1 else "the marginals are not met at all"
        return (
            f"{off} after max_iter={self.max_iter} steps, above tol={self.tol:g}."
            " Raise max_iter or blur (or epsilon)."
        )


def sinkhorn_divergence(
    x: Tensor, y: Tensor, *, epsilon: float, p: float = 2.0, weights_x: Tensor | None = None,
    weights_y: Tensor | None = None, metric: str = "euclidean", tol: float = 1e-4, max_iter: int = 3000,
    keops: bool | None = None,
) -> Tensor:  # fmt: skip
    """Sinkhorn divergence S_ε**(1/p), batched over leading dimensions; differentiable.

    S_ε(a, b) = OT_ε(a, b) − OT_ε(a, a)/2 − OT_ε(b, b)/2, with cost distance**p and entropy ε KL(P | a⊗b)
    (Feydy et al. 2019, eq. (3)). Computed in float64. The potentials are found outside of autograd; at the
    optimum the dual value's gradient at fixed potentials is that of OT_ε (envelope theorem), so no iteration
    is kept for the backward pass.

    Args:
        x: Points of the first measure, shape (..., n, d), float32 or float64; the unit of the result.
        y: Points of the second, shape (..., m, d), with the same leading dimensions.
        epsilon: Strength of the entropy, in the unit of x to the power p. A few percent of the mean of
            distance**p blurs little; ten times less takes several times longer.
        p: Order, 1 <= p < inf.
        weights_x: Masses, shape (n,) or (..., n), non-negative; divided by their sum. None for equal masses.
        weights_y: Masses, shape (m,) or (..., m).
        metric: "euclidean", "cityblock" or "chebyshev".
        tol: Share of the mass that may sit in the wrong place at the end. The gradient is as exact as that: take
            1e-6 where it is compared with finite differences.
        max_iter: Limit on the steps of each of the three solves.
        keops: Whether KeOps makes the sums over pairs; None for a GPU that has it and no room for the matrix.

    Returns:
        S_ε**(1/p) (its p-th power is the divergence as papers define it), shape (...), in the dtype and on
        the device of `x`; 0 with gradient 0 where S_ε is not positive.

    Raises:
        InputError: if shapes disagree, epsilon is not positive, or p < 1 or inf.
        NotConvergedError: if the marginals are not within `tol` after `max_iter` steps.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
        >>> round(float(sinkhorn_divergence(x, x + torch.tensor([0.0, 2.0]), epsilon=0.1)), 4)
        2.0
    """
    check_kernel_input(x, y, p, rows=1)
    if math.isinf(p) or not epsilon > 0 or metric not in METRICS:
        raise InputError(
            f"p is {p!r}, epsilon {epsilon!r}, metric {metric!r}; "
            f"pass a finite p, an epsilon > 0 and one of {', '.join(METRICS)}"
        )
    if keops and metric not in FORMULAS:
        raise InputError(
            f"KeOps is given formulas for {' and '.join(FORMULAS)}, not {metric}; leave keops at None"
        )
    options = Sinkhorn(epsilon=epsilon, tol=tol, max_iter=max_iter, keops=keops)
    a, b = masses(weights_x, x), masses(weights_y, y)  # (..., n), (..., m)
    xs, ys = centred(x, y)
    problems = [(xs, xs, a, a), (ys, ys, b, b), (xs, ys, a, b)]
    costs = [ground_cost(first, second, metric, p) for first, second, *_ in problems]
    at_a, at_b = (_solve(cost, w, w, epsilon, options) for cost, w in zip(costs[:2], (a, b), strict=True))
    found = [at_a, at_b, _solve(costs[2], a, b, epsilon, options, guess=(at_a.u, at_b.v))]
    for part in found:
        worst = float(part.error.max())
        if not worst <= tol:
            raise NotConvergedError(
                f"the marginal error is {worst:.2g} after max_iter={max_iter} steps, above tol={tol:g}; "
                "raise epsilon or max_iter"
            )
    within_x, within_y, across = (
        entropic_value(cost, first, second, part, epsilon)
        for cost, (_, _, first, second), part in zip(costs, problems, found, strict=True)
    )
    divergence = across - (within_x + within_y) / 2  # (...)
    safe = torch.where(divergence > 0, divergence, 1.0)
    return torch.where(divergence > 0, safe ** (1 / p), 0.0).to(x.dtype)


def _check_keops(keops: bool | None) -> None:
    if keops not in (None, True, False):
        raise InputError(f"keops is {keops!r}; pass True, False, or None for where it is quicker")
    if keops and not has_keops():
        raise InputError(
            "keops is True, but KeOps is not installed: pip install 'wdist[keops]', or leave it at None"
        )


def _solve(
    cost: Powers, a: Tensor, b: Tensor, epsilon: float, options: Sinkhorn,
    guess: tuple[Tensor, Tensor] | None = None,
) -> Entropic:  # fmt: skip
    """Solve from potentials that may be right, at once where they are, else by lowering epsilon."""
    solve = partial(entropic_potentials, cost, a, b, epsilon, tol=options.tol, keops=options.keops)
    with torch.no_grad():
        if guess is None:  # a self term: quickly from zero, since its kernel's diagonal is one
            return solve(max_iter=options.max_iter, guess=(torch.zeros_like(a), torch.zeros_like(b)))
        hint = solve(max_iter=HINT_STEPS, guess=guess)
        done = hint.error <= options.tol  # (...)
        if bool(done.all()):
            return hint
        late = solve(max_iter=options.max_iter)
        u, v = (torch.where(done[..., None], *pair) for pair in ((hint.u, late.u), (hint.v, late.v)))
        error, value = (
            torch.where(done, *pair) for pair in ((hint.error, late.error), (hint.value, late.value))
        )
        return Entropic(u, v, error, hint.iterations + late.iterations, value)
