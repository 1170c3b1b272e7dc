"""Two measures cut in three: what critics are trained on, what chooses among them, and what is reported on.

Given points are split at random, by the call's seed; sources draw afresh for each part. Two sources draw what is
reported with common random numbers: much of the noise of E_a f then cancels against that of E_b f, and as the blocks
of draws are independent of each other, their spread tells how much did not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wdist.critic.held import Held, mean_and_variance
from wdist.critic.potential import Potential, Scaling
from wdist.errors import InputError
from wdist.measures import Samples
from wdist.question import Measure
from wdist.ranks import Ranks
from wdist.rng import Rng
from wdist.sources import Source

__all__ = ["Reading", "Split", "drawn_rows"]

START_DRAWS = 4096
BLOCK, VALIDATION_BLOCKS, FEWEST_BLOCKS, MOST_BLOCKS = 512, 8, 40, 200
"""Blocks of draws: their means are what a standard error is computed from, so 40 are few enough."""
ROOM, LEAST_BLOCK = 2**25, 16
"""Coordinates of a side that are drawn ahead of the fit: blocks of large images have fewer rows, but not below 16."""
MOST_VALIDATION, MOST_REPORT = 16_384, 1_000_000
"""Rows of a sample that are held out at most; all others train."""
AT_A_TIME = 16_384
"""Rows that are read at a time from where they lie."""
FINE = 1e-3
"""Standard error relative to the value, by what validation saw, down to which sources draw."""

Points = tuple[Tensor, Tensor]
"""Rows (n, d) and their masses (n,), float64."""


@dataclass(frozen=True)
class Reading:
    """Dual value of a critic on the points to be reported on, its standard error, and the degrees of freedom of that.

    `stopped` is what a source said that failed in the middle, or "".
    """

    value: float
    error: float
    freedom: int
    stopped: str = ""


@dataclass(frozen=True, eq=False)
class Split:
    """Two measures in three parts.

    Attributes:
        train: Draw training points of each side for ever.
        start: Training points of each side, from which critics are placed.
        validation: Of each side.
        report: Of each side; None where two sources draw them, in blocks.
        ahead: Such blocks that were drawn before the fit.
        rng: For more of them.
    """

    train: tuple[Source, Source]
    start: tuple[Tensor, Tensor]
    validation: tuple[Points, Points]
    report: tuple[Part, Part] | None
    ahead: tuple[tuple[Tensor, Tensor], ...]
    rng: Rng

    @staticmethod
    def of(a: Measure, b: Measure, rng: Rng) -> Split:
        """Split samples 3:1:2 at random, but for those too large to be held out so; let sources draw."""
        if not isinstance(a, Samples) and not isinstance(b, Samples):
            starts = a.draw(_starts(a.dim), rng.torch()), b.draw(_starts(a.dim), rng.torch())
            held = _common(a, b, VALIDATION_BLOCKS, rng)
            ahead = tuple(
                _common(a, b, VALIDATION_BLOCKS, rng) for _ in range(0, FEWEST_BLOCKS, VALIDATION_BLOCKS)
            )
            return Split((a, b), starts, (_even(held[0]), _even(held[1])), None, ahead, rng)
        sides = [
            _sample(m, rng.spawn()) if isinstance(m, Samples) else _drawn(m, rng.spawn()) for m in (a, b)
        ]
        trains, starts_, validations, reports = zip(*sides, strict=True)
        return Split(trains, starts_, validations, reports, (), rng)

    def shared(self, ranks: Ranks) -> Split:
        """The same, with the first rank's points to start from and to judge by: a source may draw others elsewhere."""
        if ranks.size == 1:
            return self
        start, (x, u), (y, v) = [z.clone() for z in self.start], *self.validation
        x, y = x.clone(), y.clone()
        ranks.spread([*start, x, y])
        return replace(self, start=(start[0], start[1]), validation=((x, u), (y, v)))

    def held(self, scaling: Scaling, dtype: torch.dtype, device: torch.device | None = None) -> Held:
        """The validation points, standardised, on a device; None leaves them where they lie."""
        (x, u), (y, v) = self.validation
        return Held(scaling(x).to(dtype).to(device), scaling(y).to(dtype).to(device), u, v)

    def read(self, f: Potential) -> Reading:
        """E_a f − E_b f on the points to be reported on."""
        if self.report is not None:
            found = [
                mean_and_variance(torch.cat([f(x) for x in part.chunks()]), part.mass) for part in self.report
            ]
            fewest = min(round(1 / float(part.mass.square().sum())) for part in self.report)
            error = math.sqrt(found[0][1] + found[1][1])
            return Reading(found[0][0] - found[1][0], error, max(1, fewest - 1))
        size = _block(self.train[0].dim)
        seen = _means(f(self.validation[0][0]) - f(self.validation[1][0]), size)
        aim = FINE * abs(float(seen.mean()))
        needed = float(seen.var()) / aim**2 if aim else math.inf
        blocks = round(min(MOST_BLOCKS, max(FEWEST_BLOCKS, needed)))
        differences, stopped = [_means(f(x) - f(y), size) for x, y in self.ahead], ""
        for _ in range(FEWEST_BLOCKS, blocks, VALIDATION_BLOCKS):
            try:
                x, y = _common(*self.train, VALIDATION_BLOCKS, self.rng)
            except InputError as failure:  # a source that has begun to fail; what it gave before stands
                stopped = str(failure)
                break
            differences.append(_means(f(x) - f(y), size))
        differing = torch.cat(differences)  # (blocks,)
        error = float(differing.std()) / math.sqrt(len(differing))
        return Reading(float(differing.mean()), error, len(differing) - 1, stopped)


