"""Standardised training batches of two sources, for ever; every rank draws them alike and takes its share.

The place in the stream is the generator's state before a draw and the number of batches taken since, so that a fit can
be taken up where it was left: to the bit, where a source has no other randomness than the generator.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wdist.critic.potential import Scaling
from wdist.ranks import ALONE, Ranks
from wdist.sources import Source

__all__ = ["Stream"]

AT_ONCE = 8
"""A source that draws batch by batch spends most of its time on the call."""


class Stream:
    """Iterator over pairs of batches (batch/size, d), `AT_ONCE` of them by one call to each source.

    They come to `device`, from wherever they are drawn. A source that fails in one rank fails in all.
    """

    def __init__(
        self, sources: tuple[Source, Source], scaling: Scaling, batch: int, rng: torch.Generator,
        dtype: torch.dtype, ranks: Ranks = ALONE, device: torch.device | None = None,
    ) -> None:  # fmt: skip
        assert batch % ranks.size == 0
        self._sources, self._scaling, self._batch = sources, scaling, batch
        self._rng, self._dtype, self._ranks, self._device = rng, dtype, ranks, device
        self._before, self._taken = rng.get_state(), AT_ONCE
        self._drawn: list[tuple[Tensor, ...]] = []

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        """Give the next pair.

        Raises:
            InputError: from a source, with the number of the draw.
        """
        if self._taken == AT_ONCE:
            self._before, self._taken = self._rng.get_state(), 0
            self._drawn = self._ranks.agreed(self._draw)
        x, y = (side[self._taken] for side in self._drawn)
        self._taken += 1
        return x, y

    def state(self) -> dict[str, Any]:
        """Where in the stream this is."""
        before = self._rng.get_state() if self._taken == AT_ONCE else self._before
        return {"before": before, "taken": self._taken}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._rng.set_state(state["before"])
        self._before, self._taken = state["before"], state["taken"]
        if self._taken < AT_ONCE:
            self._drawn = self._ranks.agreed(self._draw)

    def _draw(self) -> list[tuple[Tensor, ...]]:
        sides = (
            self._scaling(self._ranks.share(s.draw(AT_ONCE * self._batch, self._rng))) for s in self._sources
        )
        size = self._batch // self._ranks.size
        return [torch.split(_carried(z.to(self._dtype), self._device), size) for z in sides]


def _carried(z: Tensor, device: torch.device | None) -> Tensor:
    """Bring rows to where the critics are, None for where they lie; to CUDA beside what it computes meanwhile."""
    if device is None or z.device.type == device.type:
        return z.to(device)
    if device.type == "cuda":
        z = z.pin_memory()
    return z.to(device, non_blocking=True)
