"""Every method by name, and the rule by which "auto" picks one."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Any

from wdist.errors import InputError
from wdist.memory import available_bytes, human_bytes
from wdist.methods.circle import Circle
from wdist.methods.critic import Critic
from wdist.methods.discrete import Discrete
from wdist.methods.engines import fastest_engine
from wdist.methods.gaussian import Gaussian
from wdist.methods.line import Line
from wdist.methods.max_sliced import MaxSliced
from wdist.methods.method import Method
from wdist.methods.population import Population
from wdist.methods.sinkhorn import Sinkhorn
from wdist.methods.sliced import Sliced
from wdist.options import check_positive
from wdist.question import Question
from wdist.result import Choice, Target

__all__ = [
    "AUTO_PAIRS",
    "AUTO_PAIRS_SPARSE",
    "METHODS",
    "Circle",
    "Critic",
    "Discrete",
    "Gaussian",
    "Line",
    "MaxSliced",
    "Method",
    "Population",
    "Sinkhorn",
    "Sliced",
    "check_memory",
    "choose",
    "limited",
    "named",
]

METHODS: dict[str, type[Method]] = {
    cls.name: cls
    for cls in (Line, Circle, Discrete, Sinkhorn, Sliced, MaxSliced, Gaussian, Critic, Population)
}
"""Methods by name; each is a dataclass whose fields are its options, all with defaults."""

AUTO_PAIRS = 36_000_000
"""Most pairs n·m that "auto" gives to an exact solver: 6000 points a side, at most some twenty seconds."""

AUTO_PAIRS_SPARSE = 144_000_000
"""The same where the engine without a cost matrix serves: 12,000 points a side."""


TRIFLE = 4 * 2**20
"""Up to so many bytes, asking the system what is free would take longer than the answer."""


def choose(question: Question) -> tuple[Method, str]:
    """The rule behind method="auto": the first line that applies, and the reason as `explain` reads it out."""
    first_order = question.p == 1 and question.euclidean
    uniform = not question.sampled or all(sample.uniform for sample in question.samples)
    if question.target is Target.POPULATION and question.dim == 1 and first_order and uniform:
        return Line(), "the distance between the laws was asked for, and on the line the bootstrap bounds it"
    if question.target is Target.POPULATION and question.sampled and first_order and uniform:
        return (
            Population(),
            "the distance between the laws was asked for, and from two samples it is bounded from both sides",
        )
    if question.target is Target.POPULATION:
        return (
            Critic(),
            "the distance between the laws was asked for, and of sources and weighted rows only a critic speaks",
        )
    if not question.sampled and first_order:
        return (
            Critic(),
            "at least one side is a source that draws, and a critic can draw for as long as it learns",
        )
    if question.dim == 1 and not callable(question.metric):
        return Line(), "one coordinate: exact by sorting, for any p and weights"
    if not question.sampled:
        return (
            Discrete(),
            f"at least one side is a source and p is not 1: exact between {Discrete.draws} drawn points",
        )
    pairs = math.prod(question.sizes)
    need, free = Discrete().memory(question), available_bytes()
    most = AUTO_PAIRS_SPARSE if fastest_engine(question) == "sparse" else AUTO_PAIRS
    if pairs <= most and need <= free // 2:
        return Discrete(), f"{pairs:,} pairs of points, at most {most:,}: the exact solver takes seconds"
    why = f"{pairs:,} pairs of points are more than the {most:,} that an exact solver does in seconds"
    if pairs <= most:
        why = f"an exact solver needs {human_bytes(need)}, more than half of the {human_bytes(free)} that are free"
    if first_order and Critic().refusal(question) is None:
        return Critic(), f"{why}; p = 1 is what a critic estimates in O(n) memory"
    if question.euclidean and math.isfinite(question.p):
        return Sliced(), f"{why}; slices bound {question.name} from below in O(n) memory"
    return Discrete(), f"{why}, but nothing else answers this metric and p"


def named(method: str | Method, question: Question) -> tuple[Method, Choice]:
    """Resolve what the user passed as `method`, with the reason and the alternatives."""
    if isinstance(method, Method):
        chosen, rule = method, "it was passed as an object."
    elif method == "auto":
        chosen, rule = choose(question)
    elif method == "exact":
        flat = question.dim == 1 and not callable(question.metric)
        chosen, rule = (
            (Line() if flat else Discrete()),
            "exact was asked for, on the line by sorting, else discrete.",
        )
    elif isinstance(method, str) and method in METHODS:
        chosen, rule = METHODS[method](), "it was asked for by name."
    elif method in list[Any](METHODS.values()):
        made = getattr(method, "__name__", method)
        raise InputError(f"method is the class {made}; pass an object of it: wdist.{made}()")
    else:
        shown = repr(method) if isinstance(method, str) else f"a {type(method).__name__}"
        raise InputError(
            f"method is {shown}; choose auto, exact, {', '.join(METHODS)}, or pass a wdist method object"
        )
    return chosen, Choice(rule if rule.endswith(".") else f"{rule}.", 0, _others(chosen, question))


def limited(method: Method, seconds: float | None) -> Method:
    """Put a time limit on a method; the line needs none, and others that cannot be stopped refuse it."""
    if seconds is None:
        return method
    check_positive("time_limit", seconds, "pass seconds above zero, or None for no limit")
    if isinstance(method, Line):
        return method
    if not isinstance(method, Discrete):
        budget = f"pass method=wdist.Critic(budget={seconds:g})" if isinstance(method, Critic) else "drop it"
        raise InputError(
            f"method {method.name!r}, which would answer, has no time_limit; {budget}, or pass method='discrete'"
        )
    if method.time_limit is not None:
        raise InputError("time_limit is given to the call and to Discrete; drop one")
    return dataclasses.replace(method, time_limit=seconds)


def check_memory(method: Method, question: Question) -> int:
    """Predict the memory a request takes; refuse what the machine cannot hold, naming what would fit."""
    need = method.memory(question)
    if need <= TRIFLE:
        return need
    free = available_bytes(question.device)
    if need <= free:
        return need
    fitting = [
        name for name, cls in METHODS.items()
        if name != method.name and cls().refusal(question) is None and cls().memory(question) <= free
    ]  # fmt: skip
    remedy = (
        f"method={fitting[0]!r} would fit" if fitting else "no other method answers this question in less"
    )
    if len(fitting) > 1:
        remedy = f"these would fit: {', '.join(fitting)}"
    raise InputError(
        f"method {method.name!r} needs about {human_bytes(need)} for this request and {human_bytes(free)} are free; "
        f"{remedy}; or pass fewer points"
    )


@cache
def _plain(cls: type[Method]) -> Method:
    """A method with all its options at their defaults, made once."""
    return cls()


def _others(chosen: Method, question: Question) -> tuple[tuple[str, str], ...]:
    """Every other method with why it was not taken."""
    out = []
    for name, cls in METHODS.items():
        if name == chosen.name:
            continue
        if question.sampled or cls.draws is None:
            reason = _plain(cls).refusal(question) or cls.besides
        else:
            reason = f"it would see only {cls.draws} points drawn from a source"
        out.append((name, reason))
    return tuple(out)
