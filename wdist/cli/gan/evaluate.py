"""`wdist gan evaluate` and `wdist gan compare`: judge trained generators by points that training never saw."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wdist.cli.gan.asked import named
from wdist.cli.gan.judging import Names, classes, tables
from wdist.cli.options import Json, SeedNumber
from wdist.cli.terminal import guarded, line, output, progress, say
from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.gan.evaluation import Evaluation

__all__ = ["compare", "evaluate"]

ByClassifier = Annotated[
    bool | None,
    typer.Option(
        help="Classes, Fréchet distance and inception score by the bundled classifier of digits (ours: no FID).",
        show_default="on for mnist",
    ),
]
ByCritic = Annotated[
    bool,
    typer.Option("--critic", help="Also how far apart the laws are at least, by wdist.Critic(): certified."),
]
ByCard = Annotated[
    Path | None,
    typer.Option(
        metavar="CARD",
        help="Also W1 by a critic fitted from scratch and read by this card of `wdist calibrate`, or a shipped one.",
    ),
]


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not.")],
    classifier: ByClassifier = None,
    critic: ByCritic = False,
    card: ByCard = None,
    seed: SeedNumber = 0,
    as_json: Json = False,
) -> None:
    """Judge a trained generator: exact W1 beside its floor, classes, recall, diversity, a collapse by its name.

    Of laws in the plane also the modes that it reaches; of a run that is not finished, its newest sound checkpoint.
    """
    with guarded():
        _show(_judged([run], classifier, critic, card, seed), as_json)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNS", help="Folders of runs on the same data.")],
    classifier: ByClassifier = None,
    critic: ByCritic = False,
    card: ByCard = None,
    seed: SeedNumber = 0,
    as_json: Json = False,
) -> None:
    """Set trained generators side by side, in the data's units; best first by debiased W1."""
    with guarded():
        _show(_judged(_with_a_run(runs), classifier, critic, card, seed), as_json)


def _with_a_run(paths: list[Path]) -> list[Path]:
    """Those of several folders that hold a run, with a warning that names the others; one is taken."""
    from wdist.gan.folder import RunFolder

    runs, faults = [], []
    for path in paths:
        try:
            RunFolder(path).read_config()
            runs.append(path)
        except InputError as error:
            faults.append(str(error))
    if not runs:
        raise InputError("; ".join(faults))
    for fault in faults:
        say(f"warning: left out: {fault}")
    return runs


@dataclass(frozen=True, eq=False)
class Judged:
    """One run, judged.

    Attributes:
        found: What the evaluator found.
        checkpoint: Of which step the generator is; None of a finished run.
        curve: What the critic of its training read, as the log has it, a mean of its last lines; None without a log.
        quantity: What that is.
    """

    found: Evaluation
    checkpoint: int | None
    curve: float | None
    quantity: str

    @property
    def content(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        cover = self.found.coverage
        rows = zip(cover.names, cover.due, cover.shares, cover.filled, cover.cost, strict=True)
        by_class = {
            name: {"due": due, "made": share, "stays": filled, "cost": cost}
            for name, due, share, filled, cost in rows
        }
        return {
            **self.found.numbers, "collapse": self.found.collapse, "checkpoint": self.checkpoint, "curve": self.curve,
            "quantity": self.quantity, "classes": by_class,
        }  # fmt: skip


def _judged(
    runs: list[Path], by_classifier: bool | None, by_critic: bool, card: Path | None, seed: int
) -> dict[str, Judged]:
    """Judge each run's generator; refuses runs on different data, of which no distance can be compared."""
    with progress("importing"):
        import wdist
        from wdist.gan.folder import RunFolder, found_in
        from wdist.gan.judging import calibrated_by, judge_after
        from wdist.gan.origin import data_of
        from wdist.gan.recipes import rebuilt
    folders = [RunFolder(run) for run in runs]
    written = [folder.read_config() for folder in folders]
    _check_data(runs, [rebuilt(says["config"]["data"]) for says in written])
    with progress("reading the data"):
        read = calibrated_by(None if card is None else named(card))
        critic = wdist.Critic() if by_critic else None
        data, parts = data_of(written, runs)
        judge = judge_after(data, by_classifier, critic, read, seed, parts)
    judged, faults = {}, list[str]()
    for folder, says in zip(folders, written, strict=True):
        with progress(f"judging {folder.path}"):
            try:
                where = found_in(folder.path)
            except InputError as error:
                faults.append(str(error))
                continue
            curve = folder.reading(where.step)
            judged[str(folder.path)] = Judged(
                judge(where.generator), where.step, curve, rebuilt(says["config"]).quantity
            )
        say(where.told)
    if not judged:
        raise InputError("; ".join(faults))
    for fault in faults:
        say(f"warning: left out: {fault}")
    return judged


def _check_data(runs: list[Path], data: list[Any]) -> None:
    """Refuse runs on different data, and say which run has which, by what differs."""
    from wdist.gan.sets import Data

    recipes = [Data(each) if isinstance(each, str) else each for each in data]
    groups: dict[str, list[Path]] = {}
    for run, recipe in zip(runs, recipes, strict=True):
        groups.setdefault(repr(recipe), []).append(run)
    if len(groups) == 1:
        return
    names = [field.name for field in fields(Data) if len({getattr(r, field.name) for r in recipes}) > 1]
    said = {repr(r): ", ".join(f"{name}={getattr(r, name)!r}" for name in names) for r in recipes}
    told = "; ".join(f"{', '.join(map(str, group))}: {said[key]}" for key, group in groups.items())
    raise InputError(f"these runs were trained on different data ({told}); compare runs on the same")


def _show(judged: dict[str, Judged], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: each.content for name, each in judged.items()}, allow_nan=False))
        return
    console = output()
    found = {name: each.found for name, each in judged.items()}
    by_critics = any(each.critic or each.calibrated for each in found.values())
    curves = {name: each.curve for name, each in judged.items() if by_critics and each.curve is not None}
    names = Names.of(found, console.width)
    shown = list(tables(found, names, curves, console.width))
    if len(found) == 1:
        shown += [table for each in found.values() if (table := classes(each))]
    n = found[names.runs[0]].distance.n
    console.print(
        f"{names.folder}by {n} points a side that training never saw", *names.legend, sep="\n", soft_wrap=True
    )
    for table in shown:
        console.print(table)
    for name, each in judged.items():
        said = [each.found.collapse]
        if name in curves and each.quantity != "W1":
            said.append(f"what its own critic reads is {each.quantity}")
        if each.found.calibrated is not None and each.found.calibrated.interval is None:
            said.append(f"by its card: {each.found.calibrated.message}")
        for text in filter(None, said):
            line(console, f"{name}: {text}")
