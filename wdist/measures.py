"""The border for points and weights: whatever a user holds becomes `Samples`, or an `InputError` that says why not.

`arrays.as_tensor` has turned the container into a real tensor; `_as_rows` gives it the shape (n, d) and
doubts every row, `_as_weights` does the same for the masses. Inside the house nobody doubts them again.
"""

from __future__ import annotations

import dataclasses
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.arrays import as_tensor
from wdist.errors import InputError

__all__ = ["Samples", "as_device", "as_samples"]

WEIGHT_SUM_TOLERANCE = 1e-6
WHOLE_LIMIT = 2**53
"""Up to here float64 holds every whole number."""
REACH_LIMIT = 1e300
"""Largest coordinate: beyond it, differences and their sums leave float64."""


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
            rows = torch.searchsorted(self.weights.cumsum(0), u, right=True).clamp_(max=len(self) - 1)
        return self.points[rows]


def as_samples(
    x: Any,
    weights: Any = None,
    *,
    name: str = "a",
    device: torch.device | str | None = None,
    normalize_weights: bool = False,
    weights_name: str | None = None,
) -> Samples:
    """Build `Samples` from anything array-like.

    Args:
        x: NumPy array or memory map, torch tensor, (nested) list, pandas or Polars column or frame; shape
            (n,) or (n, d); images (n, C, H, W), or (n, H, W) in uint8, are flattened.
        weights: Masses, shape (n,), non-negative, summing to one; None for equal masses.
        name: What the user calls `x` in the messages.
        device: Where to put the points; None keeps them where they are.
        normalize_weights: Divide the weights by their sum instead of insisting that it be one.
        weights_name: What the user calls `weights`; None for `weights_<name>`.

    Raises:
        InputError: if the points or weights cannot be a probability measure; the text says which row and the
            remedy.
    """
    weights_name = weights_name or f"weights_{name}"
    if isinstance(x, Samples):
        return _again(x, weights, name, weights_name, device, normalize_weights)
    device = as_device(device)
    tensor, whole = as_tensor(x, name)
    native = "torch" if isinstance(x, Tensor) else "numpy"
    grey = tensor.ndim == 3 and str(getattr(x, "dtype", "")).endswith("uint8")
    points, note = _as_rows(tensor, name, grey=grey, whole=whole, native=native)
    if device is not None:
        points = points.to(device)
    shape = tuple(tensor.shape[1:]) if tensor.ndim > 2 else ()
    masses, uniform = _as_weights(weights, points, weights_name, normalize_weights)
    return Samples(points, masses, uniform, native, note, shape)


def as_device(device: torch.device | str | None, dtype: torch.dtype = torch.float64) -> torch.device | None:
    """Read what a user passes as `device`, or raise an `InputError` if nothing can be computed there in `dtype`."""
    if device is None:
        return None
    try:
        chosen = torch.device(device)
        torch.empty(0, dtype=dtype, device=chosen)
    except (RuntimeError, AssertionError, TypeError) as error:
        remedy = "pass 'cpu', 'cuda' or None"
        if str(device).startswith("mps") and dtype == torch.float64:
            remedy += "; float32 alone is enough for method=wdist.Critic(device='mps')"
        raise InputError(
            f"device={device!r} cannot be used ({textwrap.shorten(str(error), 120)}); {remedy}"
        ) from None
    if chosen.type == "meta":
        raise InputError(
            "device='meta' cannot be used: it holds shapes without data; pass 'cpu', 'cuda' or None"
        )
    return chosen


def _again(
    x: Samples, weights: Any, name: str, weights_name: str, device: torch.device | str | None, normalize: bool
) -> Samples:
    """Doubt `Samples` too: a user may have built them by hand, with any weights under the default uniform=True."""
    if weights is not None:
        raise InputError(f"{name} is a Samples, which carries its weights; drop {weights_name}")
    checked = as_samples(
        x.points, x.weights, name=name, device=device, normalize_weights=normalize, weights_name=weights_name
    )
    return dataclasses.replace(
        checked, native=x.native, note=x.note or checked.note, shape=x.shape or checked.shape
    )


