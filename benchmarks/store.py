"""Results as JSON, whole or not at all: one file a table, with the environment that its rows came from.

`Table` is saved after every row by writing beside the file and renaming. To go on where a run stopped, the
environment and the code measured must be the same ones: rows of two machines or two versions are never mixed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import numba
import threadpoolctl
import torch

import wdist

__all__ = ["PACKAGES", "QUICK", "RESULTS", "ChangedError", "Table", "environment", "write_whole"]

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
QUICK = ROOT / "build" / "benchmarks"
"""Where trial runs leave theirs; git ignores it."""

PACKAGES = ("numpy", "scipy", "torch", "numba", "POT", "lapx", "geomloss", "pykeops")
PASSING = ("date", "commit")  # may differ between the rows of one table; the code measured may not


class ChangedError(RuntimeError):
    """A table cannot be gone on with."""


def environment() -> dict[str, Any]:
    """Say where a table is measured: machine, threads, versions, commit and the state of the code."""
    # numba.get_num_threads() would start its threads, and with OpenMP set torch's number to its own
    blas = {pool["internal_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    return {
        "date": date.today().isoformat(),
        "commit": _git("rev-parse", "--short=10", "HEAD"),
        "code": _git("rev-parse", "--short=10", "HEAD:wdist")
        + ("+" if _git("status", "-s", "wdist") else ""),
        "wdist": wdist.__version__,
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {_memory():.0f} GiB, {platform.system()}",
        "threads": {
            "torch": torch.get_num_threads(),
            "numba": numba.config.NUMBA_NUM_THREADS,
            **dict(sorted(blas.items())),
        },
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


class Table:
    """Rows by key, in the order measured, in one file.

    With `keep`, rows that another state of the code was measured by stay, and say which: for changes that do not touch
    what they measure.
    """

    def __init__(self, path: Path, *, resume: bool, keep: bool = False) -> None:
        self.path, self.environment = path, environment()
        self.rows: list[dict[str, Any]] = []
        if resume and path.exists():
            found = json.loads(path.read_text())
            then = found["environment"]
            self._check({**then, "code": self.environment["code"]} if keep else then)
            self.rows = found["rows"]
            if then["code"] != self.environment["code"]:
                for row in self.rows:
                    row.setdefault("code", then["code"])

    def _check(self, then: dict[str, Any]) -> None:
        now = self.environment
        differing = [name for name in now if name not in PASSING and now[name] != then.get(name)]
        if differing:
            changes = "; ".join(f"{name} was {then.get(name)} and is {now[name]}" for name in differing)
            raise ChangedError(f"{self.path} was begun elsewhere ({changes}); start anew, without --resume")

    def __contains__(self, key: str) -> bool:
        return any(row["key"] == key for row in self.rows)

    def __getitem__(self, key: str) -> dict[str, Any]:
        return next(row for row in self.rows if row["key"] == key)

    def put(self, row: dict[str, Any]) -> None:
        """Put a row in the place of the one of its key, or last, and save the whole."""
        self.rows = [row if old["key"] == row["key"] else old for old in self.rows]
        if row not in self.rows:
            self.rows.append(row)
        self._save()

    def add(self, row: dict[str, Any]) -> None:
        """Append a row and save the whole."""
        self.rows.append(row)
        self._save()

    def _save(self) -> None:
        write_whole(
            self.path,
            json.dumps({"environment": self.environment, "rows": self.rows}, indent=1, allow_nan=False)
            + "\n",
        )


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text)
    os.replace(beside, path)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU"
    )


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
