"""The border for points and weights: whatever a user holds becomes `Samples`, or an `InputError` that says why not.

The work is cut in three: `_as_tensor` turns any container into a real tensor, `_as_rows` gives it the shape (n, d)
and doubts every row, `_as_weights` does the same for the masses. Inside the house nobody doubts them again.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError

__all__ = ["Samples", "as_samples"]

WEIGHT_SUM_TOLERANCE = 1e-6
FLOATS = (torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class Samples:
    """A discrete probability measure: weighted points.

    Attributes:
        points: Shape (n, d), float32 or float64, finite, in the unit of the data.
        weights: Shape (n,), float64, non-negative, summing to one, on the device of `points`.
        uniform: True if all weights are equal (then exact integer arithmetic is open to a method).
        native: "torch" if the user came with a tensor, else "numpy": what a user's own metric is called with.
        note: What was done to the input on the way, in a sentence; "" if nothing.
        shape: Shape of one row as it came, before flattening.
    """

    points: Tensor
    weights: Tensor
    uniform: bool = True
    native: str = "numpy"
    note: str = ""
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return self.points.shape[0]

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.points.shape[1]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` rows with replacement, with the weights as probabilities: (n, d). Samples are a Source too."""
        device = self.points.device
        if self.uniform:
            rows = torch.randint(len(self), (n,), generator=rng, device=rng.device).to(device)
        else:
            u = torch.rand(n, generator=rng, device=rng.device, dtype=torch.float64).to(device)
            rows = torch.searchsorted(self.weights.cumsum(0), u).clamp_(max=len(self) - 1)
        return self.points[rows]


def as_samples(
    x: Any,
    weights: Any = None,
    *,
    name: str = "a",
    device: torch.device | str | None = None,
    normalize_weights: bool = False,
) -> Samples:
    """Build `Samples` from anything array-like.

    Args:
        x: NumPy array or memory map, torch tensor, (nested) list, pandas or Polars column or frame; shape (n,) or
            (n, d); images (n, C, H, W), or (n, H, W) in uint8, are flattened.
        weights: Masses, shape (n,), non-negative, summing to one; None for equal masses.
        name: What the user calls `x`; the messages speak of `name` and `weights_<name>`.
        device: Where to put the points; None keeps them where they are.
        normalize_weights: Divide the weights by their sum instead of insisting that it be one.

    Raises:
        InputError: if the points or weights cannot be a probability measure; the text says which row and the remedy.
    """
    if isinstance(x, Samples):
        if weights is not None:
            raise InputError(f"{name} is a Samples, which carries its weights; drop weights_{name}")
        return x
    native = "torch" if isinstance(x, Tensor) else "numpy"
    grey = str(getattr(x, "dtype", "")).endswith("uint8")
    points, note = _as_rows(_as_tensor(x, name), name, grey)
    if device is not None:
        try:
            points = points.to(device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"device={device!r} cannot be used: {str(error).splitlines()[0]}") from None
    shape = tuple(_shape(x)[1:]) if note else ()
    masses, uniform = _as_weights(weights, points, f"weights_{name}", normalize_weights)
    return Samples(points, masses, uniform, native, note, shape)


def _shape(x: Any) -> tuple[int, ...]:
    return tuple(getattr(x, "shape", None) or np.shape(x))


def _as_tensor(x: Any, name: str) -> Tensor:
    """Turn any container into a dense real tensor of float32 or float64, without a copy where none is needed."""
    if isinstance(x, Tensor):
        if x.layout is not torch.strided or x.is_quantized:
            raise InputError(f"{name} is a {x.layout} tensor; pass a dense one: {name}.to_dense()")
        if x.is_complex():
            raise InputError(f"{name} is complex ({x.dtype}); pass real coordinates: torch.view_as_real({name}).flatten(1)")
        return x.detach() if x.dtype in FLOATS else x.detach().to(torch.float64)
    array = _as_array(x, name)
    if array.dtype != np.float32 or not array.dtype.isnative:
        array = array.astype(np.float64, copy=False)
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    with warnings.catch_warnings():  # a read-only array (a memory map) is only ever read here
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array)


def _as_array(x: Any, name: str) -> np.ndarray[Any, Any]:
    """Turn any container but a tensor into a real NumPy array, or say why that cannot be."""
    if x is None or isinstance(x, (str, bytes, dict, set, frozenset)):
        raise InputError(
            f"{name} is a {type(x).__name__}; pass numbers of shape (n,) or (n, d): an array, a tensor, a list, a data frame"
        )
    if hasattr(x, "nnz") and hasattr(x, "toarray"):
        raise InputError(f"{name} is sparse; pass a dense array: {name}.toarray()")
    if isinstance(x, np.ma.MaskedArray):
        if np.ma.is_masked(x):
            row = int(np.argwhere(np.ma.getmaskarray(x))[0][0])
            raise InputError(f"{name} has masked entries (first in row {row}); drop them: {name}.compressed()")
        x = x.data
    try:
        array = np.asarray(x)
    except ValueError:
        raise InputError(f"{name} has rows of different lengths; every point needs the same number of coordinates") from None
    except (TypeError, RuntimeError) as error:
        raise InputError(f"{name} ({type(x).__name__}) cannot be read as an array: {error}") from None
    if array.dtype == object:
        array = _from_objects(x, array, name)
    kind = array.dtype.kind
    if kind == "c":
        raise InputError(f"{name} is complex ({array.dtype}); pass real coordinates: numpy.column_stack([{name}.real, {name}.imag])")
    if kind in "Mm":
        raise InputError(
            f"{name} holds dates or time spans ({array.dtype}); pass numbers: ({name} - {name}[0]) / numpy.timedelta64(1, 's')"
        )
    if kind not in "biuf":
        raise InputError(f"{name} has dtype {array.dtype}, which is not numeric; convert it: numpy.asarray({name}, dtype=float)")
    return array


