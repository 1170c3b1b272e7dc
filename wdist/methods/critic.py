"""W1 by a neural critic: Kantorovich-Rubinstein, W1 = sup over 1-Lipschitz f of E_a f − E_b f.

Critics are fitted on one part of the data, chosen on a second and read on a third that they never saw, so the value
speaks of the laws behind the samples. What it is worth depends on the constraint: held 1-Lipschitz, the value over
the certificate is a lower bound; else it is the constraint's `reading`, an estimate. Between two given samples the
same critic also yields a certified bracket, kept apart in `detail`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from scipy.stats import t as student

from wdist.arrays import FLOATS
from wdist.critic.batches import Stream
from wdist.critic.bracket import sample_bracket
from wdist.critic.checkpoint import Checkpoint, fingerprint
from wdist.critic.constraints import Constraint, Orthonormal
from wdist.critic.convolution import ConvNet
from wdist.critic.fit import Schedule
from wdist.critic.held import Look
from wdist.critic.nets import Net
from wdist.critic.parts import AT_A_TIME, MOST_VALIDATION, Split, drawn_rows
from wdist.critic.portfolio import Chosen, choose_critic
from wdist.critic.potential import Potential, Scaling, rows_at_once
from wdist.critic.threads import threads_for_points
from wdist.errors import InputError
from wdist.measures import Samples, as_device
from wdist.methods.method import Method
from wdist.options import check_positive, check_whole
from wdist.question import Question
from wdist.ranks import ALONE, Ranks
from wdist.result import Bound, Estimate, Interval, Target
from wdist.rng import Rng

__all__ = ["Critic", "CriticDetail"]

FEWEST_ROWS = 20
MOST_PAIRS = 4_000_000


@dataclass(frozen=True, eq=False)
class CriticDetail:
    """What the fit left behind; all distances in the unit of the data.

    Attributes:
        raw: Held-out dual value E_a f − E_b f, before any correction; may be negative.
        standard_error: Of `raw`, from the held-out points.
        lipschitz_bound: Certified upper bound on the critic's Lipschitz constant, or None.
        sample_lower: Certified lower bound on W1 *between the two given samples*, from the c-transform of the
            critic; None for Sources and for more than four million pairs.
        sample_upper: Certified upper bound on the same, from a coupling that the critic induces.
        steps: Steps taken, of all rounds.
        net: The recipe that validation chose.
        curve: What validation saw of every contender and when, in standardised units; the WGAN loss is minus a
            look's `training`.
        potential: The critic itself: values, gradient, transport direction, witnesses, `save`.
    """

    raw: float
    standard_error: float
    lipschitz_bound: float | None
    sample_lower: float | None
    sample_upper: float | None
    steps: int
    net: Net
    curve: tuple[Look, ...]
    potential: Potential


@dataclass(frozen=True)
class Critic(Method):
    """Dual estimate of W1 by a network under a constraint, read on held-out points.

    Attributes:
        constraint: `Orthonormal()`, the default, and `Spectral()` give certified lower bounds, `GradientPenalty(lam)`
            an estimate corrected for the penalty's closed-form bias, `Clip(c)` kappa·W1 with kappa unknown.
        net: Recipe of the network; None for the constraint's own, which for `Orthonormal` is a portfolio of small
            and large ones.
        steps: Ascent steps, of the first round where there are several; None for the constraint's own.
        batch: Points of each side a step.
        lr: Learning rate; None takes the constraint's own.
        budget: Seconds that fitting may take; None for as long as the steps last. What is reached within a time
            depends on the machine, so only without a budget does a seed reproduce.
        checkpoint: File that the fit's state is kept in after every look of validation. If there is one of this very
            fit, it is taken up from there: to the bit, where sources draw by the generator alone. None keeps nothing.
        ranks: `Ranks.here()` where all processes of torch.distributed ask this together; each gets the same answer.
            A batch is then drawn alike by all and shared among them, so `batch` is rounded up to a multiple of them.
        device: Where critics are fitted, such as "cuda" or "mps"; None for where the points are. The points themselves
            stay, in a memory map perhaps, batches are carried there, and what is reported is read where the points are.
        dtype: Of the fit; values are read, added and averaged in float64.
        progress: Called with (step, steps) of the round at hand, now and then.
    """

    constraint: Constraint = Orthonormal()
    net: Net | None = None
    steps: int | None = None
    batch: int = 256
    lr: float | None = None
    budget: float | None = None
    checkpoint: str | Path | None = field(default=None, compare=False, repr=False)
    ranks: Ranks = field(default=ALONE, compare=False, repr=False)
    device: torch.device | str | None = field(default=None, compare=False, repr=False)
    dtype: torch.dtype = torch.float32
    progress: Callable[[int, int], None] | None = field(default=None, compare=False, repr=False)

    name: ClassVar[str] = "critic"
    when: ClassVar[str] = (
        "W1 between the laws: sources that draw, or more points than an exact solver holds; a lower bound"
    )
    cost: ClassVar[str] = "O(n) memory; time is steps x batch x net: some ten seconds on a CPU"
    besides: ClassVar[str] = "it speaks of the laws, from below only; samples can be answered exactly"
    draws: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.constraint, Constraint):
            raise InputError(
                f"constraint is {self.constraint!r}; pass wdist.Orthonormal(), wdist.GradientPenalty(10.0) or "
                "wdist.Clip(0.01)"
            )
        if self.net is not None and not isinstance(self.net, Net):
            raise InputError(f"net is {self.net!r}; pass a recipe such as wdist.MLP((100, 100)), or None")
        if self.steps is not None:
            check_whole("steps", self.steps)
        check_whole("batch", self.batch)
        if self.lr is not None:
            check_positive("lr", self.lr, "pass a learning rate above zero, or None")
        if self.budget is not None:
            check_positive("budget", self.budget, "pass seconds above zero, or None")
        if self.checkpoint is not None and not isinstance(self.checkpoint, (str, Path)):
            raise InputError(f"checkpoint is {self.checkpoint!r}; pass the path of a file, or None")
        if not isinstance(self.ranks, Ranks):
            raise InputError(f"ranks is {self.ranks!r}; pass wdist.Ranks.here(), or leave it")
        if self.dtype not in FLOATS:
            raise InputError(f"dtype is {self.dtype!r}; pass torch.float32 or torch.float64")
        as_device(self.device, self.dtype)
        if self.progress is not None and not callable(self.progress):
            raise InputError(f"progress is {self.progress!r}; pass a function of (step, steps), or None")

    def refusal(self, question: Question) -> str | None:
        """Refuse other orders and metrics, and samples too small to hold points out."""
        if question.p != 1:
            return "a critic measures W1 only; pass p=1, or use 'discrete', 'sinkhorn' or 'sliced'"
        if not question.euclidean:
            return "the critic's slope is bounded in the Euclidean metric; use 'discrete' for another"
        sides = [m for m in (question.a, question.b) if isinstance(m, Samples)]
        if isinstance(self.net, ConvNet):
            for shape in (m.shape for m in (question.a, question.b) if len(m.shape) in (2, 3)):
                if not self.net.fits(shape):
                    return f"its ConvNet is for images {self.net.shape} and these are {shape}; pass ConvNet({shape})"
        # counted by NumPy: torch would wake its threads, which costs more than many an answer
        fewest = min(
            (len(m) if m.uniform else int(np.count_nonzero(m.weights.cpu().numpy())) for m in sides),
            default=FEWEST_ROWS,
        )
        if fewest < FEWEST_ROWS:
            return (
                f"it needs {FEWEST_ROWS} points of positive mass a side to hold some out, and a side has {fewest}; "
                "use 'discrete'"
            )
        return None

    def memory(self, question: Question) -> int:
        """Numbers and masses of rows, copies of those held or read at a time, activations, and the bracket."""
        d, sides = question.dim, (question.a, question.b)
        given = [len(m) for m in sides if isinstance(m, Samples)]
        copied = sum(min(n, MOST_VALIDATION + AT_A_TIME) for n in given)
        copied += (len(sides) - len(given)) * drawn_rows(d)
        pairs = 40 * math.prod(question.sizes) if _bracketed(question) else 0
        activations = 64 * (self.batch + 2 * rows_at_once(d)) * (d + 1000)
        return 64 * sum(given) + 24 * copied * d + activations + pairs

    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Split, fit and choose, read."""
        with threads_for_points(question.dim):
            split = Split.of(question.a, question.b, rng.spawn()).shared(self.ranks)
            scaling = Scaling.of(split.validation[0][0], split.validation[1][0])
        draws, fits = (rng.torch(question.device) for _ in range(2))
        device = as_device(self.device, self.dtype)
        batch = self.ranks.whole(self.batch)
        schedule = Schedule(
            self.steps or self.constraint.steps, batch, self.lr, seconds=self.budget or math.inf
        )
        x, y = (scaling(side).to(self.dtype) for side in split.start)
        checkpoint = None
        if self.checkpoint is not None:
            mark = fingerprint(f"{self!r} {batch} {question.dim}", (x, y))
            checkpoint = Checkpoint(self.checkpoint, mark, self.ranks)
        chosen = choose_critic(
            self.constraint.nets if self.net is None else (self.net,), self.constraint,
            Stream(split.train, scaling, batch, draws, self.dtype, self.ranks, device), (x, y),
            split.held(scaling, self.dtype, device), schedule, fits, self.progress, checkpoint, self.ranks,
        )  # fmt: skip
        net = chosen.net.to(question.device).double().eval()  # in this order: "mps" has no float64
        return self._report(chosen, Potential(net, scaling), split, question)

    def _report(self, chosen: Chosen, f: Potential, split: Split, question: Question) -> Estimate:
        with threads_for_points(question.dim):
            reading = self.ranks.told(lambda: split.read(f))
        bracket = self.ranks.told(lambda: _bracket(f, question))
        raw, error = reading.value, reading.error
        unit, slope = f.scaling.scale, self.constraint.certificate(f.net)
        proved = self.constraint.bound is Bound.LOWER
        assert slope is not None or not proved

        def read(value: float) -> float:
            return max(0.0, unit * self.constraint.reading(value / unit)) / (
                slope if proved and slope else 1.0
            )

        levels = question.confidence, (1 + question.confidence) / 2
        one, two = (float(student.ppf(level, reading.freedom)) for level in levels)
        interval = Interval(
            read(raw - two * error), read(raw + two * error), question.confidence, "held-out points"
        )
        lower = None if not slope else max(0.0, raw - one * error) / slope
        detail = CriticDetail(
            raw, error, slope, bracket[0], bracket[1], chosen.steps, chosen.recipe, chosen.looks, f
        )
        stopped = chosen.stopped or reading.stopped
        own = [look for look in chosen.looks if look.net == repr(chosen.recipe)]
        lost = next((look.step for look in own if not math.isfinite(look.objective)), None)
        if lost is not None:
            message = f"the fit diverged by step {lost}; lower lr (the default is lr=None), or check the data's tails."
        else:
            message = self._message(raw, question, bracket)
        if stopped:
            message = f"{stopped}. The critic stands as validation liked it best before that. {message}"
        return Estimate(
            read(raw), 1.0, self.name, self.constraint.bound, Target.POPULATION, self.constraint.quantity, lower=lower,
            interval=interval, converged=lost is None and not stopped, message=message, detail=detail,
        )  # fmt: skip

    def _message(self, raw: float, question: Question, bracket: tuple[float | None, float | None]) -> str:
        sides = question.a, question.b
        again = any(m.note for m in sides if not isinstance(m, Samples))
        where = "drawn after a loader had begun again" if again else "that the critic never saw"
        said = [f"Dual value {raw:.6g} on points {where}, read under {self.constraint!r}."]
        if any(isinstance(m, Samples) and not m.uniform for m in sides):
            said.append("Masses are uneven, so its standard error, and lower with it, is approximate.")
        if raw < 0:
            said.append("It is negative, so the critic found no difference that holds on unseen points.")
        if question.sampled and question.target is Target.SAMPLE:
            said.append(
                "A critic answers for the laws behind the samples even where the samples were asked for."
            )
        if question.dim == 1:
            said.append("In one coordinate 'line' is exact between samples, and takes milliseconds.")
        if bracket[0] is not None and bracket[1] is not None:
            said.append(
                f"Between the samples themselves, certified: {bracket[0]:.6g} <= W1 <= {bracket[1]:.6g}."
            )
        return " ".join(said)


def _bracket(f: Potential, question: Question) -> tuple[float | None, float | None]:
    return sample_bracket(f, *question.samples) if _bracketed(question) else (None, None)


def _bracketed(question: Question) -> bool:
    """Whether there are two samples, few enough that all their pairs cost less than the fit."""
    return question.sampled and math.prod(question.sizes) <= MOST_PAIRS
