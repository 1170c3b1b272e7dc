"""What the recipes of a GAN change, one thing at a time: centring, averaging, nets, classes, augmentation.

Each run is one preset with one thing otherwise, on seeds that the other tables do not use. It is judged by images that
training never saw, once as the generator stands and once with its weights averaged, which the training does not notice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Any

import torch

import wdist
from benchmarks.store import Table
from wdist import gan
from wdist.gan.classifier import mnist_classifier

__all__ = ["RUNS", "measure", "table"]

Record = dict[str, Any]
EMA, MOST, DRAWN = 0.999, 500, 2000
SEVENS, TEN, FLAGS = gan.Data("mnist", classes=(7,)), gan.Data("mnist"), gan.Data("flags")


@dataclass(frozen=True)
class Trial:
    """A preset with changes, and how often it is run."""

    loss: str
    data: gan.Data
    steps: int
    seeds: int = 2
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> gan.TrainConfig:
        """What is trained."""
        return replace(gan.preset(self.loss, self.data), **{"ema": EMA, "steps": self.steps, **self.changes})


def _images(kind: str) -> dict[str, Any]:
    nets = {
        "DCGAN": (gan.DCGANGenerator(16), gan.DCGANCritic(16)),
        "residual": (gan.ResidualGenerator(16), gan.ResidualCritic(16)),
    }
    return {"generator": nets[kind][0], "critic": nets[kind][1], "batch": 32, "n_critic": 3}


def _critic(kind: str = "") -> dict[str, Any]:
    """A DCGAN generator beside the preset's MLP, or beside a convolutional critic."""
    nets = {"DCGAN": gan.DCGANCritic(16), "patches": gan.PatchCritic(16)}
    changes = {"generator": gan.DCGANGenerator(16), "batch": 32, "n_critic": 3}
    return {**changes, "critic": nets[kind]} if kind else changes


BARE, CENTRED = {"centred": False}, {"centred": True}
ALL = {"augment": (gan.Flip(), gan.Shift(), gan.Colour())}
WIDE = {"generator": gan.MLPGenerator((256, 256)), "critic": wdist.MLP((256, 256))}
PAIR = {
    "generator": gan.DCGANGenerator(), "critic": gan.DCGANCritic(), "batch": 32, "n_critic": 1, "schedule": "cosine"
}  # fmt: skip
BESIDE = {"wgan-gp": "DCGAN", "wgan": "DCGAN", "gan": "DCGAN", "wgan-orthonormal": "patches"}
RUNS: dict[str, Trial] = {
    "wgan-gp, sevens": Trial("wgan-gp", SEVENS, 1200, 3),
    "wgan-gp, all ten": Trial("wgan-gp", TEN, 1200, 3),
    "wgan, sevens": Trial("wgan", SEVENS, 1200, 3),
    "wgan, all ten": Trial("wgan", TEN, 1200, 3),
    "wgan-gp, sevens, not centred": Trial("wgan-gp", SEVENS, 1200, 2, BARE),
    "wgan-gp, all ten, not centred": Trial("wgan-gp", TEN, 1200, 2, BARE),
    "wgan, sevens, not centred": Trial("wgan", SEVENS, 1200, 2, BARE),
    "wgan-lp, sevens": Trial("wgan-lp", SEVENS, 600),
    "wgan-lp, sevens, not centred": Trial("wgan-lp", SEVENS, 600, 2, BARE),
    "wgan-orthonormal, sevens": Trial("wgan-orthonormal", SEVENS, 600),
    "wgan-orthonormal, sevens, not centred": Trial("wgan-orthonormal", SEVENS, 600, 2, BARE),
    "gan, sevens": Trial("gan", SEVENS, 1800),
    "gan, sevens, centred": Trial("gan", SEVENS, 1800, 2, CENTRED),
    "wgan-gp by class, all ten, 2 × 256": Trial("wgan-gp", TEN, 1500, 1, {**WIDE, "conditional": True}),
    "wgan-gp, sevens, DCGAN pair": Trial("wgan-gp", SEVENS, 150, 1, _images("DCGAN")),
    "wgan-gp, sevens, residual pair": Trial("wgan-gp", SEVENS, 150, 1, _images("residual")),
    **{
        f"{loss}, sevens, DCGAN generator, {kind or 'MLP'} critic": Trial(loss, SEVENS, 250, 2, _critic(kind))
        for loss, other in BESIDE.items()
        for kind in ("", other)
    },
    "wgan-gp, flags": Trial("wgan-gp", FLAGS, 300),
    "wgan-gp, flags, all three augmentations": Trial("wgan-gp", FLAGS, 300, 2, ALL),
    "wgan-gp, flags, DCGAN pair": Trial("wgan-gp", FLAGS, 400, 1, PAIR),
    "wgan-gp, flags, DCGAN pair, shift and colour": Trial(
        "wgan-gp", FLAGS, 400, 1, {**PAIR, "augment": (gan.Shift(), gan.Colour())}
    ),
}
"""Runs by name, the short ones first; `gap` is looked at every 50 steps."""


