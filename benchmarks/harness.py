"""Both sides of a row, interleaved in one process: A B A B..., CPU time of all threads, wall time, error.

`measure` first lets every candidate of every contender run alone (`alone.py`: memory, a first time, the checked
answer), takes each contender's cheapest candidate that is right, and then times those in turns. Nothing is
extrapolated: a side that would take too long has fewer repeats, or none and a note, and the record says so.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.alone import checked, here, run
from benchmarks.certificate import Bracket, line_answer, sliced_answer
from benchmarks.families import Instance, Problem
from benchmarks.sides import SIDES

__all__ = ["Candidate", "Contender", "Pace", "Row", "Target", "measure"]

STARTING = 20.0  # seconds that a process may take to import and compile
HOPELESS = 3.0  # times the best candidate's seconds: then the next one is stopped
COLD = (
    5.0  # seconds: a first run below that may have been compilation, and tells not how long the next will be
)
SETTLE = 0.02  # seconds between sides: threads of the last one stop spinning at the other's cost


@dataclass(frozen=True)
class Candidate:
    """A side with its settings."""

    side: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """One column of a row: a name, and the candidates of which the cheapest right one runs."""

    name: str
    candidates: tuple[Candidate, ...]

    @classmethod
    def plain(cls, side: str, **settings: Any) -> Contender:
        """One candidate, under its side's name."""
        return cls(side, (Candidate(side, settings),))


@dataclass(frozen=True)
class Target:
    """What ours has to reach: `over` names a peer (a ratio, at least), or is empty (a figure of ours, at most)."""

    over: str
    least: float | None
    stretch: float | None = None
    measure: str = "cpu"  # or wall, memory, rss: keys of a side's record; seconds or bytes


@dataclass(frozen=True)
class Row:
    """One instance, ours first and the peers after it."""

    group: str
    instance: Instance
    contenders: tuple[Contender, ...]
    targets: tuple[Target, ...] = ()
    tolerance: float = 1e-9  # relative error beyond which a side gets no ratio
    reference: str = "plan"  # or line, sliced
    limit: float = 900.0  # seconds a side may take
    isolated: bool = True  # a run alone first: memory, limit
    interleaved: bool = True  # else the run alone is the measurement

    @property
    def key(self) -> str:
        """Name that no other row of the group has."""
        return f"{self.instance.words()}, seed {self.instance.seed}"


@dataclass(frozen=True)
class Pace:
    """How often: `repeats` times, fewer where that takes more than `budget` seconds a side, never less than once."""

    repeats: int = 5
    budget: float = 300.0
    shortest: float = (
        0.2  # seconds: shorter runs are repeated within one timing, for clocks that tick coarsely
    )

    def turns(self, seconds: float) -> int:
        """Timings of a side that takes so long."""
        return max(1, min(self.repeats, int(self.budget / max(seconds, 1e-9))))

    def calls(self, seconds: float) -> int:
        """Runs within one timing."""
        return max(1, math.ceil(self.shortest / max(seconds, 1e-9)))


def measure(row: Row, pace: Pace) -> dict[str, Any]:
    """Measure a row; gives its record, all plain figures."""
    load = os.getloadavg()[0]
    problem = row.instance.build()
    first = _FirstRuns(row, problem)
    answer = _reference(row, problem, first)
    chosen = [_choose(contender, row, first, answer) for contender in row.contenders]
    if row.interleaved:
        _interleave([side for side in chosen if side["status"] == "done"], row, problem, answer, pace)
    return {
        "key": row.key,
        "work": row.instance.words(),
        "instance": dataclasses.asdict(row.instance),
        "reference": None if answer is None else dataclasses.asdict(answer),
        "tolerance": row.tolerance,
        "sides": chosen,
        "targets": [dataclasses.asdict(target) for target in row.targets],
        "load": round(load, 2),
    }


