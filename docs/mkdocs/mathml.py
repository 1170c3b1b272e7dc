"""Formulas become MathML when the site is built: no script and no font is fetched to read them."""

from __future__ import annotations

import html as entities
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Typeset what `pymdownx.arithmatex` found between dollars."""
    return FORMULA.sub(_typeset, html)


def _typeset(formula: re.Match[str]) -> str:
    display = "block" if formula[1] == "div" else "inline"
    return f'<{formula[1]} class="formula">{convert(entities.unescape(formula[2]).strip(), display=display)}</{formula[1]}>'
