"""The Gaussian (Bures) distance of the first two moments: a report (`Gaussian`) and a kernel (`gaussian_w2`).

W_2² between two Gaussians is |mean difference|² + tr(A + B − 2 (A^{1/2} B A^{1/2})^{1/2}) (Dowson and Landau
1982). With factors A = FᵀF, B = GᵀG it is the least ‖U F − V G‖² over orthogonal U, V, reached at the
singular vectors of F Gᵀ: a sum of squares, in which nothing cancels and no covariance is ever formed or
inverted.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.measures import Samples
from wdist.methods.kernel import check_kernel_input, check_weights
from wdist.methods.method import Method
from wdist.question import Question
from wdist.result import Bound, Estimate, Target
from wdist.rng import Rng

__all__ = ["Gaussian", "GaussianDetail", "gaussian_w2"]

BLOCK_ROWS = 8192


ROUNDING = 1e-14


@dataclass(frozen=True)
class GaussianDetail:
    """How the distance comes about: value**2 = mean_shift**2 + bures**2.

    Attributes:
        mean_shift: Distance between the means.
        bures: Bures distance between the covariances, in the unit of the data.
        shrinkage_a: Share of a's covariance that was replaced by a multiple of the identity.
        shrinkage_b: The same for b.
    """

    mean_shift: float
    bures: float
    shrinkage_a: float
    shrinkage_b: float


@dataclass(frozen=True)
class Gaussian(Method):
    """W_2 between the Gaussians that have the samples' means and covariances.

    Without shrinkage this is a certified lower bound on W_2 between the samples (Gelbrich 1990), whatever
    their laws; with it, the distance between the means is. The upper bound is the independent coupling's,
    E|x − y|² = |mean difference|² + tr A + tr B.

    Attributes:
        shrinkage: Share in [0, 1] of each covariance to replace by its mean variance times the identity, or
            "ledoit-wolf" for the share that Ledoit and Wolf (2004) estimate from the sample. Any shrinkage
            forfeits the bound.
    """

    shrinkage: float | str = 0.0

    name: ClassVar[str] = "gaussian"
    when: ClassVar[str] = "p=2 in any dimension; compares means and covariances only, so it is a lower bound"
    cost: ClassVar[str] = "O((n + m) d min(n, d)) time: a million numbers a side in a fraction of a second"
    besides: ClassVar[str] = "it compares means and covariances only"
    draws: ClassVar[int | None] = 100_000

    def __post_init__(self) -> None:
        share: Any = self.shrinkage
        number = isinstance(share, Real) and not isinstance(share, bool)
        if share != "ledoit-wolf" and not (number and 0 <= float(share) <= 1):
            raise InputError(f"shrinkage is {share!r}; pass a share between 0 and 1, or 'ledoit-wolf'")

    def refusal(self, question: Question) -> str | None:
        """Refuse orders other than 2, other metrics and the laws as target."""
        if question.p != 2:
            return f"the Gaussian closed form is of order 2, and p is {question.p:g}; pass p=2"
        if not question.euclidean:
            return "the Gaussian closed form is Euclidean; pass metric='euclidean', or use 'discrete'"
        if question.target is Target.POPULATION:
            return "it speaks of the samples, not of the laws that they came from; use 'population'"
        return None

    def memory(self, question: Question) -> int:
        """Count two triangular factors, their product, its singular vectors, and a block of rows to factor."""
        d = question.dim
        sides = [d if self.shrinkage else min(n, d) for n in question.sizes]
        block = min(BLOCK_ROWS, max(question.sizes)) + d
        return 8 * (4 * max(sides) ** 2 + sum(sides) * d + 5 * block * d)

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Factor both covariances, shrink them if asked to, turn one factor onto the other."""
        a, b = question.samples
        centre = a.points.mean(dim=0, dtype=torch.float64)  # any one point near the data
        (mean_a, factor_a), (mean_b, factor_b) = _moments(a, centre), _moments(b, centre)
        share_a = self._share(a, mean_a + centre, factor_a)
        share_b = self._share(b, mean_b + centre, factor_b)
        left, right = _shrink(factor_a, share_a), _shrink(factor_b, share_b)
        turn_left, turn_right = _best_turns(left, right)
        bures = float(torch.linalg.matrix_norm(_difference(turn_left.mT @ left, turn_right.mT @ right)))
        shift = float(torch.linalg.vector_norm(mean_a - mean_b))
        value = float(torch.tensor([shift, bures], dtype=torch.float64).norm())
        shrunk = bool(self.shrinkage)
        spread = float(torch.linalg.matrix_norm(left) + torch.linalg.matrix_norm(right))
        slack = ROUNDING * (spread + shift)  # so that rounding certifies nothing
        proved = shift if shrunk else value
        sizes = [torch.linalg.vector_norm(factor) for factor in (factor_a, factor_b)]
        independent = float(torch.tensor([shift, *sizes], dtype=torch.float64).norm())
        message = "Compares means and covariances only"
        if shrunk:
            message += f". Shrinkage ({self.shrinkage}): {share_a:.4g} of cov(a), {share_b:.4g} of cov(b)"
        return Estimate(
            value, question.p, self.name, Bound.NONE if shrunk else Bound.LOWER, Target.SAMPLE, "Gaussian W2",
            lower=max(0.0, proved - slack), upper=independent + slack, message=f"{message}.",
            detail=GaussianDetail(shift, bures, share_a, share_b),
        )  # fmt: skip

    def _share(self, measure: Samples, mean: Tensor, factor: Tensor) -> float:
        if isinstance(self.shrinkage, str):
            return _ledoit_wolf(measure, mean, factor)
        return float(self.shrinkage)


