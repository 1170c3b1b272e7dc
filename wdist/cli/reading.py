"""How the commands read files: paths and a few options in, arrays out.

What a file holds is for `wdist.files` to say; here an option is only kept from a file that it cannot speak of.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wdist.errors import InputError

__all__ = ["check_header", "names_in", "read", "read_weights"]


def check_header(header: bool | None, *files: Path | None) -> None:
    """Refuse a header option that has no text file to speak of; next to one, other kinds may stand."""
    if header is not None and not any(file is not None and _is_text(file) for file in files):
        raise InputError("--header and --no-header are for .csv and .tsv files, and none is among yours")


def read(path: Path, key: str | None, columns: list[str] | None, header: bool | None) -> Any:
    """Read points; `header` is for the text files only."""
    from wdist.files import read_points

    if header is None or not _is_text(path):
        return read_points(path, key=key, columns=columns or None)
    return read_points(path, key=key, columns=columns or None, header=header)


def names_in(path: Path, columns: list[str] | None, header: bool | None) -> list[str]:
    """Names of the columns that `read` reads; none where the file has no names."""
    from wdist.tables import column_names

    return column_names(path, columns or None, "auto" if header is None or not _is_text(path) else header)


def read_weights(path: Path | None, name: str | None, header: bool | None) -> Any:
    """Read masses; `name` is a column, or in an .npz the key."""
    if path is None:
        return None
    if path.suffix.lower() == ".npz":
        return read(path, name, None, header)
    return read(path, None, None if name is None else [name], header)


def _is_text(path: Path) -> bool:
    from wdist.tables import DELIMITERS

    return path.suffix.lower() in DELIMITERS
