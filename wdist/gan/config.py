"""What a training run is made of: two frozen configs, and the presets that fill them.

`WGANConfig` and `GANConfig` share all fields but those of the game itself. `preset` gives each game as it was
published and as it was measured to work for small nets in minutes on a CPU; a config of one's own starts from one
with `dataclasses.replace`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, ClassVar

import torch
from torch import nn

from wdist.critic.constraint import Constraint
from wdist.critic.constraints import Clip, GradientPenalty, Orthonormal, Spectral
from wdist.critic.nets import MLP, Net
from wdist.errors import InputError
from wdist.gan.augment import Augmentation
from wdist.gan.critics import ImageCritic
from wdist.gan.judging import Evaluate
from wdist.gan.losses import Free, Loss, Minimax, NonSaturating, Wasserstein
from wdist.gan.minibatch import MinibatchDiscrimination
from wdist.gan.networks import GeneratorNet, MLPGenerator
from wdist.gan.optimizers import SCHEDULES, Adam, OptimizerRule, RMSprop
from wdist.gan.sets import Data
from wdist.gan.toys import TOYS
from wdist.options import check_whole

__all__ = ["PRESETS", "GANConfig", "TrainConfig", "WGANConfig", "preset"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}
GENERATOR = (
    "gan.MLPGenerator((100, 100)), or wrap yours in a gan.GeneratorNet whose build(form, rng, dtype) makes it"
)
CRITIC = "wdist.MLP((100, 100)), or wrap yours in a wdist.critic.nets.Net whose build(x, y, rng) makes it"
"""What to pass for a network."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What both games share.

    Attributes:
        data: A `Data` recipe, a bundled set's name, or anything that `opened` takes.
        generator: Recipe of the generator.
        critic: Recipe of the critic.
        constraint: What holds the critic's slope: any of `wdist.critic`, or `Free()`.
        conditional: Whether to train by class: of data with labels, on which both nets are then told the class of each
            point, the critic as further coordinates (see `wdist.gan.conditional`).
        augment: What real and generated points alike go through before the critic sees them, in this order.
        centred: Whether the critic sees points less the mean of the real ones, which changes no distance. A clipped
            critic is blind without, since the background of images, −1 throughout, drowns what differs; others learn
            more quickly with it. A standard GAN's discriminator wins by more, and its generator learns less.
        batch: Points of each side a step.
        n_critic: Critic steps for one of the generator.
        critic_warmup: Critic steps before the first of the generator.
        penalty_warmup: Critic steps over which the price of slopes below one rises to the full; asked at once, it may
            hold the critic the wrong way round (see `GradientPenalty.penalty`).
        generator_optimizer: Recipe.
        critic_optimizer: Recipe; None for the constraint's own.
        schedule: How both rates go over `steps`: one of `SCHEDULES`.
        steps: Generator steps of the whole run, for the schedule.
        ema: Weight of the past in the moving average of the generator's weights, which is then drawn from; 0 for none.
        held_every: Generator steps from one look of the critic at held-out points to the next; 0 for none.
        evaluate: How often the generator is judged by points that training never saw, and what may end the run.
        workers: Processes that read a set on disk ahead of the training: a memory map, a torch `Dataset`, a folder left
            on disk. 0 for none: the process that trains reads when it needs a batch. The batches are the same.
        accumulate: Pieces in which a batch goes through the nets, one after another and their gradients added, where
            memory is short; the step is that of the whole batch.
        autocast: Whether the critic's values are computed in bfloat16, which a GPU does several times as fast; weights,
            means and the penalty stay in float32.
        dtype: "float32" or "float64".
        device: Where to train.
    """

    data: Any
    generator: GeneratorNet = MLPGenerator()
    critic: Net | ImageCritic | MinibatchDiscrimination = MLP((100, 100))
    constraint: Constraint = GradientPenalty()
    conditional: bool = False
    augment: tuple[Augmentation, ...] = ()
    centred: bool = False
    batch: int = 64
    n_critic: int = 5
    critic_warmup: int = 0
    penalty_warmup: int = 0
    generator_optimizer: OptimizerRule = Adam()
    critic_optimizer: OptimizerRule | None = Adam()
    schedule: str = "constant"
    steps: int = 2000
    ema: float = 0.0
    held_every: int = 50
    evaluate: Evaluate | None = None
    workers: int = 0
    accumulate: int = 1
    autocast: bool = False
    dtype: str = "float32"
    device: str = "cpu"

    loss: ClassVar[Loss]

    def __post_init__(self) -> None:
        _check_recipe("generator", self.generator, GENERATOR)
        inner = self.critic.net if isinstance(self.critic, MinibatchDiscrimination) else self.critic
        _check_recipe("critic", inner, CRITIC)
        if not isinstance(self.constraint, Constraint):
            raise InputError(
                f"constraint is {self.constraint!r}; pass one such as wdist.GradientPenalty(10.0), or gan.Free()"
            )
        for name in ("batch", "n_critic", "steps", "accumulate"):
            check_whole(name, getattr(self, name))
        for name in ("critic_warmup", "penalty_warmup", "held_every", "workers"):
            check_whole(name, getattr(self, name), 0)
        if not 0 <= self.ema < 1:
            raise InputError(f"ema is {self.ema!r}; pass 0 for none, or a weight of the past such as 0.999")
        for name, known in (("schedule", SCHEDULES), ("dtype", DTYPES)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(known)}")
        if self.autocast and self.dtype != "float32":
            raise InputError(
                f"autocast is from float32 to bfloat16, and dtype is {self.dtype}; drop one of them"
            )
        augment = self.augment if isinstance(self.augment, (tuple, list)) else (self.augment,)
        object.__setattr__(self, "augment", tuple(augment))
        if wrong := [recipe for recipe in self.augment if not isinstance(recipe, Augmentation)]:
            raise InputError(f"augment holds {wrong[0]!r}; pass recipes, such as (gan.Flip(), gan.Shift())")
        if isinstance(self.critic, MinibatchDiscrimination) and self.batch < 2:
            raise InputError(
                "minibatch discrimination sees each point beside others, and batch is 1; pass at least 2"
            )
        if isinstance(self.critic, MinibatchDiscrimination) and not isinstance(self.constraint, Free):
            raise InputError(
                f"under minibatch discrimination f(x) depends on the whole batch, so {self.constraint} holds no slope; "
                "it goes with a standard GAN's Free() alone"
            )

    @property
    def quantity(self) -> str:
        """What the critic's reading is, in words."""
        return self.loss.quantity(self.constraint)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype itself."""
        return DTYPES[self.dtype]


def _check_recipe(name: str, given: Any, remedy: str) -> None:
    """Refuse what builds no network: one that is built, or the class of a recipe."""
    if isinstance(given, (nn.Module, type)) or not callable(getattr(given, "build", None)):
        is_what = ", a network that is built," if isinstance(given, nn.Module) else ""
        came = shorten(repr(given), 60)
        raise InputError(
            f"{name} is {came}{is_what} and no recipe; pass one such as {remedy} (docs/extending.md, An architecture)"
        )


@dataclass(frozen=True, kw_only=True)
class WGANConfig(TrainConfig):
    """A Wasserstein GAN; without options, the gradient penalty as published (Gulrajani et al. 2017, Algorithm 1)."""

    loss = Wasserstein()


@dataclass(frozen=True, kw_only=True)
class GANConfig(TrainConfig):
    """A standard GAN (Goodfellow et al. 2014), its discriminator free unless a constraint is put on it.

    Attributes:
        loss: `NonSaturating()` or `Minimax()`.
    """

    loss: Loss = NonSaturating()  # type: ignore[misc]
    constraint: Constraint = Free()
    n_critic: int = 1
    generator_optimizer: OptimizerRule = Adam(2e-4, (0.5, 0.999))
    critic_optimizer: OptimizerRule | None = Adam(2e-4, (0.5, 0.999))


def _fast(lr: float) -> dict[str, Any]:
    return {"generator_optimizer": Adam(lr, (0.5, 0.9)), "critic_optimizer": Adam(lr, (0.5, 0.9))}


def _clip(lr: float) -> dict[str, Any]:
    return {"generator_optimizer": RMSprop(lr), "critic_optimizer": RMSprop(lr)}


def _in_pieces() -> dict[str, Any]:
    """What makes laws of several narrow pieces, as the toys are, in a minute (`benchmarks/toys.py`).

    The generator is slower than the critic (two time scales, Heusel et al. 2017): as fast, it leaves modes empty.
    """
    return {
        "generator": MLPGenerator((128,) * 3, latent=3, codes=128), "critic": MLP((128,) * 3), "batch": 128,
        "generator_optimizer": Adam(3e-4, (0.5, 0.9)), "schedule": "cosine", "steps": 4000, "ema": 0.999,
    }  # fmt: skip


PRESETS: dict[str, Callable[[bool, bool], TrainConfig]] = {
    "wgan": lambda toy, published: WGANConfig(
        data=None,
        constraint=Clip(0.1 if toy and not published else 0.01),
        centred=not published,
        **_clip(5e-5 if published else 5e-4),
    ),
    "wgan-gp": lambda toy, published: WGANConfig(
        data=None,
        constraint=GradientPenalty(0.1 if toy and not published else 10.0),
        centred=not (toy or published),
        **({} if published else {**_fast(1e-3), "penalty_warmup": 250, **(_in_pieces() if toy else {})}),
    ),
    "wgan-lp": lambda toy, published: WGANConfig(
        data=None, constraint=GradientPenalty(10.0, two_sided=False), centred=not published,
        **({} if published else _fast(1e-3)),
    ),
    "wgan-orthonormal": lambda toy, published: WGANConfig(
        data=None, critic=MLP((100, 100), "abs"), constraint=Orthonormal(), centred=not published,
        generator_optimizer=Adam(1e-3, (0.5, 0.9)), critic_optimizer=None,
    ),
    "wgan-spectral": lambda toy, published: WGANConfig(
        data=None, constraint=Spectral(), centred=not published, **_fast(1e-3)
    ),
    "gan": lambda toy, published: GANConfig(
        data=None, **({} if published else {**_fast(1e-3), "n_critic": 1})
    ),
    "gan-minimax": lambda toy, published: GANConfig(data=None, loss=Minimax()),
}  # fmt: skip
"""Games by name; each takes whether the data are a toy in the plane, and whether to be as published."""


def preset(loss: str, data: Any, published: bool = False, **changes: Any) -> TrainConfig:
    """Give a config by the name of its game.

    Args:
        loss: One of `PRESETS`.
        data: What `TrainConfig.data` takes.
        published: As the paper has it; else with the rates measured for small nets, which learn ten times as fast.
        **changes: Fields to be set otherwise.

    Raises:
        InputError: for another name or field.

    Example:
        >>> preset("wgan", "mnist", published=True).constraint, preset("wgan", "mnist").critic_optimizer
        (Clip(c=0.01), RMSprop(lr=0.0005))
    """
    if loss not in PRESETS:
        raise InputError(f"loss is {loss!r}; choose one of {', '.join(PRESETS)}")
    name = data.name if isinstance(data, Data) else data
    config = PRESETS[loss](isinstance(name, str) and name in TOYS, published)
    if unknown := set(changes) - {f.name for f in dataclasses.fields(config)}:
        raise InputError(f"{type(config).__name__} has no field {', '.join(sorted(unknown))}")
    return dataclasses.replace(config, data=data, **changes)