class _FirstRuns:
    """The first run of each candidate, once; alone or here."""

    def __init__(self, row: Row, problem: Problem) -> None:
        self.row, self.problem = row, problem
        self.warm = row.instance.warm().build()
        self.done: dict[str, dict[str, Any]] = {}

    def __call__(self, candidate: Candidate, limit: float) -> dict[str, Any]:
        key = repr(candidate)
        if key not in self.done:
            self.done[key] = self._run(candidate, limit)
        return self.done[key]

    def _run(self, candidate: Candidate, limit: float) -> dict[str, Any]:
        if self.row.isolated:
            return run(candidate.side, candidate.settings, self.row.instance, limit)
        here(candidate.side, candidate.settings, self.warm)
        return checked(here(candidate.side, candidate.settings, self.problem), self.problem)


def _reference(row: Row, problem: Problem, first: _FirstRuns) -> Bracket | None:
    """The certified answer of the row, or None where nothing could certify one."""
    if row.reference == "line":
        return line_answer(problem)
    if row.reference == "sliced":
        return sliced_answer(problem)
    own = [
        one for contender in row.contenders for one in contender.candidates if one.side.startswith("wdist")
    ]
    for candidate in own or [Candidate("wdist estimate")]:
        found = first(candidate, row.limit).get("reference")
        if found is not None:
            return Bracket(**found)
    return None


def _choose(contender: Contender, row: Row, first: _FirstRuns, answer: Bracket | None) -> dict[str, Any]:
    """The cheapest candidate that is right, else the first, as the side's record so far."""
    runs: list[tuple[bool, float, Candidate, dict[str, Any], float | None]] = []
    for candidate in contender.candidates:
        best = min((seconds for wrong, seconds, *_ in runs if not wrong), default=math.inf)
        found = first(candidate, min(row.limit, STARTING + HOPELESS * best))
        error = answer.error(found["value"]) if answer and found["status"] == "done" else None
        right = error is not None and error <= row.tolerance and found["converged"]
        seconds = math.inf if found["cpu"] is None else found["cpu"]
        runs.append((not right, seconds, candidate, found, error))
    _, _, candidate, found, error = min(runs, key=lambda run: run[:2])
    record = {
        "name": contender.name,
        "side": candidate.side,
        "settings": candidate.settings,
        **{key: found.get(key) for key in ("status", "note", "value", "converged", "memory", "rss")},
        "error": error,
        "cpu": [] if found["cpu"] is None else [found["cpu"]],
        "wall": [] if found["wall"] is None else [found["wall"]],
        "calls": 1,
    }
    if len(runs) > 1:
        record["candidates"] = [
            {"settings": c.settings, "status": f["status"], "cpu": f["cpu"], "error": e}
            for _, _, c, f, e in runs
        ]
    return record


def _interleave(
    sides: list[dict[str, Any]], row: Row, problem: Problem, answer: Bracket | None, pace: Pace
) -> None:
    """Fill in cpu, wall, calls and the worst error of the sides, taking turns."""
    warm = row.instance.warm().build()
    for side in sides:
        here(side["side"], side["settings"], warm)
        seconds = side["wall"][0]
        if seconds < COLD:
            here(side["side"], side["settings"], problem)
            seconds = here(side["side"], side["settings"], problem)["wall"]
        side.update(turns=pace.turns(seconds), calls=pace.calls(seconds), cpu=[], wall=[])
    gc.collect()
    for side in _turns(sides):
        cpu, wall, value = _timed(side, problem)
        side["cpu"].append(cpu)
        side["wall"].append(wall)
        if answer is not None:
            side["error"] = max(side["error"], answer.error(value))
    for side in sides:
        del side["turns"]


def _turns(sides: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A B A B ..., a side with fewer turns dropping out."""
    for turn in range(max((side["turns"] for side in sides), default=0)):
        yield from (side for side in sides if turn < side["turns"])


def _timed(side: dict[str, Any], problem: Problem) -> tuple[float, float, float]:
    """Seconds of CPU and wall for one run, averaged over the calls of one timing, and the value."""
    call, settings, calls = SIDES[side["side"]], side["settings"], side["calls"]
    time.sleep(SETTLE)
    gc.disable()  # as timeit does: one side does not sweep up after the other
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(calls):
            answer = call(problem, **settings)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    finally:
        gc.enable()
    return cpu / calls, wall / calls, answer.value
