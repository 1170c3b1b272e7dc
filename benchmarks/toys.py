"""WGAN-GP on laws in the plane whose modes can be counted and on a spiral, by its preset, with and without codes.

Both are trained by `wdist.gan.Trainer` for the preset's steps, and judged by 10 000 points of the generator: modes
covered, share within three widths of a centre, imbalance of the counts; and by exact W1 between 2000 of them and 2000
real ones beside that between as many real ones, the floor, means over three disjoint pairs.
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

__all__ = ["CODED", "SEEDS", "measure", "table"]

Record = dict[str, Any]
SEEDS = range(101, 104)
COUNTED, MATCHED, PAIRS = 10_000, 2_000, 3
CODED: dict[str, tuple[bool, int, int]] = {
    "with codes": (True, 1, 1),
    "with codes, longer": (True, 3, 1),
    "with codes, large batches": (True, 1, 4),
    "without": (False, 1, 1),
}
"""Latents: the preset's, whose first coordinate is a code, or one of as many coordinates, all continuous; and how many
times the preset's steps and batch are taken."""


def measure(
    into: Table,
    laws: list[str],
    latents: list[str],
    seeds: range,
    steps: int | None,
    tell: Callable[[str], None],
) -> None:
    """Fill a table, a record a law, latent and seed, of those that it lacks; `steps` None for the preset's."""
    for law in laws:
        for latent in latents:
            for seed in seeds:
                key = f"{law} | {latent} | {seed}"
                if key not in into:
                    row = {"key": key, "law": law, "latent": latent, "seed": seed}
                    into.add(row | _run(law, *CODED[latent], seed, steps))
                    tell(
                        "{key}: good {good}, {w1:.3f} beside {floor:.3f}, {cpu:.0f} s".format_map(
                            into.rows[-1]
                        )
                    )


def _run(name: str, coded: bool, longer: int, larger: int, seed: int, steps: int | None) -> Record:
    config = gan.preset("wgan-gp", name, held_every=0)
    if not coded:
        config = replace(config, generator=replace(config.generator, codes=0))  # type: ignore[type-var]
    config = replace(config, steps=steps or longer * config.steps, batch=larger * config.batch)
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
        "batch": config.batch,
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
    """A line a law and latent: medians over the seeds, with the worst in brackets."""
    head = ["law", "latent", "modes", "within 3 σ", "imbalance", "W1 / floor", "steps", "seeds", "CPU"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for law in TOYS:
        for latent in CODED:
            here = [row for row in rows if (row["law"], row["latent"]) == (law, latent)]
            if here:
                out.append("| " + " | ".join([law, latent, *_cells(here)]) + " |")
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
