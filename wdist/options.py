"""Checks of a method's options, so that each wrong one is refused by name when the method is made."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

from wdist.errors import InputError

__all__ = ["check_positive", "check_whole", "check_widths"]


def check_whole(name: str, value: Any, least: int = 1, remedy: str = "") -> None:
    """Refuse what is not a whole number of at least `least`; True and False are none."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} is {value!r}; {remedy or f'pass an int of at least {least}'}")


def check_positive(name: str, value: Any, remedy: str = "pass a finite number above zero") -> None:
    """Refuse what is not a finite real number above zero."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or value <= 0:
        raise InputError(f"{name} is {value!r}; {remedy}")


def check_widths(value: Any) -> tuple[int, ...]:
    """Units of hidden layers as a tuple; refuse what is none, empty, or has a layer without units."""
    widths = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else ()
    if not widths or any(type(w) is bool or not isinstance(w, numbers.Integral) or w < 1 for w in widths):
        raise InputError(f"widths is {value!r}; pass the units of each hidden layer, such as (100, 100)")
    return tuple(int(w) for w in widths)
