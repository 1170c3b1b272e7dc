"""Real data as a trainer reads it: rows by number, an endless order in which they come, and the unit of the nets.

`Rows` holds a finite set, images as uint8; `Feed` hands out batches of it, epoch after epoch in orders that follow from
a key and a position alone, so that two whole numbers say where a run stands. A law that draws has a feed of its own.
Nets work in standard units, into which `Scale` turns points on the device.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.critic.potential import Scaling
from wdist.errors import InputError
from wdist.gan.ahead import Ahead
from wdist.gan.indexed import Indexed
from wdist.ranks import ALONE, Ranks
from wdist.rng import Rng
from wdist.sources import Source

__all__ = [
    "Batch",
    "Feed",
    "LawFeed",
    "OrderedFeed",
    "Rows",
    "Scale",
    "feed",
    "mean_of",
    "scale_of",
    "too_few_rows",
]

LOOK = 4096
"""Rows from which the scale and the mean of points are taken."""
CHECKED = 64
"""Rows that a fingerprint reads."""


@dataclass(frozen=True)
class Scale:
    """x -> (x − shift) / scale and back: standard units, in which nets work, from the data's.

    One scale for all coordinates, so that a distance in the data's unit is `scale` times that in standard units.
    """

    shift: float | Tensor
    scale: float

    def standard(self, x: Tensor) -> Tensor:
        """Points (n, d) in the data's unit to standard ones."""
        return (x - self.shift) / self.scale

    def data(self, x: Tensor) -> Tensor:
        """Points (n, d) in standard units to the data's."""
        return x * self.scale + self.shift

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Scale:
        """The same, ready for points there."""
        shift = self.shift
        return Scale(shift.to(device, dtype) if isinstance(shift, Tensor) else shift, self.scale)


LEVELS = Scale(0.5, 0.5)
"""Images: levels in [0, 1] to [−1, 1]."""


