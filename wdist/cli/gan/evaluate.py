"""`wdist gan evaluate` and `wdist gan compare`: judge trained generators by points that training never saw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wdist.cli.gan.judging import table
from wdist.cli.options import Json, SeedNumber
from wdist.cli.terminal import guarded, output, progress
from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.gan.evaluation import Evaluation

__all__ = ["compare", "evaluate"]


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    seed: SeedNumber = 0,
    as_json: Json = False,
) -> None:
    """Judge a trained generator: exact W1 beside its floor, recall, diversity, and a collapse by its name."""
    with guarded():
        _show(_judged([run], seed), as_json)


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS", help="Folders of finished runs on the same data.")
    ],
    seed: SeedNumber = 0,
    as_json: Json = False,
) -> None:
    """Set trained generators side by side, in the data's units; best first by debiased W1."""
    with guarded():
        _show(_judged(runs, seed), as_json)


def _judged(runs: list[Path], seed: int) -> dict[str, Evaluation]:
    """Judge each run's generator; refuses runs on different data, of which no distance can be compared."""
    with progress("importing"):
        from wdist.gan.folder import RunFolder, generator_in
        from wdist.gan.judging import evaluator_of
        from wdist.gan.recipes import rebuilt
        from wdist.gan.sets import opened
    configs = [RunFolder(run).read_config()["config"] for run in runs]
    for run, config in zip(runs, configs, strict=True):
        if config["data"] != configs[0]["data"]:
            raise InputError(f"{run} and {runs[0]} were trained on different data; compare runs on the same")
    with progress("reading the data"):
        judge = evaluator_of(opened(rebuilt(configs[0]).data), seed=seed)
    found = {}
    for run in runs:
        with progress(f"judging {run}"):
            found[str(run)] = judge(generator_in(run))
    return found


def _show(judged: dict[str, Evaluation], as_json: bool) -> None:
    if as_json:
        about = {name: {**found.numbers, "collapse": found.collapse} for name, found in judged.items()}
        typer.echo(json.dumps(about, allow_nan=False))
        return
    output().print(table(judged))
    for name, found in judged.items():
        if found.collapse:
            output().print(f"{name}: {found.collapse}", soft_wrap=True)
