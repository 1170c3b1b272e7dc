"""Whether two samples come from one law: a permutation test whose statistic fits the dimension.

One set of relabellings, the observed labels first, serves every statistic; where several are asked, the smallest
of their p-values is ranked among those that the same relabellings give, so nothing is paid for looking twice. What
may change sides is up to `resampling/exchange.py`, how far apart two labels are to `resampling/statistics.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.inference.exchangeable import check_exchangeable, together_note
from wdist.options import check_whole
from wdist.question import ask
from wdist.resampling.exchange import Array, Blocks, Exchange, Groups, exchange
from wdist.resampling.statistics import STATISTICS, Own, Statistic, StraightLine
from wdist.resampling.tails import refined_shares, tail_shares
from wdist.rng import Rng, Seed, as_rng

__all__ = [
    "StatisticResult",
    "Statistics",
    "TwoSampleResult",
    "chosen_statistics",
    "relabelled",
    "ruling_note",
    "two_sample_test",
]

ENERGY_DIM = 3
"""Dimension from which on "auto" prefers the energy distance to slices."""
ENERGY_ROWS = 12_000
"""Most rows for which "auto" takes the energy distance, whose cost grows with their square: some ten seconds."""
LEVEL = 0.05
RULING = 0.95
"""Share of the coordinates' mean absolute deviations from which on one of them is said to rule the rest."""

Statistics = str | Callable[[Any, Any], Any] | tuple[str, ...]


@dataclass(frozen=True, eq=False)
class StatisticResult:
    """One statistic and what it shows where only the labels differ.

    Attributes:
        name: A key of the statistics, or the name of a user's function.
        statistic: Its value between the samples, in the unit of the data (a user's function: in its own).
        pvalue: (1 + relabellings that reach it) / (1 + relabellings).
        null_distribution: Its value for every relabelling, (permutations,).
    """

    name: str
    statistic: float
    pvalue: float
    null_distribution: Array

    @property
    def floor(self) -> float:
        """Mean over relabellings: what two samples of these sizes show where there is no difference."""
        return float(self.null_distribution.mean())

    @property
    def threshold(self) -> float:
        """What a value has to pass to be significant at 5 %."""
        return float(np.quantile(self.null_distribution, 1 - LEVEL, method="higher"))


