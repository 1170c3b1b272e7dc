"""Lower and upper bounds on W_p between two samples, from any potential and any plan.

Nothing that comes in is trusted: a potential is stretched to the multiple that proves most and put through the
c-transform on both sides, a plan is mended to a coupling of the samples' own masses. So a critic of any constraint, a
solver that was interrupted or a guess gives bounds that hold; where the two meet, the answer is exact.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from wdist.arrays import as_tensor
from wdist.costs import Metric, pair_distances
from wdist.errors import InputError
from wdist.methods import Sinkhorn
from wdist.methods.sliced import draw_directions
from wdist.plans.couplings import completed, greedy_coupling, sorted_coupling
from wdist.plans.ctransform import dual_bound
from wdist.plans.dense import Coupling
from wdist.plans.pairs import TINY, Matrix, dense, ground_cost
from wdist.plans.rounding import round_to_coupling
from wdist.plans.scale import best_multiple
from wdist.question import Question, ask, in_units
from wdist.result import Bound, Estimate, Target
from wdist.rng import Rng, Seed, as_rng

__all__ = ["PLANS", "bounds"]

PLANS = ("sinkhorn", "sliced", "greedy")
GAP = 1e-9
DIRECTIONS = 64
"""Random ones that "sliced" tries, besides the difference of the means and the widest axes."""
AXES = 8

Potential = str | Callable[[Any], Any] | Any
Plan = str | Coupling | Any


def bounds(
    a: Any,
    b: Any,
    *,
    p: float = 1,
    potential: Potential | None = None,
    plan: Plan | None = None,
    weights_a: Any = None,
    weights_b: Any = None,
    normalize_weights: bool = False,
    metric: Metric = "euclidean",
    seed: Seed = 0,
) -> Estimate:
    """Bound W_p between two samples from below by a potential, from above by a plan; both certified.

    Below: for any v, Σ a u + Σ b v with u_i = min_j (c_ij − v_j) is at most W_p**p (Kantorovich duality, Villani 2003,
    Thm 1.3). Above: no coupling costs less than W_p**p. Both walk the pairs in blocks.

    Args:
        a: Points (n,) or (n, d), array-like.
        b: Points (m,) or (m, d).
        p: Order, finite.
        potential: A function from points (n, d) to values (n,), as a critic of any constraint and scale, its values
            larger on a or on b; or values at the rows of b, (m,), such as `est.detail.potential_b`; or "sinkhorn".
        plan: What mass goes where: a matrix (n, m), entries `est.detail.plan` of a solver that may have stopped early,
            or "sinkhorn" (rounded), "sliced" (the best of some directions), "greedy" (each row to the nearest
            room that is left). Masses that it misses are mended. With neither potential nor plan, both are "sinkhorn".
        weights_a: Masses of the points of a, (n,), summing to one; None for equal ones.
        weights_b: Masses of the points of b, (m,).
        normalize_weights: Divide weights by their sum.
        metric: Ground metric, as in `estimate`.
        seed: Draws the directions of "sliced".

    Returns:
        An `Estimate` with `lower`, `upper` or both. Its value is the upper one if there is one; EXACT where they agree
        to 1e-9.

    Raises:
        InputError: if a potential or plan has the wrong shape or is not finite, or a plan is negative.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 2))
        >>> bounds(x, x + [3, 4], potential=lambda z: 0.01 * z @ [3, 4], plan=np.eye(50)).bound
        <Bound.EXACT: 'exact'>
    """
    start = time.perf_counter()
    rng = as_rng(seed)
    question = ask(
        a, b, p=p, weights_a=weights_a, weights_b=weights_b, normalize_weights=normalize_weights, metric=metric, rng=rng
    )  # fmt: skip
    if not question.sampled:
        raise InputError("bounds are between two given samples; draw from the source first")
    if math.isinf(question.p):
        raise InputError("p is inf; bounds are for finite p")
    if potential is None and plan is None:
        potential = plan = "sinkhorn"
    clouds = _Clouds(question)
    lower = upper = None
    if _is("sinkhorn", potential) or _is("sinkhorn", plan):
        entropic = Sinkhorn().estimate(question, rng)
        lower = entropic.lower if _is("sinkhorn", potential) else None
        upper = entropic.upper if _is("sinkhorn", plan) else None
    if potential is not None and lower is None:
        lower = clouds.lower(potential)
    if plan is not None and upper is None:
        upper = clouds.upper(plan, rng)
    if lower is not None and upper is not None:
        lower = min(lower, upper)
    exact = lower is not None and upper is not None and upper - lower <= GAP * upper
    value = upper if upper is not None else lower
    assert value is not None
    side = Bound.LOWER if upper is None else Bound.UPPER
    return Estimate(
        value, question.p, "bounds", Bound.EXACT if exact else side, Target.SAMPLE, question.name,
        lower=lower, upper=upper, message=question.notes, seconds=time.perf_counter() - start,
    )  # fmt: skip


class _Clouds:
    """Two weighted clouds in a unit that keeps powers of distances in range, and what bounds the cost between them."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._a, self._b = (s.weights for s in question.samples)
        self._x, self._y, scale, self._native = in_units(question)
        gaps = ground_cost(self._x, self._y, question.metric, 1.0, self._native)
        self._longest = float(gaps.largest()) or 1.0
        self._unit = scale * self._longest
        self._cost = gaps.raised(question.p, self._longest)

    def lower(self, potential: Potential) -> float:
        """What a potential proves, transformed from b to a and back at its best multiple."""
        v = self._values(potential)
        v = v * best_multiple(v, self._cost, self._a, self._b)
        proved = dual_bound(v, self._x, self._y, self._a, self._b, cost=self._cost).value
        return self._root(max(0.0, proved - TINY))

    def upper(self, plan: Plan, rng: Rng) -> float:
        """What a plan costs once it is a coupling."""
        if _is("sliced", plan):
            return min(self._cost_of(each) for each in self._sorted(rng))
        if _is("greedy", plan):
            return self._cost_of(greedy_coupling(self._cost, self._a, self._b))
        if isinstance(plan, str):
            raise InputError(f"plan is {plan!r}; choose {', '.join(PLANS)}, or pass a matrix or a coupling")
        if isinstance(plan, Coupling):
            return self._cost_of(self._checked(plan))
        matrix, shape = as_tensor(plan, "plan")[0], self._cost.shape
        matrix = matrix.to(self._a.device, torch.float64)
        if tuple(matrix.shape) != shape:
            raise InputError(
                f"plan has shape {tuple(matrix.shape)}; a matrix of masses is {shape}, rows of a by rows of b"
            )
        _check_masses(matrix)
        return self._root(round_to_coupling(Matrix(matrix), self._a, self._b).cost(self._cost))

    def _values(self, potential: Potential) -> Tensor:
        """Values at the rows of b, (m,), of order one: their unit and sign are the search's affair."""
        points, name = self.question.samples[1].points, "potential"
        if isinstance(potential, str):
            raise InputError(
                f"potential is {potential!r}; choose sinkhorn, or pass a function or values at the rows of b"
            )
        if callable(potential):
            name, potential = "potential(b)", self._called(potential, points)
        if isinstance(potential, Tensor):
            potential = potential.detach()
        values = as_tensor(potential, name)[0].to(points.device, torch.float64)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        m = len(points)
        if tuple(values.shape) != (m,):
            raise InputError(
                f"{name} has shape {tuple(values.shape)} for {m} rows of b; give one value a row, ({m},)"
            )
        if not bool(torch.isfinite(values).all()):
            row = int(torch.nonzero(~torch.isfinite(values))[0])
            raise InputError(f"{name} is not finite in row {row}; it must be finite at every row of b")
        values = values / (float(values.abs().amax()) or 1.0)
        return values - self._b @ values

    def _called(self, potential: Callable[[Any], Any], points: Tensor) -> Any:
        """Values of a function: networks and our own critics take tensors, others what the user came with."""
        if isinstance(potential, torch.nn.Module):
            dtype = next((weight.dtype for weight in potential.parameters()), points.dtype)
            return potential(points.to(dtype))
        ours = type(potential).__module__.startswith("wdist.")
        return potential(points if ours or self._native == "torch" else points.cpu().numpy())

    def _sorted(self, rng: Rng) -> Iterator[Coupling]:
        """Couplings along the difference of the means, the axes of the pooled points, and random directions."""
        x, y = self._x, self._y
        between = (self._a @ x - self._b @ y)[None]
        axes = torch.linalg.svd(torch.cat([x, y]).T @ torch.cat([x, y]))[2][:AXES]
        drawn = draw_directions(DIRECTIONS, x.shape[1], rng.torch(), x.device).to(x.dtype)
        a, b = self._a.cpu().numpy(), self._b.cpu().numpy()
        for direction in torch.cat([between, axes, drawn]):
            along_x, along_y = ((z @ direction).cpu().numpy() for z in (x, y))
            yield sorted_coupling(along_x, along_y, a, b)

    def _checked(self, plan: Coupling) -> Coupling:
        for place, size, name in ((plan.rows, len(self._a), "rows"), (plan.cols, len(self._b), "cols")):
            if len(place) and (place.min() < 0 or place.max() >= size):
                raise InputError(
                    f"plan.{name} runs from {place.min()} to {place.max()} for {size} points; count them from 0"
                )
        _check_masses(torch.as_tensor(plan.mass))
        return plan

    def _cost_of(self, plan: Coupling) -> float:
        """Σ mass · cost of a plan mended, read along its entries only."""
        whole = completed(plan, self._a.cpu().numpy(), self._b.cpu().numpy())
        rows, cols, mass = (
            torch.as_tensor(part, device=self._x.device) for part in (whole.rows, whole.cols, whole.mass)
        )
        if isinstance(self.question.metric, str):
            gaps = pair_distances(self._x[rows], self._y[cols], self.question.metric) / self._longest
            return self._root(float(mass @ gaps**self.question.p))
        return self._root(float(mass @ dense(self._cost)[rows, cols]))

    def _root(self, power: float) -> float:
        return float(self._unit * power ** (1 / self.question.p))


def _is(name: str, given: Potential | Plan | None) -> bool:
    """Whether a name was passed, and this one: arrays do not like to be compared."""
    return isinstance(given, str) and given == name


def _check_masses(mass: Tensor) -> None:
    for wrong, what in ((~torch.isfinite(mass), "not finite"), (mass < 0, "negative")):
        if bool(wrong.any()):
            place = torch.nonzero(wrong)[0].tolist()
            raise InputError(f"plan holds a mass that is {what}, at {place}; masses are finite and >= 0")
