"""W_2 between Gaussians of any covariance, singular and non-commuting ones included.

With A = F·Fᵀ and B = G·Gᵀ the distance is a Procrustes problem, W_2² = |m_a − m_b|² + min_U ‖F − G·U‖² over
orthogonal U, solved by one SVD. That gives the coupling at once (x = m_a + F·z, y = m_b + G·U·z) and never
subtracts two large traces, as the textbook form tr A + tr B − 2·tr(A^½ B A^½)^½ does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.truth.case import Case
from wdist.truth.laws import Gaussian, standard_gaussian
from wdist.truth.transport import Affine, Coupling

__all__ = ["gaussians", "rotated_gaussians"]

ASYMMETRY = 1e-10


def gaussians(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor, label: str = "") -> Case:
    """Give N(m_a, A) against N(m_b, B), for W_2 only.

    W_2² = |m_a − m_b|² + tr(A + B − 2(A^½ B A^½)^½) (Dowson and Landau 1982; Gelbrich 1990), in the
    form |m_a − m_b|² + min_U ‖A^½ − B^½U‖² (Bhatia, Jain and Lim 2019, Thm 1).

    Args:
        mean_a: m_a, shape (d,).
        cov_a: A, shape (d, d), symmetric and positive semi-definite.
        mean_b: m_b, shape (d,).
        cov_b: B, shape (d, d).
        label: Said in the case's name.

    Raises:
        InputError: if a covariance is not symmetric or has a negative eigenvalue, or the shapes disagree.

    Example:
        >>> zero, eye = torch.zeros(4), torch.eye(4)
        >>> round(gaussians(zero, eye, zero, 9 * eye).w[2], 12)
        4.0
    """
    mean_a, mean_b = mean_a.to(torch.float64), mean_b.to(torch.float64)
    root_a, root_b = _root(cov_a, "cov_a"), _root(cov_b, "cov_b")
    if not mean_a.shape == mean_b.shape == root_a.shape[:1] == root_b.shape[:1]:
        shapes = [tuple(t.shape) for t in (mean_a, cov_a, mean_b, cov_b)]
        raise InputError(f"means and covariances have shapes {shapes}; pass (d,), (d, d), (d,), (d, d)")
    left, _, right = torch.linalg.svd(root_b.T @ root_a)
    turned = root_b @ (left @ right)  # G·U with U the polar factor of Gᵀ·F
    w2 = math.hypot(
        float(torch.linalg.vector_norm(mean_a - mean_b)), float(torch.linalg.matrix_norm(root_a - turned))
    )
    d = len(mean_a)
    return Case(
        name=" ".join(["gaussians", f"d={d}", *([label] if label else [])]),
        a=Gaussian(mean_a, root_a),
        b=Gaussian(mean_b, root_b),
        w={2.0: w2},
        origin="Dowson and Landau 1982; Gelbrich 1990; Bhatia, Jain and Lim 2019, Thm 1",
        couple=Coupling(standard_gaussian(d), Affine(root_a, mean_a), Affine(turned, mean_b)),
    )


def rotated_gaussians(d: int, condition: float = 100.0, seed: int = 7) -> Case:
    """Give two Gaussians of one spectrum along independent random axes: their covariances do not commute.

    The spectrum falls from 1 to 1/condition; the means are a random unit vector and 0.

    Args:
        d: Number of coordinates.
        condition: Largest over smallest eigenvalue, >= 1.
        seed: Picks the axes and the mean.

    Raises:
        InputError: if d or condition is below 1.
    """
    if d < 1 or not condition >= 1:
        raise InputError(f"d is {d!r} and condition {condition!r}; both must be >= 1")
    rng = torch.Generator().manual_seed(seed)
    spectrum = torch.logspace(0, -math.log10(condition), d, dtype=torch.float64)
    covariances = []
    for _ in range(2):
        axes = torch.linalg.qr(torch.randn(d, d, generator=rng, dtype=torch.float64)).Q
        covariances.append(axes * spectrum @ axes.T)
    mean = torch.randn(d, generator=rng, dtype=torch.float64)
    mean /= torch.linalg.vector_norm(mean)
    label = f"rotated condition={condition:g}"
    return gaussians(mean, covariances[0], torch.zeros_like(mean), covariances[1], label)


def _root(covariance: Tensor, name: str) -> Tensor:
    """Give the symmetric root of a positive semi-definite matrix, (d, d)."""
    covariance = covariance.to(torch.float64)
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
        raise InputError(f"{name} has shape {tuple(covariance.shape)}; a covariance is (d, d)")
    scale = float(covariance.abs().max())
    if float((covariance - covariance.T).abs().max()) > ASYMMETRY * scale:
        raise InputError(f"{name} is not symmetric; pass ({name} + {name}.T) / 2 if that is what you mean")
    values, vectors = torch.linalg.eigh(covariance)
    if float(values[0]) < -ASYMMETRY * scale:
        raise InputError(f"{name} has the negative eigenvalue {float(values[0]):.3g}; a covariance has none")
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root
