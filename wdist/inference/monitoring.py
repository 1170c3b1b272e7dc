"""Drift of single batches against a fixed reference: too far away for its size to explain.

The statistics are those of the two-sample test, and each batch is compared with one part of the reference. How far
apart the rest, of the batch's size, and that part would be is found once for every size, by splitting the reference
at random; what is exceeded at the stated rate is the threshold. What is above it is split once more, together with the
reference, which makes the rate hold for any law. Batches in a row are the affair of `watch.py`.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.inference.keeping import keep, kept
from wdist.inference.two_sample import chosen_statistics, relabelled, ruling_note
from wdist.measures import Samples, as_samples
from wdist.options import check_whole
from wdist.question import check_order, check_pair, columns_of
from wdist.resampling.betting import e_value
from wdist.resampling.exchange import Array, exchange
from wdist.resampling.heights import TIE, Calibration, in_scale
from wdist.resampling.serial import serial_dependence
from wdist.rng import Rng
from wdist.sources import is_source

__all__ = ["BATCHES", "MOST_ROWS", "Part", "Reference", "Score", "check_rate"]

FEWEST_ROWS, FEWEST_IN_BATCH = 40, 5
BATCHES = 4
"""Batches that a reference must hold: the fewer, the more a threshold depends on the luck of one reference."""
MOST_ROWS = 4000
"""Of the reference, or four batches if that is more, a random choice: time and memory grow with their square."""
FEWEST_SPLITS, EXCEEDING = 999, 20
LOWEST_RATE = 1e-4


@dataclass(frozen=True)
class Part:
    """One statistic of a batch, in the unit of the data, and from where on it is an alarm by itself."""

    name: str
    value: float
    threshold: float


@dataclass(frozen=True)
class Score:
    """What one batch shows.

    Attributes:
        statistic: The statistic that is highest against its threshold.
        value: Its value between batch and reference, in the unit of the data.
        threshold: What it has to exceed for an alarm.
        alarm: Whether any of the statistics exceeds its threshold.
        pvalue: Share of batches without drift that would be as far away.
        evidence: The same as an e-value: at most 1 on average without drift, and large with it. E-values of batches
            against one reference may be averaged; to multiply them is what `Reference.watch` is for.
        parts: Every statistic; thresholds are such that all of them together keep the rate.
        sizes: Rows of the batch, and of the reference that it was compared with.
        false_alarms: Rate of false alarms, per batch, that the thresholds are for.
        message: Reservations, in sentences; may be empty.
    """

    statistic: str
    value: float
    threshold: float
    alarm: bool
    pvalue: float
    evidence: float
    parts: tuple[Part, ...]
    sizes: tuple[int, int]
    false_alarms: float
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return dataclasses.asdict(self)

    def __repr__(self) -> str:
        verdict = "drift" if self.alarm else "no drift shown"
        parts = ", ".join(f"{p.name} {p.value:.4g} (alarm above {p.threshold:.4g})" for p in self.parts)
        return (
            f"batch of {self.sizes[0]} against {self.sizes[1]} reference rows: {verdict}; {parts}; "
            f"p = {self.pvalue:.4g}, {self.false_alarms:g} false alarms a batch"
        )


@dataclass(frozen=True, eq=False)
class Reference:
    """Rows that later batches should look like: `Reference(sample).score(batch)`.

    A batch of m rows is compared with the reference less m random rows, and the threshold is what as many rows of the
    reference exceed, at the stated rate, against the others. A batch above it is an alarm if it also stands out, at
    that rate, among random sets of m rows from itself and the reference: a permutation test, so that on average over
    references there are never more false alarms than stated. How far one reference may be from the average depends on
    how many batches it holds. Rows must be independent of each other.

    Attributes:
        sample: Points (n,) or (n, d), array-like, of equal weight; held as `Samples`.
        false_alarms: Rate of alarms per batch where nothing has changed, at least 0.0001.
        statistic: As in `two_sample_test`, by name; held as a tuple of names.
        seed: Chooses rows and splits; the same seed gives the same answers.

    Raises:
        InputError: if the sample is a source, weighted, too small or plainly dependent, or an option does not fit.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> reference = Reference(rng.normal(size=500))
        >>> [reference.score(rng.normal(size=50) + shift).alarm for shift in (0, 1)]
        [False, True]
    """

    sample: Any
    false_alarms: float = 0.01
    statistic: str | tuple[str, ...] = "auto"
    seed: int = 0
    _columns: list[str] = field(default_factory=list, init=False, repr=False)
    _calibrations: dict[int, Calibration] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        check_rate(self.false_alarms)
        check_whole("seed", self.seed, 0)
        if is_source(self.sample) and not isinstance(self.sample, Samples):
            raise InputError("sample is a source that draws; a reference is fixed: draw from it first")
        sample = as_samples(self.sample, name="sample")
        if not sample.uniform:
            raise InputError(
                "sample is weighted, and a batch is not; draw rows from it in proportion to the weights"
            )
        if len(sample) < FEWEST_ROWS:
            raise InputError(f"sample has {len(sample)} rows; a reference needs at least {FEWEST_ROWS}")
        if callable(self.statistic):
            raise InputError("statistic is a function; a reference takes them by name, as in two_sample_test")
        names = chosen_statistics(self.statistic, sample.dim, min(len(sample), MOST_ROWS), flat=False)
        if (found := serial_dependence(sample.points.double().cpu().numpy())).plain:
            raise InputError(
                f"rows of sample depend on the rows before them (rank correlation {found.correlation:.2f} between "
                "neighbours), and thresholds would be too low; thin them out, or shuffle them if their order means "
                "nothing"
            )
        settled = {
            "sample": sample, "statistic": tuple(names), "false_alarms": float(self.false_alarms),
            "seed": int(self.seed), "_columns": columns_of(self.sample),
        }  # fmt: skip
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        n, d = self.sample.points.shape
        by = " and ".join(self.statistic)
        return f"reference of {n} rows, {d} coordinates; by {by}, {self.false_alarms:g} false alarms a batch"

    def score(self, batch: Any) -> Score:
        """Say how far a batch is from the reference, and whether that is more than its size explains.

        Args:
            batch: Points (m,) or (m, d), m at least 5 and at most a quarter of the reference's rows.

        Raises:
            InputError: if the batch has another width, is not finite, too small, or too large for the reference.
        """
        rows = self.checked(batch)
        m = len(rows)
        found = self._calibrated(m)
        pooled = torch.cat([rows, self.rows(m)[m:]])
        values = self._relabelled(pooled, m, 0)[:, 0]
        height = found.height(values)
        pvalue = (1 + found.reaching(height)) / (1 + len(found.heights))
        if beyond := height > found.threshold * (1 + TIE):
            among = self._relabelled(pooled, m, self._splits)  # (K, 1 + splits), the batch first
            found = Calibration.of(among, self.false_alarms)
            pvalue = max(pvalue, found.reaching(found.heights[0]) / len(found.heights))
        alarm = beyond and pvalue <= self.false_alarms
        return self.told(values, found, pvalue, (m, len(pooled) - m), alarm, rows)

    def save(self, path: str | Path) -> None:
        """Write the reference to one file (safetensors), whole or not at all; `load` gives the same answers."""
        keep(path, "reference", {"points": self.sample.points}, self.described())

    @staticmethod
    def load(path: str | Path) -> Reference:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is not such a one.
        """
        tensors, about = kept(path, "reference")
        return Reference.rebuilt(tensors["points"], about)

    def described(self) -> dict[str, Any]:
        """What makes this reference, but for its points."""
        return {
            "false_alarms": self.false_alarms, "statistic": list(self.statistic), "seed": self.seed,
            "shape": list(self.sample.shape), "columns": self._columns,
        }  # fmt: skip

    @staticmethod
    def rebuilt(points: Tensor, about: dict[str, Any]) -> Reference:
        """Make a reference again of its points and what `described` gave."""
        sample = dataclasses.replace(as_samples(points, name="sample"), shape=tuple(about["shape"]))
        made = Reference(sample, about["false_alarms"], tuple(about["statistic"]), about["seed"])
        object.__setattr__(made, "_columns", about["columns"])
        return made

    def checked(self, batch: Any) -> Tensor:
        """Doubt a batch: its rows (m, d), float64, or an `InputError`."""
        if is_source(batch) and not isinstance(batch, Samples):
            raise InputError("batch is a source that draws; draw from it first")
        check_order(self._columns, columns_of(batch), ("reference", "batch"))
        pair = check_pair(self.sample, as_samples(batch, name="batch"), ("reference", "batch"))
        rows = pair[1]
        assert isinstance(rows, Samples)
        m, n = len(rows), len(self.sample)
        if not rows.uniform:
            raise InputError("batch is weighted; draw rows from it in proportion to the weights")
        if m < FEWEST_IN_BATCH:
            raise InputError(f"batch has {m} rows; pass at least {FEWEST_IN_BATCH}")
        if BATCHES * m > n:
            raise InputError(
                f"batch has {m} rows and the reference {n}; it must hold {BATCHES} batches: pass batches of at most "
                f"{n // BATCHES} rows, or a reference of at least {BATCHES * m}"
            )
        return rows.points.double()

    def rows(self, m: int) -> Tensor:
        """The rows that batches of m are judged by, in random order, (at most 4000 or 4m, d), float64."""
        order = Rng(np.random.SeedSequence([self.seed, 0])).numpy.permutation(len(self.sample))
        chosen = order[: max(MOST_ROWS, BATCHES * m)]
        points: Tensor = self.sample.points
        return points[torch.as_tensor(chosen, device=points.device)].double()

    def told(
        self, values: Array, found: Calibration, pvalue: float, sizes: tuple[int, int], alarm: bool, rows: Tensor
    ) -> Score:  # fmt: skip
        """Put a batch's statistics, (K,), and what they were held against into words."""
        thresholds = found.scales * found.threshold
        parts = tuple(
            Part(name, float(v), float(t))
            for name, v, t in zip(self.statistic, values, thresholds, strict=True)
        )
        most = parts[int(np.argmax(in_scale(values, thresholds)))]
        return Score(
            most.name, most.value, most.threshold, alarm, pvalue, e_value(pvalue), parts, sizes, self.false_alarms,
            _reservations(rows),
        )  # fmt: skip

    @property
    def _splits(self) -> int:
        return max(FEWEST_SPLITS, math.ceil(EXCEEDING / self.false_alarms))

    def _calibrated(self, m: int) -> Calibration:
        if m not in self._calibrations:
            splits = self._relabelled(self.rows(m), m, self._splits)[:, 1:]  # (K, splits)
            self._calibrations[m] = Calibration.of(splits, self.false_alarms)
        return self._calibrations[m]

    def _relabelled(self, points: Tensor, m: int, splits: int) -> Array:
        """Every statistic of the first m rows against the rest, and of random splits, (K, 1 + splits).

        What a statistic draws for itself (directions) is the same for all batches of one size.
        """
        chosen = chosen_statistics(self.statistic, self.sample.dim, len(points), flat=False)
        rng = Rng(np.random.SeedSequence([self.seed, 1, m]))
        return relabelled(chosen, points, exchange(m, len(points) - m), splits, rng)


def _reservations(rows: Tensor) -> str:
    """What a reader should know of a batch, in sentences."""
    found = serial_dependence(rows.cpu().numpy())
    said = "" if not found.plain else (
        f"Rows of the batch depend on the rows before them (rank correlation {found.correlation:.2f} between "
        "neighbours), which by itself makes alarms more frequent than stated."
    )  # fmt: skip
    return " ".join(filter(None, [said, ruling_note(rows)]))


def check_rate(rate: Any) -> None:
    """Refuse a rate of false alarms that is none, or so low that splits could not show it."""
    real = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    if not real or not LOWEST_RATE <= float(rate) <= 0.5:
        raise InputError(
            f"false_alarms is {rate!r}; pass a rate between {LOWEST_RATE:g} and 0.5, such as 0.01"
        )
