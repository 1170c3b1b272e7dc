"""`Pairwise`, the answers between many sets: a matrix whose every entry still says what it is.

It holds one `Estimate` an entry; the arrays of values, bounds and reservations are read off them, so that
they cannot disagree. A figure that a solver did not finish is NaN among the values.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wdist.errors import InputError
from wdist.result import Bound, Estimate, Target, counted, in_words

__all__ = ["Pairwise"]

Floats = NDArray[np.float64]

KINDS = {
    Bound.EXACT: "exact",
    Bound.LOWER: "lower bounds",
    Bound.UPPER: "upper bounds",
    Bound.NONE: "estimates without a guarantee",
}


@dataclass(frozen=True, eq=False, repr=False)
class Pairwise:
    """Distances between the sets of one collection, or from one collection to another.

    Attributes:
        estimates: One `Estimate` an entry, array of objects (k, l); without the `detail` of its method.
        rows: Names of the sets along the rows: the keys of the dict that they came in, else 0, 1, ...
        columns: Names along the columns.
        among: True for the distances among one collection: symmetric, zero on the diagonal.
        seconds: Wall time of the whole.
    """

    estimates: NDArray[np.object_]
    rows: tuple[Any, ...]
    columns: tuple[Any, ...]
    among: bool
    seconds: float

    @cached_property
    def values(self) -> Floats:
        """W_p, or what `Estimate.quantity` says, (k, l), in the unit of the data; NaN where not converged."""
        return self._read(lambda e: e.value if e.converged else math.nan)

    @cached_property
    def lower(self) -> Floats:
        """Certified lower bounds on W_p, (k, l); NaN where there is none."""
        return self._read(lambda e: math.nan if e.lower is None else e.lower)

    @cached_property
    def upper(self) -> Floats:
        """Certified upper bounds on W_p, (k, l); NaN where there is none."""
        return self._read(lambda e: math.nan if e.upper is None else e.upper)

    @cached_property
    def converged(self) -> NDArray[np.bool_]:
        """False where a solver stopped short, (k, l)."""
        return self._read(lambda e: e.converged, np.bool_)

    @cached_property
    def bound(self) -> NDArray[np.str_]:
        """How each value stands to W_p, (k, l): "exact", "lower", "upper", or "none" for an estimate."""
        return self._read(lambda e: e.bound.value if e.converged else Bound.NONE.value, np.dtype("U5"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values = self.values if dtype is None else self.values.astype(dtype)
        return values.copy() if copy else values

    def to_frame(self) -> Any:
        """Give the values as a pandas DataFrame, its rows and columns named like the sets.

        Raises:
            InputError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise InputError("to_frame needs pandas, which is not installed; pip install pandas") from None
        return pandas.DataFrame(self.values.copy(), index=list(self.rows), columns=list(self.columns))

    def to_dict(self) -> dict[str, Any]:
        """Give everything that JSON can hold: matrices as lists of rows, None where there is no number."""
        out: dict[str, Any] = {"p": "inf" if math.isinf(self._first.p) else self._first.p}
        out |= {
            "target": self._first.target.value,
            "rows": _names(self.rows),
            "columns": _names(self.columns),
        }
        for name in ("values", "lower", "upper"):
            table = getattr(self, name).tolist()
            out[name] = [[None if math.isnan(x) else x for x in row] for row in table]
        out |= {"bound": self.bound.tolist(), "converged": self.converged.tolist()}
        for name in ("method", "quantity"):
            out[name] = [[getattr(e, name) for e in row] for row in self.estimates]
        return out | {"seconds": self.seconds}

    def __repr__(self) -> str:
        among = f"among {counted(len(self.rows), 'sample')}"
        between = f"from {counted(len(self.rows), 'sample')} to {counted(len(self.columns), 'other')}"
        asked = self._asked
        if not asked:
            return f"W{self._first.p:g} between one sample and itself: 0"
        by = ", ".join(sorted({e.method for e in asked}))
        end = f"by {by} in {in_words(self.seconds)}"
        return f"{self._what} {among if self.among else between}: {self._figures()}; {end}"

    @property
    def _first(self) -> Estimate:
        first: Estimate = self.estimates[0, 0]
        return first

    @property
    def _asked(self) -> list[Estimate]:
        """What was computed: every entry, or those above the diagonal."""
        if not self.among:
            return [e for row in self.estimates for e in row]
        return list(self.estimates[np.triu_indices(len(self.rows), 1)])

    @property
    def _what(self) -> str:
        """The quantity; of those that differ from entry to entry, in an epsilon say, what they have in common."""
        quantities = {e.quantity for e in self._asked}
        if len(quantities) > 1:
            quantities = {quantity.split(" (")[0] for quantity in quantities}
        laws = " between the laws" if self._asked[0].target is Target.POPULATION else ""
        return ", ".join(sorted(quantities)) + laws

    def _figures(self) -> str:
        done = [e for e in self._asked if e.converged]
        parts = [counted(len(self._asked), "distance")]
        if done:
            least, most = (f"{end(e.value for e in done):.4g}" for end in (min, max))
            parts[0] += f" of {least}" if least == most else f" from {least} to {most}"
        counts = Counter(e.bound for e in done)
        for bound, words in KINDS.items():
            if counts[bound]:
                parts.append(f"{'all' if counts[bound] == len(self._asked) else counts[bound]} {words}")
        if short := len(self._asked) - len(done):
            parts.append(f"{short} NOT CONVERGED (NaN; brackets in .lower and .upper)")
        return ", ".join(parts)

    def _read(self, part: Any, dtype: Any = np.float64) -> NDArray[Any]:
        out = np.array([[part(e) for e in row] for row in self.estimates], dtype=dtype)
        out.flags.writeable = False  # it is kept and handed out again
        return out


def _names(labels: tuple[Any, ...]) -> list[Any]:
    return [label if isinstance(label, (int, str)) else str(label) for label in labels]
