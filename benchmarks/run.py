"""Measure and write down: `python -m benchmarks.run exact`, `scaling`, `critic`, `gan` and others; see `--help`.

Every command saves after each row and can go on where it stopped (`--resume`). With `--quick` sizes are small and
results go to build/benchmarks/, which git ignores; without, to benchmarks/results/, from which
`python -m benchmarks.render` makes the pages.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import cards as cards_
from benchmarks import clipping as clipping_
from benchmarks import compiled as compiled_
from benchmarks import critic as critic_
from benchmarks import crossovers as crossovers_
from benchmarks import digits as digits_
from benchmarks import games as games_
from benchmarks import gan as gan_
from benchmarks import gpu as gpu_
from benchmarks import halvings as halvings_
from benchmarks import kappa as kappa_
from benchmarks import penalties as penalties_
from benchmarks import reading as reading_
from benchmarks import recipes as recipes_
from benchmarks import scaling as scaling_
from benchmarks import steps as steps_
from benchmarks import stops as stops_
from benchmarks import toys as toys_
from benchmarks import within as within_
from benchmarks.families import REPORTED
from benchmarks.harness import Pace, Row, measure
from benchmarks.store import QUICK, RESULTS, ROOT, ChangedError, Table, write_whole
from benchmarks.tables import GROUPS
from benchmarks.verdict import Record, figure, score
from wdist.gan.toys import TOYS

app = typer.Typer(no_args_is_help=True, add_completion=False)

Quick = Annotated[
    bool, typer.Option("--quick", help="A tenth of the size, one seed: a trial of the machinery.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a table that was interrupted.")]
Keep = Annotated[
    bool, typer.Option("--keep", help="On resuming, keep rows of another state of the code; they say which.")
]
RULES = ROOT / "wdist" / "data" / "crossovers.json"
QUICK_PACE = Pace(repeats=3, budget=5)


@app.callback()
def main() -> None:
    """Measure wdist against its peers."""


@app.command()
def exact(
    only: Annotated[list[str] | None, typer.Option(help=f"A group: {', '.join(GROUPS)}; repeatable.")] = None,
    repeats: Annotated[int, typer.Option(help="Timings of a side.")] = 5,
    budget: Annotated[
        float, typer.Option(help="Seconds a side of a row may take; fewer repeats then.")
    ] = 300,
    seeds: Annotated[int, typer.Option(help="How many of the seeds.", min=1, max=len(REPORTED))] = len(
        REPORTED
    ),
    quick: Quick = False,
    resume: Resume = False,
    keep: Keep = False,
) -> None:
    """Measure the tables of exact, sliced and Sinkhorn distances, one file a group."""
    if unknown := set(only or ()) - set(GROUPS):
        raise typer.BadParameter(
            f"no group is called {', '.join(sorted(unknown))}; choose {', '.join(GROUPS)}"
        )
    pace = QUICK_PACE if quick else Pace(repeats=repeats, budget=budget)
    for name in only or GROUPS:
        # three seeds of a family make up its repeats
        here = Pace(1, budget) if name == "families" else pace
        rows = (row for row in GROUPS[name](quick) if row.instance.seed in REPORTED[:seeds])
        fill(begun(folder(quick) / f"{name}.json", resume=resume, keep=keep), rows, here)


@app.command()
def scaling(quick: Quick = False, resume: Resume = False) -> None:
    """Measure time and memory against n; draws docs/scaling.png."""
    table = begun(folder(quick) / "scaling.json", resume=resume)
    fill(table, scaling_.rows(table, quick), QUICK_PACE if quick else Pace(budget=60))
    scaling_.draw(table.rows, (QUICK if quick else ROOT / "docs") / scaling_.FIGURE)


@app.command()
def crossovers(quick: Quick = False, resume: Resume = False, keep: Keep = False) -> None:
    """Measure which engine is fastest where; writes wdist/data/crossovers.json."""
    table = begun(folder(quick) / "crossovers.json", resume=resume, keep=keep)
    fill(table, crossovers_.rows(table, quick), Pace(3, 2))
    write_whole(QUICK / "rules.json" if quick else RULES, crossovers_.written(table))


@app.command()
def critic(
    cell: Annotated[
        list[str] | None, typer.Option(help="A case of benchmarks/critic.py; repeatable.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"A contestant: {', '.join(critic_.CONTESTANTS)}; repeatable.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.", min=1, max=len(critic_.FRESH))] = len(
        critic_.FRESH
    ),
    device: Annotated[
        str, typer.Option(help="cpu; or cuda where it is, whose table is a file of its own.")
    ] = "cpu",
    quick: Quick = False,
    resume: Resume = False,
    keep: Keep = False,
) -> None:
    """Measure the neural critics where W1 between the laws is known."""
    cells, contestants = (
        cell or list(critic_.CELLS)[: 3 if quick else None],
        only or list(critic_.CONTESTANTS),
    )
    for given, known in ((cells, critic_.CELLS), (contestants, critic_.CONTESTANTS)):
        if unknown := set(given) - set(known):
            raise typer.BadParameter(f"no {', '.join(sorted(unknown))} here; choose {', '.join(known)}")
    name = "critic.json" if device == "cpu" else f"critic_{device}.json"
    table = begun(folder(quick) / name, resume=resume, keep=keep)
    critic_.measure(table, cells, contestants, critic_.FRESH[: 1 if quick else seeds], device, typer.echo)


@app.command()
def steps(
    device: Annotated[str, typer.Option(help="cpu, or cuda on a machine that has it.")] = "cpu",
    quick: Quick = False,
    resume: Resume = False,
) -> None:
    """Measure a step of a critic beside a plain loop, and the closed form of a penalty's gradient."""
    table = begun(folder(quick) / "steps.json", resume=resume)
    steps_.measure(table, device, quick, typer.echo)


