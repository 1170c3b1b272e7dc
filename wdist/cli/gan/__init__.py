"""`wdist gan`: train a generator, draw from it, judge it, compare several, find copies, find faults; a file each."""

from __future__ import annotations

import typer

from wdist.cli.gan import doctor, evaluate, nearest, sample, train
from wdist.cli.terminal import EXIT_CODES

__all__ = ["app"]

app = typer.Typer(
    name="gan",
    help="WGANs whose curve is in the data's units: train, sample, evaluate, compare, nearest, doctor.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
)

app.command("train", epilog=train.EXAMPLES)(train.train)
app.command("sample")(sample.sample)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(evaluate.compare)
app.command("nearest")(nearest.nearest)
app.command("doctor")(doctor.doctor)
