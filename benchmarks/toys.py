"""WGAN-GP on laws in the plane whose modes can be counted and on a spiral, by its preset, and less one of its parts.

Each is trained by `wdist.gan.Trainer` and judged by 10 000 points of the generator: modes covered, share within three
widths of a centre, imbalance of the counts; and by exact W1 between 2000 of them and 2000 real ones beside that between
as many real ones, the floor, means over three disjoint pairs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import torch

import wdist
from benchmarks.store import Table
from wdist import gan
from wdist.gan.modes import count_modes
from wdist.gan.toys import TOYS, Mixture

__all__ = ["RECIPES", "SEEDS", "measure", "table"]

Record = dict[str, Any]
SEEDS = range(101, 107)
COUNTED, MATCHED, PAIRS = 10_000, 2_000, 3
RECIPES: dict[str, Callable[[Any], Any]] = {
    "preset": lambda config: config,
    "half the steps": lambda config: replace(config, steps=config.steps // 2),
    "generator as fast as the critic": lambda config: replace(
        config, generator_optimizer=config.critic_optimizer
    ),
    "continuous latent": lambda config: replace(config, generator=replace(config.generator, codes=0)),
}
"""What is made of the preset."""


def measure(
    into: Table,
    laws: list[str],
    recipes: list[str],
    seeds: range,
    steps: int | None,
    tell: Callable[[str], None],
) -> None:
    """Fill a table, a record a law, recipe and seed, of those that it lacks; `steps` None for the preset's."""
    for law in laws:
        for recipe in recipes:
            for seed in seeds:
                key = f"{law} | {recipe} | {seed}"
                if key not in into:
                    row = {"key": key, "law": law, "recipe": recipe, "seed": seed}
                    into.add(row | _run(law, recipe, seed, steps))
                    tell(
                        "{key}: good {good}, {w1:.3f} beside {floor:.3f}, {cpu:.0f} s".format_map(
                            into.rows[-1]
                        )
                    )


def _run(name: str, recipe: str, seed: int, steps: int | None) -> Record:
    config = RECIPES[recipe](gan.preset("wgan-gp", name, held_every=0))
    config = replace(config, steps=steps or config.steps)
    load, cpu = os.getloadavg()[0], time.process_time()
    trainer = gan.Trainer(config, seed=seed)
    for _ in trainer.steps(config.steps):
        pass
    cpu = time.process_time() - cpu
    law, rng = TOYS[name](), torch.Generator().manual_seed(seed)
    made = trainer.generator.draw(COUNTED, rng)
    real = [law.draw(MATCHED, rng) for _ in range(2 * PAIRS)]
    found = count_modes(made, law.centres, law.width) if isinstance(law, Mixture) else None
    return {
        "modes": len(found.counts) if found else None,
        "covered": found.covered if found else None,
        "good": found.good if found else None,
        "imbalance": found.imbalance if found else None,
        "w1": _mean_w1(list(made.split(MATCHED)), real),
        "floor": _mean_w1(real[PAIRS:], real),
        "steps": config.steps,
        "cpu": cpu,
        "load": load,
    }


def _mean_w1(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    """Mean of exact W1 over pairs of samples."""
    return (
        sum(float(wdist.estimate(x, y, method=wdist.Discrete())) for x, y in zip(a[:PAIRS], b, strict=False))
        / PAIRS
    )


def table(rows: list[Record]) -> str:
    """A line a law and recipe: medians over the seeds, with the worst in brackets."""
    head = ["law", "recipe", "modes", "within 3 σ", "imbalance", "W1 / floor", "steps", "seeds", "CPU"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for law in TOYS:
        for recipe in RECIPES:
            here = [row for row in rows if (row["law"], row["recipe"]) == (law, recipe)]
            if here:
                out.append("| " + " | ".join([law, recipe, *_cells(here)]) + " |")
    return "\n".join(out) + "\n"


def _cells(rows: list[Record]) -> list[str]:
    def both(values: list[float], worst: Callable[[list[float]], float], form: str) -> str:
        return f"{median(values):{form}} ({worst(values):{form}})"

    cells = [""] * 3
    if rows[0]["modes"]:
        covered = sorted(row["covered"] for row in rows)
        cells = [
            f"{median(covered):.0f} ({covered[0]}) of {rows[0]['modes']}",
            both([100 * row["good"] for row in rows], min, ".0f") + " %",
            both([row["imbalance"] for row in rows], max, ".3f"),
        ]
    ratio = both([row["w1"] / row["floor"] for row in rows], max, ".2f")
    return [
        *cells,
        ratio,
        str(rows[0]["steps"]),
        str(len(rows)),
        f"{median(row['cpu'] for row in rows):.0f} s",
    ]
