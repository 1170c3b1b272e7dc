"""Image sets as arrays, and the two forms that a user's own come in: an IDX file, a folder.

`Images` holds pixels, labels and where they come from. `idx` reads the files of the MNIST family, header
first, and refuses any whose length belies it; `image_folder` opens file after file with Pillow and names the
one at fault.
"""

from __future__ import annotations

import dataclasses
import gzip
import math
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wdist.errors import InputError, WdistWarning

__all__ = ["Images", "idx", "image_folder"]

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
            known = _listed(sorted(set(self.labels.tolist())))
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


SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
"""What `image_folder` takes for an image, in upper or lower case; other files it passes over."""

MODES = ("RGB", "L", "RGBA")


def image_folder(
    path: str | Path,
    size: int | tuple[int, int] | None = None,
    mode: str | None = "RGB",
    on_bad: str = "refuse",
    by_folder: bool = False,
) -> Images:
    """Read the images that lie in a folder, in the order of their file names; subfolders are left alone.

    Args:
        path: The folder.
        size: Side, or (height, width), in pixels, to which every image is resized (bicubic, antialiased);
            None to keep them as they are, which asks that they be of one size.
        mode: "RGB", "L" (grey) or "RGBA"; None for "L" if every image is grey, else "RGB". In "L" and "RGB"
            what is transparent is laid over white.
        on_bad: "skip" leaves out files that cannot be read as images, with a warning that names them.
        by_folder: Whether the images lie in subfolders, one a class; they come folder by folder, each labelled with the
            name of its own.

    Returns:
        Images of shape (n, H, W) for "L", else (n, H, W, C); names are the file names, and so are labels, but for
        `by_folder`.

    Raises:
        InputError: naming the file that is of another size, is damaged or has more than 8 bits a level, or
            the folder that holds no images.
    """
    if mode not in (*MODES, None):
        raise InputError(f"mode is {mode!r}; choose one of {', '.join(MODES)}, or None")
    sides = (size, size) if isinstance(size, int) else size
    if sides is not None and (len(sides) != 2 or min(sides) < 1):
        raise InputError(f"size is {size!r}; pass a number of pixels or (height, width), each at least 1")
    folders = _class_folders(Path(path)) if by_folder else [Path(path)]
    files = [file for folder in folders for file in _image_files(folder)]
    if on_bad == "skip":
        files = _readable(files)
    if mode is None:
        mode = "L" if all(_opened(file).mode in ("1", "L", "LA") for file in files) else "RGB"
    pixels = [_pixels(file, sides, mode) for file in files]
    first = pixels[0].shape[:2]
    for file, image in zip(files, pixels, strict=True):
        if image.shape[:2] != first:
            raise InputError(
                f"{file} is {image.shape[0]} x {image.shape[1]} pixels (height x width) and {files[0].name} "
                f"is {first[0]} x {first[1]}; bring them to one size: image_folder(path, size={first}), "
                "or --size where a GAN is trained"
            )
    names = np.array([file.name for file in files])
    labels = np.array([file.parent.name for file in files]) if by_folder else names
    return Images(np.stack(pixels), labels, names, f"folder {path}", "the user's")


def holds_classes(folder: Path) -> bool:
    """Whether a folder has no images of its own and has subfolders, which are then taken for classes."""
    return not _own_images(folder) and bool(_inner_folders(folder))


def _unzipped(path: Path) -> bytes:
    """Read a whole file, gunzipped if it begins as gzip does."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _own_images(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))


def _inner_folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _class_folders(folder: Path) -> list[Path]:
    if not folder.is_dir() or not _inner_folders(folder):
        raise InputError(f"{folder} has no subfolders; by_folder=True is for a folder with one a class")
    return _inner_folders(folder)


def _image_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; pass the folder in which the images lie")
    files = _own_images(folder)
    if not files:
        inner = [f.name for f in _inner_folders(folder)]
        hint = f"; choose one of its subfolders: {_listed(inner)}" if inner else ""
        raise InputError(f"{folder} holds no images (files ending in {', '.join(SUFFIXES)}){hint}")
    return files


def _readable(files: list[Path]) -> list[Path]:
    """Those that can be read; a warning names the others."""
    bad = []
    for file in files:
        try:
            _opened(file)
        except InputError:
            bad.append(file)
    if len(bad) == len(files):
        raise InputError(f"none of the {len(files)} files, {files[0]} first, can be read as an image")
    if bad:
        names = _listed(file.name for file in bad)
        warnings.warn(
            f"{len(bad)} of {len(files)} images cannot be read and were left out: {names}", WdistWarning, 3
        )
    return [file for file in files if file not in bad]


def _opened(file: Path) -> Image.Image:
    try:
        with Image.open(file) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{file} cannot be read as an image ({error}); mend it, take it out, or pass on_bad='skip' (--on-bad skip)"
        ) from None
    if image.mode.startswith(("I", "F")):
        raise InputError(
            f"{file} has more than 8 bits a level (mode {image.mode}); convert it, or save the levels as .npy"
        )
    return image


def _pixels(file: Path, sides: tuple[int, int] | None, mode: str) -> Array:
    """Read one image as uint8: (H, W) for "L", else (H, W, C)."""
    image = _opened(file)
    if mode != "RGBA" and image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert(mode)
    if sides is not None and image.size != sides[::-1]:
        image = image.resize(sides[::-1], Image.Resampling.BICUBIC)
    return np.asarray(image)


def _listed(items: Iterable[Any], most: int = 12) -> str:
    """Write the first few of perhaps many."""
    words = [str(item) for item in items]
    return ", ".join(words[:most]) + (f", ... ({len(words)} in all)" if len(words) > most else "")
