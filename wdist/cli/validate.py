"""`wdist validate [A B]`: how wdist compares with its peers, on the user's samples or on the bundled ones.

The command reads files, shows progress and prints the report of `wdist.validate`: a table a case for a person,
`--json` for a machine, `--out` for a page.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from wdist.cli.options import PRINTING, Columns, Header, Json, Key, NormalizeWeights, WeightsA, WeightsB
from wdist.cli.reading import check_header, read, read_weights
from wdist.cli.terminal import bar, guarded, output, progress
from wdist.cli.writing import check_folder
from wdist.errors import InputError
from wdist.writing import write_whole

if TYPE_CHECKING:
    from wdist.validation import ValidationReport

__all__ = ["EXAMPLES", "validate"]

DISAGREED = 1

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist validate --out report.md",
        "  wdist validate real.npy fake.npy --p 2",
        "  wdist validate before.csv after.csv --column flow --json",
        "Exit codes: 0 every number that was compared agrees; 1 one does not, or wdist did not converge, or no number "
        "could be compared; 2 bad input; 70 a fault in wdist itself; 130 interrupted.",
    ]
)


def validate(
    a: Annotated[
        Path | None,
        typer.Argument(
            metavar="A", help="First sample: a file, or a folder of images.", show_default="bundled"
        ),
    ] = None,
    b: Annotated[
        Path | None, typer.Argument(metavar="B", help="Second sample.", show_default="bundled")
    ] = None,
    p: Annotated[
        float | None, typer.Option(help="Order of the distance: a number >= 1.", show_default="1 and 2")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the directions of the slices.")] = 0,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop a function of a peer that takes longer.")
    ] = 60.0,
    weights_a: WeightsA = None,
    weights_b: WeightsB = None,
    normalize_weights: NormalizeWeights = False,
    column: Columns = None,
    key: Key = None,
    header: Header = None,
    as_json: Json = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write the report there in Markdown, whole or not at all.",
            rich_help_panel=PRINTING,
        ),
    ] = None,
) -> None:
    """Compare wdist with SciPy, POT and, where installed, GeomLoss and OTT.

    Each peer's number is brought to one convention, and refused where it did not converge.
    Without A and B, on the real samples that come with wdist.
    """
    with guarded():
        check_folder("--out", out)
        if a is not None and b is None:
            raise InputError(f"{a} is given alone; pass two samples, or none for the bundled ones")
        with progress("importing"):
            import wdist
        with progress("reading the files"):
            check_header(header, a, b, weights_a, weights_b)
            x, y = (None if path is None else read(path, key, column, header) for path in (a, b))
            mass_a, mass_b = (read_weights(path, None, header) for path in (weights_a, weights_b))
        with bar("comparing") as tick:
            report = wdist.validate(
                x, y, p=p, weights_a=mass_a, weights_b=mass_b, normalize_weights=normalize_weights,
                time_limit=time_limit, seed=seed, progress=tick,
            )  # fmt: skip
        if out is not None:
            write_whole(out, report.to_markdown())
        if as_json:
            typer.echo(json.dumps(report.to_dict(), allow_nan=False))
        else:
            _show(report)
        if not report.agrees:
            raise typer.Exit(DISAGREED)


def _show(report: ValidationReport) -> None:
    """Print a table for each pair of samples, in eighty columns, and what it all comes to."""
    from wdist.validation.metering import METHOD

    for case in dict.fromkeys(row.case for row in report.rows):
        table = Table(
            title=f"\n{case}", title_style="bold", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
        )
        table.add_column("", overflow="fold")
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("verdict", overflow="fold", min_width=15)
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("memory", justify="right", no_wrap=True)
        rows = [row for row in report.rows if row.case == case]
        for quantity in dict.fromkeys(row.quantity for row in rows):
            of_it = [row for row in rows if row.quantity == quantity]
            ours = next((row for row in of_it if row.ours is not None), of_it[0])
            table.add_row(
                Text(quantity, style="bold"), *_figures(ours.ours, "", ours.seconds_ours, ours.memory_ours)
            )
            for row in of_it:
                table.add_row(f"  {row.call}", *_figures(row.reference, row.outcome, row.seconds, row.memory))
            table.add_section()
        output().print(table)
    output().print(f"Peers: {', '.join(map(str, report.peers))}. {METHOD}\n")
    output().print(repr(report), soft_wrap=True)


def _figures(value: float | None, verdict: str, seconds: float | None, memory: int | None) -> tuple[str, ...]:
    """Write what one side found and took; blank where it is not known."""
    from wdist.memory import human_bytes
    from wdist.result import in_words

    return (
        "" if value is None else f"{value:.10g}",
        verdict,
        "" if seconds is None else in_words(seconds),
        "" if memory is None else human_bytes(memory),
    )
