"""The card's figure: kappa over W1, a line and its fits for each family, and the band for a family not seen.

Lines are told apart by their marks as well as by their shade, so that they stay apart in greyscale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from wdist.calibration.model import FEWEST_FAMILIES
from wdist.calibration.page import CONFIDENCE, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from wdist.calibration.card import Calibration

__all__ = ["draw"]

DARK, BAND = "#1b2a49", "#d9c9a3"
MARKS = "os^vD<>PX*"
STYLES = ("-", "--", "-.", ":")
DIVIDED = {"raw": "", "slope": " / mean slope", "certificate": " / certificate"}


def draw(card: Calibration, ax: Axes | None = None) -> Axes:
    """Draw on the axes given, or on new ones that belong to no global state."""
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(7.2, 4.6), layout="constrained").add_subplot()
    from matplotlib import colormaps

    model = card.model
    title = f"{card.fingerprint['constraint']}, d = {card.dim}"
    if len(card.families) >= FEWEST_FAMILIES:
        assert model.pooled is not None
        grid = np.geomspace(*card.valid_range, 60)
        middle = np.exp([model.pooled.at(w) for w in grid])
        reach = model.half_width(None, CONFIDENCE)
        ax.fill_between(
            grid, middle * math.exp(-reach), middle * math.exp(reach), color=BAND, linewidth=0, alpha=0.6,
            label="a new family, 90 %",
        )  # fmt: skip
        title += f": a new family within {within(reach)}"
    shades = colormaps["cividis"](np.linspace(0.0, 0.8, len(card.families)))
    for k, (family, points) in enumerate(card.points.items()):
        curve, mark = model.curves[family], MARKS[k % len(MARKS)]
        ax.plot([p.w for p in points], [math.exp(p.log_k) for p in points], mark, color=shades[k], markersize=3.5,
                markerfacecolor="none", alpha=0.7)  # fmt: skip
        ax.plot(np.exp(curve.log_w), np.exp(curve.log_k), STYLES[k % len(STYLES)], marker=mark, markersize=5,
                color=shades[k], linewidth=1.3, label=family)  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="w: $W_1$ in standardised units")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:.3g}")
    ax.yaxis.set_minor_formatter("{x:.3g}")
    ax.set_ylabel(f"kappa = raw value{DIVIDED[card.per]} / $W_1$")
    ax.set_title(title, fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.spines[["top", "right"]].set_visible(False)
    return ax