def measure(into: Table, runs: list[str], quick: bool, tell: Callable[[str], None]) -> None:
    """Fill a table, a record a run and seed; those that are there stay."""
    for name in runs:
        for seed in range(1, 2 if quick else RUNS[name].seeds + 1):
            key = f"{name} | {seed}"
            if key not in into:
                trial = replace(RUNS[name], steps=50) if quick else RUNS[name]
                into.add({"key": key, "run": name, "seed": seed, "steps": trial.steps, **_run(trial, seed)})
                tell(f"{key}: {table(into.rows[-1:]).splitlines()[2]}")


def _run(trial: Trial, seed: int) -> Record:
    config, load, cpu = trial.config, os.getloadavg()[0], time.process_time()
    trainer, gap = gan.Trainer(config, seed=seed), 0.0
    for report in trainer.steps(trial.steps):
        gap = gap if report.gap is None else report.gap
    cpu = time.process_time() - cpu
    held, classes = trainer.parts.held_out(), trainer.generator.names
    judge = gan.Evaluator(held, most=MOST)
    averaged = trainer.generator
    now = replace(averaged, net=trainer.net)
    found = {}
    for state, made in (("now", now), ("averaged", averaged)):
        numbers = judge(made).numbers
        found[state] = {name: numbers[name] for name in ("debiased", "recall", "diversity")}
    right = _right(averaged) if classes else None
    return {**found, "gap": gap, "right": right, "cpu": cpu, "load": load}


def _right(generator: gan.Generator) -> float:
    """Share of draws by class in which the bundled classifier sees the digit that was asked for."""
    names = generator.names
    label = [names[k % len(names)] for k in range(DRAWN)]
    drawn = generator.draw(DRAWN, torch.Generator().manual_seed(0), label=label)
    seen = mnist_classifier()[0](drawn).argmax(dim=1)
    return float((seen == torch.tensor([int(digit) for digit in label])).double().mean())


def table(rows: list[Record]) -> str:
    """A line a run: means over the seeds, of debiased W1 with the least and the most."""
    head = ["preset, data, change", "steps", "seeds", "W1", "recall", "diversity", "W1, averaged"]
    head += ["averaging better in", "recall, averaged", "critic's gap", "asked-for digit seen", "CPU a run"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in RUNS:
        here = [row for row in rows if row["run"] == name]
        if here:
            out.append("| " + " | ".join([name, *_cells(here)]) + " |")
    return "\n".join(out) + "\n"


def _cells(rows: list[Record]) -> list[str]:
    def middle(state: str, number: str) -> str:
        return f"{mean(row[state][number] for row in rows):.2f}"

    def spread(state: str) -> str:
        found = [row[state]["debiased"] for row in rows]
        told = f" ({min(found):.2f} to {max(found):.2f})" if len(found) > 1 else ""
        return middle(state, "debiased") + told

    better = sum(row["averaged"]["debiased"] < row["now"]["debiased"] for row in rows)
    right = rows[0]["right"]
    return [
        str(rows[0]["steps"]), str(len(rows)), spread("now"), middle("now", "recall"), middle("now", "diversity"),
        spread("averaged"), f"{better} of {len(rows)}", middle("averaged", "recall"),
        f"{mean(row['gap'] for row in rows):.2f}", "" if right is None else f"{100 * right:.0f} %",
        f"{mean(row['cpu'] for row in rows):.0f} s",
    ]  # fmt: skip