def _from_objects(x: Any, array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """Read a data frame's nullable number columns; refuse true objects, naming the columns or the row at fault."""
    dtypes = getattr(x, "dtypes", None)
    if hasattr(x, "columns") and dtypes is not None:
        wrong = [str(c) for c, t in zip(x.columns, dtypes) if str(t).lower().rstrip("0123456789") not in NUMBER_COLUMNS]
        if wrong:
            raise InputError(f"{name} has columns that are not numeric: {', '.join(wrong)}; select or encode them")
    if hasattr(x, "to_numpy"):
        try:
            return np.asarray(x.to_numpy(dtype=np.float64, na_value=np.nan))
        except (TypeError, ValueError):
            pass
    rows = [i for i, item in enumerate(array.ravel()) if not isinstance(item, (int, float, np.number))]
    where = f" (first at entry {rows[0]}: {array.ravel()[rows[0]]!r})" if rows else ""
    raise InputError(f"{name} has dtype object, which is not numeric{where}; convert it: numpy.asarray({name}, dtype=float)")


NUMBER_COLUMNS = ("float", "int", "uint", "bool", "boolean")


def _as_rows(x: Tensor, name: str, grey: bool) -> tuple[Tensor, str]:
    """Give `x` the shape (n, d), flattening images (in 3-D only `grey` ones), and refuse empty or non-finite input."""
    note = ""
    shape = tuple(x.shape)
    if x.ndim == 0:
        raise InputError(f"{name} is a single number; pass a sample of shape (n,) or (n, d)")
    if 0 in shape:
        raise InputError(f"{name} is empty (shape {shape}); pass at least one point of at least one coordinate")
    if x.ndim == 1:
        x = x[:, None]
    elif x.ndim == 4 or (x.ndim == 3 and grey):
        x = x.reshape(shape[0], -1)
        note = f"{name}: {shape[0]} images of shape {shape[1:]} were flattened to {x.shape[1]} coordinates."
    elif x.ndim > 2:
        raise InputError(
            f"{name} has shape {shape}; points are (n,) or (n, d) and images (n, C, H, W) or uint8 (n, H, W). "
            f"If each entry of the first axis is one point, pass {name}.reshape(len({name}), -1)"
        )
    finite = torch.isfinite(x)
    if not bool(finite.all()):
        row, column = (int(k) for k in torch.nonzero(~finite)[0])
        count = int((~finite).any(dim=1).sum())
        what = "NaN" if bool(torch.isnan(x[row, column])) else "infinite"
        raise InputError(
            f"{name} has {count} rows that are not finite; the first is row {row} ({what} in column {column}). "
            f"Drop them: {name}[numpy.isfinite({name}).all(axis=-1)]" if shape[1:] else
            f"{name} has {count} entries that are not finite; the first is row {row} ({what}). "
            f"Drop them: {name}[numpy.isfinite({name})]"
        )
    return x, note


def _as_weights(weights: Any, points: Tensor, name: str, normalize: bool) -> tuple[Tensor, bool]:
    """Turn masses into a float64 tensor that sums to one: (n,), and whether all are equal."""
    n = points.shape[0]
    if weights is None:
        return torch.full((n,), 1.0 / n, dtype=torch.float64, device=points.device), True
    w = _as_tensor(weights, name).to(points.device, torch.float64)
    if w.ndim == 2 and w.shape[1] == 1:
        w = w[:, 0]
    if w.ndim != 1 or w.shape[0] != n:
        raise InputError(f"{name} has shape {tuple(w.shape)} for {n} points; pass one weight a point, shape ({n},)")
    for wrong, what in ((~torch.isfinite(w), "not finite"), (w < 0, "negative")):
        if bool(wrong.any()):
            row = int(torch.nonzero(wrong)[0])
            raise InputError(
                f"{name} is {what} in {int(wrong.sum())} rows, first in row {row} ({float(w[row])!r}); masses are finite and >= 0"
            )
    total = float(w.sum())
    if total == 0:
        raise InputError(f"{name} sums to zero; at least one point needs a positive mass")
    if not normalize and abs(total - 1) > WEIGHT_SUM_TOLERANCE:
        raise InputError(f"{name} sums to {total:.9g}, not to one; pass normalize_weights=True or divide by its sum")
    w = w / w.max()  # keeps masses near the smallest or largest double from under- or overflowing in the sum
    return w / w.sum(), bool((w == w[0]).all())
