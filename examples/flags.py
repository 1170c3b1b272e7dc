"""Flags from a WGAN-GP, memorised or new.

A generator of few flat colours and a small DCGAN critic on 194 flags of 32 pixels, 10000 steps, some nine minutes of
one core: `python examples/flags.py`. About twenty of the first 36 draws can be named, by bands, crosses and the Union
Jack; what is in the middle of a flag is a blot. Of neighbouring pixels 0.64 are alike; 0.78 in held-out flags, 0.16 in
those of a DCGAN pair after 14000 steps, twenty minutes, of which a dozen can be named. Copies they are not: the nearest
training flag is 14.2 away in the median, that of a held-out flag 15.0; the generated one is the nearer in 0.53 of the
pairs; 2 % are nearer than any held-out one, plain bands among them.

W1 does not see this. The critic learns its flags by heart, 3 on them and 0 on held-out ones. The debiased W1 rises from
1.0 to 1.7, but by 48 flags it tells no more: over twenty of their splits it is 1.1 (deviation 0.5), 0.7 (0.8) for the
DCGAN pair, and 1.2 (0.6) for the 194 training flags themselves.

Tried for 40 to 80 s, one seed, by debiased W1: the DCGAN pair 2.2; flat colours with profiles of 32 free rows and
columns 3.6, of 64 codes 5.0; with knots two pixels apart, half the critic and half the rate 1.1, four apart 1.4; behind
a trunk, as shipped, 1.8, by eye the sharpest. Without flat colours: shifts and colour 4.0, no normalisation 4.3, rates
of 4e-4 4.7, an MLP generator 13. 64 pixels were not tried.
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
