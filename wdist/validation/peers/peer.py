"""The one interface of every peer, and what several of them need for entropic costs.

`entropic` and `debiased` make answers of a function that gives OT_ε of one cost matrix.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wdist.errors import NotConvergedError
from wdist.validation.problem import Array, Problem
from wdist.validation.quantities import Quantity, always

__all__ = ["Peer", "Reference", "check_marginals", "debiased", "entropic"]

Power = Callable[[Array, Array, Array, float], float]
"""(cost (n, m), a (n,), b (m,), ε) -> OT_ε, in the unit of the cost."""


def vouched(problem: Problem) -> None:
    """Check nothing, as `answer` itself can tell."""


@dataclass(frozen=True)
class Reference:
    """One function of a peer that answers one of our quantities.

    Attributes:
        call: The function, as a user of the peer would find it.
        quantity: What it answers.
        answer: Asks it, and translates: the p-th root, in the problem's units. Raises `NotConvergedError` where
            the peer stopped short.
        applies: Which problems it can be asked, besides those that have the quantity.
        check: Raises `NotConvergedError` where the peer stopped short and `answer` cannot tell; not in its time.
        most_pairs: Largest n·m that it is asked; None for any.
        tolerance: Relative difference that counts as agreement, where the peer is less exact than the quantity.
    """

    call: str
    quantity: Quantity
    answer: Callable[[Problem], float]
    applies: Callable[[Problem], bool] = always
    check: Callable[[Problem], None] = vouched
    most_pairs: int | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class Peer:
    """A library to compare with.

    Attributes:
        name: As its authors write it.
        package: As pip knows it.
        module: As it is imported.
        references: Its functions that are asked.
    """

    name: str
    package: str
    module: str
    references: tuple[Reference, ...]

    def installed(self) -> bool:
        """Tell whether it can be imported here."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """Its version; to be asked only where it is installed."""
        return importlib.metadata.version(self.package)


def entropic(power: Power) -> Callable[[Problem], float]:
    """Answer (OT_ε)**(1/p)."""

    def answer(problem: Problem) -> float:
        return _root(power(problem.cost(), problem.a, problem.b, problem.epsilon), problem)

    return answer


def debiased(power: Power) -> Callable[[Problem], float]:
    """Answer (OT_ε(a, b) − OT_ε(a, a)/2 − OT_ε(b, b)/2)**(1/p)."""

    def answer(problem: Problem) -> float:
        x, y, a, b, epsilon = problem.x, problem.y, problem.a, problem.b, problem.epsilon
        cross = power(problem.cost(), a, b, epsilon)
        at_x, at_y = power(problem.cost(x, x), a, a, epsilon), power(problem.cost(y, y), b, b, epsilon)
        return _root(cross - (at_x + at_y) / 2, problem)

    return answer


def _root(power: float, problem: Problem) -> float:
    return float(max(power, 0.0) ** (1 / problem.p))


def check_marginals(plan: Array, a: Array, b: Array, limit: float) -> None:
    """Refuse a plan that puts more than `limit` of the mass in the wrong place.

    Raises:
        NotConvergedError: with the share of the mass that is misplaced, half the L1 distance of both marginals.
    """
    error = (np.abs(plan.sum(axis=1) - a).sum() + np.abs(plan.sum(axis=0) - b).sum()) / 2
    if not error <= limit:
        raise NotConvergedError(f"its plan misplaces {error:.2g} of the mass, more than {limit:g}")
