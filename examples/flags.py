"""Flags from a WGAN-GP, memorised or new.

A DCGAN pair on 194 flags of 32 pixels, 14000 steps, some 20 minutes of one core: `python examples/flags.py`. About a
dozen of the first 36 draws are flags that one can name, by bands, stripes and the Union Jack; the rest is patchwork.
Copies they are not: the nearest training flag is 13.1 away in the median, that of a held-out flag 15.0; the generated
one is the nearer in 0.58 of the pairs; 2 % are nearer than any held-out one, and those are blurred copies. The critic's
curve misleads: it learns its flags by heart and climbs from 1.9 to 6.4, while on held-out flags it falls to 0, and the
debiased W1, judged by 48 flags, from 3.0 to 0.7 after 7000 steps and then up to 1.2.

Tried for 80 to 100 s, one seed, not centred, by debiased W1: this pair 2.2; three critic steps, a critic twice or half
as wide 2.0; shifts and colour 4.0; no normalisation 4.3; rates of 4e-4 4.7; an MLP generator 13.
"""

import argparse
from pathlib import Path

import torch

from wdist import gan
from wdist.gan import pictures, run
from wdist.gan.folder import RunFolder


def config(steps: int, data: object = "flags") -> gan.TrainConfig:
    """Flat colours from the generator, a small DCGAN critic, one step of the critic for one of the generator."""
    return gan.preset(
        "wgan-gp", gan.Data(data) if isinstance(data, str) else data, generator=gan.PaletteGenerator(),
        critic=gan.DCGANCritic(16), generator_optimizer=gan.Adam(5e-4, (0.5, 0.9)), batch=32, n_critic=1, ema=0.999,
        schedule="cosine", steps=steps, evaluate=gan.Evaluate(max(1, steps // 20)),
    )  # fmt: skip


def trained(path: Path, steps: int) -> run.Run:
    """Train in a folder, or go on with the run that is there."""
    folder, pace = RunFolder(path), run.Pace(checkpoint=250, samples=1000)
    there = folder.config.exists()
    one = run.resume(folder, pace=pace) if there else run.begin(folder, config(steps), pace=pace)
    for report in one.train():
        if report.evaluation:
            print(f"step {report.step}: critic {report.critic:.2f}, {report.evaluation}", flush=True)
    return one


def evenness(points: torch.Tensor) -> float:
    """Share of the pairs of neighbouring pixels of images (n, 32·32·3) whose levels, in [0, 1], are within 0.02."""
    x = points.reshape(-1, 32, 32, 3)
    steps = [(x[:, 1:] - x[:, :-1]).abs().amax(dim=3), (x[:, :, 1:] - x[:, :, :-1]).abs().amax(dim=3)]
    return float(torch.cat([step.flatten() for step in steps]).le(0.02).double().mean())


def main() -> None:
    """Train, say whether the flags are new, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run", default="runs/flags", help="folder of the run, which goes on if there is one"
    )
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--out", default="flags.png")
    given = parser.parse_args()
    one = trained(Path(given.run), given.steps)
    trainer, rows = one.trainer, one.folder.rows()
    found = gan.novelty(trainer.generator, trainer.parts, n=1000)
    print(found)
    sides = (("generated", found.generated), ("held-out", trainer.parts.held_out()))
    print(
        *(f"{name} flags: {evenness(x):.2f} of neighbouring pixels are alike" for name, x in sides), sep="\n"
    )
    title = f"Flags after {trainer.step} steps: nearer to training flags than held-out ones are in "
    title += f"{found.nearer:.2f} of the pairs (1/2 if new, 1 if copied)"
    pictures.portrait(found, trainer.form.shape, rows, Path(given.out), title, "W1, for levels in [0, 1]")


if __name__ == "__main__":
    main()