def drawn_rows(d: int) -> int:
    """How many points of a source with d coordinates are held at once."""
    return _starts(d) + (VALIDATION_BLOCKS + FEWEST_BLOCKS) * _block(d)


def _starts(d: int) -> int:
    return min(START_DRAWS, max(LEAST_BLOCK**2, ROOM // (2 * d)))


def _block(d: int) -> int:
    return min(BLOCK, max(LEAST_BLOCK, ROOM // (FEWEST_BLOCKS * d)))


def _common(a: Source, b: Source, blocks: int, rng: Rng) -> tuple[Tensor, Tensor]:
    """Blocks of draws of two sources, each block from a generator of its own, in one state for both: (blocks·size, d).

    From one generator for all blocks, those of a source that takes more numbers than the other would overlap.
    """
    drawn: list[tuple[Tensor, Tensor]] = []
    size = _block(a.dim)
    for _ in range(blocks):
        stream = rng.torch()
        state = stream.get_state()
        x = a.draw(size, stream)
        stream.set_state(state)
        drawn.append((x, b.draw(size, stream)))
    return torch.cat([x for x, _ in drawn]), torch.cat([y for _, y in drawn])


def _means(values: Tensor, size: int) -> Tensor:
    """Means of blocks: (blocks·size,) -> (blocks,)."""
    return values.view(-1, size).mean(dim=1)


class Part:
    """Some rows of a sample, left where they are, in a memory map perhaps, until they are asked for: a Source."""

    def __init__(self, whole: Samples, rows: Tensor) -> None:
        masses = whole.weights[rows]
        self.mass, self._points = masses / masses.sum(), whole.points
        self._numbers = Samples(rows[:, None], self.mass, uniform=whole.uniform)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self._points.shape[1]

    @property
    def rows(self) -> Tensor:
        """Their numbers in the sample, (n,)."""
        return self._numbers.points[:, 0]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw rows with replacement, by their masses: (n, d)."""
        return self._points[self._numbers.draw(n, rng)[:, 0]]

    def first(self, n: int) -> Tensor:
        """The first n rows, or all: (n, d)."""
        return self._points[self.rows[:n]]

    def chunks(self) -> Iterator[Tensor]:
        """All rows, some at a time."""
        return (
            self._points[rows] for rows in torch.split(self.rows, min(AT_A_TIME, max(1, ROOM // self.dim)))
        )


def _sample(measure: Samples, rng: Rng) -> tuple[Source, Tensor, Points, Part]:
    """Train, start, validation and report of given points."""
    held = measure.weights.nonzero()[:, 0]  # points without mass would only thin the parts
    n = len(held)
    order = held[torch.as_tensor(rng.numpy.permutation(n), device=held.device)]
    read, judged = min(n // 3, MOST_REPORT), min(n // 2 - n // 3, MOST_VALIDATION)
    report, validation, train = (
        Part(measure, rows) for rows in torch.split(order, [read, judged, n - read - judged])
    )
    return train, train.first(_starts(measure.dim)), (validation.first(judged), validation.mass), report


def _drawn(source: Source, rng: Rng) -> tuple[Source, Tensor, Points, Part]:
    """Train, start, validation and report of a source beside given points."""
    validation, (x, mass) = (
        _even(source.draw(_block(source.dim) * blocks, rng.torch()))
        for blocks in (VALIDATION_BLOCKS, FEWEST_BLOCKS)
    )
    report = Part(Samples(x, mass), torch.arange(len(x), device=x.device))
    return source, source.draw(_starts(source.dim), rng.torch()), validation, report


def _even(x: Tensor) -> Points:
    return x, torch.full((len(x),), 1 / len(x), dtype=torch.float64, device=x.device)
