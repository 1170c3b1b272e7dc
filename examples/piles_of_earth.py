"""Two piles of earth.

Four heaps hold 3, 2, 1 and 4 shovels of earth, and shall hold 1, 2, 4 and 3. Walking along, what has to be carried on
from heap i to the next is what the first i heaps have too much: δ = 2, 2, −1, 0. The work is Σ|δ| = 5 shovels times
places, which is W1 times the ten shovels; `detail` of the exact answer holds the plan that does it.
"""

from __future__ import annotations

import argparse

import numpy as np
from matplotlib.figure import Figure

import wdist

PLACES = np.arange(1.0, 5.0)
HAVE, WANT = np.array([3.0, 2.0, 1.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0])
NAVY, BLUE, RED, GREY = "#1b2a49", "#5b7db1", "#c0392b", "#8a8f98"


def solve() -> tuple[np.ndarray, float, wdist.Estimate]:
    """What is carried from each place to the next, the work, and the exact answer with its plan."""
    carried = np.cumsum(HAVE - WANT)
    place = PLACES[:, None]
    answer = wdist.estimate(
        place, place, weights_a=HAVE, weights_b=WANT, normalize_weights=True, method=wdist.Discrete()
    )
    return carried, HAVE.sum() * answer.value, answer


def main() -> None:
    """Print the work in both ways, and draw the plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="piles_of_earth.png")
    out = parser.parse_args().out
    carried, work, answer = solve()
    print(f"carried on {carried.tolist()}, in all {np.abs(carried).sum():g}; by W1 {work:.12g}")

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    ax = figure.subplots()
    ax.bar(PLACES, HAVE, 0.55, color=BLUE, label="there is")
    ax.bar(PLACES, -WANT, 0.55, color=NAVY, label="there shall be")
    plan = answer.detail.plan
    for i, j, mass in zip(plan.rows, plan.cols, HAVE.sum() * plan.mass, strict=True):
        style = {"arrowstyle": "-|>", "color": GREY if i == j else RED, "lw": 0.6 + 0.8 * mass}
        start, end = (PLACES[i], HAVE[i] * 0.5), (PLACES[j], -WANT[j] * 0.5)
        ax.annotate("", end, start, arrowprops=style)
        if i != j:
            gap = start[0] + 0.5 * np.sign(j - i)  # between two heaps, on the arrow
            height = np.interp(0.5 / abs(i - j), [0, 1], [start[1], end[1]])
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            ax.text(gap, height, f"{mass:.2g} × {abs(i - j)}", color=RED, ha="center", va="center", bbox=box)
    ax.axhline(0, color="white", lw=1)
    ax.set(title=f"The cheapest way to carry it costs {work:.3g}", ylabel="shovels", yticks=[-4, -2, 0, 2, 4])
    ax.set_yticks([-4, -2, 0, 2, 4], ["4", "2", "0", "2", "4"])
    ax.set_xticks(PLACES, [f"place {place:g}" for place in PLACES])
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.legend(frameon=False, loc="upper center", ncols=2)
    figure.savefig(out, dpi=150)


if __name__ == "__main__":
    main()
