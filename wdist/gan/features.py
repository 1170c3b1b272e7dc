"""Generated points as a classifier sees them: Fréchet distance, inception score, precision and recall.

Any classifier will do: a function or module from points (n, d) to logits (n, k). What it knows decides what is
seen, so every number stands beside the same one of real points, and numbers of two classifiers are not to be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.gan.coverage import Neighbours, Support
from wdist.methods.gaussian import gaussian_w2

__all__ = ["Classifier", "FeatureScores", "Seen", "frechet_distance", "inception_score"]

Classifier = Callable[[Tensor], Tensor]
"""Points (n, d) -> logits (n, k). Its method `features`, if any, gives (n, f); else the logits are the features."""

ROWS = 2048
"""Points that are classified at a time."""


@dataclass(frozen=True)
class FeatureScores:
    """How generated points compare with real ones in a classifier's features.

    Attributes:
        frechet: W2 between the Gaussians of the same moments as the features (Dowson and Landau 1982), the Fréchet
            distance itself. What Heusel et al. (2017) print for their network is its square.
        frechet_floor: The same between as many real points and others.
        inception: Inception score in this classifier's classes, 1 to k.
        inception_real: That of as many real points.
        neighbours: Precision and recall in the features.
    """

    frechet: float
    frechet_floor: float
    inception: float
    inception_real: float
    neighbours: Neighbours


@dataclass(frozen=True, eq=False)
class Seen:
    """A sample in the eyes of a classifier.

    Attributes:
        features: Shape (n, f), float64.
        probabilities: Shape (n, k), rows summing to one.
        support: Of the features.
    """

    features: Tensor
    probabilities: Tensor
    support: Support

    @staticmethod
    @torch.no_grad()
    def by(classifier: Classifier, x: Tensor, k: int) -> Seen:
        """Classify x (n, d); supports by k-th neighbours.

        Raises:
            InputError: if a module is in training mode, or what comes back is no finite tensor of n rows.
        """
        if isinstance(classifier, torch.nn.Module):
            if classifier.training:
                raise InputError("the classifier is in training mode; call its eval() before it judges")
            weight = next(classifier.parameters(), None)
            x = x if weight is None else x.to(weight)
        inner = getattr(classifier, "features", None)
        parts = torch.split(x, ROWS)
        logits = torch.cat([_rows(classifier(part), len(part), "logits") for part in parts])
        features = logits
        if callable(inner):
            features = torch.cat([_rows(inner(part), len(part), "features") for part in parts])
        return Seen(features, logits.softmax(dim=1), Support.of(features, k))

    @property
    def classes(self) -> Tensor:
        """The likeliest class of each point, (n,)."""
        return self.probabilities.argmax(dim=1)

    def against(self, real: Seen, other: Seen) -> FeatureScores:
        """Compare this sample, the generated one, with a real one; `other` is a second real one, for the floors."""
        return FeatureScores(
            frechet_distance(self.features, real.features),
            frechet_distance(other.features, real.features),
            inception_score(self.probabilities),
            inception_score(real.probabilities),
            self.support.against(real.support),
        )


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Fréchet distance between features x (n, f) and y (m, f): W2 between the Gaussians of their moments.

    Covariances are divided by n, not n − 1. It is biased upwards in small samples: compare at one n.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
        >>> frechet_distance(x, x + torch.tensor([3.0, 4.0]))
        5.0
    """
    return round(float(gaussian_w2(x.double(), y.double())), 12)


def inception_score(probabilities: Tensor) -> float:
    """exp(E KL(p(class | x) ‖ p(class))) of rows (n, k) (Salimans et al. 2016), in one split: 1 to k.

    It is high where each point is sure of its class and classes are many; it does not see variety within a class.

    Example:
        >>> inception_score(torch.eye(4)), inception_score(torch.full((4, 4), 0.25))
        (4.0, 1.0)
    """
    p = probabilities.double()  # (n, k)
    mean = p.mean(dim=0)
    divergence = torch.special.xlogy(p, p / mean.clamp_min(torch.finfo(p.dtype).tiny)).sum(dim=1)  # (n,)
    return math.exp(max(0.0, float(divergence.mean())))


def _rows(found: Tensor, n: int, what: str) -> Tensor:
    if not isinstance(found, Tensor) or found.ndim < 2 or len(found) != n:
        came = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise InputError(
            f"the classifier gave {came} as {what} of {n} points; give a tensor with one row a point"
        )
    rows = found.detach().double().flatten(1)
    if not bool(torch.isfinite(rows).all()):
        raise InputError(
            f"the classifier gave {what} that are not finite; does it take points in another unit?"
        )
    return rows
