"""What every command shares: how it speaks to the terminal, and how it ends.

Results go to stdout; progress, warnings and errors to stderr. Whatever goes wrong inside `guarded` ends in
one line there and in an exit code, so that a script can tell a wrong file from an answer not converged.
"""

from __future__ import annotations

import os
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.status import Status

from wdist.errors import InputError, NotConvergedError, WdistWarning

__all__ = [
    "BAD_INPUT",
    "EXIT_CODES",
    "SIGNIFICANT",
    "UNCONVERGED",
    "bar",
    "guarded",
    "line",
    "output",
    "progress",
    "say",
]

UNCONVERGED, BAD_INPUT, SIGNIFICANT, BUG, INTERRUPTED = 1, 2, 3, 70, 130

EXIT_CODES = (
    "Exit codes: 0 an answer; 1 the solver did not converge (what is certified so far is printed); "
    "2 bad input; 3 a difference that `test --fail-at` asked about, or an alarm that `monitor --fail-on-alarm` did; "
    "70 a fault in wdist itself; 130 interrupted."
)


@contextmanager
def guarded() -> Iterator[None]:
    """Run the body of a command; turn its errors into one line on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # where ≤ cannot be shown, the rest still is
    os.environ.setdefault("KEOPS_VERBOSE", "0")  # POT imports KeOps, which greets on stdout, before the JSON
    with warnings.catch_warnings():
        warnings.simplefilter("always", WdistWarning)
        warnings.showwarning = _warner(warnings.showwarning)
        try:
            yield
        except InputError as error:
            say(str(error))
            raise typer.Exit(BAD_INPUT) from None
        except NotConvergedError as error:
            say(str(error))
            raise typer.Exit(UNCONVERGED) from None
        except KeyboardInterrupt as error:
            say(str(error) or "interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, BrokenPipeError):
            raise
        except Exception as error:
            traceback.print_exc()
            say(f"{type(error).__name__} is a fault in wdist, not in your input; please report it")
            raise typer.Exit(BUG) from None


def output() -> Console:
    """Give a console on stdout that prints text as it is: brackets are intervals, not markup."""
    return Console(markup=False, highlight=False)


def progress(text: str) -> Status:
    """Show a spinner on stderr while the body runs; rich shows none where no person is looking."""
    return Console(stderr=True, markup=False).status(text)


@contextmanager
def bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show a spinner on stderr, and a bar in its place once the function given is called with (done, total)."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    console = Console(stderr=True, markup=False)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(text, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def say(text: str) -> None:
    """Tell a person something on stderr, in one line, or a terminal's lines; nothing if there is nothing to tell."""
    if not text:
        return
    typer.echo(_wrapped(Console(stderr=True), f"wdist: {' '.join(text.split())}"), err=True)


def line(console: Console, text: str, indent: int = 0, style: str | None = None) -> None:
    """Print sentences: on a terminal broken between words, later lines indented; elsewhere in one piece.

    A word that is longer than the terminal is wide, such as a path, stays whole and can be copied.
    """
    console.print(_wrapped(console, text, " " * indent), style=style, soft_wrap=True)


def _wrapped(console: Console, text: str, indent: str = "") -> str:
    if not console.is_terminal:
        return text
    lines = textwrap.TextWrapper(
        console.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines.fill(part) for part in text.split("\n"))


def _warner(usual: Any) -> Any:
    """Show a `WdistWarning` in one line without its place in the code, and others as usual."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, WdistWarning):
            say(f"warning: {message}")
        else:
            usual(message, category, filename, lineno, file, line)

    return show
