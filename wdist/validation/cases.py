"""The bundled samples that a report without data of the user's own is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wdist import datasets

__all__ = ["Case", "bundled"]

DIGITS = 300


@dataclass(frozen=True, eq=False)
class Case:
    """Two samples, what to call them, and their masses."""

    name: str
    a: Any
    b: Any
    weights_a: Any = None
    weights_b: Any = None


def bundled() -> list[Case]:
    """Every real pair, and three hundred handwritten fours against as many nines."""
    cases = []
    for name in datasets.pairs():
        pair = datasets.pair(name)
        cases.append(Case(f"{pair.about} ({pair.unit})", pair.a, pair.b))
    digits = datasets.mnist()
    fours, nines = (digits.of(label)[:DIGITS] for label in (4, 9))
    return [*cases, Case(f"handwritten digits: {DIGITS} fours, {DIGITS} nines (grey level)", fours, nines)]
