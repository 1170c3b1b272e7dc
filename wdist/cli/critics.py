"""A critic as it is spelled on the command line: its constraint, its network, and lists of numbers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.critic.constraint import Constraint
    from wdist.critic.nets import MLP

__all__ = ["read_constraint", "read_net", "read_numbers"]

ONE_SIDED = "one_sided_penalty"


def read_constraint(text: str) -> Constraint:
    """A constraint by name, with its number after a colon; `one_sided_penalty` is WGAN-LP's gradient penalty.

    Example:
        >>> read_constraint("clip:0.1")
        Clip(c=0.1)
        >>> read_constraint("one_sided_penalty:10").two_sided
        False
    """
    from wdist.critic.constraints import CONSTRAINTS, GradientPenalty

    name, _, number = text.partition(":")
    one_sided = name == ONE_SIDED
    if name not in CONSTRAINTS and not one_sided:
        names = ", ".join([*CONSTRAINTS, ONE_SIDED])
        raise InputError(f"--constraint is {text}; choose one of {names}, as in clip:0.01")
    cls = GradientPenalty if one_sided else CONSTRAINTS[name]
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    options: dict[str, Any] = {"two_sided": False} if one_sided else {}
    if number and not fields:
        raise InputError(f"--constraint is {text}, and {name} takes no number; pass {name}")
    if number:
        options[fields[0].name] = read_numbers("--constraint", number, float)[0]
    return cls(**options)


def read_net(text: str) -> MLP:
    """Widths of the hidden layers, with an activation after a colon.

    Example:
        >>> read_net("8,4:abs")
        MLP(widths=(8, 4), activation='abs')
    """
    from wdist.critic.nets import MLP

    widths, _, activation = text.partition(":")
    return MLP(tuple(read_numbers("--net", widths, int)), activation or "relu")


def read_numbers(option: str, text: str, kind: type[Any]) -> list[Any]:
    """Numbers with commas between."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{option} has {text!r}; pass {what} with commas between") from None
