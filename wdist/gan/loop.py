"""The trainer's loop in a folder: its reports are handed through, and the file work is done between them.

Interrupted, it saves and says so; when a number is not finite it stops and names the last good state and the way on;
when the disk is full it goes on and says that too.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from wdist.errors import InputError, NotConvergedError
from wdist.gan import pictures
from wdist.gan.config import TrainConfig
from wdist.gan.folder import RunFolder
from wdist.gan.report import Hook, StepReport
from wdist.gan.trainer import Trainer
from wdist.options import check_whole

__all__ = ["Interrupted", "Pace", "Run", "free"]

GENTLE = 1e-4
"""The rate of Gulrajani et al. 2017, at most which is named to who has to begin anew."""
SMOOTH = 0.95
"""Weight of the past in the reading that is shown."""


class Interrupted(KeyboardInterrupt):
    """A signal came, and the run was saved where it stood."""


@dataclass(frozen=True)
class Pace:
    """How often, in steps of the generator; 0 for never.

    Attributes:
        log: A line of the log.
        samples: A sheet of samples.
        checkpoint: A checkpoint.
        keep: How many checkpoints to keep.
    """

    log: int = 10
    samples: int = 500
    checkpoint: int = 500
    keep: int = 2

    def __post_init__(self) -> None:
        for name in ("log", "samples", "checkpoint"):
            check_whole(name, getattr(self, name), 0)
        check_whole("keep", self.keep)


@dataclass(eq=False)
class Run:
    """A training run in a folder; made by `begin` or `resume`.

    Attributes:
        folder: Where it lives.
        trainer: What trains.
        pace: How often files are written.
        told: What a person should know: checkpoints passed over, a disk that is full, why the run was stopped.
        reading: The critic's reading, smoothed over some twenty steps; None before the first.
        logged: Steps that were logged since it began or went on.
        doubted: Those of them at which the critic read more than W1 can be; the first is told at once.
    """

    folder: RunFolder
    trainer: Trainer
    pace: Pace = Pace()
    told: list[str] = field(default_factory=list)
    tell: Callable[[str], None] | None = None
    reading: float | None = None
    logged: int = 0
    doubted: int = 0
    _undrawn: set[str] = field(default_factory=set)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.trainer.config.steps

    def train(self, writers: Sequence[Hook] = ()) -> Iterator[StepReport]:
        """Train to the end, file work included, handing out each report.

        Args:
            writers: Called with every report that is logged, such as TensorBoard's.

        Raises:
            Interrupted: after Ctrl-C or SIGTERM, once the run is saved.
            NotConvergedError: if a number is not finite; the text names the last good state and what to try.
            InputError: if another process trains in this folder, or nothing of the run could be saved.
        """
        if not self.trainer.ranks.first:  # the first process writes for all
            yield from self._steps()
            return
        with self.folder.locked(), _signals() as asked:
            try:
                for report in self._steps():
                    self._write(report, writers)
                    yield report
                    if asked:
                        self.checkpoint()
                        raise Interrupted(
                            f"stopped by {asked[0]} at step {report.step}, which is saved; to go on: "
                            f"wdist gan train --resume {self.folder.path}"
                        )
            except NotConvergedError as error:
                raise NotConvergedError(f"{error}. {self._last_good()}") from None
            if self.trainer.stopped:
                self._say(f"stopped at step {self.trainer.step}: {self.trainer.stopped}")
            self.finish()

    def _steps(self) -> Iterator[StepReport]:
        for report in self.trainer.steps(self.steps - self.trainer.step):
            before = report.critic if self.reading is None else self.reading
            self.reading = SMOOTH * before + (1 - SMOOTH) * report.critic
            yield report

    def checkpoint(self) -> None:
        """Save where the run stands, and what its generator is; a full disk costs the checkpoint, not the run."""
        state = {**self.trainer.state(), "about": self.trainer.generator.about()}
        try:
            self.folder.checkpoints(self.pace.keep).save(self.trainer.step, state)
        except InputError as error:
            self._say(f"no checkpoint at step {self.trainer.step}: {error}")

    def finish(self) -> None:
        """Write what came of the run: the last state, the generator, its samples, the curve.

        Raises:
            InputError: if neither a generator nor a checkpoint is left by it.
        """
        self.checkpoint()
        self._guarded(lambda: self.trainer.generator.save(self.folder.generator))
        self._sheet()
        rows = self.folder.rows()
        if seen := [row["critic"] for row in rows if "critic" in row]:
            quantity = self.trainer.config.quantity
            axis = quantity if quantity.endswith("(nats)") else f"{quantity}, in the data's unit"
            reached = f"{seen[-1]:.4g}" if self.reading is None else f"{self.reading:.4g} (smoothed)"
            called = f"no {quantity}" if self.doubted else quantity
            title = f"{called} by the critic: {reached} after {self.trainer.step} steps"
            self._drawn("curve", lambda: pictures.curve(rows, self.folder.curve, title, axis))
        if not self.folder.generator.exists() and self.folder.checkpoints().latest()[0] is None:
            path = self.folder.path
            raise InputError(
                f"nothing of this run could be saved in {path}: neither its generator nor a checkpoint; make room, "
                f"then wdist gan train --resume {shlex.quote(str(path))}, which begins at step 0 again"
            )

    def _write(self, report: StepReport, writers: Sequence[Hook]) -> None:
        pace, step = self.pace, report.step
        told = report.held is not None or report.evaluation is not None
        if told or _due(step, pace.log) or step == self.steps:
            words = report.words
            self.log({**report.numbers, **words})
            self.logged += 1
            self.doubted += "doubt" in words
            if "doubt" in words and self.doubted == 1:
                self._say(f"warning: at step {step} {words['doubt']}")
            for writer in writers:
                writer(report)
        if report.best:
            self._guarded(lambda: self.trainer.generator.save(self.folder.best))
        if _due(step, pace.samples):
            self._sheet()
        if _due(step, pace.checkpoint):
            self.checkpoint()

    def log(self, row: dict[str, Any]) -> None:
        """Add a line to the log; it must have its step."""

        def write() -> None:
            with self.folder.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")

        self._guarded(write)

    def _sheet(self) -> None:
        generator, step = self.trainer.generator, self.trainer.step
        real = self.trainer.parts.held_out() if generator.dim == 2 else None
        path = self.folder.samples / f"{step:09d}.png"
        self._drawn("sheet of samples", lambda: pictures.sheet(generator, path, real))

    def _drawn(self, what: str, draw: Callable[[], Any]) -> None:
        """Draw a picture; one that fails is said once, and whatever is wrong with it, the run goes on."""

        def tried() -> None:
            try:
                draw()
            except (OSError, InputError):
                raise
            except Exception as error:  # no picture is worth a run
                if what not in self._undrawn:
                    self._say(f"at step {self.trainer.step}: no {what} ({type(error).__name__}: {error})")
                self._undrawn.add(what)

        self._guarded(tried)

    def _guarded(self, write: Callable[[], Any]) -> None:
        """Write; say what could not be written, and go on."""
        try:
            write()
        except (OSError, InputError) as error:
            self._say(f"at step {self.trainer.step}: {error}")

    def _say(self, text: str) -> None:
        if text in self.told:  # as of a last step that is saved once more at the end
            return
        self.told.append(text)
        if self.tell is not None:
            self.tell(text)

    def _last_good(self) -> str:
        state, _ = self.folder.checkpoints().latest()
        path = self.folder.path
        if state is None:
            return "There is no checkpoint to begin from; begin anew, with such changes, in another folder (--out)"
        return (
            f"The last good state is that of step {state['step']}, in {path / 'checkpoints'}. --resume would come to "
            f"the same end; to begin another run from its nets: wdist gan train --from {shlex.quote(str(path))} "
            f"{_gentler(self.trainer.config)} --out {shlex.quote(str(free(path)))} (or --from an "
            "earlier checkpoint there)"
        )


def free(path: Path) -> Path:
    """A folder beside that of a run which is not there yet: NAME-2, or the next number."""
    path = path.resolve() if path.name in ("", "..") else path
    return next(other for k in count(2) if not (other := path.with_name(f"{path.name}-{k}")).exists())


def _gentler(config: TrainConfig) -> str:
    """Options that may hold a run which came to no finite end."""
    rules: tuple[Any, ...] = (config.generator_optimizer, config.critic_optimizer)
    rates = [getattr(rule, "rule", rule).lr for rule in rules if rule is not None]
    if len(rates) < len(rules):  # a critic whose constraint sets its rate takes none from a shell
        return f"--n-critic {2 * config.n_critic}"
    return f"--lr {min(min(rates) / 10, GENTLE):.3g}"


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


@contextlib.contextmanager
def _signals() -> Iterator[list[str]]:
    """Note Ctrl-C and SIGTERM instead of dying of them; a second one is let through. Only a main thread may do so."""
    asked: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before: dict[int, Any] = {}
    number: int

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(signal.Signals(number).name)
        signal.signal(number, before[number])

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
