"""From a question to its answer: choose a method, refuse what it cannot do, run it, and say what it took.

`estimate` asks one question, `pairwise` many and elsewhere; both go through here, so that one pair gets one
answer wherever it is computed.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from wdist.errors import InputError
from wdist.methods import Critic, Method, check_memory, limited, named
from wdist.question import Question
from wdist.result import Choice, Estimate
from wdist.rng import Rng

__all__ = ["answer", "check_answerable", "solve"]


def answer(
    question: Question, method: str | Method, rng: Rng, time_limit: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Estimate:  # fmt: skip
    """Answer a question by `method`; sources are first drawn from, where the method wants points."""
    solver, choice = named(method, question)
    solver = limited(solver, time_limit)
    if isinstance(solver, Critic) and solver.progress is None:
        solver = dataclasses.replace(solver, progress=progress)
    if solver.draws is not None:
        question = question.drawn(solver.draws, rng)
    check_answerable(solver, question)
    check_memory(solver, question)
    return solve(question, solver, choice, rng)


def check_answerable(solver: Method, question: Question) -> None:
    """Refuse a question that the method cannot answer, in the method's own words."""
    if reason := solver.refusal(question):
        raise InputError(f"method {solver.name!r} cannot answer this: {reason}")


def solve(question: Question, solver: Method, choice: Choice, rng: Rng) -> Estimate:
    """Run a method on a question that it can answer, and add time, notes and choice."""
    start = time.perf_counter()
    found = solver.estimate(question, rng)
    return dataclasses.replace(
        found,
        seconds=time.perf_counter() - start,
        message=" ".join(filter(None, [question.notes, found.message])),
        choice=dataclasses.replace(choice, memory=solver.memory(question)),
    )
