"""Can kappa be trusted? Example 1 of the WGAN paper, and families left out of the card: docs/kappa*.png, .json."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from matplotlib.figure import Figure

import wdist
from wdist.calibration.families import families

DOCS = Path(__file__).parents[1] / "docs"
CARD = wdist.Calibration.load("clip-0.01-2x100-d2")
CLIPPED = wdist.Critic(wdist.Clip(0.01), wdist.MLP((100, 100)))
THETAS, SEEDS, FRESH = (-1.0, -0.6, -0.3, -0.1, 0.1, 0.3, 0.6, 1.0), 2, 5
MIDDLE, OPEN = "#5b7db1", {"color": "#1b2a49", "markerfacecolor": "none"}


def without(family):
    return dataclasses.replace(CARD, trials=tuple(t for t in CARD.trials if t.family != family))


def line(theta, seed):
    """(θ, what clipping reads, the same calibrated by the other families)."""
    case = wdist.truth.wgan_example(theta)
    est = wdist.estimate(case.a, case.b, method=wdist.Calibrated(CLIPPED, without("line")), seed=seed)
    return theta, est.detail.critic.detail.raw, est.value


# fmt: off
def held_out(family, which):
    """A fresh case of a family, read by a card without it, per slope and raw, and by its own curves."""
    amount, card = float(np.random.default_rng(which).uniform(0.15, 1.2)), without(family)
    case = families(2)[family](amount, 100 + which)
    est = wdist.estimate(case.a, case.b, method=wdist.Calibrated(CLIPPED, card), seed=which, confidence=0.9)
    fit = est.detail.critic.detail
    unit, raw = fit.potential.scaling.scale, fit.raw / fit.potential.scaling.scale
    found = {"family": family, "w": case.w[1], "slope": est.value, "raw": unit * card.by("raw").model.pooled.solve(raw)}
    found["own"] = unit * CARD.model.curves[family].solve(est.detail.reading)
    found["own raw"] = unit * CARD.by("raw").model.curves[family].solve(raw)
    return found | {"covered": est.interval.low <= case.w[1] <= est.interval.high}


def main():
    pool = Parallel(n_jobs=2)
    theta, raw, value = np.array(pool(delayed(line)(t, s) for t in THETAS for s in range(SEEDS))).T
    rows = pool(delayed(held_out)(f, k) for f in CARD.families for k in range(FRESH))
    slope = float(raw @ abs(theta) / (theta @ theta))
    r2 = 1 - float(np.square(raw - slope * abs(theta)).sum() / np.square(raw - raw.mean()).sum())
    kept = {"theta": theta.tolist(), "raw": raw.tolist(), "calibrated": value.tolist(), "slope": slope, "r2": r2}
    (DOCS / "kappa.json").write_text(json.dumps(kept | {"held_out": rows}, indent=1))
    left, right = Figure(figsize=(9.6, 3.8), layout="constrained").subplots(1, 2)
    grid = np.linspace(-1, 1, 201)
    left.plot(theta, raw, "o", **OPEN, label="clipped critic")
    left.plot(grid, slope * abs(grid), color=MIDDLE, label=f"{slope:.4g}·|θ|, R² = {r2:.3f}")
    left.set(xlabel="θ", ylabel="raw dual value", title="kappa·|θ| as the clipped critic reads it")
    right.plot(grid, abs(grid), color=MIDDLE, label="$W_1$ = |θ|")
    right.plot(theta, value, "o", **OPEN, label="calibrated, this family left out")
    right.plot(grid, np.where(grid == 0, 0, np.log(2)), ":", color="#1b2a49", label="JS = log 2 (KL is infinite)")
    right.set(xlabel="θ", ylabel="distance", title="Calibrated on the other families; JS beside it")
    _ = [axis.legend(frameon=False, fontsize=8) for axis in (left, right)]
    left.figure.savefig(DOCS / "kappa_line.png", dpi=150)
    ax = Figure(figsize=(8, 4), layout="constrained").add_subplot()
    for name, shift, mark in (("raw", -0.15, "x"), ("slope", 0.15, "o")):
        at = [CARD.families.index(row["family"]) + shift for row in rows]
        ax.plot(at, [row[name] / row["w"] for row in rows], mark, **OPEN, label=f"read per {name}")
    ax.set_xticks(range(len(CARD.families)), CARD.families)
    ax.set(yscale="log", ylabel="calibrated / true $W_1$")
    ax.set_title(f"Each family left out: the 90 % interval holds {sum(r['covered'] for r in rows)} of {len(rows)}")
    ax.axhline(1, color=MIDDLE)
    ax.legend(frameon=False)
    ax.figure.savefig(DOCS / "kappa_held_out.png", dpi=150)


if __name__ == "__main__":
    main()
