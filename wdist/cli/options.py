"""The options that several commands take, each spelled once: its type, its flag, its words and its panel.

A command puts them in its signature beside those that are its own; defaults stand there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "MASSES",
    "PRINTING",
    "READING",
    "Columns",
    "ConstraintName",
    "Device",
    "Header",
    "Json",
    "Key",
    "MethodName",
    "MetricName",
    "NetWidths",
    "NormalizeWeights",
    "Order",
    "Permutations",
    "SampleA",
    "SampleB",
    "SeedNumber",
    "StatisticNames",
    "TargetName",
    "TimeLimit",
    "WeightsA",
    "WeightsB",
]

READING, MASSES, PRINTING = "Reading the files", "Weights", "Printing"


def _method_names() -> list[str]:
    from wdist import METHODS

    return ["auto", "exact", *METHODS]


def _statistic_names() -> list[str]:
    from wdist.resampling.statistics import STATISTICS

    return ["auto", *STATISTICS]


SampleA = Annotated[Path, typer.Argument(metavar="A", help="First sample: a file, or a folder of images.")]
SampleB = Annotated[Path, typer.Argument(metavar="B", help="Second sample.")]

Order = Annotated[float, typer.Option(help="Order of the distance: a number >= 1, or inf.")]
MethodName = Annotated[
    str, typer.Option("--method", "-m", help="See `wdist methods`.", autocompletion=_method_names)
]
MetricName = Annotated[str, typer.Option(help="Or cityblock, or chebyshev.")]
TargetName = Annotated[
    str, typer.Option(help="Between what: these points (sample), or their laws (population).")
]
SeedNumber = Annotated[int, typer.Option(help="The same seed gives the same answer.")]
Device = Annotated[
    str | None, typer.Option(help="Where to compute: cpu, cuda, cuda:1, ...; mps for a critic's fit.")
]
Permutations = Annotated[int, typer.Option(help="Random relabellings of the rows.")]
StatisticNames = Annotated[
    list[str] | None,
    typer.Option(
        "--statistic",
        "-s",
        metavar="NAME",
        help="wasserstein, wasserstein-2, sliced, radial, energy; may be repeated.",
        show_default="by dimension",
        autocompletion=_statistic_names,
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Stop an exact solver then, with what it has certified."),
]

ConstraintName = Annotated[
    str,
    typer.Option(
        metavar="NAME[:NUMBER]",
        help="clip:c, gradient_penalty:lambda, one_sided_penalty:lambda, spectral or orthonormal.",
    ),
]
NetWidths = Annotated[
    str | None,
    typer.Option(
        metavar="WIDTHS[:ACTIVATION]",
        help="Such as 100,100 or 64,64:maxmin.",
        show_default="the constraint's own",
    ),
]

WeightsA = Annotated[
    Path | None, typer.Option(help="File of the masses of A, one a point.", rich_help_panel=MASSES)
]
WeightsB = Annotated[Path | None, typer.Option(help="File of the masses of B.", rich_help_panel=MASSES)]
NormalizeWeights = Annotated[
    bool, typer.Option("--normalize-weights", help="Divide the masses by their sum.", rich_help_panel=MASSES)
]

Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        "-c",
        metavar="NAME",
        help="Column by name, or position from 0; may be repeated.",
        rich_help_panel=READING,
    ),
]
Key = Annotated[
    str | None, typer.Option(metavar="NAME", help="Which array of an .npz.", rich_help_panel=READING)
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether a .csv or .tsv begins with names.",
        show_default="by looking",
        rich_help_panel=READING,
    ),
]

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else.", rich_help_panel=PRINTING)
]
