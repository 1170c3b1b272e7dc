"""Max-sliced W_p: the largest W_p between projections on one direction, as a report and as a kernel.

The best of many random directions and the difference of the means are each followed uphill (`climb`).
Whatever direction that ends in, the exact distance along it is a lower bound on W_p; only that it is the
largest is not certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from wdist.methods.kernel import check_kernel_input
from wdist.methods.line import wasserstein_1d
from wdist.methods.method import Method
from wdist.methods.sliced import draw_directions, projected_distances, sliced_refusal
from wdist.options import check_whole
from wdist.plans.couplings import cost_along
from wdist.plans.line import Array
from wdist.question import Question
from wdist.result import Bound, Estimate, Target
from wdist.rng import Rng, Seed, as_rng

__all__ = ["MaxSliced", "MaxSlicedDetail", "max_sliced_wasserstein"]

GROW, HALVE = 1.5, 0.5  # of the stride after a step that climbed, and after one that did not
STILL = 1e-8  # length of a step below which a climber has arrived


@dataclass(frozen=True, eq=False)
class MaxSlicedDetail:
    """Where the climb ended.

    Attributes:
        direction: The best unit vector found, (d,).
        steps: Steps that the longest climb took.
        ends: W_p at the end of every climb, (starts,): where they agree, the maximum is likely found.
    """

    direction: Array
    steps: int
    ends: Array


@dataclass(frozen=True)
class MaxSliced(Method):
    """The largest W_p between the samples projected on one direction, sought by gradient ascent.

    Attributes:
        starts: Number of climbs: from the difference of the means and from the best random directions.
        projections: Random directions to choose starts from.
        steps: Most steps of a climb.
    """

    starts: int = 4
    projections: int = 50
    steps: int = 100

    name: ClassVar[str] = "max-sliced"
    when: ClassVar[str] = "samples that differ along few directions: a lower bound, and where they differ"
    cost: ClassVar[str] = "O(steps · starts · (nd + n log n)) time, O(starts · n) memory beyond the data"
    besides: ClassVar[str] = "only a lower bound"
    draws: ClassVar[int | None] = 20_000

    def __post_init__(self) -> None:
        check_whole("starts", self.starts)
        check_whole("projections", self.projections)
        check_whole("steps", self.steps, 0)

    def refusal(self, question: Question) -> str | None:
        """Refuse metrics that are not Euclidean and the laws as target."""
        return sliced_refusal(question)

    def memory(self, question: Question) -> int:
        """Count centred copies of the points, and projections of all climbs with their order and gradients."""
        return sum(question.sizes) * (16 * question.dim + 120 * max(self.starts, 4))

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Climb, then measure the best direction once more in float64."""
        a, b = question.samples
        p = question.p
        x, y = (m.points.to(torch.float64) for m in (a, b))
        wx, wy = (None, None) if a.uniform and b.uniform else (a.weights, b.weights)
        starts = _starts(x, y, wx, wy, p, self, rng.torch())
        directions, ends, steps = climb(x, y, wx, wy, p, starts, self.steps)
        direction = directions[int(ends.argmax())]
        value = float(projected_distances(a, b, direction[None], p, exact=True)[0])
        line = question.dim == 1
        upper = value if line else max(value, cost_along(x, y, a.weights, b.weights, direction, p))
        return Estimate(
            value, p, self.name, Bound.EXACT if line else Bound.LOWER, Target.SAMPLE,
            f"max-sliced {question.name}", lower=value, upper=upper,
            message="" if line else "The best direction found; there may be a better one.",
            detail=MaxSlicedDetail(direction.cpu().numpy(), steps, ends.cpu().numpy()),
        )  # fmt: skip


def max_sliced_wasserstein(
    x: Tensor, y: Tensor, *, p: float = 2.0, starts: int = 4, projections: int = 50, steps: int = 100,
    weights_x: Tensor | None = None, weights_y: Tensor | None = None, seed: Seed = 0,
) -> Tensor:  # fmt: skip
    """Max-sliced W_p, max over unit θ of W_p(θᵀx, θᵀy) (Deshpande et al. 2019); batched, differentiable.

    Leading dimensions are the batch. The direction is sought outside of autograd; at a maximum the gradient
    at a fixed direction is the gradient (Danskin's theorem). In samples of a few points the maximum often lies
    where two projections tie: there it is the gradient of one of the two matchings that meet.

    Args:
        x: Points of the first measure, shape (..., n, d), float32 or float64; the unit of the result.
        y: Points of the second, shape (..., m, d), with the same leading dimensions.
        p: Order, 1 <= p <= inf.
        starts: Number of climbs: from the difference of the means and from the best random directions.
        projections: Random directions to choose starts from.
        steps: Most steps of a climb.
        weights_x: Masses, shape (n,) or (..., n), non-negative, summing to one; None for equal masses.
        weights_y: Masses, shape (m,) or (..., m).
        seed: Draws the random directions.

    Returns:
        The largest projected W_p found, shape (...), in the dtype and on the device of `x`; a lower bound on
        W_p.

    Raises:
        InputError: if shapes disagree or p < 1.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
        >>> round(float(max_sliced_wasserstein(x, x + torch.tensor([3.0, 4.0]))), 4)
        5.0
    """
    check_kernel_input(x, y, p, rows=1)
    options, y = MaxSliced(starts, projections, steps), y.to(x.dtype)
    with torch.no_grad():
        starting = _starts(x, y, weights_x, weights_y, p, options, as_rng(seed).torch())
    wx, wy = (None if w is None else w.detach() for w in (weights_x, weights_y))
    directions, ends, _ = climb(x.detach(), y.detach(), wx, wy, p, starting, steps)
    best = ends.argmax(dim=-1)[..., None, None].expand(*ends.shape[:-1], 1, x.shape[-1])
    return _along(directions.gather(-2, best), x, y, weights_x, weights_y, p)[..., 0]


