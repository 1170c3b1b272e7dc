"""`wdist compare A B`: read two samples, ask `wdist.compare`, print where they differ, and draw it if asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from wdist.cli.options import (
    PRINTING,
    Columns,
    Header,
    Json,
    Key,
    Permutations,
    SampleA,
    SampleB,
    SeedNumber,
)  # fmt: skip
from wdist.cli.reading import check_header, read
from wdist.cli.terminal import EXIT_CODES, guarded, output, progress
from wdist.cli.writing import check_folder

if TYPE_CHECKING:
    from wdist.inference import Comparison

__all__ = ["EXAMPLES", "compare"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist compare train.npy today.npy",
        "  wdist compare before.csv after.csv -c age -c dose --figure where.png",
        EXIT_CODES,
    ]
)

MOST = 30


def compare(
    a: SampleA,
    b: SampleB,
    permutations: Permutations = 999,
    blocks: Annotated[int | None, typer.Option(help="Rows a block, for rows in order of time.")] = None,
    seed: SeedNumber = 0,
    column: Columns = None,
    key: Key = None,
    header: Header = None,
    figure: Annotated[
        Path | None, typer.Option(help="Where to write a figure.", rich_help_panel=PRINTING)
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Say where two samples differ: along which features, in which region, and what transport moves.

    Features are called by their --column, else x0, x1, ... in the order of the file.
    """
    with guarded():
        check_folder("--figure", figure)
        with progress("importing"):
            import wdist
        with progress("reading the files"):
            check_header(header, a, b)
            x, y = (read(path, key, column, header) for path in (a, b))
        with progress(f"relabelling the rows {permutations} times"):
            found = wdist.compare(x, y, names=column, permutations=permutations, blocks=blocks, seed=seed)
        if figure is not None:
            _draw(found, figure)
        if as_json:
            typer.echo(json.dumps(found.to_dict(), allow_nan=False))
            return
        head, *rest = repr(found).splitlines()
        output().print(head, soft_wrap=True)
        output().print(_table(found))
        for line in [line.strip() for line in rest if line.startswith(("  region: ", "  transport: "))]:
            output().print(line, soft_wrap=True)
        if found.message:
            output().print(found.message, soft_wrap=True)


def _table(found: Comparison) -> Table:
    """Lay out the features, the plainest difference first."""
    rest = len(found.features) - MOST
    table = Table(caption=f"and {rest} more; --json has them all" if rest > 0 else None)
    table.add_column("feature", style="bold", overflow="fold")
    for name in ("W1", "of its interquartile range", "mean of B less A", "p, corrected"):
        table.add_column(name, justify="right")
    for one in found.features[:MOST]:
        table.add_row(
            one.name, f"{one.distance:.4g}", f"{one.relative:.3g}", f"{one.shift:+.4g}", f"{one.pvalue:.3g}"
        )
    return table


def _draw(found: Comparison, path: Path) -> None:
    from wdist.plots import draw_features, new_figure, save

    figure = new_figure(7, 1.2 + 0.3 * min(20, len(found.features)))
    draw_features(figure.subplots(), found)
    save(figure, path)
