"""Critics as landscapes: clipped, penalised, certified.

DRAFT
"""

import sys
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure

import wdist
from wdist.gan.toys import Mixture, SwissRoll, grid, ring

NET = wdist.MLP((128, 128, 128))
CRITICS = {
    "clipped, c = 0.1": wdist.Critic(wdist.Clip(0.1), NET, steps=1500),
    "penalty, λ = 0.1": wdist.Critic(wdist.GradientPenalty(0.1), NET, steps=1500),
    "penalty, λ = 10": wdist.Critic(wdist.GradientPenalty(10.0), NET, steps=1500),
    "certified": wdist.Critic(wdist.Orthonormal()),
}
LAWS = {"8 Gaussians": (ring(), 1.4), "25 Gaussians": (grid(), 2.8), "Swiss roll": (SwissRoll(), 1.0)}


@dataclass(frozen=True)
class Blurred:
    """A law with Gaussian noise added, as a generator that has not yet learnt: a source of its own."""

    law: Mixture | SwissRoll
    noise: float
    dim: int = 2

    def draw(self, n: int, rng: torch.Generator) -> torch.Tensor:
        return self.law.draw(n, rng) + self.noise * torch.randn(n, 2, generator=rng)


def plane(noise: float, side: int) -> torch.Tensor:
    """Where a critic is looked at, (side, side, 2)."""
    ticks = torch.linspace(-2.3 * noise, 2.3 * noise, side)
    return torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), dim=2)


def look(law: str, critic: wdist.Critic, seed: int = 0) -> tuple[wdist.Potential, float, float]:
    """Fit a critic between a law and the same blurred: itself, its held-out value, its steepest slope in the plane."""
    real, noise = LAWS[law]
    detail = wdist.estimate(real, Blurred(real, noise), method=critic, seed=seed).detail
    slopes = detail.potential.gradient(plane(noise, 100).flatten(0, 1)).norm(dim=1)
    return detail.potential, detail.raw, float(slopes.max())


def peaks(f: wdist.Potential, law: Mixture, noise: float) -> int:
    """Count the modes at which f is higher than a quarter of the noise away, whatever the direction."""
    angle = torch.arange(16) * torch.pi / 8
    around = law.centres[:, None] + noise / 4 * torch.stack([angle.cos(), angle.sin()], dim=1)  # (k, 16, 2)
    return int((f(law.centres) > f(around.flatten(0, 1)).reshape(-1, 16).amax(dim=1)).sum())


def main() -> None:
    """Print what share of W1 each critic finds, and draw them all."""
    figure = Figure(figsize=(10.4, 8.4), layout="constrained")
    figure.suptitle("What a critic sees between a law and its blurred copy", fontsize=14)
    for row, (law, (real, noise)) in zip(figure.subplots(3, 4), LAWS.items(), strict=True):
        rng = torch.Generator().manual_seed(1)
        x, y = real.draw(8000, rng), Blurred(real, noise).draw(8000, rng)
        exact = wdist.estimate(x, y, method="discrete").value
        print(f"{law}: W1 = {exact:.3g} between 8000 points a side")
        for ax, (name, critic) in zip(row, CRITICS.items(), strict=True):
            f, value, steepest = look(law, critic)
            share, seen = value / steepest / exact, peaks(f, real, noise) if "Gauss" in law else "no"
            print(
                f"  {name}: {value:.3g}, steepest {steepest:.3g}, {share:.0%} of W1, {seen} peaks", flush=True
            )
            at = plane(noise, 160)
            field = (*at.unbind(dim=2), f(at.flatten(0, 1)).reshape(160, 160))
            ax.contourf(*field, levels=18, cmap="RdYlBu_r", alpha=0.75)
            ax.contour(*field, levels=18, colors="white", linewidths=0.5)
            ax.scatter(*x[:400].T, s=2, color="#1b2a49", linewidths=0)
            ax.set(aspect="equal", xticks=[], yticks=[], xlabel=f"{share:.0%} of W1 at slope one")
            ax.spines[:].set_visible(False)
            ax.set_title(name if law == next(iter(LAWS)) else "", fontsize=11)
        row[0].set_ylabel(law, fontsize=11)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "critic_surfaces.png", dpi=150)


if __name__ == "__main__":
    main()
