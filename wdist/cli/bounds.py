"""`wdist bounds A B`: read two samples and what is to be proved by, ask `wdist.bounds`, print the bracket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from wdist.cli.options import (
    Columns,
    Header,
    Json,
    Key,
    MetricName,
    NormalizeWeights,
    SampleA,
    SampleB,
    SeedNumber,
    WeightsA,
    WeightsB,
)  # fmt: skip
from wdist.cli.reading import check_header, read, read_weights
from wdist.cli.terminal import EXIT_CODES, guarded, output, progress

__all__ = ["EXAMPLES", "bounds"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist bounds real.npy fake.npy",
        "  wdist bounds real.npy fake.npy --plan greedy --p 2",
        "  wdist bounds real.npy fake.npy --potential critic_on_fake.npy --json",
        EXIT_CODES,
    ]
)


def bounds(
    a: SampleA,
    b: SampleB,
    p: Annotated[float, typer.Option(help="Order of the distance: a finite number >= 1.")] = 1.0,
    potential: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Values of any potential at the rows of B; or sinkhorn."),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Matrix of masses, rows of A by rows of B; or sinkhorn, sliced, greedy."),
    ] = None,
    metric: MetricName = "euclidean",
    seed: SeedNumber = 0,
    weights_a: WeightsA = None,
    weights_b: WeightsB = None,
    normalize_weights: NormalizeWeights = False,
    column: Columns = None,
    key: Key = None,
    header: Header = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Bound the Wasserstein distance between two samples by any potential and any plan.

    With neither, both are taken from an entropic solver. Whatever they are, the bounds hold.
    """
    with guarded():
        with progress("importing"):
            import wdist
            from wdist.bounds import PLANS
        with progress("reading the files"):
            check_header(header, a, b, weights_a, weights_b)
            x, y = (read(path, key, column, header) for path in (a, b))
            masses = [read_weights(path, None, header) for path in (weights_a, weights_b)]

            def given(name: str | None) -> Any:
                """A name stays one, anything else is a file."""
                return name if name is None or name in PLANS else read(Path(name), None, None, None)

            proof = {"potential": given(potential), "plan": given(plan)}
        with progress("walking all pairs"):
            found = wdist.bounds(
                x, y, p=p, metric=metric, seed=seed, weights_a=masses[0], weights_b=masses[1],
                normalize_weights=normalize_weights, **proof,
            )  # fmt: skip
        if as_json:
            typer.echo(json.dumps(found.to_dict(), allow_nan=False))
        else:
            output().print(repr(found), soft_wrap=True)
