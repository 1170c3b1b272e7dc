"""The table in which trained generators stand side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from wdist.gan.evaluation import Evaluation

__all__ = ["table"]

FIGURES = {
    "debiased": "debiased\nW1", "w1": "W1", "floor": "real to\nreal", "recall": "recall", "precision": "precision",
    "diversity": "diversity", "stays": "in its\nclass", "missing": "classes\nmissing", "frechet": "Fréchet\n(ours)",
}  # fmt: skip
"""What a table shows, and what it calls it, in lines that fit beside each other on a screen of 80 columns."""


def table(judged: dict[str, Evaluation]) -> Table:
    """Several runs side by side, best first by debiased distance."""
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    shown.title = "by points that training never saw"
    shown.add_column("run", style="bold", overflow="fold")
    numbers: dict[str, dict[str, Any]] = {name: found.numbers for name, found in judged.items()}
    known = [key for key in FIGURES if any(key in found for found in numbers.values())]
    for key in known:
        shown.add_column(FIGURES[key], justify="right", no_wrap=True)
    for name in sorted(numbers, key=lambda name: numbers[name]["debiased"]):
        shown.add_row(name, *(f"{numbers[name].get(key, float('nan')):.4g}" for key in known))
    return shown
