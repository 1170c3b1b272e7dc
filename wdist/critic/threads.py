"""How many threads critics take: one, where operations are shorter than waking a second one.

Where other processes share the cores, a thread that waits at the end of each operation for one that has been put aside
waits for milliseconds. On two cores with nine processes a fit on 4 funnels in 128 dimensions took over 200 s on two
threads, which takes 6 s on one; on two cores that did nothing else the second thread saved a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

__all__ = ["threads_for", "threads_for_points"]

ONE_THREAD_WORK = 200_000_000
CENTRES, POINTS = 64, 4096


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """Run operations of so many products on one thread, if these are few; restores the setting."""
    before = torch.get_num_threads()
    if work < ONE_THREAD_WORK:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads_for_points(d: int) -> AbstractContextManager[None]:
    """The same for what is done with thousands of points of d coordinates and tens of centres."""
    return threads_for(POINTS * CENTRES * d)
