"""The roof: one call from two samples to one number that says what it means."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from typing import Any, Literal

import torch

from wdist.answer import answer
from wdist.costs import Metric
from wdist.errors import InputError, WdistWarning
from wdist.inference.floor import doubt, floor_of
from wdist.methods import Discrete, Line, Method, Population
from wdist.methods.line_from_disk import Progress, belongs_on_disk, line_from_disk
from wdist.question import Question, ask
from wdist.result import Estimate, Floor, Target
from wdist.rng import Rng, Seed, as_rng

__all__ = ["estimate"]

CLEAR = 1.2
"""Floors from which on a distance is not taken for noise."""


def estimate(
    a: Any,
    b: Any,
    *,
    p: float = 1,
    method: str | Method = "auto",
    weights_a: Any = None,
    weights_b: Any = None,
    normalize_weights: bool = False,
    metric: Metric = "euclidean",
    target: Target | str = "sample",
    confidence: float = 0.95,
    device: torch.device | str | None = None,
    time_limit: float | None = None,
    seed: Seed = 0,
    floor: bool | Literal["auto"] = False,
    progress: Progress | None = None,
) -> Estimate:
    """Estimate how far apart two measures are: the p-Wasserstein distance W_p, in the unit of the data.

    Args:
        a: First measure. Points of shape (n,) or (n, d), as a NumPy array or memory map, torch tensor, list,
            pandas or Polars column or frame; images (n, C, H, W), which are flattened; or something to draw
            from: an object with `dim` and `draw(n, rng)`, a function f(n) or f(n, rng), a torch DataLoader.
        b: Second measure, likewise, with the same d.
        p: Order, a real number >= 1, or inf where that is exact.
        method: "auto", "exact", a key of `wdist.METHODS`, or a method object with its options:
            `wdist.Critic(constraint=wdist.GradientPenalty(10.0), steps=2000)`.
        weights_a: Masses of the points of a, shape (n,), non-negative, summing to one; None for equal masses.
        weights_b: Masses of the points of b, shape (m,).
        normalize_weights: Divide weights by their sum instead of insisting that it be one.
        metric: Ground metric: "euclidean", "cityblock", "chebyshev", or a function (x (n, d), y (m, d)) ->
            (n, m), called with tensors if a or b is one, else with arrays. The last three are for method
            "discrete" and "sinkhorn".
        target: "sample", the distance between the two clouds as given, or "population", between the laws they
            came from: for W1 between given rows of equal weight an interval (see `Population`), else by a critic.
            Methods that can answer for one only say so in the estimate's `target`.
        confidence: Level of `Estimate.interval`, where there is one.
        device: Where to compute; None keeps the points where they are.
        time_limit: Seconds after which the exact solver of method "discrete" hands out the certified bracket that it
            has, with `converged=False`; the certificate comes on top (see `Discrete`). None for no limit.
        seed: A non-negative int, None, or a NumPy or torch generator. The same seed gives the same answer.
        floor: Also estimate what noise alone would show, `Estimate.floor` (see `sampling_floor`): for W_p between
            given samples. Beyond the line it costs about as much again as the answer; with an interval between the laws
            it always comes along. "auto": where it is to be had, without a warning.
        progress: Called with (done, total) where a critic is fitted, in steps, and where points stream from disk: from
            memory maps of one coordinate whose answer would take more than half of the free memory (see
            `line_from_disk`).

    Returns:
        An `Estimate`: its `value` is W_p, never W_p**p; `float(estimate)` gives it, and raises if the solver
        did not converge.

    Raises:
        InputError: if the request cannot be answered as it stands; the text says what came and how to mend
            it.
        NotConvergedError: if a solver breaks down without even a bracket to show.

    Warns:
        WdistWarning: if the solver stopped short (the estimate then has `converged=False`), or else if `floor` was
            asked for and the value is below 1.2 floors, or rows depend on those before them, so that it is too low.

    Example:
        >>> import wdist
        >>> wdist.estimate([0.0, 1.0, 3.0], [5.0, 6.0, 8.0]).value
        5.0
        >>> wdist.estimate([[0.0, 0.0]], [[3.0, 4.0]], metric="cityblock").value
        7.0
    """
    rng = as_rng(seed)
    sought = floor == "auto"
    if (sought or not floor) and belongs_on_disk(
        a, b, method=method, weights=(weights_a, weights_b), metric=metric, target=target, device=device
    ):
        if time_limit is not None:
            raise InputError(
                "a and b are sorted on disk for want of memory, which has no time_limit; drop it"
            )
        return line_from_disk(a, b, p=p, progress=progress)
    question = ask(
        a, b, p=p, weights_a=weights_a, weights_b=weights_b, normalize_weights=normalize_weights, metric=metric,
        target=target, confidence=confidence, device=device, rng=rng,
    )  # fmt: skip
    found = answer(question, method, rng, time_limit, progress)
    of_laws = found.method in (Line.name, Population.name) and found.target is Target.POPULATION
    if (floor and not sought) or (of_laws and question.sampled):
        found = dataclasses.replace(found, floor=_floor(found, question, rng.spawn()))
    elif sought:
        with contextlib.suppress(InputError):
            found = dataclasses.replace(found, floor=_floor(found, question, rng.spawn()))
    if found.floor is not None and not (of_laws or sought) and (series := doubt(question)):
        warnings.warn(series, WdistWarning, stacklevel=2)
    if not found.converged:
        warnings.warn(f"{found.method} did not converge: {found.message}", WdistWarning, stacklevel=2)
    elif found.floor is not None and not (of_laws or sought) and found.value < CLEAR * found.floor.value:
        warnings.warn(
            f"{found.quantity} {found.target.words} is {found.value:.4g}, and two samples of these sizes from one law "
            f"would be {found.floor.told} apart: noise alone would show as much. wdist.two_sample_test says whether "
            "there is a difference",
            WdistWarning,
            stacklevel=2,
        )
    return found


def _floor(found: Estimate, question: Question, rng: Rng) -> Floor:
    """Estimate the floor of an answer that it is comparable with."""
    if found.method not in (Line.name, Discrete.name, Population.name):
        raise InputError(
            f"floor=True goes with W_p between given points, from 'line' or 'discrete'; method {found.method!r} "
            "answered. Drop it, or ask wdist.sampling_floor for the floor of W_p"
        )
    return floor_of(question, rng)
