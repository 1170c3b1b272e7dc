"""How the commands judge a run: by real points that its training never saw, in the same way for every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from wdist.gan.config import TrainConfig
    from wdist.gan.evaluation import Evaluation
    from wdist.gan.evaluator import Evaluator

__all__ = ["evaluator_of", "table"]

FIGURES = {
    "debiased": "debiased W1", "w1": "W1", "floor": "real against real", "recall": "recall", "precision": "precision",
    "diversity": "diversity", "stays": "mass in its class", "missing": "classes missing",
    "frechet": "Fréchet (own features)",
}  # fmt: skip
"""What a table shows, and what it calls it."""


def evaluator_of(config: TrainConfig, seed: int = 0) -> Evaluator:
    """The judge of a run: its held-out points, with their labels where they have some."""
    import numpy as np

    from wdist.gan.data import Rows
    from wdist.gan.evaluator import Evaluator
    from wdist.gan.sets import opened

    parts = opened(config.data)
    labels = None
    if isinstance(parts.held, Rows) and parts.held.labels is not None:
        labels = np.array(parts.held.names)[parts.held.labels.numpy()]
    return Evaluator(parts.held_out(), labels=labels, seed=seed)


def table(judged: dict[str, Evaluation]) -> Table:
    """Several runs side by side, best first by debiased distance."""
    shown = Table()
    shown.title = "by points that training never saw"
    shown.add_column("run", style="bold")
    numbers: dict[str, dict[str, Any]] = {name: found.numbers for name, found in judged.items()}
    known = [key for key in FIGURES if any(key in found for found in numbers.values())]
    for key in known:
        shown.add_column(FIGURES[key], justify="right")
    for name in sorted(numbers, key=lambda name: numbers[name]["debiased"]):
        shown.add_row(name, *(f"{numbers[name].get(key, float('nan')):.4g}" for key in known))
    return shown
