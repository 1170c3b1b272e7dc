"""W1 by a neural critic: Kantorovich-Rubinstein, W1 = sup over 1-Lipschitz f of E_a f − E_b f.

The critic is fitted on one part of the data, chosen on a second and read on a third that it never saw, so the
value speaks of the laws behind the samples. What the value is worth depends on the constraint, which is asked
for its `quantity`, `reading` and `certificate`. Between two given samples the same critic also yields a
certified bracket, kept apart in `detail`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import ClassVar

import torch
from torch import Tensor

from wdist.costs import centred, distances
from wdist.critic.constraints import Constraint, GradientPenalty
from wdist.critic.fit import Fit, Potential, Scaling, Schedule, fit
from wdist.critic.nets import MLP, Net
from wdist.errors import InputError
from wdist.measures import Samples
from wdist.methods.method import Method
from wdist.options import check_positive, check_whole
from wdist.plans.ctransform import dual_bound
from wdist.plans.pairs import Matrix
from wdist.plans.rounding import plan_from_potentials, round_to_coupling
from wdist.question import Measure, Question
from wdist.result import Bound, Estimate, Interval, Target
from wdist.rng import Rng
from wdist.sources import Source

__all__ = ["Critic", "CriticDetail"]

Bracket = tuple[float | None, float | None]

FEWEST_ROWS = 20
VALIDATION_DRAWS, REPORT_DRAWS = 4096, 20_000
MOST_PAIRS = 4_000_000
FACTORS = (
    1.0,
    1.4,
    2.0,
    2.8,
    4.0,
    5.6,
    8.0,
    11.0,
    16.0,
)  # times the slope at which the critic is 1-Lipschitz on all pairs
BLURS = (0.003, 0.01, 0.03)  # of the mean distance


@dataclass(frozen=True, eq=False)
class CriticDetail:
    """What the fit left behind; all distances in the unit of the data.

    Attributes:
        raw: Held-out dual value E_a f − E_b f, before any correction; may be negative.
        standard_error: Of `raw`, from the held-out points.
        lipschitz_bound: Certified upper bound on the critic's Lipschitz constant, or None.
        sample_lower: Certified lower bound on W1 *between the two given samples*, from the c-transform of the
            critic; None for Sources and for more than four million pairs.
        sample_upper: Certified upper bound on the same, from a coupling that the critic induces.
        steps: Steps taken.
        curve: (step, training dual value, validation objective), in standardised units; the WGAN loss is
            minus the former.
        potential: The critic itself, f(x) for x (n, d).
    """

    raw: float
    standard_error: float
    lipschitz_bound: float | None
    sample_lower: float | None
    sample_upper: float | None
    steps: int
    curve: tuple[tuple[int, float, float], ...]
    potential: Potential


@dataclass(frozen=True)
class Critic(Method):
    """Dual estimate of W1 by a network under a constraint, read on held-out points.

    Attributes:
        constraint: `GradientPenalty(lam)` (Adam; the reading is corrected for the penalty's closed-form bias)
            or `Clip(c)` (RMSprop; the reading is kappa·W1 with kappa unknown).
        net: Recipe of the network.
        steps: Ascent steps.
        batch: Points of each side a step.
        lr: Learning rate; None takes the constraint's own.
        progress: Called with (step, steps) now and then.
    """

    constraint: Constraint = GradientPenalty(10.0)
    net: Net = MLP((200, 200))
    steps: int = 1500
    batch: int = 256
    lr: float | None = None
    progress: Callable[[int, int], None] | None = field(default=None, compare=False, repr=False)

    name: ClassVar[str] = "critic"
    when: ClassVar[str] = (
        "W1 between the laws: sources that draw, or more points than an exact solver holds; an estimate"
    )
    cost: ClassVar[str] = "O(n) memory; time is steps x batch x net: some ten seconds on a CPU"
    besides: ClassVar[str] = (
        "an estimate between the laws, where the samples can be answered exactly or were asked for"
    )
    draws: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.constraint, Constraint):
            raise InputError(
                f"constraint is {self.constraint!r}; pass wdist.GradientPenalty(10.0) or wdist.Clip(0.01)"
            )
        if not isinstance(self.net, Net):
            raise InputError(f"net is {self.net!r}; pass a recipe such as wdist.MLP((100, 100))")
        check_whole("steps", self.steps)
        check_whole("batch", self.batch)
        if self.lr is not None:
            check_positive("lr", self.lr, "pass a learning rate above zero, or None")
        if self.progress is not None and not callable(self.progress):
            raise InputError(f"progress is {self.progress!r}; pass a function of (step, steps), or None")

    def refusal(self, question: Question) -> str | None:
        """Refuse other orders and metrics, and samples too small to hold points out."""
        if question.p != 1:
            return "a critic measures W1 only; pass p=1, or use 'discrete', 'sinkhorn' or 'sliced'"
        if not question.euclidean:
            return "the critic's slope is bounded in the Euclidean metric; use 'discrete' for another"
        sides = (m for m in (question.a, question.b) if isinstance(m, Samples))
        fewest = min((int(m.weights.count_nonzero()) for m in sides), default=FEWEST_ROWS)
        if fewest < FEWEST_ROWS:
            return (
                f"it needs {FEWEST_ROWS} points of positive mass a side to hold some out, and a side has {fewest}; "
                "use 'discrete'"
            )
        return None

    def memory(self, question: Question) -> int:
        """Standardised copies, activations of a batch (twice, for the penalty's second derivative), and the bracket."""
        rows = sum(len(m) if isinstance(m, Samples) else REPORT_DRAWS for m in (question.a, question.b))
        pairs = 40 * math.prod(question.sizes) if _bracketed(question) else 0
        return 24 * rows * question.dim + 64 * self.batch * (question.dim + 1000) + pairs

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Split, fit, read."""
        a, b = (_Parts.of(m, rng.spawn()) for m in (question.a, question.b))
        device = question.device
        dtype = torch.float32
        scaling = Scaling.of(a.validation[0], b.validation[0])
        schedule = Schedule(self.steps, self.batch, self.lr)
        fitted = fit(
            a.train, b.train, (a.validation[0], b.validation[0]), scaling, net=self.net, constraint=self.constraint,
            schedule=schedule, rng=rng.torch(device), dtype=dtype, progress=self.progress,
        )  # fmt: skip
        return self._report(fitted, a, b, question)

    def _report(self, fitted: Fit, a: _Parts, b: _Parts, question: Question) -> Estimate:
        f = fitted.potential
        mean_a, var_a = _mean_and_variance(f(a.report[0]), a.report[1])
        mean_b, var_b = _mean_and_variance(f(b.report[0]), b.report[1])
        raw, error = mean_a - mean_b, math.sqrt(var_a + var_b)
        unit = f.scaling.scale

        def read(value: float) -> float:
            return max(0.0, unit * self.constraint.reading(value / unit))

        bound = self.constraint.certificate(f.net)
        sided = NormalDist().inv_cdf((1 + question.confidence) / 2)
        interval = Interval(
            read(raw - sided * error), read(raw + sided * error), question.confidence, "held-out points"
        )
        lower = (
            None if not bound else max(0.0, raw - NormalDist().inv_cdf(question.confidence) * error) / bound
        )
        bracket: Bracket = _bracket(f, question) if _bracketed(question) else (None, None)
        detail = CriticDetail(raw, error, bound, bracket[0], bracket[1], self.steps, fitted.curve, f)
        lost = next((k for k, *values in fitted.curve if not all(map(math.isfinite, values))), None)
        message = self._message(raw, question, bracket) if lost is None else (
            f"the fit diverged by step {lost}; lower lr (the constraint's own is lr=None), or check the data's tails."
        )  # fmt: skip
        return Estimate(
            read(raw), 1.0, self.name, Bound.NONE, Target.POPULATION, self.constraint.quantity, lower=lower,
            interval=interval, converged=lost is None, message=message, detail=detail,
        )  # fmt: skip

    def _message(self, raw: float, question: Question, bracket: Bracket) -> str:
        said = [f"Dual value {raw:.6g} on points that the critic never saw, read under {self.constraint!r}."]
        if raw < 0:
            said.append("It is negative, so the critic found no difference that holds on unseen points.")
        if question.sampled and question.target is Target.SAMPLE:
            said.append(
                "A critic answers for the laws behind the samples even where the samples were asked for."
            )
        if bracket[0] is not None and bracket[1] is not None:
            said.append(
                f"Between the samples themselves, certified: {bracket[0]:.6g} <= W1 <= {bracket[1]:.6g}."
            )
        return " ".join(said)


@dataclass(frozen=True, eq=False)
class _Parts:
    """One measure cut in three: a source to train on, weighted points to choose by and to report on."""

    train: Source
    validation: tuple[Tensor, Tensor]
    report: tuple[Tensor, Tensor]

    @staticmethod
    def of(measure: Measure, rng: Rng) -> _Parts:
        """Split samples 3:1:2 at random; let a source draw afresh."""
        if not isinstance(measure, Samples):
            chosen, read = (measure.draw(k, rng.torch()) for k in (VALIDATION_DRAWS, REPORT_DRAWS))
            return _Parts(measure, (chosen, _equal(chosen)), (read, _equal(read)))
        held = measure.weights.nonzero()[:, 0]  # points without mass would only thin the parts
        n = len(held)
        order = held[torch.as_tensor(rng.numpy.permutation(n), device=held.device)]
        cuts = order[: n // 3], order[n // 3 : n // 2], order[n // 2 :]
        report, validation, train = (
            (measure.points[rows], measure.weights[rows] / measure.weights[rows].sum()) for rows in cuts
        )
        source = Samples(*train, uniform=measure.uniform)
        return _Parts(source, validation, report)


def _equal(x: Tensor) -> Tensor:
    return torch.full((len(x),), 1 / len(x), dtype=torch.float64, device=x.device)


def _mean_and_variance(values: Tensor, weights: Tensor) -> tuple[float, float]:
    """Weighted mean, and the variance of that mean."""
    mean = values @ weights
    spread = (values - mean).square() @ weights
    return float(mean), float(spread * weights.square().sum() / (1 - weights.square().sum()).clamp_min(1e-12))


def _bracketed(question: Question) -> bool:
    """Whether there are two samples, few enough that all their pairs cost less than the fit."""
    return question.sampled and math.prod(question.sizes) <= MOST_PAIRS


def _bracket(f: Potential, question: Question) -> tuple[float, float]:
    """Certified bounds on W1 between the samples from the critic's values, whatever its slope.

    Below: the c-transform of the critic, times the factor that serves it best (for a clipped one this takes
    the place of the unknown 1/kappa). Above: the plan that the transformed potentials stand for, rounded to a
    coupling.
    """
    a, b = question.samples
    x, y = centred(a.points, b.points)
    cost = distances(x, y)  # (n, m)
    on_a, on_b = f(a.points), f(b.points)
    steepest = float(((on_a[:, None] - on_b) / cost.clamp_min(1e-300)).max())
    if not 0 < steepest < math.inf:
        steepest = 1.0
    held = Matrix(cost)
    tried = [
        dual_bound(-factor / steepest * on_b, x, y, a.weights, b.weights, cost=held) for factor in FACTORS
    ]
    best = max(tried, key=lambda bound: bound.value)
    upper = math.inf
    for blur in BLURS:
        plan = plan_from_potentials(
            best.u, best.v, held, a.weights, b.weights, blur * float(cost.mean()) or 1.0
        )
        upper = min(upper, round_to_coupling(plan, a.weights, b.weights).cost(held))
    return min(best.value, upper), upper
