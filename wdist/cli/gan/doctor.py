"""`wdist gan doctor`: what is wrong with a critic, a generator and their losses, before they are trained."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from wdist.cli.options import Json, SeedNumber
from wdist.cli.terminal import BAD_INPUT, guarded, line, output, progress

__all__ = ["doctor"]


def doctor(
    data: Annotated[str, typer.Option(help="What would be trained on, as for train.")] = "mnist",
    loss: Annotated[str, typer.Option(help="Which game, as for train.")] = "wgan-gp",
    conditional: Annotated[bool, typer.Option("--conditional", help="By class, as for train.")] = False,
    published: Annotated[bool, typer.Option(help="Rates and rules as the paper has them.")] = False,
    generator: Annotated[str | None, typer.Option(help="mlp, dcgan, residual, palette.")] = None,
    critic: Annotated[str | None, typer.Option(help="mlp, dcgan, residual, patches; as for train.")] = None,
    units: Annotated[str | None, typer.Option(help="Hidden layers of an mlp: 100,100.")] = None,
    channels: Annotated[int | None, typer.Option(help="Width of convolutional nets.")] = None,
    latent: Annotated[int | None, typer.Option(help="Coordinates of the latent.")] = None,
    augment: Annotated[list[str] | None, typer.Option(help="As for train; repeatable.")] = None,
    stabiliser: Annotated[list[str] | None, typer.Option(help="As for train; repeatable.")] = None,
    batch: Annotated[int | None, typer.Option(help="Points to probe with.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="As for train.")] = None,
    compiler: Annotated[str, typer.Option(help="Try torch.compile by this backend, such as inductor.")] = "",
    seed: SeedNumber = 0,
    as_json: Json = False,
) -> None:
    """Probe networks and losses for the usual faults; exit code 2 if there is one.

    Networks of your own are probed from Python: wdist.gan.doctor(critic, generator, x, z, penalty=...).
    """
    with guarded():
        with progress("importing"):
            from wdist.cli.gan.asked import augmentations, begun_config, numbers
            from wdist.gan.checkup import doctor_of
            from wdist.gan.sets import Data
        nets = {
            "generator": generator, "critic": critic, "units": numbers("--units", units), "channels": channels,
            "latent": latent,
        }  # fmt: skip
        with progress("probing"):
            changes = {
                "batch": batch,
                "augment": augmentations(augment),
                "conditional": conditional,
                "accumulate": accumulate,
            }
            config = begun_config(loss, Data(data), published, nets, changes, stabiliser or ())
            found = doctor_of(config, seed, compiler)
        if as_json:
            typer.echo(json.dumps([dataclasses.asdict(finding) for finding in found.findings]))
        else:
            line(output(), str(found), indent=6)
        if not found.sound:
            raise typer.Exit(BAD_INPUT)
