"""The question a call asks, apart from the algorithm that answers it.

`estimate` builds one `Question` at the border, where every argument is doubted once; methods read it and
trust it.
"""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from wdist.costs import METRICS, Metric, centred
from wdist.errors import InputError
from wdist.measures import Samples, as_device, as_samples
from wdist.result import Target
from wdist.rng import Rng
from wdist.sources import CheckedSource, as_source, is_source, to_samples

__all__ = [
    "Measure",
    "Question",
    "as_measure",
    "as_order",
    "ask",
    "check_columns",
    "check_order",
    "check_pair",
    "columns_of",
    "in_units",
    "terms",
]

Measure = Samples | CheckedSource

FAR = 1e3
"""Extents of what has mass, beyond which a point without any is far: three digits of sixteen."""


@dataclass(frozen=True, eq=False)
class Question:
    """How far apart `a` and `b` are, in W_p over `metric`."""

    a: Measure
    b: Measure
    p: float = 1.0
    metric: Metric = "euclidean"
    target: Target = Target.SAMPLE
    confidence: float = 0.95

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.a.dim

    @property
    def sampled(self) -> bool:
        """True if both measures are given clouds of points."""
        return isinstance(self.a, Samples) and isinstance(self.b, Samples)

    @property
    def samples(self) -> tuple[Samples, Samples]:
        """Both clouds; to be asked only where `sampled`."""
        assert isinstance(self.a, Samples)
        assert isinstance(self.b, Samples)
        return self.a, self.b

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of points n and m; only where `sampled`."""
        a, b = self.samples
        return len(a), len(b)

    @property
    def matched(self) -> bool:
        """True for two uniform clouds of one size, where a coupling is an assignment."""
        a, b = self.samples
        return a.uniform and b.uniform and len(a) == len(b)

    @property
    def euclidean(self) -> bool:
        """True if the ground metric is Euclidean; on the line every named metric is."""
        return self.metric == "euclidean" or (self.dim == 1 and isinstance(self.metric, str))

    @property
    def name(self) -> str:
        """W1, W2, ..."""
        return f"W{self.p:g}"

    @property
    def device(self) -> torch.device:
        """Where the points are; sources draw on the CPU unless they say otherwise."""
        for measure in (self.a, self.b):
            if isinstance(measure, Samples):
                return measure.points.device
        return torch.device("cpu")

    def drawn(self, n: int, rng: Rng) -> Question:
        """Replace each Source by `n` points drawn from it."""
        a, b = (to_samples(m, n, rng) if isinstance(m, CheckedSource) else m for m in (self.a, self.b))
        return dataclasses.replace(self, a=a, b=b)

    @property
    def notes(self) -> str:
        """What was done to the inputs at the border, and how sources drew."""
        return " ".join(m.note for m in (self.a, self.b) if m.note)


def ask(
    a: Any,
    b: Any,
    *,
    p: float = 1,
    weights_a: Any = None,
    weights_b: Any = None,
    normalize_weights: bool = False,
    metric: Metric = "euclidean",
    target: Target | str = Target.SAMPLE,
    confidence: float = 0.95,
    device: torch.device | str | None = None,
    rng: Rng,
) -> Question:
    """Build the question, or raise an `InputError` that says which argument is wrong and how to mend it."""
    question = terms(p=p, metric=metric, target=target, confidence=confidence)
    device = as_device(device)
    check_columns(a, b)
    if device is not None and is_source(a) and is_source(b):
        raise InputError(
            "device is for given points, and both sides are sources; have them draw on that device"
        )
    first, second = (
        as_measure(x, weights, name, f"weights_{name}", device, normalize_weights, rng)
        for x, weights, name in ((a, weights_a, "a"), (b, weights_b, "b"))
    )
    return question(*check_pair(first, second))


def _within_reach(a: Measure, b: Measure) -> tuple[Measure, Measure]:
    """Put points without mass that lie far beyond all others onto one that has mass.

    Nothing moves from or to them, but they would set the unit, and all other distances would be lost in it.
    """
    if not (isinstance(a, Samples) and isinstance(b, Samples)) or (a.uniform and b.uniform):
        return a, b
    masses = torch.cat([a.weights, b.weights]) > 0
    if bool(masses.all()):
        return a, b
    points = torch.cat([a.points, b.points])
    held = points[masses]
    low, high = held.amin(dim=0), held.amax(dim=0)
    beyond = torch.maximum(low - points, points - high).amax(dim=1)
    far = beyond > FAR * float((high - low).amax())
    return dataclasses.replace(a, points=_moved(a, far[: len(a)])), dataclasses.replace(
        b, points=_moved(b, far[len(a) :])
    )


def _moved(sample: Samples, far: Tensor) -> Tensor:
    return torch.where(far[:, None], sample.points[sample.weights.argmax()], sample.points)


def terms(
    *, p: float, metric: Metric, target: Target | str, confidence: float
) -> Callable[[Measure, Measure], Question]:
    """Doubt what is asked, apart from the measures that it is asked of: a `Question` that still wants its two."""
    order = as_order(p)
    if not callable(metric) and not (isinstance(metric, str) and metric in METRICS):
        raise InputError(
            f"metric is {metric!r}; choose one of {', '.join(METRICS)} or pass a function (x, y) -> (n, m)"
        )
    if not _is_real(confidence) or not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence!r}; pass a level strictly between 0 and 1, such as 0.95")
    try:
        aim = Target(target)
    except ValueError:
        raise InputError(f"target is {target!r}; choose 'sample' or 'population'") from None
    return partial(Question, p=order, metric=metric, target=aim, confidence=float(confidence))


def as_measure(
    x: Any, weights: Any, name: str, weights_name: str, device: torch.device | None, normalize: bool, rng: Rng
) -> Measure:
    """Doubt one side of a question: given points become `Samples`, what draws a `CheckedSource`."""
    if not is_source(x) or isinstance(x, Samples):
        return as_samples(
            x, weights, name=name, device=device, normalize_weights=normalize, weights_name=weights_name
        )
    if weights is not None:
        raise InputError(f"{name} is a source that draws, so {weights_name} has no points to weigh; drop it")
    return as_source(x, name, rng)


def check_columns(a: Any, b: Any, names: tuple[str, str] = ("a", "b")) -> None:
    """Refuse two frames that hold the same columns in another order: they would be compared by position."""
    check_order(columns_of(a), columns_of(b), names)


def check_order(columns: list[str], others: list[str], names: tuple[str, str]) -> None:
    """Refuse names of columns that are the same ones in another order."""
    first, second = names
    if columns != others and sorted(columns) == sorted(others):
        raise InputError(
            f"{first} has the columns {', '.join(columns)} and {second} the same in another order, "
            f"{', '.join(others)}; bring them in one order: {second}[list({first}.columns)]"
        )


def columns_of(x: Any) -> list[str]:
    """Names of a data frame's columns; none for anything else."""
    return [str(name) for name in x.columns] if type(x).__name__ == "DataFrame" else []


