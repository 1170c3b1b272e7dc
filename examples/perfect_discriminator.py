"""What a perfect discriminator leaves of the gradient.

A generator of sevens is frozen after 1, 10 and 25 epochs, and a critic trained against it from scratch, 1000 steps.
Under minimax the norm of the generator's gradient falls from 0.2 to 0.3 to 4e-10. Under −log D it grows instead, to 32
to 39. Against a critic with a gradient penalty it settles within some 30 steps, at 8.2, 9.9 and 19, and stays. So what
vanishes under a perfect discriminator is the minimax gradient, not that of every standard GAN.
"""

import argparse

import numpy as np
import torch
from matplotlib.figure import Figure

import wdist
from wdist import gan
from wdist.critic.step import CriticStep

EPOCHS, EPOCH = (1, 10, 25), 16  # of a thousand sevens in batches of 64
GAMES = {
    "minimax": (gan.Minimax(), gan.Free(), "#c0392b"),
    "−log D": (gan.NonSaturating(), gan.Free(), "#5b7db1"),
    "WGAN, penalty": (gan.Wasserstein(), wdist.GradientPenalty(10.0), "#1b2a49"),
}


def frozen(epochs: int, seed: int) -> tuple[gan.Trainer, torch.Tensor]:
    """A trainer whose generator has seen so many epochs of sevens, and the sevens in the network's units."""
    config = gan.preset("gan", gan.Data("mnist", classes=("7",)))
    trainer = gan.Trainer(config, seed=seed)
    for _ in trainer.steps(epochs * EPOCH):
        pass
    digits = wdist.datasets.mnist()
    sevens = (
        torch.as_tensor(digits.images[digits.labels == 7], dtype=torch.float32).reshape(-1, 784) / 127.5 - 1
    )
    return trainer, sevens


def gradients(trainer: gan.Trainer, real: torch.Tensor, game: str, steps: int, seed: int) -> np.ndarray:
    """Norm of the generator's gradient while a critic is trained from scratch against it, (steps,)."""
    loss, constraint, _ = GAMES[game]
    net, rng = trainer.generator.net, torch.Generator().manual_seed(seed)
    critic = wdist.MLP((100, 100)).build(real[:64], real[:64], rng)
    adam = gan.Adam(1e-3, (0.5, 0.9)).build(critic.parameters())
    step = CriticStep(critic, constraint, adam, objective=loss.objective)
    latent, norms = trainer.generator.recipe.latent, []
    for _ in range(steps):
        y = net(torch.randn(64, latent, generator=rng))
        grads = torch.autograd.grad(loss.generator(critic, y, None), list(net.parameters()))
        norms.append(torch.cat([g.flatten() for g in grads]).norm())
        step(real[torch.randint(len(real), (64,), generator=rng)], y.detach(), rng)
    return torch.stack(norms).numpy()


def main() -> None:
    """Print the first and last gradient norms of each game, and draw them over the critic's steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", default="perfect_discriminator.png")
    given = parser.parse_args()
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    for ax, epochs in zip(figure.subplots(1, 3, sharey=True), EPOCHS, strict=True):
        trainer, real = frozen(epochs, 0)
        for game, (*_, colour) in GAMES.items():
            norms = gradients(trainer, real, game, given.steps, 1)
            start, end = np.median(norms[5:25]), np.median(norms[-20:])
            print(f"after {epochs} epochs, {game}: {start:.3g} at the start, {end:.3g} at the end")
            ax.plot(norms, color=colour, lw=1, label=game)
        ax.set(title=f"generator after epoch {epochs}", yscale="log", xlabel="critic steps")
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("norm of the generator's gradient")
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(given.out, dpi=150)


if __name__ == "__main__":
    main()
