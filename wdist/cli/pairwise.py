"""`wdist pairwise A B C ...`: read the samples, ask `wdist.pairwise`, print the matrix.

As with `estimate`, the command adds files, progress and print: `_table` for a person, `--json` for a machine,
`--csv` for a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from wdist.cli.options import (
    PRINTING,
    Columns,
    Device,
    Header,
    Json,
    Key,
    MethodName,
    MetricName,
    Order,
    SeedNumber,
    TargetName,
    TimeLimit,
)  # fmt: skip
from wdist.cli.reading import check_header, read
from wdist.cli.terminal import EXIT_CODES, UNCONVERGED, bar, guarded, output, progress
from wdist.cli.writing import check_folder
from wdist.errors import InputError
from wdist.writing import write_whole

if TYPE_CHECKING:
    from wdist.matrix import Pairwise

__all__ = ["EXAMPLES", "pairwise"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist pairwise monday.csv tuesday.csv wednesday.csv --column flow",
        "  wdist pairwise runs/*.npy --p 2 --jobs -1 --csv distances.csv",
        "  wdist pairwise digits/* --method sliced --json",
        EXIT_CODES,
    ]
)


def pairwise(
    files: Annotated[
        list[Path], typer.Argument(metavar="A B ...", help="The samples: files, or folders of images.")
    ],
    p: Order = 1.0,
    method: MethodName = "auto",
    metric: MetricName = "euclidean",
    target: TargetName = "sample",
    seed: SeedNumber = 0,
    device: Device = None,
    time_limit: TimeLimit = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Processes at work; -1 for all cores.")
    ] = None,
    column: Columns = None,
    key: Key = None,
    header: Header = None,
    as_json: Json = False,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="PATH",
            help="Write the values there, whole or not at all; blank where not converged.",
            rich_help_panel=PRINTING,
        ),
    ] = None,
) -> None:
    """Estimate the Wasserstein distances among several samples.

    Reads what `wdist estimate` reads. Prints the matrix, and which distances these are and how sure.
    """
    with guarded():
        check_folder("--csv", table)
        if twice := [path for k, path in enumerate(files) if path in files[:k]]:
            raise InputError(f"{twice[0]} is given twice; name each sample once")
        with progress("importing"):
            import wdist
        with progress("reading the files"):
            check_header(header, *files)
            samples = {str(path): read(path, key, column, header) for path in files}
        with bar(f"computing W{p:g}") as tick:
            matrix = wdist.pairwise(
                samples, p=p, method=method, metric=metric, target=target, seed=seed, device=device,
                time_limit=time_limit, n_jobs=jobs, progress=tick,
            )  # fmt: skip
        if table is not None:
            write_whole(table, _csv(matrix))
        if as_json:
            typer.echo(json.dumps(matrix.to_dict(), allow_nan=False))
        else:
            output().print(repr(matrix), soft_wrap=True)
            output().print(_table(matrix))
        if not matrix.converged.all():
            raise typer.Exit(UNCONVERGED)


def _table(matrix: Pairwise) -> Table:
    """Lay out the matrix, six digits; where a solver stopped short, what is certified."""
    table = Table()
    table.add_column(style="bold", overflow="fold")
    for name in matrix.columns:
        table.add_column(name, justify="right", overflow="fold")
    for name, row in zip(matrix.rows, matrix.estimates, strict=True):
        cells = [f"{e.value:.6g}" if e.converged else _bracket(e.lower, e.upper) for e in row]
        table.add_row(name, *cells)
    return table


def _bracket(lower: float | None, upper: float | None) -> str:
    low, high = ("?" if end is None else f"{end:.4g}" for end in (lower, upper))
    return f"not converged: {low} to {high}"


def _csv(matrix: Pairwise) -> str:
    """Write the values with the samples' names along both sides; every digit, and no number where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["", *matrix.columns])
    for name, row in zip(matrix.rows, matrix.values.tolist(), strict=True):
        writer.writerow([name, *("" if math.isnan(x) else repr(x) for x in row)])
    return out.getvalue()
