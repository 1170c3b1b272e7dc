"""Can kappa be trusted? Example 1 of the WGAN paper by clipping, and fresh cases of families left out of the card.

`python examples/kappa.py [--workers N]` writes docs/kappa_line.png, docs/kappa_held_out.png and docs/kappa.json.
"""

import argparse
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


def line(theta: float, seed: int) -> tuple[float, float, float]:
    """(θ, kappa·|θ| as clipping reads it, the same over the critic's slope and calibrated as a new family)."""
    case, card = wdist.truth.wgan_example(theta), without("line")
    est = wdist.estimate(case.a, case.b, method=wdist.Calibrated(CLIPPED, card), seed=seed)
    return theta, est.detail.critic.detail.raw, est.value


def without(family: str) -> wdist.Calibration:
    return dataclasses.replace(CARD, trials=tuple(t for t in CARD.trials if t.family != family))


def held_out(family: str, which: int) -> dict[str, float | str | bool]:
    """A fresh case of a family, read by the card of the others, with and without the slope, and by its own."""
    amount = float(np.random.default_rng(which).uniform(0.15, 1.2))
    case = families(2)[family](amount, 100 + which)
    est = wdist.estimate(
        case.a, case.b, method=wdist.Calibrated(CLIPPED, without(family)), seed=which, confidence=0.9
    )
    fit = est.detail.critic.detail
    unit, raw = fit.potential.scaling.scale, without(family).by("raw")
    own, own_raw = CARD.model.curve(family), CARD.by("raw").model.curve(family)
    return {
        "family": family, "w": case.w[1], "slope": est.value,
        "raw": unit * raw.model.curve(None).solve(fit.raw / unit),
        "own": unit * own.solve(est.detail.reading), "own raw": unit * own_raw.solve(fit.raw / unit),
        "covered": est.interval.low <= case.w[1] <= est.interval.high,
    }  # fmt: skip


def main(workers: int) -> None:
    pool = Parallel(n_jobs=workers)
    lines = np.array(pool(delayed(line)(t, s) for t in THETAS for s in range(SEEDS)))
    rows = pool(delayed(held_out)(f, k) for f in CARD.families for k in range(FRESH))
    slope = float(lines[:, 1] @ abs(lines[:, 0]) / (lines[:, 0] @ lines[:, 0]))
    off = lines[:, 1] - slope * abs(lines[:, 0])
    fit = {"slope": slope, "r2": 1 - float(off @ off / np.square(lines[:, 1] - lines[:, 1].mean()).sum())}
    (DOCS / "kappa.json").write_text(
        json.dumps({"line": lines.tolist(), "fit": fit, "held_out": rows}, indent=1)
    )
    axes = Figure(figsize=(9.6, 3.8), layout="constrained").subplots(1, 2)
    axes[0].plot(
        lines[:, 0], lines[:, 1], "o", color="#1b2a49", markerfacecolor="none", label="clipped critic, raw"
    )
    grid = np.linspace(-1, 1, 101)
    axes[0].plot(
        grid, slope * abs(grid), "-", color="#5b7db1", label=f"{slope:.4g}·|θ|, R² = {fit['r2']:.3f}"
    )
    axes[0].set(xlabel="θ", ylabel="raw dual value", title="Raw: proportional to |θ| only roughly")
    axes[1].plot(grid, abs(grid), "-", color="#5b7db1", label="$W_1$ = |θ|")
    axes[1].plot(
        lines[:, 0],
        lines[:, 2],
        "o",
        color="#1b2a49",
        markerfacecolor="none",
        label="calibrated, line left out",
    )
    axes[1].plot(grid, np.where(grid == 0, 0, np.log(2)), ":", color="#c0392b", label="JS (KL is infinite)")
    axes[1].set(xlabel="θ", ylabel="distance", title="Calibrated on other families; JS is blind to |θ|")
    for ax in axes:
        ax.legend(frameon=False, fontsize=8)
    axes[0].figure.savefig(DOCS / "kappa_line.png", dpi=150)
    ax = Figure(figsize=(7.5, 4), layout="constrained").add_subplot()
    for name, shift, mark in (("raw", -0.15, "x"), ("slope", 0.15, "o")):
        at = [CARD.families.index(r["family"]) + shift for r in rows]
        ax.plot(
            at,
            [r[name] / r["w"] for r in rows],
            mark,
            color="#1b2a49",
            markerfacecolor="none",
            label=f"per {name}",
        )
    ax.axhline(1, color="#5b7db1", linewidth=1)
    ax.set_xticks(range(len(CARD.families)), CARD.families)
    covered = sum(r["covered"] for r in rows)
    ax.set(
        yscale="log",
        ylabel="calibrated / true $W_1$",
        title=f"Families left out: 90 % intervals hold {covered} of {len(rows)}",
    )
    ax.legend(frameon=False)
    ax.figure.savefig(DOCS / "kappa_held_out.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    main(parser.parse_args().workers)