def check_pair(a: Measure, b: Measure, names: tuple[str, str] = ("a", "b")) -> tuple[Measure, Measure]:
    """Bring two clouds to one device, one dtype and one extent; refuse what does not live in one space."""
    first, second = names
    if isinstance(a, Samples) and isinstance(b, Samples):
        if a.points.device != b.points.device:
            raise InputError(
                f"{first} is on {a.points.device} and {second} on {b.points.device}; "
                "move one, or pass device= to move both"
            )
        if a.shape and b.shape and a.shape != b.shape:
            raise InputError(
                f"{first} holds images of shape {a.shape} and {second} of {b.shape}; resize one to the other"
            )
        if a.points.dtype != b.points.dtype:
            a, b = (dataclasses.replace(m, points=m.points.to(torch.float64)) for m in (a, b))
    if a.dim != b.dim:
        raise InputError(
            f"{first} has {a.dim} coordinates a point and {second} has {b.dim}; "
            "both must live in one space (n, d) and (m, d)"
        )
    return _within_reach(a, b)


def as_order(p: Any) -> float:
    """Read the order of a distance, or raise an `InputError`."""
    if not _is_real(p) or not p >= 1:
        raise InputError(f"p is {p!r}; the order of a Wasserstein distance is a real number >= 1 (or inf)")
    return float(p)


def _is_real(x: object) -> bool:
    return not isinstance(x, bool) and isinstance(x, numbers.Real)


def in_units(question: Question) -> tuple[Tensor, Tensor, float, str]:
    """Both clouds centred, in units of their largest coordinate; that unit; what a metric is called with.

    A metric of the user's own gets the points as they came: it need not be homogeneous, nor blind to a shift.
    """
    a, b = question.samples
    native = "torch" if "torch" in (a.native, b.native) else "numpy"
    if callable(question.metric):
        return a.points.double(), b.points.double(), 1.0, native
    x, y = centred(a.points, b.points)
    unit = max(float(x.abs().amax()), float(y.abs().amax())) or 1.0
    return x / unit, y / unit, unit, native