Batch = tuple[Tensor, "Tensor | None"]
"""Points (n, d) and their classes (n,), or None."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A finite set of real points; a Source that draws them with replacement.

    Attributes:
        rows: Where they lie: a tensor (n, d), uint8 for images, or what reads them from disk.
        shape: Of one point, before it was flattened.
        labels: Class of each row, (n,) int64, places in `names`; None where there are none.
        names: What the classes are called.
        about: Where the rows come from, in words.
    """

    rows: Tensor | Indexed
    shape: tuple[int, ...]
    labels: Tensor | None = None
    names: tuple[str, ...] = ()
    about: str = "points"

    def __post_init__(self) -> None:
        if len(self.rows) < 2:
            raise InputError(too_few_rows(self))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return int(np.prod(self.shape))

    @property
    def images(self) -> bool:
        """Whether the rows are levels 0 to 255."""
        return self.rows.dtype == torch.uint8

    def at(self, index: Tensor) -> Tensor:
        """Rows by their numbers, as they lie: (k, d)."""
        return self.rows[index] if isinstance(self.rows, Tensor) else self.rows.read(index)

    def points(self, index: Tensor | None = None) -> Tensor:
        """Rows in the data's unit, levels divided by 255: (k, d), float32 (float64 if the rows are)."""
        rows = self.at(torch.arange(len(self)) if index is None else index)
        return rows.float() / 255 if rows.dtype == torch.uint8 else rows

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` rows with replacement, shape (n, dim), in the data's unit."""
        return self.labelled(n, rng)[0]

    def labelled(self, n: int, rng: torch.Generator) -> Batch:
        """Draw `n` rows so, and the class of each, (n,), where they have some."""
        index = torch.randint(len(self), (n,), generator=rng, device=rng.device).cpu()
        return self.points(index), None if self.labels is None else self.labels[index]

    def part(self, index: Tensor) -> Rows:
        """The rows with these numbers, as a set of their own."""
        labels = None if self.labels is None else self.labels[index]
        rows = self.rows[index] if isinstance(self.rows, Tensor) else self.rows.part(index)
        return Rows(rows, self.shape, labels, self.names, self.about)

    def fingerprint(self) -> str:
        """What tells this set from another, from its size and a few of its rows."""
        few = torch.linspace(0, len(self) - 1, min(CHECKED, len(self))).long()
        content = self.at(few).contiguous().numpy().tobytes()
        return hashlib.blake2b(repr((len(self), self.shape)).encode() + content, digest_size=8).hexdigest()


def too_few_rows(rows: Rows) -> str:
    """What to say of a set that cannot be split: two points are needed on either side."""
    n = len(rows)
    return (
        f"{rows.about}: {n} point{'s' * (n != 1)} {'is' if n == 1 else 'are'} too few to train on some and hold out "
        "others; pass at least 4"
    )


def scale_of(data: Rows | Source) -> Scale:
    """Standard units of a set or a law: [−1, 1] for images, unit variance otherwise; see `Scaling.of`."""
    if isinstance(data, Rows) and data.images:
        return LEVELS
    seen = Scaling.of(*[_look(data)] * 2)
    return Scale(seen.shift, seen.scale)


def mean_of(data: Rows | Source) -> Tensor:
    """Mean of a set or a law, (d,), as a look at some thousand points has it."""
    return _look(data).mean(dim=0)


def _look(data: Rows | Source) -> Tensor:
    """Points (n, d), the same ones each time, so that every run over these data has the same units."""
    rng = torch.Generator().manual_seed(0)
    if isinstance(data, Rows):
        return data.points(torch.randperm(len(data), generator=rng)[:LOOK])
    return data.draw(LOOK, rng)


class Feed(ABC):
    """Endless real batches, in standard units, on the device; its whole state is plain."""

    @abstractmethod
    def take(self, n: int) -> Batch:
        """Of the next `n` points the share of this process."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything to go on from."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""


class Order:
    """Row numbers without end: every row once an epoch, shuffled by the key and the epoch's number."""

    def __init__(self, key: int, rows: int, ranks: Ranks = ALONE) -> None:
        self.key, self.rows, self.ranks = key, rows, ranks
        self._epoch, self._shuffled = -1, torch.empty(0, dtype=torch.int64)

    def __call__(self, start: int, n: int) -> Tensor:
        """Of those at places start … start + n − 1 this process's share, (n / processes,)."""
        parts: list[Tensor] = []
        while n > 0:
            epoch, place = divmod(start, self.rows)
            if epoch != self._epoch:
                shuffled = np.random.default_rng([self.key, epoch]).permutation(self.rows)
                self._epoch, self._shuffled = epoch, torch.from_numpy(shuffled)
            parts.append(self._shuffled[place : place + n])
            start, n = start + len(parts[-1]), n - len(parts[-1])
        return self.ranks.share(parts[0] if len(parts) == 1 else torch.cat(parts))


class OrderedFeed(Feed):
    """Rows in one random order an epoch; those on disk are read ahead by `workers` processes, if there are any."""

    def __init__(
        self, data: Rows, scale: Scale, key: int, device: torch.device | str, dtype: torch.dtype, workers: int = 0,
        ranks: Ranks = ALONE,
    ) -> None:  # fmt: skip
        self.data, self.workers, self.ranks = data, workers, ranks
        self.scale, self.dtype, self.device = scale.to(device, dtype), dtype, torch.device(device)
        self.rows = data.rows.to(device) if isinstance(data.rows, Tensor) else data.rows
        self.labels = None if data.labels is None else data.labels.to(device)
        self.restore({"key": key, "position": 0})

    def take(self, n: int) -> Batch:
        """Of the next `n` rows this process's share; the others are not read."""
        index, rows = self._ahead.take(self.position, n) if self._ahead else self._read(self.position, n)
        self.position += n
        here, rows = index.to(self.device), rows.to(self.device)
        x = rows.to(self.dtype)  # (n, d)
        x = x.div_(127.5).sub_(1) if rows.dtype == torch.uint8 else self.scale.standard(x)
        return x, None if self.labels is None else self.labels[here]

    def _read(self, start: int, n: int) -> tuple[Tensor, Tensor]:
        index = self.order(start, n)
        if isinstance(self.rows, Tensor):
            return index, self.rows[index.to(self.device)]
        return index, self.rows.read(index)

    def state(self) -> dict[str, Any]:
        """Key of the orders and the place."""
        return {"key": self.key, "position": self.position}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.key, self.position = state["key"], state["position"]
        self.order = Order(self.key, len(self.data), self.ranks)
        self._ahead = None
        if not self.workers:
            return
        if isinstance(self.rows, Tensor):
            raise InputError(
                f"workers={self.workers} read what is on disk, and {self.data.about} is in memory; drop it, or leave "
                "it on disk: a folder by Data(on_disk=True) (--on-disk), an array as .npy, or a torch Dataset"
            )
        self._ahead = Ahead(self.rows, self.order, self.workers)


class LawFeed(Feed):
    """Independent draws of a law."""

    def __init__(
        self, law: Source, scale: Scale, rng: torch.Generator, device: torch.device | str, dtype: torch.dtype,
        ranks: Ranks = ALONE,
    ) -> None:  # fmt: skip
        self.law, self.rng, self.dtype, self.device, self.ranks = law, rng, dtype, device, ranks
        self.scale = scale.to(device, dtype)

    def take(self, n: int) -> Batch:
        """Of `n` draws this process's share."""
        drawn = self.ranks.share(self.law.draw(n, self.rng))
        return self.scale.standard(drawn.to(self.device, self.dtype)), None

    def state(self) -> dict[str, Any]:
        """State of the generator that the law draws from."""
        return {"rng": self.rng.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.rng.set_state(state["rng"])


def feed(
    data: Rows | Source, scale: Scale, rng: Rng, device: torch.device | str, dtype: torch.dtype, workers: int = 0,
    ranks: Ranks = ALONE,
) -> Feed:  # fmt: skip
    """Make the feed of a set or a law.

    Raises:
        InputError: if there are workers and nothing on disk for them.
    """
    if isinstance(data, Rows):
        return OrderedFeed(data, scale, int(rng.numpy.integers(2**62)), device, dtype, workers, ranks)
    if workers:
        raise InputError(f"workers={workers} read what is on disk, and a law is drawn from; drop it")
    return LawFeed(data, scale, rng.torch(), device, dtype, ranks)
