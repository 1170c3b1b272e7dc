"""Tables in files: text separated by commas or tabs, and parquet.

NumPy's C parser takes the columns of a text at full speed; only if it stumbles, or if a number is missing,
does `_fault` walk the lines again, slowly, to say which line and which column it was.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wdist.errors import InputError

__all__ = ["DELIMITERS", "Columns", "Header", "choose_columns", "read_parquet", "read_text"]

Array = np.ndarray[Any, Any]
Columns = Sequence[str | int] | str | int | None
Header = bool | Literal["auto"]

DELIMITERS = {".csv": ",", ".tsv": "\t"}
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "?")
BOM = b"\xef\xbb\xbf"


def read_text(path: Path, columns: Columns = None, header: Header = "auto") -> Array:
    """Read numbers from a .csv or .tsv file: (n, d), float64; see `wdist.files.read_points`."""
    try:
        return _numbers(_layout(path, columns, header))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}); save it anew as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as a table: {error}") from None


def read_parquet(path: Path, columns: Columns = None) -> Array:
    """Read numbers from a .parquet file by pyarrow: (n, d), float64; see `wdist.files.read_points`."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{path}: reading .parquet needs pyarrow; pip install pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            chosen = [names[k] for k in choose_columns(path, columns, len(names), names)]
            table = file.read(columns=chosen)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as parquet: {str(error).splitlines()[0]}") from None
    kinds = pyarrow.types
    numeric = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_decimal)
    wrong = [name for name in chosen if not any(fits(table[name].type) for fits in numeric)]
    if wrong:
        raise InputError(f"{path} has columns that are not numeric: {', '.join(wrong)}; {PICK}")
    for name in chosen:
        if table[name].null_count:
            row = int(np.flatnonzero(table[name].is_null().to_numpy())[0])
            raise InputError(f"{path}, row {row} (from 0), column {name!r} is null; fill or drop that row")
    return np.column_stack([table[name].to_numpy().astype(np.float64) for name in chosen])


def column_names(path: Path, columns: Columns = None, header: Header = "auto") -> list[str]:
    """Names of the columns that would be read, as the file has them; none for files that name none."""
    if path.suffix.lower() in DELIMITERS:
        layout = _layout(path, columns, header)
        return [layout.names[k] for k in layout.chosen] if layout.names else []
    if path.suffix.lower() != ".parquet":
        return []
    from pyarrow import parquet

    names = parquet.read_schema(path).names
    return [names[k] for k in choose_columns(path, columns, len(names), names)]


PICK = "pick numeric ones with columns=[...] (--column NAME)"


def choose_columns(path: Path, columns: Columns, width: int, names: Sequence[str]) -> list[int]:
    """Turn names and positions (from 0) into positions; None is all, empty `names` are no names."""
    if columns is None:
        return list(range(width))
    asked = [columns] if isinstance(columns, (str, int)) else list(columns)
    if not asked:
        raise InputError(f"columns is empty; name at least one column of {path}, or pass None for all")
    return [_position(path, item, width, names) for item in asked]


def _position(path: Path, item: str | int, width: int, names: Sequence[str]) -> int:
    count = names.count(item) if isinstance(item, str) else 0
    if count == 1:
        return names.index(str(item))
    if count > 1:
        raise InputError(f"{path} has {count} columns named {item!r}; choose by position, 0 to {width - 1}")
    if isinstance(item, int) or item.isdecimal():
        if 0 <= int(item) < width:
            return int(item)
        raise InputError(f"{path} has no column {item}; it has {width} columns, 0 to {width - 1}")
    if names:
        raise InputError(f"{path} has no column {item!r}; its columns are {', '.join(names)}")
    raise InputError(f"{path} has no column {item!r} (it names none); choose by position, 0 to {width - 1}")


