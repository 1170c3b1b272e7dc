"""Asking one function of a peer: its number and what it took, or why there is none.

Peers run compiled loops that nothing stops, so with a time limit they are asked in a process of their own, which
answers one after the other; one that runs over is killed with it, and the next is asked in a fresh one.
"""

from __future__ import annotations

import signal
import warnings
from concurrent.futures import BrokenExecutor, wait
from importlib import import_module
from types import TracebackType

import torch
from joblib.externals.loky import ProcessPoolExecutor

from wdist.result import in_words
from wdist.validation.metering import Metered, metered
from wdist.validation.peers import Peer, Reference
from wdist.validation.problem import Problem

__all__ = ["Asker", "StoppedError"]


class StoppedError(Exception):
    """A peer had no answer when its time was over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer in {in_words(seconds)}")
        self.seconds = seconds


class Asker:
    """Asks peers, here or, with a time limit, in a process of their own; to be used in a `with`.

    Args:
        time_limit: Seconds that a function of a peer has, its check and a second run included; None for no limit.
    """

    def __init__(self, time_limit: float | None) -> None:
        self._limit = time_limit
        self._process: ProcessPoolExecutor | None = None

    def __enter__(self) -> Asker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, peer: Peer, reference: Reference, problem: Problem) -> Metered:
        """Give the peer's answer in the unit of the data.

        Raises:
            StoppedError: if it ran over.
            NotConvergedError: if it stopped short.
            Exception: whatever else the peer raises, or its process by dying.
        """
        if self._limit is None:
            _imported(peer.module)
            return _asked(reference, problem)
        if self._process is None:
            self._process = ProcessPoolExecutor(1, initializer=_begin, initargs=(torch.get_num_threads(),))
        try:
            self._process.submit(_imported, peer.module).result()
            job = self._process.submit(_asked, reference, problem)
            wait([job], self._limit)
            if job.done():
                return job.result()  # type: ignore[no-any-return]
        except BrokenExecutor:
            self._end()
            raise
        self._end()
        raise StoppedError(self._limit)

    def _end(self) -> None:
        if self._process is not None:
            self._process.shutdown(kill_workers=True)
            self._process = None


def _begin(threads: int) -> None:
    """Set up the process: as many threads as here, and Ctrl-C is for the one that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)


def _imported(module: str) -> None:
    """Import a peer, which is no part of its time."""
    import_module(module)


def _asked(reference: Reference, problem: Problem) -> Metered:
    with (
        warnings.catch_warnings()
    ):  # what a peer warns of is found out by its reference, or seen in the value
        warnings.simplefilter("ignore")
        found = metered(lambda: problem.unit * reference.answer(problem))
        reference.check(problem)
    return found
