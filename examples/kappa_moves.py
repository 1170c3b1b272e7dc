"""How kappa of a weight-clipped critic moves: with c, with the steps, with the start of its weights, and with d.

For three ways of moving mass, each with the range over seeds: the raw dual value over W1 (lines), and the same over the
critic's own mean slope between the samples (dashes). Run it as `python examples/kappa_moves.py --out figure.png`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

import wdist
from wdist.truth import axis, diagonal, scaling, translation

NET, SEEDS, POINTS = wdist.MLP((100, 100)), range(3), 2048
CASES = {
    "shift along an axis": lambda d: translation(axis(d)),
    "shift along the diagonal": lambda d: translation(diagonal(d)),
    "scaling by 2": lambda d: scaling(d, 2.0),
}
CS, STEPS, DIMS = (0.01, 0.03, 0.1, 0.3), (75, 150, 300, 600, 1200), (2, 8, 32, 128)


@dataclass(frozen=True)
class NonNegative(wdist.Clip):
    """A clipped critic whose weights start at or above zero, near the corner where all of them are c."""

    @torch.no_grad()
    def prepare(self, net: torch.nn.Module) -> torch.nn.Module:
        """Turn the signs of the weights, then clip."""
        for name, parameter in net.named_parameters():
            if name.endswith("weight"):
                parameter.abs_()
        return super().prepare(net)


def kappas(case: wdist.truth.Case, method: wdist.Critic, seed: int) -> tuple[float, float]:
    """Give the dual value over W1, and that over the critic's mean slope on segments between the samples."""
    detail = wdist.estimate(case.a, case.b, method=method, seed=seed).detail
    rng = torch.Generator().manual_seed(seed)
    x, y = (law.draw(POINTS, rng) for law in (case.a, case.b))
    between = torch.lerp(y, x, torch.rand(POINTS, 1, generator=rng, dtype=x.dtype))
    slope = float(torch.linalg.vector_norm(detail.potential.gradient(between), dim=1).mean())
    return detail.raw / case.w[1], detail.raw / case.w[1] / slope


def main() -> None:
    """Fit, print and draw a panel for each of the four."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="kappa_moves.png")
    panels = {
        "c, 300 steps": [(c, 2, wdist.Critic(wdist.Clip(c), NET)) for c in CS],
        "steps, c = 0.1": [(n, 2, wdist.Critic(wdist.Clip(0.1), NET, steps=n)) for n in STEPS],
        "steps, non-negative start": [(n, 2, wdist.Critic(NonNegative(0.1), NET, steps=n)) for n in STEPS],
        "dimension, c = 0.1": [(d, d, wdist.Critic(wdist.Clip(0.1), NET)) for d in DIMS],
    }
    given = parser.parse_args()
    figure = Figure(figsize=(9.6, 6.6), layout="constrained")
    for ax, (panel, runs) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        everything = []
        for (name, case), colour, mark in zip(
            CASES.items(), ("#1b2a49", "#c0392b", "#7aa95c"), "os^", strict=True
        ):
            found = np.array(
                [[kappas(case(d), method, seed) for seed in SEEDS] for _, d, method in runs]
            )  # (x, seed, 2)
            at = [x for x, _, _ in runs]
            for k, style in enumerate(("-", "--")):
                ax.fill_between(
                    at, found[:, :, k].min(axis=1), found[:, :, k].max(axis=1), color=colour, alpha=0.2
                )
                ax.plot(
                    at,
                    found[:, :, k].mean(axis=1),
                    style + mark,
                    color=colour,
                    markersize=4,
                    label=None if k else name,
                )
            everything.append(found.mean(axis=1))
            for x, row in zip(at, found, strict=True):
                told = (f"{np.mean(one):.4g} ({np.min(one):.4g} to {np.max(one):.4g})" for one in row.T)
                print(f"{panel} | {x:g} | {name} | {' | '.join(told)}", flush=True)
        raw, over = (np.array(everything)[:, :, k] for k in range(2))
        ends = [f"{np.min(one):.2g} to {np.max(one):.2g}" for one in (raw, over)]
        ax.set_title(f"raw {ends[0]}; over its own slope {ends[1]}", fontsize=9)
        ax.set(xlabel=panel, ylabel="kappa = reading / W1", xscale="log", yscale="log")
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(given.out, dpi=150)


if __name__ == "__main__":
    main()
