"""Exact W_p between discrete measures in any dimension, a report (`Discrete`) and a differentiable kernel (`emd`).

The report has an engine solve the problem, one that holds the whole n × m cost (`plans/dense.py`) or one that holds
none (`plans/sparse.py`), and keeps what a certificate over all pairs proves: if primal and dual agree to 1e-9
the answer is EXACT, else the bracket is handed out unconverged. For p = inf the coupling is a bottleneck assignment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from wdist.costs import METRICS, centred, common_centre, distances, pair_distances
from wdist.errors import InputError, NotConvergedError
from wdist.measures import Samples
from wdist.memory import available_bytes
from wdist.methods.engines import engine_refusal, fastest_engine
from wdist.methods.kernel import check_kernel_input, masses
from wdist.methods.method import Method
from wdist.options import check_positive, check_whole
from wdist.plans.bottleneck import bottleneck
from wdist.plans.dense import ENGINES, Array, Coupling, Solution, solve_power
from wdist.plans.settle import LIST
from wdist.plans.sparse import solve_sparse
from wdist.question import Question
from wdist.result import Bound, Estimate, Target
from wdist.rng import Rng

__all__ = ["Discrete", "DiscreteDetail", "emd"]

GAP = 1e-9
LARGE = 2**31  # bytes from which on it is worth asking how much memory there is


@dataclass(frozen=True, eq=False)
class DiscreteDetail:
    """What the exact solver found.

    Attributes:
        plan: An optimal coupling by its positive entries.
        potential_a: Feasible dual values at the rows of a, (n,), in the unit of W_p**p; None for p = inf and where
            that power is beyond double precision.
        potential_b: The same at the rows of b, (m,): potential_a[i] + potential_b[j] <= cost[i, j] for all
            pairs.
        gap: (upper - lower) / upper, as certified.
        engine: Which engine found the plan.
        iterations: Bids of the engine "sparse"; None for the others, which do not tell.
    """

    plan: Coupling
    potential_a: Array | None
    potential_b: Array | None
    gap: float
    engine: str
    iterations: int | None = None


@dataclass(frozen=True)
class Discrete(Method):
    """Exact W_p between weighted clouds, certified to 1e-9 over all pairs.

    Attributes:
        engine: "sparse" (auctions in O(nk) memory), "pot" (network simplex), "scipy" or "lapx" (assignments only),
            or "auto": whichever was measured to be fastest on problems of this order, dimension, kind of
            mass and size.
        max_iter: First iteration limit of the network simplex; a run that hits it is run on, never reported.
        time_limit: Seconds after which the engine "sparse", the only one that can be stopped, hands out the certified
            bracket that it has, not converged. The certificate itself, two walks over all pairs, comes on top.
    """

    engine: str = "auto"
    max_iter: int = 1_000_000
    time_limit: float | None = None

    name: ClassVar[str] = "discrete"
    when: ClassVar[str] = "any dimension, weights and ground metric, up to some thousand points a side; exact"
    cost: ClassVar[str] = (
        "O(n) memory where engine 'sparse' serves, else O(nm): 5000 x 5000 in one to ten seconds"
    )
    besides: ClassVar[str] = "exact too, but slow beyond some ten thousand points"
    draws: ClassVar[int | None] = 2000

    def __post_init__(self) -> None:
        if self.engine not in ("auto", "sparse", *ENGINES):
            raise InputError(f"engine is {self.engine!r}; choose auto, sparse, {', '.join(ENGINES)}")
        check_whole("max_iter", self.max_iter, 1, "pass an iteration limit of at least 1")
        if self.time_limit is not None:
            check_positive("time_limit", self.time_limit, "pass seconds above zero, or None for no limit")
            if self.engine in ENGINES:
                raise InputError(
                    f"engine {self.engine!r} cannot be stopped; pass engine='sparse' with time_limit"
                )

    def refusal(self, question: Question) -> str | None:
        """Refuse the laws as target, p = inf beyond assignments, and engines that cannot hold weights."""
        if question.target is Target.POPULATION:
            return "it measures between the samples, which overstates the distance between the laws; use 'population'"
        if math.isinf(question.p) and not question.matched:
            return (
                "p=inf is exact here only for equally many points of equal weight; use 'line', or a finite p"
            )
        stoppable = self.engine == "sparse" or self.time_limit is not None
        if not stoppable and (self.engine == "auto" or math.isinf(question.p)):
            return None  # "auto" takes an engine that can; which one, is asked when it comes to that
        return engine_refusal(self._engine(question), question)

    def memory(self, question: Question) -> int:
        """Points, lists and holdings of the engine "sparse"; else the cost matrix and what is built beside it."""
        n, m = question.sizes
        if math.isinf(question.p):
            return 42 * n * m
        engine = self._engine(question)
        if engine == "sparse":
            return (n + m) * (48 * question.dim + 400) + 16 * max(n, m) * LIST + 2**26
        return (44 if engine == "pot" else 20) * n * m

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Solve and certify."""
        if math.isinf(question.p):
            return self._bottleneck(question)
        return self._report(*self.solve(question), question)

    def solve(self, question: Question) -> tuple[Solution, float]:
        """Find coupling and potentials for a finite p, in units of a length to that power, and the length.

        What float64 denies to prices shared by all pairs, the network simplex may still do.
        """
        engine = self._engine(question)
        if engine == "sparse":
            found, scale = self._sparse(question)
            room = 44 * math.prod(question.sizes) <= available_bytes() // 2
            bound = self.engine == "sparse" or self.time_limit is not None
            if bound or not room or _gap(*_bracket(found, scale, question.p)) <= GAP:
                return found, scale
            engine = "pot"
        a, b = (m.weights.cpu().numpy() for m in question.samples)
        return solve_power(
            _cost(question), question.p, a, b, matched=question.matched, engine=engine, max_iter=self.max_iter
        )

    def _engine(self, question: Question) -> str:
        if self.engine != "auto":
            return self.engine
        if self.time_limit is not None:
            return "sparse"
        matrix = 44 * math.prod(question.sizes)
        if matrix > LARGE and matrix > available_bytes() // 2 and not engine_refusal("sparse", question):
            return "sparse"  # slower than another, perhaps, but the others need room that is not there
        return fastest_engine(question)

    def _sparse(self, question: Question) -> tuple[Solution, float]:
        assert isinstance(question.metric, str)
        a, b = question.samples
        x, y = (m.points.cpu().numpy().astype(np.float64) for m in (a, b))  # NumPy wakes no second thread
        centre = common_centre(x, y)
        wa, wb = a.weights.cpu().numpy(), b.weights.cpu().numpy()
        always = np.random.default_rng(
            0
        )  # an exact answer is no matter of chance, not in its last digit either
        return solve_sparse(
            x - centre, y - centre, wa, wb, METRICS[question.metric], question.p, rng=always,
            time_limit=self.time_limit,
        )  # fmt: skip

    def _report(self, found: Solution, scale: float, question: Question) -> Estimate:
        p = question.p
        lower, upper = _bracket(found, scale, p)
        gap = _gap(lower, upper)
        exact = gap <= GAP
        with np.errstate(over="ignore", under="ignore"):
            unit = np.float64(scale) ** p
        held = 0 < unit < math.inf
        u, v = (potential * unit if held else None for potential in (found.potential_a, found.potential_b))
        detail = DiscreteDetail(found.coupling, u, v, gap, found.engine, found.iterations)
        message = "" if exact else f"the certificate leaves a relative gap of {gap:.2g}, above {GAP:g}."
        if not exact and self.time_limit is not None:
            message += f" time_limit was {self.time_limit:g} s; raise it."
        return Estimate(
            upper, p, self.name, Bound.EXACT if exact else Bound.UPPER, Target.SAMPLE, question.name,
            lower=lower, upper=upper, converged=exact, message=message, detail=detail,
        )  # fmt: skip

    def _bottleneck(self, question: Question) -> Estimate:
        value, columns = bottleneck(_cost(question))
        n = len(columns)
        plan = Coupling(np.arange(n), columns, np.full(n, 1 / n))
        detail = DiscreteDetail(plan, None, None, 0.0, "scipy")
        return Estimate(
            value, question.p, self.name, Bound.EXACT, Target.SAMPLE, question.name,
            lower=value, upper=value, detail=detail,
        )  # fmt: skip


