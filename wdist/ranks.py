"""Several processes at work on one answer: which of them this is, its share of a batch, and what all must agree on.

A loop is written once, as for one process: it takes its `share` of every batch that all draw alike, has gradients
averaged before a step, and lets the first process decide what all must do alike. In `ALONE`, one process by itself,
each of these does nothing, so that no loop asks how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from wdist.errors import InputError, NotConvergedError

__all__ = ["ALONE", "Ranks"]

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """A process among those that work on one answer; all of them must call the same, in the same order.

    Every process draws the same global batch from the same seed, and takes its share. Shares are of one size, so the
    mean over processes of their gradients is the gradient of the whole batch.

    Attributes:
        rank: Number of this process, from 0.
        size: How many processes there are.

    Example:
        >>> import torch
        >>> noise = torch.arange(6)
        >>> Ranks(1, 2).share(noise).tolist()
        [1, 3, 5]
        >>> Ranks(0, 4).whole(6)
        8
        >>> ALONE.share(noise) is noise
        True
    """

    rank: int = 0
    size: int = 1

    @staticmethod
    def here() -> Ranks:
        """All processes of torch.distributed's default group, or `ALONE` where there is none."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return ALONE
        return Ranks(distributed.get_rank(), distributed.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks to people."""
        return self.rank == 0

    def whole(self, batch: int) -> int:
        """The least batch of at least that many points whose shares are of one size."""
        return -(-batch // self.size) * self.size

    def share(self, batch: Tensor) -> Tensor:
        """Rows of a batch that this process takes, every `size`-th, so that pairs stay so; (n, ...) -> (n/size, ...).

        The number of rows is to be a multiple of `size`; see `whole`.
        """
        assert len(batch) % self.size == 0
        return batch if self.size == 1 else batch[self.rank :: self.size]

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Replace gradients by their means over the processes: between `backward` and the optimiser's step."""
        if self.size == 1:
            return
        grads = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([grad.flatten() for grad in grads])
        with _answering():
            distributed.all_reduce(flat)
        flat /= self.size
        for grad, mean in zip(grads, torch.split(flat, [grad.numel() for grad in grads]), strict=True):
            grad.copy_(mean.view_as(grad))

    @torch.no_grad()
    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors by those of the first process: initial weights, points that all must judge by."""
        if self.size > 1:
            with _answering():
                for tensor in tensors:
                    distributed.broadcast(tensor, src=0)

    def told(self, decide: Callable[[], T]) -> T:
        """What `decide` returns in the first process, in all; it runs there only, and what it raises is raised in all.

        Meant for numbers and small objects: they are pickled, and tensors would come to the first process's device.
        """
        if self.size == 1:
            return decide()
        found: list[Any] = [None, None]
        if self.first:
            try:
                found = [decide(), None]
            except Exception as error:  # else the others would wait for the time-out
                found = [None, error]
        with _answering():
            distributed.broadcast_object_list(found, src=0)
        if found[1] is not None:
            raise found[1]
        answer: T = found[0]
        return answer

    def agreed(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns here; where one process is refused by an `InputError`, all are, in its words."""
        if self.size == 1:
            return attempt()
        result: T | None = None
        said = ""
        try:
            result = attempt()
        except InputError as error:
            said = str(error) or "refused"
        refused = [text for text in self.gather(said) if text]
        if refused:
            raise InputError(refused[0])
        return result  # type: ignore[return-value]  # it was assigned, or `refused` is not empty

    def gather(self, mine: T) -> list[T]:
        """What all processes hold here, in their order; pickled, as in `told`."""
        found: list[Any] = [mine]
        if self.size > 1:
            found *= self.size
            with _answering():
                distributed.all_gather_object(found, mine)
        return found


ALONE = Ranks()
"""One process by itself."""


@contextmanager
def _answering() -> Iterator[None]:
    """Say in words that another process is gone or hung, which torch tells as a failed connection or a time-out."""
    try:
        yield
    except RuntimeError as error:
        told = " ".join(str(error).split())[:200]
        raise NotConvergedError(
            f"another process of this job is gone, or did not answer within the time-out ({told}); run the job again: "
            "with a checkpoint it goes on from there"
        ) from error
