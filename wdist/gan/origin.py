"""What a run's config.json says beside the config: the folder that it was begun from, and what its data were like then.

Data by name are found again from another folder, and data that have changed since are told: what is held out of them
now may have been trained on. Runs of earlier versions say neither, and are taken as they are.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from torch import Tensor

from wdist.errors import InputError, WdistWarning
from wdist.folders import FolderImages
from wdist.gan.data import Rows
from wdist.gan.folder import RunFolder
from wdist.gan.indexed import DatasetRows
from wdist.gan.recipes import differing, rebuilt
from wdist.gan.sets import BUNDLED, Data, opened
from wdist.gan.splitting import Parts

__all__ = ["changes", "check_start", "data_of", "located", "origin", "told_changes"]


def origin(data: Any, parts: Parts) -> dict[str, Any]:
    """What is written of where a run begins: the working folder, and what data by name or path are like."""
    return {"folder": os.getcwd(), "data": _seen(parts) if isinstance(data, (str, Data)) else None}


def located(data: Any, written: dict[str, Any]) -> Any:
    """Data whose path leads nowhere from here, by way of the folder that the run was begun from; else as they are.

    Raises:
        InputError: if it leads nowhere from there either.
    """
    name = data if isinstance(data, str) else getattr(data, "name", None)
    if not isinstance(data, (str, Data)) or name in BUNDLED or "folder" not in written:
        return data
    recipe = Data(data) if isinstance(data, str) else data
    moved = dataclasses.replace(
        recipe,
        name=_found(recipe.name, written["folder"]),
        labels=None if recipe.labels is None else _found(recipe.labels, written["folder"]),
    )
    return data if moved == recipe else moved


def changes(written: dict[str, Any], parts: Parts) -> list[str]:
    """In what the data differ from those that a run was begun on; [] too where it does not say."""
    return differing(written["data"], _seen(parts)) if written.get("data") else []


def check_start(before: RunFolder, data: Any, parts: Parts) -> None:
    """Refuse to begin from nets that have seen points which this run would hold out.

    Raises:
        InputError: if both runs' data go by one name, and other classes, shares or points are held out of them.
    """
    written = before.read_config()
    was, now = (item if isinstance(item, Data) else Data(item) if isinstance(item, str) else None
                for item in (_by_name(written["config"]["data"]), data))  # fmt: skip
    if was is None or now is None or Path(was.name).name != Path(now.name).name:
        return
    if found := changes(written, parts):
        raise InputError(
            f"the data are not those that {before.path} was trained on ({', '.join(found)}): its nets have seen points "
            "that would be held out here; leave the data and their options as they were, or begin without --from"
        )


def data_of(written: Sequence[dict[str, Any]], runs: Sequence[Path]) -> tuple[Any, Parts]:
    """The data of runs on the same, found and opened, with a warning if they have changed since a run was begun.

    Args:
        written: What their config.json say.
        runs: Their folders.
    """
    data = located(rebuilt(written[0]["config"]["data"]), written[0])
    parts = opened(data)
    told_changes({str(run): changes(says, parts) for run, says in zip(runs, written, strict=True)})
    return data, parts


def told_changes(found: dict[str, list[str]]) -> None:
    """Warn of runs whose data have changed."""
    if several := [f"{run} ({', '.join(texts)})" for run, texts in found.items() if texts]:
        warnings.warn(
            f"the data have changed since training began: {'; '.join(several)}; points that count as held out here may "
            "have been trained on",
            WdistWarning,
            stacklevel=2,
        )


def _seen(parts: Parts) -> dict[str, Any] | None:
    """Numbers of points and a fingerprint of both parts; None of a law.

    What is in memory is read whole; of a folder left on disk names and sizes of the files, of a memory map some rows.
    """
    sides = parts.train, parts.held
    rows = [side for side in sides if isinstance(side, Rows)]
    if len(rows) < len(sides):
        return None
    digest = blake2b(digest_size=8)
    for part in rows:
        digest.update(repr((len(part), part.shape, part.names)).encode())
        digest.update(_content(part))
        digest.update(b"" if part.labels is None else _bytes(part.labels))
    return {"points": sum(map(len, rows)), "held out": len(rows[1]), "fingerprint": digest.hexdigest()}


def _content(part: Rows) -> Any:
    rows = part.rows
    if isinstance(rows, Tensor):
        return _bytes(rows)
    if isinstance(rows, DatasetRows) and isinstance(rows.dataset, FolderImages):
        files = rows.dataset.files
        return repr([(file.name, file.stat().st_size) for file in files]).encode()
    return part.fingerprint().encode()


def _bytes(x: Tensor) -> Any:
    return x.contiguous().numpy().data


def _by_name(about: Any) -> Any:
    """Data by name or path from their JSON; None of what a program held."""
    return None if isinstance(about, dict) and about["kind"] == "object" else rebuilt(about)


def _found(name: str, folder: str) -> str:
    """A path as it is, or within the folder where it is only there."""
    inside = Path(folder) / name
    if Path(name).expanduser().exists() or Path(name).expanduser().is_absolute():
        return name
    if not inside.exists():
        raise InputError(
            f"data is {name!r}, and there is no such file or folder, neither in {Path.cwd()} nor in {folder}, where "
            "the run was begun; go where it is, or bring it back"
        )
    return str(inside)