@dataclass(frozen=True, eq=False)
class TwoSampleResult(StatisticResult):
    """Answer of a two-sample test; `statistic`, `pvalue` and `null_distribution` as SciPy's tests have them.

    With one statistic the result is that statistic's. With several, `statistic` is −log10 of the smallest of their
    p-values (refined within its last step, so that extremes do not tie), and `null_distribution` the same for every
    relabelling; the statistics themselves are in `parts`.

    Attributes:
        parts: Every statistic by itself; its p-value is not corrected for the others.
        sizes: Rows of a and of b.
        relabellings: How many there are in all, of which `null_distribution` is a random choice.
        message: Reservations, in sentences; may be empty.
    """

    parts: tuple[StatisticResult, ...]
    sizes: tuple[int, int]
    relabellings: float
    message: str = ""

    @property
    def power_note(self) -> str:
        """What these samples could have shown: the least p-value they allow, and what each statistic has to pass."""
        draws = len(self.null_distribution)
        least = max(1 / (1 + draws), 1 / self.relabellings)
        notes = [f"The smallest p-value possible here is {least:.2g}."]
        if least > LEVEL:
            notes = [
                f"No difference could be significant at 5 %: the smallest p-value possible is {least:.2g}."
            ]
        notes += [
            f"{part.name}: significant at 5 % from {part.threshold:.4g} on (no difference shows {part.floor:.4g})."
            for part in self.parts
        ]
        if len(self.parts) > 1:
            notes.append(
                "Each of these is for the one statistic alone; together they have to pass a little more."
            )
        return " ".join(notes)

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold; of the null distributions, what is read off them."""

        def told(one: StatisticResult) -> dict[str, Any]:
            names = ("name", "statistic", "pvalue", "floor", "threshold")
            return {name: getattr(one, name) for name in names}

        return {
            **told(self),
            "parts": [told(part) for part in self.parts],
            "sizes": self.sizes,
            "permutations": len(self.null_distribution),
            "power_note": self.power_note,
            "message": self.message,
        }

    def __repr__(self) -> str:
        draws, (n, m) = len(self.null_distribution), self.sizes
        verdict = "differ" if self.pvalue <= LEVEL else "no difference shown"
        parts = ", ".join(
            f"{p.name} {p.statistic:.4g} (no difference shows {p.floor:.4g})" for p in self.parts
        )
        head = f"two-sample test, {n} and {m} rows: p = {self.pvalue:.4g} ({draws} relabellings)"
        return f"{head}, {verdict} at 5 %; {parts}"


def two_sample_test(
    a: Any,
    b: Any,
    statistic: Statistics = "auto",
    permutations: int = 999,
    groups: Groups = None,
    blocks: Blocks = None,
    seed: Seed = 0,
) -> TwoSampleResult:
    """Test whether two samples come from one law, by exchanging their rows.

    Valid at any size and in any dimension, whatever the law, as long as rows are exchangeable where they come from
    one: p = (1 + #{T_b >= T_0}) / (1 + permutations), the observed labels counting as one relabelling (Phipson and
    Smyth 2010). It tests for any difference of the laws, not of their means alone.

    Args:
        a: Points (n,) or (n, d), array-like, of equal weight.
        b: Points (m,) or (m, d).
        statistic: "wasserstein" or "wasserstein-2" (on the line), "sliced", "radial" (W1 between the distances from
            the pooled mean), "energy", a tuple of these, of which the least p-value counts, or a function
            (x, y) -> float that is larger for samples further apart. "auto" takes both of the line there, "sliced" and
            "radial" in two dimensions and where rows are too many for "energy", else "energy" and "radial".
        permutations: Random relabellings.
        groups: (groups_a, groups_b), a stratum for every row: rows change sides only within theirs, so that samples may
            differ in how often each stratum occurs. (range(n), range(n)) is for pairs: row i of a and of b of one case.
        blocks: Rows a block, for rows in order of time, or (blocks_a, blocks_b), a block for every row: blocks
            change sides whole. `blocks=1` says that rows are exchangeable whatever their order tells.
        seed: As in `estimate`.

    Raises:
        InputError: if a side is a source or weighted, rows depend on the ones before them and no blocks are given,
            nothing could change sides, or the statistic does not fit or is not finite.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> two_sample_test(rng.normal(size=40), rng.normal(size=50) + 1).pvalue
        0.001
    """
    check_whole("permutations", permutations)
    rng = as_rng(seed)
    question = ask(a, b, rng=rng)
    pair = check_exchangeable(question, groups, blocks)
    chosen = chosen_statistics(
        statistic, question.dim, sum(question.sizes), flat=np.ndim(a) == 1 or np.ndim(b) == 1
    )
    rows = exchange(*question.sizes, groups, blocks)
    points = torch.cat([sample.points.double() for sample in pair])  # (N, d)
    values = relabelled(chosen, points, rows, permutations, rng)  # (statistics, 1 + permutations)
    parts = tuple(_read(name, row) for name, row in zip(chosen, values, strict=True))
    whole = parts[0]
    if len(parts) > 1:
        least = np.min([refined_shares(row) for row in values], axis=0)
        whole = _read(f"least p of {' and '.join(part.name for part in parts)}", -np.log10(least))
    message = " ".join(
        filter(None, [question.notes, ruling_note(points), together_note(pair, groups, blocks)])
    )
    return TwoSampleResult(
        whole.name,
        whole.statistic,
        whole.pvalue,
        whole.null_distribution,
        parts,
        question.sizes,
        rows.count,
        message,
    )


def chosen_statistics(statistic: Statistics, dim: int, rows: int, *, flat: bool) -> dict[str, Statistic]:
    """Resolve what the user passed as `statistic`; "auto" by dimension."""
    if callable(statistic):
        return {getattr(statistic, "__name__", type(statistic).__name__): Own(statistic, flat)}
    names = tuple(statistic) if isinstance(statistic, (tuple, list)) else (statistic,)
    if names == ("auto",):
        far = "energy" if dim >= ENERGY_DIM and rows <= ENERGY_ROWS else "sliced"
        names = ("wasserstein", "wasserstein-2") if dim == 1 else (far, "radial")
    for name in names:
        if not isinstance(name, str) or name not in STATISTICS:
            raise InputError(
                f"statistic is {name!r}; choose auto, {', '.join(STATISTICS)}, a tuple of these, or pass a function "
                "(x, y) -> float"
            )
        if isinstance(STATISTICS[name], StraightLine) and dim > 1:
            raise InputError(
                f"statistic {name!r} is for the line and the points have {dim} coordinates; use 'sliced', 'energy' "
                "or 'radial'"
            )
    if not names:
        raise InputError("statistic is an empty tuple; name at least one, or pass 'auto'")
    return {name: STATISTICS[name] for name in names}


def relabelled(
    chosen: dict[str, Statistic], points: Tensor, rows: Exchange, permutations: int, rng: Rng
) -> Array:
    """Every statistic of the observed labels and of all relabellings: (statistics, 1 + permutations)."""
    prepared = [one.prepare(points, rng.spawn()) for one in chosen.values()]
    batches = rows.batches(permutations, rng.spawn())
    return np.concatenate(
        [np.stack([evaluate(labels) for evaluate in prepared]) for labels in batches], axis=1
    )


def _read(name: str, values: Array) -> StatisticResult:
    return StatisticResult(name, float(values[0]), float(tail_shares(values[:1], values)[0]), values[1:])


def ruling_note(points: Tensor) -> str:
    """Say if one coordinate is nearly all of the distance between rows, by its unit or by its tails."""
    spread = (points - points.mean(dim=0)).abs().mean(dim=0)  # (d,)
    total, largest, d = float(spread.sum()), int(spread.argmax()), points.shape[1]
    share = float(spread[largest]) / (total or 1.0)
    if d == 1 or share <= RULING:
        return ""
    return (
        f"Coordinate {largest} holds {share:.1%} of the spread of all {d}, so the test hardly sees the others; "
        "bring them to comparable scales, or look at each with wdist.compare."
    )
