"""From a critic to its card: which cases, how far apart, how often, and at what budget it is to be tried.

A plan of trials is laid first, so that it can be counted, interrupted and gone on with; the fits themselves are in
`trials.py`, and what they come to in `card.py`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wdist.calibration.card import Calibration
from wdist.calibration.families import families
from wdist.calibration.fingerprint import fingerprint, versions
from wdist.calibration.reading import check_critic, default_per
from wdist.calibration.trials import Progress, Wanted, run_trials
from wdist.critic.potential import standard_radius
from wdist.errors import InputError
from wdist.methods.critic import Critic
from wdist.options import check_whole
from wdist.truth.case import Case

__all__ = ["calibrate"]

NEAREST, FARTHEST = 0.1, 1.5
"""W1 over the root mean square distance from the centre, at most 2, that is tried where no scale is given."""

Cases = Mapping[str, Sequence[Case]] | Iterable[Case]


def calibrate(
    method: Critic,
    cases: Cases | None = None,
    *,
    dim: int | None = None,
    scale: tuple[float, float] | None = None,
    levels: int = 5,
    steps: int | None = None,
    seed: int = 0,
    replicates: int = 5,
    workers: int | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Measure kappa = reading / W1 of a way of training critics, on laws whose W1 is known.

    Every family of cases is tried at several amounts of transport, each with `replicates` seeds, which also draw what
    is random in a case. In every family one is tried again with twice the steps, from the same weights.

    Args:
        method: The critic, with its constraint, network, batch and rate; without `budget`.
        cases: A mapping from families to their cases, or cases, each then a family of its own; None for the standard
            families in `dim` coordinates: translations, scalings, Gaussians, funnels, points and, in the plane, lines.
        dim: Number of coordinates of the standard families.
        scale: Least and largest W1 of the standard families, in standardised units: over the unit in which both laws'
            root mean square distance from their centre is min(√dim, 4). Where a family cannot reach, its farthest.
        levels: Amounts of transport of every standard family, at least two, geometric over the scale.
        steps: Ascent steps of every critic; None for the method's own.
        seed: A non-negative int. The same seed gives the same card, whatever `workers` is.
        replicates: Fits of each case, at least two.
        workers: Processes, as joblib counts them; None for this one alone.
        folder: Where trials are kept as they are done; a call with the same folder goes on where another stopped.
        progress: Called with (fits done, fits in all).

    Returns:
        The card.

    Raises:
        InputError: if the method is no critic or is limited by time, if there are no cases in its dimension, or if the
            folder holds another calibration.

    Example:
        >>> import wdist
        >>> quick = wdist.Critic(wdist.Clip(0.1), wdist.MLP((16,)), steps=30, batch=32)
        >>> line = [wdist.truth.wgan_example(theta) for theta in (0.5, 1.0)]
        >>> card = calibrate(quick, {"line": line}, replicates=2)
        >>> card.families, len(card.trials)
        (('line',), 5)
    """
    critic = check_critic(method)
    for name, value in (("replicates", replicates), ("steps", steps), ("dim", dim)):
        if value is not None:
            check_whole(name, value)
    if replicates < 2:
        raise InputError("replicates is 1; pass at least 2, or nothing is known of how kappa scatters")
    check_whole("levels", levels, 2, "pass at least 2: kappa is a curve")
    check_whole("seed", seed, 0, "pass a non-negative int: a card is to be made again from it")
    critic = dataclasses.replace(critic, steps=steps or critic.steps or critic.constraint.steps)
    assert critic.steps is not None
    if cases is None:
        space, plan = dim, _standard(dim, scale, levels, replicates, critic.steps)
    else:
        given = _checked(cases, dim)
        space = next(iter(given.values()))[0].dim
        plan = _tried({family: [members] * replicates for family, members in given.items()}, critic.steps)
    about = fingerprint(critic, space or 0)
    trials = run_trials(
        plan, critic, int(seed), {"fingerprint": about}, workers, None if folder is None else Path(folder), progress
    )  # fmt: skip
    return Calibration(about, default_per(critic), tuple(trials), int(seed), versions())


def _standard(
    dim: int | None, scale: tuple[float, float] | None, levels: int, replicates: int, steps: int
) -> list[Wanted]:
    """The standard families, each over the same amounts of transport."""
    if dim is None:
        raise InputError("dim is missing; pass the number of coordinates, dim=2, or cases of your own")
    radius = standard_radius(dim)
    low, high = (NEAREST * radius, FARTHEST * radius) if scale is None else _range(scale, 2 * radius)
    amounts = np.geomspace(low / radius, high / radius, levels).tolist()
    return _tried(
        {
            name: [[family(u, which) for u in amounts] for which in range(replicates)]
            for name, family in families(dim).items()
        },
        steps,
    )


def _tried(members: Mapping[str, Sequence[Sequence[Case]]], steps: int) -> list[Wanted]:
    """Every member of every replicate of a family, and the middle one of the first again with twice the steps."""
    wanted: list[Wanted] = []
    for family, replicates in members.items():
        for which, row in enumerate(replicates):
            distinct = list({case.name: case for case in row}.values())  # the farthest may have come twice
            wanted += [Wanted(family, case, level, which, steps) for level, case in enumerate(distinct)]
            if which == 0:
                middle = len(distinct) // 2
                wanted.append(Wanted(family, distinct[middle], middle, 0, 2 * steps))
    return wanted


def _range(scale: Any, limit: float) -> tuple[float, float]:
    """Doubt a range of W1 in standardised units."""
    try:
        low, high = map(float, scale)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not 0 < low < high < limit:
        raise InputError(
            f"scale is {scale!r}; pass (low, high) with 0 < low < high < {limit:.4g}, W1 in standardised units: two "
            f"atoms are {limit:.4g} apart there, and nothing is farther"
        )
    return low, high


def _checked(cases: Any, dim: int | None) -> dict[str, list[Case]]:
    """Doubt cases of the user's own."""
    grouped: dict[str, list[Case]] = (
        {str(family): list(members) for family, members in cases.items()}
        if isinstance(cases, Mapping)
        else {getattr(case, "name", str(k)): [case] for k, case in enumerate(cases)}
    )
    everyone = [case for members in grouped.values() for case in members]
    if not everyone or not all(grouped.values()):
        raise InputError("cases is empty, or a family in it is; pass at least one case a family")
    for family, members in grouped.items():
        if len({getattr(case, "name", None) for case in members}) < len(members):
            raise InputError(f"the family {family} has two cases of one name; a trial is known by it")
    for case in everyone:
        if not isinstance(case, Case):
            raise InputError(
                f"cases holds {case!r}; pass wdist.truth.Case objects, or a mapping to lists of them"
            )
        if not case.w.get(1, 0.0) > 0:
            raise InputError(f"the case {case.name!r} has no W1 above zero; kappa is the reading over W1")
        if case.dim != (dim or everyone[0].dim):
            raise InputError(
                f"the case {case.name!r} has {case.dim} coordinates and others have {dim or everyone[0].dim}; make a "
                "card for each dimension"
            )
    return grouped
