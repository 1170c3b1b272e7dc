"""The command line: one typer app, and one file a command.

Here the commands are only put together. What they share is in `options.py` (how the command line is spelled),
`terminal.py` (how to speak to a person, and the exit codes), `reading.py` and `writing.py`; what computes is
imported when a command runs, not before.
"""

from __future__ import annotations

from typing import Annotated

import typer

from wdist.cli import (
    bounds,
    calibrate,
    compare,
    demo,
    estimate,
    gan,
    methods,
    monitor,
    pairwise,
    report,
    two_sample,
    validate,
)  # fmt: skip
from wdist.cli.terminal import EXIT_CODES

__all__ = ["app"]

app = typer.Typer(
    name="wdist",
    help="Wasserstein distances that say what they mean.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from wdist import __version__

        typer.echo(f"wdist {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Wasserstein distances that say what they mean."""


app.command("estimate", epilog=estimate.EXAMPLES)(estimate.estimate)
app.command("pairwise", epilog=pairwise.EXAMPLES)(pairwise.pairwise)
app.command("compare", epilog=compare.EXAMPLES)(compare.compare)
app.command("bounds", epilog=bounds.EXAMPLES)(bounds.bounds)
app.command("test", epilog=two_sample.EXAMPLES)(two_sample.two_sample)
app.command("monitor", epilog=monitor.EXAMPLES)(monitor.monitor)
app.command("validate", epilog=validate.EXAMPLES)(validate.validate)
app.command("report", epilog=report.EXAMPLES)(report.report)
cards = typer.Typer(rich_markup_mode="rich")
cards.callback(invoke_without_command=True, epilog=calibrate.EXAMPLES)(calibrate.calibrate)
cards.command("show")(calibrate.show)
app.add_typer(cards, name="calibrate")
app.command("methods")(methods.methods)
app.command("demo")(demo.demo)
app.add_typer(gan.app)
