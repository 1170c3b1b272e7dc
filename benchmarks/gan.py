"""The trainer against the usual loop, on the same mathematics: generator steps a second, and the gradients' difference.

`usual` is the loop of the most-used public collection of GANs, in our words: a DataLoader with items normalised one
by one, the penalty by a second differentiation, fakes that are not detached in the critic's step, torch's own Adam.
Both sides take turns in one process; the median of their turns is compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import wdist
from wdist import gan

__all__ = ["compare", "gradient_difference"]

LATENT, BATCH, N_CRITIC, LAM = 100, 64, 5, 10.0
GENERATOR, CRITIC = (128, 256, 512, 1024), (512, 256)
RATES = {"lr": 2e-4, "betas": (0.5, 0.999)}


class Pictures(Dataset[tuple[Tensor, int]]):
    """MNIST, an image at a time, scaled to [−1, 1] when it is read."""

    def __init__(self) -> None:
        stored = wdist.datasets.mnist()
        self.images, self.labels = stored.images, stored.labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, k: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[k])  # as sets of images hand them to their transforms
        array = torch.from_numpy(np.array(picture)).view(28, 28, 1)
        levels, half = array.permute(2, 0, 1).contiguous().float().div(255), torch.tensor([0.5]).view(1, 1, 1)
        return levels.clone().sub_(half).div_(half), int(self.labels[k])


def stack(sizes: tuple[int, ...], last: nn.Module | None) -> nn.Sequential:
    """Linear layers with leaky ReLU between."""
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        parts += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*parts[:-1], *([] if last is None else [last]))


def usual() -> Iterator[None]:
    """The usual loop; yields after each step of the generator."""
    generator, critic = stack((LATENT, *GENERATOR, 784), nn.Tanh()), stack((784, *CRITIC, 1), None)
    fall, climb = (torch.optim.Adam(net.parameters(), **RATES) for net in (generator, critic))  # type: ignore[arg-type]
    loader = DataLoader(Pictures(), batch_size=BATCH, shuffle=True, drop_last=True)
    rng, k = np.random.default_rng(0), 0
    while True:
        for images, _ in loader:
            climb.zero_grad()
            z = torch.from_numpy(rng.normal(size=(len(images), LATENT)).astype(np.float32))
            real, fake = images.flatten(1), generator(z)
            loss = critic(fake).mean() - critic(real).mean() + LAM * usual_penalty(critic, real, fake, rng)
            loss.backward()
            climb.step()
            fall.zero_grad()
            k += 1
            if k % N_CRITIC == 0:
                (-critic(generator(z)).mean()).backward()
                fall.step()
                yield


def usual_penalty(critic: nn.Module, real: Tensor, fake: Tensor, rng: np.random.Generator) -> Tensor:
    """E(|∇f| − 1)², differentiated twice."""
    t = torch.from_numpy(rng.random((len(real), 1)).astype(np.float32))
    between = (t * real + (1 - t) * fake).detach().requires_grad_(True)
    value = critic(between)
    (slope,) = torch.autograd.grad(
        value, between, torch.ones_like(value), create_graph=True, retain_graph=True, only_inputs=True
    )
    penalty: Tensor = (slope.norm(2, dim=1) - 1).square().mean()
    return penalty


def ours() -> Iterator[Any]:
    """Our trainer, on the same nets, batches and rates."""
    rule = gan.Adam(RATES["lr"], RATES["betas"])  # type: ignore[arg-type]
    config = gan.preset(
        "wgan-gp", "mnist",
        generator=gan.MLPGenerator(GENERATOR, LATENT, "leaky_relu"), critic=wdist.MLP(CRITIC, "leaky_relu"),
        batch=BATCH, n_critic=N_CRITIC, generator_optimizer=rule, critic_optimizer=rule, held_every=0, penalty_warmup=0,
    )  # fmt: skip
    return gan.Trainer(config, seed=0).steps(10**9)


SIDES: dict[str, Callable[[], Iterator[Any]]] = {"wdist": ours, "usual loop": usual}


def compare(steps: int = 20, turns: int = 7) -> dict[str, Any]:
    """Take turns of `steps` generator steps; seconds a step of each side by CPU and wall time, and their ratio."""
    torch.manual_seed(0)
    running = {name: side() for name, side in SIDES.items()}
    for side in running.values():
        next(side)
    cpu: dict[str, list[float]] = {name: [] for name in SIDES}
    wall: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(turns):
        for name, side in running.items():
            w, c = time.perf_counter(), time.process_time()
            for _ in range(steps):
                next(side)
            cpu[name].append((time.process_time() - c) / steps)
            wall[name].append((time.perf_counter() - w) / steps)
    middle = {
        kind: {n: statistics.median(t) for n, t in times.items()}
        for kind, times in (("cpu", cpu), ("wall", wall))
    }
    return {
        "threads": torch.get_num_threads(),
        "seconds a step": middle,
        "times as fast": {kind: found["usual loop"] / found["wdist"] for kind, found in middle.items()},
        "gradient difference": gradient_difference(),
    }


def gradient_difference() -> float:
    """Largest difference between the critic's gradients by both sides, relative to the largest gradient."""
    rng = torch.Generator().manual_seed(0)
    net = wdist.MLP(CRITIC, "leaky_relu").build(torch.zeros(1, 784), torch.zeros(1, 784), rng)
    x, y = (torch.rand(BATCH, 784, generator=rng) * 2 - 1 for _ in range(2))
    state = rng.get_state()
    parameters = list(net.parameters())
    step = wdist.critic.step.CriticStep(net, wdist.GradientPenalty(LAM), _Nothing())
    step(x, y, rng)
    mine = [p.grad.clone() for p in parameters if p.grad is not None]
    rng.set_state(state)
    t = torch.rand(BATCH, 1, generator=rng)
    between = torch.lerp(y, x, t).requires_grad_(True)
    (slope,) = torch.autograd.grad(net(between).sum(), between, create_graph=True)
    loss = net(y).mean() - net(x).mean() + LAM * (slope.norm(2, dim=1) - 1).square().mean()
    theirs = torch.autograd.grad(loss, parameters, allow_unused=True)
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if b is not None]
    top = max(float(b.abs().max()) for _, b in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs) / top


class _Nothing:
    """An optimiser that leaves gradients and weights as they are."""

    param_groups: list[dict[str, Any]] = []  # noqa: RUF012

    def zero_grad(self, set_to_none: bool = True) -> None:
        pass

    def step(self) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, saved: dict[str, Any], /) -> None:
        pass
