"""The game x·y: what simultaneous gradient steps do.

One player moves x to make x·y small, the other y to make it large; the only rest is (0, 0). From (1, 1), simultaneous
steps of 0.1 multiply the distance from it by √(1 + 0.1²) each: 12 times as far after 500. A smaller rate only makes
that slower: of 0.02, 1.1 times after 500 steps, and 1.6 times after as long a way. Alternating steps stay on an
ellipse, from 0.95 to 1 times as far for ever. Extragradient, a step along the gradient where a first step would lead,
arrives: 0.083 times as far after 500.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from matplotlib.figure import Figure

NAVY, BLUE, RED, GREY = "#1b2a49", "#5b7db1", "#c0392b", "#8a8f98"


def play(rule: str, rate: float, steps: int) -> np.ndarray:
    """The path from (1, 1), shape (steps + 1, 2)."""
    x = y = 1.0
    path = [(x, y)]
    for _ in range(steps):
        if rule == "alternating":
            x -= rate * y
            y += rate * x
        elif rule == "extragradient":
            ahead_x, ahead_y = x - rate * y, y + rate * x
            x, y = x - rate * ahead_y, y + rate * ahead_x
        else:
            x, y = x - rate * y, y + rate * x
        path.append((x, y))
    return np.array(path)


GAMES = (
    ("simultaneous", 0.1, RED, "center"),
    ("simultaneous", 0.02, GREY, "bottom"),
    ("alternating", 0.1, BLUE, "top"),
    ("extragradient", 0.1, NAVY, "center"),
)


def main() -> None:
    """Print how far each rule is from (0, 0) at the end and on the way, and draw the paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--out", default="bilinear_game.png")
    given = parser.parse_args()
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    paths, distance = figure.subplots(1, 2)
    for rule, rate, colour, side in GAMES:
        path = play(rule, rate, given.steps)
        off = np.hypot(*path.T) / math.sqrt(2)
        print(f"{rule}, {rate}: {off[-1]:.4g} times as far, {off.min():.4g} to {off.max():.4g} on the way")
        paths.plot(*path.T, color=colour, lw=1)
        distance.plot(off, color=colour, lw=2)
        distance.annotate(f" {rule}, {rate}", (given.steps, off[-1]), color=colour, va=side, fontsize=9)
    long = play("simultaneous", 0.02, 5 * given.steps)[-1]
    print(f"simultaneous, rate 0.02, five times the steps: {math.hypot(*long) / math.sqrt(2):.4g}")
    paths.set(title="From (1, 1), round and round", xlabel="x", ylabel="y", aspect="equal")
    paths.set(xlim=(-6, 6), ylim=(-6, 6))
    distance.set(title="Distance from the rest, over the first", xlabel="steps", yscale="log")
    distance.set_xlim(0, 1.55 * given.steps)
    for ax in (paths, distance):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(given.out, dpi=150)


if __name__ == "__main__":
    main()
