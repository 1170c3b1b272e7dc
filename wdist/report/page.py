"""A page: one HTML file that needs nothing else, and the JSON that every number on it is read from.

Templates are autoescaped, so that the name of a file or of a column is only ever text; the page runs no script and, by
its own policy, can load nothing. A number is written by its place in the JSON, which stands in its markup.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from wdist.report.svg import element
from wdist.writing import write_whole

__all__ = ["Page", "render"]

TEMPLATES = Path(__file__).with_name("templates")
FORMAT = 1


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """A report, ready to be saved.

    Attributes:
        title: What it is called.
        data: All of its numbers, as JSON can hold them.
        html: The page.
    """

    title: str
    data: dict[str, Any]
    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all.

        Raises:
            InputError: if it cannot be written.
        """
        path = Path(path)
        write_whole(path, self.html)
        return path

    def __repr__(self) -> str:
        return f"Page({self.title!r}, {len(self.html) / 1000:.0f} kB)"


def render(template: str, title: str, data: dict[str, Any], **parts: Any) -> Page:
    """Fill a template.

    Args:
        template: Its name in `templates/`.
        title: Of the page.
        data: The page's JSON; "kind" says what it is.
        parts: What else the template asks for: figures as markup, all else as text.
    """
    text = json.dumps({"format": FORMAT, **data}, allow_nan=False, indent=1)
    held = json.loads(text)

    def number(place: str, form: str = ".6g") -> Markup:
        """A number by its place in the JSON, for a person and for a machine; a dash for None."""
        value = _at(held, place)
        if value is None:
            return Markup("–")
        assert isinstance(value, int) or math.isfinite(value), place
        return element("data", format(value, form), value=repr(value), data_of=place)

    world = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    html = world.get_template(template).render(
        title=title, data=held, number=number, embedded=_inert(text),
        download=base64.b64encode(text.encode()).decode(), style=Markup((TEMPLATES / "style.css").read_text("utf-8")),
        **parts,
    )  # fmt: skip
    return Page(
        title, held, html.encode("utf-8", "replace").decode()
    )  # file names may hold bytes that are no text


def _at(held: Any, place: str) -> Any:
    """What stands at a place such as "estimate.floor.a" or "families.0.low"."""
    for key in place.split("."):
        held = held[int(key) if isinstance(held, list) else key]
    return held


def _inert(text: str) -> Markup:
    """JSON that ends no script element, whatever it holds: the same value to every parser of JSON."""
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
