"""Checks of a method's options, so that each wrong one is refused by name when the method is made."""

from __future__ import annotations

import math
import numbers
from typing import Any

from wdist.errors import InputError

__all__ = ["check_positive", "check_whole"]


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
