"""Where two samples differ: feature by feature, in which region, and what an optimal plan moves.

Features are measured in units of their pooled interquartile range, so that none counts for its unit. Their p-values
come from one set of relabellings and the largest statistic over all features (Westfall and Young 1993), so that looking
at many is paid for; there each counts in units of its own mean over the relabellings, lest one with wild tails hide
the rest. The region is another half's choice (`witness.py`); the plan is the exact one, where it can be had.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.inference.exchangeable import check_exchangeable, together_note
from wdist.inference.witness import FEWEST_ROWS, Region, witness_region
from wdist.measures import Samples
from wdist.methods import Discrete
from wdist.options import check_whole
from wdist.question import Question, ask
from wdist.resampling.exchange import Array, Blocks, Groups, exchange
from wdist.resampling.statistics import StraightLine
from wdist.resampling.tails import tail_shares
from wdist.rng import Seed, as_rng

__all__ = ["Comparison", "Feature", "Transport", "compare", "feature_units"]

PLAN_PAIRS = 4_000_000
"""Most pairs of rows for which the plan is worked out: a second or two."""
SHOWN = 8


@dataclass(frozen=True)
class Feature:
    """One coordinate.

    Attributes:
        name: Its name.
        distance: W1 between the samples along it, in its own unit.
        relative: The same in units of its pooled interquartile range.
        shift: Mean of b less mean of a, in its own unit.
        pvalue: Of its difference, corrected for all features.
    """

    name: str
    distance: float
    relative: float
    shift: float
    pvalue: float


@dataclass(frozen=True, eq=False)
class Transport:
    """What an optimal plan from a to b moves, in units of each feature's pooled interquartile range.

    Attributes:
        distance: W1 between the samples in these units.
        direction: Unit vector along which most is moved, (d,): the first axis of the displacements' second moments.
        share: Part of the squared displacement along it.
        costs: How far each row of a is moved, (n,), over the mean.
        costliest: Rows of a by that, furthest first, (n,).
    """

    distance: float
    direction: Array
    share: float
    costs: Array
    costliest: Array


@dataclass(frozen=True, eq=False)
class Comparison:
    """Where two samples differ.

    Attributes:
        features: One a coordinate, the plainest difference first.
        region: Where a has more mass than b, on held-out rows; None if rows are few, or move in groups or blocks.
        transport: What an optimal plan moves; None for too many rows.
        sizes: Rows of a and of b.
        permutations: Relabellings behind the p-values.
        message: Reservations, in sentences; may be empty.
    """

    features: tuple[Feature, ...]
    region: Region | None
    transport: Transport | None
    sizes: tuple[int, int]
    permutations: int
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        region = None
        if self.region is not None:
            region = {name: item for name, item in asdict(self.region).items() if not name.startswith("rows")}
        moved = None
        if self.transport is not None:
            moved = {
                "distance": self.transport.distance, "share": self.transport.share,
                "direction": self.transport.direction.tolist(),
                "costliest": self.transport.costliest[:SHOWN].tolist(),
            }  # fmt: skip
        return {
            "features": [asdict(one) for one in self.features], "region": region, "transport": moved,
            "sizes": self.sizes, "permutations": self.permutations, "message": self.message,
        }  # fmt: skip

    def __repr__(self) -> str:
        n, m = self.sizes
        plain = sum(one.pvalue <= 0.05 for one in self.features)
        lines = [
            f"{n} and {m} rows: {plain} of {len(self.features)} features differ at 5 %, corrected for all"
        ]
        for one in self.features[:SHOWN]:
            lines.append(
                f"  {one.name}: W1 {one.distance:.4g} ({one.relative:.2g} of its interquartile range), "
                f"mean {one.shift:+.4g}, p = {one.pvalue:.3g}"
            )
        if len(self.features) > SHOWN:
            lines.append(f"  and {len(self.features) - SHOWN} more")
        if self.region is not None:
            of_a, of_b = self.region.interval_a, self.region.interval_b
            lines.append(
                f"  region: {self.region.share_a:.0%} of a ({of_a.low:.0%} to {of_a.high:.0%}) and "
                f"{self.region.share_b:.0%} of b ({of_b.low:.0%} to {of_b.high:.0%}), on rows that did not choose it; "
                f"p = {self.region.pvalue:.3g}"
            )
        if self.transport is not None:
            rows = ", ".join(map(str, self.transport.costliest[:3]))
            lines.append(
                f"  transport: {self.transport.share:.0%} of the squared way along one direction; furthest to go have "
                f"rows {rows} of a"
            )
        return "\n".join(lines)


def compare(
    a: Any,
    b: Any,
    *,
    names: Sequence[str] | None = None,
    permutations: int = 999,
    groups: Groups = None,
    blocks: Blocks = None,
    confidence: float = 0.95,
    seed: Seed = 0,
) -> Comparison:
    """Say where two samples differ.

    Args:
        a: Points (n,) or (n, d), array-like, of equal weight; the columns of a data frame name the features.
        b: Points (m,) or (m, d).
        names: Names of the features instead.
        permutations: Random relabellings behind the features' p-values.
        groups: Strata, as in `two_sample_test`.
        blocks: Blocks, as in `two_sample_test`.
        confidence: Level of the region's intervals.
        seed: As in `estimate`.

    Raises:
        InputError: as `two_sample_test`, or if there are not as many names as features.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.normal(size=(80, 3)), rng.normal(size=(80, 3)) + [0, 2, 0]
        >>> found = compare(x, y, names=["age", "dose", "weight"])
        >>> found.features[0].name, found.features[0].pvalue
        ('dose', 0.001)
    """
    check_whole("permutations", permutations)
    rng = as_rng(seed)
    question = ask(a, b, confidence=confidence, rng=rng)
    pair = check_exchangeable(question, groups, blocks)
    titles = _titles(a, names, question.dim)
    rows = exchange(*question.sizes, groups, blocks)
    points = torch.cat([sample.points.double() for sample in pair])  # (N, d)
    units = feature_units(points)
    lines = [StraightLine().prepare(column[:, None], rng) for column in points.T]
    batches = rows.batches(permutations, rng.spawn())
    distances = np.concatenate([np.stack([line(labels) for line in lines]) for labels in batches], axis=1)
    usual = distances.mean(axis=1, keepdims=True)
    stands_out = distances / np.where(
        usual > 0, usual, 1.0
    )  # (d, 1 + permutations), the observed labels first
    largest = stands_out.max(axis=0)
    shifts = (pair[1].points.double().mean(dim=0) - pair[0].points.double().mean(dim=0)).tolist()
    pvalues = tail_shares(stands_out[:, 0], largest)
    columns = distances[:, 0].tolist(), (distances[:, 0] / units).tolist(), shifts, pvalues.tolist()
    features = [Feature(*figures) for figures in zip(titles, *columns, strict=True)]
    features.sort(key=lambda one: (one.pvalue, -one.relative))
    scaled = points / torch.as_tensor(units, device=points.device)
    x, y = scaled[: len(pair[0])], scaled[len(pair[0]) :]
    notes, region = [question.notes, together_note(pair, groups, blocks)], None
    if groups is None and (blocks is None or blocks == 1) and min(question.sizes) >= FEWEST_ROWS:
        region = witness_region(x, y, question.confidence, rng.spawn())
    else:
        notes.append(f"No region: it needs {FEWEST_ROWS} rows a side that are exchangeable one by one.")
    transport = None
    if math.prod(question.sizes) <= PLAN_PAIRS:
        transport = _transport(x, y)
    else:
        notes.append(f"No plan: {math.prod(question.sizes):,} pairs of rows are more than {PLAN_PAIRS:,}.")
    message = " ".join(filter(None, notes))
    return Comparison(tuple(features), region, transport, question.sizes, permutations, message)


def _titles(a: Any, names: Sequence[str] | None, dim: int) -> list[str]:
    if names is None:
        frame = type(a).__name__ == "DataFrame"
        return [str(name) for name in a.columns] if frame else [f"x{k}" for k in range(dim)]
    titles = [str(name) for name in names]
    if isinstance(names, str) or len(titles) != dim:
        raise InputError(f"names holds {len(titles)} for {dim} features; give a list with one a feature")
    return titles


def feature_units(points: Tensor) -> Array:
    """Interquartile range of every feature of points (n, d), else its standard deviation, else 1: (d,)."""
    pooled = points.cpu().numpy()
    low, high = np.quantile(pooled, [0.25, 0.75], axis=0)
    reach = np.abs(pooled).max(axis=0)
    spread = reach * (pooled / np.where(reach > 0, reach, 1.0)).std(axis=0)  # squares stay in range
    units: Array = np.where(high > low, high - low, np.where(spread > 0, spread, 1.0))
    return units


def _transport(x: Tensor, y: Tensor) -> Transport:
    """The exact plan between the scaled rows, (n, d) and (m, d), and what it moves."""
    a, b = (Samples(z, torch.full((len(z),), 1 / len(z), dtype=torch.float64)) for z in (x.cpu(), y.cpu()))
    found = Discrete().estimate(Question(a, b), as_rng(0))
    plan = found.detail.plan
    ways = (b.points[plan.cols] - a.points[plan.rows]).numpy()  # (k, d)
    moments = (plan.mass[:, None] * ways).T @ ways
    values, axes = np.linalg.eigh(moments)
    direction = axes[:, -1] * (1.0 if plan.mass @ ways @ axes[:, -1] >= 0 else -1.0)
    lengths = plan.mass * np.linalg.norm(ways, axis=1)
    costs = np.bincount(plan.rows, lengths, len(x)) * len(x)  # (n,), mean way of each row
    mean = costs.mean() or 1.0
    share = float(values[-1] / values.sum()) if values.sum() > 0 else 0.0
    return Transport(found.value, direction, share, costs / mean, np.argsort(-costs, kind="stable"))
