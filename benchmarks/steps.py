"""A step of a critic beside the same step as one would write it: CPU time, or on a card the time until it is idle.

Both sides take turns in one process on the same network, batches and optimiser; medians over the turns. The first rows
hold the closed form of ∇f in a gradient penalty against differentiating twice, the others the whole step against a
plain one.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import wdist
from benchmarks.store import Table
from wdist.critic.step import CriticStep

__all__ = ["device_name", "measure", "table"]

Record = dict[str, Any]
Step = Callable[[Tensor, Tensor], object]
WIDTHS, DIMS, BATCHES = ((100, 100), (200, 200), (512, 512, 512)), (2, 128), (256,)
PENALTY = wdist.GradientPenalty(10.0)


@dataclass(frozen=True)
class Work:
    """One network and batch."""

    widths: tuple[int, ...]
    dim: int
    batch: int

    def __str__(self) -> str:
        return f"{' × '.join(map(str, self.widths))} ReLU, d = {self.dim}, batch {self.batch}"


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


PEERS = {"closed form against differentiating twice": twice, "our step against a plain loop": plain}


def works(quick: bool) -> Iterator[Work]:
    found = [Work(w, d, b) for w in WIDTHS for d in DIMS for b in BATCHES]
    yield from found[:1] if quick else found


def measure(into: Table, device: str, quick: bool, tell: Callable[[str], None]) -> None:
    """Fill a table, a record a comparison, network and batch."""
    repeats, steps = (3, 5) if quick else (9, 50)
    for name, peer in PEERS.items():
        for work in works(quick):
            key = f"{name} | {work} | {device}"
            if key not in into:
                into.add({"key": key, **_record(name, peer, work, device, repeats, steps)})
                tell(f"{key}: {into.rows[-1]['ratio']:.2f} times as fast")


def _record(
    name: str, peer: Callable[..., Step], work: Work, device: str, repeats: int, steps: int
) -> Record:
    load, rng = os.getloadavg()[0], torch.Generator(device).manual_seed(0)
    x, y = (torch.randn(work.batch, work.dim, generator=rng, device=device) + shift for shift in (1, 0))
    net = wdist.MLP(work.widths).build(x, y, rng)
    sides = [make(copy.deepcopy(net), rng) for make in (ours, peer)]
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
