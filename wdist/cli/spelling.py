"""A command line from what was typed: which options were given, and the words that give them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import typer

__all__ = ["given", "spelled"]


def given(ctx: typer.Context) -> list[str]:
    """Names of the parameters that were typed, not left to their defaults."""
    return [parameter.name for parameter in _typed(ctx)]


def spelled(ctx: typer.Context) -> str:
    """The command line, quoted for a shell, its options in the order in which the command has them."""
    words = ctx.command_path.split()
    for parameter in _typed(ctx):
        value = ctx.params[parameter.name]
        if parameter.param_type_name == "argument":
            words.append(str(value))
        elif isinstance(value, bool):
            words.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        else:
            for one in value if isinstance(value, (list, tuple)) else [value]:
                words += [parameter.opts[0], str(one)]
    return shlex.join(words)


def _typed(ctx: typer.Context) -> Iterator[Any]:
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            yield parameter
