"""What the default critic has proved, and after how long: docs/critic.png, by `python -m benchmarks.bound_curve`.

A line is the best validation value so far of each kind of critic in the portfolio over W1, against the wall time of the
fit; the dot is what was reported in the end, on points that neither training nor choice saw.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

import wdist
from benchmarks.critic import CELLS

__all__ = ["curves", "draw"]

SHOWN = ("Example 1", "funnels (16, 16)", "valleys (16, 16, 8)")
FIGURE = Path(__file__).parents[1] / "docs" / "critic.png"
SEED = 21
KINDS = {
    "cones": ("C0", "-"), "projected cones": ("C1", "--"), "orthonormal net": ("C2", ":"), "flats": ("C3", "-."),
}  # fmt: skip


def curves(found: wdist.Estimate, truth: float) -> dict[str, list[tuple[float, float]]]:
    """By kind of critic, (seconds, best validation value so far over W1)."""
    unit = found.detail.potential.scaling.scale / truth
    lines: dict[str, list[tuple[float, float]]] = {}
    for look in sorted(found.detail.curve, key=lambda look: look.seconds):
        line = lines.setdefault(_kind(look.net), [])
        before = line[-1][1] if line else float("-inf")
        line.append((look.seconds, max(before, unit * look.objective)))
    return lines


def draw(path: Path = FIGURE) -> None:
    """Fit the default to each case, and draw."""
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(11, 3.6), sharey=True, layout="constrained")
    for axis, name in zip(axes, SHOWN, strict=True):
        case = CELLS[name]()
        found = wdist.estimate(case.a, case.b, method="critic", seed=SEED)
        print(
            f"{name}, seed {SEED}: {found.value / case.w[1.0] - 1:+.2%} in {found.seconds:.1f} s, {found.detail.net}"
        )
        for kind, line in curves(found, case.w[1.0]).items():
            colour, style = KINDS[kind]
            axis.plot(*zip(*line, strict=True), color=colour, linestyle=style, label=kind)
        axis.plot(found.seconds, found.value / case.w[1.0], "ko", label="reported")
        _dress(axis, name)
    axes[0].set_ylabel("validation value / W1")
    axes[-1].legend(loc="lower right")
    figure.suptitle(
        "Cones suffice where the potential is made of cones; where it is folded, flats come close to W1"
    )
    figure.savefig(path, dpi=110)


def _dress(axis: Any, name: str) -> None:
    axis.axhline(1, color="0.6", linewidth=0.8)
    axis.set_xlim(left=0)
    axis.set(title=name, xlabel="wall time (s), one core", ylim=(0, 1.05))


def _kind(net: str) -> str:
    """Which line of the figure a recipe belongs to."""
    kinds = (("Flats", "flats"), ("MLP", "orthonormal net"), ("ranks=()", "cones"))
    return next((kind for mark, kind in kinds if mark in net), "projected cones")


if __name__ == "__main__":
    draw()
