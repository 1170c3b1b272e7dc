"""Containers: whatever a user holds numbers in becomes a dense real tensor, or an `InputError` that says why not.

What the container holds is read as it lies, without a copy where none is needed; missing entries of nullable
columns become NaN, which `measures` then finds and names. Nothing here knows of points or weights.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.unheard import unheard

__all__ = ["FLOATS", "as_tensor", "with_float64"]

FLOATS = (torch.float32, torch.float64)
WHOLE = (torch.int64, torch.uint64)
PASS = "pass numbers of shape (n,) or (n, d): an array, a tensor, a list, a data frame"


def as_tensor(x: Any, name: str) -> tuple[Tensor, bool]:
    """Turn any container into a dense real tensor of float32 or float64, without a copy where none is needed.

    The flag tells whether whole numbers of 64 bits came, which float64 may have to round.

    Raises:
        InputError: if `x`, which the user calls `name`, holds no real numbers or not in a regular shape.
    """
    if isinstance(x, Tensor):
        _refuse_tensor(x, name)
        held = with_float64(x.detach())
        return (held if held.dtype in FLOATS else held.to(torch.float64)), x.dtype in WHOLE
    array = _as_array(x, name)
    whole = array.dtype.kind in "iu" and array.dtype.itemsize == 8
    if array.dtype not in (np.float32, np.float64):  # nor are they equal in the other byte order
        with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf, and is refused as such
            array = array.astype(np.float64)
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    if array.flags.writeable:
        return torch.from_numpy(array), whole
    with unheard(message="The given NumPy array is not writ"):  # a memory map, say, is only ever read here
        return torch.from_numpy(array), whole


def with_float64(x: Tensor) -> Tensor:
    """Bring a tensor to the CPU from a device without float64, in which distances are computed."""
    return x.cpu() if x.device.type == "mps" else x


def _refuse_tensor(x: Tensor, name: str) -> None:
    if x.is_quantized:
        raise InputError(f"{name} is a quantized tensor; pass real numbers: {name}.dequantize()")
    if x.layout is not torch.strided or x.is_nested:
        what = "nested" if x.is_nested else str(x.layout).removeprefix("torch.")
        raise InputError(f"{name} is a {what} tensor; pass a dense one: {name}.to_dense()")
    if x.is_complex():
        raise InputError(
            f"{name} is complex ({x.dtype}); pass real coordinates: torch.view_as_real({name}).flatten(1)"
        )
    if x.is_meta:
        raise InputError(f"{name} is a tensor on the meta device, which holds no data; pass one with data")


def _as_array(x: Any, name: str) -> np.ndarray[Any, Any]:
    """Turn any container but a tensor into a real NumPy array, or say why that cannot be."""
    if isinstance(x, type):
        raise InputError(f"{name} is the class {x.__name__}; pass an object made from it")
    if x is None or isinstance(x, (str, bytes, bytearray, dict, set, frozenset)):
        raise InputError(f"{name} is a {type(x).__name__}; {PASS}")
    if isinstance(x, (Iterator, KeysView, ValuesView, ItemsView)):
        raise InputError(f"{name} is a {type(x).__name__}, which is not an array; pass list({name})")
    if hasattr(x, "nnz") and hasattr(x, "toarray"):
        raise InputError(f"{name} is sparse; pass a dense array: {name}.toarray()")
    if isinstance(x, np.ma.MaskedArray) and x.ndim > 0:
        if np.ma.is_masked(x):
            row = int(np.argwhere(np.ma.getmaskarray(x))[0][0])
            remedy = {1: f": {name}.compressed()", 2: f": numpy.ma.compress_rows({name})"}.get(x.ndim, "")
            raise InputError(f"{name} has masked entries (first in row {row}); drop them{remedy}")
        x = x.data
    try:
        array = np.asarray(x)
    except (ValueError, TypeError, RuntimeError) as error:
        ragged = _ragged(x, name) if isinstance(error, ValueError) else ""
        raise InputError(
            ragged or f"{name} ({type(x).__name__}) cannot be read as an array: {error}"
        ) from None
    if array.dtype == object and array.ndim == 0:
        raise InputError(f"{name} is a {type(x).__name__}; {PASS}")
    if array.dtype == object:
        array = _from_objects(x, array, name)
    kind = array.dtype.kind
    if kind == "c":
        raise InputError(
            f"{name} is complex ({array.dtype}); pass real coordinates: "
            f"numpy.column_stack([{name}.real, {name}.imag])"
        )
    if kind in "Mm":
        raise InputError(_dates(name, array.dtype, span=kind == "m"))
    if kind not in "biuf":
        raise InputError(
            f"{name} has dtype {array.dtype}, which is not numeric; convert it: numpy.asarray({name}, dtype=float)"
        )
    return array


def _dates(name: str, dtype: Any, *, span: bool) -> str:
    """Tell how to turn dates into numbers, by an origin that a and b will have in common."""
    numbers = name if span else f"({name} - numpy.datetime64('2000-01-01'))"
    what = "time spans" if span else "dates"
    return (
        f"{name} holds {what} ({dtype}); pass numbers, such as seconds: {numbers} / numpy.timedelta64(1, 's')"
    )


def _ragged(x: Any, name: str) -> str:
    """Say which row of a nested list has another length than the first; "" if none has."""
    if not isinstance(x, (list, tuple)):
        return ""
    lengths = [len(row) if hasattr(row, "__len__") else 0 for row in x]
    row = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
    counts = f" (row 0 has {lengths[0]}, row {row} has {lengths[row]})" if row is not None else ""
    return f"{name} has rows of different lengths{counts}; every point needs the same number of coordinates"


def _from_objects(x: Any, array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """Read a data frame's nullable number columns; refuse true objects, naming the columns or the row at fault."""
    dtypes = getattr(x, "dtypes", None)
    if hasattr(x, "columns") and dtypes is not None:
        wrong = [str(c) for c, t in zip(x.columns, dtypes, strict=True) if not _numeric(t)]
        if wrong:
            raise InputError(
                f"{name} has columns that are not numeric: {', '.join(wrong)}; select or encode them"
            )
        return np.asarray(x.to_numpy(dtype=np.float64, na_value=np.nan))
    dtype = getattr(x, "dtype", array.dtype)
    if _numeric(dtype) and hasattr(x, "to_numpy"):
        return np.asarray(x.to_numpy(dtype=np.float64, na_value=np.nan))
    if getattr(dtype, "kind", None) in ("M", "m"):
        zoned = f"numpy.asarray({name}, dtype='M8[us]')"
        raise InputError(_dates(zoned, dtype, span=False))
    where, remedy = "", f"convert it: numpy.asarray({name}, dtype=float)"
    odd = (
        (at[0], item) for at, item in np.ndenumerate(array) if not isinstance(item, (int, float, np.number))
    )
    if (first := next(odd, None)) is not None:
        row, item = first
        where = f" (first in row {row}: {item!r})"
        try:
            float(item)
        except (TypeError, ValueError):
            remedy = "drop such rows, or put numbers in their place"
    raise InputError(f"{name} has dtype object, which is not numeric{where}; {remedy}")


def _numeric(dtype: Any) -> bool:
    """Tell whether a column's dtype (NumPy, pandas, its nullable and Arrow ones, Polars) holds plain numbers."""
    kind = getattr(dtype, "kind", None)
    if isinstance(kind, str):
        return kind in "biuf"
    return str(dtype).lower().rstrip("0123456789") in ("float", "int", "uint", "bool", "boolean")
