"""How kappa of a clipped critic moves.

Three ways of moving mass by a network of two layers of 100 ReLU, three seeds each. Solid is the reading over W1: it
goes from 0.0021 to 34 with c from 0.01 to 0.3, doubles to trebles from 75 to 1200 steps, is two to five times as
large from weights that start at or above zero, and in 128 dimensions 25 along the diagonal where it is 1.8 for a
scaling. Dashed is the same over the critic's own mean slope: 0.90 to 1.06 for every c and number of steps in the
plane, but 0.63 to 0.97 from a non-negative start, and in 128 dimensions 0.39 for the scaling. So a card is made for
one setting and one dimension, and goes by the dashes.
"""

import sys

import numpy as np
import torch
from matplotlib.figure import Figure

import wdist
from wdist.truth import axis, diagonal, scaling, translation

NET, SEEDS, POINTS = wdist.MLP((100, 100)), range(3), 2048
CASES = {
    "shift along an axis": (lambda d: translation(axis(d)), "#1b2a49", "o"),
    "shift along the diagonal": (lambda d: translation(diagonal(d)), "#c0392b", "s"),
    "scaling by 2": (lambda d: scaling(d, 2.0), "#7aa95c", "^"),
}


class NonNegative(wdist.Clip):
    """A clipped critic whose weights start at or above zero, near the corner where all of them are c."""

    @torch.no_grad()
    def prepare(self, net: torch.nn.Module) -> torch.nn.Module:
        """Turn the signs of the weights, then clip."""
        for name, weight in net.named_parameters():
            weight.copy_(weight.abs() if name.endswith("weight") else weight)
        return super().prepare(net)


TENTH, STEPS = wdist.Clip(0.1), (75, 150, 300, 600, 1200)
PANELS = {  # what is on the axis: (where on it, dimension, constraint, steps)
    "c, d = 2, 300 steps": [(c, 2, wdist.Clip(c), 300) for c in (0.01, 0.03, 0.1, 0.3)],
    "steps, c = 0.1, d = 2": [(n, 2, TENTH, n) for n in STEPS],
    "steps, c = 0.1, d = 2, start not negative": [(n, 2, NonNegative(0.1), n) for n in STEPS],
    "d, c = 0.1, 300 steps": [(d, d, TENTH, 300) for d in (2, 8, 32, 128)],
}


def kappas(case: wdist.truth.Case, method: wdist.Critic, seed: int) -> tuple[float, float]:
    """Give the dual value over W1, and that over the critic's mean slope on segments between the samples."""
    detail = wdist.estimate(case.a, case.b, method=method, seed=seed).detail
    rng = torch.Generator().manual_seed(seed)
    x, y = (law.draw(POINTS, rng) for law in (case.a, case.b))
    between = torch.lerp(y, x, torch.rand(POINTS, 1, generator=rng, dtype=x.dtype))
    slope = float(torch.linalg.vector_norm(detail.potential.gradient(between), dim=1).mean())
    return detail.raw / case.w[1], detail.raw / case.w[1] / slope


def main() -> None:
    """Fit, print and draw all of them."""
    figure = Figure(figsize=(9.6, 6.6), layout="constrained")
    for ax, (panel, runs) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        at, everything = [x for x, *_ in runs], []
        for name, (case, colour, mark) in CASES.items():
            critics = [(case(d), wdist.Critic(clip, NET, steps=steps)) for _, d, clip, steps in runs]
            found = np.array([[kappas(*pair, seed) for seed in SEEDS] for pair in critics])
            low, middle, high = (f(found, axis=1) for f in (np.min, np.mean, np.max))
            for k, style in enumerate(("-", "--")):
                ax.fill_between(at, low[:, k], high[:, k], color=colour, alpha=0.2)
                ax.plot(at, middle[:, k], style + mark, color=colour, markersize=4, label="_" if k else name)
            everything.append(middle)
            print(f"{panel}, {name}: raw, over the slope {middle.round(4).tolist()}", flush=True)
        ranges = [f"{one.min():.2g} to {one.max():.2g}" for one in np.moveaxis(everything, 2, 0)]
        ax.set_title(f"raw kappa {ranges[0]}, over the critic's slope {ranges[1]}", fontsize=9)
        ax.set(xlabel=panel, ylabel="kappa = reading / W1", xscale="log", yscale="log")
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "kappa_moves.png", dpi=150)


if __name__ == "__main__":
    main()
