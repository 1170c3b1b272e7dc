"""Where the stopping rule ends runs of the trainer, beside the best generator of the whole run.

Ten runs by the presets on each seed, their generators averaged, go on to the last step and are looked at 25 times. What
the rule sees is judged by one half of the held-out images, or as many points of a law as a run holds out; the distance
it is held to by the other half, or by four times as many of the law, which nothing else reads. The rule is replayed on
what was written down, so that another rule can be tried without training anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from benchmarks.store import Table
from wdist import gan
from wdist.gan.config import TrainConfig
from wdist.gan.distance import debiased_distance
from wdist.gan.toys import TOYS
from wdist.sources import Source

__all__ = ["DIGITS", "EMA", "RUNS", "SEEDS", "held_apart", "measure", "replayed", "table"]

Record = dict[str, Any]
LONG, LOOKS = 6000, 25
FRESH, MOST_IN_PLANE = 8000, 2000
"""Points drawn for the true distance of a generator, and of a law; those of a half in the plane, where it is cheap."""
SEEDS = (101, 102, 103)
EMA = 0.999
NEAR, LOOKS_AT_LAW = 1.1, 8
"""Near enough to the best of the run: that factor. Draws of a law itself, which tell what distance says nothing."""
DIGITS = {"sevens": "7", "fours and nines": "49", "all ten": "0123456789"}
RUNS: dict[str, tuple[str, str]] = {
    **{f"{loss}, {name}": (loss, name) for name in DIGITS for loss in ("wgan-gp", "wgan")},
    **{f"wgan-gp, {name}": ("wgan-gp", name) for name in TOYS},
    "wgan, ring": ("wgan", "ring"),
}
"""Loss and data of each; digits, which still fall at their preset's end and would say little of a rule, have `LONG`."""
SEEN = ("debiased", "floor", "diversity")


def measure(into: Table, runs: list[str], seed: int, steps: int | None, tell: Callable[[str], None]) -> None:
    """Fill a table, a record a run, of those that it lacks; `steps` None for what each has."""
    for name in runs:
        key = f"{name} | {seed}"
        if key not in into:
            into.add({"key": key, "run": name, "seed": seed, **_traced(*RUNS[name], seed, steps)})
            tell(f"{key}: {into.rows[-1]['cpu']:.0f} s; {table(into.rows[-1:]).splitlines()[2]}")


