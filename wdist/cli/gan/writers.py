"""TensorBoard events of a run, where the extra `gan` is installed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wdist.errors import InputError

if TYPE_CHECKING:
    from wdist.gan.report import Hook, StepReport

__all__ = ["tensorboard_writer"]


@contextlib.contextmanager
def tensorboard_writer(folder: Path, wanted: bool) -> Iterator[list[Hook]]:
    """Give a hook that writes every figure of a report to folder/events, or none.

    Raises:
        InputError: if TensorBoard is wanted and not installed.
    """
    if not wanted:
        yield []
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("--tensorboard needs the extra: pip install 'wdist[gan]'") from None
    with SummaryWriter(str(folder / "events")) as writer:

        def write(report: StepReport) -> None:
            for name, value in report.numbers.items():
                if name != "step":
                    writer.add_scalar(name, value, report.step)

        yield [write]
