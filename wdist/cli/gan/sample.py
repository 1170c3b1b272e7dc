"""`wdist gan sample`: draw from a trained generator, into a sheet to look at or an array to go on with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wdist.cli.options import SeedNumber
from wdist.cli.terminal import guarded, output, progress, say
from wdist.cli.writing import check_folder
from wdist.errors import InputError

__all__ = ["sample"]


def sample(
    generator: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or generator.safetensors.")
    ],
    out: Annotated[
        Path, typer.Option(help="A .png to look at, or a .npy of points in the data's unit.")
    ] = Path("samples.png"),
    n: Annotated[int, typer.Option("--n", "-n", help="How many.", min=1)] = 64,
    label: Annotated[str | None, typer.Option(help="Of which class, if it was trained by class.")] = None,
    seed: SeedNumber = 0,
) -> None:
    """Draw from a trained generator; of a run that is not finished, from its newest sound checkpoint."""
    with guarded():
        check_folder("--out", out)
        if out.suffix not in (".png", ".npy"):
            raise InputError(f"--out {out}: name a .png or a .npy")
        with progress("importing"):
            import numpy as np
            import torch

            from wdist.gan.folder import found_in
            from wdist.gan.pictures import sheet
        where = found_in(generator)
        found = where.generator
        say(where.told)
        if out.suffix == ".npy":
            points = found.draw(n, torch.Generator().manual_seed(seed), label).cpu().numpy()
            try:
                np.save(out, points)
            except OSError as error:
                raise InputError(
                    f"--out {out} cannot be written ({error.strerror}); choose another place"
                ) from None
        elif not sheet(found, out, n=n, seed=seed, label=label):
            raise InputError(f"points of {found.dim} coordinates have no picture; pass --out points.npy")
        output().print(f"{n} samples: {out}", soft_wrap=True)
