"""The page of a calibration card: its verdict, kappa with its band, and every family in a table."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np

from wdist.calibration.card import Calibration
from wdist.calibration.model import FEWEST_FAMILIES
from wdist.report.curves import kappas
from wdist.report.origin import Input, Origin
from wdist.report.page import Page, render

__all__ = ["of_card"]


def of_card(card: Calibration, path: str | Path | None = None, *, origin: Origin | None = None) -> Page:
    """Make the page of a card.

    Args:
        card: What `wdist.calibrate` gave, or `Calibration.load`.
        path: The file that it was read from, for its hash.
        origin: Where it all comes from; None for what this process knows.
    """
    many = len(card.families) >= FEWEST_FAMILIES
    low, high = card.valid_range if many else (None, None)
    if origin is None:
        origin = Origin.now(
            "", card.seed, [] if path is None else [Input.of_path(path, f"{len(card.trials)} fits")]
        )
    data = {
        "kind": "card",
        "verdict": card.verdict,
        "families": [_row(card, family, many) for family in card.families],
        "spread": card.spread if many else None,
        "valid_range": {"low": low, "high": high},
        "budget_effect": card.budget_effect,
        "per": card.per,
        "steps": card.steps,
        "lost": card.lost,
        "fits": len(card.trials),
        "seed": card.seed,
        "fingerprint": dict(card.fingerprint),
        "measured_with": dict(card.versions),
        "trials": [dataclasses.asdict(trial) for trial in card.trials],
        "origin": origin.to_dict(),
    }
    title = f"Kappa of {card.fingerprint['constraint']} in {card.dim} dimension{'s' * (card.dim > 1)}"
    return render("card.html", title, data, kappa=kappas(card), settled=card.settled, many=many)


def _row(card: Calibration, family: str, many: bool) -> dict[str, str | float | None]:
    """A family: where it was calibrated, kappa at both ends, and by how much its W1 is missed."""
    low, high = card.range_of(family)
    at_low, at_high = (math.exp(card.model.curve(family).at(w)) for w in (low, high))
    own, out = (
        math.sqrt(float(np.mean(np.square(card.model.errors(family, left_out=whole))))) if many or not whole else None
        for whole in (False, True)
    )  # fmt: skip
    return {
        "name": family,
        "low": low,
        "high": high,
        "at_low": at_low,
        "at_high": at_high,
        "own": own,
        "left_out": out,
    }
