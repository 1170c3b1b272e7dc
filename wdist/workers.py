"""Many questions answered side by side, each as it would be alone.

`answer_all` makes every pair a call of `_work` on plain arrays and hands the calls to joblib, which runs them
in this process, in others, or on whatever cluster `joblib.parallel_config` names. A pair's seed is made of its
place and it keeps to one core, so that neither the number of workers nor the order in which they finish can
change an answer.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from wdist.answer import solve
from wdist.arrays import as_tensor
from wdist.errors import InputError, NotConvergedError
from wdist.measures import Samples
from wdist.methods import Method, check_memory
from wdist.question import Measure, Question, check_pair
from wdist.result import Bound, Choice, Estimate
from wdist.rng import Rng
from wdist.unheard import unheard

__all__ = ["Task", "answer_all", "branch", "carried_out", "one_core", "telling"]

Place = tuple[int, int]
Asked = Callable[[Measure, Measure], Question]


@dataclass(frozen=True)
class Task:
    """One pair: its place among the sets, what to call the two, and who answers."""

    place: Place
    names: tuple[str, str]
    solver: Method
    choice: Choice


def answer_all(
    tasks: Sequence[Task], sets: Sequence[Samples], question: Asked, root: list[int], n_jobs: int | None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Place, Estimate]:  # fmt: skip
    """Answer every task; the estimates come without their `detail`.

    Args:
        tasks: Pairs, whose places count in `sets`.
        sets: Points that have passed the border.
        question: What to ask of two sets.
        root: Seed of the call, from which every pair has a branch.
        n_jobs: As joblib takes it.
        progress: Called with (done, in all) after each.
    """
    parcels = [_packed(s) for s in sets]
    here = _here()
    calls = (
        delayed(_work)(t.place, *parcels[t.place[0]], *parcels[t.place[1]], t.names, question, t.solver, root, here)
        for t in tasks
    )  # fmt: skip
    choices = {task.place: task.choice for task in tasks}
    answers: dict[Place, Estimate] = {}
    with one_core(), closing(carried_out(calls, n_jobs)) as results:
        for place, memory, found in results:
            choice = dataclasses.replace(choices[place], memory=memory)
            answers[place] = dataclasses.replace(found, choice=choice)
            if progress is not None:
                progress(len(answers), len(tasks))
    return answers


def branch(root: list[int], *place: int) -> Rng:
    """Give the generators of one part of a call, the same ones whoever asks first."""
    return Rng(np.random.SeedSequence(root, spawn_key=place))


@contextmanager
def telling(names: tuple[str, str]) -> Iterator[None]:
    """Say of which pair an error speaks; methods call the two a and b."""
    try:
        yield
    except InputError as error:
        raise InputError(f"with a = {names[0]} and b = {names[1]}: {error}") from None


def carried_out(calls: Iterable[Any], n_jobs: int | None) -> Generator[Any, None, None]:
    """Yield each result as it comes; from backends that cannot, pools of `multiprocessing` as Ray's, all at the end."""
    try:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    except ValueError:
        yield from Parallel(n_jobs=n_jobs)(calls)
        return
    results = parallel(calls)
    try:
        # `yield from` would close `results` itself, out of reach of the filter below
        for result in results:  # noqa: UP028
            yield result
    finally:
        with unheard(message=".*tasks which were still being processed"):
            results.close()


def _packed(s: Samples) -> tuple[Any, Any, tuple[Any, ...]]:
    """Take a set apart into arrays, which joblib maps into memory or scatters once; on a GPU they stay tensors."""
    points, weights = (t.numpy() if t.device.type == "cpu" else t for t in (s.points, s.weights))
    return points, None if s.uniform else weights, (s.uniform, s.native, s.note, s.shape)


def _unpacked(points: Any, weights: Any, rest: tuple[Any, ...]) -> Samples:
    x = as_tensor(points, "points")[0]
    if weights is None:
        w = torch.full((len(x),), 1.0 / len(x), dtype=torch.float64, device=x.device)
    else:
        w = as_tensor(weights, "weights")[0]
    return Samples(x, w, *rest)


def _work(
    place: Place, x: Any, w: Any, rest_x: tuple[Any, ...], y: Any, v: Any, rest_y: tuple[Any, ...],
    names: tuple[str, str], question: Asked, solver: Method, root: list[int], asker: tuple[str, int],
) -> tuple[Place, int, Estimate]:  # fmt: skip
    """Answer one pair, in whatever process; its place, the memory predicted, the estimate.

    The arrays stand alone among the arguments, where joblib's backends look for what to send only once.
    """
    if _here() != asker:
        _stay_on_one_core()
    pair = question(*check_pair(_unpacked(x, w, rest_x), _unpacked(y, v, rest_y), names))
    try:
        with telling(names):
            check_memory(solver, pair)
            found = solve(pair, solver, Choice("", 0), branch(root, 1, *place))
    except NotConvergedError as error:  # not even a bracket: all that is known is W_p >= 0
        found = Estimate(
            0.0, pair.p, solver.name, Bound.NONE, pair.target, pair.name, lower=0.0, converged=False,
            message=str(error),
        )  # fmt: skip
    memory = 0 if found.choice is None else found.choice.memory
    return place, memory, dataclasses.replace(found, detail=None, choice=None)


def _here() -> tuple[str, int]:
    """Name this process among those of all machines."""
    return platform.node(), os.getpid()


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core while pairs are computed: threads change the last bits of a sum."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def _stay_on_one_core() -> None:
    """Do the same for good in a worker process, whose other cores are for the other workers."""
    torch.set_num_threads(1)
    _limit_pools()


@cache
def _limit_pools() -> None:
    threadpool_limits(1)
