"""Curves over an axis: what a critic read in the course of a training, and kappa with the band for a new family.

Every curve has its name written beside it, so that no two are told apart by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from wdist.calibration.card import Calibration
from wdist.calibration.model import FEWEST_FAMILIES
from wdist.report.svg import Scale, across, drawing, element, ground, path, words

__all__ = ["kappas", "readings"]

WIDTH, HEIGHT, FOOT, HEAD = 680.0, 390.0, 52.0, 50.0
MOST_ROWS, GAP, LETTER = 500, 25.0, 12.5
"""Points of a curve; from one name to the next, and the width of a letter, both on a phone."""
SERIES = (
    ("critic", "training", "critic, on training points"),
    ("held", "held", "critic, on held-out points"),
    ("debiased", "judged", "debiased W1, by an exact solver"),
)
"""Columns of a run's log, their class in the style sheet, and what they are."""


def readings(rows: Sequence[dict[str, Any]], quantity: str, axis: str) -> Markup | None:
    """Draw what the critic read over the steps of the generator; None for a log without it.

    Args:
        rows: The log's.
        quantity: What was read.
        axis: The same with its unit.
    """
    seen = {
        key: np.array([(row["step"], row[key]) for row in rows if _plain(row.get(key))], dtype=float)
        for key, _, _ in SERIES
    }
    known = [(key, kind, name) for key, kind, name in SERIES if len(seen[key])]
    if not known:
        return None
    every = np.concatenate([seen[key] for key, _, _ in known])
    x = Scale.over(every[:, 0].tolist(), 0.0, WIDTH, room=0.0)
    y = Scale.over([0.0, *every[:, 1].tolist()], HEIGHT - FOOT, HEAD)
    parts = [ground(y, (0.0, WIDTH), axis)]
    for key, kind, _ in known:
        points = seen[key][np.unique(np.linspace(0, len(seen[key]) - 1, MOST_ROWS).astype(int))]
        at = x.all(points[:, 0]), y.all(points[:, 1])
        parts.append(path(*at, f"curve {kind}"))
        if len(points) == 1 or kind == "judged":
            parts += [_spot(float(p), float(q), 4.5, kind) for p, q in zip(*at, strict=True)]
    parts.append(across(x, HEIGHT - FOOT, "steps of the generator"))
    last = "; ".join(f"{name}: {seen[key][-1, 1]:.4g} at the end" for key, _, name in known)
    return drawing(
        "curve", f"{quantity} over the steps of the generator", f"{last}.", (WIDTH, HEIGHT), *parts
    )


def _spot(x: float, y: float, radius: float, kind: str) -> Markup:
    return element("circle", cx=x, cy=y, r=radius, class_=f"spot {kind}")


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def kappas(card: Calibration, confidence: float = 0.9) -> Markup:
    """Draw kappa over W1: every family by its name, and where that of a new one is expected.

    Args:
        card: Of which critic.
        confidence: Level of the band.
    """
    ends = [p for points in card.points.values() for p in points]
    many = len(card.families) >= FEWEST_FAMILIES
    reach = card.model.half_width(None, confidence) if many else 0.0
    grid = np.geomspace(*card.valid_range, 40) if many else np.zeros(0)
    middle = np.array([card.model.curve(None).at(float(w)) for w in grid])
    seen = [p.reading / p.w for p in ends]
    if many and math.isfinite(reach):
        seen += np.exp([middle.min() - reach, middle.max() + reach]).tolist()
    right = WIDTH - 40 - LETTER * max(map(len, card.families))
    x = Scale.over([p.w for p in ends], 0.0, max(right, WIDTH / 2), log=True)
    y = Scale.over(seen, HEIGHT - FOOT, HEAD, log=True)
    parts = [ground(y, (0.0, x.end), "kappa = reading / W1", most=5)]
    if many and math.isfinite(reach):
        low, high = (np.array([y(math.exp(m + by * reach)) for m in middle]) for by in (-1, 1))
        at = x.all(grid)
        parts.append(
            path(np.concatenate([at, at[::-1]]), np.concatenate([low, high[::-1]]), "band", closed=True)
        )
        parts.append(path(at, np.array([y(math.exp(m)) for m in middle]), "curve pooled"))
    tips = []
    for family, points in card.points.items():
        curve = card.model.curve(family)
        w, k = np.exp(curve.log_w), np.exp(curve.log_k)
        parts.append(path(x.all(w), y.all(k), "curve family"))
        parts += [
            element("circle", cx=x(p.w), cy=y(p.reading / p.w), r=2.2, class_="spot family") for p in points
        ]
        tips.append((family, x(float(w[-1])), y(float(k[-1]))))
    parts += _named(tips, x.end + 40)
    parts.append(across(x, HEIGHT - FOOT, "W1 in standardised units", most=5))
    said = f"{len(card.families)} families of laws"
    if many:
        said += f", and a band in which {confidence:.0%} of new ones are expected"
    return drawing("kappa", "Kappa over W1", f"{said}; both axes are logarithmic.", (WIDTH, HEIGHT), *parts)


def _named(tips: list[tuple[str, float, float]], left: float) -> list[Markup]:
    """Write names at the right of their curves, pushed apart where these end close together."""
    tips = sorted(tips, key=lambda tip: tip[2])
    lines: list[float] = []
    for _, _, y in tips:
        lines.append(max(y, lines[-1] + GAP) if lines else y)
    over = max(0.0, lines[-1] - (HEIGHT - FOOT))
    lines = [max(line - over, HEAD - 20 + GAP * k) for k, line in enumerate(lines)]
    parts = []
    for (name, x, y), line in zip(tips, lines, strict=True):
        parts.append(path(np.array([x, left - 14, left - 4]), np.array([y, line, line]), "leader"))
        parts.append(words(name, left, line + 4, "key family"))
    return parts
