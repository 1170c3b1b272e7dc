"""The standard collection: what tests, benchmarks, calibration and the docs' table iterate over.

It is meant to be unkind to each family of methods in turn: diagonal shifts to clipped critics, subspaces to
cones, many funnels in high dimension to everything.
"""

from __future__ import annotations

from functools import cache

import torch

from wdist.truth.atoms import atom_and_many, piles, two_atoms
from wdist.truth.case import Case
from wdist.truth.funnel import funnels
from wdist.truth.gaussian import gaussians, rotated_gaussians
from wdist.truth.lines import exponentials, gaussians_on_line, intervals
from wdist.truth.moves import (
    axis,
    diagonal,
    random_direction,
    scaling,
    subspace_scaling,
    translation,
    wgan_example,
)
from wdist.truth.valley import valleys

__all__ = ["cases"]

PUBLISHED_FUNNELS = ((2, 4), (2, 64), (16, 4), (16, 16), (16, 64), (64, 16), (128, 4), (128, 64))
"""The (d, number of funnels) for which Korotin et al. 2022 print every solver's error."""

VALLEYS = ((2, 3, 1), (16, 8, 15), (16, 16, 8), (64, 8, 32))
"""Dimension, number of floors, their dimension: sheets, then bent cylinders."""


@cache
def cases() -> tuple[Case, ...]:
    """Give the standard collection, of unique names. It is built once, in about a second (W_1 of funnels and valleys).

    Example:
        >>> next(case for case in cases() if case.name == "wgan example theta=2").w[1]
        2.0
    """
    falls = (*(funnels(d, n) for d, n in PUBLISHED_FUNNELS), *(valleys(*sizes) for sizes in VALLEYS))
    return (*_atoms(), *_lines(), *_moves(), *_gaussians(), *falls)


def _atoms() -> tuple[Case, ...]:
    corners = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [0.0, -0.5]])
    return (
        two_atoms(torch.tensor([3.0])),
        two_atoms(torch.tensor([1.0, -2.0, 2.0])),
        atom_and_many(
            corners, torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64), torch.tensor([0.25, 0.0])
        ),
        piles((5, 2, 2, 5), (3, 3, 5, 3)),
        piles((3, 2, 1, 4), (1, 2, 4, 3)),
    )


def _lines() -> tuple[Case, ...]:
    return (
        intervals((2.0, 3.0), (0.0, 1.0)),
        intervals((0.25, 0.5), (0.0, 1.0)),
        intervals((-1.0, 4.0), (0.0, 1.0)),
        exponentials(1.0, 2.0),
        exponentials(3.0, 0.5),
        gaussians_on_line(1.0, 1.0, 0.0, 1.0),
        gaussians_on_line(0.5, 2.0, 0.0, 1.0),
        gaussians_on_line(-3.0, 0.5, 1.0, 1.5),
    )


def _moves() -> tuple[Case, ...]:
    directions = (("axis", axis), ("diagonal", diagonal), ("random", random_direction))
    shifts = [translation(towards(d), label=label) for d in (2, 16, 64) for label, towards in directions]
    return (
        wgan_example(0.5),
        wgan_example(2.0),
        *shifts,
        translation(10 * diagonal(16), label="diagonal"),
        *(scaling(d) for d in (1, 2, 16, 128)),
        scaling(3, 0.5),
        subspace_scaling(3, 1),
        subspace_scaling(16, 8),
        subspace_scaling(64, 32),
    )


def _gaussians() -> tuple[Case, ...]:
    flat, tall = torch.diag(torch.tensor([4.0, 0.0])), torch.diag(torch.tensor([0.0, 1.0]))
    return (
        gaussians(torch.zeros(2), flat, torch.zeros(2), tall, label="crossed lines"),
        *(rotated_gaussians(d) for d in (2, 3, 16, 64)),
    )
