"""Checkpoints of a run: one file each, complete or not there, the newest sound one being what a run goes on from.

What is saved is any tree of tensors and plain values (`tensors.py`); which of the files is whole is asked when one is
read, so a run that was killed while writing, or whose disk was full, goes on from the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wdist.errors import InputError, NotConvergedError
from wdist.gan.tensors import read_tree, write_tree

__all__ = ["Checkpoints"]


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints in a folder.

    Attributes:
        folder: Where they lie, as step-000001000.safetensors.
        keep: How many of the newest to keep.
    """

    folder: Path
    keep: int = 2

    def save(self, step: int, tree: dict[str, Any]) -> Path:
        """Write one, then drop those that are too many; the older ones stay if the writing fails.

        Raises:
            InputError: if it cannot be written.
            NotConvergedError: if a weight is not finite: that is no state to go on from.
        """
        if not all(bool(torch.isfinite(x).all()) for x in _floats(tree)):
            raise NotConvergedError(f"a weight is not finite after step {step}")
        path = self.folder / f"step-{step:09d}.safetensors"
        write_tree(path, tree)
        for old in self._files()[self.keep :]:
            old.unlink(missing_ok=True)
        return path

    def latest(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Read the newest that is whole; None if there is none. Beside it, what was wrong with those passed over."""
        faults: list[str] = []
        for path in self._files():
            try:
                return read_tree(path), faults
            except InputError as error:
                faults.append(str(error))
        return None, faults

    def _files(self) -> list[Path]:
        """Newest first."""
        return sorted(self.folder.glob("step-*.safetensors"), reverse=True)


def _floats(node: Any) -> Iterator[Tensor]:
    """Every floating-point tensor of a tree."""
    if isinstance(node, Tensor):
        if node.is_floating_point():
            yield node
    elif isinstance(node, (dict, list, tuple)):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _floats(value)
