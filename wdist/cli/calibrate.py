"""`wdist calibrate`: measure the kappa of a critic into a card, and `wdist calibrate show`: read one.

The folder named by `--out` keeps every fit as it is done, so that a command that was interrupted goes on from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wdist.cli.critics import read_constraint, read_net, read_numbers
from wdist.cli.options import ConstraintName, NetWidths, SeedNumber
from wdist.cli.terminal import EXIT_CODES, bar, guarded, output, progress
from wdist.errors import InputError

__all__ = ["EXAMPLES", "calibrate", "show"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist calibrate --net 100,100 --constraint clip:0.01 --dim 2 --out card/",
        "  wdist calibrate --constraint one_sided_penalty:10 --dim 16 --workers 1 --out gp16/",
        "  wdist calibrate show card/",
        EXIT_CODES,
    ]
)


def calibrate(
    ctx: typer.Context,
    dim: Annotated[int | None, typer.Option(help="Number of coordinates.", show_default="required")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the card and its fits go.", show_default="required"),
    ] = None,
    constraint: ConstraintName = "clip:0.01",
    net: NetWidths = None,
    steps: Annotated[
        int | None, typer.Option(help="Ascent steps of a fit.", show_default="the constraint's own")
    ] = None,
    batch: Annotated[int, typer.Option(help="Points of each side a step.")] = 256,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH", help="W1 to be tried, in standardised units.", show_default="0.1 to 1.5 of the spread"
        ),
    ] = None,
    levels: Annotated[int, typer.Option(help="Amounts of transport of every family.")] = 5,
    replicates: Annotated[int, typer.Option(help="Seeds of every case.")] = 5,
    workers: Annotated[int, typer.Option(help="Processes; -1 is one a core.")] = -1,
    seed: SeedNumber = 0,
) -> None:  # fmt: skip
    """Measure what a critic reads as a multiple of W1, on laws whose W1 is known, and how far that carries over."""
    if ctx.invoked_subcommand is not None:
        return
    with guarded():
        if dim is None or out is None:
            raise InputError("pass --dim, the number of coordinates, and --out, a folder for the card")
        if out.suffix == ".json" or out.is_file():
            raise InputError(
                f"--out {out} is a file; name a folder, which also keeps the fits as they are done"
            )
        with progress("importing"):
            import wdist
        critic = wdist.Critic(
            read_constraint(constraint), None if net is None else read_net(net), batch=batch
        )
        span: Any = None if scale is None else tuple(read_numbers("--scale", scale, float))
        with bar("fitting critics") as tick:
            card = wdist.calibrate(
                critic, dim=dim, scale=span, levels=levels, steps=steps, seed=seed, replicates=replicates,
                workers=workers, folder=out, progress=tick,
            )  # fmt: skip
        card.save(out)
        output().print(repr(card), soft_wrap=True)


def show(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Folder or file that holds a card.")],
) -> None:
    """Print a card as a page in Markdown."""
    with guarded():
        with progress("importing"):
            import wdist
        typer.echo(wdist.Calibration.load(card).to_markdown(), nl=False)
