"""From the options of `wdist gan train` to a config: nets by name and size, changes of a preset's fields.

What the user did not say stays as the preset, or the run that is resumed, has it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wdist.critic.nets import MLP
from wdist.errors import InputError
from wdist.gan.augment import AUGMENTATIONS, Augmentation
from wdist.gan.config import TrainConfig, preset
from wdist.gan.critics import CRITICS
from wdist.gan.historical import HistoricalAveraging
from wdist.gan.judging import Evaluate
from wdist.gan.minibatch import MinibatchDiscrimination
from wdist.gan.recipes import GENERATORS
from wdist.gan.sets import Data
from wdist.gan.stabilisers import stabilised
from wdist.gan.stopping import StoppingRule
from wdist.result import Bound

__all__ = ["augmentations", "begun_config", "beside", "changed", "evaluation", "kept", "named", "numbers"]


SIZES = {"units": "widths", "channels": "width", "latent": "latent"}
"""Options and the field of a net's recipe that each sets."""


def begun_config(
    loss: str, data: Data, published: bool, nets: dict[str, Any], changes: dict[str, Any],
    stabilisers: Sequence[str] = (),
) -> TrainConfig:  # fmt: skip
    """A preset with nets, fields and stabilisers of the user's."""
    return changed(preset(loss, data, published), nets, changes, stabilisers)


def changed(
    config: TrainConfig, nets: dict[str, Any], changes: dict[str, Any], stabilisers: Sequence[str] = (),
    read: dict[str, Any] | None = None,
) -> TrainConfig:  # fmt: skip
    """A config with what the user said in place of what it had.

    Args:
        config: What to start from.
        nets: generator, critic: names or None; units, channels, latent: sizes or None.
        changes: Fields; None where the user said nothing. `lr` is of both optimisers.
        stabilisers: Names of `STABILISERS`, put around all that.
        read: Fields of its data; None where the user said nothing.
    """
    fields = kept(changes)
    lr = fields.pop("lr", None)
    fields["generator"] = _net("generator", GENERATORS, config.generator, nets)
    fields["critic"] = _net("critic", {"mlp": MLP, **CRITICS}, config.critic, nets)
    _check_used(nets, fields["generator"], fields["critic"])
    if asked := kept(read or {}):
        data = Data(config.data) if isinstance(config.data, str) else config.data
        fields["data"] = dataclasses.replace(data, **asked)
    if lr is not None:
        for name in ("generator_optimizer", "critic_optimizer"):
            rule = getattr(config, name)
            if rule is None:
                raise InputError(
                    "--lr: this loss's critic has a rate of its own; drop it, or set it from Python"
                )
            fields[name] = _rated(rule, lr)
    return stabilised(dataclasses.replace(config, **fields), *stabilisers)


def kept(options: dict[str, Any]) -> dict[str, Any]:
    """Those of which the user said something.

    Example:
        >>> kept({"batch": 8, "steps": None, "on_disk": False})
        {'batch': 8, 'on_disk': False}
    """
    return {name: value for name, value in options.items() if value is not None}


def beside(config: TrainConfig, nets: dict[str, Any]) -> str:
    """Say which critic stands beside a convolutional generator where none was asked for; "" elsewhere."""
    name = nets["generator"]
    if nets["critic"] is not None or name in (None, "mlp"):
        return ""
    alike = name if name in CRITICS else "dcgan"
    other = "patches" if config.constraint.bound is Bound.LOWER else alike
    return f"the critic beside it is {config.critic!r}; --critic {other} takes a convolutional one"


def _rated(rule: Any, lr: float) -> Any:
    """An optimiser with another rate, also where it is wrapped."""
    if isinstance(rule, HistoricalAveraging):
        return dataclasses.replace(rule, rule=_rated(rule.rule, lr))
    return dataclasses.replace(rule, lr=lr)


def _net(side: str, known: dict[str, Any], had: Any, nets: dict[str, Any]) -> Any:
    """The recipe of one side; a size is given to it if it has a field for it."""
    if isinstance(had, MinibatchDiscrimination):
        return dataclasses.replace(had, net=_net(side, known, had.net, nets))
    name = nets[side]
    if name is not None and name not in known:
        raise InputError(f"--{side} is {name!r}; choose one of {', '.join(known)}")
    recipe = had if name is None or isinstance(had, known[name]) else known[name]()
    fields = {f.name for f in dataclasses.fields(recipe)}
    sizes = {field: nets[option] for option, field in SIZES.items()}
    return dataclasses.replace(recipe, **{k: v for k, v in sizes.items() if v is not None and k in fields})


def _check_used(nets: dict[str, Any], *recipes: Any) -> None:
    """Refuse a size that neither net has."""
    for option, field in SIZES.items():
        if nets[option] is not None and not any(hasattr(getattr(r, "net", r), field) for r in recipes):
            names = " and ".join(type(recipe).__name__ for recipe in recipes)
            raise InputError(f"--{option}: {names} have no {field}; drop it, or choose other nets")


def numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    """Read "100,100".

    Example:
        >>> numbers("--units", "100,50")
        (100, 50)
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} is {text!r}; pass whole numbers, such as 100,100") from None


def augmentations(names: Sequence[str] | None) -> tuple[Augmentation, ...] | None:
    """Recipes by their names; None where the user said nothing.

    Raises:
        InputError: for another name.
    """
    for name in names or ():
        if name not in AUGMENTATIONS:
            raise InputError(f"--augment is {name!r}; choose one of {', '.join(AUGMENTATIONS)}")
    return tuple(AUGMENTATIONS[name] for name in names) if names else None


def evaluation(every: int | None, stop: bool, card: Path | None = None) -> Evaluate | None:
    """How often to judge, whether that may end the run, and by which card; None where nothing was said.

    Raises:
        InputError: if there is nothing to stop by, or to read.
    """
    if every is None:
        if stop or card is not None:
            raise InputError(
                f"{'--stop' if stop else '--card'} goes by evaluations; pass --evaluate-every 100, say"
            )
        return None
    return Evaluate(every, StoppingRule() if stop else None, card=None if card is None else named(card))


def named(card: Path) -> str:
    """A card's path, which holds wherever the run is gone on with; or the name of one that ships."""
    return str(card.resolve()) if card.exists() else str(card)
