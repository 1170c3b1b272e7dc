"""Recipes as JSON and back: frozen dataclasses by their names and fields, from a list of those that may be made.

Only classes named here are ever built from a file, so that reading a config runs no code of its writer's.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from wdist.critic.certified import Orthonormal, Spectral
from wdist.critic.cones import Cones
from wdist.critic.constraints import Clip, GradientPenalty
from wdist.critic.convolution import ConvNet
from wdist.critic.nets import MLP
from wdist.errors import InputError
from wdist.gan.augment import Colour, Flip, InstanceNoise, Shift
from wdist.gan.critics import CRITICS
from wdist.gan.data import Rows
from wdist.gan.form import Form
from wdist.gan.graphs import GraphCritic, GraphGenerator, GraphLayout
from wdist.gan.historical import HistoricalAveraging
from wdist.gan.judging import Evaluate
from wdist.gan.losses import Free, Minimax, NonSaturating, Wasserstein
from wdist.gan.matching import FeatureMatching
from wdist.gan.minibatch import MinibatchDiscrimination
from wdist.gan.networks import DCGANGenerator, GeneratorNet, MLPGenerator, ResidualGenerator
from wdist.gan.optimizers import Adam, RMSprop
from wdist.gan.palette import PaletteGenerator
from wdist.gan.sets import Data, opened
from wdist.gan.stopping import StoppingRule

__all__ = ["GENERATORS", "completed", "described", "differing", "rebuilt"]

GENERATORS: dict[str, type[GeneratorNet]] = {
    "mlp": MLPGenerator, "dcgan": DCGANGenerator, "residual": ResidualGenerator, "palette": PaletteGenerator,
}  # fmt: skip
"""Generator recipes by name."""

RECIPES: tuple[Any, ...] = (
    *(Adam, Clip, Cones, ConvNet, Data, Evaluate, Form, Free, GradientPenalty, MLP, Minimax, NonSaturating),
    *(GraphCritic, GraphGenerator, GraphLayout),
    *(Orthonormal, RMSprop, Spectral, StoppingRule, Wasserstein, *GENERATORS.values(), *CRITICS.values()),
    *(Colour, FeatureMatching, Flip, HistoricalAveraging, InstanceNoise, MinibatchDiscrimination, Shift),
)
KNOWN = {cls.__name__: cls for cls in RECIPES}
"""Every class that a file may name."""


def described(thing: Any) -> Any:
    """Turn a recipe into JSON; data that came as an object become a fingerprint, which says whether they are the same.

    Example:
        >>> described(Clip(0.1))
        {'kind': 'Clip', 'c': 0.1}
    """
    if (dataclasses.is_dataclass(thing) and type(thing).__name__ in KNOWN) or _is_config(thing):
        fields = {f.name: described(getattr(thing, f.name)) for f in dataclasses.fields(thing) if f.init}
        return {"kind": type(thing).__name__, **fields}
    if isinstance(thing, (tuple, list)):
        return [described(item) for item in thing]
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    train = opened(thing).train
    print_ = train.fingerprint() if isinstance(train, Rows) else type(thing).__name__
    return {"kind": "object", "type": type(thing).__name__, "fingerprint": print_}


def rebuilt(about: Any) -> Any:
    """Make a recipe from its JSON.

    Raises:
        InputError: if it names a class that is none of ours, or data that only the program had that began the run.

    Example:
        >>> rebuilt({"kind": "Clip", "c": 0.1})
        Clip(c=0.1)
    """
    if isinstance(about, list):
        return tuple(rebuilt(item) for item in about)
    if not isinstance(about, dict):
        return about
    fields = {name: rebuilt(value) for name, value in about.items() if name != "kind"}
    kind = about.get("kind")
    if kind == "object":
        raise InputError(
            f"this run was trained on a {about['type']} that a program held; resume it from there, with its config"
        )
    known = _known()
    if kind not in known:
        raise InputError(
            f"{kind!r} is no recipe of this version of wdist; it knows {', '.join(sorted(known))}"
        )
    try:
        return known[kind](**fields)
    except TypeError as error:
        raise InputError(f"{kind} has other fields in this version of wdist ({error})") from None


def completed(about: Any) -> Any:
    """Fill in what a recipe's JSON does not say, as an earlier version wrote it: the defaults of what came since.

    Example:
        >>> completed({"kind": "NonSaturating"})
        {'kind': 'NonSaturating', 'real': 1.0}
    """
    if isinstance(about, list):
        return [completed(item) for item in about]
    if not isinstance(about, dict):
        return about
    known = _known().get(about["kind"])
    fields = dataclasses.fields(known) if known else ()
    new = {f.name: described(f.default) for f in fields if f.init and f.default is not dataclasses.MISSING}
    return {"kind": about["kind"], **new, **{name: completed(value) for name, value in about.items()}}


def differing(was: Any, now: Any, name: str = "") -> list[str]:
    """What differs between two configs, field by field.

    Example:
        >>> differing({"kind": "Clip", "c": 0.1}, {"kind": "Clip", "c": 0.01})
        ['c was 0.1 and is 0.01']
    """
    if isinstance(was, dict) and isinstance(now, dict) and was.get("kind") == now.get("kind"):
        return [
            text
            for key in {**was, **now}
            for text in differing(was.get(key), now.get(key), f"{name}.{key}".strip("."))
        ]
    if isinstance(was, dict) and isinstance(now, dict):
        was, now = (f"{about.get('kind')}" for about in (was, now))
    return [] if was == now else [f"{name} was {was} and is {now}"]


def _known() -> dict[str, Any]:
    """Every class that a file may name, the configs too, which import this module."""
    from wdist.gan.config import GANConfig, WGANConfig

    return {**KNOWN, "WGANConfig": WGANConfig, "GANConfig": GANConfig}


def _is_config(thing: Any) -> bool:
    return type(thing).__name__ in ("WGANConfig", "GANConfig")
