"""The command under torchrun: its processes join, fit one critic together, and only the first of them speaks.

Without torchrun all of this does nothing. A process that dies has torchrun end the others; one that hangs has them
end at the time-out.
"""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING

from wdist.cli.critics import read_constraint, read_net
from wdist.errors import InputError
from wdist.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from wdist.methods import Method

__all__ = ["DEFAULT_CONSTRAINT", "together", "with_options"]

DEFAULT_CONSTRAINT = "orthonormal"
SECONDS = 300
"""Within which every process is to answer the others."""
SEVERAL = "torchrun starts several processes, which only method 'critic' puts to use; pass --method critic"


@contextmanager
def together(method: str, device: str | None) -> Iterator[tuple[Ranks, str | None]]:
    """Join the processes that torchrun started, if it did; gives them, and the device of this one.

    Raises:
        InputError: if there are several, and the method is for one.
    """
    if not (int(os.environ.get("WORLD_SIZE", "1")) > 1 and "MASTER_ADDR" in os.environ):
        yield ALONE, device
        return
    import torch
    from torch import distributed

    with ExitStack() as silence:
        if os.environ.get("RANK") != "0":
            silence.enter_context(redirect_stderr(silence.enter_context(open(os.devnull, "w"))))
        if method != "critic":
            raise InputError(SEVERAL)
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
            torch.cuda.set_device(device)
        backend = "nccl" if device is not None and device.startswith("cuda") else "gloo"
        distributed.init_process_group(backend, timeout=datetime.timedelta(seconds=SECONDS))
        try:
            yield Ranks.here(), device
        finally:
            if sys.exc_info()[0] is None:
                distributed.destroy_process_group()


def with_options(
    method: str, constraint: str, net: str | None, budget: float | None, checkpoint: Path | None, ranks: Ranks,
    device: str | None = None,
) -> str | Method:  # fmt: skip
    """Give the critic its constraint, network, seconds, file, companions and device; any other method as it was named.

    Raises:
        InputError: if one of them is asked of a method that has none.
    """
    named = None if constraint == DEFAULT_CONSTRAINT else constraint
    given = {"--constraint": named, "--net": net, "--budget": budget, "--checkpoint": checkpoint}
    asked = [option for option, value in given.items() if value is not None]
    if method != "critic":
        if asked:
            raise InputError(f"{asked[0]} is for --method critic; other methods train nothing")
        return method
    if not asked and ranks.size == 1 and device is None:
        return method
    from wdist.methods import Critic

    return Critic(
        read_constraint(constraint), None if net is None else read_net(net), budget=budget, checkpoint=checkpoint,
        ranks=ranks, device=device,
    )  # fmt: skip
