"""W1 between the laws behind two samples in any dimension: bounds from both sides, and a guess between them.

From below, critics fitted to one half of the rows and read on the other (`resampling/two_folds.py`). From above, the
exact distance between the samples, which is above that of the laws on average, and the standard error that its
potentials give. In many dimensions nothing bounds the distance closely from above: the guess takes off the noise
that halves of the samples show, and promises nothing.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import stdtrit

from wdist.errors import InputError
from wdist.measures import Samples
from wdist.methods.discrete import Discrete
from wdist.methods.method import Method
from wdist.options import check_whole
from wdist.question import Question, in_units
from wdist.resampling.box import Box
from wdist.resampling.mean_betting import betting_lower
from wdist.resampling.premises import copies, dependence, heavy_tails
from wdist.resampling.two_folds import FEWEST_ROWS, student_lower, two_fold_readings
from wdist.result import Bound, Estimate, Interval, Target
from wdist.rng import Rng

__all__ = ["Population", "PopulationDetail"]

Array = np.ndarray[Any, Any]

GUARANTEES = ("asymptotic", "finite")
ROWS = {
    "unknown": "",
    "independent": "",
    "paired": "rows of a and b are declared to be paired, and its bounds are for independent samples; keep one row of "
    "each pair, at random",
    "dependent": "rows are declared to depend on each other, and its bounds are for independent ones; thin them out, "
    "or keep one row of each cluster",
}
HALVINGS = 2
LARGEST_HALF = 1000


@dataclass(frozen=True, eq=False)
class PopulationDetail:
    """Where the bounds come from; all in the unit of the data.

    Attributes:
        low: Lower end of the interval: a bound at half of the interval's error.
        high: Upper end, likewise.
        lower: One-sided lower bound at the interval's level, the higher of the two.
        upper: One-sided upper bound.
        plug_in: W1 between the samples, or between the rows of them that were drawn for the exact solver.
        standard_error: Of `plug_in`, from the potentials.
        solved_a: How many rows of a those are.
        solved_b: Of b.
        chosen: Names of the critics that the two folds chose.
        held_out: Their mean differences on the rows of the other fold.
        held_out_errors: Standard errors of those.
    """

    low: float
    high: float
    lower: float
    upper: float
    plug_in: float
    standard_error: float
    solved_a: int
    solved_b: int
    chosen: str
    held_out: tuple[float, ...]
    held_out_errors: tuple[float, ...]


@dataclass(frozen=True)
class Population(Method):
    """Confidence bounds on W1 between laws, from two samples of independent rows.

    Attributes:
        guarantee: "asymptotic", by standard errors, for samples large enough and finite variances; or "finite", which
            holds at any size, for any laws on a bounded support, and is wider.
        support: For "finite": lower and upper limit of the coordinates, numbers or (d,) sequences.
        rows: What is known of them: "unknown" looks for signs of series and pairs and refuses them, "independent"
            vouches that there is nothing to look for, "paired" and "dependent" are refused.
        solved: Most rows a side for the exact distance behind the upper bound; of larger samples so many are drawn,
            which leaves the bound valid and a little higher.
    """

    guarantee: str = "asymptotic"
    support: tuple[Any, Any] | None = None
    rows: str = "unknown"
    solved: int = 5000

    name: ClassVar[str] = "population"
    when: ClassVar[str] = "W1 between the laws behind two samples: bounds from both sides, and a guess"
    cost: ClassVar[str] = (
        "one exact solve and some of halves; 2000 x 2000 in 16 dimensions in a second or two"
    )
    besides: ClassVar[str] = (
        "it bounds the distance between the laws, where that of the samples was asked for"
    )
    draws: ClassVar[int | None] = 5000

    def __post_init__(self) -> None:
        if self.guarantee not in GUARANTEES:
            raise InputError(f"guarantee is {self.guarantee!r}; choose {', '.join(GUARANTEES)}")
        if self.rows not in ROWS:
            raise InputError(f"rows is {self.rows!r}; choose {', '.join(ROWS)}")
        check_whole("solved", self.solved, FEWEST_ROWS)
        if (self.support is not None) != (self.guarantee == "finite"):
            raise InputError(
                "guarantee='finite' and support=(low, high), the limits of the coordinates, go together; "
                "pass both or none"
            )
        if self.support is not None:
            Box.of(self.support)

    def refusal(self, question: Question) -> str | None:
        """Refuse samples as target, other orders and metrics, and rows that no such bound holds for."""
        if question.target is Target.SAMPLE:
            return "it speaks of the laws, not of the samples; pass target='population', or use 'discrete'"
        if question.p != 1:
            return "of the laws it speaks for p=1 only; pass p=1, or target='sample' for the samples"
        if not question.euclidean:
            return "its critics are 1-Lipschitz in the Euclidean metric; use 'discrete' for the samples in another"
        if not question.sampled:
            return "it is for samples; use 'critic', which draws from sources for as long as it learns"
        a, b = question.samples
        if not (a.uniform and b.uniform):
            return "its bounds are for rows of equal weight; use 'critic', or draw rows in proportion to the weights"
        if ROWS[self.rows]:
            return ROWS[self.rows]
        for sample, name in ((a, "a"), (b, "b")):
            if len(sample) < FEWEST_ROWS:
                return (
                    f"{name} has {len(sample)} rows, and bounds between the laws need {FEWEST_ROWS} a side, "
                    "20 for each of two folds"
                )
        x, y = _rows(question)
        if self.support is not None:
            return Box.of(self.support).contradiction(x, y)
        return (dependence(x, y) if self.rows == "unknown" else None) or heavy_tails(x, y)

    def memory(self, question: Question) -> int:
        """Copies in double precision, values of critics, and what the exact solver takes."""
        n, m = question.sizes
        return 48 * (n + m) * (question.dim + 8) + 2**26 + Discrete().memory(self._drawn(question, None))

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Bound from below and from above, and guess."""
        found = self.bounds(question, rng.spawn())
        low, high = found.low, found.high
        guess = min(max(_debiased(self._drawn(question, rng.spawn()), rng.spawn()), low), high)
        how = "betting and bounded differences" if self.support else "held-out critics and standard errors"
        return Estimate(
            guess, 1.0, self.name, Bound.NONE, Target.POPULATION, question.name, lower=low, upper=high,
            interval=Interval(low, high, question.confidence, how), detail=found,
            message=_message(found, guess, question),
        )  # fmt: skip

    def bounds(self, question: Question, rng: Rng) -> PopulationDetail:
        """Bound a question that `refusal` lets pass; nothing is guessed."""
        x, y, unit, _ = in_units(question)
        readings = two_fold_readings(x.cpu().numpy(), y.cpu().numpy(), rng.spawn())
        drawn = self._drawn(question, rng.spawn())
        found = Discrete().estimate(drawn, rng)
        error = _standard_error(found)
        n, m = drawn.sizes
        errors = (1 - question.confidence) / 2, 1 - question.confidence  # of either end, and of one end alone
        if self.support is None:
            lows = [student_lower(readings, 1 - miss) for miss in errors]
            reaches = [error * float(stdtrit(min(n, m) - 1, 1 - miss)) for miss in errors]
        else:
            lows = [betting_lower(readings, miss) for miss in errors]
            spread = Box.of(self.support).diameter(question.dim) * math.sqrt((1 / n + 1 / m) / 2)
            reaches = [spread * math.sqrt(math.log(1 / miss)) for miss in errors]
        high, upper = (found.value + reach for reach in reaches)
        low, lower = (min(unit * end, high) for end in lows)
        return PopulationDetail(
            low, high, lower, upper, found.value, error, n, m, " and ".join(r.name for r in readings),
            tuple(unit * r.mean for r in readings), tuple(unit * r.error for r in readings),
        )  # fmt: skip

    def _drawn(self, question: Question, rng: Rng | None) -> Question:
        """The question on at most `solved` rows a side; the first of them where no rng is at hand."""
        sides = [
            sample if len(sample) <= self.solved else _part(sample, _some(len(sample), self.solved, rng))
            for sample in question.samples
        ]
        return dataclasses.replace(question, a=sides[0], b=sides[1])


