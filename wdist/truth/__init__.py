"""Pairs of laws whose Wasserstein distance is known: what every estimate in the house is held against."""

from wdist.truth.atoms import atom_and_many, piles, two_atoms
from wdist.truth.case import Case
from wdist.truth.collection import cases
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

__all__ = [
    "Case",
    "atom_and_many",
    "axis",
    "cases",
    "diagonal",
    "exponentials",
    "funnels",
    "gaussians",
    "gaussians_on_line",
    "intervals",
    "piles",
    "random_direction",
    "rotated_gaussians",
    "scaling",
    "subspace_scaling",
    "translation",
    "two_atoms",
    "valleys",
    "wgan_example",
]
