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

from wdist.cli.reading import check_header, read
from wdist.cli.terminal import EXIT_CODES, UNCONVERGED, bar, guarded, output, progress
from wdist.cli.writing import check_folder, write_whole
from wdist.errors import InputError

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

READING, PRINTING = "Reading the files", "Printing"


def pairwise(
    files: Annotated[
        list[Path], typer.Argument(metavar="A B ...", help="The samples: files, or folders of images.")
    ],
    p: Annotated[float, typer.Option(help="Order of the distance: a number >= 1, or inf.")] = 1.0,
    method: Annotated[str, typer.Option("--method", "-m", help="See `wdist methods`.")] = "auto",
    metric: Annotated[str, typer.Option(help="Or cityblock, or chebyshev.")] = "euclidean",
    target: Annotated[
        str, typer.Option(help="Between what: these points (sample), or their laws (population).")
    ] = "sample",
    seed: Annotated[int, typer.Option(help="The same seed gives the same matrix.")] = 0,
    device: Annotated[str | None, typer.Option(help="Where to compute: cpu, cuda, cuda:1, ...")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Processes at work; -1 for all cores.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            "-c",
            metavar="NAME",
            help="Column by name, or position from 0; may be repeated.",
            rich_help_panel=READING,
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which array of an .npz.", rich_help_panel=READING)
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether a .csv or .tsv begins with names.",
            show_default="by looking",
            rich_help_panel=READING,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.", rich_help_panel=PRINTING)
    ] = False,
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
                n_jobs=jobs, progress=tick,
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
