"""Which data: a recipe by name or path that can be written down, and what it opens to, in two parts.

`Data` names bundled sets, toy laws and users' files; `opened` takes anything a user holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist import datasets
from wdist.arrays import as_tensor
from wdist.errors import InputError
from wdist.files import read_labels, read_points
from wdist.folders import MODES, FolderImages, folder_images, holds_classes, image_folder
from wdist.gan.data import Rows
from wdist.gan.indexed import DatasetRows, MappedRows
from wdist.gan.splitting import Parts, split
from wdist.gan.toys import TOYS
from wdist.images import Images
from wdist.measures import Samples
from wdist.rng import as_rng
from wdist.sources import as_source, is_source

__all__ = ["BUNDLED", "Data", "opened"]

Array = np.ndarray[Any, Any]

BUNDLED = ("mnist", "flags", "flags64", *TOYS)
"""Names of what travels with the package."""


@dataclass(frozen=True)
class Data:
    """Real data by name or by path.

    Attributes:
        name: One of `BUNDLED`; a folder of images, or of subfolders of images, one a class; an .npy file (left on
            disk), .npz, IDX or a table.
        classes: Only rows of these labels; () for all.
        labels: File of the labels, one a row, as IDX files and arrays have them, or text (.txt) with a word or number a
            line; of a folder, one for each image in the order of their names.
        size: Side in pixels to which the images of a folder are brought; None to insist that they be of one size.
        mode: What they are read as: "RGB", "L" (grey) or "RGBA"; None for grey if all are, else colour, with a warning
            that counts them where they are mixed.
        on_bad: What to do about a file of a folder that is no image: "refuse", or "skip" it and count.
        on_disk: Whether the images of a folder stay there and are decoded at their turn, each epoch anew, for want of
            memory; a damaged one is then found at its turn, or before by `on_bad="skip"`. Else they are kept as uint8.
        held_out: Share of a finite set that training never sees; of one on disk, 4096 rows at the most.
    """

    name: str
    classes: tuple[str, ...] = ()
    labels: str | None = None
    size: int | None = None
    on_bad: str = "refuse"
    held_out: float = 0.2
    mode: str | None = None
    on_disk: bool = False

    def __post_init__(self) -> None:
        named: Any = self.name
        if not isinstance(named, (str, Path)):
            raise InputError(
                f"gan.Data takes a name or a path, and a {type(named).__name__} came; pass what a program holds as it "
                "is: data=dataset in place of data=gan.Data(dataset)"
            )
        object.__setattr__(self, "name", str(named))
        given: Any = self.classes
        if not isinstance(given, (tuple, list)):
            raise InputError(f"classes is {given!r}; pass a tuple of labels, such as (3, 7)")
        object.__setattr__(self, "classes", tuple(str(c) for c in given))
        if not 0 < self.held_out < 1:
            raise InputError(f"held_out is {self.held_out!r}; pass a share strictly between 0 and 1")
        if self.on_bad not in ("refuse", "skip"):
            raise InputError(f"on_bad is {self.on_bad!r}; choose refuse or skip")
        if self.mode not in (*MODES, None):
            raise InputError(f"mode is {self.mode!r}; choose one of {', '.join(MODES)}, or None")

    def open(self) -> Parts:
        """Read the set.

        Raises:
            InputError: if there is no such set, file or class; the text says what there is.
        """
        for option, given, whose in (("labels", self.labels, "files"), *self._of_folders()):
            if given is not None and self.name in BUNDLED:
                raise InputError(
                    f"{option}={given!r} is for {whose} of your own, not for {self.name}; drop it"
                )
        if self.name in TOYS:
            if self.classes:
                raise InputError(f"{self.name} is a law without classes; drop classes={self.classes}")
            law = TOYS[self.name]()
            return Parts(law, law)
        rows = self._bundled() if self.name in BUNDLED else self._read(Path(self.name).expanduser())
        return split(_only(rows, self.classes), self.held_out)

    def _of_folders(self) -> tuple[tuple[str, Any, str], ...]:
        """Options that only folders have: name, value or None, whose they are."""
        given = {"size": self.size, "mode": self.mode, "on_disk": self.on_disk or None}
        return tuple((option, value, "a folder") for option, value in given.items())

    def _bundled(self) -> Rows:
        if self.name == "mnist":
            return of_images(datasets.mnist(), True)
        return of_images(datasets.flags(64 if self.name == "flags64" else 32).distinct())

    def _read(self, path: Path) -> Rows:
        if not path.exists():
            raise InputError(
                f"data is {self.name!r}, and there is no such file, folder or bundled set; choose one of "
                f"{', '.join(BUNDLED)}, or give a path"
            )
        if path.is_dir():
            inner = holds_classes(path)
            how = (path, self.size, self.mode, self.on_bad, inner)
            rows = (
                of_folder(folder_images(*how), inner)
                if self.on_disk
                else of_images(image_folder(*how), inner)
            )
        else:
            for option, given, _ in self._of_folders():
                if given is not None:
                    raise InputError(f"{option}={given!r} is for a folder of images, not for {path}; drop it")
            rows = of_array(read_points(path), str(path))
        if self.labels is None:
            return rows
        found = read_labels(self.labels)
        if len(found) != len(rows):
            raise InputError(
                f"{self.labels} has {len(found)} labels for the {len(rows)} rows of {path}; give one a row, in "
                "their order"
            )
        names, codes = np.unique(found, return_inverse=True)
        return Rows(rows.rows, rows.shape, torch.from_numpy(codes), _words(names), rows.about)


def opened(data: Any, held_out: float = 0.2, labelled: bool = False) -> Parts:
    """Turn what a user holds into what training sees and what it never does.

    Args:
        data: A `Data` recipe or a bundled set's name; `wdist.datasets.Images`; an array or tensor (n, d), (n, H, W),
            (n, H, W, C) or (n, C, H, W), uint8 for images (`Form.channels_first` tells the last two apart); `Samples`;
            a map-style torch `Dataset`; or a Source, which draws for ever.
        held_out: Share of a finite set that is held out (a recipe has its own).
        labelled: Whether the classes of a `Dataset` of pairs (x, class) are wanted: its `targets`, as in torchvision,
            or else each item is read once for its own.

    Raises:
        InputError: if it is none of these.

    Example:
        >>> parts = opened(Data("mnist", classes=(7,)))
        >>> parts.train.shape, len(parts.train) + len(parts.held)
        ((28, 28), 1070)
    """
    if isinstance(data, str):
        data = Data(data)
    if isinstance(data, Data):
        return data.open()
    if isinstance(data, Parts):
        return data
    if isinstance(data, Images):
        return split(of_images(data), held_out)
    if isinstance(data, Samples) and not data.uniform:
        return Parts(data, data)
    if isinstance(data, Samples):
        return split(Rows(data.points.float(), data.shape or (data.dim,)), held_out)
    if isinstance(data, torch.utils.data.Dataset) and hasattr(data, "__len__"):
        items, about = DatasetRows(data), type(data).__name__
        names, codes = items.classes() if labelled else ((), None)
        return split(Rows(items, items.shape(), codes, names, about), held_out)
    if is_source(data):
        law = as_source(data, "data", as_rng(0))
        return Parts(law, law)
    return split(of_array(data, "data"), held_out)


def of_images(images: Images, by_label: bool = False) -> Rows:
    """Rows of an image set, uint8; labels where several images share one."""
    flat = torch.from_numpy(images.images.reshape(len(images), -1))
    return Rows(flat, images.images.shape[1:], *_coded(images.labels, by_label), images.source)


def of_folder(images: FolderImages, by_label: bool = False) -> Rows:
    """Rows of a folder whose images stay there."""
    return Rows(
        DatasetRows(images), images.shape, *_coded(images.labels, by_label), f"folder {images.folder}"
    )


def _coded(labels: Array, by_label: bool) -> tuple[Tensor | None, tuple[str, ...]]:
    """Labels as places among their names, where they are classes: where asked, or where several rows share one."""
    names, codes = np.unique(labels, return_inverse=True)
    many = by_label or len(names) < len(labels) // 2
    return (torch.from_numpy(codes), _words(names)) if many else (None, ())


def of_array(array: Any, name: str) -> Rows:
    """Rows of an array: images if uint8, else points; a memory map stays on disk."""
    if isinstance(array, np.memmap):
        shape = array.shape[1:] or (1,)
        if array.dtype.kind not in "fiu":
            raise InputError(f"{name} holds {array.dtype}, not numbers")
        return Rows(MappedRows(array), shape, about=name)
    if getattr(array, "dtype", None) in (np.uint8, torch.uint8):
        levels = torch.as_tensor(array)
        return Rows(levels.flatten(1), tuple(levels.shape[1:]), about=name)
    points, _ = as_tensor(array, name)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim < 2 or not bool(torch.isfinite(points).all()):
        fault = f"has shape {tuple(points.shape)}" if points.ndim < 2 else "holds a NaN or infinite value"
        raise InputError(
            f"{name} {fault}; pass finite points (n, d), or images (n, H, W), (n, H, W, C) or (n, C, H, W)"
        )
    return Rows(points.flatten(1).float(), tuple(points.shape[1:]), about=name)


def _only(rows: Rows, classes: tuple[str, ...]) -> Rows:
    """Rows of some classes, which are numbered anew."""
    if not classes:
        return rows
    if rows.labels is None:
        raise InputError(
            f"classes={classes} asks for labels, and {rows.about} has none; pass labels=FILE (--labels FILE)"
        )
    if unknown := [c for c in classes if c not in rows.names]:
        known = ", ".join(rows.names[:20]) + (", ..." if len(rows.names) > 20 else "")
        raise InputError(f"there is no class {', '.join(unknown)}; the classes are {known}")
    wanted = [rows.names.index(c) for c in classes]
    part = rows.part(torch.isin(rows.labels, torch.tensor(wanted)).nonzero()[:, 0])
    assert part.labels is not None
    anew = torch.stack([part.labels == code for code in wanted]).int().argmax(0)
    return Rows(part.rows, part.shape, anew, classes, part.about)


def _words(names: Array) -> tuple[str, ...]:
    return tuple(str(name) for name in names.tolist())
