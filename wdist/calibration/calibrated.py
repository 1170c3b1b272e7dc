"""A critic that is read by a card: the fit is the critic's, what its reading means is the card's.

The method must be the one that was calibrated, to the last setting. Where the answer lies beyond what was calibrated it
comes without an interval and with a warning, and every answer between samples is held against their certified bracket.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scipy.stats import norm

from wdist.calibration.card import Calibration, mend
from wdist.calibration.fingerprint import differences, fingerprint
from wdist.calibration.reading import check_critic, read
from wdist.errors import InputError, WdistWarning
from wdist.methods.critic import Critic, CriticDetail
from wdist.methods.method import Method
from wdist.question import Question
from wdist.result import Bound, Estimate, Interval, Target
from wdist.rng import Rng

__all__ = ["Calibrated", "CalibratedDetail"]


@dataclass(frozen=True, eq=False)
class CalibratedDetail:
    """What lies behind a calibrated value.

    Attributes:
        reading: What the critic read, in standardised units, by the card's divisor.
        kappa: What it was divided by.
        w: W1 in standardised units, to be found in the card's range.
        sample_lower: Certified lower bound on W1 between the two given samples, or None.
        sample_upper: Certified upper bound on the same, or None.
        critic: The critic's own detail.
    """

    reading: float
    kappa: float
    w: float
    sample_lower: float | None
    sample_upper: float | None
    critic: CriticDetail


@dataclass(frozen=True)
class Calibrated(Method):
    """W1 by a critic whose kappa is on a card.

    Attributes:
        method: The critic, with every setting that the card was made with.
        card: Made by `wdist.calibrate`, or loaded.
        family: How mass is known to move, one of the card's families; None, the default, for not known: the interval
            then holds the whole spread between families.
    """

    method: Critic
    card: Calibration
    family: str | None = None

    name: ClassVar[str] = "calibrated"
    when: ClassVar[str] = "W1 by a critic that is no bound, where a card says what it reads"
    cost: ClassVar[str] = "that of the critic"
    besides: ClassVar[str] = "it needs a card"
    draws: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        check_critic(self.method)
        if isinstance(self.card, (str, Path)):
            raise InputError(
                f"card is {str(self.card)!r}, a name; pass the card itself, wdist.Calibration.load({str(self.card)!r})"
            )
        if not isinstance(self.card, Calibration):
            raise InputError(
                f"card is {self.card!r}; pass what wdist.calibrate gave or wdist.Calibration.load reads"
            )
        self.card.check_family(self.family)
        if wrong := differences(self.card.fingerprint, fingerprint(self.method, self.card.dim)):
            raise InputError(
                f"the card is of another method: {'; '.join(wrong)}. Kappa does not carry over; pass the method that "
                "was calibrated, or calibrate this one"
            )

    def refusal(self, question: Question) -> str | None:
        """Refuse what the critic refuses, and other dimensions than the card's."""
        if question.dim != self.card.dim:
            return (
                f"the card is for d = {self.card.dim} and the data have d = {question.dim}; "
                f"make one by wdist.calibrate(method, dim={question.dim})"
            )
        return self.method.refusal(question)

    def memory(self, question: Question) -> int:
        """What the critic takes."""
        return self.method.memory(question)

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Fit, read, and look the reading up."""
        found = self.method.estimate(question, rng.spawn())
        said, detail = read(found, question, rng.spawn()), found.detail
        assert isinstance(detail, CriticDetail)
        reading, curve = said.by(self.card.per), self.card.model.curve(self.family)
        w = curve.solve(reading)
        low, high = self.card.range_of(self.family)
        inside = low <= w <= high
        kappa = reading / w if w > 0 else math.exp(curve.log_k[0])
        value = w * said.scale
        doubts = [] if inside else [self._beyond(w, low, high)]
        below, above = detail.sample_lower, detail.sample_upper
        if below is not None and above is not None and not below <= value <= above:
            doubts.append(
                f"The calibrated value {value:.6g} falls outside the certified bracket of the two samples, "
                f"{below:.6g} <= W1 <= {above:.6g}; trust the bracket for the samples"
            )
        for doubt in doubts:
            warnings.warn(doubt, WdistWarning, stacklevel=5)
        return Estimate(
            value, 1.0, self.name, Bound.NONE, Target.POPULATION, "W1 (calibrated)", lower=found.lower,
            interval=self._interval(reading, detail, said.scale, question.confidence) if inside else None,
            converged=found.converged,
            message=" ".join([*(f"{doubt}." for doubt in doubts), f"kappa = {kappa:.4g}.", found.message]),
            detail=CalibratedDetail(reading, kappa, w, below, above, detail),
        )  # fmt: skip

    def _beyond(self, w: float, low: float, high: float) -> str:
        side = "below" if w < low else "above"
        return (
            f"W1 is {w:.4g} in standardised units, {side} what was calibrated ({low:.3g} to {high:.3g}), so the value "
            f"is an extrapolation without an interval; {mend(w, self.card.dim)}"
        )

    def _interval(
        self, reading: float, detail: CriticDetail, scale: float, confidence: float
    ) -> Interval | None:
        """Both sources of error at their own level, one upon the other, which is more than either asks for."""
        reach = self.card.model.half_width(self.family, confidence)
        if not math.isfinite(reach):
            return None
        noise = float(norm.ppf((1 + confidence) / 2)) * detail.standard_error
        share = noise / detail.raw if detail.raw > 0 else 0.0
        curve = self.card.model.curve(self.family)
        ends = (curve.solve(reading * (1 - share), reach), curve.solve(reading * (1 + share), -reach))
        whose = self.family or "a family not on the card"
        return Interval(
            scale * ends[0], scale * ends[1], confidence, f"kappa of {whose}, and held-out points"
        )
