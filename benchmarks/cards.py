"""Make the calibration cards that come with wdist: `python -m benchmarks.cards [NAME ...] [--workers N]`.

Each is a call of `wdist.calibrate`, kept as `wdist/data/cards/NAME.json`. A calibration that was cut off goes on where
it stopped, from `.cards/`; with more replicates it keeps those that are done.
"""

import argparse
import time
from pathlib import Path

import wdist

CARDS = Path(wdist.__file__).parent / "data" / "cards"
NET = wdist.MLP((100, 100))
RECIPES = {
    "clip-0.01-2x100-d2": (wdist.Critic(wdist.Clip(0.01), NET), {"replicates": 2}),
    "clip-0.1-2x100-d2": (wdist.Critic(wdist.Clip(0.1), NET), {"replicates": 2}),
    "penalty-10-d2": (wdist.Critic(wdist.GradientPenalty(10.0)), {"replicates": 2}),
    "certified-d2": (wdist.Critic(), {"replicates": 2}),
}
"""Name -> critic, and options of `calibrate`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(RECIPES))
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    for name in asked.names:
        method, options = RECIPES[name]
        start = time.perf_counter()
        card = wdist.calibrate(
            method, dim=2, workers=asked.workers, path=Path(".cards") / name,
            progress=lambda done, total, name=name: print(f"{name}: {done} of {total}", end="\r", flush=True),
            **options,
        )  # fmt: skip
        card.save(CARDS / f"{name}.json")
        print(f"\n{card!r}\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
