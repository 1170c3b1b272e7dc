"""A run that survives: begun, perhaps from the nets of another, or gone on with from its newest sound checkpoint.

What is trained is written down first; the loop itself is in `loop.py`.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from wdist.errors import InputError
from wdist.gan.config import TrainConfig
from wdist.gan.evaluation import Evaluation
from wdist.gan.folder import RunFolder, environment
from wdist.gan.judging import never_stops, too_few
from wdist.gan.loop import Interrupted, Pace, Run, free
from wdist.gan.origin import changes, check_start, located, origin
from wdist.gan.recipes import completed, described, differing, rebuilt
from wdist.gan.report import Hook
from wdist.gan.sets import Data
from wdist.gan.tensors import read_tree
from wdist.gan.trainer import Trainer
from wdist.ranks import ALONE, Ranks
from wdist.sources import Source

__all__ = ["Interrupted", "Pace", "Run", "begin", "free", "resumable", "resume", "run_of"]


def run_of(path: Path) -> RunFolder:
    """The run that a folder holds, or that a checkpoint is of."""
    return RunFolder(path.parent.parent if path.suffix == ".safetensors" else path)


def begin(
    path: RunFolder, config: TrainConfig, seed: int = 0, pace: Pace | None = None, hooks: Sequence[Hook] = (),
    ranks: Ranks = ALONE, evaluator: Callable[[Source], Evaluation] | None = None, start: Path | None = None,
) -> Run:  # fmt: skip
    """Start a run in a folder that has none.

    Args:
        path: The folder.
        config: What to train.
        seed: Of the trainer.
        pace: How often files are written.
        hooks: Of the trainer.
        ranks: The processes that train together; the first of them writes.
        evaluator: Of the trainer.
        start: A run's folder, from whose newest sound checkpoint both nets and the average are taken, or one of its
            checkpoints; counters, optimisers and draws are new. config.json says from which and of which step.

    Raises:
        InputError: if there is a run already, nothing can be written, or the nets to start from do not fit.
    """
    trainer = Trainer(config, seed, hooks, ranks, evaluator)
    written = {"seed": seed, "config": described(config), **origin(config.data, trainer.parts)}
    run = Run(path, trainer, pace or Pace())
    if start is not None:
        state, faults = run_of(start).checkpoints().latest() if start.is_dir() else (read_tree(start), [])
        if state is None or "critic" not in state:
            raise InputError(f"{start} has no sound checkpoint to begin from{_listed(faults)}")
        check_start(run_of(start), config.data, trainer.parts)
        trainer.start(state)
        written["from"] = {"run": str(run_of(start).path.resolve()), "step": state["step"]}
        run.told += [f"passed over: {fault}" for fault in faults]
        run.told.append(f"begun from the nets of {start}, step {state['step']}")

    def prepare() -> None:
        if path.config.exists():
            raise InputError(
                f"{path.path} holds a run already; go on with it by --resume {path.path}, or choose another folder"
            )
        path.make()
        with path.locked():
            path.write(path.config, written)
            path.write(path.path / "environment.json", environment())
            if start is not None:
                run.checkpoint()  # so that it can be resumed before the first step

    ranks.told(prepare)
    if fault := too_few(trainer.parts) or never_stops(config.evaluate, config.steps):
        run.told.append(f"warning: {fault}")
    return run


def resumable(
    path: RunFolder, config: TrainConfig | None = None, hooks: Sequence[Hook] = (), ranks: Ranks = ALONE,
    evaluator: Callable[[Source], Evaluation] | None = None, seed: int | None = None,
) -> Trainer:  # fmt: skip
    """Give a run's trainer as it began, if its config, seed and data are those of then; nothing is written.

    Raises:
        InputError: as `resume`, whose arguments it takes.
    """
    written = path.read_config()
    config = rebuilt(written["config"]) if config is None else config
    was = completed(written["config"]) | {"workers": config.workers}
    if isinstance(was["data"], str) and isinstance(config.data, Data):
        was["data"] = described(Data(was["data"]))
    differences = differing(was, described(config))
    differences += [] if seed is None else differing(written["seed"], seed, "seed")
    if differences:
        other = (
            f"another from its nets with such options: wdist gan train --from {shlex.quote(str(path.path))}"
        )
        if any(text.startswith("data") for text in differences):  # those nets saw what would be held out
            other = "one anew in another folder"
        raise InputError(
            f"{path.path} is a run of another config: {'; '.join(differences)}; resume it as it was begun, or begin "
            f"{other}"
        )
    config = dataclasses.replace(config, data=located(config.data, written))
    trainer = Trainer(config, written["seed"], hooks, ranks, evaluator)
    if changed := changes(written, trainer.parts):
        raise InputError(
            f"the data of {path.path} have changed since it was begun: {'; '.join(changed)}; bring them back, or begin "
            "a run anew in another folder"
        )
    return trainer


def resume(
    path: RunFolder, config: TrainConfig | None = None, pace: Pace | None = None, hooks: Sequence[Hook] = (),
    ranks: Ranks = ALONE, evaluator: Callable[[Source], Evaluation] | None = None, seed: int | None = None,
) -> Run:  # fmt: skip
    """Go on with a run from its newest sound checkpoint, or from the start if it has none.

    Args:
        path: Its folder.
        config: What it is thought to be; None for what it says itself.
        pace: How often files are written.
        hooks: Of the trainer.
        ranks: The processes that train together; the first of them writes.
        evaluator: Of the trainer.
        seed: What it is thought to be; None for what the run has.

    Raises:
        InputError: if there is no run, or it is one of another config, or its data by name or path have changed; the
            text says what differs.
    """
    trainer, written = resumable(path, config, hooks, ranks, evaluator, seed), path.read_config()
    state, faults = path.checkpoints().latest()
    if state is None and "from" in written:
        raise InputError(
            f"{path.path} has no sound checkpoint{_listed(faults)}, and was begun from the nets of "
            f"{written['from']['run']}; begin it anew: wdist gan train --from {written['from']['run']}"
        )
    if state is not None:
        trainer.restore(state)

    def rewind() -> None:
        with path.locked():
            path.rewind(trainer.step)

    ranks.told(rewind)
    told = [f"passed over: {fault}" for fault in faults]
    told += [] if state else [f"{path.path} has no sound checkpoint: it begins at step 0 again"]
    return Run(path, trainer, pace or Pace(), told)


def _listed(faults: list[str]) -> str:
    return "".join(f" ({fault})" for fault in faults)
