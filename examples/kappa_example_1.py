"""Example 1 of the WGAN paper, read by a clipped critic.

Two parallel segments, θ apart: W1 is |θ|, the Jensen-Shannon divergence log 2 at every θ but zero, the
Kullback-Leibler divergence infinite. A critic with weights clipped to ±0.01 reads kappa·|θ|: three fits of 1500 steps
of ten θ each give a line of slope 0.00401 ± 0.00011 through 0.00017 (R² = 0.978). Yet reading / |θ| goes from 0.0037
to 0.0052, and at one θ seeds differ by up to a fifth: on one family, in one direction, at one budget, kappa is a curve.
[Calibration](../docs/kappa.md) says when it can be undone.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import linregress

import wdist

THETAS = (-1.0, -0.7, -0.4, -0.2, -0.1, 0.1, 0.2, 0.4, 0.7, 1.0)


def main() -> None:
    """Fit a critic for each θ and seed, print the line through the readings, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--c", type=float, default=0.01, help="weights are clipped to [-c, c]")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="kappa_example_1.png")
    given = parser.parse_args()
    method = wdist.Critic(wdist.Clip(given.c), wdist.MLP((100, 100)), steps=given.steps)
    found = []
    for theta in THETAS:
        case = wdist.truth.wgan_example(theta)
        for seed in range(given.seeds):
            found.append((theta, wdist.estimate(case.a, case.b, method=method, seed=seed).value))
    theta, reading = np.array(found).T
    line = linregress(np.abs(theta), reading)
    print(
        f"kappa = {line.slope:.4g} ± {line.stderr:.2g}, at θ = 0 {line.intercept:.2g}, R² = {line.rvalue**2:.4f}"
    )
    print(
        f"reading / |θ| from {np.min(reading / np.abs(theta)):.4g} to {np.max(reading / np.abs(theta)):.4g}"
    )

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    ax = figure.subplots()
    ax.plot(
        theta, reading, "o", color="#1b2a49", markerfacecolor="none", label="clipped critic, each θ and seed"
    )
    at = np.linspace(-1, 1, 201)
    ax.plot(
        at,
        line.intercept + line.slope * np.abs(at),
        color="#5b7db1",
        label=f"{line.intercept:.2g} + {line.slope:.3g} |θ|",
    )
    divergence = ax.twinx()
    divergence.plot(
        [-1, 1], [math.log(2)] * 2, "--", color="#c0392b", label="JS = log 2, θ ≠ 0 (right); KL = ∞"
    )
    divergence.plot([0], [0], "s", color="#c0392b")
    ax.set(xlabel="θ", ylabel="reading", ylim=(0, None))
    divergence.set(ylabel="Jensen-Shannon divergence", ylim=(0, 1))
    handles = [artist for one in (ax, divergence) for artist in one.get_legend_handles_labels()[0]]
    ax.legend(handles=handles, frameon=False, fontsize=8, loc="upper center")
    figure.savefig(given.out, dpi=150)


if __name__ == "__main__":
    main()
