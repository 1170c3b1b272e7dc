"""The trainer's step as it is and through `torch.compile`: processor time a step, and what compiling costs.

Critic's and generator's step are compiled each as a whole, but for the optimisers, whose fused update the compiler does
not take. The trainers have the same seed and take turns in one process. On a GPU `reduce-overhead`, which records CUDA
graphs, is tried too; that part was written without one at hand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from benchmarks.gan import PAIRS
from benchmarks.store import Table
from wdist import gan

__all__ = ["NETS", "measure", "table"]

Record = dict[str, Any]
MODES = {"cpu": ("default",), "cuda": ("default", "reduce-overhead")}
NETS = {
    "MLP 100-100, MNIST (the preset)": gan.preset("wgan-gp", "mnist", penalty_warmup=0, held_every=0),
    **{
        f"{name} pair of the table of speeds": gan.preset(
            "wgan-gp", pair.data, **pair.recipes, penalty_warmup=0, held_every=0
        )
        for name, pair in PAIRS.items()
    },
}
"""Without a warm-up of the penalty, whose changing strength would be compiled anew each time."""


def measure(
    into: Table, nets: list[str], device: str, steps: int, turns: int, tell: Callable[[str], None]
) -> None:
    """Fill a table, a record a pair of nets and mode; those that are there stay."""
    for name in nets:
        for mode in MODES[device.partition(":")[0]]:
            key = f"{name} | {mode} | {device}"
            if key not in into:
                config = replace(NETS[name], device=device)
                row = {"key": key, "nets": name, "mode": mode, "device": device, "turns": turns}
                into.add({**row, **_compared(config, mode, steps, turns)})
                tell(table(into.rows[-1:]).splitlines()[2])


def compiled(trainer: gan.Trainer, mode: str) -> gan.Trainer:
    """The same trainer with both its steps through the compiler."""
    for optimizer in (trainer.critic.optimizer, trainer.descent):
        optimizer.step = torch.compiler.disable(optimizer.step)  # type: ignore[method-assign]
    for name in ("critic_step", "generator_step"):
        setattr(trainer, name, torch.compile(getattr(trainer, name), mode=mode))
    return trainer


def _compared(config: gan.TrainConfig, mode: str, steps: int, turns: int) -> Record:
    """Seconds a step of both, by turns, and what the first steps took; or why it cannot be compiled."""
    load = os.getloadavg()[0]
    torch._dynamo.reset()
    sides = {"plain": gan.Trainer(config, 0), "compiled": compiled(gan.Trainer(config, 0), mode)}
    spent: dict[str, list[float]] = {name: [] for name in sides}
    first: dict[str, float] = {}
    for name, trainer in sides.items():
        try:
            first[name] = _seconds(trainer, 3)
        except Exception as error:  # a compiler may fail in any way
            return {"failed": " ".join(str(error).split())[:160], "load": load}
    for _ in range(turns):
        for name, trainer in sides.items():
            spent[name].append(_seconds(trainer, steps) / steps)
    return {
        "seconds": {name: median(t) for name, t in spent.items()},
        "first": first["compiled"],
        "load": load,
    }


def _seconds(trainer: gan.Trainer, steps: int) -> float:
    """Of the processor, or on a GPU of the clock."""
    clock = time.process_time if trainer.config.device == "cpu" else time.perf_counter
    began = clock()
    for _ in trainer.steps(steps):  # each report waits for the device
        pass
    return clock() - began


def table(rows: list[Record]) -> str:
    """A line a pair of nets and mode."""
    head = ["nets", "device", "mode", "as it is", "compiled", "times as long", "first three steps", "load"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [row["nets"], row["device"], row["mode"]]
        if "failed" in row:
            cells += [f"cannot be compiled: {row['failed']}", "", "", ""]
        else:
            plain, other = row["seconds"]["plain"], row["seconds"]["compiled"]
            cells += [
                f"{1000 * plain:.1f} ms",
                f"{1000 * other:.1f} ms",
                f"{other / plain:.2f}",
                f"{row['first']:.0f} s",
            ]
        out.append("| " + " | ".join([*cells, f"{row['load']:.1f}"]) + " |")
    return "\n".join(out) + "\n"
