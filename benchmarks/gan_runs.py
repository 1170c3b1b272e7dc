"""Training runs to judge evaluations by: small generators by several losses, good, bad and collapsing.

The loop is the shortest that is correct: n_critic steps of a critic, one of the generator. It is a subject of the
measurements here, not the trainer of `wdist.gan`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import wdist
from wdist.critic.step import CriticStep

LATENT, BATCH, N_CRITIC = 32, 64, 5


@dataclass(frozen=True, eq=False)
class Generator:
    """A network pushed through Gaussian noise."""

    net: nn.Module
    dim: int

    @torch.no_grad()
    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        return self.net(torch.randn(n, LATENT, generator=rng))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Recipe:
    """A loss with its settings; "clip" and "penalty" are WGANs, the other two standard GANs."""

    loss: str
    lr: float
    n_critic: int = N_CRITIC
    lam: float = 10.0
    c: float = 0.01
    width: int = 100

    @property
    def wasserstein(self) -> bool:
        return self.loss in ("clip", "penalty")


@dataclass(frozen=True)
class Checkpoint:
    """A generator on its way, and what the training itself logged: the critic's value, raw and corrected."""

    step: int
    generator: Generator
    raw: float
    corrected: float


def run(recipe: Recipe, real: Tensor, steps: int, every: int, seed: int) -> Iterator[Checkpoint]:
    """Train on images real (n, d), levels in [0, 1]; a checkpoint every so many generator steps."""
    rng, d = torch.Generator().manual_seed(seed), real.shape[1]
    body = [
        _linear(LATENT, recipe.width, rng),
        nn.ReLU(),
        _linear(recipe.width, recipe.width, rng),
        nn.ReLU(),
    ]
    net = nn.Sequential(*body, _linear(recipe.width, d, rng), nn.Sigmoid())
    critic = wdist.MLP((recipe.width, recipe.width)).build(real[:2], real[:2], rng)
    generator = Generator(net, d)
    constraint = wdist.Clip(recipe.c) if recipe.loss == "clip" else wdist.GradientPenalty(recipe.lam)
    rms = recipe.loss == "clip"
    betas = (0.5, 0.9) if recipe.wasserstein else (0.5, 0.999)
    optimizers = [
        torch.optim.RMSprop(part.parameters(), recipe.lr)
        if rms
        else torch.optim.Adam(part.parameters(), recipe.lr, betas)
        for part in (critic, net)
    ]
    step = CriticStep(critic, constraint, optimizers[0])
    seen: list[float] = []
    for k in range(1, steps + 1):
        for _ in range(recipe.n_critic):
            x = real[torch.randint(len(real), (BATCH,), generator=rng)]
            y = generator.draw(BATCH, rng)
            if recipe.wasserstein:
                seen.append(float(step(x, y, rng)))
            else:
                seen.append(_discriminate(critic, optimizers[0], x, y))
        score = critic(net(torch.randn(BATCH, LATENT, generator=rng)))  # (n,)
        if recipe.wasserstein:
            loss = -score.mean()
        else:
            loss = softplus(-score).mean() if recipe.loss == "non-saturating" else -softplus(score).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        if k % every == 0:
            raw = sum(seen) / len(seen)
            yield Checkpoint(k, generator, raw, constraint.reading(raw) if recipe.wasserstein else raw)
            seen.clear()


def _discriminate(critic: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """One step of the discriminator (Goodfellow et al. 2014, Algorithm 1); its estimate of log 4 − loss, twice JS."""
    loss = softplus(-critic(x)).mean() + softplus(critic(y)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return math.log(4) - float(loss.detach())


def _linear(fan_in: int, fan_out: int, rng: torch.Generator) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=rng)
    return layer
