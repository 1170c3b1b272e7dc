"""From a card back to the critic that was calibrated, read off the text of its fingerprint.

Only recipes of this package are ever built, and their fields are literals, so that reading a card runs no code of its
writer's. What the text leaves out is found by comparing the fingerprint of what was built.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from wdist.calibration.fingerprint import differences, fingerprint
from wdist.critic.cones import Cones
from wdist.critic.constraints import CONSTRAINTS
from wdist.critic.convolution import ConvNet
from wdist.critic.flats import Flats
from wdist.critic.nets import MLP
from wdist.errors import InputError
from wdist.methods.critic import Critic

__all__ = ["critic_of"]

RECIPES: tuple[Any, ...] = (*CONSTRAINTS.values(), MLP, ConvNet, Cones, Flats)
KNOWN = {cls.__name__: cls for cls in RECIPES}
OWN = "pass the critic that was calibrated beside the card: wdist.Calibrated(method, card)"


def critic_of(card: Mapping[str, str]) -> Critic:
    """Build the critic with the settings of a card's fingerprint.

    Raises:
        InputError: if it was of a net or constraint of the user's own, or had a rate of its own.

    Example:
        >>> import wdist
        >>> method = wdist.Critic(wdist.Clip(0.01), wdist.MLP((8,)), steps=20)
        >>> critic_of(fingerprint(method, 2)) == method
        True
    """
    (constraint,), nets = _made(card["constraint"]), _made(card["net"])
    net = None if nets == list(constraint.nets) else nets[0]
    method = Critic(constraint, net, steps=int(card["steps"]), batch=int(card["batch"]))
    if wrong := differences(card, fingerprint(method, int(card["dim"]))):
        raise InputError(f"the card does not say all of its critic: {'; '.join(wrong)}; {OWN}")
    return method


def _made(text: str) -> list[Any]:
    """Recipes from their text, "Clip(c=0.01)", one or several with commas between."""
    try:
        calls = ast.parse(f"[{text}]", mode="eval").body
        assert isinstance(calls, ast.List)
        return [_called(call) for call in calls.elts]
    except (SyntaxError, ValueError, KeyError, AttributeError, TypeError, AssertionError):
        raise InputError(f"the card is of {text}, which is none of wdist's own recipes; {OWN}") from None


def _called(call: Any) -> Any:
    fields = {str(field.arg): ast.literal_eval(field.value) for field in call.keywords}
    return KNOWN[call.func.id](*map(ast.literal_eval, call.args), **fields)
