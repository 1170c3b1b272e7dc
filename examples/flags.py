"""Flags from a WGAN-GP: memorised, or new?

TODO
"""

import argparse
from pathlib import Path

from wdist import gan
from wdist.gan import pictures, run
from wdist.gan.folder import RunFolder


def config(steps: int) -> gan.TrainConfig:
    """A pair of DCGAN nets under the gradient penalty; one step of the critic for one of the generator."""
    return gan.preset(
        "wgan-gp", gan.Data("flags"), generator=gan.DCGANGenerator(32), critic=gan.DCGANCritic(32), batch=32,
        n_critic=1, ema=0.999, schedule="cosine", steps=steps, evaluate=gan.Evaluate(max(1, steps // 20)),
    )  # fmt: skip


def trained(path: Path, steps: int) -> run.Run:
    """Train in a folder, or go on with the run that is there."""
    folder, pace = RunFolder(path), run.Pace(checkpoint=250, samples=1000)
    found = (
        run.resume(folder, pace=pace)
        if folder.config.exists()
        else run.begin(folder, config(steps), pace=pace)
    )
    for report in found.train():
        if report.evaluation:
            print(
                f"step {report.step}, {report.seconds:.0f} s: critic {report.critic:.2f}, {report.evaluation}",
                flush=True,
            )
    return found


def main() -> None:
    """Train, say what is new, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/flags"), help="the run's folder; gone on with if there"
    )
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--out", type=Path, default=Path("flags.png"))
    given = parser.parse_args()
    one = trained(given.run, given.steps).trainer
    found = gan.novelty(one.generator, one.parts, n=1000)
    print(found)
    title = ""
    pictures.portrait(
        found, one.form.shape, RunFolder(given.run).rows(), given.out, title, "W1, in the data's unit"
    )


if __name__ == "__main__":
    main()
