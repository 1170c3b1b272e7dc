"""WGAN against the standard GAN on digits.

Nets of 2 × 100 units, 3600 updates of both together, one seed. By its best setting of two rates (and one or five critic
steps) the WGAN with a penalty ends 0.42, 0.64 and 1.19 from unseen images of one, two and ten digits, the clipped one
1.34, 1.69 and 2.12, the GAN of −log D 1.92, 2.72 and 3.16, minimax 2.48, 2.64 and 3.69. So the WGANs win at every
count, and need no search: at their worst they are 2.5 to 3.5 away, the GANs up to 10. But the standard GAN is no
failure: at 1e-3 with one critic step minimax learns too; with five it learns nothing.
"""

import argparse
from dataclasses import replace
from itertools import product

import torch
from matplotlib.figure import Figure

from wdist import gan
from wdist.gan.classifier import mnist_classifier

DIGITS = {"sevens": "7", "fours and nines": "49", "all ten digits": "0123456789"}
GAMES = {
    "WGAN, clipped": ("wgan", (5e-5, 5e-4), (5,), "#5b7db1"),
    "WGAN, penalty": ("wgan-gp", (1e-4, 1e-3), (5,), "#1b2a49"),
    "GAN, −log D": ("gan", (2e-4, 1e-3), (1, 5), "#b9a46b"),
    "GAN, minimax": ("gan-minimax", (2e-4, 1e-3), (1, 5), "#c0392b"),
}
"""Games, with the learning rates and critic steps that each is tried at."""


def trained(loss: str, rate: float, n_critic: int, data: gan.Data, updates: int) -> gan.Generator:
    """Two nets of 2 × 100 units, after so many updates of both together."""
    rule = gan.RMSprop(rate) if loss == "wgan" else gan.Adam(rate, (0.5, 0.9 if loss == "wgan-gp" else 0.999))
    config = gan.preset(loss, data, n_critic=n_critic, held_every=0)
    trainer = gan.Trainer(replace(config, generator_optimizer=rule, critic_optimizer=rule), seed=0)
    for _ in trainer.steps(updates // (n_critic + 1)):
        pass
    return trainer.generator


def main() -> None:
    """Train every game at every setting, print how far it came, and draw that beside samples of the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=3600)
    parser.add_argument("--digits", choices=DIGITS, nargs="+", default=list(DIGITS))
    parser.add_argument("--out", default="wgan_against_gan.png")
    given = parser.parse_args()
    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.2))
    ax, strips = left.subplots(), right.subplots(len(GAMES), 1)
    for place, digits in enumerate(given.digits):
        data = gan.Data("mnist", classes=tuple(DIGITS[digits]))
        judge = gan.Evaluator(data.open().held_out(), classifier=mnist_classifier()[0], most=500)
        for k, (game, (loss, rates, rounds, colour)) in enumerate(GAMES.items()):
            made = {s: trained(loss, *s, data, given.updates) for s in product(rates, rounds)}
            seen = {setting: judge(generator) for setting, generator in made.items()}
            far = {setting: found.distance.value for setting, found in seen.items()}
            best = min(far, key=far.__getitem__)
            print(
                f"{digits}, {game}: W1 {far[best]:.2f} at rate {best[0]:g} and {best[1]} critic steps, at most "
                f"{max(far.values()):.2f}; recall {seen[best].neighbours.recall:.2f}, diversity "
                f"{seen[best].diversity:.2f}, missing {len(seen[best].coverage.missing)}"
            )
            x = place + 0.18 * k - 0.27
            ax.plot([x] * len(far), list(far.values()), "o", ms=4, color=colour, alpha=0.4)
            ax.plot(x, far[best], "o", ms=9, color=colour, label="" if place else game)
            images = made[best].draw(12, torch.Generator().manual_seed(0)).reshape(12, 28, 28)
            strips[k].imshow(torch.cat(list(images), dim=1), cmap="gray_r")
            strips[k].set_title(game, loc="left", fontsize=9, color=colour)
            strips[k].axis("off")
    right.suptitle(f"{given.digits[-1]}, the best setting of each game", fontsize=10)
    ax.set(xticks=range(len(given.digits)), xticklabels=given.digits, ylabel="debiased W1 to unseen images")
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8)
    left.suptitle("each setting a dot, the best large", fontsize=10)
    figure.savefig(given.out, dpi=150)


if __name__ == "__main__":
    main()
