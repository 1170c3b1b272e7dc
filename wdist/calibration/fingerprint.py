"""What was calibrated, as plain text: a card speaks of one way of training and of no other.

Settings decide and are compared one by one; versions are kept beside them for the reader, as another release of torch
trains the same critic.
"""

from __future__ import annotations

import platform
import re
from importlib.metadata import version

import torch

from wdist.critic import fit
from wdist.critic.nets import Net
from wdist.errors import InputError
from wdist.methods.critic import Critic

__all__ = ["differences", "fingerprint", "versions"]

PROBE_ROWS = 64
INIT = "uniform in ±1/√fan-in (MLP) or at k-means centres (Cones), then brought within the constraint"


def fingerprint(method: Critic, dim: int) -> dict[str, str]:
    """Spell out all that decides what critic comes out.

    Raises:
        InputError: if the network or the constraint has no text of its own.

    Example:
        >>> import wdist
        >>> fingerprint(wdist.Critic(wdist.Clip(0.01), wdist.MLP((8,))), 2)["optimiser"]
        'RMSprop, rate 0.0005'
    """
    nets = method.constraint.nets if method.net is None else (method.net,)
    found = {
        "dim": str(dim),
        "net": ", ".join(map(repr, nets)),
        "constraint": repr(method.constraint),
        "optimiser": "; ".join(dict.fromkeys(_optimiser(method, net, dim) for net in nets)),
        "schedule": f"cosine of the rate, average of weights {fit.AVERAGE}, best of {fit.CHECKS} looks, "
        f"warm-up {fit.WARMUP}",
        "steps": str(method.steps or method.constraint.steps),
        "batch": str(method.batch),
        "init": INIT,
        "standardisation": "one scale: root mean square distance from the centre is min(√dim, 4)",
    }
    if nameless := next((part for part in found.values() if re.search(r" at 0x[0-9a-f]+", part)), None):
        raise InputError(f"{nameless} does not say what it is made of; make its class a frozen dataclass")
    return found


def _optimiser(method: Critic, net: Net, dim: int) -> str:
    rng = torch.Generator().manual_seed(0)
    x, y = (torch.randn(PROBE_ROWS, dim, generator=rng) for _ in range(2))
    optimiser = method.constraint.optimizer(method.constraint.prepare(net.build(x, y, rng)), method.lr)
    rates = dict.fromkeys(f"{group['lr']:.3g}" for group in optimiser.param_groups)
    return f"{type(optimiser).__name__}, rate {' and '.join(rates)}"


def differences(card: dict[str, str], method: dict[str, str]) -> list[str]:
    """Name the settings in which a method departs from a card."""
    return [
        f"{key} (the card: {card.get(key)}; the method: {method.get(key)})"
        for key in sorted({*card, *method})
        if card.get(key) != method.get(key)
    ]


def versions() -> dict[str, str]:
    """What a calibration runs on."""
    found = {name: version(name) for name in ("wdist", "torch", "numpy")}
    return {**found, "python": platform.python_version(), "machine": platform.machine()}
