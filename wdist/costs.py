"""Ground costs: how far apart two points are, as a matrix, in blocks of rows, or pair by pair.

Distances are computed from coordinate differences, since the expansion |x|² + |y|² − 2x·y loses half the digits of
short distances. Points are centred first, so that a large common offset costs nothing either. Where coordinates are
many, the expansion is many times quicker, and serves the pairs that are far apart; differences serve the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError

__all__ = ["METRICS", "Metric", "centred", "common_centre", "cost_blocks", "distances", "pair_distances"]

Metric = str | Callable[[Any, Any], Any]

METRICS: dict[str, float] = {"euclidean": 2.0, "cityblock": 1.0, "chebyshev": float("inf")}
"""The named ground metrics and the order of the norm behind each."""

BLOCK_BYTES = 64 * 2**20
MANY = 32  # coordinates from which on a matrix product is several times quicker than differences
APART = 1 / 256  # of |x|² + |y|²: squares of distances above keep 13 digits in the expansion
FEW = 1 / 32  # of a block's pairs: more than these cost less by differences of all than one by one
CACHED_BYTES = 2**20


def centred(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Move both clouds, (n, d) and (m, d), to a common centre, in float64, where that changes no distance.

    Coordinates that all lie within a factor of two of their centre lose no digit by the subtraction (Sterbenz 1974);
    the others stay, since one far point would cost its neighbours' digits.
    """
    x, y = x.to(torch.float64), y.to(torch.float64)
    centre = common_centre(x.detach(), y.detach())
    return x - centre, y - centre


def common_centre(x: Any, y: Any) -> Any:
    """Give what to subtract from clouds (n, d) and (m, d), arrays or tensors, to centre them exactly: shape (1, d)."""
    centre = x.mean(axis=-2, keepdims=True) / 2 + y.mean(axis=-2, keepdims=True) / 2
    near = [(abs(z - centre) <= abs(centre) / 2).all(axis=-2, keepdims=True) for z in (x, y)]
    return centre * (near[0] & near[1])


def distances(x: Tensor, y: Tensor, metric: Metric = "euclidean", native: str = "torch") -> Tensor:
    """Distances between all pairs of rows.

    Args:
        x: Shape (..., n, d).
        y: Shape (..., m, d).
        metric: A key of `METRICS`, or a function (x (n, d), y (m, d)) -> (n, m).
        native: What a function metric is called with: "torch" for tensors, "numpy" for float64 arrays.

    Returns:
        Shape (..., n, m), in the unit of the data; differentiable in x and y for the named metrics.

    Raises:
        InputError: if a function metric returns the wrong shape, a negative or a non-finite value.
    """
    if callable(metric):
        return _called(metric, x, y, native)
    unit = _unit(x, y)
    if unit != 1:
        return unit * distances(x / unit, y / unit, metric)
    if metric == "euclidean" and _expandable(x, y):
        return _expanded(x, y)
    return _by_differences(x, y, metric)


def _by_differences(x: Tensor, y: Tensor, metric: str) -> Tensor:
    return torch.cdist(x, y, p=METRICS[metric], compute_mode="donot_use_mm_for_euclid_dist")


def _expandable(x: Tensor, y: Tensor) -> bool:
    """Say whether the expansion of |x − y|² pays: on the CPU, in double precision, outside of autograd."""
    graph = torch.is_grad_enabled() and (x.requires_grad or y.requires_grad)
    cpu = x.device.type == "cpu" and x.dtype == y.dtype == torch.float64
    return x.dim() == y.dim() == 2 and x.shape[1] >= MANY and cpu and not graph


