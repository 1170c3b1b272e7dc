"""Upper bound on what a convolution stretches, whatever the size of the image.

On the infinite grid a convolution acts on every frequency by a matrix of its own, its symbol, and the operator's norm
is the largest singular value of any of them (Sedghi, Gupta and Long 2019). A stride of s acts on the s·s phases of
the image as so many channels. Zeros about a finite image and the cut at its border are an embedding and a
restriction, which stretch nothing. What lies between the frequencies that are looked at, a theorem of M. Riesz bounds.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["convolution_norm"]

FINENESS = 16
"""Frequencies an axis for each degree of the symbol: the bound is then at most 2 % above the norm."""


def convolution_norm(filters: Tensor, stride: tuple[int, int]) -> float:
    """Upper bound on the operator norm of a convolution with zeros about the image, in float64.

    With A(ω) the symbol, v*A(ω)*A(ω)v is a trigonometric polynomial of degree n = ceil(kernel/stride) − 1 on each axis.
    From its maximum such a polynomial falls no faster than cos(nt) (M. Riesz 1914; Ehlich and Zeller 1964), so the
    maximum over M frequencies an axis falls short by cos(πn/M) an axis at most. Patches that do not overlap have
    n = 0: a single frequency, and the norm itself.

    Args:
        filters: Shape (K, C, k, l), as torch has them.
        stride: Steps down and right.

    Returns:
        A bound: at least the norm on images of any size, at most 2 % above the supremum over all sizes.

    Example:
        >>> convolution_norm(torch.ones(1, 1, 2, 2), (2, 2))
        2.0
    """
    blocks = _phases(filters.detach().double(), stride)  # (a, b, K, C·s·s)
    if blocks.shape[2] > blocks.shape[3]:
        blocks = blocks.mT
    degrees = [side - 1 for side in blocks.shape[:2]]
    looks = [max(1, FINENESS * n) for n in degrees]
    largest = 0.0
    powers = torch.arange(blocks.shape[0], device=blocks.device).to(torch.complex128)
    for j in range(looks[0] // 2 + 1):  # the other half are complex conjugates
        turn = torch.exp(2j * math.pi * j / looks[0] * powers)
        row = torch.einsum("a,abkc->bkc", turn, blocks.to(turn))
        symbol = torch.fft.fft(row, n=looks[1], dim=0)  # (M, K, C·s·s)
        largest = max(largest, float(torch.linalg.eigvalsh(symbol @ symbol.mH).amax()))
    missed = [math.cos(math.pi * n / looked) for n, looked in zip(degrees, looks, strict=True)]
    return math.sqrt(largest / math.prod(missed))


def _phases(filters: Tensor, stride: tuple[int, int]) -> Tensor:
    """Matrices of a convolution of step one on the phases of the image: (a, b, K, C·s·t)."""
    (rows, columns), (s, t) = filters.shape[2:], stride
    filters = torch.nn.functional.pad(filters, (0, -columns % t, 0, -rows % s))
    k, c, rows, columns = filters.shape
    parts = filters.view(k, c, rows // s, s, columns // t, t)
    return parts.permute(2, 4, 0, 1, 3, 5).flatten(3)