@app.command()
def gpu(
    device: Annotated[str, typer.Option(help="cuda; cpu tries the script only.")] = "cuda",
    quick: Quick = False,
    resume: Resume = False,
) -> None:
    """Measure Sinkhorn divergences and sliced distances on a graphics card, beside GeomLoss and POT there."""
    table = begun(folder(quick) / "gpu.json", resume=resume)
    gpu_.measure(table, device, quick, typer.echo)


@app.command()
def digits(
    seeds: Annotated[int, typer.Option(help="How many seeds.", min=1)] = 1,
    quick: Quick = False,
    resume: Resume = False,
) -> None:
    """Measure what critics prove of handwritten digits, beside the exact distance between samples."""
    fitted = {name: digits_.CONTESTANTS[name] for name in list(digits_.CONTESTANTS)[: 1 if quick else None]}
    table = begun(folder(quick) / "digits.json", resume=resume)
    digits_.measure(table, range(seeds), typer.echo, fitted)


@app.command()
def cards(
    only: Annotated[
        list[str] | None, typer.Option(help=f"A card: {', '.join(cards_.RECIPES)}; repeatable.")
    ] = None,
    quick: Quick = False,
) -> None:
    """Make the cards of kappa that come with wdist; goes on where it was cut off."""
    if unknown := set(only or ()) - set(cards_.RECIPES):
        raise typer.BadParameter(f"no {', '.join(sorted(unknown))} here; choose {', '.join(cards_.RECIPES)}")
    cards_.make(only or cards_.RECIPES, typer.echo, quick=quick)


@app.command()
def kappa(
    dim: Annotated[list[int] | None, typer.Option(help="2, 16 or 64; repeatable.")] = None,
    quick: Quick = False,
    resume: Resume = False,
    keep: Keep = False,
) -> None:
    """Measure a calibrated critic on laws that its card has not seen, beside what asks for no card."""
    table = begun(folder(quick) / "kappa.json", resume=resume, keep=keep)
    kappa_.measure(table, dim or list(kappa_.AMOUNTS), typer.echo, quick=quick)


@app.command()
def clipping(
    quick: Quick = False,
    resume: Resume = False,
    keep: Keep = False,
) -> None:
    """Measure ways of clipping by how far kappa carries over to a family that was left out."""
    table = begun(folder(quick) / "clipping.json", resume=resume, keep=keep)
    clipping_.measure(table, typer.echo, quick=quick)


@app.command()
def within(quick: Quick = False, resume: Resume = False, keep: Keep = False) -> None:
    """Measure clipped critics at amounts of transport that were left out of their own family's curve."""
    table = begun(folder(quick) / "within.json", resume=resume, keep=keep)
    within_.measure(table, typer.echo, quick=quick)


@app.command()
def penalties(quick: Quick = False, resume: Resume = False, keep: Keep = False) -> None:
    """Measure penalised critics where mass moves in many directions, and what mends them."""
    table = begun(folder(quick) / "penalties.json", resume=resume, keep=keep)
    penalties_.measure(table, typer.echo, quick=quick)


@app.command()
def gan(
    pair: Annotated[
        list[str] | None, typer.Option(help=f"Of nets: {', '.join(gan_.PAIRS)}; repeatable.")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="Of torch; repeatable; 1 and 2 by default.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda on a machine that has it.")] = "cpu",
    turns: Annotated[int, typer.Option(help="Of each side.", min=1)] = 7,
    quick: Quick = False,
    resume: Resume = False,
) -> None:
    """Measure the GAN trainer against the usual loop on the same mathematics."""
    name = "gan.json" if device == "cpu" else f"gan_{device}.json"
    table = begun(folder(quick) / name, resume=resume)
    steps = 4 if quick else 20
    many = pair or list(gan_.PAIRS), threads or [1, 2]
    gan_.measure(table, *many, device, steps, 3 if quick else turns, typer.echo)


@app.command()
def games(
    digits: Annotated[
        list[str] | None, typer.Option(help=f"A set of digits: {', '.join(games_.CLASSES)}; repeatable.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="A game of benchmarks/games.py; repeatable.")] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.", min=1, max=len(games_.SEEDS))] = len(
        games_.SEEDS
    ),
    quick: Quick = False,
    resume: Resume = False,
) -> None:
    """Measure WGANs and standard GANs on one, two and ten classes of digits, at an equal number of updates."""
    table = begun(folder(quick) / "games.json", resume=resume)
    chosen = digits or list(games_.CLASSES), only or list(games_.GAMES)
    games_.measure(
        table, *chosen, games_.SEEDS[: 1 if quick else seeds], 60 if quick else games_.UPDATES, typer.echo
    )


