"""Running other libraries' compiled solvers aside, so that Ctrl-C is heard while they work.

Nothing stops such a solver, but all that are used here let other threads of Python run meanwhile. So it gets a
thread, the caller waits, and an interrupt ends the waiting: the solver runs out unheeded, or ends with Python.
`pot` is the one of them that is imported when it is needed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Thread
from typing import Any, TypeVar

__all__ = ["aside", "pot"]

T = TypeVar("T")


def pot() -> Any:
    """Give POT, whose import takes most of a second, and draws from Python's random numbers: those are put back."""
    state = random.getstate()
    try:
        import ot
    finally:
        random.setstate(state)
    return ot


def aside(solve: Callable[..., T], *arguments: Any, seconds: float | None = None, **options: Any) -> T:
    """Give what `solve(*arguments, **options)` gives, or raise what it raises; an interrupt is raised at once.

    After `seconds` it is left alone, and TimeoutError raised.

    Example:
        >>> aside(max, [3, 1, 4])
        4
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(solve(*arguments, **options))
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if errors:
        raise errors[0]
    return answers[0]
