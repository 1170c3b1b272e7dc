"""One look at a generator that knows nothing of its training.

`Evaluator` keeps what does not change over a run (real points that training never saw, the distance between their
halves, their supports and classes); a call draws as many generated points, from the same latents each time, so that a
curve shows the training and not the draw, and puts the two side by side in an `Evaluation`.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.calibration import Calibrated
from wdist.costs import pair_distances
from wdist.critic.cones import kmeans
from wdist.errors import InputError, WdistWarning
from wdist.gan.coverage import Support, collapse, coverage, diversity
from wdist.gan.distance import Debiased, Halves, halvings_of
from wdist.gan.evaluation import Evaluation
from wdist.gan.features import Classifier, Seen
from wdist.gan.modes import Modes, count_modes
from wdist.gan.toys import Mixture, SwissRoll
from wdist.measures import as_samples
from wdist.methods import Critic
from wdist.options import check_whole
from wdist.question import ask
from wdist.result import Estimate
from wdist.rng import Rng, as_rng
from wdist.sources import Source, as_source

__all__ = ["Evaluator"]


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Judges generators by the same real points, in the same way.

    Attributes:
        real: Points (n, d) that training never saw, array-like, in the unit of the generator's draws.
        labels: Class of each real point, (n,); a generated one is taken to be of the class of its nearest real one.
        classifier: Points (n, d) -> logits (n, k), see `features.Classifier`; it then says the classes of both sides.
        critic: Fitted from scratch at each call, such as `wdist.Critic()`, which takes seconds; None for none.
        most: Points a side of each exact W1 at the most; half the real points serve at the most.
        clusters: How many to find among the real points where neither labels nor a classifier tell classes.
        k: Which neighbour reaches as far as a ball of precision and recall.
        seed: Of the latents, of the halving, and of the critics.
        calibrated: A critic with its card, `wdist.Calibrated(card.critic(), card)`: fitted from scratch at each call
            too, and read by the card.
        law: The real law, where it is one of the toys in the plane: modes are counted, and points near them.
        halvings: How often both sides are halved anew for the debiased distance, generated points being drawn anew too;
            None for as often as few points need it (`distance.halvings_of`). The other numbers are of the first.

    Raises:
        InputError: if there are too few real points, labels that do not fit them, or a card of other dimensions.

    Example:
        >>> from wdist.truth.laws import standard_gaussian
        >>> law = standard_gaussian(2)
        >>> judge = Evaluator(law.draw(400, torch.Generator().manual_seed(1)), clusters=4)
        >>> found = judge(law)
        >>> abs(found.distance.value) < 0.05, found.collapse
        (True, '')
    """

    real: Any
    labels: Any = None
    classifier: Classifier | None = None
    critic: Critic | None = None
    most: int = 1000
    clusters: int = 10
    k: int = 3
    seed: int = 0
    calibrated: Calibrated | None = None
    law: Mixture | SwissRoll | None = None
    halvings: int | None = None

    def __post_init__(self) -> None:
        for name in ("most", "clusters", "k"):
            check_whole(name, getattr(self, name))
        if self.halvings is not None:
            check_whole("halvings", self.halvings)
        object.__setattr__(self, "real", as_samples(self.real, name="real"))
        if not self.real.uniform:
            raise InputError(
                "real has uneven weights; evaluation is by points of equal weight: draw some by them"
            )
        if len(self.real) < 2 * (self.k + 1):
            raise InputError(
                f"real has {len(self.real)} points; halves with k={self.k} need {2 * (self.k + 1)}: give more"
            )
        if self.labels is not None and self.classifier is not None:
            raise InputError("labels and a classifier both tell classes; pass one of them")
        if self.labels is not None and np.shape(self.labels) != (len(self.real),):
            raise InputError(
                f"labels has shape {np.shape(self.labels)} for {len(self.real)} real points; pass ({len(self.real)},)"
            )
        if self.critic is not None and not isinstance(self.critic, Critic):
            raise InputError(f"critic is {self.critic!r}; pass wdist.Critic(...), or None")
        if self.calibrated is not None and not isinstance(self.calibrated, Calibrated):
            raise InputError(
                f"calibrated is {self.calibrated!r}; pass wdist.Calibrated(method, card), or None"
            )
        question = ask(self.real, self.real, rng=as_rng(0))
        for name, method in (("critic", self.critic), ("calibrated", self.calibrated)):
            if method is not None and (reason := method.refusal(question)):
                raise InputError(f"{name}, by {len(self.real)} real points: {reason}")
        if self.law is not None and self.law.dim != self.real.dim:
            raise InputError(
                f"law is in {self.law.dim} coordinates and real has {self.real.dim}; leave it out"
            )

    def __call__(self, generator: Source) -> Evaluation:
        """Draw from the generator and judge it.

        Raises:
            InputError: if it draws what is not finite, or points of another space than the real ones.
        """
        began, rng, real = time.perf_counter(), as_rng(self.seed), self._halves[0]
        n, latents = len(real.first), rng.torch()
        source = as_source(generator, "generator", rng.spawn())
        if source.dim != self.real.dim:
            raise InputError(
                f"the generator draws points of {source.dim} coordinates and real has {self.real.dim}; "
                "give both in one space"
            )
        drawn = Halves.of(source.draw(2 * n, latents).to(real.first), n)
        again = (Halves.of(source.draw(2 * n, latents).to(real.first), n) for _ in self._halves[1:])
        pairs = [drawn.against(real), *(x.against(y) for x, y in zip(again, self._halves[1:], strict=True))]
        distance = Debiased.mean(pairs)
        seen = None if self.classifier is None else Seen.by(self.classifier, drawn.first, self.k)
        lengths = pair_distances(drawn.first[distance.plan.rows], real.first[distance.plan.cols])
        filled = coverage(distance.plan, lengths, self._classes(drawn.first, seen), self._target, self._names)
        neighbours = Support.of(drawn.first, self.k).against(self._support)
        variety = diversity(drawn.first, drawn.second, real.first, real.second)
        features = None if seen is None or self._seen is None else seen.against(*self._seen)
        critic, calibrated = (self._read(method, generator, rng) for method in (self.critic, self.calibrated))
        modes, good = self._about_the_law(torch.cat([drawn.first, drawn.second]))
        return Evaluation(
            distance, filled, neighbours, variety, features, critic, collapse(filled, neighbours, variety),
            time.perf_counter() - began, calibrated, modes, good,
        )  # fmt: skip

    def _read(self, method: Critic | Calibrated | None, generator: Source, rng: Rng) -> Estimate | None:
        """Fit a critic from scratch; what a card doubts is in the answer's message and no warning at every look."""
        if method is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WdistWarning)
            return method.estimate(ask(generator, self.real, rng=rng.spawn()), rng.spawn())

    def _about_the_law(self, points: Tensor) -> tuple[Modes | None, float | None]:
        """The modes reached by points (n, 2), and the share of them near one, or near the spiral."""
        if isinstance(self.law, Mixture):
            modes = count_modes(points, self.law.centres, self.law.width)
            return modes, modes.good
        return None, None if self.law is None else self.law.good(points)

    @cached_property
    def _halves(self) -> tuple[Halves, ...]:
        """Two disjoint samples of the real points in random order, for each halving."""
        rng, n = as_rng(self.seed).numpy, min(len(self.real) // 2, self.most)
        orders = [rng.permutation(len(self.real)) for _ in range(self.halvings or halvings_of(n))]
        return tuple(Halves.of(self.real.points[torch.as_tensor(order)], n) for order in orders)

    @cached_property
    def _support(self) -> Support:
        return Support.of(self._halves[0].first, self.k)

    @cached_property
    def _seen(self) -> tuple[Seen, Seen] | None:
        """Both halves in the classifier's eyes."""
        if self.classifier is None:
            return None
        halves = self._halves[0]
        return Seen.by(self.classifier, halves.first, self.k), Seen.by(self.classifier, halves.second, self.k)

    @cached_property
    def _anchors(self) -> tuple[Tensor, Tensor]:
        """Points (a, d) and classes (a,), the nearest of which tells a point's class: labelled points, or centres."""
        points = self.real.points
        if self.labels is not None:
            return points, torch.as_tensor(np.unique(np.asarray(self.labels), return_inverse=True)[1])
        centres = kmeans(points, min(self.clusters, len(points)), as_rng(self.seed).torch())
        return centres, torch.arange(len(centres))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        if self._seen is not None:
            return tuple(str(code) for code in range(self._seen[0].probabilities.shape[1]))
        if self.labels is not None:
            return tuple(str(label) for label in np.unique(np.asarray(self.labels)))
        return tuple(f"cluster {code}" for code in range(len(self._anchors[0])))

    @cached_property
    def _target(self) -> Tensor:
        """Class of each point of the first real half."""
        return self._classes(self._halves[0].first, None if self._seen is None else self._seen[0])

    def _classes(self, x: Tensor, seen: Seen | None) -> Tensor:
        """Classes of points x (n, d): (n,)."""
        if seen is not None:
            return seen.classes
        anchors, codes = self._anchors
        return codes.to(x.device)[torch.cdist(x, anchors).argmin(dim=1)]
