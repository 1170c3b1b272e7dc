"""Sprites from a folder of images.

`python examples/sprites.py FOLDER --size 32` trains a DCGAN pair on images of any size; without a folder it draws 600
discs, squares and triangles in six colours. On those, 2500 steps (three and a half minutes of one core) bring the
debiased W1 from 2.7 after 250 steps to 0.47: sizes, places and colours are right, outlines are not, and a colour is
rarely even. Nothing is copied: the nearest training sprite is 6.5 away in the median, that of a held-out one 5.6, and a
generated one is the nearer in 0.30 of the pairs; below 1/2, since what is blurred or blotted is no sprite. The critic
reads the same on training and on held-out sprites. At 64 pixels 3000 steps, six minutes and a half, bring W1
from 4.4 after 300 steps to 1.25: triangles and squares can be told, discs less, and colours blend in an image. The
flags as a folder of PNGs, at 64 pixels, 300 steps, 50 s and not centred: W1 from 22 to 12, coarse patches of red, blue
and white.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from wdist import gan
from wdist.gan import pictures

COLOURS = ("#c0392b", "#1b2a49", "#7aa95c", "#d9a441", "#7d5ba6", "#2e8b9e")
SIDE = 96  # of a sprite that is drawn; the loader brings all to the size asked for


def shapes(folder: Path, n: int, seed: int = 0) -> None:
    """Draw discs, squares and triangles of six colours on white, of various sizes and somewhat off the middle."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(n):
        image = Image.new("RGB", (SIDE, SIDE), "white")
        pen, r = ImageDraw.Draw(image), rng.uniform(0.2, 0.36) * SIDE
        x, y = rng.uniform(0.4, 0.6, 2) * SIDE
        fill, box = COLOURS[rng.integers(len(COLOURS))], (x - r, y - r, x + r, y + r)
        kind, corners = rng.integers(3), (x, y - r, x + r, y + r, x - r, y + r)
        (pen.ellipse, pen.rectangle, pen.polygon)[kind]((box, box, corners)[kind], fill)
        image.save(folder / f"{k:04d}.png")


def config(folder: str, size: int, steps: int) -> gan.TrainConfig:
    """A pair of DCGAN nets under the gradient penalty."""
    width = 32 if size <= 32 else 16
    return gan.preset(
        "wgan-gp", gan.Data(folder, size=size), generator=gan.DCGANGenerator(width), critic=gan.DCGANCritic(width),
        batch=32, n_critic=1, ema=0.99, schedule="cosine", steps=steps,
        evaluate=gan.Evaluate(max(1, steps // 10)),
    )  # fmt: skip


def trained(folder: str, size: int, steps: int, seed: int = 0) -> tuple[gan.Trainer, list[dict[str, float]]]:
    """Train, and keep the figures of every step."""
    trainer = gan.Trainer(config(folder, size, steps), seed)
    return trainer, [report.numbers for report in trainer.steps(steps)]


def main() -> None:
    """Train on the folder, say how new the sprites are, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="your images; without, shapes are drawn into ./shapes")
    parser.add_argument("--size", type=int, default=32, help="side in pixels, 8 to 128")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--out", default="sprites.png")
    given = parser.parse_args()
    folder = given.folder or "shapes"
    if given.folder is None:
        shapes(Path(folder), 600)
    trainer, rows = trained(folder, given.size, given.steps)
    found = gan.novelty(trainer.generator, trainer.parts)
    print(
        found,
        *(f"step {row['step']}: debiased W1 {row['debiased']:.2f}" for row in rows if "debiased" in row),
        sep="\n",
    )
    title = f"A folder of images, {given.size} pixels a side, after {given.steps} steps: nearer than held-out ones in "
    title += f"{found.nearer:.2f} of the pairs (1/2 if new, 1 if copied)"
    pictures.portrait(found, trainer.form.shape, rows, Path(given.out), title, "W1, for levels in [0, 1]")


if __name__ == "__main__":
    main()
