"""Pictures of distances: what W1 on the line is, how several answers lie, and which points an optimal plan joins.

Every function draws on the axes it is given and sets no global style; colours stay apart in greyscale.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wdist.result import Bound, Estimate, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wdist.inference import Comparison
    from wdist.plans.dense import Coupling

__all__ = ["draw_estimates", "draw_features", "draw_line", "draw_matches", "new_figure", "save"]

DARK, MIDDLE, LIGHT, ACCENT = "#1b2a49", "#5b7db1", "#d9c9a3", "#c0392b"
Array = np.ndarray[Any, Any]


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that belongs to no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | Path) -> Path:
    """Write the figure as a PNG, whole or not at all."""
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(part, format="png", dpi=150)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def draw_line(ax: Axes, a: Array, b: Array, names: tuple[str, str], unit: str) -> None:
    """Draw both distribution functions; the area between them is W1.

    Args:
        ax: Where to draw.
        a: Points of the first sample, shape (n,).
        b: Points of the second, shape (m,).
        names: What to call them.
        unit: Unit of the points, for the axis.
    """
    grid = np.sort(np.concatenate([a, b]))
    at_a, at_b = (np.searchsorted(np.sort(x), grid, side="right") / len(x) for x in (a, b))
    ax.fill_between(grid, at_a, at_b, step="post", color=LIGHT, linewidth=0, label="area between = $W_1$")
    for level, name, colour, style in zip((at_a, at_b), names, (DARK, MIDDLE), ("-", "--"), strict=True):
        ax.step(grid, level, where="post", color=colour, linestyle=style, linewidth=1.8, label=name)
    ax.set(xlabel=unit, ylabel="share of points at or below", ylim=(0, 1.02))
    ax.legend(frameon=False, loc="upper left", fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)


def draw_estimates(ax: Axes, rows: Sequence[tuple[str, Estimate]], floor: float, unit: str) -> None:
    """Draw each answer as a mark with what is certified as a bar, and the sampling floor as a band.

    Args:
        ax: Where to draw.
        rows: Label and estimate, from top to bottom, those between the laws last; only exact marks are filled.
        floor: What sampling noise alone would show between samples, drawn behind their rows.
        unit: Unit of the distance.
    """
    samples = [k for k, (_, est) in enumerate(rows) if est.target is Target.SAMPLE]
    ax.fill_between([0, floor], -1.1, max(samples) + 0.45, color="#eeeeee", linewidth=0, zorder=0)
    ax.text(floor / 2, -0.72, "two samples of one law", ha="center", va="center", fontsize=8, color="#555555")
    for k, (_, est) in enumerate(rows):
        if est.lower is not None and est.upper is not None and est.bound is not Bound.EXACT:
            ax.plot(
                [est.lower, est.upper],
                [k, k],
                color=MIDDLE,
                linewidth=7,
                alpha=0.45,
                solid_capstyle="butt",
                zorder=2,
            )
        elif est.interval is not None:
            ax.plot([est.interval.low, est.interval.high], [k, k], color=DARK, linewidth=1.5, zorder=2)
        filled = est.bound is Bound.EXACT
        marker = {Bound.LOWER: ">", Bound.UPPER: "<"}.get(est.bound, "o")
        ax.plot(est.value, k, marker, color=ACCENT if filled else DARK, markerfacecolor=ACCENT if filled else "white",
                markersize=8, markeredgewidth=1.6, zorder=3)  # fmt: skip
        edge = max(est.value, est.upper or 0.0, est.interval.high if est.interval else 0.0)
        bar = est.bound is not Bound.EXACT and est.upper is not None and est.value == est.lower
        text = f"{est.value:.3g} to {est.upper:.3g}" if bar else f"{est.value:.3g}"
        ax.annotate(text, (edge, k), xytext=(9, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_yticks(range(len(rows)), [label for label, _ in rows])
    ax.set(xlabel=unit, ylim=(len(rows) - 0.4, -1.1))
    ax.set_xlim(0, 1.25 * max(est.upper or est.value for _, est in rows))
    ax.spines[["top", "right"]].set_visible(False)


def draw_features(ax: Axes, found: Comparison, most: int = 20) -> None:
    """Draw how far apart the samples are along each feature; filled bars differ at 5 %, corrected for all.

    Args:
        ax: Where to draw.
        found: What `wdist.compare` gave.
        most: Features to show, the plainest differences first.
    """
    shown = found.features[:most]
    plain = [one.pvalue <= 0.05 for one in shown]
    for k, (one, differs) in enumerate(zip(shown, plain, strict=True)):
        ax.barh(
            k, one.relative, color=DARK if differs else "white", edgecolor=DARK, linewidth=1.2, height=0.7
        )
        ax.annotate(f"p = {one.pvalue:.2g}", (one.relative, k), xytext=(5, 0), textcoords="offset points",
                    va="center", fontsize=8)  # fmt: skip
    ax.set_yticks(range(len(shown)), [one.name for one in shown])
    ax.set(xlabel="$W_1$ in units of the pooled interquartile range", ylim=(len(shown) - 0.4, -0.6))
    ax.set_xlim(0, 1.2 * max(one.relative for one in shown) or 1.0)
    total = sum(one.pvalue <= 0.05 for one in found.features)
    ax.set_title(f"{total} of {len(found.features)} features differ at 5 %, corrected for all", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)


def draw_matches(
    axes: Sequence[Axes], a: Array, b: Array, plan: Coupling, picks: Sequence[int], shape: tuple[int, int]
) -> None:
    """Show pairs of images that an optimal plan joins, one pair an axis, with how far apart they are.

    Args:
        axes: One for each pick.
        a: Flattened images, shape (n, h·w).
        b: Flattened images, shape (m, h·w).
        plan: A coupling of the two.
        picks: Which entries of the plan.
        shape: Height and width of an image.
    """
    for ax, k in zip(axes, picks, strict=True):
        left, right = a[plan.rows[k]], b[plan.cols[k]]
        gap = np.ones((shape[0], 3))
        ax.imshow(
            np.hstack([1 - left.reshape(shape), gap, 1 - right.reshape(shape)]), cmap="gray", vmin=0, vmax=1
        )
        ax.set_title(f"{np.linalg.norm(left - right):.1f}", fontsize=9)
        ax.axis("off")
