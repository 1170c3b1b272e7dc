"""What a trainer starts from: the data and their units, both networks, their optimisers, the streams of random numbers.

All of it comes of the config and one seed, in a fixed order: whatever is spawned later comes after what is there, so
that a run keeps its numbers when the trainer learns something new. What does not fit together is refused here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Optimizer
from wdist.critic.step import CriticStep
from wdist.errors import InputError
from wdist.gan.augment import Augmenter
from wdist.gan.conditional import class_shares, joint, latent
from wdist.gan.config import TrainConfig
from wdist.gan.critics import ImageCritic, PatchCritic
from wdist.gan.data import Feed, Rows, Scale, feed, mean_of, scale_of
from wdist.gan.form import Form
from wdist.gan.layers import batch_normed
from wdist.gan.losses import Loss
from wdist.gan.minibatch import MinibatchDiscrimination
from wdist.gan.precision import Coarse
from wdist.gan.sets import opened
from wdist.gan.splitting import Parts
from wdist.gan.stabilisers import whole_batches
from wdist.measures import as_device
from wdist.ranks import Ranks
from wdist.result import Bound
from wdist.rng import Rng
from wdist.sources import Source

__all__ = ["Built", "built"]

SHOWN = 256
"""Points that a critic's recipe is shown."""


@dataclass(frozen=True, eq=False)
class Built:
    """What a trainer trains, and with what.

    Attributes:
        parts: Training and held-out data.
        form: What the generator makes.
        classes: What its classes are called, and the share of each; both () where nothing is conditional.
        scale: Between the data's unit and that of the nets.
        real: Training batches.
        held: Held-out batches.
        noise: Random numbers for latents.
        penalty: Random numbers for the critic's penalty.
        unseen: Random numbers for latents beside held-out points.
        moves: Random numbers for augmentation.
        augment: What both sides go through before the critic sees them.
        net: The generator.
        critic: The critic with its step.
        descent: The generator's optimiser.
        loss: The game as it is trained, in bfloat16 perhaps.
    """

    parts: Parts
    form: Form
    classes: tuple[tuple[str, ...], tuple[float, ...]]
    scale: Scale
    real: Feed
    held: Feed
    noise: torch.Generator
    penalty: torch.Generator
    unseen: torch.Generator
    moves: torch.Generator
    augment: Augmenter
    net: nn.Module
    critic: CriticStep
    descent: Optimizer
    loss: Loss


def built(config: TrainConfig, rng: Rng, ranks: Ranks) -> Built:
    """Build all that a config describes.

    Raises:
        InputError: if its parts do not fit together, or do not fit several processes, or there is no such device.
    """
    if config.batch % ranks.size:
        raise InputError(
            f"batch is {config.batch} for {ranks.size} processes; pass a multiple of their number"
        )
    if config.accumulate > config.batch // ranks.size:
        raise InputError(
            f"accumulate is {config.accumulate} for {config.batch // ranks.size} points a process; pass at most that"
        )
    as_device(config.device, config.torch_dtype)  # refuses one that is not there
    parts, dtype = opened(config.data, labelled=config.conditional), config.torch_dtype
    scale = scale_of(parts.train).to(config.device, dtype)
    shape = parts.train.shape if isinstance(parts.train, Rows) else (parts.train.dim,)
    shares = class_shares(parts.train) if config.conditional else ()
    names = parts.train.names if isinstance(parts.train, Rows) and shares else ()
    form = Form(shape, isinstance(parts.train, Rows) and parts.train.images, len(names))
    real = feed(parts.train, scale, rng.spawn(), config.device, dtype, config.workers, ranks)
    held = feed(parts.held, scale, rng.spawn(), config.device, dtype)
    noise, penalty, unseen = (rng.spawn().torch(config.device) for _ in range(3))
    weights = rng.spawn().torch()
    net = config.generator.build(form, weights, dtype).to(config.device)
    _check_form(config, net, form)
    centre = scale.standard(mean_of(parts.train).to(config.device, dtype)) if config.centred else None
    shown = _shown(config, parts.train, scale, form, centre, net, weights)
    critic = _held(config, _critic(config.critic, form, shown, weights).to(config.device))
    _check_parts(config, ranks, net, critic)
    rule = config.critic_optimizer
    ascent = config.constraint.optimizer(critic, None) if rule is None else rule.build(critic.parameters())
    loss = Coarse(config.loss) if config.autocast else config.loss
    step = CriticStep(critic, config.constraint, ascent, ranks, loss.objective)
    descent = config.generator_optimizer.build(net.parameters())
    moves = rng.spawn().torch(config.device)
    augment = Augmenter(config.augment, form, centre)
    return Built(
        parts, form, (names, shares), scale, real, held, noise, penalty, unseen, moves, augment, net, step, descent,
        loss,
    )  # fmt: skip


