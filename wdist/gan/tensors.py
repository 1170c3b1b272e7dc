"""A tree of tensors, numbers and words in one file: safetensors with the tree's shape as JSON in its header. No pickle.

Tensors are taken out of the tree and named by their path; what is left is JSON that keeps tuples, whole-number
keys and every float to the bit. The file is written beside its name and moved there when it is complete on disk, and
carries a checksum, so that a reader never takes a part of one for the whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from wdist.errors import InputError
from wdist.writing import write_tensors

__all__ = ["read_tree", "write_tree"]

FORMAT = 1


def write_tree(path: Path, tree: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, tuples, tensors, numbers, words and None, whole or not at all.

    Raises:
        InputError: if the file cannot be written: no room, no right, no folder.
    """
    tensors: dict[str, Tensor] = {}
    shape = json.dumps({"format": FORMAT, "tree": _pack(tree, "", tensors)})
    header = {"wdist": shape, "checksum": _checksum(shape, tensors)}
    part = path.with_name(f".{path.name}.part")
    try:
        write_tensors(part, tensors, header)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
        _settle(path.parent)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise InputError(
            f"{path} cannot be written ({getattr(error, 'strerror', None) or error}); make room, or write elsewhere"
        ) from None


def read_tree(path: Path) -> dict[str, Any]:
    """Read what `write_tree` wrote.

    Raises:
        InputError: if the file is missing, cut off, changed, or of another kind.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            # copies, as what is handed out looks into the file, which may be replaced or cut while it is in use
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        shape = json.loads(header["wdist"])
        if shape["format"] != FORMAT:
            raise InputError(f"{path} has format {shape['format']}, and this version of wdist reads {FORMAT}")
        if header["checksum"] != _checksum(header["wdist"], tensors):
            raise InputError(f"{path} is damaged: its content does not fit its checksum")
        tree: dict[str, Any] = _unpack(shape["tree"], tensors)
    except InputError:
        raise
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"{path} is no file that wdist saved, or is cut off ({type(error).__name__}: {error})"
        ) from None
    return tree


def _pack(node: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Replace tensors by their names and mark what JSON would lose."""
    if isinstance(node, Tensor):
        tensors[path] = node.detach().cpu().contiguous().clone()  # two names may not share memory
        return {"tensor": path}
    if isinstance(node, dict):
        return {"items": [[key, _pack(value, f"{path}/{key}", tensors)] for key, value in node.items()]}
    if isinstance(node, (list, tuple)):
        kind = "tuple" if isinstance(node, tuple) else "list"
        return {kind: [_pack(value, f"{path}/{k}", tensors) for k, value in enumerate(node)]}
    assert node is None or isinstance(node, (bool, int, float, str)), f"{path} is a {type(node).__name__}"
    return node


def _unpack(node: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, inner),) = node.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "items":
        return {key: _unpack(value, tensors) for key, value in inner}
    values = [_unpack(value, tensors) for value in inner]
    return tuple(values) if kind == "tuple" else values


def _checksum(shape: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.blake2b(shape.encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _settle(folder: Path) -> None:
    """Have the folder's entry on disk too, where the system can."""
    with contextlib.suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
