"""One seed in, every generator that a call needs out; the global generators are never read or moved.

A call turns its `seed` into one `Rng`. Parts that must not disturb each other (splits, initial weights,
batches) take a `spawn()` each, so that adding a draw in one place leaves the others' numbers as they were.
"""

from __future__ import annotations

from typing import Union

import numpy as np
import torch

from wdist.errors import InputError

__all__ = ["Rng", "Seed", "as_rng"]

Seed = Union[int, None, np.random.Generator, torch.Generator, "Rng"]


class Rng:
    """The generators of one call, all derived from one `numpy.random.SeedSequence`."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self._sequence = sequence
        self.numpy = np.random.default_rng(sequence)

    def torch(self, device: torch.device | str = "cpu") -> torch.Generator:
        """Give a fresh torch generator on `device`, seeded from this call's sequence."""
        state = self._sequence.spawn(1)[0].generate_state(1, np.uint64)[0]
        return torch.Generator(device=device).manual_seed(int(state) & (2**63 - 1))

    def spawn(self) -> Rng:
        """Give an independent child."""
        return Rng(self._sequence.spawn(1)[0])


def as_rng(seed: Seed) -> Rng:
    """Turn what a user passes as `seed` into an `Rng`.

    Args:
        seed: A non-negative int (the same int gives the same answer), None (fresh entropy), a NumPy or a
            torch generator (which is advanced, as by any draw), or an `Rng`.

    Raises:
        InputError: if `seed` is anything else.
    """
    if isinstance(seed, Rng):
        return seed
    if isinstance(seed, np.random.Generator):
        return Rng(np.random.SeedSequence(seed.integers(2**32, size=4).tolist()))
    if isinstance(seed, torch.Generator):
        words = torch.randint(2**32, (4,), generator=seed, device=seed.device)
        return Rng(np.random.SeedSequence(words.tolist()))
    if seed is None:
        return Rng(np.random.SeedSequence())
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0:
        return Rng(np.random.SeedSequence(int(seed)))
    raise InputError(
        f"seed is {seed!r}; pass a non-negative int, None, a numpy.random.Generator or a torch.Generator"
    )
