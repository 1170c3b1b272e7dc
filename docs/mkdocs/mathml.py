"""Formulas become MathML when the site is built: no script and no font is fetched to read them.

A letter and an index, such as W_p, are written plainly in pages and docstrings; here they are set as such.
"""

from __future__ import annotations

import html as entities
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
PLAIN = re.compile(
    r"(<(pre|code|math)\b.*?</\2>|<[^>]*>)|\b([A-Z])_([a-z\d])(?!\w)(?:\^([a-z])\b)?", re.DOTALL
)


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Typeset what `pymdownx.arithmatex` found between dollars."""
    return PLAIN.sub(_indexed, FORMULA.sub(_typeset, html))


def _indexed(found: re.Match[str]) -> str:
    code, _, letter, index, power = found.groups()
    if code:
        return code
    return f"<i>{letter}</i><sub>{index}</sub>" + (f"<sup>{power}</sup>" if power else "")


def _typeset(formula: re.Match[str]) -> str:
    tag = formula[1]
    mathml = convert(entities.unescape(formula[2]).strip(), display="block" if tag == "div" else "inline")
    mathml = mathml.replace(
        "<mo>&#x02016;</mo>", '<mo stretchy="false">&#x02016;</mo>'
    )  # ‖ of a norm: as tall as text
    return f'<{tag} class="formula">{mathml}</{tag}>'
