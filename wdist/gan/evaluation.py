"""What one look at a generator finds: distances, coverage, variety, features, and the name of a collapse.

Nothing is computed here; `Evaluator` fills it in, `StoppingRule` reads it, and a log takes its `numbers`.
"""

from __future__ import annotations

from dataclasses import dataclass

from wdist.gan.coverage import Coverage, Neighbours
from wdist.gan.distance import Debiased
from wdist.gan.features import FeatureScores
from wdist.gan.modes import Modes
from wdist.result import Estimate

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """A generator against real points that it was not trained on.

    Attributes:
        distance: Exact W1 beside its floor, and debiased.
        coverage: How classes, or clusters, are filled.
        neighbours: Precision, recall and spacing in the points' own space.
        diversity: Mean distance between generated points over that between real ones.
        features: What a classifier sees; None without one.
        critic: W1 by a critic fitted from scratch to held-out points, with `lower` proved for the laws if its
            constraint is certified; None without one.
        collapse: The collapse by name, with its numbers; "" if none is seen.
        seconds: What the evaluation took.
        calibrated: W1 by a critic fitted from scratch and read by its card, with an interval where the reading lies
            within what was calibrated; its `message` says so where not. None without a card.
        modes: Which modes are reached, where the real law is a mixture that knows them.
        good: Share of the generated points within three widths of a mode, or of the spiral; None of other laws.
    """

    distance: Debiased
    coverage: Coverage
    neighbours: Neighbours
    diversity: float
    features: FeatureScores | None
    critic: Estimate | None
    collapse: str
    seconds: float
    calibrated: Estimate | None = None
    modes: Modes | None = None
    good: float | None = None

    @property
    def numbers(self) -> dict[str, float]:
        """All of it as plain numbers by name, for a log or a table."""
        found = {
            "debiased": self.distance.value,
            "w1": self.distance.between,
            "floor": self.distance.within_real,
            "within_generated": self.distance.within_generated,
            "stays": self.coverage.stays,
            "missing": float(len(self.coverage.missing)),
            "precision": self.neighbours.precision,
            "recall": self.neighbours.recall,
            "spacing": self.neighbours.spacing,
            "diversity": self.diversity,
        }
        if self.features is not None:
            found |= {
                "frechet": self.features.frechet,
                "frechet_floor": self.features.frechet_floor,
                "inception": self.features.inception,
                "inception_real": self.features.inception_real,
                "feature_precision": self.features.neighbours.precision,
                "feature_recall": self.features.neighbours.recall,
            }
        if self.critic is not None:
            found["critic"] = self.critic.value
            if self.critic.lower is not None:
                found["critic_lower"] = self.critic.lower
        if self.calibrated is not None:
            found["calibrated"] = self.calibrated.value
            if (interval := self.calibrated.interval) is not None:
                found |= {"calibrated_low": interval.low, "calibrated_high": interval.high}
        if self.modes is not None:
            found |= {"modes": float(self.modes.covered), "imbalance": self.modes.imbalance}
        if self.good is not None:
            found["good"] = self.good
        return found

    def __str__(self) -> str:
        kept = len(self.coverage.names) - len(self.coverage.missing)
        parts = [
            str(self.distance),
            f"{kept}/{len(self.coverage.names)} classes",
            f"recall {self.neighbours.recall:.2g}",
            f"diversity {self.diversity:.2g}",
        ]
        if self.features is not None:
            parts.append(f"Fréchet {self.features.frechet:.3g} (floor {self.features.frechet_floor:.3g})")
        if self.critic is not None and self.critic.lower is not None:
            parts.append(f"laws at least {self.critic.lower:.4g} apart")
        if self.calibrated is not None:
            interval = "" if self.calibrated.interval is None else f" {self.calibrated.interval}"
            parts.append(f"W1 by its card {self.calibrated.value:.4g}{interval}")
        if self.modes is not None:
            parts.append(str(self.modes))
        return "; ".join(parts + [self.collapse] * bool(self.collapse))