def _traced(loss: str, data: str, seed: int, steps: int | None) -> Record:
    digits = data in DIGITS
    real: Any = gan.Data("mnist", classes=tuple(DIGITS[data]), held_out=0.4) if digits else data
    config = replace(gan.preset(loss, real, held_every=0), ema=EMA)
    steps = steps or (LONG if digits else config.steps)
    config = replace(config, steps=steps, evaluate=gan.Evaluate(every=max(1, steps // LOOKS)))
    shown, kept = held_apart(config)
    how: Any = {} if digits else {"most": MOST_IN_PLANE, "halvings": 2}
    load, cpu = os.getloadavg()[0], time.process_time()
    trainer = gan.Trainer(config, seed=seed, evaluator=gan.Evaluator(shown))
    looks = []
    for report in trainer.steps(steps):
        if report.evaluation is not None:
            made = trainer.generator.draw(FRESH, torch.Generator().manual_seed(1))
            true, numbers = debiased_distance(made, kept, seed=1, **how), report.evaluation.numbers
            looks.append(
                {
                    "step": report.step,
                    "seen": {name: numbers[name] for name in SEEN},
                    "collapse": report.evaluation.collapse,
                    "debiased": true.value,
                    "w1": true.between,
                    "floor": true.within_real,
                }
            )
    cpu = time.process_time() - cpu
    itself = None if digits else _of_the_law(trainer.parts.held, kept, how)
    return {"steps": steps, "looks": looks, "itself": itself, "cpu": cpu, "load": load}


def _of_the_law(law: Source, kept: Tensor, how: Any) -> float:
    """Largest debiased distance that draws of the law itself are judged to have."""
    draws = (law.draw(FRESH, torch.Generator().manual_seed(100 + k)) for k in range(LOOKS_AT_LAW))
    return max(debiased_distance(draw, kept, seed=1, **how).value for draw in draws)


def held_apart(config: TrainConfig) -> tuple[Tensor, Tensor]:
    """Points for the rule, and others to hold it to."""
    parts, rng = gan.opened(config.data), torch.Generator().manual_seed(0)
    held = parts.held_out()
    if config.data in TOYS:
        return held, parts.held.draw(FRESH, rng)
    held = held[torch.randperm(len(held), generator=rng)]
    return held[: len(held) // 2], held[len(held) // 2 :]


def replayed(row: Record, rule: gan.StoppingRule) -> tuple[int, int, bool]:
    """Places of the look at which a rule stops, the last if at none, and of the one it keeps; whether it stopped."""
    verdicts = []
    for look in row["looks"]:
        verdicts.append(rule.update(SimpleNamespace(numbers=look["seen"], collapse=look["collapse"])))
        if verdicts[-1].stop:
            break
    return len(verdicts) - 1, verdicts[-1].best, verdicts[-1].stop


def table(rows: list[Record]) -> str:
    """A line a run; then how many are near the best of the whole run: at the stop, as kept, and at the last step."""
    head = [
        "run",
        "seed",
        "stopped at step",
        "W1 at the stop",
        "of the one kept",
        "at the end",
        "best of the run",
    ]
    head += ["of the law itself", "floor", "CPU"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in sorted(rows, key=lambda row: (row["seed"], list(RUNS).index(row["run"]))):
        found, stopped = _found(row)
        step = row["looks"][replayed(row, gan.StoppingRule())[0]]["step"]
        when = f"{step} of {row['steps']}" if stopped else f"ran to {row['steps']}"
        itself = "" if row["itself"] is None else f"{row['itself']:.3f}"
        figures = [*(f"{x:.3f}" for x in (*found, _best(row))), itself, f"{row['looks'][0]['floor']:.3f}"]
        out.append(
            "| " + " | ".join([row["run"], str(row["seed"]), when, *figures, f"{row['cpu']:.0f} s"]) + " |"
        )
    out.append("")
    for seed in sorted({row["seed"] for row in rows}):
        out.append(_counted(f"Seed {seed}", [row for row in rows if row["seed"] == seed]))
    return "\n".join(out) + "\n"


def _found(row: Record) -> tuple[list[float], bool]:
    """Distances at the stop, of the look that is kept, and at the last one; whether the rule stopped it."""
    *places, stopped = replayed(row, gan.StoppingRule())
    return [row["looks"][place]["debiased"] for place in (*places, -1)], stopped


def _best(row: Record) -> float:
    return min(look["debiased"] for look in row["looks"])


def _counted(whose: str, rows: list[Record]) -> str:
    near, or_at_the_law = [0, 0, 0], [0, 0, 0]
    saved = 0.0
    for row in rows:
        best, itself = _best(row), row["itself"] or 0.0
        saved += 1 - row["looks"][replayed(row, gan.StoppingRule())[0]]["step"] / row["looks"][-1]["step"]
        for k, height in enumerate(_found(row)[0]):
            near[k] += height <= NEAR * best
            or_at_the_law[k] += height <= max(NEAR * best, itself)
    return (
        f"{whose}, within 10 % of the best of the whole run: {near[0]} of {len(rows)} at the stop, {near[1]} as kept, "
        f"{near[2]} at the last step; within 10 % or no farther than draws of the law itself: {or_at_the_law[0]}, "
        f"{or_at_the_law[1]} and {or_at_the_law[2]}. Steps that were saved: {saved / len(rows):.0%}. Distances are "
        "debiased.\n"
    )
