"""The cards of kappa that come with wdist, and what each cost: every one a call of `wdist.calibrate` in the plane.

A card keeps its fits and the processor time of each; a calibration that was cut off goes on from where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import wdist
from benchmarks.store import QUICK
from wdist.calibration.card import CARDS

__all__ = ["RECIPES", "make", "table"]

DIM = 2
NET = wdist.MLP((100, 100))
RECIPES: dict[str, tuple[wdist.Critic, dict[str, int]]] = {
    "clip-0.01-relu-100x100-d2": (wdist.Critic(wdist.Clip(0.01), NET), {}),
    "clip-0.1-relu-100x100-d2": (wdist.Critic(wdist.Clip(0.1), NET), {"replicates": 2}),
    "gradient-penalty-10-d2": (wdist.Critic(wdist.GradientPenalty(10.0)), {"levels": 3, "replicates": 2}),
    "one-sided-penalty-10-d2": (
        wdist.Critic(wdist.GradientPenalty(10.0, two_sided=False)),
        {"levels": 5, "replicates": 2},
    ),
    "certified-d2": (wdist.Critic(), {"levels": 3, "replicates": 2}),
}
"""Critic and options of `calibrate` by name of the card; the first is what `wdist calibrate --net 100,100` makes."""


def make(names: Iterable[str], tell: Callable[[str], None], *, quick: bool = False) -> None:
    """Make cards; with `quick` a trial in small, beside those that come with wdist."""
    for name in names:
        method, options = RECIPES[name]
        card = wdist.calibrate(
            method, dim=DIM, steps=5 if quick else None, **options,
            folder=QUICK / "cards" / (f"{name}-quick" if quick else name),
            progress=lambda done, total, name=name: tell(f"{name}: {done} of {total}"),
        )  # fmt: skip
        card.save((QUICK if quick else CARDS) / f"{name}.json")
        tell(f"{card!r}\n{card.cpu:.0f} s of CPU time")


def table() -> str:
    """A line a card, from the cards that come with wdist."""
    head = [
        "card",
        "read by",
        "fits",
        "CPU",
        "a parameter left out",
        "a family left out",
        "90 % for a new family",
    ]
    head += ["what twice the steps change"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in RECIPES:
        card = wdist.Calibration.load(name)
        own = [error for family in card.families for error in card.model.errors(family, left_out=False)]
        line = [
            f"`{name}`", card.per, str(len(card.trials)), f"{card.cpu:.0f} s",
            f"±{100 * math.sqrt(sum(error**2 for error in own) / len(own)):.1f} %", f"±{100 * card.spread:.1f} %",
            f"within a factor {math.exp(card.model.half_width(None, 0.9)):.3g}", f"{100 * card.budget_effect:+.1f} %",
        ]  # fmt: skip
        out.append("| " + " | ".join(line) + " |")
    return "\n".join([*out, "", "", *_stamps()]) + "\n"


def _stamps() -> Iterator[str]:
    """What the cards were made with, as each of them says."""
    made: dict[tuple[str, ...], list[str]] = {}
    for name in RECIPES:
        card = wdist.Calibration.load(name)
        parts = [f"{part} {version}" for part, version in card.versions.items() if part != "machine"]
        made.setdefault((card.versions["machine"], f"seed {card.seed}", *parts), []).append(f"`{name}`")
    for stamp, names in made.items():
        yield f"{', '.join(names)}: {', '.join(stamp)}. Every fit ran on one core."
