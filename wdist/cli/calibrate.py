"""`wdist calibrate` makes a card of a critic's kappa, `wdist calibrate show` prints one.

The command spells a critic in flags, shows a bar, and leaves the card as JSON, page and figure in a folder, in which a
calibration that was cut off goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wdist.cli.options import SeedNumber
from wdist.cli.terminal import bar, guarded, output, progress
from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.critic.constraint import Constraint
    from wdist.critic.nets import Net

__all__ = ["EXAMPLES", "calibrate", "show"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist calibrate --net 100,100 --constraint clip:0.01 --dim 2 --out card/ --jobs 2",
        "  wdist calibrate --constraint gradient_penalty:10 --dim 16 --out card/",
        "  wdist calibrate show card/",
        "  wdist calibrate show clip-0.01-2x100-d2",
    ]
)


def calibrate(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the card goes, and goes on from.")
    ] = None,
    constraint: Annotated[
        str,
        typer.Option(metavar="NAME[:NUMBER]", help="clip:0.01, gradient_penalty:10, spectral, orthonormal."),
    ] = "clip:0.01",
    net: Annotated[
        str | None,
        typer.Option(
            metavar="UNITS", help="Units of each hidden layer, as 100,100.", show_default="the constraint's"
        ),
    ] = None,
    dim: Annotated[int, typer.Option(help="Coordinates of a point.")] = 2,
    steps: Annotated[
        int | None, typer.Option(help="Ascent steps of each fit.", show_default="the constraint's")
    ] = None,
    replicates: Annotated[int, typer.Option(help="Fits of each amount of transport.")] = 5,
    per: Annotated[
        str | None,
        typer.Option(
            help="Divide the dual value by: raw (nothing), slope, certificate.",
            show_default="the constraint's",
        ),
    ] = None,
    seed: SeedNumber = 0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Processes at work; -1 for all cores.")
    ] = None,
) -> None:
    """Measure what a critic reads as a multiple of W1 (its kappa), and how far that holds."""
    if context.invoked_subcommand is not None:
        return
    with guarded():
        if out is None:
            raise InputError("nowhere to put the card; pass --out card/")
        with progress("importing"):
            import wdist
        method = wdist.Critic(_constraint(constraint), _net(net))
        with bar("calibrating") as tick:
            card = wdist.calibrate(
                method,
                dim=dim,
                steps=steps,
                seed=seed,
                replicates=replicates,
                workers=jobs,
                path=out,
                progress=tick,
            )
        card = card if per is None else card.by(per)
        card.save(out)
        output().print(card.to_markdown(), soft_wrap=True)


def show(
    card: Annotated[
        str,
        typer.Argument(metavar="CARD", help="Its folder or file, or the name of one that comes with wdist."),
    ],
) -> None:
    """Print a card: what was calibrated, kappa, how far it holds."""
    with guarded():
        with progress("importing"):
            import wdist
        output().print(wdist.Calibration.load(card).to_markdown(), soft_wrap=True)


def _constraint(text: str) -> Constraint:
    """`clip:0.01` -> Clip(0.01)."""
    from wdist.critic.constraints import CONSTRAINTS

    name, _, number = text.partition(":")
    kind = CONSTRAINTS.get(name)
    if kind is None:
        raise InputError(f"--constraint {text}: no such one; choose {', '.join(CONSTRAINTS)}")
    try:
        return kind(*([float(number)] if number else []))
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"--constraint {text}: {name} takes no {number!r}; write {name}, or clip:0.01"
        ) from None


def _net(text: str | None) -> Net | None:
    import wdist

    if text is None:
        return None
    try:
        return wdist.MLP(tuple(int(part) for part in text.split(",")))
    except ValueError as error:
        raise InputError(f"--net {text}: {error}; write the units of each hidden layer, as 100,100") from None