def climb(
    x: Tensor, y: Tensor, weights_x: Tensor | None, weights_y: Tensor | None, p: float, directions: Tensor,
    steps: int,
) -> tuple[Tensor, Tensor, int]:  # fmt: skip
    """Follow W_p(θᵀx, θᵀy) uphill on the sphere from directions (..., S, d): the ends, their W_p, the steps.

    W_p is homogeneous in θ, so the step θ + (tangential gradient)/W_p is the gradient itself, normalised: a
    power iteration. Its stride grows while it climbs and halves where it would fall, so no climb ever ends
    below its start.
    """
    directions, heights, slopes = _slope(directions, x, y, weights_x, weights_y, p)
    stride = torch.ones_like(heights)
    step = 0
    while step < steps and bool((stride * slopes.norm(dim=-1) > STILL).any()):
        step += 1
        tried = normalize(directions + stride[..., None] * slopes, dim=-1)
        tried, reached, next_slopes = _slope(tried, x, y, weights_x, weights_y, p)
        higher = reached > heights
        stride = torch.where(higher, GROW * stride, HALVE * stride)
        heights = torch.where(higher, reached, heights)
        directions, slopes = (
            torch.where(higher[..., None], new, old)
            for new, old in ((tried, directions), (next_slopes, slopes))
        )
    return directions, heights, step


def _slope(
    directions: Tensor, x: Tensor, y: Tensor, weights_x: Tensor | None, weights_y: Tensor | None, p: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the directions, W_p along them (..., S), and its tangential gradient over W_p, (..., S, d)."""
    with torch.enable_grad():
        theta = directions.detach().requires_grad_()
        heights = _along(theta, x, y, weights_x, weights_y, p)
        (gradient,) = torch.autograd.grad(heights.sum(), theta)
    heights = heights.detach()
    tangent = gradient - (gradient * directions).sum(dim=-1, keepdim=True) * directions
    return directions, heights, tangent / torch.where(heights > 0, heights, 1.0)[..., None]


def _along(
    directions: Tensor, x: Tensor, y: Tensor, weights_x: Tensor | None, weights_y: Tensor | None, p: float
) -> Tensor:
    """W_p along each direction: (..., S, d) -> (..., S)."""
    centre = x.detach().mean(dim=-2, keepdim=True)
    wx, wy = (None if w is None else w[..., None, :] for w in (weights_x, weights_y))
    xs, ys = x - centre, y - centre
    return wasserstein_1d(directions @ xs.mT, directions @ ys.mT, p=p, weights_x=wx, weights_y=wy)


def _starts(
    x: Tensor, y: Tensor, weights_x: Tensor | None, weights_y: Tensor | None, p: float, options: MaxSliced,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """Pick the direction between the means and the best random ones: (..., starts, d), one on the line."""
    batch, d = x.shape[:-2], x.shape[-1]
    drawn = draw_directions(options.projections, d, generator, x.device).to(x.dtype)  # (L, d)
    if d == 1:
        return drawn.expand(*batch, 1, 1)
    means = [
        points.mean(dim=-2) if w is None else (w[..., None].to(points.dtype) * points).sum(dim=-2)
        for points, w in ((x, weights_x), (y, weights_y))
    ]
    between = means[1] - means[0]  # (..., d)
    between = torch.where(between.norm(dim=-1, keepdim=True) > 0, between, drawn[0])
    parts = [_along(part, x, y, weights_x, weights_y, p) for part in torch.split(drawn, 4)]
    best = torch.cat(parts, dim=-1).topk(min(options.starts - 1, options.projections), dim=-1).indices
    return torch.cat([normalize(between, dim=-1)[..., None, :], drawn[best]], dim=-2)
