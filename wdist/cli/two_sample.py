"""`wdist test A B`: read two samples, ask `wdist.two_sample_test`, print what it shows.

The answer is printed and the exit code is 0 whatever it is; only where `--fail-at` names a level does a difference
that is significant there end in a code of its own, so that a script or a CI job can stop on drift.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from wdist.cli.options import (
    Columns,
    Header,
    Json,
    Key,
    Permutations,
    SampleA,
    SampleB,
    SeedNumber,
    StatisticNames,
)  # fmt: skip
from wdist.cli.reading import check_header, read
from wdist.cli.terminal import EXIT_CODES, SIGNIFICANT, guarded, output, progress
from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.inference import TwoSampleResult

__all__ = ["EXAMPLES", "two_sample"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist test before.csv after.csv --column flow",
        "  wdist test train.npy today.npy --fail-at 0.001",
        "  wdist test seattle.csv sf.csv -c temperature --blocks 168",
        "  wdist test a.csv b.csv -c dose -c response --groups-column clinic --json",
        EXIT_CODES,
    ]
)

ROWS = "What may be exchanged"


def two_sample(
    a: SampleA,
    b: SampleB,
    statistic: StatisticNames = None,
    permutations: Permutations = 999,
    seed: SeedNumber = 0,
    fail_at: Annotated[
        float | None,
        typer.Option(metavar="LEVEL", help=f"End with code {SIGNIFICANT} if the p-value is at most that."),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(help="Rows a block, for rows in order of time.", rich_help_panel=ROWS),
    ] = None,
    blocks_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column that names blocks.", rich_help_panel=ROWS)
    ] = None,
    groups_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column that names strata.", rich_help_panel=ROWS)
    ] = None,
    column: Columns = None,
    key: Key = None,
    header: Header = None,
    as_json: Json = False,
) -> None:
    """Test whether two samples come from one law, by exchanging their rows.

    Prints the p-value, what the statistics are, and what they would be without a difference.
    """
    with guarded():
        if fail_at is not None and not 0 < fail_at < 1:
            raise InputError(f"--fail-at is {fail_at}; pass a level strictly between 0 and 1, such as 0.001")
        if blocks is not None and blocks_column is not None:
            raise InputError("--blocks and --blocks-column exclude each other; pass one of them")
        if (blocks_column or groups_column) and column is None:
            raise InputError(
                "--blocks-column and --groups-column name columns that are no points; name the points' with --column"
            )
        with progress("importing"):
            import wdist
        with progress("reading the files"):
            check_header(header, a, b)
            x, y = (read(path, key, column, header) for path in (a, b))

            def named(name: str | None) -> Any:
                return None if name is None else tuple(read(path, key, [name], header) for path in (a, b))

            rows = {"groups": named(groups_column), "blocks": named(blocks_column) or blocks}
        with progress(f"relabelling the rows {permutations} times"):
            asked = "auto" if statistic is None else tuple(statistic)
            found = wdist.two_sample_test(x, y, asked, permutations, seed=seed, **rows)
        if as_json:
            typer.echo(json.dumps(found.to_dict(), allow_nan=False))
        else:
            output().print(repr(found), soft_wrap=True)
            output().print(_table(found))
            output().print(" ".join(filter(None, [found.power_note, found.message])), soft_wrap=True)
        if fail_at is not None and found.pvalue <= fail_at:
            raise typer.Exit(SIGNIFICANT)


def _table(found: TwoSampleResult) -> Table:
    """Lay out every statistic: what it is, what it is without a difference, and its own p-value."""
    table = Table()
    table.add_column("statistic", style="bold", no_wrap=True)
    for name in ("between the samples", "without a difference", "significant at 5 % from", "p-value, alone"):
        table.add_column(name, justify="right")
    for part in found.parts:
        figures = (part.statistic, part.floor, part.threshold, part.pvalue)
        table.add_row(part.name, *(f"{figure:.4g}" for figure in figures))
    return table