def gaussian_w2(
    x: Tensor, y: Tensor, *, weights_x: Tensor | None = None, weights_y: Tensor | None = None
) -> Tensor:
    """W_2 between the Gaussians that have the samples' means and covariances; batched, differentiable.

    Leading dimensions are the batch. Covariances are those of the weighted points themselves (divided by the
    total mass, not by n − 1). The orthogonal turn that aligns the two is found outside of autograd: it is a
    minimiser, so the gradient at a fixed turn is the gradient (envelope theorem), and repeated or zero
    eigenvalues do no harm.

    Args:
        x: Points of the first measure, shape (..., n, d), float32 or float64; the unit of the result.
        y: Points of the second, shape (..., m, d), with the same leading dimensions.
        weights_x: Masses, shape (n,) or (..., n), non-negative; divided by their sum. None for equal masses.
        weights_y: Masses, shape (m,) or (..., m).

    Returns:
        The distance (not its square), shape (...), in the dtype and on the device of `x`; a lower bound on
        W_2 between the samples (Gelbrich 1990).

    Raises:
        InputError: if the shapes disagree or a sample is empty.

    Example:
        >>> x = torch.tensor([[-1.0], [1.0]])
        >>> float(gaussian_w2(x, 3 * x))
        2.0
    """
    check_kernel_input(x, y, 2.0, rows=1)
    mean_x, rows_x = _rows(x, weights_x)  # (..., d), (..., n, d)
    mean_y, rows_y = _rows(y, weights_y)
    with torch.no_grad():
        (basis_x, factor_x), (basis_y, factor_y) = torch.linalg.qr(rows_x), torch.linalg.qr(rows_y)
        turn_x, turn_y = _best_turns(factor_x, factor_y)
        turn_x, turn_y = basis_x @ turn_x, basis_y @ turn_y  # (..., n, k), (..., m, l)
    gap = _difference(turn_x.mT @ rows_x, turn_y.mT @ rows_y).flatten(-2)
    distance: Tensor = torch.linalg.vector_norm(torch.cat([mean_x - mean_y, gap], dim=-1), dim=-1)
    return distance.to(x.dtype)


