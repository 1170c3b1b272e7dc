"""How kappa of a clipped critic moves with the data.

Two layers of 100 ReLU, c = 0.1, 300 steps; points are the middle of five seeds, bars go from the least to the most.
Full marks are the reading over W1, hollow ones the same over the critic's own mean slope. From 2 to 128 dimensions the
raw kappa grows from 3.8 to 24 along the diagonal, and for a scaling that over the slope falls from 0.96 to 0.38. From
W1 = 0.05 to 1.5 the raw one of shifts grows from 1.0 to 3.5 (axis) and 4.4 (diagonal); over the slope it is 0.92 to
0.96, and of scalings 1.08 to 0.94. Of nine families near W1 = 1 the raw one is 2.0 to 3.9, and 0.49 in 16 funnels; over
the slope 0.87 to 1.00, and 0.62: where mass moves in many directions at once the critic sees least.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import wdist
from wdist import truth

CRITIC, SEEDS = wdist.Critic(wdist.Clip(0.1), wdist.MLP((100, 100)), steps=300), 5
LOOKS = (("#1b2a49", "o"), ("#c0392b", "s"), ("#7aa95c", "^"))
MOVES = {
    "shift along an axis": lambda d, by: truth.translation(by * truth.axis(d)),
    "shift along the diagonal": lambda d, by: truth.translation(by * truth.diagonal(d)),
    "scaling": lambda d, by: truth.scaling(d, 1 + by),
}
FAMILIES = {
    "axis": truth.translation(truth.axis(2)),
    "diagonal": truth.translation(truth.diagonal(2)),
    "random": truth.translation(truth.random_direction(2)),
    "segments": truth.wgan_example(1.0),
    "scaling": truth.scaling(2, 1.8),
    "scaling of x₁": truth.subspace_scaling(2, 1, 2.25),
    "4 funnels": truth.funnels(2, 4),
    "16 funnels": truth.funnels(2, 16, power=30.0),
    "onto 5 points": truth.valleys(2, 5, 0, kept=0.0),
}
D, BY = (2, 8, 32, 128), (0.05, 0.15, 0.5, 1.5, 4.0)
PANELS = {  # what is on the axis: lines of (where on it, case)
    "d (shifts by 1, scaling by 2)": {name: [(d, move(d, 1.0)) for d in D] for name, move in MOVES.items()},
    "W1 (d = 2)": {name: [((c := move(2, by)).w[1], c) for by in BY] for name, move in MOVES.items()},
    "family (the first four are shifts), and W1 (d = 2)": {
        "": [(f"{name}\n{case.w[1]:.2g}", case) for name, case in FAMILIES.items()]
    },
}


def kappas(case: truth.Case) -> np.ndarray:
    """Give raw dual values over W1, and those over the critic's mean slope between the samples: (seeds, 2)."""
    card = wdist.calibrate(CRITIC, [case], replicates=SEEDS)
    fits = [trial for trial in card.trials if trial.steps == card.steps]
    return np.array([(trial.said.raw / trial.w, trial.said.by("slope") / trial.w) for trial in fits])


def main() -> None:
    """Fit, print and draw all of them: the middle of the seeds, and from the least to the most."""
    figure = Figure(figsize=(9.6, 7.2), layout="constrained")
    places = figure.subplot_mosaic([["d", "W1"], ["family", "family"]]).values()
    for ax, (panel, curves) in zip(places, PANELS.items(), strict=True):
        middles, apart = [], len(curves) == 1
        for (name, runs), (colour, mark) in zip(curves.items(), LOOKS, strict=False):
            at = [x for x, _ in runs]
            found = np.array([kappas(case) for _, case in runs])  # (cases, seeds, 2)
            low, middle, high = np.quantile(found, (0, 0.5, 1), axis=1)
            bars = np.abs(np.array([low, high]) - middle)  # (2, cases, 2)
            for k, style in enumerate(("", "") if apart else ("-", "--")):
                look = {"fmt": style + mark, "color": colour, "ms": 4, "mfc": "w" if k else colour}
                ax.errorbar(at, middle[:, k], bars[..., k], **look, elinewidth=5, ecolor=colour + "50")
            middles.append(middle)
            print(panel, name, np.round([low, middle, high], 4).tolist(), flush=True)
        ranges = [f"{one.min():.2g} to {one.max():.2g}" for one in np.moveaxis(np.array(middles), -1, 0)]
        ax.set_title(f"raw kappa {ranges[0]}, over the critic's slope {ranges[1]}", fontsize=9)
        ax.set(xlabel=panel, ylabel="kappa = reading / W1", yscale="log")
        if not apart:
            ax.set_xscale("log")
    figure.axes[0].legend(figure.axes[0].containers[::2], MOVES, frameon=False, fontsize=8)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "kappa_of_data.png", dpi=150)


if __name__ == "__main__":
    main()
