"""`wdist report`: one HTML page about two samples, a training run or a calibration card.

Two samples are asked about as by `wdist estimate`, and the page is `wdist.report`'s. Here is only what the command line
knows: which of the three it was given, and the words that make the page again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wdist.cli.options import (
    MASSES,
    PRINTING,
    READING,
    Columns,
    Device,
    Header,
    Key,
    MethodName,
    MetricName,
    NormalizeWeights,
    Order,
    Permutations,
    SeedNumber,
    TargetName,
    TimeLimit,
    WeightsA,
    WeightsB,
)  # fmt: skip
from wdist.cli.reading import check_header, names_in, read, read_weights
from wdist.cli.spelling import given, spelled
from wdist.cli.terminal import EXIT_CODES, UNCONVERGED, bar, guarded, output, progress, say
from wdist.cli.writing import check_folder
from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.gan.evaluation import Evaluation
    from wdist.gan.folder import RunFolder
    from wdist.report import Origin, Page

__all__ = ["EXAMPLES", "report"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist report before.csv after.csv --out report.html",
        "  wdist report seattle.csv sf.csv -c temperature --target population --unit °F",
        "  wdist report runs/seven --out seven.html",
        "  wdist report card/ --out card.html",
        EXIT_CODES,
    ]
)


def report(
    ctx: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help="First sample; or a folder of a run, or a card.")],
    b: Annotated[Path | None, typer.Argument(metavar="[B]", help="Second sample.", show_default=False)] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the page.")] = Path("report.html"),
    p: Order = 1.0,
    method: MethodName = "auto",
    metric: MetricName = "euclidean",
    target: TargetName = "sample",
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    seed: SeedNumber = 0,
    floor: Annotated[
        bool | None,
        typer.Option("--floor/--no-floor", help="What noise alone would show.", show_default="where it is to be had"),
    ] = None,
    device: Device = None,
    time_limit: TimeLimit = None,
    permutations: Permutations = 999,
    blocks: Annotated[int | None, typer.Option(help="Rows a block, for rows in order of time.")] = None,
    weights_a: WeightsA = None,
    weights_b: WeightsB = None,
    weights_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Their column (or key, in an .npz).", rich_help_panel=MASSES),
    ] = None,
    normalize_weights: NormalizeWeights = False,
    column: Columns = None,
    key: Key = None,
    header: Header = None,
    unit: Annotated[
        str, typer.Option(help="Unit of the data, for the axes.", rich_help_panel=PRINTING)
    ] = "",
    judge: Annotated[
        bool,
        typer.Option("--judge/--no-judge", help="Judge a run by points it never saw.", rich_help_panel=READING),
    ] = True,
) -> None:  # fmt: skip
    """Write one HTML page, which needs no network: the verdict, the figures, and all that it takes to repeat it.

    Of two samples, of a run of `wdist gan train`, or of a card of `wdist calibrate`.
    """
    with guarded():
        check_folder("--out", out)
        if b is None:
            page = _of_folder(a, ctx, seed, judge)
            page.save(out)
            output().print(f"{page.data['verdict']}\n{out}", soft_wrap=True)
            return
        with progress("importing"):
            import wdist
            from wdist.question import check_order
            from wdist.report import of_estimate
        with progress("reading the files"):
            check_header(header, a, b, weights_a, weights_b)
            x, y = (read(path, key, column, header) for path in (a, b))
            columns, others = (names_in(path, column, header) for path in (a, b))
            check_order(columns, others, (str(a), str(b)))
            mass_a, mass_b = (read_weights(path, weights_column, header) for path in (weights_a, weights_b))
        with bar(f"computing W{p:g}") as tick:
            found = wdist.estimate(
                x, y, p=p, method=method, weights_a=mass_a, weights_b=mass_b, normalize_weights=normalize_weights,
                metric=metric, target=target, confidence=confidence, device=device, time_limit=time_limit, seed=seed,
                floor="auto" if floor is None else floor, progress=tick,
            )  # fmt: skip
        with progress(f"relabelling the rows {permutations} times"):
            page = of_estimate(
                found, x, y, weights_a=mass_a, weights_b=mass_b, normalize_weights=normalize_weights,
                names=_told_apart(a, b), columns=columns or None, unit=unit, permutations=permutations, blocks=blocks,
                seed=seed, origin=_origin(ctx, seed, a, b, weights_a, weights_b),
            )  # fmt: skip
        page.save(out)
        output().print(repr(found), soft_wrap=True)
        output().print(str(out), soft_wrap=True)
        if not found.converged:
            raise typer.Exit(UNCONVERGED)


ALONE = {"a", "out", "seed", "judge"}
"""Parameters that a run or a card has a use for."""


def _of_folder(path: Path, ctx: typer.Context, seed: int, judge: bool) -> Page:
    """The page of whatever lies there: a run or a card."""
    if several := [f"--{name.replace('_', '-')}" for name in given(ctx) if name not in ALONE]:
        raise InputError(
            f"{', '.join(several)}: that is of two samples, and one path was given; name the second too"
        )
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    with progress("importing"):
        from wdist.calibration import Calibration
        from wdist.gan.folder import RunFolder
        from wdist.report import of_card, of_run
        from wdist.report.run import READ
    run, card = RunFolder(path), path / "card.json" if path.is_dir() else path
    if run.config.exists():
        made = run.generator.exists() or any((path / "checkpoints").glob("step-*"))
        evaluation, checkpoint = _judged(run, seed) if judge and made else (None, None)
        files = [path / name for name in READ if (path / name).exists()]
        return of_run(path, evaluation, checkpoint=checkpoint, origin=_origin(ctx, seed, *files))
    if not card.exists() or card.suffix != ".json":
        raise InputError(
            f"{path} holds neither a run (config.json) nor a card (card.json); of two samples, name the second too"
        )
    found = Calibration.load(path)
    return of_card(found, origin=_origin(ctx, found.seed, card))


def _judged(run: RunFolder, seed: int) -> tuple[Evaluation, int | None]:
    """Judge the run's generator by points that its training never saw; of an unfinished one, its checkpoint's step."""
    from wdist.gan.folder import found_in
    from wdist.gan.judging import judge_after
    from wdist.gan.origin import data_of

    with progress(f"judging {run.path}"):
        try:
            found = found_in(run.path)
            say(found.told)
            data, parts = data_of([run.read_config()], [run.path])
            return judge_after(data, seed=seed, parts=parts)(found.generator), found.step
        except InputError as error:
            raise InputError(f"{error}; --no-judge makes the page without its coverage") from None


def _told_apart(a: Path, b: Path) -> tuple[str, str]:
    """Names of the two files: as short as tells them apart."""
    return (a.name, b.name) if a.name != b.name else (str(a), str(b))


def _origin(ctx: typer.Context, seed: int | None, *files: Path | None) -> Origin:
    """The command line, and the files that it named."""
    from wdist.report import Input, Origin

    return Origin.now(spelled(ctx), seed, [Input.of_path(file) for file in files if file is not None])
