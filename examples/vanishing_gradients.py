"""A deep clipped critic: gradients vanish or explode.

Twelve layers of 128 ReLU units between a Swiss roll and its blurred copy, 300 steps. On its way back through ten of
them the gradient of a clipped critic grows by 6.3 a layer for c = 0.1, and falls to 0.075 and 0.0079 of itself a layer
for 0.01 and 0.001: from 0.001 to 1e-24. Under a penalty it stays, 0.044 to 0.062. Batch normalisation holds it for all
three, at 1.1 to 1.3 a layer, so what vanishes is no fault of clipping alone; layer normalisation does not: 0.9, 0.33
and 0.58. But under batch normalisation f at one point depends on the others, and a penalty on its slope is refused.
"""

import sys
from itertools import pairwise

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import wdist
from wdist.critic.step import CriticStep
from wdist.gan.layers import linear
from wdist.gan.toys import SwissRoll

LAYERS, WIDTH, BATCH = 12, 128, 256
NORMS = {
    "no normalisation": nn.Identity,
    "layer normalisation": lambda: nn.LayerNorm(WIDTH, elementwise_affine=False),
    "batch normalisation": lambda: nn.BatchNorm1d(WIDTH, affine=False, track_running_stats=False),
}
CLIPPED = {0.1: "#c0392b", 0.01: "#d9a441", 0.001: "#5b7db1"}
CRITICS = {f"clipped, c = {c}": (wdist.Clip(c), colour) for c, colour in CLIPPED.items()}
CRITICS["penalty, λ = 10"] = wdist.GradientPenalty(10.0), "#1b2a49"


def deep(norm: str, rng: torch.Generator) -> nn.Sequential:
    """Layers of ReLU units, normalised before the ReLU or not, and a last one that gives the value, (n, 1)."""
    sizes = pairwise([2] + [WIDTH] * (LAYERS - 1))
    hidden = [nn.Sequential(linear(*size, rng, torch.float64), NORMS[norm](), nn.ReLU()) for size in sizes]
    return nn.Sequential(*hidden, linear(WIDTH, 1, rng, torch.float64), nn.Flatten(0))


def pair(rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points of the Swiss roll, and others with standard Gaussian noise, (n, 2) each."""
    noise = torch.randn(BATCH, 2, generator=rng)
    return SwissRoll().draw(BATCH, rng).double(), (SwissRoll().draw(BATCH, rng) + noise).double()


def gradients(constraint: wdist.Constraint, norm: str, steps: int, seed: int = 0) -> np.ndarray:
    """Norm of the gradient of a critic's value, after so many steps, in the output of each hidden layer."""
    rng = torch.Generator().manual_seed(seed)
    net = constraint.prepare(deep(norm, rng))
    step = CriticStep(net, constraint, constraint.optimizer(net, None))
    for _ in range(steps):
        step(*pair(rng), rng)
    outputs = [torch.cat(pair(rng))]
    for layer in net:
        outputs.append(layer(outputs[-1]))
    value = outputs[-1][:BATCH].mean() - outputs[-1][BATCH:].mean()
    return np.array([float(g.norm()) for g in torch.autograd.grad(value, outputs[1:LAYERS])])


def main() -> None:
    """Print by what factor the gradient changes from layer to layer on its way back, and draw it."""
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    figure.suptitle("A critic of twelve layers: what is left of the gradient on its way back from the value")
    for ax, norm in zip(figure.subplots(1, 3, sharey=True), NORMS, strict=True):
        several = "batch" in norm  # points, on which f at one depends: a penalty on its slope is refused
        for name, (constraint, colour) in list(CRITICS.items())[: 3 if several else 4]:
            norms = gradients(constraint, norm, 300)
            factor = (norms[0] / norms[-1]) ** (1 / (LAYERS - 2))
            print(f"{norm}, {name}: {norms[-1]:.2g} to {norms[0]:.2g}, × {factor:.2g} a layer", flush=True)
            ax.semilogy(range(1, LAYERS), norms, "o-", markersize=3, color=colour, label=name)
        ax.set(title=norm, xlabel="hidden layer, of 11", xticks=[1, 6, 11], ylim=(1e-25, 1e10))
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("norm of the gradient")
    figure.axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "vanishing_gradients.png", dpi=150)


if __name__ == "__main__":
    main()
