"""Where a fit stands, in a file: an interrupted run that is started again goes on from the last look of validation.

A fit is a sequence of rounds, and what is decided between them follows from how they ended. So only rounds are kept,
finished ones and the one at hand; started again, the same decisions are taken from the same figures.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.ranks import Ranks

__all__ = ["Checkpoint", "fingerprint"]

FORMAT = 1


class Checkpoint:
    """States of rounds, by number; written whole by the first rank whenever one is kept, and never half.

    Args:
        path: The file; None keeps nothing.
        mark: Of what is fitted, as `fingerprint` makes it.
        ranks: Those that fit.

    Raises:
        InputError: if there is a file, and it is of another fit or none at all, or if none can be made.
    """

    def __init__(self, path: str | Path | None, mark: str, ranks: Ranks) -> None:
        self._path, self._mark, self._ranks = None if path is None else Path(path), mark, ranks
        self._rounds: list[dict[str, Any]] = ranks.told(self._read)

    def at(self, number: int) -> dict[str, Any] | None:
        """State of a round, or None if it had not been looked at."""
        return self._rounds[number] if number < len(self._rounds) else None

    def keep(self, number: int, state: dict[str, Any]) -> None:
        """Keep the state of a round, in place of what was known of it and of later ones."""
        self._rounds[number:] = [state]
        self._ranks.told(self._write)

    def _write(self) -> None:
        if self._path is None:
            return
        beside = self._path.with_name(self._path.name + ".part")
        try:
            torch.save({"format": FORMAT, "mark": self._mark, "rounds": self._rounds}, beside)
            os.replace(beside, self._path)
        except (OSError, RuntimeError) as error:  # torch says either
            beside.unlink(missing_ok=True)
            told = " ".join(str(error).split())
            raise InputError(
                f"checkpoint {self._path} cannot be written ({told}); what was kept there before stands: make room, "
                "and the same call goes on from it"
            ) from None

    def _read(self) -> list[dict[str, Any]]:
        if self._path is None:
            return []
        if not self._path.exists():
            folder = self._path.parent
            if not folder.is_dir() or not os.access(folder, os.W_OK):
                what = "may not be written to" if folder.is_dir() else "is no folder"
                raise InputError(
                    f"checkpoint {self._path} cannot be made: {folder} {what}; name another file"
                )
            return []
        try:
            found = torch.load(self._path, map_location="cpu", weights_only=True)
            mark, rounds = found["mark"], list(found["rounds"])
        except (
            OSError,
            RuntimeError,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
            pickle.UnpicklingError,
        ) as error:
            raise InputError(
                f"checkpoint {self._path} is no state of a fit ({type(error).__name__}); name another file"
            ) from None
        if mark != self._mark:
            raise InputError(
                f"checkpoint {self._path} is of a fit with other data, options or seed; delete it, or name another file"
            )
        return rounds


def fingerprint(about: str, points: Iterable[Tensor]) -> str:
    """Tell one fit from another: by its options in words, and by points of its data, which go with its seed."""
    digest = hashlib.sha256(about.encode())
    for x in points:
        digest.update(x.numpy(force=True).tobytes())
    return digest.hexdigest()