def _cost(question: Question) -> Array:
    """Distances between all pairs, (n, m)."""
    a, b = question.samples
    native = "torch" if "torch" in (a.native, b.native) else "numpy"
    x, y = a.points.cpu(), b.points.cpu()
    x, y = (x.double(), y.double()) if callable(question.metric) else centred(x, y)
    return distances(x, y, question.metric, native).numpy()


def _bracket(found: Solution, scale: float, p: float) -> tuple[float, float]:
    """What is certified of W_p."""
    return scale * found.dual ** (1 / p), scale * found.primal ** (1 / p)


def _gap(lower: float, upper: float) -> float:
    return (upper - lower) / upper if upper > 0 else 0.0


def emd(
    x: Tensor, y: Tensor, *, p: float = 1.0, weights_x: Tensor | None = None, weights_y: Tensor | None = None,
    metric: str = "euclidean",
) -> Tensor:  # fmt: skip
    """Exact W_p between discrete measures, batched over leading dimensions; differentiable (earth mover's distance).

    The optimal plan γ and potentials u, v are found outside of autograd; by the envelope theorem the gradient
    of W_p^p is γ in the cost and u, v in the masses (Peyre and Cuturi 2019, Prop. 9.2). Problems of a batch
    are solved in turn, each by the engine that `Discrete` would take: where that is "sparse", in O(n) memory.

    Args:
        x: Points of the first measure, shape (..., n, d), float32 or float64; the unit of the result.
        y: Points of the second, shape (..., m, d), with the same leading dimensions.
        p: Order, 1 <= p < inf.
        weights_x: Masses, shape (n,) or (..., n), non-negative; divided by their sum. None for equal masses.
        weights_y: Masses, shape (m,) or (..., m).
        metric: "euclidean", "cityblock" or "chebyshev".

    Returns:
        W_p (not W_p**p), shape (...), in the dtype and on the device of `x`.

    Raises:
        InputError: if shapes disagree, p < 1 or p is inf.
        NotConvergedError: if the solver fails.

    Example:
        >>> float(emd(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])))
        5.0
    """
    check_kernel_input(x, y, p, rows=1)
    if metric not in METRICS:
        raise InputError(f"metric is {metric!r}; choose one of {', '.join(METRICS)}")
    if math.isinf(p):
        raise InputError("p is inf; emd is differentiable for finite p only; use wdist.estimate(..., p=inf)")
    batch = x.shape[:-2]
    wx, wy = masses(weights_x, x), masses(weights_y, y)
    flat = [t.reshape(-1, *t.shape[len(batch) :]) for t in (x, y, wx, wy)]
    values = [_emd_one(*parts, p=p, metric=metric) for parts in zip(*flat, strict=True)]
    return torch.stack(values).reshape(batch)


def _emd_one(x: Tensor, y: Tensor, a: Tensor, b: Tensor, *, p: float, metric: str) -> Tensor:
    """One problem: (n, d), (m, d), (n,), (m,) -> 0-d."""
    first, second = (
        Samples(points.detach(), w.detach(), bool((w == w[0]).all())) for points, w in ((x, a), (y, b))
    )
    found, scale = Discrete().solve(Question(first, second, p, metric))
    lower, upper = _bracket(found, scale, p)
    if _gap(lower, upper) > GAP:
        raise NotConvergedError(f"the certificate leaves {lower:.9g} <= W{p:g} <= {upper:.9g}")
    rows, cols, mass, u, v = (
        torch.as_tensor(t, device=x.device)
        for t in (
            found.coupling.rows,
            found.coupling.cols,
            found.coupling.mass,
            found.potential_a,
            found.potential_b,
        )
    )
    gaps = pair_distances(x[rows].double(), y[cols].double(), metric) / scale  # (k,), along the plan only
    total = (mass * gaps**p).sum() + (a - a.detach()) @ u + (b - b.detach()) @ v
    if not bool(total.detach() > 0):
        return (total * 0.0).to(x.dtype)
    return (scale * total ** (1 / p)).to(x.dtype)
