"""The fits behind a card: each a case, a seed and what the critic said, run side by side and kept as they come.

A trial's seed is made of its name and not of its place in a queue, so one that was cut off goes on where it stopped, by
any number of workers, to the same card. A folder holds a line for each trial that is done.
"""

from __future__ import annotations

import dataclasses
import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joblib import delayed

from wdist.answer import check_answerable, solve
from wdist.calibration.reading import Reading, read
from wdist.errors import InputError
from wdist.methods.critic import Critic
from wdist.question import ask
from wdist.result import Choice
from wdist.truth.case import Case
from wdist.workers import branch, carried_out, one_core

__all__ = ["Trial", "Wanted", "run_trials"]

DONE = "trials.jsonl"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Trial:
    """What one fit said; all but the names in standardised units.

    Attributes:
        family: Which manner of transport.
        case: Name of the case.
        level: Its place among the amounts of the family.
        replicate: Which seed.
        steps: Of the critic.
        w: True W1.
        said: What the critic said.
        cpu: Seconds of processor time that the fit took.
    """

    family: str
    case: str
    level: int
    replicate: int
    steps: int
    w: float
    said: Reading
    cpu: float = field(default=0.0, compare=False)

    @property
    def key(self) -> tuple[str, str, int, int, int]:
        """What tells it from the others."""
        return self.family, self.case, self.level, self.replicate, self.steps

    @staticmethod
    def of(kept: dict[str, Any]) -> Trial:
        """The inverse of `dataclasses.asdict`."""
        return Trial(**{**kept, "said": Reading(**kept["said"])})


@dataclass(frozen=True, eq=False)
class Wanted:
    """One trial to be run."""

    family: str
    case: Case
    level: int
    replicate: int
    steps: int

    @property
    def key(self) -> tuple[str, str, int, int, int]:
        """What tells it from the others."""
        return self.family, self.case.name, self.level, self.replicate, self.steps

    def seed(self) -> tuple[int, ...]:
        """Its branch of a card's seed; a fit of other length starts from the same weights and draws."""
        return zlib.crc32(self.family.encode()), self.level, self.replicate


def run_trials(
    wanted: Sequence[Wanted], method: Critic, seed: int, about: Mapping[str, Any], workers: int | None,
    folder: Path | None, progress: Progress | None,
) -> list[Trial]:  # fmt: skip
    """Run what is not done yet; the trials come in the order asked for.

    Args:
        wanted: Trials, of keys that differ.
        method: The critic; each trial has its own number of steps.
        seed: Of the card.
        about: What a folder must have been begun with to be gone on with.
        workers: Processes, as joblib counts them; None or 1 for this one alone.
        folder: Where trials are kept; None for nowhere.
        progress: Called with (done, in all).

    Raises:
        InputError: if the folder holds trials of something else.
    """
    done = {} if folder is None else _begun(folder, {**about, "seed": seed})
    left = [one for one in wanted if one.key not in done]
    if progress is not None:
        progress(len(wanted) - len(left), len(wanted))
    calls = (
        delayed(_trial)(one, dataclasses.replace(method, steps=one.steps, progress=None), seed)
        for one in left
    )
    with one_core(), closing(carried_out(calls, workers)) as results:
        for trial in results:
            done[trial.key] = trial
            if folder is not None:
                with (folder / DONE).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(dataclasses.asdict(trial)) + "\n")
            if progress is not None:
                progress(sum(one.key in done for one in wanted), len(wanted))
    return [done[one.key] for one in wanted]


def _trial(wanted: Wanted, method: Critic, seed: int) -> Trial:
    """Fit a critic to a case, in whatever process, and read it."""
    began = time.process_time()
    with one_core():
        rng = branch([seed], *wanted.seed())
        question = ask(wanted.case.a, wanted.case.b, rng=rng.spawn())
        check_answerable(method, question)
        found = solve(question, method, Choice("", 0), rng.spawn())
        said = read(found, question, rng.spawn())
    return Trial(*wanted.key, wanted.case.w[1] / said.scale, said, time.process_time() - began)


def _begun(folder: Path, about: Mapping[str, Any]) -> dict[Any, Trial]:
    """Trials in a folder, by key; a last line that was cut off is dropped. Begins the file where there is none."""
    path, first = folder / DONE, json.dumps(about, sort_keys=True)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(first + "\n", encoding="utf-8")
        return {}
    header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if header.strip() != first:
        raise InputError(
            f"{path} was begun with another method, seed or version of wdist; choose another folder, or remove it"
        )
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        path.write_text("".join([header, *whole]), encoding="utf-8")
    return {trial.key: trial for trial in (Trial.of(json.loads(line)) for line in whole)}
