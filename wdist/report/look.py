"""What two samples show beside an estimate: in which coordinates they differ, and whether their rows stand alone.

`wdist.compare` says it where its border lets the samples pass; else the coordinates are ranked by distance, and the
note has that border's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wdist.errors import InputError
from wdist.inference import Comparison, compare
from wdist.measures import Samples
from wdist.report.marginals import marginal, ranked
from wdist.resampling.exchange import Blocks
from wdist.resampling.serial import serial_dependence

__all__ = ["Look"]

SHOWN = 6
"""Coordinates that are drawn."""
MOST_COORDINATES, MOST_CELLS = 1000, 1_000_000
"""Beyond these, coordinates are not looked at one by one, and rows are not relabelled."""


@dataclass(frozen=True, eq=False)
class Look:
    """Two samples, and what was found in them.

    Attributes:
        a: Points (n, d).
        b: Points (m, d).
        names: What to call the two.
        columns: What to call the coordinates, (d,).
        comparison: None where rows may not be relabelled, or are too many.
        features: One a coordinate, the plainest difference first, as JSON has them; () beyond `MOST_COORDINATES`.
        note: Reservations, in sentences; may be empty.
        dependent: Whether rows depend on those before them, so that noise is more than independent rows would show.
    """

    a: Samples
    b: Samples
    names: tuple[str, str]
    columns: tuple[str, ...]
    comparison: Comparison | None
    features: tuple[dict[str, Any], ...]
    note: str
    dependent: bool

    @staticmethod
    def at(
        a: Samples,
        b: Samples,
        names: tuple[str, str],
        columns: Sequence[str],
        permutations: int,
        blocks: Blocks,
        seed: int,
    ) -> Look:
        """Compare the samples, or rank their coordinates and say why no more is done; see `wdist.compare`."""
        titles = tuple(str(name) for name in columns)
        if len(titles) != a.dim:
            raise InputError(f"columns holds {len(titles)} names for {a.dim} coordinates; give one for each")
        if a.dim > MOST_COORDINATES:
            note = f"{a.dim} coordinates are more than are looked at one by one here ({MOST_COORDINATES})."
            return Look(a, b, names, titles, None, (), note, False)
        dependent = any(serial_dependence(side.points.double().cpu().numpy()).plain for side in (a, b))
        found, note = None, "Too many rows to relabel here; wdist compare does that."
        if (len(a) + len(b)) * a.dim <= MOST_CELLS:
            places = [str(k) for k in range(a.dim)]  # names need not be unique
            try:
                found = compare(a, b, names=places, permutations=permutations, blocks=blocks, seed=seed)
                note = found.message
            except InputError as error:
                note = f"Without p-values: {error}."
        rows = ranked(a, b) if found is None else found.to_dict()["features"]
        features = tuple(
            {**one, "column": int(one["name"]), "name": titles[int(one["name"])]} for one in rows
        )
        return Look(a, b, names, titles, found, features, note, dependent)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON; without one, the features by distance alone."""
        if self.comparison is not None:
            differing = sum(one["pvalue"] <= 0.05 for one in self.features)
            return {**self.comparison.to_dict(), "features": self.features, "differing": differing}
        nothing = {"region": None, "transport": None, "differing": None}
        return {"features": self.features, "message": self.note, **nothing}

    def marginals(self, unit: str) -> list[tuple[str, Markup]]:
        """The coordinates that differ most, each by its name, drawn."""
        drawn = []
        for k, one in enumerate(self.features[:SHOWN]):
            label = f"{one['name']}, in {unit}" if unit else one["name"]
            picture = marginal(
                f"marginal-{k}", self.a, self.b, one["column"], label, self.names, wide=self.a.dim == 1
            )
            drawn.append((one["name"], picture))
        return drawn
