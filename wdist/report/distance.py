"""The page of an estimate: what it says, where the samples differ, how mass moves, what it took, and how to repeat it.

`of_estimate` looks at the samples anew where it is given them: coordinate by coordinate (`marginals`), and in the plane
(`points`). Without them the page has what the estimate itself holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wdist.api import CLEAR
from wdist.critic.potential import Potential
from wdist.errors import InputError
from wdist.inference import Comparison, compare
from wdist.measures import Samples
from wdist.memory import human_bytes
from wdist.plans.dense import Coupling
from wdist.question import Question, ask
from wdist.report.bracket import bracket
from wdist.report.marginals import marginal, ranked
from wdist.report.origin import Input, Origin, told
from wdist.report.page import Page, render
from wdist.report.points import MOST_MARKED, Plane, scatter
from wdist.resampling.exchange import Blocks
from wdist.result import Estimate, in_words
from wdist.rng import as_rng

__all__ = ["of_estimate"]

SHOWN = 6
"""Coordinates that are drawn."""
LISTED = 60
"""Coordinates in the table; the JSON has all."""
MOST_COORDINATES, MOST_CELLS = 1000, 1_000_000
"""Beyond these, coordinates are not looked at one by one, and rows are not relabelled."""
DRAWN = 2000
"""Points that are drawn from a source, for the figures."""


@dataclass(frozen=True, eq=False)
class _Look:
    """What the samples show beside the estimate."""

    a: Samples
    b: Samples
    names: tuple[str, str]
    columns: list[str]
    comparison: Comparison | None
    features: list[dict[str, Any]]
    note: str


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
    look = None
    if a is not None:
        question = ask(
            a,
            b,
            weights_a=weights_a,
            weights_b=weights_b,
            normalize_weights=normalize_weights,
            rng=as_rng(seed),
        )
        look = _look(question.drawn(DRAWN, as_rng(seed)), names, columns, a, permutations, blocks, seed)
    if origin is None:
        inputs = (
            []
            if look is None
            else [Input.of_points(s, n) for s, n in zip((look.a, look.b), names, strict=True)]
        )
        origin = Origin.now("", seed if look is not None else None, inputs)
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
        "comparison": None if look is None else _compared(look),
        "plane": None if plane is None else plane.to_dict(),
        "origin": origin.to_dict(),
    }  # fmt: skip
    head, _, rest = repr(found).partition("; ")
    title = " and ".join(names) if look is not None else f"{found.quantity} {found.target.words}"
    return render(
        "distance.html", title, data, found=found, head=head, rest=rest, reading=_reading(found), names=names,
        unit=unit, bracket=bracket(found, unit), look=look, told=told, took=in_words(found.seconds), listed=LISTED,
        memory=human_bytes(found.choice.memory) if found.choice else "",
        marginals=[] if look is None else _drawn(look, unit), points=_points(found, look, plane),
        ways=_plan(found) is not None, plane=plane,
    )  # fmt: skip


def _look(
    question: Question, names: tuple[str, str], columns: Sequence[str] | None, given: Any, permutations: int,
    blocks: Blocks, seed: int,
) -> _Look:  # fmt: skip
    """Compare the samples, or rank their coordinates and say why no more is done."""
    a, b = question.samples
    if columns is None:
        frame = type(given).__name__ == "DataFrame"
        columns = [str(name) for name in given.columns] if frame else [f"x{k}" for k in range(a.dim)]
    columns = [str(name) for name in columns]
    if len(columns) != a.dim:
        raise InputError(f"columns holds {len(columns)} names for {a.dim} coordinates; give one for each")
    if a.dim > MOST_COORDINATES:
        note = f"{a.dim} coordinates are more than are looked at one by one here ({MOST_COORDINATES})."
        return _Look(a, b, names, columns, None, [], note)
    note = "Too many rows to relabel here; wdist compare does that."
    if (len(a) + len(b)) * a.dim <= MOST_CELLS:
        try:
            found = compare(
                a, b, names=list(map(str, range(a.dim))), permutations=permutations, blocks=blocks, seed=seed
            )
            return _Look(
                a, b, names, columns, found, _named(found.to_dict()["features"], columns), found.message
            )
        except InputError as error:
            note = f"Without p-values: {error}."
    return _Look(a, b, names, columns, None, _named(ranked(a, b), columns), note)


def _named(features: list[dict[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Give each feature its column and its name, which need not be the only one of that name."""
    return [{**one, "column": int(one["name"]), "name": columns[int(one["name"])]} for one in features]


def _compared(look: _Look) -> dict[str, Any]:
    """The comparison as JSON; without one, the features by distance alone."""
    if look.comparison is not None:
        differing = sum(one["pvalue"] <= 0.05 for one in look.features)
        return {**look.comparison.to_dict(), "features": look.features, "differing": differing}
    return {
        "features": look.features,
        "region": None,
        "transport": None,
        "message": look.note,
        "differing": None,
    }


def _drawn(look: _Look, unit: str) -> list[tuple[str, Markup]]:
    """The coordinates that differ most, each with its name."""
    wide = look.a.dim == 1
    return [
        (
            one["name"],
            marginal(
                f"marginal-{k}", look.a, look.b, one["column"],
                f"{one['name']}, in {unit}" if unit else one["name"], look.names, wide,
            ),
        )
        for k, one in enumerate(look.features[:SHOWN])
    ]  # fmt: skip


def _plan(found: Estimate) -> Coupling | None:
    plan = getattr(found.detail, "plan", None)
    return plan if isinstance(plan, Coupling) else None


def _points(found: Estimate, look: _Look | None, plane: Plane | None) -> Markup | None:
    """Both samples in the plane, with the plan, or with the rows that a critic or a held-out region names."""
    if look is None or plane is None:
        return None
    plan, potential = _plan(found), getattr(found.detail, "potential", None)
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
