"""`wdist estimate A B`: read two samples, ask `wdist.estimate`, print the answer.

The command adds nothing to the call but files and print: `reading.py` turns paths into arrays, `_table` lays the
estimate out for a person, and `--json` hands it to a machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from wdist.cli.options import (
    MASSES,
    PRINTING,
    READING,
    Columns,
    ConstraintName,
    Device,
    Header,
    Json,
    Key,
    MethodName,
    MetricName,
    NetWidths,
    NormalizeWeights,
    Order,
    SampleA,
    SampleB,
    SeedNumber,
    TargetName,
    TimeLimit,
    WeightsA,
    WeightsB,
)  # fmt: skip
from wdist.cli.processes import DEFAULT_CONSTRAINT, together, with_options
from wdist.cli.reading import check_header, read, read_weights
from wdist.cli.terminal import EXIT_CODES, UNCONVERGED, bar, guarded, output, progress
from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.result import Estimate

__all__ = ["EXAMPLES", "estimate"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist estimate before.csv after.csv --column flow",
        "  wdist estimate flow.csv flow.csv --column-a before --column-b after --p 2",
        "  wdist estimate real.npz fake.npz --key features --method sliced --explain",
        "  wdist estimate a.npy b.npy --weights-a mass.npy --normalize-weights --json",
        "  wdist estimate photos/real photos/fake --metric cityblock",
        "  wdist estimate a.npy b.npy --method critic --constraint gradient_penalty:10 --net 128,128",
        "  torchrun --nproc-per-node=2 -m wdist estimate a.npy b.npy --method critic --checkpoint fit.pt",
        EXIT_CODES,
    ]
)


def estimate(
    a: SampleA,
    b: SampleB,
    p: Order = 1.0,
    method: MethodName = "auto",
    metric: MetricName = "euclidean",
    target: TargetName = "sample",
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    seed: SeedNumber = 0,
    floor: Annotated[
        bool, typer.Option("--floor", help="Also estimate what sampling noise alone would show.")
    ] = False,
    device: Device = None,
    time_limit: TimeLimit = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the critic's fit there, and go on from it if interrupted."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Fit the critic for so long; it has no --time-limit."),
    ] = None,
    constraint: ConstraintName = DEFAULT_CONSTRAINT,
    net: NetWidths = None,
    weights_a: WeightsA = None,
    weights_b: WeightsB = None,
    weights_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Their column (or key, in an .npz).", rich_help_panel=MASSES),
    ] = None,
    normalize_weights: NormalizeWeights = False,
    column: Columns = None,
    column_a: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="The same for A alone.", rich_help_panel=READING)
    ] = None,
    column_b: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="The same for B alone.", rich_help_panel=READING)
    ] = None,
    key: Key = None,
    key_a: Annotated[
        str | None, typer.Option(metavar="NAME", help="The same for A alone.", rich_help_panel=READING)
    ] = None,
    key_b: Annotated[
        str | None, typer.Option(metavar="NAME", help="The same for B alone.", rich_help_panel=READING)
    ] = None,
    header: Header = None,
    as_json: Json = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say why this method and how sure it is.", rich_help_panel=PRINTING),
    ] = False,
) -> None:
    """Estimate the Wasserstein distance between two samples.

    Reads .npy, .npz, .csv, .tsv, .parquet and IDX files, and folders of images.
    Prints in one line which distance it is and how sure, then a table. Under torchrun the processes fit one
    critic together, and the first prints its answer.
    """
    with guarded(), together(method, device) as (ranks, device):
        if as_json and explain:
            raise InputError("--json and --explain exclude each other; the JSON object has it under 'choice'")
        if weights_column is not None and weights_a is None and weights_b is None:
            raise InputError("--weights-column needs a file of weights: --weights-a or --weights-b")
        with progress("importing"):
            import wdist
        with progress("reading the files"):
            check_header(header, a, b, weights_a, weights_b)
            x = read(a, key_a or key, column_a or column, header)
            y = read(b, key_b or key, column_b or column, header)
            mass_a = read_weights(weights_a, weights_column, header)
            mass_b = read_weights(weights_b, weights_column, header)
        fitted_on, device = (device, None) if method == "critic" and device == "mps" else (None, device)
        asked = with_options(method, constraint, net, budget, checkpoint, ranks, fitted_on)
        with bar(f"computing W{p:g}") as report:
            answer = wdist.estimate(
                x, y, p=p, method=asked, weights_a=mass_a, weights_b=mass_b,
                normalize_weights=normalize_weights, metric=metric, target=target,
                confidence=confidence, device=device, time_limit=time_limit, seed=seed, floor=floor, progress=report,
            )  # fmt: skip
        if not ranks.first:
            raise typer.Exit(0 if answer.converged else UNCONVERGED)
        if as_json:
            typer.echo(json.dumps(answer.to_dict(), allow_nan=False))
        elif explain:
            output().print(answer.explain(), soft_wrap=True)
        else:
            output().print(repr(answer), soft_wrap=True)
            output().print(_table(answer, {"A": (a, x.shape), "B": (b, y.shape)}))
        if not answer.converged:
            raise typer.Exit(UNCONVERGED)


def _table(answer: Estimate, files: dict[str, tuple[Path, tuple[int, ...]]]) -> Table:
    """Lay out what lies behind the number: two columns, ten digits."""
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, (path, (points, *rest)) in files.items():
        coordinates = f" of {' x '.join(map(str, rest))} coordinates" if rest else ""
        table.add_row(name, f"{path}, {points} points{coordinates}")
    rows = {
        "quantity": answer.quantity,
        "value": f"{answer.value:.10g}" + ("" if answer.converged else " (unfinished)"),
        "target": answer.target.words,
        "bound": BOUNDS[answer.bound.value],
        "lower": _digits(answer.lower),
        "upper": _digits(answer.upper),
        "interval": "none" if answer.interval is None else str(answer.interval),
        "floor": "not asked for" if answer.floor is None else answer.floor.told,
        "method": answer.method,
        "time": f"{answer.seconds:.3g} s",
        "note": answer.message or "none",
    }
    for name, text in rows.items():
        table.add_row(name, text)
    return table


BOUNDS = {
    "exact": "exact",
    "lower": "a lower bound",
    "upper": "an upper bound",
    "none": "none: an estimate without a guarantee",
}


def _digits(bound: float | None) -> str:
    return "none" if bound is None else f"{bound:.10g}"