def _critic(recipe: Any, form: Form, shown: tuple[Tensor, Tensor], rng: torch.Generator) -> nn.Module:
    """Build a critic by what its recipe asks for: the form, points, or a critic that is built."""
    if isinstance(recipe, MinibatchDiscrimination):
        return recipe.around(_critic(recipe.net, form, shown, rng), shown[0], rng)
    if isinstance(recipe, ImageCritic):
        return recipe.build(form, rng, shown[0].dtype)
    net: nn.Module = recipe.build(*shown, rng)
    return net


def _held(config: TrainConfig, critic: nn.Module) -> nn.Module:
    """The critic under its constraint; where a certified one cannot hold a critic of images, say which it can."""
    try:
        return config.constraint.prepare(critic)
    except InputError as error:
        images = isinstance(config.critic, ImageCritic) and not isinstance(config.critic, PatchCritic)
        if not (images and config.constraint.bound is Bound.LOWER):
            raise
        raise InputError(
            f"{type(config.critic).__name__} cannot be certified: {error}; of the critics of images gan.PatchCritic() "
            "can, --critic patches on the command line"
        ) from None


def _shown(
    config: TrainConfig, train: Rows | Source, scale: Scale, form: Form, centre: Tensor | None, net: nn.Module,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Points of both sides as the critic sees them, for its recipe; the feeds stay where they are."""
    z = torch.randn(SHOWN, config.generator.latent, generator=rng, dtype=config.torch_dtype)
    x, classes = train.labelled(SHOWN, rng) if isinstance(train, Rows) else (train.draw(SHOWN, rng), None)
    with torch.no_grad():
        y = net(latent(z, classes, form).to(config.device))
    centred = (side if centre is None else side - centre for side in (scale.standard(x.to(y)), y))
    x, y = (joint(side.to(rng.device), classes, form) for side in centred)
    return x, y


def _check_parts(config: TrainConfig, ranks: Ranks, net: nn.Module, critic: nn.Module) -> None:
    """Refuse what needs a whole batch at once where that goes through the nets in parts."""
    parts = [f"{ranks.size} processes have shares"] * (ranks.size > 1)
    parts += [f"accumulate={config.accumulate} has pieces"] * (config.accumulate > 1)
    if not parts:
        return
    where = " and ".join(parts)
    if batch_normed(net) or batch_normed(critic):
        raise InputError(
            f"batch normalisation goes by the whole batch, and {where}; pass norm='none' or 'virtual' to the net's "
            "recipe, or, at the command line, --generator mlp or --stabiliser virtual-batch-norm"
        )
    if reason := whole_batches(config.critic, config.loss):
        raise InputError(f"{reason}, and {where}; train in one process on whole batches, or leave it out")


def _check_form(config: TrainConfig, net: nn.Module, form: Form) -> None:
    """Refuse a generator whose output does not fit the data."""
    z = torch.zeros(2, config.generator.latent + form.classes, dtype=config.torch_dtype, device=config.device)
    shape = tuple(copy.deepcopy(net).eval()(z).shape)
    if shape != (2, form.dim):
        raise InputError(
            f"the generator makes points of shape {shape[1:]}, and the data are {form.shape}, flattened to "
            f"({form.dim},); let its recipe build for the form that it is given"
        )
