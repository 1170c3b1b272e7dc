"""When to stop training, by evaluations alone; and the name of a collapse while it happens.

The raw distance at its floor is no reason to stop: a collapsed generator passes that. What stops a run is a plateau: a
number that falls with quality (the debiased distance, or a critic fitted from scratch) has gained next to nothing
over the last third of the run, and diversity no longer rises. A third, so that a slow run is given its time, and
going on half as long again would bring about as little.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any, Protocol

from wdist.errors import InputError
from wdist.options import check_positive, check_whole

__all__ = ["Judged", "StoppingRule", "Verdict"]

NUMBERS = {"debiased": "the debiased distance", "critic": "W1 by a critic fitted from scratch"}
WINDOW = 3
"""Evaluations whose median is taken, so that one outlier neither starts nor ends a plateau."""
NOISE = 0.005
"""Share of the floor below which two distances are not told apart."""


class Judged(Protocol):
    """What the rule reads of an `Evaluation`."""

    @property
    def numbers(self) -> dict[str, float]:
        """Plain numbers by name."""
        ...

    @property
    def collapse(self) -> str:
        """The collapse by name, or ""."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What an evaluation says of going on.

    Attributes:
        stop: Whether to stop.
        reason: Which number stands still, since when and at what; "" while the run goes on.
        collapse: The collapse that the generator is in, and since when; "" if it is in none.
        best: Place of the best evaluation so far, from 0: the checkpoint to keep. A generator may swing by tenths from
            one to the next; as all are judged by the same points, the best is no matter of luck alone.
        value: The number gone by, at that evaluation.
        newest: Whether the best evaluation is the one just taken in.
    """

    stop: bool
    reason: str
    collapse: str
    best: int
    value: float
    newest: bool

    def __str__(self) -> str:
        said = [self.reason or "going on", self.collapse]
        return "; ".join(filter(None, said)) + f"; best at evaluation {self.best + 1} ({self.value:.4g})"


@dataclass
class StoppingRule:
    """Fed with evaluations at even distances, says after each whether to stop.

    Attributes:
        by: What has to stand still: "debiased", or "critic" for evaluators that fit one.
        gain: Share by which the number has to fall over the last third of the run, for the run to be worth going on.
        fewest: Evaluations before which there is no stop.
        every: Steps from one evaluation to the next, which a run sets so that it is told steps; 0 to count evaluations.

    Example:
        >>> from types import SimpleNamespace
        >>> rule, heights = StoppingRule(fewest=6), [4.0, 3.0, 2.0] + [1.0] * 12
        >>> for height in heights:
        ...     numbers = {"debiased": height, "floor": 5.0, "diversity": 0.8}
        ...     verdict = rule.update(SimpleNamespace(numbers=numbers, collapse=""))
        ...     if verdict.stop:
        ...         break
        >>> verdict.reason
        'the debiased distance stands still since evaluation 6 of 8, at 1'
    """

    by: str = "debiased"
    gain: float = 0.05
    fewest: int = 15
    every: int = field(default=0, init=False, repr=False, compare=False)
    _values: list[float] = field(default_factory=list, init=False, repr=False)
    _diversities: list[float] = field(default_factory=list, init=False, repr=False)
    _collapsed: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.by not in NUMBERS:
            raise InputError(f"by is {self.by!r}; choose {' or '.join(NUMBERS)}")
        check_positive("gain", self.gain)
        check_whole("fewest", self.fewest, 2)

    def update(self, evaluation: Judged) -> Verdict:
        """Take in one more evaluation.

        Raises:
            InputError: if it lacks the number that the rule goes by.
        """
        numbers = evaluation.numbers
        if self.by not in numbers:
            raise InputError(
                f"the evaluation has no {self.by}; give its Evaluator a critic, or go by 'debiased'"
            )
        self._values.append(numbers[self.by])
        self._diversities.append(numbers["diversity"])
        self._collapsed = self._collapsed + 1 if evaluation.collapse else 0
        smooth, variety = _smoothed(self._values), _smoothed(self._diversities)
        best, k = min(range(len(smooth)), key=self._values.__getitem__), len(smooth)
        collapse = ""
        if self._collapsed:
            collapse = f"{evaluation.collapse} (since {self._when(k - self._collapsed)})"
        ago = k - math.ceil(k / 3)  # the last third begins here
        before, since = min(smooth[:ago], default=math.inf), min(smooth[ago:])
        enough = max(self.gain * abs(before), NOISE * numbers["floor"])
        rising = max(variety[ago:]) - max(variety[:ago], default=0.0) > self.gain
        stop = k >= self.fewest and before - since < enough and not rising
        reason = f"stands still since {self._when(ago)}, at {smooth[-1]:.4g}"
        if smooth[-1] - before > enough:
            reason = f"has risen since {self._when(best)}, from {self._values[best]:.4g} to {smooth[-1]:.4g}"
        reason = f"{NUMBERS[self.by]} {reason}" if stop else ""
        return Verdict(stop, reason, collapse, best, self._values[best], best == k - 1)

    def _when(self, place: int) -> str:
        """A place among the evaluations, from 0, in words."""
        if self.every:
            return f"step {self.every * (place + 1)}"
        return f"evaluation {place + 1} of {len(self._values)}"

    def state(self) -> dict[str, Any]:
        """What it has seen, as plain values."""
        return {"values": self._values, "diversities": self._diversities, "collapsed": self._collapsed}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._values, self._diversities = list(state["values"]), list(state["diversities"])
        self._collapsed = state["collapsed"]


def _smoothed(values: list[float]) -> list[float]:
    """Median of each value and the ones before it."""
    return [statistics.median(values[max(0, k - WINDOW + 1) : k + 1]) for k in range(len(values))]
