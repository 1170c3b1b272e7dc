"""Sliced W_p: the mean over random directions of W_p**p between the projected samples.

A block of directions is projected by one matrix product; each row then goes through the exact solver of the
line (`plans/line.py` for the report `Sliced`, `wasserstein_1d` for the differentiable kernel
`sliced_wasserstein`). A projection never lengthens a distance, so every direction alone proves a lower bound
on W_p (Bonnotte 2013, Ch. 5).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from wdist.errors import InputError
from wdist.measures import Samples
from wdist.methods.kernel import check_kernel_input, mean_power
from wdist.methods.line import wasserstein_1d
from wdist.methods.method import Method
from wdist.options import check_whole
from wdist.plans.couplings import cost_along
from wdist.plans.line import Array, line_distance
from wdist.plans.room import Room
from wdist.question import Question
from wdist.result import Bound, Estimate, Interval, Target
from wdist.rng import Rng, Seed, as_rng

__all__ = [
    "Sliced",
    "SlicedDetail",
    "draw_directions",
    "projected_distances",
    "sliced_refusal",
    "sliced_wasserstein",
]

BLOCK_BYTES = 32 * 2**20


@dataclass(frozen=True, eq=False)
class SlicedDetail:
    """What each direction showed.

    Attributes:
        projections: Number of directions.
        largest: The largest projected distance.
        standard_error: Monte Carlo standard error of the value.
        direction: The unit vector that shows `largest`, (d,).
        distances: W_p along each direction, (projections,), in the order drawn.
    """

    projections: int
    largest: float
    standard_error: float
    direction: Array
    distances: Array


@dataclass(frozen=True)
class Sliced(Method):
    """(mean over random directions of W_p**p between the projections)**(1/p), with its Monte Carlo interval.

    Attributes:
        projections: Number of directions, at least 2; the interval shrinks like its inverse root.
    """

    projections: int = 500

    name: ClassVar[str] = "sliced"
    when: ClassVar[str] = "many points in many dimensions, fast; a distance of its own and a lower bound"
    cost: ClassVar[str] = "O(projections (nd + n log n)) time, O(n) memory beyond the data"
    besides: ClassVar[str] = "only a lower bound, and of a distance of its own"
    draws: ClassVar[int | None] = 100_000

    def __post_init__(self) -> None:
        check_whole("projections", self.projections, 2, "pass 2 or more, to see their spread")

    def refusal(self, question: Question) -> str | None:
        """Refuse p = inf, metrics that are not Euclidean and the laws as target."""
        if math.isinf(question.p):
            return "the mean over directions needs a finite p; pass one, or use 'max-sliced' for p=inf"
        return sliced_refusal(question)

    def memory(self, question: Question) -> int:
        """Count centred copies of the points and one block of projections."""
        total, d = sum(question.sizes), question.dim
        return total * (8 * d + 40) + 2 * BLOCK_BYTES + 8 * self.projections * d

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Average over directions; on the line there is one direction and nothing random."""
        p, d = question.p, question.dim
        a, b = question.samples
        directions = draw_directions(self.projections, d, rng.torch(), a.points.device)  # (L, d), or (1, 1)
        distances = projected_distances(a, b, directions, p)  # (L,)
        best = int(distances.argmax())
        largest = float(projected_distances(a, b, directions[best : best + 1], p, exact=True)[0])
        if d == 1:
            return Estimate(
                largest, p, self.name, Bound.EXACT, Target.SAMPLE, f"sliced {question.name}",
                lower=largest, upper=largest, message=f"On the line it is {question.name} itself.",
                detail=SlicedDetail(1, largest, 0.0, np.ones(1), distances),
            )  # fmt: skip
        value, error = _mean_and_error(distances, p)
        value = min(value, largest)  # a mean is; in single precision it might round above
        reach = error * float(stdtrit(len(distances) - 1, (1 + question.confidence) / 2))
        upper = cost_along(a.points, b.points, a.weights, b.weights, directions[best], p)
        interval = Interval(max(0.0, value - reach), value + reach, question.confidence, "random projections")
        return Estimate(
            value, p, self.name, Bound.LOWER, Target.SAMPLE, f"sliced {question.name}",
            lower=largest, upper=max(largest, upper), interval=interval,
            message=f"The certified bounds are the largest of {len(distances)} projected distances, and what it "
            "costs to move all mass in the order along that direction.",
            detail=SlicedDetail(len(distances), largest, error, directions[best].cpu().numpy(), distances),
        )  # fmt: skip


