"""Memorised or new: each generated point beside the training point nearest to it.

A distance to the nearest training point says nothing by itself. Beside it stands what new points of the law have: the
distances from held-out points to the training points nearest to them. `novelty` measures both, `Novelty` reads them.
Blurred points lie near too, as means do; what tells them from copies is how near, and how far apart they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.gan.coverage import diversity
from wdist.gan.data import Rows
from wdist.gan.sets import opened
from wdist.options import check_whole
from wdist.rng import Seed, as_rng
from wdist.sources import as_source

__all__ = ["Novelty", "novelty"]

NEAR = 0.5
"""Share of the held-out points' median distance within which a point is called a copy."""
FEW = 0.1
"""Share of copies, beyond that among held-out points, from which they are named."""
OFTEN = 0.6
"""`Novelty.nearer` above which points are nearer than new ones: 1/2 and three deviations for 200 points a side."""
NARROW = 0.9
"""`Novelty.variety` below which points are closer together than those of the law are."""


@dataclass(frozen=True, eq=False)
class Novelty:
    """Generated points, the training point nearest to each, and what distances new points of the law have.

    Attributes:
        generated: Shape (n, d), in the unit of the data, as the distances are.
        nearest: Shape (n, d): the training point nearest to each of them.
        rows: Shape (n,): its row among the training points.
        distances: Shape (n,), Euclidean: how far it is.
        held: Shape (m,): how far each held-out point is from the training point nearest to it.
        variety: Mean distance between pairs of generated points over that between held-out ones: about 1 for new points
            of the law and for copies of many; blur takes from it, as does repetition.
    """

    generated: Tensor
    nearest: Tensor
    rows: Tensor
    distances: Tensor
    held: Tensor
    variety: float

    @property
    def nearer(self) -> float:
        """How often a generated point lies nearer to training points than a held-out one does.

        P(distance < held) + P(distance = held)/2, the Mann-Whitney statistic by which Meehan, Chaudhuri and Dasgupta
        (2020, §3) tell data copying: 1/2 for new points of the law, 1 for copies. Noise makes it smaller, blur mostly
        larger: see `reading`.
        """
        behind = self.held[None, :] - self.distances[:, None]  # (n, m)
        return float(((behind > 0).double() + (behind == 0).double() / 2).mean())

    @property
    def copied(self) -> float:
        """Share of the generated points within half of the held-out points' median distance of a training point."""
        return self._within(self.distances)

    def _within(self, distances: Tensor) -> float:
        return float((distances <= NEAR * self.held.median()).double().mean())

    @property
    def reading(self) -> str:
        """What the numbers say, in words: copies, blur, or no sign of either."""
        if self.copied - self._within(self.held) > FEW:
            return f"{self.copied:.0%} are copies, or all but"
        if self.nearer <= OFTEN:
            return "no sign of copies"
        if self.variety < NARROW:
            return (
                "blur rather than copies: near, but not close, and too much alike; blurred copies are so too"
            )
        return "nearer than new ones, yet neither close as copies nor alike as blur: look at the pairs"

    @property
    def reached(self) -> int:
        """How many training points are nearest to some generated one."""
        return len(set(self.rows.tolist()))

    @property
    def numbers(self) -> dict[str, float]:
        """All of it as plain numbers by name."""
        return {
            "nearest": float(self.distances.median()), "nearest_held_out": float(self.held.median()),
            "nearer": self.nearer, "copied": self.copied, "variety": self.variety, "reached": float(self.reached),
        }  # fmt: skip

    def __str__(self) -> str:
        nearest, held, close = self.distances.median(), self.held.median(), self._within(self.held)
        return (
            f"nearest training point {nearest:.4g} away, that of held-out points {held:.4g} (medians); a generated "
            f"point is the nearer one in {self.nearer:.2f} of the pairs (1/2 for new ones, 1 for copies); "
            f"{self.copied:.0%} of them are within half of {held:.4g}, {close:.0%} of held-out points; "
            f"pairs are {self.variety:.2f} as far apart as held-out ones. {self.reading[0].upper()}{self.reading[1:]}"
        )


def novelty(generator: object, data: object, n: int = 200, seed: Seed = 0) -> Novelty:
    """Draw from a generator and find the nearest training points; those nearest to held-out points for comparison.

    Args:
        generator: What to draw from: a `Generator`, or any Source.
        data: What it was trained on, as a config has it, or a trainer's `parts`.
        n: How many points to draw, at least 2.
        seed: Of the draw.

    Raises:
        InputError: if the data are a law, of which no point was seen twice, or live in another space.

    Example:
        >>> from wdist.truth.laws import standard_gaussian
        >>> law = standard_gaussian(2)
        >>> found = novelty(law, law.draw(500, torch.Generator().manual_seed(1)))
        >>> 0.4 < found.nearer < 0.6
        True
    """
    check_whole("n", n, 2)
    rng, parts = as_rng(seed), opened(data)
    if not (isinstance(parts.train, Rows) and isinstance(parts.held, Rows)):
        raise InputError(
            "data is a law, whose points are new each time; nothing was seen that could be learnt by heart"
        )
    source = as_source(generator, "generator", rng.spawn())
    if source.dim != parts.train.dim:
        raise InputError(
            f"the generator draws points of {source.dim} coordinates and the data have {parts.train.dim}; give "
            "the data that it was trained on"
        )
    generated, held = source.draw(n, rng.torch()).float().cpu(), parts.held_out().float()
    rows, distances = _nearest(generated, parts.train)
    return Novelty(
        generated,
        parts.train.points(rows).float(),
        rows,
        distances,
        _nearest(held, parts.train)[1],
        diversity(generated[::2], generated[1::2], held[::2], held[1::2]),
    )


PIECE = 4096
"""Training points that are read at a time."""


def _nearest(x: Tensor, train: Rows) -> tuple[Tensor, Tensor]:
    """Row and distance, (n,) each, of the training point nearest to each of x (n, d)."""
    rows = torch.zeros(len(x), dtype=torch.int64)
    least = torch.full((len(x),), torch.inf)
    for piece in torch.split(torch.arange(len(train)), PIECE):
        found = torch.cdist(x, train.points(piece).float(), compute_mode="donot_use_mm_for_euclid_dist").min(
            dim=1
        )
        closer = found.values < least
        rows[closer], least[closer] = piece[found.indices[closer]], found.values[closer]
    return rows, least
