"""Sources: things that draw. A law, a data loader, a function, a generator network pushed through noise.

`as_source` puts every one of them behind `CheckedSource`, which doubts each draw (shape, type, NaN) and names
the draw that went wrong, so that a method which draws for minutes never returns a number made of NaN.
"""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from wdist.arrays import FLOATS, as_tensor, with_float64
from wdist.errors import InputError
from wdist.measures import Samples
from wdist.rng import Rng

__all__ = ["CheckedSource", "Source", "as_source", "is_source"]


@runtime_checkable
class Source(Protocol):
    """Anything that draws points of a law."""

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        ...

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` independent points, shape (n, dim), with no other randomness than `rng`."""
        ...


def is_source(x: Any) -> bool:
    """Tell whether `x` is something to draw from (and not an array of points)."""
    if isinstance(x, (Tensor, type)) or hasattr(x, "__array__"):
        return False
    return isinstance(x, DataLoader) or callable(getattr(x, "draw", None)) or callable(x)


def as_source(x: Any, name: str, rng: Rng) -> CheckedSource:
    """Wrap a `Source`, a function `f(n)` or `f(n, rng)`, or a torch `DataLoader`.

    Raises:
        InputError: if the object draws nothing that is a finite real array of shape (n, d).
    """
    draw: Callable[[int, torch.Generator], Any]
    if isinstance(x, DataLoader):
        draw = _LoaderDraw(x, name, rng)
    elif callable(getattr(x, "draw", None)):
        draw = _function_draw(x.draw, f"{name}.draw")
    else:
        draw = _function_draw(x, name)
    dim, tried, shape = getattr(x, "dim", None), 0, tuple[int, ...]()
    if isinstance(draw, _LoaderDraw):
        dim, shape = draw.peek().shape[1], draw.shape
    elif dim is None:
        own = torch.Generator().manual_seed(0)  # so that the call's numbers stay as they were
        call = f"draw 1, a trial of {TRIAL} points"
        drawn = _drawn(draw, TRIAL, own, name, call)
        dim, tried, shape = _rows(drawn, name, call).shape[1], 1, np.shape(drawn)[1:]
    if isinstance(dim, bool) or not isinstance(dim, numbers.Integral) or dim < 1:
        raise InputError(f"{name}.dim is {dim!r}; a Source's dim is its number of coordinates, an int >= 1")
    return CheckedSource(draw, int(dim), name, tried, tuple(shape) if len(shape) > 1 else ())


TRIAL = 2


class CheckedSource:
    """A Source whose every draw is checked.

    Attributes:
        calls: Draws so far, as the source itself would count them.
        shape: Of one point as it came, before flattening; () if it came flat, or has not been seen.
    """

    def __init__(
        self, draw: Callable[[int, torch.Generator], Any], dim: int, name: str, calls: int = 0,
        shape: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        self._draw, self.dim, self.name, self.calls, self.shape = draw, dim, name, calls, shape

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw `n` points, shape (n, dim), float32 or float64.

        Raises:
            InputError: if the draw has another shape or holds a NaN; its number is in the text.
        """
        self.calls += 1
        call = f"draw {self.calls}"
        drawn = _drawn(self._draw, n, rng, self.name, call)
        x = _rows(drawn, self.name, call)
        if x.shape != (n, self.dim):
            raise InputError(
                f"{self.name} returned shape {tuple(np.shape(drawn))} on draw {self.calls}, "
                f"asked for ({n}, {self.dim}); draw(n, rng) must return n rows of {self.dim} coordinates"
            )
        return x

    @property
    def note(self) -> str:
        """What a reader should know of the draws so far, in a sentence; may be empty."""
        return getattr(self._draw, "note", "")


def _drawn(
    draw: Callable[[int, torch.Generator], Any], n: int, rng: torch.Generator, name: str, call: str
) -> Any:
    """Draw; a source made of an iterator that has come to its end is told from one that fails."""
    try:
        return draw(n, rng)
    except StopIteration:
        raise InputError(
            f"{name} came to its end on {call} (StopIteration); a source draws for ever: begin its iterator again"
        ) from None


def _rows(x: Any, name: str, call: str) -> Tensor:
    """Turn what a source returned into finite rows (n, d)."""
    if not isinstance(x, Tensor):
        try:
            x, _ = as_tensor(x, name)
        except InputError:
            raise InputError(
                f"{name} returned a {type(x).__name__} on {call}; return a tensor of shape (n, d)"
            ) from None
    if x.layout is not torch.strided or x.is_complex() or x.ndim == 0:
        what = f"a {x.dtype} tensor" if x.layout is torch.strided else "a sparse tensor"
        raise InputError(
            f"{name} returned {what} of shape {tuple(x.shape)} on {call}; return a dense real tensor (n, d)"
        )
    x = with_float64(x.detach())
    x = x if x.dtype in FLOATS else x.to(torch.float64)
    rows: Tensor = x[:, None] if x.ndim == 1 else x.flatten(1)
    if not bool(torch.isfinite(rows).all()):
        row = int(torch.nonzero(~torch.isfinite(rows))[0, 0])
        raise InputError(
            f"{name} returned a NaN or infinite value on {call}, in row {row}; mend the source or drop such rows in it"
        )
    return rows


def _function_draw(f: Callable[..., Any], name: str) -> Callable[[int, torch.Generator], Any]:
    """Call `f(n, rng)`, or `f(n)` where it takes one argument."""
    form = "a source is f(n) or f(n, rng) -> (n, d)"
    try:
        signature = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        raise InputError(
            f"{name} does not tell which arguments it takes; {form}: wrap it, lambda n: ..."
        ) from None
    parameters = [p for p in signature if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in parameters if p.default is p.empty]
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in signature):
        raise InputError(f"{name} needs arguments by name; {form}: wrap it, lambda n: ...")
    if not parameters or len(needed) > 2:
        raise InputError(f"{name} is callable but takes {len(needed)} arguments; {form}")
    if len(parameters) > 1 and (len(needed) == 2 or parameters[1].name in ("rng", "generator")):
        return f
    return lambda n, _: f(n)


class _LoaderDraw:
    """Rows of a `DataLoader`, epoch after epoch; a shuffling loader shuffles by the call's seed.

    The loader's own shuffling reads torch's global generator. It is lent a seeded state for each batch and
    given back its own, so that the call is reproducible and leaves no trace. (A loader that was given a
    `generator` of its own keeps to that one, and to its state.)
    """

    def __init__(self, loader: DataLoader[Any], name: str, rng: Rng) -> None:
        self._loader, self._name = loader, name
        self._batches: Iterator[Any] = iter(())
        self._epoch, self._batch, self._length = 0, 0, 0  # rows of an epoch that has ended
        self._shape: tuple[int, ...] | None = None
        self._rest: Tensor | None = None
        self._state = rng.spawn().torch().get_state()

    @property
    def note(self) -> str:
        """That the rows came more than once, if so: they are then the law that is spoken of."""
        if self._epoch < 2:
            return ""
        return (
            f"{self._name} ended after {self._length} rows and was begun again: the law is that of its rows."
        )

    def peek(self) -> Tensor:
        """Read the first batch, and keep it for the first draw: (rows, d)."""
        self._rest = self._next()
        return self._rest

    def __call__(self, n: int, rng: torch.Generator) -> Tensor:
        parts, have = [], 0
        if self._rest is not None:
            parts, have = [self._rest], len(self._rest)
        while have < n:
            batch = self._next()
            parts.append(batch)
            have += len(batch)
        rows = torch.cat(parts)
        self._rest = rows[n:]
        return rows[:n]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row as the loader yields it; () before the first batch."""
        return self._shape or ()

    @property
    def _here(self) -> str:
        return f"batch {self._batch}" + (f" of epoch {self._epoch}" if self._epoch > 1 else "")

    def _next(self) -> Tensor:
        """Read a batch and doubt it: (rows, d)."""
        try:
            batch = self._fetch()
        except (RuntimeError, TypeError) as error:  # what torch's own collating raises
            raise InputError(
                f"{self._name} is a DataLoader that fails on {self._here}: {type(error).__name__}: {error}"
            ) from error
        if batch is None and self._epoch > 1:
            raise InputError(
                f"{self._name} ended after {self._length} rows and yields nothing when it is begun again; "
                "give it a data set that can be read more than once, or that is longer"
            )
        if batch is None:
            raise InputError(f"{self._name} is a DataLoader that yields no batch; is its data set empty?")
        points = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
        if not isinstance(points, Tensor) or points.ndim == 0:
            raise InputError(
                f"{self._name} yields {type(points).__name__} batches; yield a tensor, or (tensor, label)"
            )
        if points.ndim == 1 and self._loader.batch_sampler is None:
            raise InputError(
                f"{self._name} yields single rows, as it has batch_size=None; give it a batch size"
            )
        if len(points) == 0:
            raise InputError(
                f"{self._name} yields an empty batch, of shape {tuple(points.shape)}; leave such out"
            )
        shape = tuple(points.shape[1:])
        if self._shape is not None and shape != self._shape:
            raise InputError(
                f"{self._name} yields batches of different shapes: {self._shape}, then in {self._here} {shape} a row"
            )
        self._shape = shape
        self._length += len(points) if self._epoch == 1 else 0
        return _rows(points, self._name, self._here)

    def _fetch(self) -> Any:
        """Give the next batch, beginning again at the end; None if there is none at all."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._state)
            self._batch += 1
            batch = next(self._batches, None)
            if batch is None:
                self._epoch, self._batch = self._epoch + 1, 1
                self._batches = iter(self._loader)
                batch = next(self._batches, None)
            self._state = torch.get_rng_state()
        return batch


def to_samples(source: CheckedSource, n: int, rng: Rng) -> Samples:
    """Draw `n` points and hold them as uniform `Samples`."""
    points = source.draw(n, rng.spawn().torch())
    weights = torch.full((n,), 1.0 / n, dtype=torch.float64, device=points.device)
    return Samples(
        points,
        weights,
        native="torch",
        note=" ".join(filter(None, [f"{source.name}: {n} points were drawn from the source.", source.note])),
    )
