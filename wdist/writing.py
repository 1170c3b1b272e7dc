"""How files are written: text whole or not at all, tensors with the rights that other files have."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from wdist.errors import InputError

__all__ = ["write_tensors", "write_whole"]


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write a safetensors file that others may read as they may any other file: by itself it is its writer's alone."""
    path.touch()
    rights = path.stat().st_mode
    save_file(tensors, path, metadata=header)
    path.chmod(rights)


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
