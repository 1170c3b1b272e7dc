"""Pictures of a run: a sheet of what the generator makes, the curve of what the critic read, and both beside the data.

Images are laid out in a grid, points in the plane are scattered over real ones; other data have no picture. Of images
whose channels are no colours one is shown where there are two, and three where there are more than four.
`portrait` has samples beside the training images nearest to them, the curve, and how near that is.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from wdist.errors import InputError
from wdist.gan.form import Form
from wdist.gan.generator import Generator
from wdist.gan.nearest import Novelty

__all__ = ["curve", "portrait", "sheet"]

SHEET, POINTS, PAIRS = 64, 1000, (6, 6)
"""Images on a sheet; points in a scatter plot; rows and columns of pairs in a portrait."""
DARK, LIGHT, ACCENT = "#1b2a49", "#b9a46b", "#c0392b"
ABOVE: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 2, "frameon": False}
"""Where a portrait has its legends: off the curves."""


def sheet(
    generator: Generator, path: Path, real: torch.Tensor | None = None, n: int | None = None,
    seed: int = 0, label: str | None = None,
) -> bool:  # fmt: skip
    """Draw what a generator makes, from the same latents each time; False if its points have no picture.

    Args:
        generator: What to draw from.
        path: The PNG.
        real: Real points (m, 2) to lay beneath those of a generator in the plane.
        n: How many images, or points in the plane; None for a usual number.
        seed: Of the latents.
        label: Of which class; None for all, of which a sheet has each in its turn.
    """
    rng = torch.Generator().manual_seed(seed)
    if len(generator.form.shape) in (2, 3):
        names, n = generator.names, n or SHEET
        wanted = [names[k * len(names) // n] for k in range(n)] if names and label is None else label
        levels = _shown(generator.images(n, rng, wanted).cpu(), generator.form)
        _save(Image.fromarray(tiled(levels.numpy())), path)
        return True
    if generator.dim != 2:
        return False
    n = n or POINTS
    figure, ax = _figure(5, 5)
    made = generator.draw(n, rng, label).cpu()
    for points, colour, name in ((real, LIGHT, "real"), (made, DARK, "generated")):
        if points is not None:
            ax.scatter(*points[: max(n, POINTS)].T.numpy(), s=6, color=colour, label=name)
    ax.set(
        xlabel="first coordinate",
        ylabel="second coordinate",
        title=f"{n} generated points",
        aspect="equal",
    )
    ax.legend(loc="upper right")
    _save(figure, path)
    return True


def _shown(images: torch.Tensor, form: Form) -> torch.Tensor:
    """Images (n, ...) as a PNG has them: (n, H, W) of one channel or two, (n, H, W, 3 or 4) of more."""
    levels = form.as_images(images.flatten(1))
    channels = levels.shape[3]
    if channels <= 2:
        return levels[..., 0]
    return levels if channels == 4 else levels[..., :3]


def tiled(images: np.ndarray[Any, Any], least: int = 56) -> np.ndarray[Any, Any]:
    """Lay images (n, H, W) or (n, H, W, C) out in a grid, small ones enlarged to `least` pixels."""
    columns = math.ceil(math.sqrt(len(images)))
    missing = -len(images) % columns
    images = np.concatenate([images, np.zeros_like(images[:1]).repeat(missing, axis=0)])
    by = max(1, least // images.shape[1])
    images = images.repeat(by, axis=1).repeat(by, axis=2)
    n, h, w, *c = images.shape
    grid = images.reshape(n // columns, columns, h, w, *c).swapaxes(1, 2)
    return grid.reshape(n // columns * h, columns * w, *c)


def curve(rows: list[dict[str, Any]], path: Path, title: str, unit: str) -> None:
    """Draw the critic's reading, on training points and on held-out ones, over the steps of the generator."""
    figure, ax = _figure(7, 4)
    _curve(ax, rows, unit)
    ax.set(title=title)
    _save(figure, path)


