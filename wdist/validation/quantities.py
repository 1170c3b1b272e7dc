"""What can be compared, and what wdist answers: each quantity in the unit of the data, the p-th root taken.

Entropic costs are ⟨P, c⟩ + ε KL(P | a⊗b) with c = |x - y|**p (Feydy et al. 2019, eq. (1)); peers with another
regulariser, or another cost, are translated to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from wdist.answer import answer
from wdist.methods import Method, Sinkhorn
from wdist.methods.sliced import sliced_wasserstein
from wdist.question import Question
from wdist.rng import as_rng
from wdist.validation.problem import Problem

__all__ = ["DIVERGENCE", "ENTROPIC", "EXACT", "GAUSSIAN", "QUANTITIES", "SLICED", "Quantity", "always"]

MARGINAL = 1e-9  # the marginal error to which wdist's own plans are taken; values are of second order in it


def always(problem: Problem) -> bool:
    """Apply to every problem."""
    return True


@dataclass(frozen=True)
class Quantity:
    """Something that wdist and a peer both compute.

    Attributes:
        name: What it is, with {p} for the order.
        tolerance: Largest relative difference that counts as agreement.
        answer: What wdist says.
        applies: Which problems have it.
    """

    name: str
    tolerance: float
    answer: Callable[[Question, Problem], float]
    applies: Callable[[Problem], bool] = always

    def label(self, p: float) -> str:
        """Name the quantity of one order."""
        return self.name.format(p=f"{p:g}").removesuffix("^(1/1)")


def _reported(question: Question, method: str | Method) -> float:
    return float(answer(question, method, as_rng(0)))


def _entropic(question: Question, problem: Problem) -> float:
    """(OT_ε)**(1/p): at the optimum the dual is Σ a u + Σ b v, since the plan's mass is one."""
    found = answer(question, _solver(problem), as_rng(0))
    float(found)  # raises where the potentials are not those of an optimum
    a, b = (measure.weights.numpy() for measure in question.samples)
    u, v = found.detail.potential_a, found.detail.potential_b
    return float(max(a @ u + b @ v, 0.0) ** (1 / problem.p))


def _solver(problem: Problem) -> Sinkhorn:
    return Sinkhorn(epsilon=problem.epsilon * problem.unit**problem.p, tol=MARGINAL, max_iter=20_000)


def _sliced(question: Question, problem: Problem) -> float:
    a, b = question.samples
    wa, wb = (None if m.uniform else m.weights for m in (a, b))
    directions = torch.from_numpy(problem.directions)
    value = sliced_wasserstein(
        a.points, b.points, p=question.p, directions=directions, weights_x=wa, weights_y=wb
    )
    return float(value)


EXACT = Quantity("W{p}", 1e-9, lambda question, _: _reported(question, "exact"))
ENTROPIC = Quantity("entropic OT_ε^(1/{p})", 1e-6, _entropic)
DIVERGENCE = Quantity(
    "Sinkhorn divergence S_ε^(1/{p})",
    1e-6,
    lambda question, problem: _reported(question, _solver(problem)),
)
SLICED = Quantity("sliced W{p}", 1e-9, _sliced)
GAUSSIAN = Quantity(
    "Gaussian W{p}", 1e-6, lambda question, _: _reported(question, "gaussian"), lambda problem: problem.p == 2
)

QUANTITIES = (EXACT, ENTROPIC, DIVERGENCE, SLICED, GAUSSIAN)