@app.command()
def toys(
    law: Annotated[list[str] | None, typer.Option(help=f"A law: {', '.join(TOYS)}; repeatable.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"What is made of the preset: {', '.join(toys_.RECIPES)}; repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.", min=1, max=len(toys_.SEEDS))] = len(
        toys_.SEEDS
    ),
    quick: Quick = False,
    resume: Resume = False,
    keep: Keep = False,
) -> None:
    """Measure WGANs on laws in the plane: modes, what is near them, and the distance."""
    table = begun(folder(quick) / "toys.json", resume=resume, keep=keep)
    chosen = law or list(TOYS), only or list(toys_.RECIPES)
    toys_.measure(table, *chosen, toys_.SEEDS[: 1 if quick else seeds], 60 if quick else None, typer.echo)


@app.command()
def stops(
    only: Annotated[list[str] | None, typer.Option(help="A run of benchmarks/stops.py; repeatable.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another seed, to tune on; its table goes to build/.")
    ] = None,
    quick: Quick = False,
    resume: Resume = False,
    keep: Keep = False,
) -> None:
    """Measure where the stopping rule ends runs, beside the best of the whole run."""
    table = begun(folder(quick or seed is not None) / "stops.json", resume=resume, keep=keep)
    for each in stops_.SEEDS if seed is None else (seed,):
        stops_.measure(table, only or list(stops_.RUNS), each, 60 if quick else None, typer.echo)


@app.command()
def halvings(quick: Quick = False, resume: Resume = False, keep: Keep = False) -> None:
    """Measure how far the debiased distance by two disjoint sets of real points is apart."""
    table = begun(folder(quick) / "halvings.json", resume=resume, keep=keep)
    halvings_.measure(table, 60 if quick else None, typer.echo)


@app.command()
def recipes(
    only: Annotated[
        list[str] | None, typer.Option(help="A run of benchmarks/recipes.py; repeatable.")
    ] = None,
    quick: Quick = False,
    resume: Resume = False,
    keep: Keep = False,
) -> None:
    """Measure what the recipes of a GAN change, one thing at a time."""
    table = begun(folder(quick) / "recipes.json", resume=resume, keep=keep)
    recipes_.measure(table, only or list(recipes_.RUNS), quick, typer.echo)


@app.command()
def compiled(
    device: Annotated[str, typer.Option(help="cpu, or cuda on a machine that has it.")] = "cpu",
    quick: Quick = False,
    resume: Resume = False,
) -> None:
    """Measure the GAN trainer's step with and without torch.compile."""
    table = begun(folder(quick) / "compiled.json", resume=resume)
    nets = list(compiled_.NETS)[: 1 if quick else None]
    compiled_.measure(table, nets, device, 2 if quick else 5, 1 if quick else 7, typer.echo)


@app.command()
def reading(quick: Quick = False, resume: Resume = False) -> None:
    """Measure data on disk, read by the process that trains and ahead of it by workers."""
    table = begun(folder(quick) / "reading.json", resume=resume)
    reading_.measure(table, list(reading_.KINDS), 2 if quick else 5, 1 if quick else 5, typer.echo)


def folder(quick: bool) -> Path:
    """Where results go."""
    return QUICK if quick else RESULTS


def begun(path: Path, *, resume: bool, keep: bool = False) -> Table:
    """A table to be filled, or the one to go on with."""
    try:
        return Table(path, resume=resume, keep=keep)
    except ChangedError as error:
        raise typer.BadParameter(str(error)) from None


def fill(table: Table, rows: Iterable[Row], pace: Pace) -> None:
    """Measure the rows that a table lacks, saving after each."""
    for row in rows:
        if row.key in table:
            continue
        start = time.perf_counter()
        record = measure(row, pace)
        table.add(record)
        typer.echo(f"{row.group}: {row.key} ({time.perf_counter() - start:.0f} s)")
        for side in record["sides"]:
            typer.echo(f"  {_told(side)}")
        for target in record["targets"]:
            found = score(record, target)
            told = found.reason if found.value is None else f"{found.value:.3g}"
            typer.echo(f"  {target['measure']} over {target['over'] or 'nothing'}: {told}")


def _told(side: Record) -> str:
    seconds = figure(side, "cpu")
    parts = [f"{side['name']:28}", " " * 12 if seconds is None else f"{seconds:10.4g} s"]
    parts += [f"{side['memory'] / 1e6:9.1f} MB"] if side["memory"] is not None else []
    parts += [f" error {side['error']:.1e}"] if side["error"] is not None else []
    parts += [f" {side['status']}: {side['note']}"] if side["status"] != "done" else []
    return "".join(parts)


if __name__ == "__main__":
    app()
