"""What of the real law a generator leaves out: classes, neighbourhoods, variety; and the name for it.

A distance alone does not tell blur from a missing class. Here an optimal plan says where the mass of each class comes
from, balls about nearest neighbours say how much of one sample lies in the support of the other, and mean
distances between pairs say how much variety there is. `collapse` reads all three and names what it sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.plans.dense import Coupling

__all__ = ["Coverage", "Neighbours", "Support", "collapse", "coverage", "diversity"]

MISSING = 0.1
"""A class is missing with less than this part of its due share,"""
DUE = 10
"""if that many points are due at the least: fewer may be missed by luck."""
NARROW = 0.4
"""Diversity below which a generator has collapsed: measured ones that had were at 0.05 to 0.15, good ones at 0.9."""
REPEATED = 0.03
"""Spacing below which points are copies: a smooth generator, blurry but not collapsed, is at 0.1 to 0.8."""


@dataclass(frozen=True)
class Coverage:
    """How a generator fills the classes of the real law; all fields have one entry a class.

    Attributes:
        names: What the classes are called.
        due: Share of the real mass in each class.
        shares: Share of the generated points in each class.
        filled: Part of the class's real mass that an optimal plan brings from generated points of that same class; the
            rest has to come from other classes.
        cost: How far the mass of each class comes on average, in the unit of the data.
        n: Number of generated points.
    """

    names: tuple[str, ...]
    due: tuple[float, ...]
    shares: tuple[float, ...]
    filled: tuple[float, ...]
    cost: tuple[float, ...]
    n: int

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes with less than a tenth of their due share, where ten points or more are due."""
        sides = zip(self.names, self.shares, self.due, strict=True)
        return tuple(name for name, share, due in sides if due * self.n >= DUE and share < MISSING * due)

    @property
    def stays(self) -> float:
        """Mass that an optimal plan leaves in its class: one where every class is made, in its due share."""
        return sum(due * part for due, part in zip(self.due, self.filled, strict=True))


def coverage(
    plan: Coupling, cost: Tensor, origin: Tensor, target: Tensor, names: tuple[str, ...]
) -> Coverage:
    """Read off a plan from generated to real points how each class is filled.

    Args:
        plan: An optimal coupling; its rows are generated points.
        cost: How far each entry of the plan goes, (entries,).
        origin: Class of each generated point, (n,), whole numbers from 0.
        target: Class of each real point, (m,).
        names: What the classes are called, (k,).

    Example:
        >>> import numpy as np
        >>> plan = Coupling(np.array([0, 1]), np.array([0, 1]), np.array([0.5, 0.5]))
        >>> found = coverage(plan, torch.tensor([0.0, 3.0]), torch.tensor([0, 0]), torch.tensor([0, 1]), ("a", "b"))
        >>> found.filled, found.cost, found.stays
        ((1.0, 0.0), (0.0, 3.0), 0.5)
    """
    k, mass = len(names), torch.as_tensor(plan.mass, dtype=torch.float64)
    comes, goes = origin[torch.as_tensor(plan.rows)], target[torch.as_tensor(plan.cols)]  # (entries,)

    def per_class(weight: Tensor) -> Tensor:
        return torch.zeros(k, dtype=torch.float64).index_add_(0, goes, weight)

    due = per_class(mass)
    within, length = per_class(mass * (comes == goes)), per_class(mass * cost.double())
    shares = torch.bincount(origin, minlength=k) / len(origin)
    whole = due.clamp_min(torch.finfo(torch.float64).tiny)

    def listed(per_class: Tensor) -> tuple[float, ...]:
        return tuple(per_class.tolist())

    return Coverage(
        names,
        listed(due),
        listed(shares.double()),
        listed(within / whole),
        listed(length / whole),
        len(origin),
    )


@dataclass(frozen=True)
class Neighbours:
    """Precision and recall (Kynkäänniemi et al. 2019, eqs. (1)-(2)), and how closely the generated points lie.

    Attributes:
        precision: Share of the generated points within the balls of the real ones. In pixels it says little: black
            images have 1.0.
        recall: Share of the real points within the balls of the generated ones; 0 for blur and for repetition.
        spacing: Median distance of a generated point to its k-th neighbour over that of a real one: about 1 for the law
            of the data, 0 for a generator that repeats a few points, however far apart those are.
    """

    precision: float
    recall: float
    spacing: float


@dataclass(frozen=True, eq=False)
class Support:
    """Where a sample is: balls about its points, each as wide as its k-th neighbour is far.

    Attributes:
        points: Shape (n, d), float64.
        radii: Shape (n,).
    """

    points: Tensor
    radii: Tensor

    @staticmethod
    def of(x: Tensor, k: int = 3) -> Support:
        """Give the support of x (n, d), n > k, by its k-th nearest neighbours (k = 3 as in the paper)."""
        points = x.double()
        return Support(
            points, torch.cdist(points, points).kthvalue(k + 1, dim=1).values
        )  # the first is itself

    def share_of(self, y: Tensor) -> float:
        """Share of the points y (m, d) in one ball at least."""
        inside = (torch.cdist(y.double(), self.points) <= self.radii).any(dim=1)  # (m,)
        return float(inside.double().mean())

    def against(self, real: Support) -> Neighbours:
        """Hold this sample, the generated one, against as large a real one.

        Example:
            >>> grid = torch.arange(10.0)[:, None]
            >>> Support.of(grid - 5).against(Support.of(grid))
            Neighbours(precision=0.8, recall=0.8, spacing=1.0)
        """
        spacing = _over(self.radii.median(), real.radii.median())
        return Neighbours(real.share_of(self.points), self.share_of(real.points), spacing)


def diversity(x: Tensor, x_other: Tensor, y: Tensor, y_other: Tensor) -> float:
    """Mean distance between generated points x, x_other over that between real ones y, y_other; all (n, d)."""
    return _over(torch.cdist(x, x_other).mean(), torch.cdist(y, y_other).mean())


def _over(generated: Tensor, real: Tensor) -> float:
    """Ratio of two lengths; of nothing to nothing it is one."""
    return float(generated / real) if real > 0 else (math.inf if generated > 0 else 1.0)


def collapse(found: Coverage, neighbours: Neighbours, variety: float) -> str:
    """Name the collapse, with its numbers; "" if there is none to see.

    Example:
        >>> fine = Coverage(("1", "7"), (0.5, 0.5), (0.5, 0.5), (1.0, 1.0), (0.0, 0.0), 100)
        >>> collapse(fine, Neighbours(1.0, 0.3, 0.7), 0.8)
        ''
        >>> collapse(fine, Neighbours(1.0, 0.0, 0.01), 0.02)
        'collapsed: pairs are 0.02 of the real distance apart, recall 0'
        >>> lost = Coverage(("1", "7"), (0.5, 0.5), (1.0, 0.0), (1.0, 0.0), (0.0, 0.0), 100)
        >>> collapse(lost, Neighbours(1.0, 0.3, 0.7), 0.8)
        '1 of 2 classes missing: 7'
    """
    if variety < NARROW:
        return (
            f"collapsed: pairs are {variety:.2g} of the real distance apart, recall {neighbours.recall:.2g}"
        )
    if found.missing:
        return f"{len(found.missing)} of {len(found.names)} classes missing: {', '.join(found.missing)}"
    if neighbours.spacing < REPEATED:
        return f"repeats itself: neighbours are {neighbours.spacing:.2g} of the real distance apart"
    return ""
