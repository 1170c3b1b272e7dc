"""Molecules from a WGAN on graphs.

DRAFT
"""

import argparse

import torch
from matplotlib.figure import Figure

import wdist
from wdist import gan
from wdist.gan import molecules

LAYOUT, ADAM = gan.GraphLayout(), gan.Adam(2e-3, (0.5, 0.9))
NAVY, GOLD, GREY = "#1b2a49", "#b9a46b", "#8a8f98"


def trainer(steps: int, seed: int = 0) -> gan.Trainer:
    """A WGAN-GP on the graphs of QM9, its rates falling to zero over so many steps."""
    data = wdist.datasets.qm9()
    config = gan.WGANConfig(
        data=LAYOUT.encode(data.nodes, data.adj), generator=gan.GraphGenerator(LAYOUT), n_critic=2, ema=0.99,
        critic=gan.GraphCritic(LAYOUT), constraint=wdist.GradientPenalty(10.0), generator_optimizer=ADAM,
        critic_optimizer=ADAM, schedule="linear", steps=steps,
    )  # fmt: skip
    return gan.Trainer(config, seed=seed)


def score(one: gan.Trainer, n: int, seed: int = 1) -> gan.MoleculeScore:
    """Of so many molecules that its generator makes."""
    drawn = LAYOUT.decode(one.generator.draw(n, torch.Generator().manual_seed(seed)))
    return molecules.score(*drawn, set(wdist.datasets.qm9().smiles))


def main() -> None:
    """Train, print the score beside the baseline's, and draw the first new molecules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--out", default="molecules.png")
    given = parser.parse_args()
    data = wdist.datasets.qm9()
    known = set(data.smiles)
    base = molecules.score(*molecules.by_marginals(data, 5000), known)
    print(f"by marginals: {base}, product {base.product:.3f}")
    one, curve = trainer(given.steps), []
    for report in one.steps(given.steps):
        if report.step % max(1, given.steps // 20) == 0:
            curve.append((report.step, score(one, 1000).product))
            print(f"step {report.step}: product {curve[-1][1]:.3f} of 1000", flush=True)
    found = score(one, 5000)
    print(f"trained: {found}, product {found.product:.3f}")
    drawn = molecules.smiles(*LAYOUT.decode(one.generator.draw(200, torch.Generator().manual_seed(2))))
    new = list(dict.fromkeys(line for line in drawn if line and "." not in line and line not in known))
    figure = Figure(figsize=(10.4, 5.0), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.2))
    left.plot(*zip(*curve, strict=True), "o-", color=NAVY, markersize=3)
    left.axhline(base.product, color=GOLD, linestyle="--")
    left.annotate("every node and bond for itself", (0, base.product), color=GREY, va="bottom", fontsize=8)
    left.set(title="distinct whole molecules a graph", xlabel="generator steps", ylim=(0, 1))
    left.spines[["top", "right"]].set_visible(False)
    right.imshow(molecules.picture(new[:24]))
    right.set(title="the first 24 that are not among the 5000")
    right.axis("off")
    figure.savefig(given.out, dpi=150)


if __name__ == "__main__":
    main()
