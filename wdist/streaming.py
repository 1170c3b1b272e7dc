"""A metric that is fed batch by batch, in the manner of torchmetrics: `update`, `compute`, `reset`.

Each side is a `Reservoir`, so that memory is bounded and the states of several processes merge. What is here is the
doubt of each batch, the talk among processes, and the call of `estimate` on the rows that were kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from wdist.api import estimate
from wdist.arrays import with_float64
from wdist.costs import Metric
from wdist.errors import InputError
from wdist.measures import as_samples
from wdist.methods import Method, named
from wdist.options import check_whole
from wdist.question import terms
from wdist.ranks import Ranks
from wdist.reservoir import Reservoir
from wdist.result import Estimate, Target
from wdist.rng import Seed, as_rng
from wdist.workers import branch

__all__ = ["WassersteinMetric"]

A, B, ANSWER = range(3)
"""Branches of the seed."""


class WassersteinMetric(nn.Module):
    """W_p between two streams of batches, in bounded memory, over one process or several.

    Of each side up to `rows` rows are kept, exactly as they came: all of them, or a fair sample of them. Where
    torch.distributed is initialised, `compute` and `sync` speak of what came in all processes; both must then be
    called in all of them. Batches may lie on any device; the kept rows lie where the metric was moved (`.to`), at first
    on the CPU. As a part of another module it moves and is saved with it; its rows are no buffers, so that
    DistributedDataParallel does not overwrite them.

    Args:
        p: Order, as in `estimate`.
        method: As in `estimate`; "auto" is exact up to thousands of rows.
        metric: Ground metric, as in `estimate`; a function is called with tensors.
        target: "sample", between the kept rows, or "population", between the laws they came from.
        rows: Rows kept of each side at most: 2·rows·d numbers of memory.
        seed: A non-negative int, None, or a NumPy or torch generator; which rows are kept, and the method's own
            draws. The same on all processes. The sample depends on the order of the rows, not on how they are cut
            into batches; after `reset` the same order leaves the same rows.

    Raises:
        InputError: if an option cannot be; the text says how to mend it.

    Example:
        >>> import torch, wdist
        >>> metric = wdist.WassersteinMetric(rows=1000)
        >>> for batch in torch.arange(6.0).split(2):
        ...     metric.update(batch, batch + 3)
        >>> est = metric.compute()
        >>> est.value, est.message
        (3.0, 'a: all 6 rows that came. b: all 6 rows that came.')
    """

    def __init__(
        self, *, p: float = 1, method: str | Method = "auto", metric: Metric = "euclidean",
        target: Target | str = "sample", rows: int = 5000, seed: Seed = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        check_whole("rows", rows)
        point = as_samples([0.0])
        named(method, terms(p=p, metric=metric, target=target, confidence=0.95)(point, point))
        self.p, self.method, self.metric, self.target = p, method, metric, target
        self._root: list[int] = as_rng(seed).numpy.integers(2**32, size=4).tolist()
        self._sides = Reservoir(int(rows), self._root, A), Reservoir(int(rows), self._root, B)
        self._process: int | None  # under which rows were numbered here; None if none were
        self.reset()

    def update(self, a: Any = None, b: Any = None) -> None:
        """Take in a batch of either side, or of both, of any sizes.

        Args:
            a: Points (n, d) or (n,), or images (n, C, H, W), as a tensor, array or list; None for none.
            b: Points (m, d), likewise.

        Raises:
            InputError: if a batch is not finite, or as wide as those before; the text names it by its number, from 1,
                since the last `reset`. What came before it is kept.
        """
        self._batches += 1
        ranks = Ranks.here()
        try:
            if a is None and b is None:
                raise InputError("neither a nor b came; pass at least one of them")
            points = [None if x is None else _points(x, name) for x, name in ((a, "a"), (b, "b"))]
            self._check_width(points)
        except InputError as error:
            where = f" in process {ranks.rank}" if ranks.size > 1 else ""
            raise InputError(f"batch {self._batches}{where}: {error}. What came before it is kept") from None
        for side, batch in zip(self._sides, points, strict=True):
            if batch is not None:
                side.add(batch, ranks.rank)
        self._process = ranks.rank

    def forward(self, a: Any = None, b: Any = None) -> None:
        """Do as `update` does; the distance of one batch alone, mostly noise, is not computed."""
        self.update(a, b)

    def compute(self) -> Estimate:
        """Estimate the distance from what came so far; more may come after it.

        With several processes the first answers, for the rows of all, and hands the same estimate to each.

        Returns:
            An `Estimate`, as from `estimate`; its `message` says how many of how many rows were used.

        Raises:
            InputError: if a side has no row yet, or `method` cannot answer; the state stays as it is.
        """
        ranks = Ranks.here()
        sides = self._sides if ranks.size == 1 else self._union(ranks)
        return ranks.told(lambda: self._answer(sides))

    def sync(self) -> None:
        """Take over what came in all processes, so that any one's `state_dict` holds all of it.

        More may come after it, in every process; what came before still counts once. Nothing happens where
        torch.distributed is not initialised.
        """
        ranks = Ranks.here()
        if ranks.size > 1:
            self._sides = self._union(ranks)

    def reset(self) -> None:
        """Forget all batches; their numbers begin at 1 again."""
        self._batches, self._process = 0, None
        for side in self._sides:
            side.clear()

    def get_extra_state(self) -> dict[str, Any]:
        """Give what `state_dict` holds: the kept rows, their marks and counts, and the seed."""
        first, second = self._sides
        return {"a": first.state(), "b": second.state(), "batches": self._batches, "root": list(self._root)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from a state, as `load_state_dict` does, also with its seed."""
        for side, name in zip(self._sides, ("a", "b"), strict=True):
            side.load(state[name])
        self._batches, self._root, self._process = state["batches"], list(state["root"]), None

    def _answer(self, sides: tuple[Reservoir, Reservoir]) -> Estimate:
        if not len(sides[A]) and not len(sides[B]):
            raise InputError("no batch came since the metric was made or reset; call update(a, b) first")
        for side, name in zip(sides, ("a", "b"), strict=True):
            if not len(side):
                raise InputError(f"side {name} has no rows yet; call update({name}=batch) first")
        return estimate(
            sides[A].samples("a"), sides[B].samples("b"), p=self.p, method=self.method, metric=self.metric,
            target=self.target, seed=branch(self._root, ANSWER),
        )  # fmt: skip

    def _union(self, ranks: Ranks) -> tuple[Reservoir, Reservoir]:
        """Samples of what came in all processes; refuses, in all of them alike, what does not go together."""
        _check_together(ranks.gather((self._sides[A].most, self._width, self._process)))
        first, second = (side.union(ranks.gather, ranks.rank) for side in self._sides)
        return first, second

    @property
    def _width(self) -> int | None:
        """Coordinates of a point, None before the first batch."""
        return self._sides[A].dim or self._sides[B].dim

    def _check_width(self, points: list[Tensor | None]) -> None:
        """Refuse batches of another width than the rows before, or than each other."""
        known, what = self._width, "the batches before had"
        for name, batch in zip(("a", "b"), points, strict=True):
            if batch is None:
                continue
            if known is not None and batch.shape[1] != known:
                raise InputError(
                    f"{name} has {batch.shape[1]} coordinates a point and {what} {known}; all must live in one space"
                )
            if known is None:
                known, what = batch.shape[1], f"{name} has"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> WassersteinMetric:
        """Follow a module to its device; rows keep their type, whatever the module is cast to."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch does not annotate it
        device = with_float64(fn(torch.empty(0))).device
        for side in self._sides:
            side.to(device)
        return self


def _points(x: Any, name: str) -> Tensor:
    samples = as_samples(x, name=name)
    if not samples.uniform:
        raise InputError(
            f"{name} is a Samples with weights, and rows of a stream count alike; pass its points"
        )
    return samples.points


def _check_together(heads: list[tuple[int, int | None, int | None]]) -> None:
    """Doubt the processes' rows=, widths, and the numbers under which they kept their rows."""
    for place, what in enumerate(("rows at most", "coordinates a point")):
        told = [(head[place], process) for process, head in enumerate(heads) if head[place] is not None]
        if odd := [item for item in told if item[0] != told[0][0]]:
            (x, i), (y, j) = told[0], odd[0]
            raise InputError(
                f"processes do not go together: {i} has {x} {what} and {j} has {y}; make them the same"
            )
    if any(number not in (None, process) for process, (_, _, number) in enumerate(heads)):
        raise InputError(
            "batches came before torch.distributed was initialised, and cannot be told from those of other "
            "processes; initialise it first, or reset()"
        )
