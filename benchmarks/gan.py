"""The trainer against the usual loop, on the same mathematics: generator steps a second, and the gradients' difference.

`usual` is the loop of the most-used public collection of GANs, in our words: a DataLoader with items normalised one
by one, the penalty by a second differentiation, fakes that are not detached in the critic's step, torch's own Adam.
Both sides take turns in one process; the median of their turns is compared. On a graphics card the usual loop moves
each batch there, and a turn ends when the card is done.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import wdist
from benchmarks.store import Table
from wdist import gan
from wdist.gan.form import Form

__all__ = ["PAIRS", "gradient_difference", "measure", "table"]

Record = dict[str, Any]

LATENT, BATCH, N_CRITIC, LAM = 100, 64, 5, 10.0
GENERATOR, CRITIC = (128, 256, 512, 1024), (512, 256)
RATES = {"lr": 2e-4, "betas": (0.5, 0.999)}


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images of uint8, (n, H, W) or (n, H, W, C); one at a time, scaled to [−1, 1] when it is read."""

    def __init__(self, stored: wdist.datasets.Images) -> None:
        self.images, self.labels = stored.images, np.unique(stored.labels, return_inverse=True)[1]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, k: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[k])  # as sets of images hand them to their transforms
        array = torch.from_numpy(np.array(picture))
        if array.ndim == 2:
            array = array[:, :, None]
        levels, half = array.permute(2, 0, 1).contiguous().float().div(255), torch.tensor([0.5]).view(1, 1, 1)
        return levels.clone().sub_(half).div_(half), int(self.labels[k])


def stack(sizes: tuple[int, ...], last: nn.Module | None) -> nn.Sequential:
    """Linear layers with leaky ReLU between."""
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        parts += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*parts[:-1], *([] if last is None else [last]))


@dataclass(frozen=True)
class Pair:
    """Two nets of one size and the images they are trained on: plain modules for the usual loop, recipes for ours."""

    data: str
    shape: tuple[int, ...]
    plain: Callable[[], tuple[nn.Module, nn.Module]]
    recipes: dict[str, Any]


def _convolutions() -> tuple[nn.Module, nn.Module]:
    form, rng = Form((32, 32, 3), bounded=True), torch.Generator().manual_seed(0)
    made = gan.DCGANGenerator(latent=LATENT).build(form, rng, torch.float32)
    return made, gan.DCGANCritic().build(form, rng, torch.float32)


PAIRS = {
    "mlp": Pair(
        "mnist", (784,), lambda: (stack((LATENT, *GENERATOR, 784), nn.Tanh()), stack((784, *CRITIC, 1), None)),
        {"generator": gan.MLPGenerator(GENERATOR, LATENT, "leaky_relu"), "critic": wdist.MLP(CRITIC, "leaky_relu")},
    ),
    "dcgan": Pair(
        "flags", (32, 32, 3), _convolutions,
        {"generator": gan.DCGANGenerator(latent=LATENT), "critic": gan.DCGANCritic()},
    ),
}  # fmt: skip


def usual(pair: Pair, device: str) -> Iterator[None]:
    """The usual loop; yields after each step of the generator."""
    generator, critic = (net.to(device) for net in pair.plain())
    fall, climb = (torch.optim.Adam(net.parameters(), **RATES) for net in (generator, critic))  # type: ignore[arg-type]
    stored = wdist.datasets.mnist() if pair.data == "mnist" else wdist.datasets.flags()
    loader = DataLoader(Pictures(stored), batch_size=BATCH, shuffle=True, drop_last=True)
    rng, k = np.random.default_rng(0), 0
    while True:
        for images, _ in loader:
            climb.zero_grad()
            z = torch.from_numpy(rng.normal(size=(len(images), LATENT)).astype(np.float32)).to(device)
            real, fake = images.to(device).permute(0, 2, 3, 1).flatten(1), generator(z)
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
    t = torch.from_numpy(rng.random((len(real), 1)).astype(np.float32)).to(real.device)
    between = (t * real + (1 - t) * fake).detach().requires_grad_(True)
    value = critic(between)
    (slope,) = torch.autograd.grad(
        value, between, torch.ones_like(value), create_graph=True, retain_graph=True, only_inputs=True
    )
    penalty: Tensor = (slope.norm(2, dim=1) - 1).square().mean()
    return penalty


