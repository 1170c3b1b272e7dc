"""A step of a critic beside the same step as one would write it: CPU time, or on a card the time until it is idle.

Both sides take turns in one process on the same network, batches and optimiser; medians over the turns. The first rows
hold the closed form of ∇f in a gradient penalty against differentiating twice, then the whole step against a plain one,
then the gradient of cones and flats, as cold as they are in the middle of a fit, against autograd's.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import wdist
from benchmarks.store import Table
from wdist.critic.fit import COLD, HOT
from wdist.critic.gradient import added, descend, dual_value
from wdist.critic.nets import Net
from wdist.critic.step import CriticStep

__all__ = ["device_name", "measure", "table"]

Record = dict[str, Any]
Step = Callable[[Tensor, Tensor], object]
Side = Callable[[nn.Module, torch.Generator], Step]
WIDTHS, DIMS, BATCHES = ((100, 100), (200, 200), (512, 512, 512)), (2, 128), (256,)
PEAKS = (wdist.Cones(16), wdist.Cones(16, ranks=(0.5, 0.25, 1)), wdist.Cones(1024), wdist.Flats())
PEAK_DIMS, PLACED = (2, 16, 128), 4096
PENALTY, CERTIFIED = wdist.GradientPenalty(10.0), wdist.Orthonormal()


@dataclass(frozen=True)
class Work:
    """One network and batch."""

    net: Net
    dim: int
    batch: int

    def __str__(self) -> str:
        mlp = isinstance(self.net, wdist.MLP)
        name = f"{' × '.join(map(str, self.net.widths))} ReLU" if mlp else repr(self.net)
        return f"{name}, d = {self.dim}, batch {self.batch}"


def plain(net: nn.Module, batch_rng: torch.Generator) -> Step:
    """Gulrajani et al. 2017, Algorithm 1, as it is usually written: two passes, and a gradient of a gradient."""
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.9))

    def step(x: Tensor, y: Tensor) -> None:
        t = torch.rand(len(x), 1, generator=batch_rng, device=x.device)
        z = (t * x + (1 - t) * y).requires_grad_(True)
        (slope,) = torch.autograd.grad(net(z).sum(), z, create_graph=True)
        loss = net(y).mean() - net(x).mean() + 10 * (slope.norm(dim=1) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def ours(net: nn.Module, rng: torch.Generator) -> Step:
    """The step that `wdist.Critic(wdist.GradientPenalty(10))` takes."""
    step = CriticStep(net, PENALTY, PENALTY.optimizer(net, None))
    return lambda x, y: step(x, y, rng)


class _Opaque(nn.Module):
    """The same network, but not known to be piecewise linear, so that its gradient is differentiated twice."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]


def twice(net: nn.Module, rng: torch.Generator) -> Step:
    """Our step, with the gradient differentiated twice."""
    return ours(_Opaque(net), rng)


def written_out(net: nn.Module, rng: torch.Generator) -> Step:
    """The gradient of a certified critic, as its step takes it."""
    return _gradient(net, rng, descend)


def autograd(net: nn.Module, rng: torch.Generator) -> Step:
    """The same by autograd."""
    return _gradient(net, rng, added)


def _gradient(net: nn.Module, rng: torch.Generator, take: Callable[..., Tensor]) -> Step:
    net.train()
    net.get_buffer("temperature").fill_(math.sqrt(HOT * COLD))

    def step(x: Tensor, y: Tensor) -> Tensor:
        net.zero_grad()
        return take(net, CERTIFIED, dual_value, x, y, rng, 1.0)

    return step


PENALISED = [Work(wdist.MLP(w), d, b) for w in WIDTHS for d in DIMS for b in BATCHES]
COMPARISONS: dict[str, tuple[Side, Side, list[Work]]] = {
    "closed form against differentiating twice": (ours, twice, PENALISED),
    "our step against a plain loop": (ours, plain, PENALISED),
    "gradient written out against autograd": (
        written_out, autograd, [Work(net, d, b) for net in PEAKS for d in PEAK_DIMS for b in BATCHES],
    ),
}  # fmt: skip


def measure(into: Table, device: str, quick: bool, tell: Callable[[str], None]) -> None:
    """Fill a table, a record a comparison, network and batch."""
    repeats, steps = (3, 5) if quick else (9, 50)
    for name, (*sides, works) in COMPARISONS.items():
        for work in works[:1] if quick else works:
            key = f"{name} | {work} | {device}"
            if key not in into:
                into.add({"key": key, **_record(name, sides, work, device, repeats, steps)})
                tell(f"{key}: {into.rows[-1]['ratio']:.2f} times as fast")


def _record(name: str, makers: list[Side], work: Work, device: str, repeats: int, steps: int) -> Record:
    load, rng = os.getloadavg()[0], torch.Generator(device).manual_seed(0)
    x, y = (torch.randn(PLACED, work.dim, generator=rng, device=device) + shift for shift in (1, 0))
    net = work.net.build(x, y, rng)
    x, y = x[: work.batch], y[: work.batch]
    sides = [make(copy.deepcopy(net), rng) for make in makers]
    spent: list[list[float]] = [[], []]
    for turn in range(repeats + 1):  # the first is to warm up
        for side, seconds in zip(sides, spent, strict=True):
            start = _clock(device)
            for _ in range(steps):
                side(x, y)
            took = (_clock(device) - start) / steps
            if turn:
                seconds.append(took)
    a, b = map(median, spent)
    return {
        "comparison": name, "work": str(work), "device": device_name(device), "ours": a, "theirs": b, "ratio": b / a,
        "turns": repeats, "steps": steps, "load": load,
    }  # fmt: skip


def _clock(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def device_name(device: str) -> str:
    """What a device is called in a table."""
    return "CPU" if device == "cpu" else torch.cuda.get_device_name(device)


def table(rows: list[Record]) -> str:
    """A line a comparison, network and batch."""
    out = [
        "| what | network | on | ours, ms a step | the other | times as fast |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["comparison"], row["work"], row["device"]]
        cells += [f"{1e3 * row['ours']:.3g}", f"{1e3 * row['theirs']:.3g}", f"{row['ratio']:.2f}"]
        out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"
