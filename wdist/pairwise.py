"""All distances among k sets, or from k sets to l others: `wdist.pairwise`.

The border doubts each set once, `_Entry` by `_Entry`, and a method is chosen for every pair; `workers.py` has
the pairs answered, here or elsewhere; what comes back is laid out as a matrix (`matrix.py`).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wdist.answer import check_answerable
from wdist.costs import Metric
from wdist.errors import InputError, WdistWarning
from wdist.matrix import Pairwise
from wdist.measures import Samples, as_device
from wdist.methods import Method, choose, limited, named
from wdist.options import check_whole
from wdist.question import Question, as_measure, check_columns, check_pair, terms
from wdist.result import Bound, Choice, Estimate, Target
from wdist.rng import Seed, as_rng
from wdist.sources import CheckedSource, is_source, to_samples
from wdist.workers import Task, answer_all, branch, telling

__all__ = ["pairwise"]

SHOWN = 5


def pairwise(
    samples: Sequence[Any] | Mapping[Any, Any],
    others: Sequence[Any] | Mapping[Any, Any] | None = None,
    *,
    p: float = 1,
    method: str | Method = "auto",
    weights: Sequence[Any] | Mapping[Any, Any] | None = None,
    weights_others: Sequence[Any] | Mapping[Any, Any] | None = None,
    normalize_weights: bool = False,
    metric: Metric = "euclidean",
    target: Target | str = "sample",
    confidence: float = 0.95,
    device: torch.device | str | None = None,
    time_limit: float | None = None,
    draws: int = 2000,
    seed: Seed = 0,
    n_jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pairwise:
    """Estimate W_p between every two of k sets, or between each of k sets and each of l others.

    Every pair is computed on one core, once, and gives the same bits wherever it runs; cores are put to use by
    `n_jobs`. Under `joblib.parallel_config(backend="dask")`, or any other backend registered with joblib, the
    pairs run there, and each set is sent once where the backend can.

    Args:
        samples: The sets, a list or a dict from names to sets; each is what `estimate` takes: points (n,) or
            (n, d), array-like, or something to draw from. Sizes may differ, coordinates may not.
        others: More sets, for the distances from `samples` to these; None for those among `samples`.
        p: Order, a real number >= 1, or inf where that is exact.
        method: As in `estimate`; "auto" chooses for every pair.
        weights: Masses of the points of each set, a list as long as `samples` or a dict with some of its names;
            None in it for equal masses.
        weights_others: The same for `others`.
        normalize_weights: Divide weights by their sum instead of insisting that it be one.
        metric: Ground metric, as in `estimate`; a function is taken to be symmetric.
        target: "sample" or "population", as in `estimate`.
        confidence: Level of the estimates' intervals, where there are any.
        device: Where to compute; None keeps the points where they are.
        time_limit: Seconds for each pair, as in `estimate`; a pair that needs more is NaN, with its bracket.
        draws: Points drawn, once, from each set that is a source, so that all of its pairs are of the same
            points.
        seed: A non-negative int, None, or a NumPy or torch generator. The same seed gives the same matrix.
        n_jobs: Processes at work; -1 for all cores, None for this one alone or for what `parallel_config` says.
        progress: Called with (pairs done, pairs in all) after each pair, from this process.

    Returns:
        A `Pairwise`: `values` (k, k) or (k, l), float64, in the unit of the data, NaN where a solver did not
        converge; `lower`, `upper`, `bound`, `converged` and `estimates` tell for every entry what it is.

    Raises:
        InputError: if a set, or what is asked of a pair, cannot be answered as it stands; the text names it.

    Warns:
        WdistWarning: once, if a solver stopped short on some of the pairs.

    Example:
        >>> import wdist
        >>> wdist.pairwise([[0.0, 1.0], [2.0, 3.0], [5.0, 6.0]]).values.tolist()
        [[0.0, 2.0, 5.0], [2.0, 0.0, 3.0], [5.0, 3.0, 0.0]]
        >>> wdist.pairwise({"a": [0.0], "b": [1.0]}, {"c": [4.0]}).values.tolist()
        [[4.0], [3.0]]
    """
    start = time.perf_counter()
    check_whole("draws", draws)
    if n_jobs is not None and n_jobs != -1:
        check_whole("n_jobs", n_jobs, remedy="pass a number of processes, -1 for all cores, or None")
    question = terms(p=p, metric=metric, target=target, confidence=confidence)
    root: list[int] = as_rng(seed).numpy.integers(2**32, size=4).tolist()
    entries = _entries(samples, weights, "samples", "weights")
    k = len(entries)
    if others is not None:
        entries += _entries(others, weights_others, "others", "weights_others")
    elif weights_others is not None:
        raise InputError("weights_others are the masses of others, and others is None; pass weights")
    chosen_device = as_device(device)
    sets = [
        _at_the_border(entry, root, index, chosen_device, normalize_weights, draws)
        for index, entry in enumerate(entries)
    ]
    for entry, measure in zip(entries, sets, strict=True):
        check_pair(sets[0], measure, (entries[0].name, entry.name))
    places = [(i, j) for i in range(k) for j in range(i + 1 if others is None else k, len(sets))]
    tasks = [_task((i, j), entries, question(sets[i], sets[j]), method, time_limit) for i, j in places]
    answers = answer_all(tasks, sets, question, root, n_jobs, progress)
    _warn([task.names for task in tasks if not answers[task.place].converged], len(tasks))
    if others is None:
        itself = _itself(question(sets[0], sets[0]))
        answers |= {(j, i): found for (i, j), found in answers.items()} | {(i, i): itself for i in range(k)}
    columns = range(k) if others is None else range(k, len(sets))
    table = np.empty((k, len(columns)), dtype=object)
    for i, j in np.ndindex(table.shape):
        table[i, j] = answers[i, columns[j]]
    return Pairwise(
        table, tuple(entry.label for entry in entries[:k]), tuple(entries[j].label for j in columns),
        others is None, time.perf_counter() - start,
    )  # fmt: skip


@dataclass(frozen=True)
class _Entry:
    """One set as the user gave it, and what to call it."""

    label: Any
    name: str
    given: Any
    weights: Any
    weights_name: str


def _entries(given: Any, weights: Any, name: str, weights_name: str) -> list[_Entry]:
    """List the sets of one collection, each with its weights and both their names."""
    if not isinstance(given, (list, tuple, Mapping)):
        what = "one source" if is_source(given) else f"a {type(given).__name__}"
        raise InputError(
            f"{name} is {what}; pass a list of sets, or a dict from names to sets "
            f"(list({name}) if each entry of its first axis is a set)"
        )
    if not given:
        raise InputError(f"{name} is empty; pass at least one set")
    labels = list(given) if isinstance(given, Mapping) else list(range(len(given)))
    kind = type(weights).__name__
    masses: Mapping[Any, Any] = {}
    if isinstance(given, Mapping) and weights is not None:
        if not isinstance(weights, Mapping):
            raise InputError(
                f"{name} is a dict and {weights_name} is a {kind}; pass a dict with the same names"
            )
        if unknown := [key for key in weights if key not in given]:
            raise InputError(f"{weights_name} has the name {unknown[0]!r}, which {name} has not")
        masses = weights
    elif weights is not None:
        if not isinstance(weights, (list, tuple)):
            raise InputError(
                f"{weights_name} is a {kind}; pass a list with the masses of each set, None for equal masses"
            )
        if len(weights) != len(given):
            raise InputError(
                f"{weights_name} has {len(weights)} entries for {len(given)} sets; "
                "pass one for each, None for equal masses"
            )
        masses = dict(enumerate(weights))
    return [
        _Entry(key, f"{name}[{key!r}]", given[key], masses.get(key), f"{weights_name}[{key!r}]")
        for key in labels
    ]


def _at_the_border(
    entry: _Entry, root: list[int], index: int, device: torch.device | None, normalize: bool, draws: int
) -> Samples:
    """Doubt one set; of a source, draw the points that all of its pairs will see."""
    rng = branch(root, 0, index)
    measure = as_measure(entry.given, entry.weights, entry.name, entry.weights_name, device, normalize, rng)
    return to_samples(measure, draws, rng) if isinstance(measure, CheckedSource) else measure


def _task(
    place: tuple[int, int], entries: list[_Entry], question: Question, method: str | Method, time_limit: float | None
) -> Task:  # fmt: skip
    """Choose the method of one pair, and refuse what it cannot answer before anything runs."""
    first, second = (entries[index] for index in place)
    check_columns(first.given, second.given, (first.name, second.name))
    if method == "auto":
        solver, rule = choose(question)
    else:
        solver, choice = named(method, question)
        rule = choice.rule
    with telling((first.name, second.name)):
        solver = limited(solver, time_limit)
        check_answerable(solver, question)
    return Task(place, (first.name, second.name), solver, Choice(rule, 0))


def _itself(question: Question) -> Estimate:
    """A set and itself."""
    return Estimate(
        0.0, question.p, "identity", Bound.EXACT, question.target, question.name, lower=0.0, upper=0.0,
        message="A set and itself.",
    )  # fmt: skip


def _warn(short: list[tuple[str, str]], count: int) -> None:
    if not short:
        return
    shown = ", ".join(f"{a} and {b}" for a, b in short[:SHOWN]) + (", ..." if len(short) > SHOWN else "")
    warnings.warn(
        f"{len(short)} of {count} pairs did not converge ({shown}); their values are NaN, "
        "what is certified so far is in .lower and .upper, and why in .estimates[i, j].message",
        WdistWarning,
        stacklevel=3,
    )
