"""How much memory this machine still has, so that a request too large is refused before it starts."""

from __future__ import annotations

import os
from pathlib import Path

import torch

__all__ = ["available_bytes", "human_bytes"]

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def available_bytes(device: torch.device | str = "cpu") -> int:
    """Bytes that a computation on `device` may still claim.

    On the CPU: the kernel's MemAvailable, cut to what the control groups of this process leave (a container's
    or a batch job's share); where neither can be read, the physical memory. On CUDA: the free memory that the
    driver reports.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min([_mem_available(), *_left_by_groups()])


def human_bytes(count: float) -> str:
    """Write a number of bytes for a person.

    >>> human_bytes(3.2e9)
    '3.0 GiB'
    >>> human_bytes(512)
    '512 B'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def _mem_available() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _left_by_groups() -> list[int]:
    """Read what each control group above this process leaves, version 2 or 1; idle page cache counts as free."""
    left = []
    for folder, limit_name, used_name, cache_name in _groups():
        limit, used = _number(folder / limit_name), _number(folder / used_name)
        if limit is not None and used is not None:
            left.append(max(0, limit - used + _cache(folder / "memory.stat", cache_name)))
    return left


def _groups() -> list[tuple[Path, str, str, str]]:
    """Name each group's folder, from the root down to this process, and its files as that version calls them."""
    second = ("memory.max", "memory.current", "inactive_file")
    first = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    found = [(GROUPS, *second), (GROUPS / "memory", *first)]
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        steps = Path(path.lstrip("/")).parts
        for depth in range(len(steps)):
            below = Path(*steps[: depth + 1])
            if controllers == "":
                found.append((GROUPS / below, *second))
            elif "memory" in controllers.split(","):
                found.append((GROUPS / "memory" / below, *first))
    return found


def _cache(path: Path, name: str) -> int:
    try:
        return int(dict(line.split() for line in path.read_text().splitlines()).get(name, 0))
    except (OSError, ValueError):
        return 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such control group, or the word "max"
        return None