def _expanded(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances by a matrix product, (n, d), (m, d) -> (n, m); by differences where that loses digits."""
    of_x, of_y = (z.square().sum(dim=1) for z in (x, y))
    out = (x @ y.T).mul_(-2)
    height = max(1, CACHED_BYTES // (8 * max(1, len(y))))
    for start in range(0, len(x), height):
        rows = slice(start, start + height)
        lengths = of_x[rows, None] + of_y
        block = out[rows].add_(lengths)
        near = block <= lengths.mul_(APART)
        short = int(near.sum())
        block.clamp_(min=0).sqrt_()
        if short > FEW * block.numel():
            block.copy_(_by_differences(x[rows], y, "euclidean"))
        elif short:
            i, j = near.nonzero(as_tuple=True)
            block[i, j] = torch.linalg.vector_norm(x[rows][i] - y[j], dim=1)
    return out


def pair_distances(x: Tensor, y: Tensor, metric: Metric = "euclidean") -> Tensor:
    """Distances between x[k] and y[k], for the named metrics: (k, d), (k, d) -> (k,)."""
    assert isinstance(metric, str)
    unit = _unit(x, y)
    gaps: Tensor = torch.linalg.vector_norm((x - y) / unit, ord=METRICS[metric], dim=-1)
    return unit * gaps


def _unit(x: Tensor, y: Tensor) -> float:
    """Give a power of two near the largest coordinate if its square would over- or underflow, else 1."""
    reach = max(float(t.detach().abs().amax()) if t.numel() else 0.0 for t in (x, y))
    safe = torch.finfo(x.dtype).max ** 0.25
    if reach == 0 or not math.isfinite(reach) or 1 / safe < reach < safe:
        return 1.0
    return 2.0 ** min(1000, max(-1000, math.frexp(reach)[1]))


def cost_blocks(
    x: Tensor, y: Tensor, metric: Metric, native: str = "torch"
) -> Iterator[tuple[slice, Tensor]]:
    """Walk the distance matrix (n, m) in blocks of rows of bounded memory: yields (rows, block)."""
    step = max(1, BLOCK_BYTES // (8 * max(1, len(y))))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        yield rows, distances(x[rows], y, metric, native)


def _called(metric: Callable[[Any, Any], Any], x: Tensor, y: Tensor, native: str) -> Tensor:
    """Call a user's metric, on copies that it may write to, and doubt what it returns."""
    xs, ys = (t.clone() if native == "torch" else t.cpu().numpy().copy() for t in (x, y))
    name = getattr(metric, "__name__", type(metric).__name__)
    try:
        cost = _as_cost(metric(xs, ys), name).to(x.device)
    except InputError:
        raise
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        kind = "torch tensors" if native == "torch" else "NumPy arrays"
        raise InputError(
            f"metric {name} raised {type(error).__name__} ({error}); it was called with two {kind}, of shape "
            f"{tuple(xs.shape)} and {tuple(ys.shape)}, and must return all pairs, {(len(x), len(y))}"
        ) from error
    want = (len(x), len(y))
    if tuple(cost.shape) != want:
        raise InputError(
            f"metric {name} returned shape {tuple(cost.shape)} for {want[0]} and {want[1]} points; "
            f"it must map (n, d) and (m, d) to all pairs, (n, m) = {want}"
        )
    for wrong, what in ((~torch.isfinite(cost), "NaN or infinite"), (cost < 0, "negative")):
        if bool(wrong.any()):
            i, j = (int(k) for k in torch.nonzero(wrong)[0])
            raise InputError(
                f"metric {name} returned a {what} cost ({float(cost[i, j])!r}) for row {i} of a and row {j} of b; "
                "costs must be finite and >= 0"
            )
    return cost


def _as_cost(out: Any, name: str) -> Tensor:
    """Copy what a metric returned, a matrix that may be the user's own, into float64."""
    if isinstance(out, Tensor):
        if out.layout is torch.strided and not out.is_complex():
            return out.detach().to(torch.float64, copy=True)
        what = f"a {out.dtype} tensor of layout {out.layout}"
    else:
        array = np.asarray(out)
        if array.dtype.kind in "biuf" and not np.ma.is_masked(out):
            return torch.from_numpy(np.array(array, dtype=np.float64))
        what = f"a {type(out).__name__} of dtype {array.dtype}"
    raise InputError(f"metric {name} returned {what}; it must return a dense matrix of real numbers, (n, m)")
