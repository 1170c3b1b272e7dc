"""Two processes started side by side, for tests of what they say to each other."""

import multiprocessing
import pickle
import time

TIME_OUT = 100
"""Seconds after which they hang."""


def findings(target, folder, exits=(0, 0)):
    """What target(rank, folder) of ranks 0 and 1 left in folder/rank.pickle; they are ended if they take too long."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=target, args=(rank, str(folder)), daemon=True) for rank in range(2)]
    for worker in workers:
        worker.start()
    end = time.monotonic() + TIME_OUT
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
    hung = [worker.pid for worker in workers if worker.is_alive()]
    for worker in workers:
        worker.kill()
    assert hung == [], "the processes hang"
    assert tuple(worker.exitcode for worker in workers) == exits
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(2)]
