"""Which engine solves a discrete problem: a table of measured crossovers, read once, and what an engine cannot do.

The rules in data/crossovers.json are written by `python -m benchmarks.run crossovers`, none by hand; the first
that holds is taken, and its fastest engine that is installed.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files
from typing import Any

from wdist.plans.dense import lapx_installed
from wdist.question import Question

__all__ = ["HIGHEST_ORDER", "apart", "engine_refusal", "fastest_engine"]

HIGHEST_ORDER = 4.0
"""Beyond, "auto" leaves the engine "sparse": powers of distances soon span too many digits for shared prices."""

APART = 2.0  # means so many times the spread from each other

LARGEST_ORDER = 16.0
"""Beyond, the engine "sparse" refuses."""


def fastest_engine(question: Question) -> str:
    """Name the engine that was fastest on problems like this one."""
    if engine_refusal("sparse", question) or question.p > HIGHEST_ORDER:
        return "pot"
    size, masses, distant = math.sqrt(math.prod(question.sizes)), _masses(question), apart(question)
    for rule in _rules():
        if (
            _within(question.p, rule["p"])
            and _within(question.dim, rule["d"])
            and rule["masses"] == masses
            and rule["apart"] == distant
            and size >= rule["from"]
        ):
            return next(str(name) for name in rule["engines"] if name != "lapx" or lapx_installed())
    return "pot"


def engine_refusal(engine: str, question: Question) -> str | None:
    """Say what an engine cannot answer, and what would."""
    if engine in ("scipy", "lapx") and not question.matched:
        return f"engine {engine!r} solves assignments only; use engine='pot' for weights or unequal sizes"
    if engine == "sparse" and callable(question.metric):
        return "engine 'sparse' needs a named metric; use engine='pot' without time_limit for your own"
    if engine == "sparse" and question.p > LARGEST_ORDER:
        return f"engine 'sparse' is for p up to {LARGEST_ORDER:g}; use engine='auto' without time_limit"
    return None


def apart(question: Question) -> bool:
    """Whether the clouds lie so far from each other that all pairs of points cost nearly the same.

    Prices then differ little between good and bad plans, and an auction takes long to tell. True where the means are
    further from each other than twice the root mean square distance of the points from their own.
    """
    points, weights = zip(*((m.points.double(), m.weights) for m in question.samples), strict=True)
    means = [w @ x for x, w in zip(points, weights, strict=True)]
    spread = sum(
        float(w @ (x - mean).square().sum(1)) for x, w, mean in zip(points, weights, means, strict=True)
    )
    return float((means[0] - means[1]).square().sum()) > APART**2 * spread / 2


def _masses(question: Question) -> str:
    """Kind of the masses: "matched" (equal numbers of points of equal mass), "uniform" (unequal numbers), "uneven"."""
    a, b = question.samples
    if question.matched:
        return "matched"
    return "uniform" if a.uniform and b.uniform else "uneven"


def _within(value: float, band: list[float | None]) -> bool:
    low, high = band
    return (low is None or value >= low) and (high is None or value < high)


@cache
def _rules() -> tuple[dict[str, Any], ...]:
    text = files("wdist").joinpath("data", "crossovers.json").read_text()
    return tuple(json.loads(text)["rules"])
