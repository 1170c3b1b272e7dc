"""How much memory this machine still has, so that a request too large is refused before it starts."""

from __future__ import annotations

import os
from pathlib import Path

import torch

__all__ = ["available_bytes", "human_bytes"]


def available_bytes(device: torch.device | str = "cpu") -> int:
    """Bytes that a computation on `device` may still claim.

    On the CPU: the kernel's MemAvailable, cut to what the control group leaves; where neither can be read, the
    physical memory. On CUDA: the free memory that the driver reports.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = _mem_available()
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    return free if limit is None or used is None else min(free, max(0, limit - used))


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


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # no such control group, or the word "max"
        return None
