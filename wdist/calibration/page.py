"""The card in words: a verdict in a few sentences, and a page in Markdown with every number behind it."""

from __future__ import annotations

import math

import numpy as np

from wdist.calibration.card import SETTLED, Calibration
from wdist.calibration.model import FEWEST_FAMILIES

__all__ = ["page", "verdict"]

USABLE = 0.25
"""Root mean square error of W1 beyond which a card calls itself not usable."""
CONFIDENCE = 0.9
MEANING = {
    "raw": "the held-out dual value E_a f − E_b f",
    "slope": "the held-out dual value over the critic's mean slope |∇f| between the samples",
    "certificate": "the held-out dual value over the certified Lipschitz constant",
}


def verdict(card: Calibration) -> str:
    """Say for what the card is usable and for what not."""
    errors = {family: _rms(card.model.errors(family, left_out=False)) for family in card.families}
    good, bad = (
        [f"{family} ±{error:.1%}" for family, error in errors.items() if (error <= USABLE) is usable]
        for usable in (True, False)
    )
    said = []
    if good:
        limit = f"an error of at most {USABLE:.0%}, root mean square"
        said.append(f"usable ({limit}), where the family is known, within {', '.join(good)}")
    no = [f"{', '.join(bad)} (over {USABLE:.0%})"] if bad else []
    if len(card.families) < FEWEST_FAMILIES:
        no.append(f"any other family ({len(card.families)} calibrated, {FEWEST_FAMILIES} needed)")
    elif card.spread <= USABLE:
        factor = math.exp(card.model.half_width(None, CONFIDENCE))
        low, high = card.valid_range
        left_out = {family: _rms(card.model.errors(family, left_out=True)) for family in card.families}
        worst = max(left_out, key=left_out.__getitem__)
        said.append(
            f"usable within ±{card.spread:.1%} for a family it has not seen (the worst left out, {worst}, "
            f"±{left_out[worst]:.1%}; W1 within a factor {factor:.3g} at {CONFIDENCE:.0%}), from {low:.3g} to "
            f"{high:.3g} in standardised units"
        )
    else:
        no.append(f"a family it has not seen (±{card.spread:.1%}, over {USABLE:.0%})")
    no.append(f"other dimensions than {card.dim} or another fingerprint")
    return "; ".join([*said, f"not usable for {'; '.join(no)}"]) + f". {_budget(card)}"


def _budget(card: Calibration) -> str:
    effect = card.budget_effect
    if effect is None:
        return "Whether the steps suffice was not tried."
    if card.settled:
        return f"Twice the {card.steps} steps change kappa by at most {abs(effect):.1%} ({SETTLED:.0%} is the limit)."
    return (
        f"Not converged: twice the {card.steps} steps change kappa by up to {effect:+.1%}, over {SETTLED:.0%}, so it "
        f"holds at {card.steps} steps only."
    )


def page(card: Calibration) -> str:
    """Write the card as Markdown."""
    lines = [
        f"# Kappa of {card.fingerprint['constraint']}, d = {card.dim}",
        "",
        f"**Verdict.** {card.verdict}",
        "",
    ]
    lines += ["![kappa over W1](card.png)", ""]
    lines += [f"kappa = reading / W1; the reading is {MEANING[card.per]}. w is W1 in standardised units.", ""]
    lines += ["| family | w | kappa at its ends | held-out parameter | left out |", "|---|---|---|---|---|"]
    many = len(card.families) >= FEWEST_FAMILIES
    for family in card.families:
        low, high = card.range_of(family)
        ends = " to ".join(f"{math.exp(card.model.curve(family).at(w)):.4g}" for w in (low, high))
        own = _rms(card.model.errors(family, left_out=False))
        out = f"±{_rms(card.model.errors(family, left_out=True)):.1%}" if many else "–"
        lines.append(f"| {family} | {low:.3g} to {high:.3g} | {ends} | ±{own:.1%} | {out} |")
    lines += [
        "",
        "Held-out parameter: error of W1 where an amount of transport was left out of the family's own curve.",
    ]
    lines += ["Left out: error of W1 where the whole family was left out. Both are root mean squares.", ""]
    if many:
        low, high = card.valid_range
        lines.append(
            f"- Spread, leave one family out: ±{card.spread:.1%}. Valid range: {low:.3g} to {high:.3g}."
        )
    lines += [f"- {_budget(card)}", *([f"- {theory}"] if (theory := _theory(card)) else [])]
    if card.lost:
        lines.append(f"- {card.lost} of {len(card.trials)} fits read nothing above zero and are left out.")
    lines += [f"- {len(card.trials)} fits, seed {card.seed}, {card.cpu:.0f} s of CPU time."]
    lines += ["", "## What was calibrated", ""]
    lines += [f"- {key}: {value}" for key, value in card.fingerprint.items()]
    lines += [f"- made with: {', '.join(f'{name} {value}' for name, value in card.versions.items())}"]
    return "\n".join(lines) + "\n"


def _theory(card: Calibration) -> str:
    """Whether the critic's own value needs a card; a clipped one has none."""
    if card.fingerprint["constraint"].startswith("Clip("):
        return ""
    own = [t.said.own / t.w - 1 for t in card.trials if t.steps == card.steps]
    return (
        f"The critic's own value, without the card, is off by {float(np.mean(own)):+.1%} in the mean and "
        f"±{_rms(own):.1%} in root mean square: what its theory (1 + W/(2λ) for the penalty, 1 for a certificate) "
        "leaves."
    )


def _rms(errors: list[float]) -> float:
    return math.sqrt(float(np.mean(np.square(errors))))
