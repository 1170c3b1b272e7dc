"""What a monitor leaves on disk between two batches: tensors by safetensors, the rest as JSON in that file's header.

A file is written whole or not at all, by way of a hidden one beside it, since a monitor that was cut off while it
wrote must find the state before.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from wdist.errors import InputError
from wdist.writing import write_tensors

__all__ = ["keep", "kept", "kind_of"]

FORMAT = 1


def keep(path: str | Path, kind: str, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors and what JSON can hold to one file.

    Raises:
        InputError: if it cannot be written; a file that was there then stays.
    """
    path = Path(path)
    header = json.dumps({"format": FORMAT, "kind": kind, **about})
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_tensors(part, {name: t.cpu().contiguous() for name, t in tensors.items()}, {"wdist": header})
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be written ({error}); choose another") from None
    finally:
        part.unlink(missing_ok=True)


def kept(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `keep` wrote.

    Raises:
        InputError: if the file is not such a one, or of another kind or format.
    """
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["wdist"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found, version = about.pop("kind"), about.pop("format")
    except (OSError, SafetensorError, KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no {kind} that wdist saved ({type(error).__name__}: {error})") from None
    if found != kind:
        raise InputError(f"{path} holds a {found}, not a {kind}; load it as one: wdist.{found.title()}.load")
    if version != FORMAT:
        raise InputError(f"{path} has format {version}, and this version of wdist reads {FORMAT}")
    return tensors, about


def kind_of(path: str | Path) -> str | None:
    """Which kind of thing `keep` wrote to a file; None for any other file, or none."""
    try:
        with safe_open(path, "pt") as file:
            kind = json.loads((file.metadata() or {})["wdist"])["kind"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    return str(kind)
