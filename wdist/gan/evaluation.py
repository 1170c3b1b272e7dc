"""What one look at a generator finds: distances, coverage, variety, features, and the name of a collapse.

Nothing is computed here; `Evaluator` fills it in, `StoppingRule` reads it, and a log takes its `numbers`.
"""

from __future__ import annotations

from dataclasses import dataclass

from wdist.gan.coverage import Coverage, Neighbours
from wdist.gan.distance import Debiased
from wdist.gan.features import FeatureScores
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
    """

    distance: Debiased
    coverage: Coverage
    neighbours: Neighbours
    diversity: float
    features: FeatureScores | None
    critic: Estimate | None
    collapse: str
    seconds: float

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
        return "; ".join(parts + [self.collapse] * bool(self.collapse))
