"""A critic read through a card: W1 = reading / kappa, with the card's own doubt, held against what is certified.

`Calibrated` is a method around a method. It refuses a critic that was trained otherwise than the card says, widens its
interval beyond what was calibrated, and tells where the number falls outside the certified bracket of the same samples.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

from wdist.calibration.card import Calibration
from wdist.calibration.fingerprint import differences, fingerprint
from wdist.calibration.reading import check_critic, read
from wdist.critic.bracket import sample_bracket
from wdist.errors import InputError
from wdist.measures import Samples, as_samples
from wdist.methods.critic import Critic, CriticDetail
from wdist.methods.method import Method
from wdist.question import Question
from wdist.result import Bound, Estimate, Interval
from wdist.rng import Rng

__all__ = ["Calibrated", "CalibratedDetail"]

DRAWN = 1000
"""Points of each source between which the bracket is found."""


@dataclass(frozen=True, eq=False)
class CalibratedDetail:
    """What lies behind a calibrated value.

    Attributes:
        reading: What the critic read, in standardised units, over what the card divides by.
        kappa: What the reading was divided by.
        w: The calibrated W1 in standardised units.
        inside: Whether w is where the card was calibrated.
        lower: Certified lower bound on W1 between the samples, or between points drawn of sources.
        upper: Certified upper bound on the same.
        critic: The estimate that was calibrated, with the critic itself in its `detail`.
    """

    reading: float
    kappa: float
    w: float
    inside: bool
    lower: float | None
    upper: float | None
    critic: Estimate


@dataclass(frozen=True)
class Calibrated(Method):
    """W1 by a critic that a card knows: its reading over kappa.

    Attributes:
        method: The critic, with the settings that were calibrated.
        card: From `wdist.calibrate`, or `wdist.Calibration.load`.
        family: The card's family that the data belong to, if that is known; None for one that was not calibrated.

    Raises:
        InputError: if the critic is not the one that the card speaks of.
    """

    method: Critic
    card: Calibration
    family: str | None = None

    name: ClassVar[str] = "calibrated"
    when: ClassVar[str] = "W1 by a critic of unknown slope, where a card says what it reads"
    cost: ClassVar[str] = "that of the critic"
    besides: ClassVar[str] = "it needs a card"
    draws: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        check_critic(self.method)
        if not isinstance(self.card, Calibration):
            raise InputError(
                f"card is a {type(self.card).__name__}; pass what wdist.calibrate gave, or wdist.Calibration.load"
            )
        found = differences(dict(self.card.fingerprint), fingerprint(self.method, self.card.dim))
        if found:
            raise InputError(
                f"the card speaks of another critic: {'; '.join(found)}. Pass the critic that was calibrated, or "
                "calibrate this one: wdist.calibrate(method, dim=...)"
            )
        self.card.check_family(self.family)

    def refusal(self, question: Question) -> str | None:
        """Refuse what the critic does, and data of another dimension than the card's."""
        if question.dim != self.card.dim:
            return (
                f"the card was made in d = {self.card.dim}, where kappa is another than in d = {question.dim}; "
                f"use wdist.calibrate(method, dim={question.dim})"
            )
        return self.method.refusal(question)

    def memory(self, question: Question) -> int:
        """That of the critic, and the bracket of drawn points."""
        return self.method.memory(question) + 40 * DRAWN * DRAWN

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Fit, read, divide by kappa, and hold the result against the bracket."""
        found = self.method.estimate(question, rng.spawn())
        said = read(found, question, rng.spawn())
        model, reading = self.card.model, said.by(self.card.per)
        curve, reach = model.curve(self.family), model.half_width(self.family, question.confidence)
        w = curve.solve(reading)
        low, high = model.reach(self.family)
        inside = low <= w <= high
        if not inside and w > 0:
            reach += max(math.log(low / w), math.log(w / high))
        least, most = (said.scale * curve.solve(reading, shift) for shift in (reach, -reach))
        lower, upper = _bracket(found, question, rng.spawn())
        value = said.scale * w
        detail = CalibratedDetail(reading, reading / w if w else 0.0, w, inside, lower, upper, found)
        return dataclasses.replace(
            found, value=value, method=self.name, bound=Bound.NONE, quantity="W1", detail=detail,
            interval=Interval(least, most, question.confidence, f"the calibration of {self.family or 'a new family'}"),
            message=" ".join([found.message, *self._remarks(detail, value, (low, high))]),
        )  # fmt: skip

    def _remarks(self, detail: CalibratedDetail, value: float, reach: tuple[float, float]) -> list[str]:
        said = [f"Calibrated: the reading over kappa = {detail.kappa:.4g}, per {self.card.per}."]
        if not detail.inside:
            said.append(
                f"W1 is {detail.w:.3g} in standardised units, outside the {reach[0]:.3g} to {reach[1]:.3g} that were "
                "calibrated: kappa is that of the nearer end, and the interval is wider by as much as that is away."
            )
        if not self.card.settled:
            said.append("The card does not vouch that kappa has settled at these steps.")
        if detail.lower is not None and detail.upper is not None:
            bracket = f"the certified bracket {detail.lower:.6g} to {detail.upper:.6g}"
            if value > detail.upper:
                where = f"FALLS ABOVE {bracket}: the card does not hold for these data, so trust the bracket"
            elif value < detail.lower:
                where = f"FALLS BELOW {bracket}: unless sampling explains that, the card does not hold for these data"
            else:
                where = f"lies in {bracket}"
            said.append(
                f"The value {where} (between the points themselves, which sampling puts further apart)."
            )
        return said


def _bracket(found: Estimate, question: Question, rng: Rng) -> tuple[float | None, float | None]:
    """The critic's own certified bracket, or, of sources, that of points drawn; None where there are too many pairs."""
    detail = found.detail
    assert isinstance(detail, CriticDetail)
    if question.sampled:
        return detail.sample_lower, detail.sample_upper
    stream = rng.torch()
    a, b = (
        side if isinstance(side, Samples) and len(side) <= DRAWN else as_samples(side.draw(DRAWN, stream))
        for side in (question.a, question.b)
    )
    return sample_bracket(detail.potential, a, b)