def sliced_wasserstein(
    x: Tensor, y: Tensor, *, p: float = 2.0, projections: int = 500, weights_x: Tensor | None = None,
    weights_y: Tensor | None = None, seed: Seed = 0, directions: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Sliced W_p, batched over leading dimensions; differentiable.

    SW_p^p = mean over θ of W_p^p(θᵀx, θᵀy), θ uniform on the sphere (Bonneel et al. 2015, eq. (7)), by exact
    transport along every direction. Directions are worked off in blocks, and where there are several, a
    block's sorting is redone in the backward pass, so that memory stays O(n · block).

    Args:
        x: Points of the first measure, shape (..., n, d), float32 or float64; the unit of the result.
        y: Points of the second, shape (..., m, d), with the same leading dimensions.
        p: Order, 1 <= p < inf.
        projections: Number of random directions, shared by the batch.
        weights_x: Masses, shape (n,) or (..., n), non-negative, summing to one; None for equal masses.
        weights_y: Masses, shape (m,) or (..., m).
        seed: Draws the directions. An int gives the same ones at every call; in training pass a
            `torch.Generator`, which moves on and so gives fresh ones.
        directions: Vectors to project on instead, shape (k, d); used as they are, so normalise them.
            Differentiable too.

    Returns:
        SW_p (not SW_p**p), shape (...), in the dtype and on the device of `x`.

    Raises:
        InputError: if shapes disagree, or p < 1 or inf.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
        >>> axes = torch.eye(2)
        >>> float(sliced_wasserstein(x, x + torch.tensor([1.0, 1.0]), directions=axes))
        1.0
    """
    check_kernel_input(x, y, p, rows=1)
    d = x.shape[-1]
    if math.isinf(p) or projections < 1 or not (directions is None or directions.shape[1:] == (d,)):
        given = None if directions is None else tuple(directions.shape)
        raise InputError(
            f"p is {p!r}, projections {projections!r}, directions {given}; "
            f"pass a finite p and a positive number of projections, or directions of shape (k, {d})"
        )
    if directions is None:
        directions = draw_directions(projections, d, as_rng(seed).torch(), x.device)
    centre = x.detach().mean(dim=-2, keepdim=True)  # (..., 1, d)
    xs, ys = x - centre, y.to(x.dtype) - centre
    wx, wy = (None if w is None else w[..., None, :] for w in (weights_x, weights_y))  # (..., 1, n)

    def along(block: Tensor) -> Tensor:
        return wasserstein_1d(block @ xs.mT, block @ ys.mT, p=p, weights_x=wx, weights_y=wy)  # (..., B)

    per_row = 8 * x.element_size() * (x[..., 0].numel() + y[..., 0].numel())
    blocks = torch.split(directions.to(x.dtype), max(1, BLOCK_BYTES // per_row))
    inputs = (x, y, weights_x, weights_y, directions)
    if len(blocks) > 1 and any(t is not None and t.requires_grad for t in inputs):
        parts = [checkpoint(along, block, use_reentrant=False, preserve_rng_state=False) for block in blocks]
    else:
        parts = [along(block) for block in blocks]
    return mean_power(torch.cat(parts, dim=-1), None, p)


def sliced_refusal(question: Question) -> str | None:
    """Say what neither of the two sliced methods can answer, in the words of `Method.refusal`."""
    if not question.euclidean:
        return "projections shorten Euclidean distances only; pass metric='euclidean', or use 'discrete'"
    if question.target is Target.POPULATION:
        return "it speaks of the samples, not of the laws that they came from; use 'population'"
    return None


def draw_directions(count: int, d: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Independent uniform unit vectors, (count, d), float64; on the line the only one there is, (1, 1)."""
    if d == 1:
        return torch.ones((1, 1), dtype=torch.float64, device=device)
    normal = torch.randn((count, d), generator=generator, dtype=torch.float64, device=generator.device)
    return torch.nn.functional.normalize(normal, dim=1).to(device)


def projected_distances(
    a: Samples, b: Samples, directions: Tensor, p: float, *, exact: bool = False
) -> Array:
    """W_p between the samples projected on each direction: (L, d) -> (L,), in blocks, both cores at work.

    Projects and sorts in the points' own precision, or in float64 where `exact`; sums in float64 either way.
    """
    dtype = torch.float64 if exact else a.points.dtype
    x, y = _centred(a, b, dtype)
    uniform = a.uniform and b.uniform
    size = max(2, BLOCK_BYTES // (x.element_size() * (len(x) + len(y))))
    blocks = torch.split(directions.to(dtype), size)
    if x.device.type != "cpu":
        wx, wy = (None, None) if uniform else (a.weights, b.weights)
        parts = [wasserstein_1d(t @ x.mT, t @ y.mT, p=p, weights_x=wx, weights_y=wy) for t in blocks]
        return np.asarray(torch.cat(parts).double().cpu())
    masses = None if uniform else (a.weights.numpy(), b.weights.numpy())

    def along(room: Room, first: Array, second: Array) -> list[float]:
        return [line_distance(u, v, p, masses, room=room) for u, v in zip(first, second, strict=True)]

    distances: list[float] = []
    first, second = (points.new_empty((len(blocks[0]), len(points))) for points in (x, y))  # reused
    rooms = [Room() for _ in range(torch.get_num_threads())]
    with ThreadPoolExecutor(len(rooms)) as pool:  # sorting lets go of the interpreter
        for block in blocks:
            torch.mm(block, x.mT, out=first[: len(block)])
            torch.mm(block, y.mT, out=second[: len(block)])
            shares = (np.array_split(rows[: len(block)].numpy(), len(rooms)) for rows in (first, second))
            distances += chain.from_iterable(pool.map(along, rooms, *shares))
    return np.array(distances)


def _centred(a: Samples, b: Samples, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Both clouds less the mean of the first, subtracted in float64 and rounded to `dtype` once."""
    if a.points.device.type != "cpu":
        centre = a.points.mean(dim=0, dtype=torch.float64)
        return (a.points - centre).to(dtype), (b.points - centre).to(dtype)
    x, y = (torch.empty_like(m.points, dtype=dtype) for m in (a, b))
    mean = a.points.numpy().mean(axis=0, dtype=np.float64)
    for m, out in ((a, x), (b, y)):  # NumPy converts as it goes, torch would copy all points to float64 first
        np.subtract(m.points.numpy(), mean, out=out.numpy(), dtype=np.float64, casting="same_kind")
    return x, y


def _mean_and_error(distances: Array, p: float) -> tuple[float, float]:
    """(mean of W^p)^{1/p} and its standard error, se(mean W^p)/(p · value^{p−1}) by the delta method."""
    scale = float(distances.max())
    if scale == 0:
        return 0.0, 0.0
    powers = (distances / scale) ** p
    value = float(powers.mean()) ** (1 / p)
    error = float(powers.std(ddof=1)) / len(powers) ** 0.5
    return scale * value, scale * error / (p * value ** (p - 1))
