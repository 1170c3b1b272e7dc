"""Instances by name: a family, its sizes and a seed make two clouds, the same ones in every process.

`FAMILIES` maps a name to a pure function (n, m, d, rng) -> (x, y) of points; `Instance` says which one is meant in
plain figures that fit in JSON, and `build` makes the `Problem` from it, masses and directions included. Seed 0 is for
tuning; what is reported uses `REPORTED`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import wdist
from wdist.methods.sliced import draw_directions
from wdist.rng import as_rng

__all__ = ["FAMILIES", "REPORTED", "TUNED", "Instance", "Problem"]

Array = np.ndarray[Any, Any]
Draw = Callable[[int, int, int, np.random.Generator], tuple[Array, Array]]

TUNED = 0
"""The seed that solvers are tuned on; nothing measured on it is reported."""
REPORTED = (101, 102, 103)
"""The seeds of the tables."""

WARM = 500  # points a side of the run before the first timed one: it imports and compiles, and costs little
CLUSTERS = 8
PILE = 10  # copies of each duplicated point
MNIST_MOST = 978  # nines that travel with wdist; there are two more fours


def gaussian(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """N(0, I) against 1.3 N(0, I) + e1."""
    x, y = rng.standard_normal((n, d)), 1.3 * rng.standard_normal((m, d))
    y[:, 0] += 1
    return x, y


def clustered(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Clusters of spread 0.1 and unequal weight around centres of spread 1, each side with weights of its own."""
    centres = rng.standard_normal((CLUSTERS, d))

    def side(count: int) -> Array:
        label = rng.choice(CLUSTERS, size=count, p=rng.dirichlet(np.ones(CLUSTERS)))
        return centres[label] + 0.1 * rng.standard_normal((count, d))

    return side(n), side(m)


def lattice(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points of a grid of whole numbers, about n of them along the line and in the plane: costs tie everywhere."""
    side = max(3, round(n ** (1 / d)))
    return tuple(rng.integers(0, side, (count, d)).astype(float) for count in (n, m))  # type: ignore[return-value]


def duplicated(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The Gaussian pair with each point ten times over, shuffled; some points are common to both sides."""
    x, y = gaussian(-(-n // PILE), -(-m // PILE), d, rng)
    shared = min(len(x), len(y)) // 4
    y[:shared] = x[:shared]
    return rng.permutation(np.repeat(x, PILE, axis=0)[:n]), rng.permutation(np.repeat(y, PILE, axis=0)[:m])


def separated(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The Gaussian pair pushed 100 apart along the diagonal."""
    x, y = gaussian(n, m, d, rng)
    return x, y + 100 / d**0.5


def heavy(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Independent Student t coordinates of 2.5 degrees of freedom, against 1.3 times the same plus e1."""
    x, y = rng.standard_t(2.5, (n, d)), 1.3 * rng.standard_t(2.5, (m, d))
    y[:, 0] += 1
    return x, y


def mnist(n: int, m: int, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Pixels of handwritten fours against nines, drawn without repetition."""
    sides = _digits()
    if max(n, m) > MNIST_MOST or d != sides[0].shape[1]:
        raise ValueError(
            f"mnist has {MNIST_MOST} images a side in 784 dimensions; {n}, {m} in {d} were asked for"
        )
    return tuple(rng.permutation(side)[:count] for side, count in zip(sides, (n, m), strict=True))  # type: ignore[return-value]


def _digits() -> list[Array]:
    digits = wdist.datasets.mnist()
    return [digits.images[digits.labels == label].reshape(-1, 784).astype(float) for label in (4, 9)]


FAMILIES: dict[str, Draw] = {
    draw.__name__: draw for draw in (gaussian, clustered, lattice, duplicated, separated, heavy, mnist)
}


@dataclass(frozen=True, eq=False)
class Problem:
    """Two clouds x (n, d), y (m, d), masses a (n,), b (m,) or None where uniform, an order, and directions (k, d)."""

    x: Array
    y: Array
    p: float
    a: Array | None = None
    b: Array | None = None
    directions: Array | None = None

    @property
    def masses(self) -> tuple[Array, Array]:
        """Both masses spelled out."""
        n, m = len(self.x), len(self.y)
        return np.full(n, 1 / n) if self.a is None else self.a, np.full(
            m, 1 / m
        ) if self.b is None else self.b


@dataclass(frozen=True)
class Instance:
    """Which problem: plain figures only, so that another process can build the same."""

    family: str
    n: int
    d: int
    p: float = 2.0
    m: int | None = None
    weighted: bool = False
    seed: int = TUNED
    dtype: str = "float64"
    projections: int = 0

    def build(self) -> Problem:
        """Draw the points, then the masses (Dirichlet(1): exponential masses over their sum), then directions."""
        rng = np.random.default_rng(self.seed)
        x, y = FAMILIES[self.family](self.n, self.m or self.n, self.d, rng)
        a, b = (rng.dirichlet(np.ones(len(side))) if self.weighted else None for side in (x, y))
        directions = None
        if self.projections:  # those that wdist.Sliced draws from the same seed
            stream = as_rng(self.seed).torch()
            directions = draw_directions(self.projections, self.d, stream, stream.device).numpy()
        x, y = x.astype(self.dtype), y.astype(self.dtype)
        return Problem(x, y, self.p, a, b, directions)

    def warm(self) -> Instance:
        """Give the same in small, for the run before the first timed one."""
        unequal = self.m is not None and self.m != self.n
        return dataclasses.replace(self, n=min(self.n, WARM), m=WARM // 2 if unequal else None)

    def words(self) -> str:
        """Say what is transported, without the seed."""
        shape = f"n = {self.n}" if self.m in (None, self.n) else f"n = {self.n}, m = {self.m}"
        parts = [
            f"W{self.p:g}",
            self.family,
            shape,
            f"d = {self.d}",
            "weighted" if self.weighted else "uniform",
        ]
        parts += [self.dtype] if self.dtype != "float64" else []
        parts += [f"{self.projections} projections"] if self.projections else []
        return ", ".join(parts)
