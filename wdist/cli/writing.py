"""Where the commands write: asked before the work starts, so that no computation ends with nowhere to go."""

from __future__ import annotations

from pathlib import Path

from wdist.errors import InputError

__all__ = ["check_folder"]


def check_folder(option: str, path: Path | None) -> None:
    """Refuse a file whose folder is not there; to be asked before the work starts."""
    if path is None:
        return
    if not path.resolve().parent.is_dir():
        raise InputError(f"{option} {path}: no such folder as {path.parent}; make it, or choose another")
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; name a file in it")
