"""How the commands write files: whole or not at all, and never after a computation that had nowhere to go."""

from __future__ import annotations

from pathlib import Path

from wdist.errors import InputError

__all__ = ["check_folder", "write_whole"]


def check_folder(option: str, path: Path | None) -> None:
    """Refuse a file whose folder is not there; to be asked before the work starts."""
    if path is None:
        return
    if not path.resolve().parent.is_dir():
        raise InputError(f"{option} {path}: no such folder as {path.parent}; make it, or choose another")
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; name a file in it")


def write_whole(path: Path, text: str) -> None:
    """Write a text file by way of a hidden one beside it, so that no reader ever sees a part."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another") from None
    finally:
        part.unlink(missing_ok=True)
