"""What a GAN's logged numbers are worth: `python -m benchmarks.gan_curves rank`, half an hour on one core.

Runs of several losses are looked at every so often. Each checkpoint is judged twice: by the `Evaluator` on one set of
held-out images, and on another set that nothing else reads, which is the quality that the numbers should rank
checkpoints by. A run is saved when it is done, and `--resume` goes on from there; `table FILE` ranks what is written,
and `ranks` makes the page's table of it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from scipy.stats import spearmanr
from torch import Tensor

import wdist
from benchmarks.gan_runs import Recipe, run
from benchmarks.store import QUICK, RESULTS, ChangedError, Table
from wdist import datasets
from wdist.gan.classifier import mnist_classifier
from wdist.gan.evaluator import Evaluator

app = typer.Typer(add_completion=False)
Record = dict[str, Any]

RECIPES = {
    "clip": Recipe("clip", 5e-4),
    "clip, slow": Recipe("clip", 5e-5),
    "penalty": Recipe("penalty", 1e-3),
    "penalty, slow": Recipe("penalty", 1e-4),
    "non-saturating": Recipe("non-saturating", 2e-4),
    "non-saturating, fast, 1 step": Recipe("non-saturating", 1e-3, n_critic=1),
    "minimax": Recipe("minimax", 2e-4),
}
CRITIC = wdist.Critic(constraint=wdist.Orthonormal(), net=wdist.MLP((64, 64), "maxmin"), steps=200, batch=128)
QUALITIES = ("debiased", "frechet")
KEPT = (*QUALITIES, "floor", "recall", "diversity")


def parts(name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Give images of some digits for training, for the evaluator, and for the quality."""
    bundle = datasets.mnist()
    x = torch.as_tensor(bundle.points[[str(label) in name for label in bundle.labels]])
    cuts = 6 * len(x) // 10, 8 * len(x) // 10
    return x[: cuts[0]], x[cuts[0] : cuts[1]], x[cuts[1] :]


def traced(
    recipe: Recipe, data: tuple[Tensor, Tensor, Tensor], steps: int, every: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Train once and judge every checkpoint on both held-out sets."""
    train, shown, kept = data
    net = mnist_classifier()[0]
    judge = Evaluator(shown, classifier=net, critic=CRITIC, most=500)
    quality = Evaluator(kept, classifier=net, most=500, seed=1)
    for point in run(recipe, train, steps, every, seed):
        found, began = judge(point.generator), time.process_time()
        true = quality(point.generator).numbers
        yield {
            "step": point.step,
            "logged": {"raw": point.raw, "corrected": point.corrected} | found.numbers,
            "collapse": found.collapse,
            "quality": {name: true.get(name, math.nan) for name in KEPT},
            "seconds": time.process_time() - began,
        }


@app.command()
def rank(
    classes: Annotated[str, typer.Option(help="Digits, such as 7 or 0123456789.")] = "7",
    seeds: int = 2,
    steps: int = 1200,
    every: int = 150,
    quick: bool = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a table that was interrupted.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="On resuming, keep rows of another code.")] = False,
) -> None:
    """Trace runs of every loss and rank their checkpoints by each logged number."""
    path = (QUICK if quick else RESULTS) / f"gan_curves_{classes}.json"
    try:
        into = Table(path, resume=resume, keep=keep)
    except ChangedError as error:
        raise typer.BadParameter(str(error)) from None
    data = parts(classes)
    for seed in range(seeds):
        for name, recipe in RECIPES.items():
            if (key := f"{classes} | {name} | {seed}") not in into:
                points = list(traced(recipe, data, 20 if quick else steps, 10 if quick else every, seed))
                into.add({"key": key, "name": name, "seed": seed, "recipe": asdict(recipe), "points": points})
                print(key, points[-1]["logged"], points[-1]["quality"], flush=True)
    table(path)


@app.command()
def table(path: Path) -> None:
    """Print the Spearman correlation of each logged number with the quality, of all runs and of WGANs only."""
    for side, runs in _sides(json.loads(path.read_text())["rows"]).items():
        count = sum(len(run["points"]) for run in runs)
        print(f"{side}: {len(runs)} runs, {count} checkpoints; Spearman with {' and '.join(QUALITIES)}")
        for name, found in spearman(runs).items():
            print(f"  {name:18s} {found[0]:6.2f} {found[1]:6.2f}")


def spearman(runs: list[Record]) -> dict[str, list[float]]:
    """Correlation of each logged number with each of `QUALITIES` over all checkpoints, where it has one."""
    points = [point for run in runs for point in run["points"]]
    kept = [[point["quality"][quality] for point in points] for quality in QUALITIES]
    found = {}
    for name in points[0]["logged"]:
        logged = [point["logged"][name] for point in points]
        if all(math.isfinite(value) for value in logged) and len(set(logged)) > 1:
            found[name] = [float(spearmanr(logged, quality).statistic) for quality in kept]
    return found


def ranks(results: Path) -> str:
    """A line a logged number: its correlations on sevens and on ten digits, of all runs and of WGANs; and whence."""
    columns, whence = {}, []
    for classes, digits in {"7": "sevens", "0123456789": "ten digits"}.items():
        path = results / f"gan_curves_{classes}.json"
        if not path.exists():
            return "Not measured yet.\n"
        table = json.loads(path.read_text())
        facts, rows = table["environment"], table["rows"]
        whence.append(
            f"{digits}: {facts['date']}, commit {facts['commit']} (code {facts['code']}), {len(rows)} runs"
        )
        for side, runs in _sides(rows).items():
            count, found = sum(len(run["points"]) for run in runs), spearman(runs)
            for place, quality in enumerate(QUALITIES):
                title = f"{digits}, {side} ({count}): {quality}"
                columns[title] = {name: each[place] for name, each in found.items()}
    lines = ["| Spearman with | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name in dict.fromkeys(name for column in columns.values() for name in column):
        cells = (f"{column[name]:.2f}" if name in column else "" for column in columns.values())
        lines.append(f"| `{name}` | {' | '.join(cells)} |".replace("-", "−"))
    return "\n".join(lines) + "\n\n" + "; ".join(whence) + ".\n"


def _sides(runs: list[Record]) -> dict[str, list[Record]]:
    """All runs, and those of WGANs."""
    return {"all": runs, "WGANs": [run for run in runs if run["recipe"]["loss"] in ("clip", "penalty")]}


if __name__ == "__main__":
    app()
