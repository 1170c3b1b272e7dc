"""The page of an estimate: what it says, where the samples differ, how mass moves, what it took, and how to repeat it.

`of_estimate` looks at the samples anew where it is given them: coordinate by coordinate (`look`), and in the plane
(`points`). Without them the page has what the estimate itself holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from wdist.api import CLEAR
from wdist.critic.potential import Potential
from wdist.errors import InputError
from wdist.measures import Samples
from wdist.memory import human_bytes
from wdist.plans.dense import Coupling
from wdist.question import ask, columns_of
from wdist.report.bracket import bracket
from wdist.report.look import Look
from wdist.report.origin import Input, Origin, told
from wdist.report.page import Page, render
from wdist.report.points import MOST_MARKED, Plane, scatter
from wdist.resampling.exchange import Blocks
from wdist.result import Estimate, in_words
from wdist.rng import as_rng

__all__ = ["of_estimate"]

LISTED = 60
"""Coordinates in the table; the JSON has all."""
DRAWN = 2000
"""Points that are drawn from a source, for the figures."""


def of_estimate(
    found: Estimate,
    a: Any = None,
    b: Any = None,
    *,
    weights_a: Any = None,
    weights_b: Any = None,
    normalize_weights: bool = False,
    names: tuple[str, str] = ("A", "B"),
    columns: Sequence[str] | None = None,
    unit: str = "",
    permutations: int = 999,
    blocks: Blocks = None,
    seed: int = 0,
    origin: Origin | None = None,
) -> Page:
    """Make the page of an estimate.

    Args:
        found: What `wdist.estimate` gave.
        a: The first measure, as it was given there; None for a page without the samples.
        b: The second.
        weights_a: As in `wdist.estimate`.
        weights_b: As in `wdist.estimate`.
        normalize_weights: As in `wdist.estimate`.
        names: What to call the two.
        columns: Names of the coordinates; None for those of a data frame, else x0, x1, ...
        unit: Unit of the data, for the axes.
        permutations: Relabellings behind the p-values, see `wdist.compare`.
        blocks: As in `wdist.compare`.
        seed: Of the relabellings; a call's own, so that the page can be made again.
        origin: Where it all comes from; None for what this process knows.

    Raises:
        InputError: if only one of a and b is given, or they cannot be read.
    """
    if (a is None) != (b is None):
        raise InputError("the report was given one sample; pass both, or none")
    look, plan, inputs = None, None, []
    if a is not None:
        question = ask(
            a, b, weights_a=weights_a, weights_b=weights_b, normalize_weights=normalize_weights, rng=as_rng(seed)
        )  # fmt: skip
        sides = question.drawn(DRAWN, as_rng(seed)).samples
        frame = columns_of(a) or [f"x{k}" for k in range(question.dim)]
        look = Look.at(*sides, names, frame if columns is None else columns, permutations, blocks, seed)
        plan = (
            _plan(found, *sides) if question.sampled else None
        )  # a plan of draws joins those draws, not these
        inputs = [Input.of_points(side, name) for side, name in zip(sides, names, strict=True)]
    if origin is None:
        origin = Origin.now("", None if look is None else seed, inputs)
    plane = Plane.of(look.a, look.b, look.columns) if look is not None and look.a.dim > 1 else None
    data = {
        "kind": "estimate",
        "verdict": repr(found),
        "estimate": found.to_dict(),
        "times_floor": found.value / found.floor.value if found.floor and found.floor.value > 0 else None,
        "samples": None if look is None else [
            {"name": name, "points": len(side), "coordinates": side.dim, "weighted": not side.uniform}
            for name, side in zip(names, (look.a, look.b), strict=True)
        ],
        "comparison": None if look is None else look.to_dict(),
        "plane": None if plane is None else plane.to_dict(),
        "origin": origin.to_dict(),
    }  # fmt: skip
    head, _, rest = repr(found).partition("; ")
    title = " and ".join(names) if look is not None else f"{found.quantity} {found.target.words}"
    return render(
        "distance.html", title, data, found=found, head=head, rest=rest, reading=_reading(found), names=names,
        unit=unit, bracket=bracket(found, unit), look=look, told=told, took=in_words(found.seconds), listed=LISTED,
        memory=human_bytes(found.choice.memory) if found.choice else "",
        marginals=[] if look is None else look.marginals(unit), plane=plane,
        points=None if look is None or plane is None else _points(found, look, plane, plan), ways=plan is not None,
    )  # fmt: skip


def _plan(found: Estimate, a: Samples, b: Samples) -> Coupling | None:
    """The plan that the method left behind, if it did, between these samples."""
    plan = getattr(found.detail, "plan", None)
    if not isinstance(plan, Coupling):
        return None
    if plan.rows.max() >= len(a) or plan.cols.max() >= len(b):
        raise InputError(
            f"the estimate has a plan between other samples than these of {len(a)} and {len(b)} points; pass those "
            "that it was made from, in the same order"
        )
    return plan


def _points(found: Estimate, look: Look, plane: Plane, plan: Coupling | None) -> Markup:
    """Both samples in the plane, with the plan, or with the rows that a critic or a held-out region names."""
    potential = getattr(found.detail, "potential", None)
    marked: tuple[Sequence[int], Sequence[int]] = ((), ())
    if plan is None and isinstance(potential, Potential):
        k = min(MOST_MARKED, len(look.a), len(look.b))
        marked = (
            potential.witnesses(look.a.points, k)[0].tolist(),
            potential.witnesses(look.b.points, k)[1].tolist(),
        )
    elif plan is None and look.comparison is not None and (region := look.comparison.region) is not None:
        marked = region.rows_a[:MOST_MARKED].tolist(), region.rows_b[:MOST_MARKED].tolist()
    return scatter(plane, plan, marked, look.names)


def _reading(found: Estimate) -> str:
    """What the number comes to, in a second sentence; "" where nothing can be said."""
    if not found.converged:
        return (
            "The solver stopped short, so there is no distance on this page: only what is certified so far."
        )
    if found.of_laws:
        assert found.lower is not None
        return (
            "The lower end is above zero: at this level, the laws differ."
            if found.lower > 0
            else "Zero is not ruled out: by these samples, the laws may be one."
        )
    if found.floor is None:
        return ""
    if found.value < CLEAR * found.floor.value:
        return "Noise alone would show as much: by itself, this distance is no sign that the laws differ."
    return ""
