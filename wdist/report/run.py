"""The page of a training run: what came of it, its curve in the data's units, its samples over time, its coverage.

All but the coverage is in the run's folder; that wants the generator judged by points that training never saw, which
the caller does, as it needs the data.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wdist.errors import InputError
from wdist.gan.evaluation import Evaluation
from wdist.gan.folder import RunFolder
from wdist.gan.losses import Wasserstein
from wdist.gan.recipes import rebuilt
from wdist.report.curves import readings
from wdist.report.origin import Input, Origin
from wdist.report.page import Page, render

__all__ = ["READ", "of_run", "settings"]

MOST_SHEETS = 6
READ = ("config.json", "environment.json", "log.jsonl", "generator.safetensors")
"""Files of a run that its page speaks of."""
JUDGED = {
    "debiased": "W1 with the noise of both sides taken off", "w1": "W1 between samples",
    "floor": "W1, real against real", "precision": "precision", "recall": "recall",
    "diversity": "diversity, of the real", "spacing": "spacing, of the real",
    "stays": "mass that an optimal plan leaves in its class", "missing": "classes missing",
    "modes": "modes reached", "good": "share within three widths of a mode or the spiral",
    "imbalance": "imbalance of the modes", "frechet": "Fréchet distance, own features",
    "inception": "inception score, own classifier",
}  # fmt: skip
"""Figures of an evaluation that the page shows, and what it calls them."""


def of_run(
    path: str | Path, evaluation: Evaluation | None = None, *, checkpoint: int | None = None,
    origin: Origin | None = None,
) -> Page:  # fmt: skip
    """Make the page of a run.

    Args:
        path: Its folder, as `wdist gan train` leaves it; the run need not have ended.
        evaluation: What an `Evaluator` says of its generator; None for a page without coverage.
        checkpoint: Step of the checkpoint that was judged, of a run not finished or without a sound generator; None
            for its end.
        origin: Where it all comes from; None for what this process knows.

    Raises:
        InputError: if there is no run in the folder, or nothing is logged yet.
    """
    folder = RunFolder(Path(path))
    written, rows = folder.read_config(), [row for row in folder.rows() if "step" in row]
    if not rows:
        raise InputError(f"{path} has logged no step yet; report on it when it has")
    config = written["config"]
    loss = rebuilt(config["loss"]) if "loss" in config else Wasserstein()
    quantity = loss.quantity(rebuilt(config["constraint"]))
    unit = "nats" if quantity.endswith("(nats)") else "the unit of the data"
    axis = quantity if unit == "nats" else f"{quantity}, in {unit}"
    if origin is None:
        origin = Origin.now(
            "",
            written["seed"],
            [Input.of_path(folder.path / name) for name in READ if (folder.path / name).exists()],
        )
    finite = [{key: _finite(value) for key, value in row.items()} for row in rows]
    data = {
        "kind": "run",
        "verdict": _verdict(finite, quantity, evaluation, checkpoint),
        "quantity": quantity,
        "unit": unit,
        "steps": {"done": rows[-1]["step"], "asked": config["steps"]},
        "last": {key: _last(finite, key) for key in ("critic", "held", "debiased", "seconds")},
        "evaluation": None if evaluation is None else {
            "numbers": {key: _finite(value) for key, value in evaluation.numbers.items()},
            "collapse": evaluation.collapse, "coverage": asdict(evaluation.coverage), "seconds": evaluation.seconds,
            "checkpoint": checkpoint,
        },
        "log": finite,
        "config": config,
        "origin": origin.to_dict(),
    }  # fmt: skip
    shown = (
        {} if evaluation is None else {key: name for key, name in JUDGED.items() if key in evaluation.numbers}
    )
    return render(
        "run.html", folder.path.resolve().name, data, curve=readings(finite, quantity, axis), sheets=_sheets(folder),
        evaluation=evaluation, shown=shown, settings=settings(config),
    )  # fmt: skip


def _verdict(
    rows: list[dict[str, Any]], quantity: str, evaluation: Evaluation | None, checkpoint: int | None
) -> str:
    often = sum("doubt" in row for row in rows)
    doubt = f"; at {often} of {len(rows)} logged steps the critic read more than W1 can be" if often else ""
    if evaluation is not None:
        by = f"; by its checkpoint of step {checkpoint}"
        return f"{evaluation}{'' if checkpoint is None else by}{doubt}"
    read = _last(rows, "critic")
    by = "on training points; not judged by points that training never saw"
    return (
        "no reading of the critic is logged"
        if read is None
        else f"{quantity} {read:.4g} by its own critic, {by}{doubt}"
    )


def settings(config: Mapping[str, Any], name: str = "") -> list[tuple[str, str]]:
    """A config as lines, what is nested by dots.

    Example:
        >>> settings({"kind": "WGANConfig", "loss": {"kind": "WGAN"}, "steps": 5})
        [('kind', 'WGANConfig'), ('loss.kind', 'WGAN'), ('steps', '5')]
        >>> settings({"augment": [{"kind": "Flip"}], "classes": [3, 5]})
        [('augment.0.kind', 'Flip'), ('classes', '[3, 5]')]
    """
    found: list[tuple[str, str]] = []
    for key, value in config.items():
        place = f"{name}.{key}".strip(".")
        if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            value = {str(k): item for k, item in enumerate(value)}
        found += settings(value, place) if isinstance(value, Mapping) else [(place, str(value))]
    return found


def _sheets(folder: RunFolder) -> list[tuple[int, str]]:
    """Some of the run's sheets of samples, from the first to the last: the step, and the PNG in base64."""
    files = sorted(file for file in folder.samples.glob("*.png") if file.stem.isdecimal())
    count = min(MOST_SHEETS, len(files))
    picked = [files[round(k * (len(files) - 1) / max(count - 1, 1))] for k in range(count)]
    return [(int(file.stem), base64.b64encode(file.read_bytes()).decode()) for file in picked]


def _last(rows: list[dict[str, Any]], key: str) -> Any:
    return next((row[key] for row in reversed(rows) if row.get(key) is not None), None)


def _finite(value: Any) -> Any:
    """The value, or None for a number that JSON has not."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
