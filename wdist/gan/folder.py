"""A run's folder: which files lie where, and that only one process at a time writes there.

config.json says what is trained, environment.json on what, log.jsonl what happened, checkpoints/ where to go on from,
samples/ what it looks like, generator.safetensors what came of it, best.safetensors what was best, curve.png how.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from wdist.errors import InputError
from wdist.gan.generator import Generator, load
from wdist.gan.state import Checkpoints

__all__ = ["Found", "RunFolder", "environment", "found_in"]

Json = dict[str, Any]
READ = 10
"""Lines of the log that the critic's last reading is a mean of."""


@dataclass(frozen=True)
class RunFolder:
    """Where a run lives.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """What is trained."""
        return self.path / "config.json"

    @property
    def log(self) -> Path:
        """One JSON object a line: reports and events."""
        return self.path / "log.jsonl"

    @property
    def generator(self) -> Path:
        """What came of it."""
        return self.path / "generator.safetensors"

    @property
    def best(self) -> Path:
        """The generator at its best evaluation, where it was evaluated while it was trained."""
        return self.path / "best.safetensors"

    @property
    def curve(self) -> Path:
        """How."""
        return self.path / "curve.png"

    @property
    def samples(self) -> Path:
        """What it looks like."""
        return self.path / "samples"

    def checkpoints(self, keep: int = 2) -> Checkpoints:
        """Where to go on from."""
        return Checkpoints(self.path / "checkpoints", keep)

    def make(self) -> None:
        """Make the folder and its subfolders.

        Raises:
            InputError: if that cannot be done, or nothing can be written there.
        """
        try:
            for folder in (self.path, self.samples, self.path / "checkpoints"):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise self._closed(error) from None

    def _closed(self, error: OSError) -> InputError:
        return InputError(
            f"{self.path} cannot be written to ({error.strerror}); choose another folder, or see to its rights and room"
        )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the system lets go of it when the process ends, however it ends.

        Raises:
            InputError: if another process holds it, or nothing can be written there.
        """
        import fcntl

        try:
            opened = (self.path / "lock").open("a+")
        except OSError as error:
            raise self._closed(error) from None
        with opened as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                raise InputError(
                    f"{self.path} is in use by process {lock.read().strip()}; wait for it, or write elsewhere"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            _held().add(lock)
            try:
                yield
            finally:
                _held().discard(lock)

    def write(self, path: Path, content: Json) -> None:
        """Write a JSON file, whole or not at all."""
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror}); make room, or choose another folder"
            ) from None

    def read_config(self) -> Json:
        """What config.json says.

        Raises:
            InputError: if there is no run in the folder.
        """
        try:
            found: Json = json.loads(self.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise InputError(
                f"{self.path} holds no run of `wdist gan train` ({self.config.name}: {why})"
            ) from None
        inner = found.get("config") if isinstance(found, dict) else None
        if (
            not isinstance(inner, dict)
            or not {"kind", "data", "constraint", "steps"} <= set(inner)
            or "seed" not in found
        ):
            raise InputError(
                f"{self.path} holds no run of `wdist gan train`: {self.config.name} does not say what is trained; "
                "bring it back, or begin another run"
            )
        return found

    def rows(self) -> list[Json]:
        """The log, a line that was cut off left out."""
        rows: list[Json] = []
        with contextlib.suppress(OSError):
            for line in self.log.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    rows.append(json.loads(line))
        return rows

    def reading(self, step: int | None = None) -> float | None:
        """What the critic read at the end of the log, or up to a step: mean of ten lines; None if nothing is logged."""
        rows = [row for row in self.rows() if "critic" in row and (step is None or row["step"] <= step)]
        last = [row["critic"] for row in rows[-READ:]]
        return sum(last) / len(last) if last else None

    def rewind(self, step: int) -> None:
        """Take from the log what came after a step, as it will come again.

        Raises:
            InputError: if it cannot be written.
        """
        kept = [row for row in self.rows() if row.get("step", 0) <= step]
        part = self.log.with_name(".log.jsonl.part")
        try:
            part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
            part.replace(self.log)
        except OSError as error:
            raise self._closed(error) from None


@functools.cache
def _held() -> set[IO[str]]:
    """Locks that this process holds; a worker that it forks lets go of them, or would hold them on after a kill."""
    held: set[IO[str]] = set()
    os.register_at_fork(after_in_child=lambda: [lock.close() for lock in held])
    return held


def environment() -> Json:
    """What a run is made on."""
    import wdist.gan

    return {
        "python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
        "platform": platform.platform(), "cores": os.cpu_count(), "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None, "package": wdist.gan.__name__,
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Found:
    """A run's generator, and where it comes from.

    Attributes:
        generator: Of the end of the run, or of its newest sound checkpoint; the average of the weights if there is one.
        step: Of that checkpoint; None for a run that is finished, and for a file.
        told: What a person should know: that the run is not finished, and checkpoints passed over; "" if nothing.
    """

    generator: Generator
    step: int | None = None
    told: str = ""


def found_in(path: Path) -> Found:
    """Look for the generator of a run's folder, finished or not, or of a file.

    Raises:
        InputError: if there is none yet, or none that is sound.
    """
    folder = RunFolder(path)
    file = folder.generator if path.is_dir() else path
    damage = ""
    if file.exists():
        try:
            return Found(load(file))
        except InputError as error:
            if file == path or not any(folder.checkpoints().folder.glob("*.safetensors")):
                raise
            damage = str(error)
    if not folder.config.exists():
        raise InputError(f"{file}: there is no such generator")
    state, faults = folder.checkpoints().latest()
    hint = f"go on with the run: wdist gan train --resume {path}"
    if state is None:
        damaged = "".join(f" ({fault})" for fault in [damage, *faults] if fault)
        state_of = "has no sound generator" if damage else "is not finished"
        raise InputError(f"{path} {state_of} and has no sound checkpoint{damaged}; {hint}")
    if "about" not in state:
        raise InputError(f"{path} is not finished, and its checkpoint is of an earlier version; {hint}")
    config, step = folder.read_config()["config"], int(state["step"])
    which = "averaged weights" if config.get("ema") else "the weights"
    told = [f"passed over: {fault}" for fault in [damage, *faults] if fault]
    unfinished = "" if damage else "is not finished: "
    told.append(f"{path} {unfinished or 'gives '}{which} of step {step} of {config['steps']}")
    return Found(Generator.of(state["about"], state["averaged"]), step, "; ".join(told))
