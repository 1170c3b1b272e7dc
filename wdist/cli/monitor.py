"""`wdist monitor REFERENCE BATCH...`: read a reference and batches, ask `Reference` or `Watch`, print alarms.

A reference comes from points or from a file that `--save` wrote. With `--watch` batches are a stream whose state is a
file: it is begun where there is none, gone on with where there is one, and written after every batch. All batches are
read and doubted before the first is scored, so that a bad one leaves the state as it was.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from wdist.cli.options import Columns, Header, Json, Key, StatisticNames
from wdist.cli.reading import check_header, read
from wdist.cli.terminal import EXIT_CODES, SIGNIFICANT, guarded, output, progress
from wdist.cli.writing import check_folder
from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.inference import Reference, Score, Watch

__all__ = ["EXAMPLES", "monitor"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist monitor train.npy monday.npy tuesday.npy --fail-on-alarm",
        "  wdist monitor train.csv -c dose --false-alarms 0.001 --save train.reference",
        "  wdist monitor train.reference today.csv -c dose",
        "  wdist monitor train.npy today.npy --watch stream.watch --json",
        EXIT_CODES,
    ]
)


def monitor(
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="Points that batches should look like, or what --save wrote.")
    ],
    batches: Annotated[
        list[Path] | None, typer.Argument(metavar="BATCH...", help="Batches, in order of time.")
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(help="Of batches without drift, share that are alarms; with --watch, chance that one ever is.",
                     show_default="0.01"),
    ] = None,
    statistic: StatisticNames = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same answer.", show_default="0")
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to save the reference.")] = None,
    watch: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take batches for a stream; its state, to begin or to go on with."),
    ] = None,
    fail_on_alarm: Annotated[
        bool, typer.Option("--fail-on-alarm", help=f"End with code {SIGNIFICANT} if there is an alarm.")
    ] = False,
    column: Columns = None,
    key: Key = None,
    header: Header = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Say whether batches drift from a reference: each by itself, or as a stream read after every batch.

    By itself, one batch in a hundred without drift is an alarm. A stream without drift is one with a chance of one in a
    hundred, however long it runs.
    """
    with guarded():
        if not batches and save is None:
            raise InputError("there is nothing to do: name batches, or a file for the reference with --save")
        for option, path in (("--save", save), ("--watch", watch)):
            check_folder(option, path)
        files, reading = list(batches or ()), (key, column, header)
        options = {"false_alarms": false_alarms, "statistic": tuple(statistic or ()), "seed": seed}
        with progress("reading the files"):
            check_header(header, reference, *files)
            fitted = _reference(reference, reading, {k: v for k, v in options.items() if v not in (None, ())})
            rows = [_checked(fitted, file, read(file, *reading)) for file in files]
            stream = None if watch is None else _stream(watch, fitted)
        if save is not None:
            fitted.save(save)
        scores: dict[Path, Score] = {}
        for file, batch in zip(files, rows, strict=True):
            with progress(f"scoring {file}"):
                if stream is None or watch is None:
                    score = fitted.score(batch)
                else:
                    stream = stream.after(batch)
                    stream.save(watch)
                    score = cast("Score", stream.last)
            scores[file] = score
            if not as_json:
                output().print(" ".join(filter(None, [f"{file}: {score!r}", score.message])), soft_wrap=True)
        alarm = stream.alarm if stream is not None else any(score.alarm for score in scores.values())
        if as_json:
            told = [{"file": str(file), **score.to_dict()} for file, score in scores.items()]
            watched = None if stream is None else stream.to_dict()
            typer.echo(json.dumps({"batches": told, "watch": watched, "alarm": alarm}, allow_nan=False))
        elif stream is not None or not files:
            output().print(repr(stream or fitted), soft_wrap=True)
        if fail_on_alarm and alarm:
            raise typer.Exit(SIGNIFICANT)


def _reference(path: Path, reading: tuple[Any, ...], options: dict[str, Any]) -> Reference:
    """Fit a reference to a file of points, or load one, of which no option may say otherwise."""
    from wdist.inference import Reference
    from wdist.inference.keeping import kind_of

    if not path.is_file() or kind_of(path) is None:
        return Reference(read(path, *reading), **options)
    found = Reference.load(path)
    for name, value in options.items():
        if value != getattr(found, name):
            option = name.replace("_", "-")
            raise InputError(
                f"--{option} is {value} and {path} was saved with {getattr(found, name)}; drop it, or fit a reference "
                "to the points anew"
            )
    return found


def _checked(fitted: Reference, file: Path, batch: Any) -> Any:
    try:
        fitted.checked(batch)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return batch


def _stream(path: Path, fitted: Reference) -> Watch:
    """Begin a stream, or go on with one that watches the same reference."""
    from wdist.inference import Watch

    if not path.exists():
        return Watch(fitted, fitted.false_alarms)
    found = Watch.load(path)
    same = found.reference.described() == fitted.described()
    if not same or not found.reference.sample.points.equal(fitted.sample.points):
        raise InputError(
            f"{path} watches another reference ({found.reference!r}) than this one ({fitted!r}); "
            "go on with that one, or name another file"
        )
    return found
