"""`wdist gan nearest`: whether a trained generator makes new points or has learnt its own by heart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from wdist.cli.options import Json, SeedNumber
from wdist.cli.terminal import guarded, line, output, progress, say
from wdist.cli.writing import check_folder
from wdist.errors import InputError

__all__ = ["nearest"]


def nearest(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not.")],
    out: Annotated[
        Path | None, typer.Option(help="A .png: images beside the nearest ones, the curve, the distances.")
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", help="How many to draw.", min=2)] = 200,
    seed: SeedNumber = 0,
    as_json: Json = False,
) -> None:
    """Memorised or new: distances to the nearest training points, of generated points and of held-out ones."""
    with guarded():
        if out is not None:
            check_folder("--out", out)
            if out.suffix != ".png":
                raise InputError(f"--out {out}: name a .png")
        with progress("importing"):
            from wdist.gan.folder import RunFolder, found_in
            from wdist.gan.nearest import novelty
            from wdist.gan.origin import data_of
            from wdist.gan.pictures import portrait
            from wdist.gan.recipes import rebuilt
        folder = RunFolder(run)
        written, where = folder.read_config(), found_in(run)
        config = rebuilt(written["config"])
        generator = where.generator
        say(where.told)
        with progress("looking for the nearest"):
            found = novelty(generator, data_of([written], [run])[1], n, seed)
            if out is not None:
                unit = f"{config.quantity}, in the data's unit"
                portrait(found, generator.form.shape, folder.rows(), out, str(run), unit)
        if as_json:
            typer.echo(json.dumps(found.numbers))
        else:
            line(output(), str(found))
