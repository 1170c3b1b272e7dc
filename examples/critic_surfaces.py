"""Critics as landscapes: clipped, penalised, certified.

Each is fitted between a law and the same with its own spread added as noise. Under it stands what it finds: the value
on unseen points over its steepest slope in the picture, in shares of W1. A clipped critic sees a hill: 41, 64 and 62 %,
no mode a peak, readings of 14, 30 and 11 for 1.15, 1.61 and 0.61. A penalty of 0.1 has all 8 modes for peaks, but one
of the 25, where its 59 % are no better than clipping; one of 10 finds 66, 82 and 81 % with 2 and 1 peaks after 1500
steps. Certified critics find 100, 100 and 96 %, and all 8 and 25 modes.
"""

import sys
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure

import wdist
from wdist.gan.toys import Mixture, SwissRoll, grid, ring

NET = wdist.MLP((128, 128, 128))
HELD = {"clipped, c = 0.1": wdist.Clip(0.1), "penalty, λ = 0.1": wdist.GradientPenalty(0.1)}
HELD["penalty, λ = 10"] = wdist.GradientPenalty(10.0)
CRITICS = {name: wdist.Critic(constraint, NET, steps=1500) for name, constraint in HELD.items()}
CRITICS["certified"] = wdist.Critic(wdist.Orthonormal())
LAWS = {"8 Gaussians": (ring(), 1.4), "25 Gaussians": (grid(), 2.8), "Swiss roll": (SwissRoll(), 1.0)}


@dataclass(frozen=True)
class Blurred:
    """A law with Gaussian noise added, as of a generator that has not yet learnt: a source of one's own."""

    law: Mixture | SwissRoll
    noise: float
    dim: int = 2

    def draw(self, n: int, rng: torch.Generator) -> torch.Tensor:
        return self.law.draw(n, rng) + self.noise * torch.randn(n, 2, generator=rng)


def plane(noise: float, side: int = 160) -> torch.Tensor:
    """Where a critic is looked at, (side², 2)."""
    return torch.cartesian_prod(*[torch.linspace(-2.3 * noise, 2.3 * noise, side)] * 2)


def look(law: str, critic: wdist.Critic) -> tuple[wdist.Potential, float, float]:
    """Fit a critic between a law and the same blurred: itself, its held-out value, its steepest slope in the plane."""
    real, noise = LAWS[law]
    found = wdist.estimate(real, Blurred(real, noise), method=critic, seed=0).detail
    return found.potential, found.raw, float(found.potential.gradient(plane(noise)).norm(dim=1).max())


def peaks(f: wdist.Potential, law: str) -> int:
    """Count the modes where f is higher than a quarter of the noise away, in each of 16 directions."""
    real, noise = LAWS[law]
    around = real.centres[:, None] + ring(16, noise / 4).centres  # (k, 16, 2)
    return int((f(real.centres) > f(around.flatten(0, 1)).reshape(-1, 16).amax(dim=1)).sum())


def main() -> None:
    """Print what share of W1 each critic finds, and draw them all."""
    figure = Figure(figsize=(10.4, 8.4), layout="constrained")
    figure.suptitle("What a critic makes of the plane, between a law and its blurred copy", fontsize=14)
    for row, (law, (real, noise)) in zip(figure.subplots(3, 4), LAWS.items(), strict=True):
        rng = torch.Generator().manual_seed(1)
        x, y = real.draw(8000, rng), Blurred(real, noise).draw(8000, rng)
        exact = wdist.estimate(x, y, method="discrete").value
        for ax, (name, critic) in zip(row, CRITICS.items(), strict=True):
            f, value, slope = look(law, critic)
            share, seen = value / slope / exact, peaks(f, law) if "Gauss" in law else "no"
            print(f"{law}, W1 {exact:.3g}; {name}: {value:.3g}, slope {slope:.3g}, {share:.0%}, {seen} peaks")
            field = [part.reshape(160, 160) for part in (*plane(noise).T, f(plane(noise)))]
            ax.contourf(*field, levels=18, cmap="RdYlBu_r", alpha=0.75)
            ax.contour(*field, levels=18, colors="white", linewidths=0.5, linestyles="solid")
            ax.scatter(*x[:400].T, s=2, color="#1b2a49", linewidths=0)
            ax.set(aspect="equal", xticks=[], yticks=[], frame_on=False, xlabel=f"{share:.0%} of W1")
            ax.set(title=name if law == "8 Gaussians" else "", ylabel=law if ax is row[0] else "")
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "critic_surfaces.png", dpi=110)


if __name__ == "__main__":
    main()
