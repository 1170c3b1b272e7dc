"""A user's folder of images: which files it has, of what size and mode, and their pixels.

Headers are read first: they tell the size and the mode that the whole folder is brought to, and where it is mixed.
`FolderImages` then decodes each image when it is asked for; `image_folder` decodes all of them into one array.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wdist.errors import InputError, WdistWarning
from wdist.images import Images, listed

__all__ = [
    "MODES",
    "FolderImages",
    "check_levels",
    "folder_images",
    "holds_classes",
    "image_folder",
    "mode_of",
    "pixels",
]

Array = np.ndarray[Any, Any]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
"""What is taken for an image, in upper or lower case; other files are passed over."""

MODES = ("RGB", "L", "RGBA")
GREY = ("1", "L", "LA")


@dataclass(frozen=True, eq=False)
class FolderImages:
    """The images of a folder, each decoded when it is asked for; a map-style data set.

    Attributes:
        folder: Where they lie.
        files: One an image, in order.
        size: (height, width) in pixels, to which each is brought.
        mode: One of `MODES`.
        labels: Shape (n,): the name of the file, or of its folder where that is the class.
    """

    folder: Path
    files: tuple[Path, ...]
    size: tuple[int, int]
    mode: str
    labels: Array

    def __len__(self) -> int:
        return len(self.files)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image: (H, W) for "L", else (H, W, C)."""
        return self.size if self.mode == "L" else (*self.size, len(self.mode))

    def __getitem__(self, row: int) -> Array:
        """Decode one: uint8, of `shape`.

        Raises:
            InputError: if the file is damaged.
        """
        return _pixels(self.files[row], self.size, self.mode)


def folder_images(
    path: str | Path,
    size: int | tuple[int, int] | None = None,
    mode: str | None = "RGB",
    on_bad: str = "refuse",
    by_folder: bool = False,
) -> FolderImages:
    """Look through a folder and leave its images where they are; see `image_folder`, which reads them.

    Only headers are read, so that damage behind one is found when the image is decoded; `on_bad="skip"` decodes each
    image once to find it.
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
    headers = [_header(file) for file in files]
    mode = mode or _common_mode(files, headers)
    first = headers[0].size
    for file, header in zip(files, headers, strict=True):
        if sides is None and header.size != first:
            raise InputError(
                f"{file} is {header.size[0]} x {header.size[1]} pixels (height x width) and {files[0].name} "
                f"is {first[0]} x {first[1]}; bring them to one size: image_folder(path, size={first}), "
                "or --size where a GAN is trained"
            )
    labels = np.array([file.parent.name if by_folder else file.name for file in files])
    return FolderImages(Path(path), tuple(files), sides or first, mode, labels)


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
        mode: "RGB", "L" (grey) or "RGBA"; None for "L" if every image is grey, else "RGB", with a warning that counts
            them where some are and some are not, and where some have an alpha channel. In "L" and "RGB" what is
            transparent is laid over white.
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
    found = folder_images(path, size, mode, on_bad, by_folder)
    names = np.array([file.name for file in found.files])
    pixels = np.stack([found[row] for row in range(len(found))])
    return Images(pixels, found.labels, names, f"folder {path}", "the user's")


def holds_classes(folder: Path) -> bool:
    """Whether a folder has no images of its own and has subfolders, which are then taken for classes."""
    return not _own_images(folder) and bool(_inner_folders(folder))


@dataclass(frozen=True)
class _Header:
    """What a file says of its image before the pixels: (height, width), whether it is grey, whether it has alpha."""

    size: tuple[int, int]
    grey: bool
    alpha: bool


def _header(file: Path) -> _Header:
    image = _opened(file, load=False)
    return _Header(image.size[::-1], image.mode in GREY, image.has_transparency_data)


def _common_mode(files: Sequence[Path], headers: Sequence[_Header]) -> str:
    """Grey if every image is, else colour; a warning counts what is mixed."""
    grey = [file.name for file, header in zip(files, headers, strict=True) if header.grey]
    alpha = [file.name for file, header in zip(files, headers, strict=True) if header.alpha]
    n = len(files)
    if 0 < len(grey) < n:
        warnings.warn(
            f"{len(grey)} of {n} images are grey ({listed(grey, 3)}), {n - len(grey)} in colour; all are read as "
            "colour. To say so, or to read all as grey: image_folder(path, mode='RGB' or 'L'), or --mode where a GAN "
            "is trained",
            WdistWarning,
            5,
        )
    if 0 < len(alpha) < n:
        warnings.warn(
            f"{len(alpha)} of {n} images have an alpha channel or a transparent colour ({listed(alpha, 3)}); what is "
            "transparent is laid over white. To say so: image_folder(path, mode='RGB' or 'L'), or --mode; to keep it: "
            "mode='RGBA'",
            WdistWarning,
            5,
        )
    return "L" if len(grey) == n else "RGB"


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
        hint = f"; choose one of its subfolders: {listed(inner)}" if inner else ""
        raise InputError(f"{folder} holds no images (files ending in {', '.join(SUFFIXES)}){hint}")
    return files


def _readable(files: list[Path]) -> list[Path]:
    """Those that can be read; a warning names the others."""
    bad = set()
    for file in files:
        try:
            _opened(file)
        except InputError:
            bad.add(file)
    if len(bad) == len(files):
        raise InputError(f"none of the {len(files)} files, {files[0]} first, can be read as an image")
    if bad:
        names = listed(sorted(file.name for file in bad))
        warnings.warn(
            f"{len(bad)} of {len(files)} images cannot be read and were left out: {names}", WdistWarning, 4
        )
    return [file for file in files if file not in bad]


def _opened(file: Path, load: bool = True) -> Image.Image:
    """An image with its pixels, or with its header only."""
    try:
        with Image.open(file) as image:
            if load:
                image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{file} cannot be read as an image ({error}); mend it, take it out, or pass on_bad='skip' (--on-bad skip)"
        ) from None
    check_levels(image, str(file))
    return image


def check_levels(image: Image.Image, name: str) -> None:
    """Refuse an image whose levels uint8 does not hold."""
    if image.mode.startswith(("I", "F")):
        raise InputError(
            f"{name} has more than 8 bits a level (mode {image.mode}); convert it, or save the levels as .npy"
        )


def _pixels(file: Path, sides: tuple[int, int], mode: str) -> Array:
    """Read one image as uint8: (H, W) for "L", else (H, W, C)."""
    return pixels(_opened(file), sides, mode)


def mode_of(image: Image.Image) -> str:
    """The mode of `MODES` that holds what an image has: its own, "L" if it is grey, else "RGB"."""
    return image.mode if image.mode in MODES else "L" if image.mode in GREY else "RGB"


def pixels(image: Image.Image, sides: tuple[int, int], mode: str) -> Array:
    """An image as uint8, resized to `sides` if it has others: (H, W) for "L", else (H, W, C)."""
    if mode != "RGBA" and image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert(mode)
    if image.size != sides[::-1]:
        image = image.resize(sides[::-1], Image.Resampling.BICUBIC)
    return np.array(image)
