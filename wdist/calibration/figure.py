"""The card as a picture: kappa over W1, a curve a family, and the band in which a new family is expected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from wdist.calibration.model import FEWEST_FAMILIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wdist.calibration.card import Calibration

__all__ = ["draw", "new_figure"]

MARKERS = "os^vD<>P*X"
CONFIDENCE = 0.9


def new_figure() -> Figure:
    """Make a figure that belongs to no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(6.4, 4.2), layout="constrained")


def draw(card: Calibration, ax: Axes | None) -> Axes:
    """Draw on the axes given, or on a figure of its own."""
    if ax is None:
        ax = new_figure().subplots()
    if len(card.families) >= FEWEST_FAMILIES:
        w = np.geomspace(*card.valid_range, 60)
        middle = np.array([card.model.curve(None).at(x) for x in w])
        reach = card.model.half_width(None, CONFIDENCE)
        ax.fill_between(
            w, np.exp(middle - reach), np.exp(middle + reach), color="#d9c9a3", alpha=0.5, linewidth=0,
            label=f"a new family, {CONFIDENCE:.0%}",
        )  # fmt: skip
    for k, (family, points) in enumerate(card.points.items()):
        curve, mark = card.model.curve(family), MARKERS[k % len(MARKERS)]
        (line,) = ax.plot(np.exp(curve.log_w), np.exp(curve.log_k), linewidth=1.2)
        ax.plot(
            [p.w for p in points], [math.exp(p.log_k) for p in points], mark, color=line.get_color(), markersize=4,
            markerfacecolor="none", label=family,
        )  # fmt: skip
    ax.set(xlabel="W1 in standardised units", ylabel="kappa = reading / W1", xscale="log", yscale="log")
    ax.legend(frameon=False, fontsize=8, ncols=2)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
