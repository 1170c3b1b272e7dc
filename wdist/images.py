"""Image sets as arrays: pixels, labels and where they come from; and IDX files, the form of the MNIST family.

`idx` reads the header first, and refuses a file whose length belies it. A user's folder of images is read by
`folders.py`.
"""

from __future__ import annotations

import dataclasses
import gzip
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wdist.errors import InputError

__all__ = ["Images", "idx", "listed"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Images:
    """Images and what they show.

    Attributes:
        images: Shape (n, H, W) if grey, (n, H, W, C) if coloured; uint8, levels 0 to 255.
        labels: Shape (n,): the digit, the country's code, the file's name.
        names: Shape (n,): the label in words.
        source: Where the images come from.
        licence: Under what terms.
    """

    images: Array
    labels: Array
    names: Array
    source: str
    licence: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def points(self) -> Array:
        """Each image as one point: (n, H·W·C), float32, levels divided by 255 and so in [0, 1]."""
        return self.images.reshape(len(self), -1).astype(np.float32) / np.float32(255)

    def of(self, label: Any) -> Array:
        """Give the images with this label as points, shape (k, H·W·C); see `points`.

        Raises:
            InputError: if no image has it.
        """
        rows = np.flatnonzero(self.labels == label)
        if not rows.size:
            known = listed(sorted(set(self.labels.tolist())))
            raise InputError(f"no image is labelled {label!r}; the labels are {known}")
        return self._at(rows).points

    def distinct(self) -> Images:
        """Drop every image that copies an earlier one, pixel for pixel."""
        first: dict[bytes, int] = {}
        for row, image in enumerate(self.images):
            first.setdefault(image.tobytes(), row)
        return self._at(np.array(list(first.values())))

    def _at(self, rows: Array) -> Images:
        return dataclasses.replace(
            self, images=self.images[rows], labels=self.labels[rows], names=self.names[rows]
        )


IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The third byte of an IDX file and the big-endian type that it announces."""


def idx(path: str | Path) -> Array:
    """Read one array from an IDX file, the form of the MNIST family, plain or gzipped.

    The file is: two zero bytes, type code, number of axes; each axis' length as a big-endian uint32; then
    the data, big endian too (LeCun, Cortes and Burges, "The MNIST database").

    Args:
        path: The file; gzip is recognised by its content, whatever the name.

    Returns:
        The array in the file's shape and type, in the machine's byte order.

    Raises:
        InputError: if the file is not there, is not IDX, or holds fewer or more bytes than its header says.
    """
    content = _unzipped(Path(path))
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES or content[3] == 0:
        raise InputError(
            f"{path} is not an IDX file: it begins with the bytes {content[:4].hex(' ') or '(none)'}, "
            f"not with 00 00, a type ({', '.join(f'{code:02x}' for code in IDX_TYPES)}) and a number of axes"
        )
    dtype, axes = np.dtype(IDX_TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise InputError(f"{path} is cut off: its header has {len(content)} of {start} bytes; fetch it again")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, offset=4))
    need, have = math.prod(shape) * dtype.itemsize, len(content) - start
    if need != have:
        state = "is cut off" if have < need else "has surplus data"
        raise InputError(
            f"{path} {state}: shape {shape} of {dtype.name} is {need} bytes, not {have}; fetch it again"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _unzipped(path: Path) -> bytes:
    """Read a whole file, gunzipped if it begins as gzip does."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def listed(items: Iterable[Any], most: int = 12) -> str:
    """Write the first few of perhaps many."""
    words = [str(item) for item in items]
    return ", ".join(words[:most]) + (f", ... ({len(words)} in all)" if len(words) > most else "")
