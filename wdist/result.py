"""What every method hands back: one number together with everything that says what it means.

`Estimate` answers four questions that a bare float leaves open: distance of what kind (`quantity`, `p`),
between what (`target`), how firmly it is known (`bound`, `lower`, `upper`, `interval`, `converged`), and why
this method (`choice`). Nothing here knows how any of it is computed.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from wdist.errors import NotConvergedError
from wdist.memory import human_bytes

__all__ = ["Bound", "Choice", "Estimate", "Floor", "Interval", "Target", "counted", "in_words"]


class Bound(str, Enum):
    """How `Estimate.value` stands to the W_p of its target."""

    EXACT = "exact"
    LOWER = "lower"
    UPPER = "upper"
    NONE = "none"


class Target(str, Enum):
    """What the number is the distance of."""

    SAMPLE = "sample"
    POPULATION = "population"

    @property
    def words(self) -> str:
        """The target as it is read out."""
        return "between the samples" if self is Target.SAMPLE else "between the laws"


@dataclass(frozen=True)
class Interval:
    """Range of `Estimate.value` under the randomness named in `source`, at level `confidence`."""

    low: float
    high: float
    confidence: float
    source: str

    def __str__(self) -> str:
        return f"[{_number(self.low)}, {_number(self.high)}] ({100 * self.confidence:g} %, {self.source})"


@dataclass(frozen=True)
class Choice:
    """Why this method answered: the rule that fired, and what was passed over and why."""

    rule: str
    memory: int
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Floor:
    """Distance that two samples, of the sizes given, would be apart if both came from one law.

    Attributes:
        a: If both came from the law of a.
        b: If both came from the law of b.
        p: Order of the distance.
    """

    a: float
    b: float
    p: float

    @property
    def value(self) -> float:
        """The larger of the two."""
        return max(self.a, self.b)

    @property
    def told(self) -> str:
        """Both in words: one figure where they agree to 5 %."""
        low, high = sorted((self.a, self.b))
        return (
            f"about {high:.3g}"
            if low >= 0.95 * high
            else f"{self.a:.3g} (law of a) or {self.b:.3g} (law of b)"
        )

    def __repr__(self) -> str:
        return (
            f"W{self.p:g} between two samples of these sizes from one law would be about "
            f"{self.a:.4g} (the law of a) or {self.b:.4g} (the law of b)"
        )


@dataclass(frozen=True)
class Estimate:
    """A distance and what it means.

    Attributes:
        value: The distance itself (never its p-th power), in the unit of the data.
        p: Order of the distance.
        method: Name of the method that answered, a key of `wdist.METHODS`.
        bound: How `value` stands to W_p of the target: EXACT, LOWER or UPPER (all certified), or NONE.
        target: SAMPLE, between the two given weighted clouds; POPULATION, between the laws behind them.
        quantity: What `value` is, in words: "W1", "sliced W2", "Gaussian W2", "kappa*W1 (kappa unknown)", ...
        lower: Certified lower bound on W_p of the target, or None. For POPULATION at the level of `interval`.
        upper: Certified upper bound on W_p of the target, or None.
        interval: Range of `value` under the randomness that it names (projections, held-out points), or None.
        converged: False if the solver stopped short; then `float()` of the estimate raises.
        message: What a reader should know besides, in sentences; may be empty.
        seconds: Wall time that the method took.
        detail: What the method found on the way (plan, potentials, iterations, ...); its type is the
            method's.
        choice: Why this method answered; read out by `explain()`.
        floor: What sampling noise alone would show, where it was asked for.
    """

    value: float
    p: float
    method: str
    bound: Bound
    target: Target
    quantity: str
    lower: float | None = None
    upper: float | None = None
    interval: Interval | None = None
    converged: bool = True
    message: str = ""
    seconds: float = 0.0
    detail: Any = None
    choice: Choice | None = None
    floor: Floor | None = None

    def __post_init__(self) -> None:
        assert math.isfinite(self.value), f"{self.method} returned {self.value}"
        if self.lower is not None and self.upper is not None:
            assert self.lower <= self.upper * (1 + 1e-9) + 1e-300, (self.lower, self.upper)

    def __float__(self) -> float:
        if not self.converged:
            raise NotConvergedError(
                f"{self.method} did not converge: {self.message} "
                f"Certified so far: {self._bracket() or 'nothing'}. The unfinished figure is in .value."
            )
        return self.value

    def __repr__(self) -> str:
        if not self.converged:
            head = f"{self.quantity} {self.target.words}: NOT CONVERGED (unfinished figure {_number(self.value)})"
        elif self.of_laws:
            head = f"{self.quantity} between the laws: {self._range}; "
            head += f"debiased guess {_number(self.value)} (no guarantee)"
        elif self.bound is Bound.NONE:
            head = f"{self.quantity} {self.target.words} ≈ {_number(self.value)} (an estimate, no guarantee)"
        elif self.bound is Bound.EXACT:
            head = f"{self.quantity} {self.target.words} = {_number(self.value)} (exact)"
        else:
            side = "at least" if self.bound is Bound.LOWER else "at most"
            but = "" if self.target is Target.SAMPLE else ", but for sampling error"
            head = f"{self.quantity} {self.target.words} = {_number(self.value)} (so {self._name} is {side} that{but})"
        parts = [head]
        if self.bound is not Bound.EXACT and not self.of_laws and (bracket := self._bracket()):
            parts.append(f"{self.vouched} {bracket}")
        if self.interval is not None and not self.of_laws:
            parts.append(f"interval {self.interval}")
        if self.floor is not None:
            parts.append(f"two samples of these sizes from one law would be {self.floor.told} apart")
        return "; ".join([*parts, f"by {self.method} in {in_words(self.seconds)}"])

    def explain(self) -> str:
        """Say in full which rule chose the method, what it cost, what else there was, and how sure the number is."""
        lines = [repr(self)]
        if self.choice is not None:
            lines.append(f"Why {self.method}: {self.choice.rule}")
        cost = f"Cost: {in_words(self.seconds)}"
        if self.choice is not None:
            cost += f", about {human_bytes(self.choice.memory)} of working memory (predicted)"
        lines += [f"{cost}.", f"How sure: {self.certainty()}"]
        if self.message:
            lines.append(f"Note: {self.message}")
        if self.choice is not None and self.choice.others:
            lines.append("Also considered:")
            lines += [f"  {name}: {reason}" for name, reason in self.choice.others]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything that JSON can hold: all fields but `detail`, of which only the plain figures are kept."""
        out: dict[str, Any] = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("detail", "interval", "choice", "floor")
        }
        out["bound"], out["target"] = self.bound.value, self.target.value
        if math.isinf(self.p):
            out["p"] = "inf"
        for name in ("interval", "choice", "floor"):
            part = getattr(self, name)
            out[name] = None if part is None else dataclasses.asdict(part)
        out["detail"] = {}
        if dataclasses.is_dataclass(self.detail):
            for field in dataclasses.fields(self.detail):
                item = getattr(self.detail, field.name)
                if (
                    item is None
                    or isinstance(item, (bool, int, str))
                    or (isinstance(item, float) and math.isfinite(item))
                ):
                    out["detail"][field.name] = item
        return out

    def report(self, path: str | Path, a: Any = None, b: Any = None, **options: Any) -> Path:
        """Write all of this as one HTML page, which needs no network.

        Args:
            path: Where to.
            a: The first measure, as `wdist.estimate` was given it; without the two, no samples are drawn.
            b: The second.
            options: See `wdist.report.of_estimate`: names=, columns=, unit=, weights_a=, ...

        Raises:
            InputError: if it cannot be written, or a and b cannot be read.
        """
        from wdist.report import of_estimate

        return of_estimate(self, a, b, **options).save(path)

    @property
    def _name(self) -> str:
        return f"W{self.p:g}"

    @property
    def of_laws(self) -> bool:
        """Whether this is an interval between the laws, and the value a guess within it."""
        ends = None if self.interval is None else (self.interval.low, self.interval.high)
        return (
            self.target is Target.POPULATION and self.bound is Bound.NONE and ends == (self.lower, self.upper)
        )

    @property
    def _range(self) -> str:
        """The interval as it is read out."""
        assert self.interval is not None
        low, high, level = self.interval.low, self.interval.high, 100 * self.interval.confidence
        return f"at least {_number(low)}, at most {_number(high)} ({level:g} %)"

    @property
    def vouched(self) -> str:
        """Bounds between samples are proved; between laws they hold at a level, for large samples."""
        if self.target is Target.SAMPLE or self.interval is None:
            return "certified"
        return f"at {100 * self.interval.confidence:g} %"

    def _bracket(self) -> str:
        if self.lower is not None and self.upper is not None:
            return f"{_number(self.lower)} ≤ {self._name} ≤ {_number(self.upper)}"
        if self.lower is not None:
            return f"{self._name} ≥ {_number(self.lower)}"
        return "" if self.upper is None else f"{self._name} ≤ {_number(self.upper)}"

    def certainty(self) -> str:
        """Say how sure the number is."""
        if not self.converged:
            return f"not at all: the solver stopped short. Certified so far: {self._bracket() or 'nothing'}."
        if self.bound is Bound.EXACT:
            return f"exact: {self._name} {self.target.words}, to rounding."
        if self.of_laws and self.interval is not None:
            return f"{self._name} between the laws is {self._range}, by {self.interval.source}; the guess is only that."
        if self.bound is Bound.NONE:
            lead = f"an estimate of {self.quantity} without a guarantee."
        else:
            lead = f"a certified {self.bound.value} bound on {self._name} {self.target.words}."
        more = [f"{self.vouched.capitalize()}: {self._bracket()}."] if self._bracket() else []
        if self.interval is not None:
            more.append(
                f"{100 * self.interval.confidence:g} % interval from {self.interval.source} alone: {self.interval}."
            )
        return " ".join([lead, *more])


def _number(x: float) -> str:
    return f"{x:.6g}"


def in_words(seconds: float) -> str:
    """Write a time for a person."""
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def counted(count: int, noun: str) -> str:
    """Write how many there are of something: "1 sample", "2 samples"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
