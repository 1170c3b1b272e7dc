"""Points from a user's files: one function, `read_points`, and a reader for each kind of file behind it; their labels.

The name tells the kind. Arrays (.npy, .npz) are read here, tables in `tables.py`, images in `folders.py`;
what needs unpickling is refused, since opening a pickle runs whatever code it holds.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from wdist.errors import InputError
from wdist.folders import image_folder
from wdist.images import idx
from wdist.tables import DELIMITERS, Columns, Header, choose_columns, read_parquet, read_text

__all__ = ["SUPPORTED", "read_labels", "read_points"]

Array = np.ndarray[Any, Any]

SUPPORTED = ".npy, .npz, .csv, .tsv, .parquet, IDX (*.idx, *-idx3-ubyte, also with .gz) and folders of images"
IDX_NAME = re.compile(r"(\.idx|[-.]idx\d+-[a-z0-9]+)(\.gz)?$", re.IGNORECASE)
NPY, ZIP, PICKLE = b"\x93NUMPY", b"PK", b"\x80"


def read_points(
    path: str | Path, *, key: str | None = None, columns: Columns = None, header: Header = "auto"
) -> Array:
    """Read points, or weights, from a file or a folder of images.

    Args:
        path: A .npy (left on disk, memory-mapped), .npz, .csv (commas), .tsv (tabs), .parquet (needs pyarrow)
            or IDX file, or a folder of images of one size (grey if all of them are, else RGB).
        key: Which array of an .npz; may be left out if it holds just one.
        columns: Which columns of a table or of a 2-D array, by name or by position from 0, one or several, in
            the order wanted; None for all.
        header: Whether the first line of a .csv or .tsv names the columns; "auto" looks for numbers in it.

    Returns:
        Points in the unit of the file: tables (n, d) in float64; arrays in the shape and type of the file;
        images (n, H, W) or (n, H, W, 3) in uint8.

    Raises:
        InputError: if there is no such file, its kind is unknown, it holds pickled objects, or a cell of a
            table is not a finite number; the text says where and how to mend it.
    """
    path = Path(path).expanduser()
    kind = _kind(path)
    if key is not None and kind != ".npz":
        raise InputError(f"key={key!r} is for .npz files, not for {path}; drop it (or use --key-a, --key-b)")
    if header != "auto" and kind not in DELIMITERS:
        raise InputError(f"header={header!r} is for .csv and .tsv, not for {path}; drop it")
    if columns is not None and kind in ("idx", "folder"):
        raise InputError(f"columns={columns!r} is for tables, and {path} holds images; drop it")
    try:
        if kind == ".npy":
            return _columns(path, _npy(path), columns)
        if kind == ".npz":
            return _columns(path, _npz(path, key), columns)
        if kind == ".parquet":
            return read_parquet(path, columns)
        if kind in DELIMITERS:
            return read_text(path, columns, header)
        return idx(path) if kind == "idx" else image_folder(path, mode=None).images
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def read_labels(path: str | Path) -> Array:
    """Read labels, one a row: plain text (.txt, or no suffix) with one a line, or any file that `read_points` takes.

    Returns:
        Labels (n,): words, or numbers if all are; whole numbers as such, so that a class is called 7, not 7.0.

    Raises:
        InputError: if there is no such file, it is no text, or a line between two others is empty.
    """
    path = Path(path).expanduser()
    plain = path.is_file() and path.suffix.lower() in ("", ".txt") and not IDX_NAME.search(path.name)
    found = _lines(path) if plain else np.asarray(read_points(path)).reshape(-1)
    if found.dtype.kind == "f" and np.array_equal(found, np.round(found)):
        found = found.astype(np.int64)
    return found


def _lines(path: Path) -> Array:
    """The lines of a text: numbers if all are, else words."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().split("\n")]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text in UTF-8; write one label a line") from None
    if "" in lines:
        fault = f"line {lines.index('') + 1} is empty" if len(lines) > 1 else "it is empty"
        raise InputError(f"{path}: {fault}; write one label a line")
    words = np.array(lines)
    try:
        numbers = words.astype(np.float64)
    except ValueError:
        return words
    return numbers if np.isfinite(numbers).all() else words


def _kind(path: Path) -> str:
    """Tell a file's kind from its name: its suffix, "idx" or "folder"."""
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    if path.is_dir():
        return "folder"
    if IDX_NAME.search(path.name):
        return "idx"
    kind = path.suffix.lower()
    if kind not in (".npy", ".npz", ".parquet", *DELIMITERS):
        raise InputError(f"{path} is of no kind that wdist knows by its name; it reads {SUPPORTED}")
    return kind


def _npy(path: Path) -> Array:
    _check_start(path, NPY)
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _fault(path, error) from None
    return array


def _npz(path: Path, key: str | None) -> Array:
    _check_start(path, ZIP)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            names = stored.files
            if key is None and len(names) == 1:
                key = names[0]
            if key not in names:
                held = ", ".join(f"{name} {_shape(stored.zip, name)}" for name in names) or "nothing"
                what = "key is missing" if key is None else f"there is no key {key!r}"
                raise InputError(f"{path}: {what}; pass key=... (--key NAME), it holds {held}")
            array = stored[key]
    except InputError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _fault(path, error) from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: {key!r} is not an array; save numbers with numpy.savez(path, {key}=...)")
    return array


def _check_start(path: Path, magic: bytes) -> None:
    with path.open("rb") as stream:
        start = stream.read(len(magic))
    if start == magic:
        return
    if start[:1] == PICKLE:
        raise _pickled(path)
    raise InputError(f"{path} is no {path.suffix} file: its first bytes are {start.hex(' ') or 'missing'}")


def _fault(path: Path, error: Exception) -> InputError:
    """Say why NumPy would not read an array."""
    if "pickle" in str(error) or "Object arrays" in str(error) or "Python objects" in str(error):
        return _pickled(path)
    return InputError(f"{path} is damaged: {error}")


def _pickled(path: Path) -> InputError:
    return InputError(
        f"{path} holds pickled Python objects, which may run code when opened, so wdist does not open it; "
        "save plain numbers instead: numpy.save(path, numpy.asarray(x, dtype=float))"
    )


def _shape(archive: zipfile.ZipFile, name: str) -> str:
    """Read the shape of one array of an .npz from its header."""
    with archive.open(f"{name}.npy") as stream:
        npy = np.lib.format
        read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
        return str(read(stream)[0])


def _columns(path: Path, array: Array, columns: Columns) -> Array:
    """Pick columns of a 2-D array by their positions."""
    if columns is None:
        return array
    if array.ndim != 2:
        raise InputError(f"columns={columns!r} asks for a 2-D array, and {path} has shape {array.shape}")
    return array[:, choose_columns(path, columns, array.shape[1], ())]
