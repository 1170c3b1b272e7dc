"""How text files are written: whole or not at all."""

from __future__ import annotations

from pathlib import Path

from wdist.errors import InputError

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a text file by way of a hidden one beside it, so that no reader ever sees a part.

    Raises:
        InputError: if it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another") from None
    finally:
        part.unlink(missing_ok=True)
