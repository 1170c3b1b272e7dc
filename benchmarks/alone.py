"""One run of one side in a process of its own: what it adds to memory, and an end to it when its time is up.

`run` starts `python -m benchmarks.alone TASK` and waits no longer than the limit; the child builds the instance, runs
the side once in small (imports, compilation), sets the kernel's high-water mark back, runs it in full and reads
the mark. Only then does it check the plan that wdist handed out, since that takes memory too.
"""

from __future__ import annotations

import dataclasses
import json
import math
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import wdist
from benchmarks.certificate import Bracket, WrongPlanError, plan_bracket
from benchmarks.families import Instance, Problem
from benchmarks.sides import SIDES, Answer

__all__ = ["checked", "here", "run"]

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")  # Linux: writing 5 sets VmHWM back to VmRSS


def run(side: str, settings: dict[str, Any], instance: Instance, limit: float) -> dict[str, Any]:
    """Measure one run alone.

    Returns:
        status ("done", "refused", "failed" or "over limit"), note, cpu, wall; if done also value, converged,
        memory (bytes above what was resident before), rss (bytes at the highest) and reference, the
        checked bracket as a dictionary, where the side is wdist and hands out a plan.
    """
    task = json.dumps({"side": side, "settings": settings, "instance": dataclasses.asdict(instance)})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.alone", task]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        note = f"stopped after {limit:g} s"
        return {"status": "over limit", "note": note, "cpu": cpu, "wall": time.perf_counter() - start}
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    last = (done.stderr.strip().splitlines() or [f"ended by signal {-done.returncode}"])[-1]
    return {"status": "failed", "note": last, "cpu": None, "wall": None}


def here(side: str, settings: dict[str, Any], problem: Problem) -> dict[str, Any]:
    """Run a side once in this process, its refusal or failure caught: as `run`, without the memory."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        answer = SIDES[side](problem, **settings)
    except wdist.InputError as error:
        return {"status": "refused", "note": str(error), "cpu": None, "wall": None}
    except Exception as error:  # a peer may raise anything, and the table goes on
        return {"status": "failed", "note": repr(error), "cpu": None, "wall": None}
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if not math.isfinite(answer.value):
        note = answer.note or f"the value is {answer.value}"
        return {"status": "failed", "note": note, "cpu": cpu, "wall": wall}
    return {
        "status": "done", "note": answer.note, "cpu": cpu, "wall": wall,
        "value": answer.value, "converged": answer.converged, "answer": answer,
    }  # fmt: skip


def checked(out: dict[str, Any], problem: Problem) -> dict[str, Any]:
    """Put the answer's checked bracket in place of the answer; a claimed plan that is none fails the run."""
    answer = out.pop("answer", None)
    try:
        found = None if answer is None else _bracket(problem, answer)
    except WrongPlanError as error:
        return out | {"status": "failed", "note": str(error)}
    return out | {"reference": None if found is None else dataclasses.asdict(found)}


def _bracket(problem: Problem, answer: Answer) -> Bracket | None:
    """What wdist's plan and potentials prove; None where there are none."""
    detail = getattr(answer.estimate, "detail", None)
    plan, u, v = (getattr(detail, name, None) for name in ("plan", "potential_a", "potential_b"))
    if plan is None or u is None or v is None:
        return None
    return plan_bracket(problem, plan, u, v)


def _resident(mark: str) -> int:
    """Bytes: VmRSS now, or VmHWM, the most since the mark was set back."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(mark))
    return int(line.split()[1]) * 1024


def main(text: str) -> None:
    task = json.loads(text)
    instance = Instance(**task["instance"])
    problem = instance.build()
    here(task["side"], task["settings"], instance.warm().build())
    before = _resident("VmRSS")
    RESET.write_text("5")
    out = here(task["side"], task["settings"], problem)
    out["rss"] = _resident("VmHWM")
    out["memory"] = max(0, out["rss"] - before)
    print("\n" + json.dumps(checked(out, problem)))


if __name__ == "__main__":
    main(sys.argv[1])
