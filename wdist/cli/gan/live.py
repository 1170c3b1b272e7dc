"""How a run is shown while it goes: a live bar, a row for every evaluation, and at the end where things lie."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wdist.cli.gan.writers import tensorboard_writer
from wdist.cli.terminal import line, output

if TYPE_CHECKING:
    from wdist.gan.config import TrainConfig
    from wdist.gan.report import StepReport
    from wdist.gan.run import Run
    from wdist.gan.trainer import Trainer

__all__ = ["describe", "show"]

FIGURES = {
    "debiased": "debiased", "w1": "raw W1", "floor": " floor", "recall": "recall", "diversity": "diversity",
    "stays": "in class", "missing": "missing", "calibrated": "card W1",
}  # fmt: skip
"""What a row of the evaluations shows where it is taken, and what it calls it."""


class Evaluations:
    """The evaluations of a run as a table that grows above the bar: the best has a star, a collapse is named below."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.titles: dict[str, str] = {}

    def add(self, report: StepReport) -> None:
        """Add a row, if the report has an evaluation."""
        if report.evaluation is None or report.verdict is None:
            return
        found = report.evaluation.numbers
        if not self.titles:
            self.titles = {key: title for key, title in FIGURES.items() if key in found}
            self.console.print("  ".join(["  step", *self.titles.values()]), style="bold", soft_wrap=True)
        cells = [f"{found[key]:>{len(title)}.4g}" for key, title in self.titles.items()]
        star = "*" * report.verdict.newest
        self.console.print("  ".join([f"{report.step:>6}", *cells]) + star, soft_wrap=True)
        if report.verdict.collapse:
            line(self.console, f"{'':8}{report.verdict.collapse}", indent=8)


def show(run: Run, tensorboard: bool) -> None:
    """Train under a live bar, or with a line now and then where no person is looking."""
    console = Console(stderr=True, markup=False)
    run.tell = lambda text: line(console, f"wdist: {text}")
    for text in run.told:
        run.tell(text)
    name = run.trainer.config.quantity
    line(console, f"{run.folder.path}: {_summary(run.trainer)}")
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    last = None
    with tensorboard_writer(run.folder.path, tensorboard) as writers:
        bar = Progress(
            *columns,
            speed_estimate_period=60,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with bar:
            task = bar.add_task(name, total=run.steps, completed=run.trainer.step)
            table = Evaluations(console)
            for last in run.train(writers):
                table.add(last)
                said = f"{name} {run.reading:.4g}"
                bar.update(task, completed=last.step, description=f"{said}{_held(last)}")
                if not console.is_terminal and last.step % max(1, run.steps // 10) == 0:
                    console.print(
                        f"step {last.step}/{run.steps}: {said}, {last.seconds:.0f} s", soft_wrap=True
                    )
    if not run.trainer.ranks.first:
        return
    if last is None:
        line(console, f"wdist: nothing was left to do: all {run.trainer.step} steps are done")
    else:
        said = f"{name} by the critic {run.reading:.4g} (smoothed) after {last.step} steps"
        often = f"; at {run.doubted} of {run.logged} logged steps it read more than W1 can be: its slope is not held"
        line(output(), said + often * bool(run.doubted))
    output().print(f"generator: {run.folder.generator}\ncurve: {run.folder.curve}", soft_wrap=True)
    if run.folder.best.exists():
        output().print(f"at its best evaluation: {run.folder.best}", soft_wrap=True)


def _held(report: StepReport) -> str:
    return "" if report.held is None else f" (held out {report.held:.4g})"


def _summary(trainer: Trainer) -> str:
    """What is trained, in a line."""
    config: TrainConfig = trainer.config
    sizes = [sum(p.numel() for p in net.parameters()) for net in (trainer.net, trainer.critic.net)]
    train: Any = trainer.parts.train
    many = f"{len(train)} points" if hasattr(train, "__len__") else "a law"
    order = " (channels first)" if trainer.form.channels_first else ""
    return (
        f"{many} of shape {trainer.form.shape}{order}; {type(config.generator).__name__} with {sizes[0]:,} weights and "
        f"{type(config.critic).__name__} with {sizes[1]:,}; "
        f"{type(config.constraint).__name__}, batch {config.batch}; {config.steps} steps of {config.n_critic} + 1"
    )


def describe(trainer: Trainer, done: int = 0) -> None:
    """What would be trained, a field of the config a line, and how long by a few steps and one evaluation.

    Args:
        trainer: As it would begin.
        done: Steps that a run to be gone on with has behind it.
    """
    config, console = trainer.config, output()
    taken = list(_timed(trainer, 12))[2:]
    each = sum(taken) / len(taken)
    line(console, _summary(trainer))
    console.print(type(config).__name__)
    fields = [field.name for field in dataclasses.fields(config)]
    wide = max(map(len, fields)) + 4
    for name in fields:
        line(console, f"{'  ' + name:<{wide}}{getattr(config, name)!r}", indent=wide)
    left = max(0, config.steps - done)
    said, whole = f"{1000 * each:.1f} ms a step", each * left
    said += f", {left} of {config.steps} left" * bool(done)
    every = trainer.judge.recipe.every if trainer.judge is not None else config.steps + 1
    if trainer.judge is not None and (looks := config.steps // every - done // every):
        for _ in range(2):  # the first one also prepares the held-out points
            began = time.perf_counter()
            trainer.judge.evaluator(trainer.generator)
            look = time.perf_counter() - began
        said += f" and {look:.2g} s an evaluation, of which there are {looks}"
        whole += look * looks
    rule = trainer.judge is not None and trainer.judge.recipe.stop is not None
    most = " if nothing ends it before" if rule else ""
    line(console, f"about {said}: {whole:.0f} s in all{most}; nothing was written")


def _timed(trainer: Trainer, n: int) -> Iterator[float]:
    start = time.perf_counter()
    for _ in trainer.steps(n):
        yield time.perf_counter() - start
        start = time.perf_counter()
