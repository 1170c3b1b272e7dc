"""The stabilisers of standard GANs by name, each a wrap around one recipe of a config, so that the loop has no branch.

Each is small and in a module of its own: the loss's labels (`losses.py`), `matching.py`, `minibatch.py`,
`historical.py`, `virtual.py`, and the noise in `augment.py`. Here stands which recipe each one wraps, and what it is
not for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wdist.errors import InputError
from wdist.gan.augment import InstanceNoise
from wdist.gan.historical import HistoricalAveraging
from wdist.gan.losses import Loss, Minimax, NonSaturating
from wdist.gan.matching import FeatureMatching
from wdist.gan.minibatch import MinibatchDiscrimination

if TYPE_CHECKING:
    from wdist.gan.config import TrainConfig

__all__ = ["STABILISERS", "stabilised", "whole_batches"]

Fields = dict[str, Any]
SMOOTH = 0.9
"""Label of real points (Salimans et al. 2016, §3.4)."""


def _label_smoothing(config: TrainConfig) -> Fields:
    return {"loss": _smoothed(_standard(config))}


def _smoothed(loss: Loss) -> Loss:
    if isinstance(loss, FeatureMatching):
        return FeatureMatching(_smoothed(loss.loss))
    assert isinstance(loss, (Minimax, NonSaturating))
    return dataclasses.replace(loss, real=min(loss.real, SMOOTH))


def _feature_matching(config: TrainConfig) -> Fields:
    loss = _standard(config)
    return {"loss": loss if isinstance(loss, FeatureMatching) else FeatureMatching(loss)}


def _minibatch_discrimination(config: TrainConfig) -> Fields:
    _standard(config)
    had = config.critic
    return {"critic": had if isinstance(had, MinibatchDiscrimination) else MinibatchDiscrimination(had)}


def _historical_averaging(config: TrainConfig) -> Fields:
    rules = {name: getattr(config, name) for name in ("generator_optimizer", "critic_optimizer")}
    if None in rules.values():
        raise InputError(
            f"historical averaging wraps an optimiser, and the critic takes that of its {config.constraint}; set "
            "critic_optimizer, or choose another loss"
        )
    return {
        name: rule if isinstance(rule, HistoricalAveraging) else HistoricalAveraging(rule)
        for name, rule in rules.items()
    }


def _virtual_batch_norm(config: TrainConfig) -> Fields:
    recipe: Any = config.generator
    if not hasattr(recipe, "norm"):
        raise InputError(
            f"virtual batch normalisation is a norm of the generator, and {type(recipe).__name__} has no field norm"
        )
    return {"generator": dataclasses.replace(recipe, norm="virtual")}


def _instance_noise(config: TrainConfig) -> Fields:
    noisy = any(isinstance(recipe, InstanceNoise) for recipe in config.augment)
    return {"augment": config.augment if noisy else (*config.augment, InstanceNoise())}


STABILISERS: dict[str, Callable[[TrainConfig], Fields]] = {
    "feature-matching": _feature_matching,
    "minibatch-discrimination": _minibatch_discrimination,
    "historical-averaging": _historical_averaging,
    "label-smoothing": _label_smoothing,
    "virtual-batch-norm": _virtual_batch_norm,
    "instance-noise": _instance_noise,
}
"""Fields of a config that each one changes, by name."""


def stabilised(config: TrainConfig, *names: str) -> TrainConfig:
    """Give a config with stabilisers of the literature, each with its published or default strength.

    Others come by the wraps themselves: `FeatureMatching`, `MinibatchDiscrimination`, `HistoricalAveraging`,
    `NonSaturating(real=)`, `norm="virtual"`, `InstanceNoise`. What is there already stays as it is.

    Args:
        config: What to start from.
        *names: Any of `STABILISERS`; the first two and label smoothing are for standard GANs.

    Raises:
        InputError: for another name, or a config that has nothing for it to wrap.

    Example:
        >>> from wdist.gan import GANConfig
        >>> stabilised(GANConfig(data="ring"), "label-smoothing", "feature-matching").loss
        FeatureMatching(loss=NonSaturating(real=0.9))
    """
    for name in names:
        if name not in STABILISERS:
            raise InputError(f"stabiliser is {name!r}; choose one of {', '.join(STABILISERS)}")
        config = dataclasses.replace(config, **STABILISERS[name](config))
    return config


def whole_batches(critic: Any, loss: Loss) -> str:
    """Why a step must have its whole batch at once, in words; "" if parts of it would do."""
    if isinstance(loss, FeatureMatching):
        return "feature matching goes by means over the whole batch"
    if isinstance(critic, MinibatchDiscrimination):
        return "minibatch discrimination sees each point beside the whole batch"
    return ""


def _standard(config: TrainConfig) -> Loss:
    """The loss, if it is a standard GAN's."""
    loss = config.loss
    inner = loss.loss if isinstance(loss, FeatureMatching) else loss
    if not isinstance(inner, (Minimax, NonSaturating)):
        raise InputError(
            f"this stabiliser is for the discriminator of a standard GAN, and the loss is {inner}; choose gan or "
            "gan-minimax, or leave it out"
        )
    return loss
