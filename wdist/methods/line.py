"""W_p on the line: a report (`Line`), exact between samples, and a differentiable, batched kernel (`wasserstein_1d`).

The report runs the compiled walk of `plans/line.py`; on a GPU and where a gradient is wanted, the kernel does
the same in torch: it sorts, pairs the atoms that share a piece of the levels, and sums the gaps between them.
For uniform samples the pairs follow from the two sizes alone, whatever the points. What the samples say of the laws
behind them is up to `resampling/line_interval.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from wdist.methods.kernel import check_kernel_input, check_weights, mean_power
from wdist.methods.method import Method
from wdist.plans.line import line_distance
from wdist.question import Question
from wdist.resampling.across import copies_note
from wdist.resampling.line_interval import WORKING_BYTES, line_interval, refusal
from wdist.result import Bound, Estimate, Interval, Target
from wdist.rng import Rng

__all__ = ["Line", "wasserstein_1d"]


@dataclass(frozen=True)
class Line(Method):
    """Exact W_p in one dimension, for every p and any weights; for p = 1 also an interval between the laws."""

    name: ClassVar[str] = "line"
    when: ClassVar[str] = "one coordinate; exact for every p, also inf"
    cost: ClassVar[str] = "O(n log n) time, O(n) memory: a million points in a fraction of a second"
    besides: ClassVar[str] = "exact too"
    draws: ClassVar[int | None] = 100_000

    def refusal(self, question: Question) -> str | None:
        """Refuse more than one coordinate, a metric of the user's own, and the laws as target."""
        if question.dim != 1:
            return f"the points have {question.dim} coordinates, not one; use 'discrete' or 'sliced'"
        if callable(question.metric):
            return "a metric of your own need not follow the order of the line; use 'discrete'"
        return _refusal_of_the_laws(question) if question.target is Target.POPULATION else None

    def memory(self, question: Question) -> int:
        """Sorted copies of both sides, with their order and masses where weighted."""
        a, b = question.samples
        per_point = 16 if a.uniform and b.uniform else 40
        resampled = 100 * (len(a) + len(b)) + WORKING_BYTES if question.target is Target.POPULATION else 0
        return per_point * (len(a) + len(b)) + resampled

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Walk both quantile functions; of the laws, resample."""
        if question.target is Target.POPULATION:
            return self._of_the_laws(question, rng)
        a, b = question.samples
        uniform = a.uniform and b.uniform
        if question.device.type == "cpu":
            x, y = a.points[:, 0].numpy(), b.points[:, 0].numpy()
            weights = None if uniform else (a.weights.numpy(), b.weights.numpy())
            value = line_distance(x, y, question.p, weights, threads=torch.get_num_threads())
        else:
            masses = (None, None) if uniform else (a.weights, b.weights)
            x64, y64 = a.points[:, 0].double(), b.points[:, 0].double()
            value = float(wasserstein_1d(x64, y64, p=question.p, weights_x=masses[0], weights_y=masses[1]))
        return Estimate(
            value, question.p, self.name, Bound.EXACT, Target.SAMPLE, question.name, lower=value, upper=value
        )

    def _of_the_laws(self, question: Question, rng: Rng) -> Estimate:
        a, b = (sample.points[:, 0].cpu().numpy() for sample in question.samples)
        found = line_interval(a, b, question.confidence, rng)
        source = f"bootstrap of {found.resamples} resamples"
        interval = Interval(found.low, found.high, question.confidence, source)
        seen = "" if found.low > 0 else "At this level the samples do not show that the laws differ."
        plug_in = f"Between the samples themselves W1 is {found.plug_in:.6g}, which overstates."
        return Estimate(
            found.guess, 1.0, self.name, Bound.NONE, Target.POPULATION, question.name, lower=found.low,
            upper=found.high, interval=interval, detail=found,
            message=" ".join(filter(None, [plug_in, seen, copies_note(a[:, None], b[:, None])])),
        )  # fmt: skip


def _refusal_of_the_laws(question: Question) -> str | None:
    """Say why the laws behind two samples are out of reach; a source draws as many rows as it takes."""
    if question.p != 1:
        return "of the laws it speaks for p=1 only; pass p=1, or target='sample' for the samples"
    if not question.sampled:
        return None
    a, b = question.samples
    if not (a.uniform and b.uniform):
        return "its interval is for rows of equal weight; use 'critic'"
    return refusal(*(sample.points[:, 0].cpu().numpy() for sample in (a, b)))


def wasserstein_1d(
    x: Tensor, y: Tensor, *, p: float = 1.0, weights_x: Tensor | None = None, weights_y: Tensor | None = None
) -> Tensor:
    """Exact W_p between samples on the line, batched over leading dimensions; differentiable.

    W_p^p = ∫_0^1 |F⁻¹(t) − G⁻¹(t)|^p dt (Villani 2003, Thm 2.18). Gradients flow to the points, and for
    finite p to the weights (valid along directions that keep both totals equal).

    Args:
        x: Points of the first measure, shape (..., n), float32 or float64; the unit of the result.
        y: Points of the second, shape (..., m), with the same leading dimensions.
        p: Order, 1 <= p <= inf.
        weights_x: Masses, shape (n,) or (..., n), non-negative, summing to one; None for equal masses.
        weights_y: Masses, shape (m,) or (..., m).

    Returns:
        W_p (not W_p**p), shape (...), in the dtype and on the device of `x`.

    Raises:
        InputError: if the leading dimensions differ, a sample is empty, or p < 1.

    Example:
        >>> float(wasserstein_1d(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])))
        2.0
    """
    check_kernel_input(x, y, p, rows=0)
    if weights_x is None and weights_y is None:
        xs, ys = x.sort(dim=-1).values, y.sort(dim=-1).values
        if x.shape == y.shape:
            return mean_power((xs - ys).abs(), None, p)
        i, j, steps = _uniform_pieces(x.shape[-1], y.shape[-1], x.device)  # (n + m - 1,) each
        return mean_power((xs[..., i] - ys[..., j]).abs(), steps, p)
    xs, order_x = x.sort(dim=-1)
    ys, order_y = y.sort(dim=-1)
    ends_x, ends_y = _levels(weights_x, order_x, x), _levels(weights_y, order_y, y)  # (..., n), (..., m)
    ends, order = torch.cat([ends_x, ends_y], dim=-1).sort(dim=-1)  # (..., n + m)
    steps = torch.diff(ends, prepend=torch.zeros_like(ends[..., :1]))
    of_x = order < x.shape[-1]  # whose atom ends with the piece; those that ended before it are behind
    i = (of_x.cumsum(dim=-1) - of_x.long()).clamp_(max=x.shape[-1] - 1)
    j = ((~of_x).cumsum(dim=-1) - (~of_x).long()).clamp_(max=y.shape[-1] - 1)
    return mean_power((xs.gather(-1, i) - ys.gather(-1, j)).abs(), steps, p)


def _uniform_pieces(n: int, m: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Atoms i of n and j of m that share a piece of the levels, and its length: (n + m - 1,) each.

    In steps of 1/(nm) an atom of the larger sample holds the smaller number of steps. It begins on one atom
    of the other, and where that ends within it, goes on with the next: pieces that begin with an atom of the
    larger sample, then those that begin with the second, third, ... of the smaller (some of length zero).
    """
    if n < m:
        j, i, steps = _uniform_pieces(m, n, device)
        return i, j, steps
    first, second = torch.arange(n, device=device), torch.arange(1, m, device=device)
    onto, within = first * m // n, second * n // m
    begun = torch.minimum((onto + 1) * n - first * m, torch.tensor(m, device=device))
    rest = torch.where(second * n % m > 0, (within + 1) * m - second * n, 0)
    steps = torch.cat([begun, rest]).to(torch.float64) / n / m
    return torch.cat([first, within]), torch.cat([onto, second]), steps


def _levels(weights: Tensor | None, order: Tensor, x: Tensor) -> Tensor:
    """Quantile level at which each sorted atom ends: (..., n), float64, last one exactly 1."""
    n = x.shape[-1]
    if weights is None:
        return (torch.arange(1, n + 1, dtype=torch.float64, device=x.device) / n).expand(x.shape).contiguous()
    check_weights(weights, n)
    masses = weights.to(torch.float64).expand(x.shape).gather(-1, order)
    ends = masses.cumsum(dim=-1)
    return ends / ends[..., -1:]
