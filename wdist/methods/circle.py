"""Exact W_p on the circle: angles, times of day, months, directions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from wdist.errors import InputError
from wdist.methods.method import Method
from wdist.options import check_positive
from wdist.plans.circle import circle_distance
from wdist.question import Question
from wdist.result import Bound, Estimate, Target
from wdist.rng import Rng

__all__ = ["Circle"]

FARTHEST = 1e9  # turns from 0 at which seven digits of the position are left


@dataclass(frozen=True)
class Circle(Method):
    """Exact W_p between positions on a circle, distance being the shorter arc.

    Attributes:
        period: Length of the circle in the unit of the data: 2π for radians, 360 for degrees, 24 for hours.
    """

    period: float = 2 * math.pi

    name: ClassVar[str] = "circle"
    when: ClassVar[str] = (
        "one coordinate that wraps round (angles, hours): Circle(period=24); exact for finite p"
    )
    cost: ClassVar[str] = "O(n log n) time, O(n) memory"
    besides: ClassVar[str] = (
        "the data are taken to lie on a line; if they wrap round, pass Circle(period=...)"
    )
    draws: ClassVar[int | None] = 100_000

    def __post_init__(self) -> None:
        check_positive("period", self.period, "pass the length of the circle, such as 2*pi, 360 or 24")

    def refusal(self, question: Question) -> str | None:
        """Refuse more than one coordinate, a metric of the user's own, p = inf, and the laws as target."""
        if question.dim != 1:
            return f"the points have {question.dim} coordinates, not one angle; use 'discrete' with your own metric"
        if callable(question.metric):
            return "on the circle the distance is the shorter arc; drop metric=, or use 'discrete'"
        if math.isinf(question.p):
            return "p=inf is not implemented on the circle; pass a finite p"
        if question.target is Target.POPULATION:
            return "it measures between the samples, which overstates the distance between the laws; use 'population'"
        return None

    def memory(self, question: Question) -> int:
        """A dozen arrays as long as both samples together."""
        return 100 * sum(question.sizes)

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Find the best rotation."""
        a, b = question.samples
        x, y = (s.points[:, 0].cpu().double().numpy() for s in (a, b))
        if max(abs(x).max(), abs(y).max()) > FARTHEST * self.period:
            raise InputError(
                f"points lie more than {FARTHEST:.0e} turns of period={self.period:g} from 0, so where on the circle "
                "they are is rounding; pass positions nearer to it, or the period in the unit of the data"
            )
        wx, wy = a.weights.cpu().numpy(), b.weights.cpu().numpy()
        value = circle_distance(x, y, wx, wy, question.p, self.period)
        return Estimate(
            value, question.p, self.name, Bound.EXACT, Target.SAMPLE, f"{question.name} on the circle",
            lower=value, upper=value, message=f"Arc length on a circle of length {self.period:g}.",
        )  # fmt: skip