def _rows(x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean (..., d) and rows sqrt(mass)·(x − mean), (..., n, d), which square to the covariance; float64."""
    points = x.to(torch.float64)
    if weights is None:
        mean = points.mean(dim=-2)
        return mean, (points - mean[..., None, :]) / points.shape[-2] ** 0.5
    check_weights(weights, x.shape[-2])
    masses = weights.to(torch.float64)
    masses = (masses / masses.sum(dim=-1, keepdim=True))[..., None]  # (..., n, 1)
    mean = (masses * points).sum(dim=-2)
    kept = torch.where(masses > 0, masses, 1.0)  # the root of zero has no derivative
    return mean, torch.where(masses > 0, kept.sqrt() * (points - mean[..., None, :]), 0.0)


def _moments(measure: Samples, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) less `centre`, and a factor F (min(n, d), d) of the covariance FᵀF, by blocks of rows."""
    mean = torch.zeros_like(centre)
    for rows in _row_blocks(len(measure)):
        mean += measure.weights[rows] @ (measure.points[rows] - centre)
    factor = measure.points.new_zeros((0, measure.dim), dtype=torch.float64)
    for rows in _row_blocks(len(measure)):
        points = measure.weights[rows, None].sqrt() * (measure.points[rows] - (centre + mean))
        factor = torch.cat([factor, points])
        if len(factor) > measure.dim:
            factor = torch.linalg.qr(factor, mode="r")[1]
    return mean, factor


def _row_blocks(n: int) -> list[slice]:
    return [slice(start, start + BLOCK_ROWS) for start in range(0, n, BLOCK_ROWS)]


def _best_turns(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Orthogonal U (..., k, k) and V (..., l, l) that make ‖Uᵀ left − Vᵀ right‖ least (Procrustes)."""
    u, _, vh = torch.linalg.svd(left @ right.mT)
    return u, vh.mT


def _difference(left: Tensor, right: Tensor) -> Tensor:
    """Subtract factors (..., k, d) and (..., l, d), where the one with fewer rows goes on with zeros."""
    shared = min(left.shape[-2], right.shape[-2])
    rest = (left if left.shape[-2] > shared else right)[..., shared:, :]
    return torch.cat([left[..., :shared, :] - right[..., :shared, :], rest], dim=-2)


def _shrink(factor: Tensor, share: float) -> Tensor:
    """Factor of (1 − share) FᵀF + share · (mean variance) · identity."""
    if share == 0:
        return factor
    d = factor.shape[1]
    spread = float(torch.linalg.matrix_norm(factor)) / d**0.5
    ball = torch.eye(d, dtype=factor.dtype, device=factor.device) * (share**0.5 * spread)
    rows = torch.cat([(1 - share) ** 0.5 * factor, ball])
    triangle: Tensor = torch.linalg.qr(rows, mode="r")[1]
    return triangle


def _ledoit_wolf(measure: Samples, mean: Tensor, factor: Tensor) -> float:
    """Ledoit and Wolf's share (2004, eq. (14)), for masses w: Σ w² ‖zzᵀ − S‖² / ‖S − μI‖², at most one."""
    norm2 = float(torch.linalg.matrix_norm(factor @ factor.mT)) ** 2  # ‖S‖², of the smaller Gram matrix
    distance = norm2 - float(torch.linalg.matrix_norm(factor)) ** 4 / measure.dim  # ‖S − μI‖²
    spread = 0.0
    for rows in _row_blocks(len(measure)):
        z, w = measure.points[rows] - mean, measure.weights[rows]
        quartic = (z * z).sum(dim=1) ** 2 - 2 * (z @ factor.mT).square().sum(dim=1)  # |z|⁴ − 2 zᵀSz
        spread += float(w.square() @ (quartic + norm2))
    return min(1.0, spread / distance) if distance > 0 and measure.dim > 1 else 0.0