def _message(detail: PopulationDetail, guess: float, question: Question) -> str:
    n, m = question.sizes
    said = f"Between the samples themselves W1 is {detail.plug_in:.6g}, which overstates."
    if (detail.solved_a, detail.solved_b) != (n, m):
        said = (
            f"Between {detail.solved_a} and {detail.solved_b} rows drawn of {n} and {m}, W1 is {detail.plug_in:.6g}, "
            "which overstates; the lower bound used all rows."
        )
    if detail.high - guess > detail.high / 2:
        said += " The upper bound is mainly sample size: most of it is what noise alone would show."
    if detail.low == 0:
        said += " At this level the samples do not show that the laws differ."
    return " ".join(filter(None, [said, copies(*_rows(question))]))


def _standard_error(found: Estimate) -> float:
    """Of W1 between samples: √(var u/n + var v/m) for potentials u and v."""
    parts = found.detail.potential_a, found.detail.potential_b
    unit = (
        max(float(np.abs(part).max()) for part in parts) or 1.0
    )  # squares of large units leave double precision
    return unit * math.sqrt(sum(float((part / unit).var(ddof=1)) / len(part) for part in parts))


def _debiased(question: Question, rng: Rng) -> float:
    """√(C² − F²), C the mean distance across random halves of the samples, F that between halves of one."""
    h = min(LARGEST_HALF, min(question.sizes) // 2)
    across, within = 0.0, 0.0

    def distance(a: Samples, b: Samples) -> float:
        return Discrete().estimate(dataclasses.replace(question, a=a, b=b), rng).value

    for _ in range(HALVINGS):
        halves = []
        for sample in question.samples:
            order = rng.numpy.permutation(len(sample))
            halves.append((_part(sample, order[:h]), _part(sample, order[h : 2 * h])))
        across += sum(distance(u, v) for u in halves[0] for v in halves[1]) / 4
        within += sum(distance(u, v) for u, v in halves) / 2
    return math.sqrt(max(0.0, across - within)) * math.sqrt(across + within) / HALVINGS


def _rows(question: Question) -> tuple[Array, Array]:
    x, y = (sample.points.double().cpu().numpy() for sample in question.samples)
    return x, y


def _some(n: int, count: int, rng: Rng | None) -> Array:
    return np.arange(count) if rng is None else rng.numpy.permutation(n)[:count]


def _part(sample: Samples, rows: Array) -> Samples:
    points = sample.points[torch.as_tensor(rows, device=sample.points.device)]
    even = torch.full((len(rows),), 1 / len(rows), dtype=sample.weights.dtype, device=points.device)
    return dataclasses.replace(sample, points=points, weights=even)
