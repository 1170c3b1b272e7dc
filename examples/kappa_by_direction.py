"""How kappa of a clipped critic moves with the direction.

A shift by one, turned from an axis (0°) towards the diagonal of all other axes (90°), by two layers of 100 ReLU and
c = 0.1; lines are the middle of five seeds, bands go from the least to the most. A net whose weights are all c has
slope c³h²·|u|₁ in direction u: √2 times as steep along the diagonal of the plane (45°) as on an axis, 4 times in 16
dimensions (76°). Raw kappa follows that in part: from 3.3 to 3.8 in the plane, from 3.5 to 9.9 in 16 dimensions. Over
the critic's own slope it stays at 0.88 to 0.93 in the plane, but in 16 dimensions it falls from 0.91 on the axis to
0.74 at 15 and 30°, where one coordinate has most of the shift and the others the rest, and rises to 0.96. So even a
shift of one length has no one kappa there.
"""

import math
import sys

import numpy as np
from matplotlib.figure import Figure

import wdist
from wdist.truth import Case, axis, translation

C, STEPS, SEEDS, DEGREES = 0.1, 300, 5, range(0, 91, 15)
CRITIC = wdist.Critic(wdist.Clip(C), wdist.MLP((100, 100)), steps=STEPS)
LOOKS = {2: ("#1b2a49", "o"), 16: ("#c0392b", "s")}


def shift(d: int, degrees: float) -> Case:
    """Give a shift by one, at so many degrees from the first axis towards the diagonal of all others."""
    angle, others = math.radians(degrees), (1 - axis(d)) / math.sqrt(d - 1)
    return translation(math.cos(angle) * axis(d) + math.sin(angle) * others)


def kappas(case: Case) -> np.ndarray:
    """Give raw dual values over W1, and those over the critic's mean slope between the samples: (seeds, 2)."""
    card = wdist.calibrate(CRITIC, [case], replicates=SEEDS)
    fits = [trial for trial in card.trials if trial.steps == card.steps]
    return np.array([(trial.said.raw / trial.w, trial.said.by("slope") / trial.w) for trial in fits])


def main() -> None:
    """Fit, print and draw: the middle of the seeds, and from the least to the most."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    raw, over = figure.subplots(1, 2)
    drawn = []
    for d, (colour, mark) in LOOKS.items():
        found = np.array([kappas(shift(d, degrees)) for degrees in DEGREES])  # (directions, seeds, 2)
        low, middle, high = np.quantile(found, (0, 0.5, 1), axis=1)
        for k, ax in enumerate((raw, over)):
            ax.fill_between(DEGREES, low[:, k], high[:, k], color=colour, alpha=0.2)
            ax.plot(DEGREES, middle[:, k], "-" + mark, color=colour, ms=4, label=f"d = {d}")
        fine = np.radians(np.linspace(0, 90, 91))
        sums = np.cos(fine) + math.sqrt(d - 1) * np.sin(
            fine
        )  # |u|₁: the slope of the corner of the box over c³h²
        raw.plot(
            np.degrees(fine), middle[0, 0] * sums, ":", color=colour, label=f"kappa at 0° times |u|₁, d = {d}"
        )
        drawn.append(middle)
        print(d, np.round([low, middle, high], 4).tolist(), flush=True)
    ranges = [f"{one.min():.2g} to {one.max():.2g}" for one in np.moveaxis(np.array(drawn), -1, 0)]
    raw.set(title=f"raw kappa {ranges[0]}", yscale="log")
    over.set(title=f"over the critic's slope {ranges[1]}", ylim=(0, 1.1))
    for ax in (raw, over):
        ax.set(xlabel="degrees from an axis", ylabel="kappa = reading / W1", xticks=DEGREES)
    raw.legend(frameon=False, fontsize=8)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "kappa_by_direction.png", dpi=150)


if __name__ == "__main__":
    main()
