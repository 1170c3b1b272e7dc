"""The card in words: a verdict that promises what was measured and no more, and a page with the figures behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from wdist.calibration.model import FEWEST_FAMILIES

if TYPE_CHECKING:
    from wdist.calibration.card import Calibration

__all__ = ["page", "verdict", "within"]

CONFIDENCE = 0.9
USABLE = math.log(1.25)
"""Half width of the 90 % range of log kappa up to which a calibrated value is called usable."""
DIVISORS = {
    "raw": "kappa = raw dual value / W1",
    "slope": "kappa = raw dual value / (the critic's own mean slope between the samples · W1)",
    "certificate": "kappa = raw dual value / (the critic's certified Lipschitz constant · W1)",
}


def within(half_width: float) -> str:
    """Write a half width of log kappa for a person."""
    if half_width > math.log(2):
        return f"a factor of {math.exp(half_width):.2g}" if math.isfinite(half_width) else "an unknown factor"
    return f"±{100 * math.expm1(half_width):.2g} %"


def verdict(card: Calibration) -> str:
    """For what the card is usable, within what, and for what not."""
    reach = {family: card.model.half_width(family, CONFIDENCE) for family in card.families}
    good = [family for family, half in reach.items() if half <= USABLE]
    poor = [f"{family} ({within(half)})" for family, half in reach.items() if half > USABLE]
    said = []
    if good:
        said.append(f"Usable within {within(max(reach[f] for f in good))} (90 %) for {', '.join(good)}.")
    if len(card.families) >= FEWEST_FAMILIES:
        new, (low, high) = card.model.half_width(None, CONFIDENCE), card.valid_range
        for_new = (
            f"a family that it has not seen, from w = {low:.2g} to {high:.2g}: within {within(new)} (90 %)"
        )
        if new <= USABLE:
            said.append(f"Usable for {for_new}.")
        else:
            poor.append(for_new)
    else:
        poor.append("families that it has not seen (too few were calibrated)")
    if poor:
        said.append(f"Not usable for {'; '.join(poor)}.")
    said.append(f"Nor beyond d = {card.dim}, the w that were calibrated and the settings below.")
    effect = card.budget_effect
    if effect is None:
        said.append("Whether more steps would change kappa was not tried.")
    elif not card.settled:
        said.append(
            f"Kappa has not settled: twice the steps change it by {100 * effect:+.1f} %, so it is kappa of this budget."
        )
    if card.lost:
        said.append(f"{card.lost} of {len(card.trials)} fits read nothing above zero and were left out.")
    return " ".join(said)


def page(card: Calibration) -> str:
    """Write the whole card in Markdown."""
    lines = [
        f"# Calibration of {card.fingerprint['constraint']}, d = {card.dim}",
        "",
        f"**{card.verdict}**",
        "",
    ]
    lines += [
        f"Read as {DIVISORS[card.per]}. Kappa has no unit; w is W1 in standardised units, as the critic sees it: W1 "
        "of the data over `est.detail.potential.scaling.scale`. ![kappa](card.png)",
        "",
        "## Families",
        "",
        _row("family", "fits", "w", "kappa, least to most w", "one more fit, 90 %", "held-out amounts: median, worst",
             "left out: mean, worst", "the method's own value: mean"),
        _row(*["---"] * 8),
    ]  # fmt: skip
    lines += [_family(card, family) for family in card.families]
    if len(card.families) >= FEWEST_FAMILIES:
        lines += [
            "",
            "## A family that was not calibrated",
            "",
            _row("w", "kappa", "90 %"),
            _row(*["---"] * 3),
        ]
        for w in np.geomspace(*card.valid_range, 6)[1:-1]:
            kappa = card.kappa(float(w))
            lines.append(_row(f"{w:.3g}", f"{kappa.value:.4g}", f"{kappa.low:.4g} to {kappa.high:.4g}"))
        lines += ["", f"Root mean square error of W1 in a family left out: {100 * card.spread:.1f} %."]
    effect = card.budget_effect
    tried = (
        "not tried"
        if effect is None
        else f"kappa changes by {100 * effect:+.1f} % in the family that it changes most"
    )
    lines += ["", "## Budget", "", f"Twice the steps: {tried}.", "", "## What was calibrated", ""]
    lines += [_row("setting", "value"), _row("---", "---")]
    lines += [_row(key, value) for key, value in card.fingerprint.items()]
    told = ", ".join(f"{key} {value}" for key, value in card.versions.items())
    return "\n".join([*lines, "", f"{len(card.trials)} fits, seed {card.seed}. Made with {told}.", ""])


def _family(card: Calibration, family: str) -> str:
    model, points = card.model, card.points[family]
    low, high = model.reach(family)
    ends = [math.exp(model.curves[family].at(w)) for w in (low, high)]
    held = np.abs(model.errors(family, left_out=False))
    own = np.mean([t.said.own / t.w - 1 for t in card.trials if t.family == family and t.steps == card.steps])
    out = "-"
    if len(card.families) >= FEWEST_FAMILIES:
        errors = model.errors(family, left_out=True)
        out = f"{_percent(float(np.mean(errors)))}, {_percent(max(errors, key=abs))}"
    return _row(
        family, str(len(points)), f"{low:.2g} to {high:.2g}", f"{ends[0]:.4g} to {ends[1]:.4g}",
        within(model.half_width(family, CONFIDENCE)), f"{100 * np.median(held):.1f} %, {100 * held.max():.1f} %", out,
        _percent(float(own)),
    )  # fmt: skip


def _percent(error: float) -> str:
    return f"{100 * error:+.1f} %"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
