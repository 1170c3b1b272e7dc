"""How kappa of a clipped critic moves with its settings.

Shifts by one and a scaling in the plane by 2 × 100 ReLU; solid is the reading over W1, the middle of five seeds. With
c from 0.01 to 0.3 it goes from 0.0022 to 34, for one case by a factor of 7,000 to 12,000 where c³h² has 27,000; with
75 to 1200 steps it grows 2.1 to 2.8 times; from weights at or above zero it is twice to 2.6 times as large. Nine of ten
seeds are within −15 to +11 % of the middle. Dashed is the same over the critic's own mean slope: 0.90 to 1.06 for all c
and steps, nine of ten seeds within ±3 %; but from that start 0.62 for the scaling beside 0.84 to 0.98 for shifts.
"""

import sys

import numpy as np
import torch
from matplotlib.figure import Figure

import wdist
from wdist.truth import axis, diagonal, scaling, translation

NET, POINTS = wdist.MLP((100, 100)), 2048
CASES = {
    "shift along an axis": (translation(axis(2)), "#1b2a49", "o"),
    "shift along the diagonal": (translation(diagonal(2)), "#c0392b", "s"),
    "scaling by 2": (scaling(2, 2.0), "#7aa95c", "^"),
}


class NonNegative(wdist.Clip):
    """A clipped critic whose weights start at or above zero, near the corner where all of them are c."""

    def prepare(self, net: torch.nn.Module) -> torch.nn.Module:
        """Turn the signs of the weights, then clip."""
        net.load_state_dict({k: v.abs() if k.endswith("weight") else v for k, v in net.state_dict().items()})
        return super().prepare(net)


TENTH, C, STEPS, MANY = wdist.Clip(0.1), (0.01, 0.03, 0.1, 0.3), (75, 150, 300, 600, 1200), 30
PANELS = {  # what is on the axis: where on it, and constraint and steps there
    "c, 300 steps": (C, [(wdist.Clip(c), 300) for c in C]),
    "steps, c = 0.1": (STEPS, [(TENTH, n) for n in STEPS]),
    "steps, c = 0.1, start not negative": (STEPS, [(NonNegative(0.1), n) for n in STEPS]),
    f"{MANY} seeds in order, c = 0.1, 300 steps": (range(1, MANY + 1), [(TENTH, 300)]),
}


def kappas(case: wdist.truth.Case, clip: wdist.Clip, steps: int, seed: int) -> tuple[float, float]:
    """Give the dual value over W1, and that over the critic's mean slope on segments between the samples."""
    method = wdist.Critic(clip, NET, steps=steps)
    detail = wdist.estimate(case.a, case.b, method=method, seed=seed).detail
    rng = torch.Generator().manual_seed(seed)
    x, y = (law.draw(POINTS, rng) for law in (case.a, case.b))
    between = torch.lerp(y, x, torch.rand(POINTS, 1, generator=rng, dtype=x.dtype))
    slope = float(torch.linalg.vector_norm(detail.potential.gradient(between), dim=1).mean())
    return detail.raw / case.w[1], detail.raw / case.w[1] / slope


def main() -> None:
    """Fit, print and draw all of them."""
    figure = Figure(figsize=(9.6, 6.8), layout="constrained")
    for ax, (panel, (at, fits)) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        drawn, alone = [], len(fits) == 1  # alone: seeds are on the axis, and the band holds nine tenths
        for name, (case, colour, mark) in CASES.items():
            found = np.array([[kappas(case, *one, k) for k in range(MANY if alone else 5)] for one in fits])
            low, middle, high = np.quantile(found, (0.05, 0.5, 0.95) if alone else (0, 0.5, 1), axis=1)
            for k, style in enumerate(("-", "--")):
                ax.fill_between(at, low[:, k], high[:, k], color=colour, alpha=0.2)
                line = np.sort(found[0, :, k]) if alone else middle[:, k]
                ax.plot(at, line, style + mark, color=colour, markersize=4, label="_" if k else name)
            drawn.append([low, high] if alone else middle)
            print(panel, name, np.round([low, middle, high], 4).tolist(), flush=True)
        ranges = [f"{one.min():.2g} to {one.max():.2g}" for one in np.moveaxis(np.array(drawn), -1, 0)]
        ax.set_title(f"raw kappa {ranges[0]}, over the critic's slope {ranges[1]}", fontsize=9)
        ax.set(xlabel=panel, ylabel="kappa = reading / W1", xscale="linear" if alone else "log", yscale="log")
    for root, style, label in ((1, ":", "c³h²"), (2**0.5, "-.", "√2 c³h²")):  # the corner of the box
        figure.axes[0].plot(C, root * 1e4 * np.power(C, 3), "k" + style, lw=1, label=label)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "kappa_moves.png", dpi=150)


if __name__ == "__main__":
    main()