def portrait(
    found: Novelty, shape: tuple[int, ...], rows: list[dict[str, Any]], path: Path, title: str, unit: str,
) -> None:  # fmt: skip
    """Draw generated images beside the training images nearest to them; the curve; the distances, held-out ones beside.

    Args:
        found: The images, the first of which are shown, as they came.
        shape: Of one image: (H, W), (H, W, C) or (C, H, W). What is transparent is laid over white.
        rows: The run's log.
        path: The PNG.
        title: The finding.
        unit: What the critic read, for the curve's axis.

    Raises:
        InputError: if points of this shape are no images.
    """
    if len(shape) not in (2, 3):
        raise InputError(
            f"points of shape {shape} are no images (H, W), (H, W, C) or (C, H, W), and have no portrait"
        )
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(12, 5.8), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2))
    above, below = left.subplots(2, 1)
    _curve(above, rows, unit, fontsize=8, **ABOVE)
    _distances(below, found)
    _pairs(right.subplots(), found, Form(shape))
    _save(figure, path)


def _curve(ax: Any, rows: list[dict[str, Any]], unit: str, **legend: Any) -> None:
    """What the critic read, and an independent judge; a single reading, which makes no line, is a point."""
    for key, colour, width, side in (("critic", LIGHT, 1.0, "training"), ("held", DARK, 1.8, "held-out")):
        if seen := [(row["step"], row[key]) for row in rows if key in row]:
            marker = "o" if len(seen) == 1 else None
            label = f"critic, {side} points"
            ax.plot(*zip(*seen, strict=True), marker=marker, color=colour, linewidth=width, label=label)
    if judged := [(row["step"], row["debiased"]) for row in rows if "debiased" in row]:
        ax.plot(*zip(*judged, strict=True), "o--", color=ACCENT, label="independent: debiased W1")
    ax.set(xlabel="steps of the generator", ylabel=unit)
    if ax.lines:
        ax.legend(**legend)
    ax.axhline(0, color="black", linewidth=0.6)


def _distances(ax: Any, found: Novelty) -> None:
    """Histograms of the distances to the nearest training points."""
    sides = ((found.held, LIGHT, "held-out"), (found.distances, DARK, "generated"))
    bins = np.linspace(0, float(max(distances.max() for distances, _, _ in sides)), 25)
    for distances, colour, name in sides:
        share = np.full(len(distances), 1 / len(distances))
        label = f"{name}: median {distances.median():.3g}"
        ax.hist(
            distances.numpy(),
            bins,
            weights=share,
            color=colour,
            histtype="stepfilled",
            alpha=0.7,
            label=label,
        )
    ax.set(xlabel="distance to the nearest training image", ylabel="share of the images")
    ax.legend(fontsize=8, handlelength=1.2, columnspacing=1.2, **ABOVE)


def _pairs(ax: Any, found: Novelty, form: Form) -> None:
    """Generated images, each with the training image nearest to it on its right, and its distance below."""
    down, across = PAIRS
    _, h, w = form.geometry
    made, near = (_on_white(points[: down * across], form) for points in (found.generated, found.nearest))
    gap = max(2, h // 8)
    tall, wide = h + 3 * gap, 2 * w + 2 * gap
    page = np.ones((down * tall, across * wide, 3), np.float32)
    for k, pair in enumerate(zip(made, near, strict=True)):
        top, start = k // across * tall, k % across * wide
        for place, image in enumerate(pair):
            begin = start + place * (w + gap // 2)
            page[top : top + h, begin : begin + w] = image.numpy()
        ax.text(start + w, top + h + gap, f"{found.distances[k]:.1f}", ha="center", va="center", fontsize=8)
    ax.imshow(page, interpolation="nearest")
    ax.set_title(
        "generated (left) and the training image nearest to it (right), their distance below", fontsize=10
    )
    ax.axis("off")


def _on_white(points: torch.Tensor, form: Form) -> torch.Tensor:
    """Points (n, d) as colours between 0 and 1, (n, H, W, 3), or (n, H, W, 1) if grey."""
    levels = _shown(points.clamp(0, 1), form)
    if levels.ndim == 3:
        return levels[..., None]
    return levels if levels.shape[3] == 3 else 1 - levels[..., 3:] * (1 - levels[..., :3])


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _save(picture: Any, path: Path) -> None:
    """Write a PNG, whole or not at all.

    Raises:
        InputError: if it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        if isinstance(picture, Image.Image):
            picture.save(part, format="PNG")
        else:
            picture.savefig(part, format="png", dpi=150)
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); choose another place"
        ) from None
    finally:
        with contextlib.suppress(OSError):  # as where the folder is read-only: the first error counts
            part.unlink(missing_ok=True)