@dataclass(frozen=True)
class _Layout:
    """How a text table is laid out.

    Attributes:
        path: The file.
        names: Names of all columns; empty without a header.
        width: Number of columns.
        skip: Number of lines before the first point.
        chosen: Positions of the columns to read, in the order wanted.
    """

    path: Path
    names: list[str]
    width: int
    skip: int
    chosen: list[int]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Walk the points as text, each with the number of its line."""
        return ((line, row) for line, row in _lines(self.path) if line > self.skip)


def _layout(path: Path, columns: Columns, header: Header) -> _Layout:
    line, first = next(_lines(path), (0, []))
    if not first:
        raise InputError(f"{path} is empty; it should hold one point a line")
    named = _is_header(path, first) if header == "auto" else header
    names = [cell.strip() for cell in first] if named else []
    chosen = choose_columns(path, columns, len(first), names)
    layout = _Layout(path, names, len(first), line if named else 0, chosen)
    if next(layout.rows(), None) is None:
        raise InputError(f"{path} has a header and nothing below it; it should hold one point a line")
    return layout


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Walk the lines that are not blank, split into cells, each with its number from 1."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=DELIMITERS[path.suffix.lower()])
        yield from ((reader.line_num, row) for row in reader if row)


def _is_header(path: Path, first: list[str]) -> bool:
    """Tell a line of names from a line of numbers; a line of both is for the user to judge."""
    numbers = sum(_number(cell) is not None for cell in first)
    words = sum(_number(cell) is None and cell.strip().lower() not in MISSING for cell in first)
    if numbers and words:
        raise InputError(
            f"{path}: the first line holds words and numbers ({', '.join(first[:6])}), so it may be a header "
            "or a point; say which: header=True or header=False (--header or --no-header)"
        )
    return words > 0


def _number(cell: str) -> float | None:
    """Read a cell as NumPy's parser does (which knows no 1_000), or None."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _numbers(layout: _Layout) -> Array:
    path, delimiter = layout.path, DELIMITERS[layout.path.suffix.lower()]
    with path.open("rb") as stream:
        encoding = "utf-8-sig" if stream.read(3) == BOM else "utf-8"
    some = None if layout.chosen == list(range(layout.width)) else layout.chosen
    try:
        values = np.loadtxt(
            path, delimiter=delimiter, comments=None, quotechar='"', encoding=encoding,
            skiprows=layout.skip, usecols=some, ndmin=2,
        )  # fmt: skip
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise InputError(_fault(layout) or f"{path} cannot be read as numbers: {error}") from None
    rows = len(values) + (layout.skip > 0)
    even = some is None or _count(path, delimiter) == rows * (layout.width - 1)
    if not (even and np.isfinite(values).all()) and (fault := _fault(layout)):
        raise InputError(fault)
    return values


def _count(path: Path, delimiter: str) -> int:
    """Count the delimiters in a file, so that a cell too many shows even in a column that is not read."""
    with path.open("rb") as stream:
        return sum(block.count(delimiter.encode()) for block in iter(lambda: stream.read(1 << 20), b""))


def _fault(layout: _Layout) -> str | None:
    """Say what is wrong with the first line that cannot be a point; None if every line can."""
    for line, row in layout.rows():
        where = f"{layout.path}, line {line}"
        if len(row) != layout.width:
            return f"{where} has {len(row)} cells, the first line has {layout.width}; make them the same"
        for k in layout.chosen:
            value = _number(row[k])
            if value is None or not math.isfinite(value):
                name = f"column {layout.names[k]!r}" if layout.names else f"column {k}"
                return f"{where}, {name}: {row[k]!r} is not a finite number; {_remedy(layout, row, k)}"
    return None


def _remedy(layout: _Layout, row: list[str], k: int) -> str:
    if row[k].strip().lower() in MISSING or _number(row[k]) is not None:
        return "fill or drop that line"
    if layout.width == 1 and any(mark in row[k] for mark in ";,\t"):
        return "separate the cells by commas in a .csv, by tabs in a .tsv"
    return "mend it" if layout.width == 1 else f"mend it, or {PICK}"
