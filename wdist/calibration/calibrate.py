"""Calibrating a way of training critics: fit it where W1 is known, and see what it reads.

The plan is every family at several amounts of transport, several seeds each, and once more at twice the steps in the
middle; `trials.py` carries it out, and a `Calibration` says what came of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wdist.calibration.card import Calibration
from wdist.calibration.families import families
from wdist.calibration.fingerprint import fingerprint, versions
from wdist.calibration.reading import check_critic, default_per
from wdist.calibration.trials import Wanted, run_trials
from wdist.errors import InputError
from wdist.methods.critic import Critic
from wdist.options import check_whole
from wdist.truth.case import Case

__all__ = ["calibrate"]

LEVELS = 4
SCALE = (0.1, 1.6)
"""W1 over the root mean square distance from the centre, least and most; 2 is the most there can be."""
MOST = 1.95

Cases = Mapping[str, Sequence[Case]]


def calibrate(
    method: Critic,
    cases: Cases | None = None,
    *,
    dim: int = 2,
    scale: tuple[float, float] | None = None,
    steps: int | None = None,
    seed: int = 0,
    replicates: int = 5,
    workers: int | None = None,
    path: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Measure kappa, what a way of training critics reads as a multiple of W1, and how far it holds.

    Args:
        method: The critic: `wdist.Critic(wdist.Clip(0.01), wdist.MLP((100, 100)))`. Its progress is not called.
        cases: Family -> its cases, by amount of transport; all of `dim` coordinates and with W1 known. None for the
            standard families: shifts of normal laws along an axis, the diagonal and at random, of uneven normal laws
            and of points, Example 1 of the WGAN paper (d = 2), stretched normal laws, whole and in a subspace, and
            funnels, each at four amounts.
        dim: Number of coordinates; kappa of another is another.
        scale: Least and most W1 of the standard families, in standardised units, as the critic sees it; at most
            1.95 · min(√dim, 4). None for 0.1 to 1.6 times min(√dim, 4).
        steps: Of each fit; None for the method's own.
        seed: Of the card.
        replicates: Fits of each amount, at least 2: seeds, draws and, where the family has one, directions apart.
        workers: Processes, as joblib counts them; None for this one alone. The card is the same.
        path: A folder to keep trials in as they come; a calibration that was cut off goes on from there.
        progress: Called with (done, in all) after each fit.

    Returns:
        The card. `wdist.Calibrated(method, card)` reads estimates by it, if `method` has the same `steps`.

    Raises:
        InputError: if the method has no kappa, a case is of another dimension or without W1, or the folder holds
            trials of something else.

    Example:
        >>> import wdist
        >>> quick = wdist.Critic(wdist.Clip(0.1), wdist.MLP((8,)), steps=20, batch=16)
        >>> shifts = {"axis": [wdist.truth.translation(t * wdist.truth.axis(2)) for t in (0.5, 1.0)]}
        >>> card = wdist.calibrate(quick, shifts, replicates=2)
        >>> card.families, len(card.trials)
        (('axis',), 6)
    """
    method = check_critic(method)
    for name, value, least in (("dim", dim, 1), ("replicates", replicates, 2), ("seed", seed, 0)):
        check_whole(name, value, least)
    if steps is not None:
        method = dataclasses.replace(method, steps=steps)
    about = fingerprint(method, dim)
    count = int(about["steps"])
    plan = _standard(dim, scale, replicates) if cases is None else _given(cases, dim, scale)
    wanted = [
        Wanted(family, of(which), level, which, count)
        for family, levels in plan.items() for level, of in enumerate(levels) for which in range(replicates)
    ]  # fmt: skip
    longer = [
        dataclasses.replace(one, steps=2 * count)
        for one in wanted if one.replicate < 2 and one.level == len(plan[one.family]) // 2
    ]  # fmt: skip
    folder = None if path is None else Path(path)
    trials = run_trials([*wanted, *longer], method, seed, about, workers, folder, progress)
    return Calibration(about, default_per(method), tuple(trials), seed, versions())


Member = Callable[[int], Case]
"""Which replicate -> its case."""


def _standard(dim: int, scale: tuple[float, float] | None, replicates: int) -> dict[str, list[Member]]:
    """The standard families, at amounts in equal ratios."""
    radius = min(math.sqrt(dim), 4.0)
    low, high = SCALE if scale is None else (end / radius for end in scale)
    if not 0 < low < high <= MOST:
        raise InputError(
            f"scale is {scale!r}; pass the least and the most W1 in standardised units, above 0 and at most "
            f"{MOST * radius:.3g} in {dim} dimensions"
        )
    amounts = np.geomspace(low, high, LEVELS).tolist()
    return {name: [partial(family, u) for u in amounts] for name, family in families(dim).items()}


def _given(cases: Cases, dim: int, scale: object) -> dict[str, list[Member]]:
    """A user's cases, which are the same for every replicate."""
    if scale is not None:
        raise InputError("scale is for the standard families, and cases were given; drop one")
    if not isinstance(cases, Mapping) or not cases:
        raise InputError(
            f"cases is a {type(cases).__name__}; pass a dict: the name of each family, and its cases by W1"
        )
    for family, members in cases.items():
        for case in members:
            if case.dim != dim:
                raise InputError(f"{case.name} ({family}) has {case.dim} coordinates, and dim is {dim}")
            if not case.w.get(1, 0) > 0:
                raise InputError(
                    f"{case.name} ({family}) has no W1 above 0 in its w; kappa is a multiple of it"
                )
        if len({case.name for case in members}) < max(1, len(members)) or not members:
            raise InputError(f"the cases of {family} need names that differ, and at least one of them")
    return {
        family: [partial(_same, case) for case in sorted(members, key=lambda case: case.w[1])]
        for family, members in cases.items()
    }


def _same(case: Case, which: int) -> Case:
    return case