def _as_rows(x: Tensor, name: str, *, grey: bool, whole: bool, native: str) -> tuple[Tensor, str]:
    """Give `x` the shape (n, d), flattening images (in 3-D only `grey` ones); refuse empty or infinite input."""
    notes = []
    shape = tuple(x.shape)
    if x.ndim == 0:
        raise InputError(f"{name} is a single number; pass a sample of shape (n,) or (n, d)")
    if 0 in shape:
        raise InputError(
            f"{name} is empty (shape {shape}); pass at least one point of at least one coordinate"
        )
    if x.ndim == 1:
        x = x[:, None]
    elif x.ndim == 4 or (x.ndim == 3 and grey):
        x = x.reshape(shape[0], -1)
        notes.append(
            f"{name}: {shape[0]} images of shape {shape[1:]} were flattened to {x.shape[1]} coordinates."
        )
    elif x.ndim > 2:
        raise InputError(
            f"{name} has shape {shape}; points are (n,) or (n, d) and images (n, C, H, W) or uint8 (n, H, W). "
            f"If each entry of the first axis is one point, pass {name}.reshape(len({name}), -1)"
        )
    low, high = _ends(x)
    reach = max(-low, high)
    if not reach < np.inf:
        raise InputError(_not_finite(x, shape, name, native))
    if reach > REACH_LIMIT:
        raise InputError(
            f"{name} reaches {reach:.3g}, where differences leave the range of float64; divide a and b by one number "
            "and multiply the distance by it"
        )
    if whole and reach >= WHOLE_LIMIT:
        notes.append(
            f"{name}: whole numbers of 2**53 and beyond are held as float64, rounded by up to "
            f"{np.spacing(reach) / 2:.0f}; to keep them exact, first subtract one whole number from a and b."
        )
    return x, " ".join(notes)


def _ends(x: Tensor) -> tuple[float, float]:
    """Smallest and largest entry, both NaN if one is; NumPy, on the CPU, wakes no second thread for it."""
    if x.device.type == "cpu":
        array = x.numpy(force=True)
        return float(array.min()), float(array.max())
    low, high = x.aminmax()
    return float(low), float(high)


def _not_finite(x: Tensor, shape: tuple[int, ...], name: str, native: str) -> str:
    """Say where the first entry is that is no number, and how to drop it."""
    finite = torch.isfinite(x)
    row, column = (int(k) for k in torch.nonzero(~finite)[0])
    more = int((~finite).any(dim=1).sum()) - 1
    what = "NaN" if bool(torch.isnan(x[row, column])) else "infinite"
    where = f"row {row} ({what}" + (f" in column {column})" if len(shape) > 1 else ")")
    rows = {1: "", 2: ".all(axis=1)"}.get(len(shape), f".reshape(len({name}), -1).all(axis=1)")
    return (
        f"{name} is not finite in {where}{f' and in {more} more rows' if more else ''}. "
        f"Drop what is missing: {name}[{native}.isfinite({name}){rows}]"
    )


def _as_weights(weights: Any, points: Tensor, name: str, normalize: bool) -> tuple[Tensor, bool]:
    """Turn masses into a float64 tensor that sums to one: (n,), and whether all are equal."""
    n, device = points.shape[0], points.device
    if weights is None:
        return torch.from_numpy(np.full(n, 1.0 / n)).to(device), True
    w = as_tensor(weights, name)[0].numpy(force=True).astype(np.float64, copy=False)
    if w.ndim == 2 and w.shape[1] == 1:
        w = w[:, 0]
    if w.ndim != 1 or w.shape[0] != n:
        raise InputError(f"{name} has shape {w.shape} for {n} points; pass one weight a point, shape ({n},)")
    low, high = float(w.min()), float(w.max())
    if not 0 <= low <= high < np.inf:
        raise InputError(_no_masses(w, name))
    with np.errstate(over="ignore", under="ignore"):
        total = float(w.sum())
        if total == 0:
            raise InputError(f"{name} sums to zero; at least one point needs a positive mass")
        if not normalize and not abs(total - 1) <= WEIGHT_SUM_TOLERANCE:
            raise InputError(
                f"{name} sums to {total:.9g}, not to one; pass normalize_weights=True or divide by its sum"
            )
        w = w / high  # keeps masses near the smallest or largest double from under- or overflowing in the sum
        w /= w.sum()
    return torch.from_numpy(w).to(device), low == high


def _no_masses(w: np.ndarray[Any, Any], name: str) -> str:
    """Say where the first mass is that is not finite, or else negative."""
    finite = np.isfinite(w)
    wrong, what = (w < 0, "negative") if finite.all() else (~finite, "not finite")
    row, more = int(wrong.argmax()), int(wrong.sum()) - 1
    return (
        f"{name} is {what} in row {row} ({float(w[row])!r}){f' and in {more} more rows' if more else ''}; "
        "masses are finite and >= 0: mend it or drop the point"
    )