def ours(pair: Pair, device: str) -> Iterator[Any]:
    """Our trainer, on the same nets, batches and rates."""
    rule = gan.Adam(RATES["lr"], RATES["betas"])  # type: ignore[arg-type]
    config = gan.preset(
        "wgan-gp", pair.data, **pair.recipes, batch=BATCH, n_critic=N_CRITIC, generator_optimizer=rule,
        critic_optimizer=rule, held_every=0, penalty_warmup=0, centred=False, device=device,
    )  # fmt: skip
    return gan.Trainer(config, seed=0).steps(10**9)


CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
ABOUT = {
    "mlp": "MLP 784-512-256-1 against 100-128-256-512-1024-784, MNIST",
    "dcgan": "DCGAN of width 32, batch normalisation in the generator, 32 × 32 × 3, flags",
}
SIDES: dict[str, Callable[[Pair, str], Iterator[Any]]] = {"wdist": ours, "usual loop": usual}


def measure(
    into: Table, pairs: list[str], threads: list[int], device: str, steps: int, turns: int,
    tell: Callable[[str], None],
) -> None:  # fmt: skip
    """Fill a table, a record a pair and number of threads; those that are there stay."""
    before = torch.get_num_threads()
    try:
        for pair, count in itertools.product(pairs, threads):
            if (key := f"{pair} | {count}") not in into:
                torch.set_num_threads(count)
                row = {"key": key, "pair": pair, "threads": count, "device": device}
                into.add({**row, **_compare(PAIRS[pair], device, steps, turns)})
                found = into.rows[-1]["times as fast"]
                tell(
                    f"{key}: {found['cpu']:.2f} times the steps a second of CPU, {found['wall']:.2f} of wall time"
                )
    finally:
        torch.set_num_threads(before)


def _compare(pair: Pair, device: str, steps: int, turns: int) -> Record:
    """Take turns of `steps` generator steps; seconds a step of each side by CPU and wall time, and their ratio."""
    load = os.getloadavg()[0]
    torch.manual_seed(0)
    running = {name: side(pair, device) for name, side in SIDES.items()}
    for side in running.values():
        next(side)
    done = torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None
    done()
    spent: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in SIDES} for kind in CLOCKS}
    for _ in range(turns):
        for name, side in running.items():
            began = {kind: clock() for kind, clock in CLOCKS.items()}
            for _ in range(steps):
                next(side)
            done()
            for kind, clock in CLOCKS.items():
                spent[kind][name].append((clock() - began[kind]) / steps)
    middle = {kind: {name: median(t) for name, t in times.items()} for kind, times in spent.items()}
    ratios = {kind: found["usual loop"] / found["wdist"] for kind, found in middle.items()}
    return {
        "seconds a step": middle, "times as fast": ratios, "turns": turns,
        "gradient difference": gradient_difference(pair), "load": load,
    }  # fmt: skip


def table(rows: list[Record]) -> str:
    """A line a pair of nets and number of threads."""
    head = ["nets", "threads", "wdist, CPU a step", "usual loop", "times as fast, CPU", "by wall time"]
    head += ["gradients differ by", "load"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cpu = row["seconds a step"]["cpu"]
        line = [
            ABOUT[row["pair"]], str(row["threads"]), *(f"{1000 * cpu[name]:.0f} ms" for name in SIDES),
            *(f"{row['times as fast'][kind]:.2f}" for kind in CLOCKS), f"{row['gradient difference']:.0e}",
            f"{row['load']:.1f}",
        ]  # fmt: skip
        out.append("| " + " | ".join(line) + " |")
    return "\n".join(out) + "\n"


def gradient_difference(pair: Pair) -> float:
    """Largest difference between the critic's gradients by both sides, relative to the largest gradient."""
    rng = torch.Generator().manual_seed(0)
    recipe, d = pair.recipes["critic"], math.prod(pair.shape)
    some = torch.zeros(1, d)
    dressed = isinstance(recipe, gan.DCGANCritic)
    net = recipe.build(Form(pair.shape), rng, some.dtype) if dressed else recipe.build(some, some, rng)
    x, y = (torch.rand(BATCH, d, generator=rng) * 2 - 1 for _ in range(2))
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
