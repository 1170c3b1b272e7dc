"""Where a page comes from: the command, the versions, the seed, and a fingerprint of everything that was read.

With these and the same files the page can be made again, number for number; a file that changed shows in its SHA-256.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from wdist.errors import InputError
from wdist.measures import Samples
from wdist.memory import human_bytes

__all__ = ["Input", "Origin", "told"]

PACKAGES = ("wdist", "torch", "numpy", "scipy", "POT")
BLOCK = 2**20


@dataclass(frozen=True)
class Input:
    """Something that was read.

    Attributes:
        name: Its path, or what it is called.
        sha256: Of a file its bytes; of a folder the names and hashes of its files; of points (n, d) their shape and
            their coordinates as float64, and the weights if they are uneven.
        what: How much it is, in words.
    """

    name: str
    sha256: str
    what: str

    @staticmethod
    def of_path(path: str | Path, what: str = "") -> Input:
        """Read a file, or all files in a folder.

        Raises:
            InputError: if one cannot be read.
        """
        path = Path(path)
        try:
            if not path.is_dir():
                return Input(str(path), _hashed(path), what or human_bytes(path.stat().st_size))
            files = sorted(one for one in path.rglob("*") if one.is_file())
            lines = [f"{_hashed(one)}  {one.relative_to(path).as_posix()}\n" for one in files]
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
        whole = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
        return Input(str(path), whole, what or f"{len(files)} files")

    @staticmethod
    def of_points(sample: Samples, name: str) -> Input:
        """Take points that came from no file.

        Example:
            >>> import torch
            >>> sample = Samples(torch.zeros(2, 1), torch.full((2,), 0.5))
            >>> Input.of_points(sample, "a").what
            '2 points of 1 coordinate'
        """
        points = np.ascontiguousarray(sample.points.double().cpu().numpy())
        found = hashlib.sha256(repr(points.shape).encode())
        found.update(points.tobytes())
        if not sample.uniform:
            found.update(np.ascontiguousarray(sample.weights.double().cpu().numpy()).tobytes())
        return Input(name, found.hexdigest(), told(sample))


def told(sample: Samples) -> str:
    """How many points of how many coordinates."""
    weighted = "" if sample.uniform else ", weighted"
    return f"{len(sample)} points of {sample.dim} coordinate{'s' * (sample.dim > 1)}{weighted}"


@dataclass(frozen=True)
class Origin:
    """All that is needed to make a page again.

    Attributes:
        command: The command line, or the call; "" if the page's maker did not know it.
        seed: Of all that is drawn; None if nothing is, or it was not told.
        inputs: What was read.
        versions: Of the packages at work.
        machine: Where.
        written: When, in UTC.
    """

    command: str
    seed: int | None
    inputs: tuple[Input, ...]
    versions: dict[str, str]
    machine: str
    written: str

    @staticmethod
    def now(command: str, seed: int | None, inputs: Sequence[Input]) -> Origin:
        """Note what is known of this process."""
        import wdist

        found = {name: wdist.__version__ if name == "wdist" else version(name) for name in PACKAGES}
        machine = f"Python {platform.python_version()}, {platform.platform()}, {os.cpu_count()} cores"
        written = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        return Origin(command, seed, tuple(inputs), found, machine, written)

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)


def _hashed(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            found.update(block)
    return found.hexdigest()
