"""WGANs and standard GANs of the same two small nets on one, two and ten classes of digits, at equal numbers of steps.

Every game is trained by `wdist.gan.Trainer` over learning rates and critic steps, so that none is held back by a
setting that suits another, and judged by images that training never saw: debiased W1 in pixels, precision and recall,
classes that are missing, and the Fréchet distance in the features of the bundled classifier, beside its floor.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks.store import Table
from wdist import gan
from wdist.gan.classifier import mnist_classifier

__all__ = ["CLASSES", "GAMES", "SEEDS", "UPDATES", "measure", "table"]

Record = dict[str, Any]
CLASSES = ("7", "49", "0123456789")
SEEDS = range(101, 104)
UPDATES = 7200
"""Of either net, in sum: at five critic steps for one of the generator, 1200 of the generator."""
NUMBERS = ("debiased", "recall", "diversity", "missing", "frechet", "frechet_floor", "w1", "floor")


def _game(loss: str, lr: float, n_critic: int) -> gan.TrainConfig:
    rule: gan.OptimizerRule = gan.RMSprop(lr)
    if loss != "wgan":
        rule = gan.Adam(lr, (0.5, 0.9 if loss == "wgan-gp" else 0.999))
    return gan.preset(
        loss, None, n_critic=n_critic, held_every=0, generator_optimizer=rule, critic_optimizer=rule
    )


GAMES: dict[str, gan.TrainConfig] = {
    f"{loss}, {lr:g}, {n}": _game(loss, lr, n)
    for loss, rates, rounds in (
        ("wgan", (5e-5, 5e-4), (5,)),
        ("wgan-gp", (1e-4, 1e-3), (5,)),
        ("gan", (2e-4, 1e-3), (1, 5)),
        ("gan-minimax", (2e-4, 1e-3), (1, 5)),
    )
    for lr in rates
    for n in rounds
}
"""Configs by game, learning rate and critic steps for one of the generator; the nets are 2 × 100, c is 0.01, λ 10."""


def measure(
    into: Table, classes: list[str], games: list[str], seeds: range, updates: int, tell: Callable[[str], None]
) -> None:
    """Fill a table, a record a set of digits, game and seed; those that are there stay."""
    for digits in classes:
        for seed in seeds:
            for name in games:
                key = f"{digits} | {name} | {seed}"
                if key not in into:
                    row = {"key": key, "digits": digits, "game": name, "seed": seed}
                    into.add(row | _run(digits, name, seed, updates))
                    tell(
                        "{key}: debiased W1 {debiased:.2f}, recall {recall:.2f}, {cpu:.0f} s".format_map(
                            into.rows[-1]
                        )
                    )


def _run(digits: str, name: str, seed: int, updates: int) -> Record:
    steps = max(1, updates // (GAMES[name].n_critic + 1))
    config = replace(GAMES[name], data=gan.Data("mnist", classes=tuple(digits)), steps=steps)
    load, cpu = os.getloadavg()[0], time.process_time()
    trainer = gan.Trainer(config, seed=seed)
    for _ in trainer.steps(steps):
        pass
    cpu = time.process_time() - cpu
    judge = gan.Evaluator(trainer.parts.held_out(), classifier=mnist_classifier()[0], most=500)
    found = judge(trainer.generator)
    numbers = {number: found.numbers[number] for number in NUMBERS}
    return {**numbers, "collapse": found.collapse, "steps": steps, "cpu": cpu, "load": load}


def table(rows: list[Record]) -> str:
    """A line a game and setting: medians over the seeds for each set of digits, of debiased W1 with the worst."""
    head = ["game, rate, critic steps"]
    for digits in CLASSES:
        what = "sevens" if digits == "7" else "fours and nines" if digits == "49" else "all ten"
        head += [f"{what}: W1", "recall", "diversity", "missing", "Fréchet (floor)", "CPU"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in GAMES:
        line = [name]
        for digits in CLASSES:
            here = [row for row in rows if (row["game"], row["digits"]) == (name, digits)]
            line += _cells(here) if here else [""] * 6
        if any(line[1:]):
            out.append("| " + " | ".join(line) + " |")
    return "\n".join(out) + "\n"


def _cells(rows: list[Record]) -> list[str]:
    def middle(number: str) -> float:
        return median(row[number] for row in rows)

    worst = max(row["debiased"] for row in rows)
    shown = {"debiased": f" ({worst:.2f})", "recall": "", "diversity": ""}
    cells = [f"{middle(number):.2f}{more}" for number, more in shown.items()]
    frechet = f"{middle('frechet'):.1f} ({middle('frechet_floor'):.1f})"
    return [*cells, f"{middle('missing'):.0f}", frechet, f"{middle('cpu'):.0f} s"]
