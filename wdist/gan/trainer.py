"""The training loop and nothing else: n_critic × `CriticStep`, one step of the generator, its average, a report.

It writes no file and prints nothing; hooks are called with each report. All that decides how it goes on is in `state`:
nets, optimisers, average, every generator of random numbers, the data's position, the counters.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Optimizer
from wdist.errors import InputError, NotConvergedError
from wdist.gan.average import Average
from wdist.gan.building import built
from wdist.gan.conditional import Joint, joint, latent
from wdist.gan.config import TrainConfig
from wdist.gan.evaluation import Evaluation
from wdist.gan.generator import Generator
from wdist.gan.judging import judge_of
from wdist.gan.layers import batch_normed
from wdist.gan.optimizers import Rates
from wdist.gan.report import Hook, StepReport
from wdist.ranks import ALONE, Ranks
from wdist.rng import Seed, as_rng
from wdist.sources import Source

__all__ = ["Trainer"]

STEERING = ("the critic's value", "the generator's loss", "the generator's gradient", "the critic's gradient")
"""Figures that steer the training."""

REMEDY = (
    "what to try: lower learning rates (a tenth), a smaller c or a larger λ for the critic, more critic steps, or "
    "float64 to see whether rounding did it"
)


class Trainer:
    """Trains a generator.

    Attributes:
        config: What it was made of.
        step: Steps of the generator so far.
        parts: Training and held-out data.
        form: What the generator makes.
        scale: Between the data's unit and that of the nets.
        augment: What both sides go through before the critic sees them.
        pair: The batches of the critic's last step, as it saw them; None before it.
        stopped: Why the stopping rule ended the run; "" if it did not.

    Example:
        >>> from wdist import gan
        >>> trainer = gan.Trainer(gan.preset("wgan", "ring", batch=32), seed=0)
        >>> [report.step for report in trainer.steps(2)], trainer.generator.draw(5, torch.Generator()).shape
        ([1, 2], torch.Size([5, 2]))
    """

    def __init__(
        self, config: TrainConfig, seed: Seed = 0, hooks: Sequence[Hook] = (), ranks: Ranks = ALONE,
        evaluator: Callable[[Source], Evaluation] | None = None,
    ) -> None:  # fmt: skip
        """Build nets and feeds; `seed` decides initial weights, batches and latents, each by a stream of its own.

        Where several processes train together, each is given its `ranks` and the same seed: all draw the same batches
        and take their shares, and the steps are those of one process on the whole batches. `evaluator` judges in place
        of the one that `config.evaluate` makes of the held-out points.
        """
        made = built(config, as_rng(seed), ranks)
        self.config, self.hooks, self.ranks = config, tuple(hooks), ranks
        self.step, self.seconds, self.stopped = 0, 0.0, ""
        self.parts, self.form, self.scale = made.parts, made.form, made.scale
        self.net, self.critic, self.descent, self._loss = made.net, made.critic, made.descent, made.loss
        self._made: nn.Module = Joint(self.net, self.form) if self.form.classes else self.net
        self._classes = made.classes
        self._real, self._held = made.real, made.held
        self._noise, self._penalty, self._unseen = made.noise, made.penalty, made.unseen
        self.augment, self._moves = made.augment, made.moves
        self.judge = judge_of(config.evaluate, self.parts, evaluator)
        self._rates = Rates(self._optimizers, config.schedule, config.steps)
        self._average = Average(self.net, config.ema)
        self.pair: tuple[Tensor, Tensor] | None = None

    @property
    def averaged(self) -> nn.Module:
        """The network that is drawn from: the average of the generator's weights, or the generator."""
        return self._average.net

    @property
    def generator(self) -> Generator:
        """The generator as it stands, averaged if the config says so: a Source that follows the training."""
        return Generator(self.averaged, self.config.generator, self.form, self.scale, *self._classes)

    def steps(self, n: int) -> Iterator[StepReport]:
        """Take `n` steps of the generator, each reported when it is done; fewer if the stopping rule ends the run.

        Raises:
            NotConvergedError: if a number that steers the training is not finite.
        """
        config = self.config
        for _ in range(n):
            if self.stopped:
                return
            started = time.perf_counter()
            self._rates.set(self.step)
            before = config.critic_warmup if self.step == 0 else 0
            rounds = self._rounds(before + config.n_critic)
            values = [self.critic_step(x, y, k) for k, (x, y) in enumerate(rounds, start=-before)][before:]
            loss = self.generator_step()
            self._average.move(self.step)
            self.step += 1
            report = self._report(torch.stack(values).mean(), loss, started)
            for hook in self.hooks:
                hook(report)
            yield report

    def critic_step(self, x: Tensor, y: Tensor, place: int = 0) -> Tensor:
        """One ascent of the critic, on real points x (n, d) and generated y (n, d); its objective before, 0-d.

        `place` is its number among those before the next step of the generator, those of a warm-up below zero.
        """
        done = self.config.critic_warmup + self.step * self.config.n_critic + place
        warmth = min(1.0, done / self.config.penalty_warmup) if self.config.penalty_warmup else 1.0
        self.pair = self._seen(x), self._seen(y)
        return self.critic(*self.pair, self._penalty, warmth, self.config.accumulate)

    def generator_step(self) -> Tensor:
        """One descent of the generator; its loss before, 0-d."""
        config, beside = self.config, self.config.loss.needs_real
        x, classes = self._taken() if beside or self.form.classes else (None, None)
        x = self._seen(x) if beside and x is not None else None
        z = self._latents(classes)
        moves = self.augment.draw(len(z), self._moves, z, self.ranks)
        weights, value = list(self.net.parameters()), z.new_zeros(())
        self.descent.zero_grad(set_to_none=True)
        size = math.ceil(len(z) / config.accumulate)
        for rows in (slice(first, first + size) for first in range(0, len(z), size)):
            y = self.augment.move(self._made(z[rows]), [numbers[rows] for numbers in moves], self._progress)
            loss = self._loss.generator(self.critic.net, y, None if x is None else x[rows])
            loss = len(y) / len(z) * loss
            loss.backward(inputs=weights)  # type: ignore[no-untyped-call] # none for the critic's weights
            value += loss.detach()
        self.ranks.average(weights)
        self.descent.step()
        return value

    def probe(self) -> tuple[Tensor, nn.Module, Tensor]:
        """A batch as the critic sees it, what makes another of latents, and those: for a doctor; both feeds move on."""
        x, classes = self._taken()
        return x, self._made, self._latents(classes)

    @torch.no_grad()
    def held_out(self) -> float:
        """The critic's reading on real points that training never saw, against fresh generated ones."""
        x, classes = self._held.take(4 * self.config.batch)
        z = torch.randn(
            len(x), self.config.generator.latent, generator=self._unseen, device=x.device, dtype=x.dtype
        )
        x, y = joint(x, classes, self.form), self._made(latent(z, classes, self.form))
        x, y = (self.augment(points, self._unseen, self._progress) for points in (x, y))
        return self.reading(float(self.config.loss.objective(self.critic.net, x, y)))

    def reading(self, raw: float) -> float:
        """The objective's value as the loss's quantity, in the data's unit."""
        return self.config.loss.reading(raw, self.config.constraint, self.scale.scale)

    def state(self) -> dict[str, Any]:
        """Everything that decides how training goes on, as a tree of tensors and plain values."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "generator": dict(self.net.state_dict()),
            "averaged": dict(self.averaged.state_dict()),
            "critic": dict(self.critic.net.state_dict()),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "feeds": [self._real.state(), self._held.state()],
            "rngs": [rng.get_state() for rng in self._rngs],
            "rule": self.judge.rule.state() if self.judge else None,
            "stopped": self.stopped,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there, to the bit."""
        self.step, self.seconds, self.stopped = state["step"], state["seconds"], state["stopped"]
        if self.judge:
            self.judge.rule.restore(state["rule"])
        self.start(state)
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for source, saved in zip((self._real, self._held), state["feeds"], strict=True):
            source.restore(saved)
        for rng, saved in zip(self._rngs, state["rngs"], strict=False):  # once augmentation had none
            rng.set_state(saved)

    def start(self, state: dict[str, Any]) -> None:
        """Begin with the nets and the average of another trainer's state; counters, optimisers and draws stay new.

        Raises:
            InputError: if they are of other sizes.
        """
        nets = {"averaged": self.averaged, "generator": self.net, "critic": self.critic.net}
        for name, net in nets.items():
            try:
                net.load_state_dict(state[name])
            except RuntimeError:
                sizes = [sum(x.numel() for x in each.values()) for each in (state[name], net.state_dict())]
                raise InputError(
                    f"that run's nets do not fit: its {name} net has {sizes[0]} weights and this one's {sizes[1]}; "
                    "keep nets and constraint (no --generator, --critic, --units, --channels, --latent)"
                ) from None

    @property
    def _optimizers(self) -> tuple[Optimizer, Optimizer]:
        return self.critic.optimizer, self.descent

    @property
    def _rngs(self) -> tuple[torch.Generator, ...]:
        return self._noise, self._penalty, self._unseen, self._moves

    @property
    def _progress(self) -> float:
        """Share of the run that is done."""
        return self.step / self.config.steps

    def _seen(self, points: Tensor) -> Tensor:
        """A share of a batch as the critic sees it in training: augmented."""
        return self.augment(points, self._moves, self._progress, self.ranks)

    def _taken(self) -> tuple[Tensor, Tensor | None]:
        """Take a real batch: this process's share as the critic sees it, and its classes."""
        x, classes = self._real.take(self.config.batch)
        return joint(x, classes, self.form), classes if self.form.classes else None

    def _latents(self, classes: Tensor | None = None) -> Tensor:
        """Draw latents for points of these classes: this process's share of a batch."""
        shape = (self.config.batch, self.config.generator.latent)
        z = torch.randn(
            shape, generator=self._noise, device=self.config.device, dtype=self.config.torch_dtype
        )
        return latent(self.ranks.share(z), classes, self.form)

    @torch.no_grad()
    def _rounds(self, n: int) -> Iterator[tuple[Tensor, Tensor]]:
        """`n` pairs of a real batch and a generated one of the same classes, detached, as the generator does not move.

        They are made at once if that is the same, which under batch normalisation it is not, and there is the memory.
        """
        real = [self._taken() for _ in range(n)]
        latents = [self._latents(classes) for _, classes in real]
        pieces = self.config.accumulate
        if pieces > 1:
            made = [torch.cat([self._made(part) for part in z.chunk(pieces)]) for z in latents]
        elif batch_normed(self.net):
            made = [self._made(z) for z in latents]
        else:
            made = list(self._made(torch.cat(latents)).chunk(n))
        return zip([x for x, _ in real], made, strict=True)

    def _agreed(self, figures: list[float]) -> list[float]:
        """Means over the processes, so that all report the same."""
        return [sum(found) / len(found) for found in zip(*self.ranks.gather(figures), strict=True)]

    def _report(self, value: Tensor, loss: Tensor, started: float) -> StepReport:
        """What the step was like; refuses figures that are not finite."""
        norms = [norm_of_gradient(net) for net in (self.net, self.critic.net)]
        figures = self._agreed(torch.stack([value, loss, *norms]).tolist())  # one wait for the device
        for name, figure in zip(STEERING, figures, strict=True):
            if not math.isfinite(figure):
                raise NotConvergedError(f"{name} is not finite at step {self.step}; {REMEDY}")
        raw, descended, *seen = figures
        every = self.config.held_every
        held = self.held_out() if every and self.step % every == 0 else None
        self.seconds += time.perf_counter() - started
        quantity = self.config.quantity
        report = StepReport(
            self.step, self.reading(raw), quantity, held, descended, seen[0], seen[1], self.seconds, self
        )
        return self._judged(report)

    def _judged(self, report: StepReport) -> StepReport:
        """The report with an evaluation, where one is due; the first process judges, and all stop where it does."""
        judge = self.judge
        if judge is None or not judge.due(self.step):
            return report
        evaluation, verdict = self.ranks.told(lambda: judge(self.generator))
        self.stopped = verdict.reason
        return dataclasses.replace(report, evaluation=evaluation, verdict=verdict)


def norm_of_gradient(net: nn.Module) -> Tensor:
    """Euclidean norm of the gradient in all parameters, 0-d."""
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return norm
