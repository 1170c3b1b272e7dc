"""Drawing as text: SVG elements, scales and axes, and no more than the pages need.

Colours are classes that the page's style sheet fills in, light or dark; text stays text, with the number that it shows
beside it (`data-of` names its place in the page's JSON). What comes from a user is escaped, as all text is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

__all__ = ["Scale", "across", "dots", "drawing", "element", "figure", "ground", "path", "words"]

Array = np.ndarray[Any, Any]
DECADE = 8.0
"""Ratio of its ends from which on a logarithmic axis is marked by powers of ten."""
WIDE = 680
"""Width of a figure over the whole column, in its own units; on a phone the style sheet enlarges the text."""


def element(tag: str, content: str = "", /, **attributes: Any) -> Markup:
    """Write one element; `class_` is class, underscores are hyphens, numbers have two decimals, None is left out.

    Example:
        >>> element("line", x1=0.123456, class_="axis")
        Markup('<line x1="0.12" class="axis"/>')
        >>> element("text", "<script>")
        Markup('<text>&lt;script&gt;</text>')
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{said}>{escape(content)}</{tag}>" if content else f"<{tag}{said}/>")


def _short(value: Any) -> Any:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def drawing(key: str, title: str, text: str, size: tuple[float, float], *parts: str) -> Markup:
    """Put a figure together: what it is called and what it shows, for those who cannot see it, then its parts.

    Args:
        key: Its id on the page.
        title: What it is called.
        text: What it shows, in a sentence.
        size: Width and height, in its own units.
        parts: Markup, from the back to the front.
    """
    inside = Markup().join(
        [element("title", title, id=f"{key}-title"), element("desc", text, id=f"{key}-text"), *parts]
    )
    return element(
        "svg", inside, id=key, class_="drawing", viewBox=f"0 0 {size[0]:g} {size[1]:g}", role="img",
        aria_labelledby=f"{key}-title {key}-text",
    )  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """A stretch of numbers laid on a stretch of the page.

    Attributes:
        low: The number at `start`.
        high: The number at `end`.
        start: Where, in units of the figure.
        end: Where.
        log: Whether by logarithms.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @staticmethod
    def over(
        values: Iterable[float], start: float, end: float, *, log: bool = False, room: float = 0.03
    ) -> Scale:
        """Hold all values, with some room on both sides."""
        found = [_bent(v, log) for v in values]
        low, high = min(found), max(found)
        margin = room * (high - low) if high > low else 0.5 if log else 0.5 * abs(high) or 0.5
        low, high = low - margin, high + margin
        return Scale(math.exp(low), math.exp(high), start, end, log) if log else Scale(low, high, start, end)

    def __call__(self, value: float) -> float:
        """Where a number lies."""
        low, high = _bent(self.low, self.log), _bent(self.high, self.log)
        return self.start + (_bent(value, self.log) - low) / (high - low) * (self.end - self.start)

    def all(self, values: Array) -> Array:
        """Where numbers lie, (n,) -> (n,)."""
        at: Array = np.array([self(float(v)) for v in values])
        return at

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers to mark, at most so many.

        Example:
            >>> Scale(0.0, 7.3, 0.0, 100.0).ticks()
            [0.0, 2.0, 4.0, 6.0]
            >>> Scale(0.03, 2.0, 0.0, 100.0, log=True).ticks()
            [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
        """
        if self.log and self.high > DECADE * self.low:
            return _log_ticks(self.low, self.high, most)
        rough = (self.high - self.low) / most
        size = 10.0 ** math.floor(math.log10(rough))
        step = size * next(by for by in (1, 2, 5, 10) if by * size >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def _bent(value: float, log: bool) -> float:
    return math.log(value) if log else value


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for leads in ((1, 2, 5), (1, 3), (1,)):
        found = [float(f"{lead}e{k}") for k in powers for lead in leads]
        found = [tick for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def words(text: str, x: float, y: float, kind: str = "", *, anchor: str = "start") -> Markup:
    """Write text into a figure: its start, middle or end at x, on a line at y; `kind` are classes of its style."""
    if not text:
        return Markup()
    return element(
        "text", text, x=float(x), y=float(y), class_=kind or None, text_anchor=None if anchor == "start" else anchor
    )  # fmt: skip


def figure(value: float, of: str) -> Markup:
    """Write a number within `words`, with its place in the page's JSON."""
    return element("tspan", f"{value:.6g}", data_of=of, data_value=repr(value))


def path(x: Array, y: Array, kind: str, *, closed: bool = False) -> Markup:
    """Draw a line through points, (n,) each."""
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return element("path", d=f"M{points}{'Z' if closed else ''}", class_=kind)


def dots(x: Array, y: Array, kind: str) -> Markup:
    """Draw points, (n,) each, as one path: the style sheet gives them size and shape.

    Each is of hardly any length; of none, a square would have no direction, and PDF leaves it out.
    """
    return element(
        "path", d="".join(f"M{a:.1f} {b:.1f}h.01" for a, b in zip(x, y, strict=True)), class_=f"dots {kind}"
    )


def across(scale: Scale, y: float, label: str, *, most: int = 6) -> Markup:
    """Draw a horizontal axis at height y: its line, round numbers, and what they are."""
    parts = [
        element("line", x1=float(scale.start), x2=float(scale.end), y1=float(y), y2=float(y), class_="axis")
    ]
    for tick in scale.ticks(most):
        parts += [
            element("line", x1=scale(tick), x2=scale(tick), y1=float(y), y2=y + 4.0, class_="axis"),
            words(f"{tick:g}", scale(tick), y + 20, "tick", anchor="middle"),
        ]
    return Markup().join([*parts, words(label, scale.end, y + 46, "label", anchor="end")])


def ground(scale: Scale, x: tuple[float, float], label: str, *, most: int = 4) -> Markup:
    """Draw what a vertical axis says as lines across the figure, from x to x, their numbers sitting on them."""
    parts: list[Markup] = []
    for tick in scale.ticks(most):
        y = scale(tick)
        parts += [
            element("line", x1=float(x[0]), x2=float(x[1]), y1=y, y2=y, class_="grid"),
            words(f"{tick:g}", x[0], y - 4, "tick"),
        ]
    return Markup().join([*parts, words(label, x[0], scale.end - 30, "label")])
