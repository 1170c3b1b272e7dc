"""What generated molecules are worth, by RDKit (the extra `molecules`): valid, whole, distinct, new.

`smiles` writes each graph as a line of text if its valences can be, `score` counts, and `by_marginals` is the baseline
that any learning has to beat: every node and bond drawn for itself, as often as it is there in the data.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from wdist.datasets import Graphs
from wdist.errors import InputError
from wdist.options import check_whole
from wdist.rng import Seed, as_rng

__all__ = ["MoleculeScore", "by_marginals", "picture", "score", "smiles"]

Array = np.ndarray[Any, Any]
ELEMENTS = ("", "C", "N", "O", "F")
BONDS = ("", "SINGLE", "DOUBLE", "TRIPLE")
CELL = (170, 130)
"""Pixels of one drawn structure."""


@dataclass(frozen=True)
class MoleculeScore:
    """How good some generated molecules are; shares of one, each of those that the line before left.

    Attributes:
        n: Graphs that were scored.
        valid: Share whose valences RDKit accepts; a bond to no atom is not valid.
        connected: Share of the valid that are one piece.
        unique: Share of those that are distinct. It falls with `n`: compare at one.
        novel: Share of the distinct that are not among the known.
    """

    n: int
    valid: float
    connected: float
    unique: float
    novel: float

    @property
    def product(self) -> float:
        """Valid × connected × unique: distinct whole molecules for each graph drawn."""
        return self.valid * self.connected * self.unique


def smiles(nodes: Any, adj: Any) -> list[str | None]:
    """Write molecules as canonical SMILES, None for what is no molecule.

    Args:
        nodes: Codes 0 no atom, then C, N, O, F as `wdist.datasets.qm9` has them, shape (n, k).
        adj: Codes 0 none, then single, double, triple bond, shape (n, k, k), symmetric.

    Returns:
        A line each; pieces are parted by a dot.

    Raises:
        InputError: if RDKit is not installed, or for another code or shape.
    """
    nodes, adj = np.asarray(nodes), np.asarray(adj)
    if nodes.ndim != 2 or adj.shape != (*nodes.shape, nodes.shape[1]):
        raise InputError(
            f"nodes and adj have shapes {nodes.shape} and {adj.shape}; pass (n, k) and (n, k, k)"
        )
    for name, codes, known in (("nodes", nodes, ELEMENTS), ("adj", adj, BONDS)):
        if codes.size and not 0 <= codes.min() <= codes.max() < len(known):
            raise InputError(
                f"{name} has codes {codes.min()} to {codes.max()}; pass 0 to {len(known) - 1} (none, "
                f"{', '.join(known[1:])})"
            )
    with _rdkit():
        return [_written(*graph) for graph in zip(nodes.tolist(), adj.tolist(), strict=True)]


def score(nodes: Any, adj: Any, known: Collection[str]) -> MoleculeScore:
    """Count what is valid, connected, unique and novel among molecules.

    Args:
        nodes: As `smiles` takes them, (n, k).
        adj: The same, (n, k, k).
        known: Canonical SMILES of the training data.

    Raises:
        InputError: as `smiles`.
    """
    lines = smiles(nodes, adj)
    valid = [line for line in lines if line is not None]
    whole = [line for line in valid if "." not in line]
    distinct = set(whole)
    new = distinct.difference(known)
    return MoleculeScore(
        len(lines), _share(valid, lines), _share(whole, valid), _share(distinct, whole), _share(new, distinct)
    )


def by_marginals(molecules: Graphs, n: int, seed: Seed = 0) -> tuple[Array, Array]:
    """Draw every node and every bond for itself, as often as it stands there in the data.

    Returns:
        nodes (n, k) and adj (n, k, k).

    Example:
        >>> from wdist.datasets import qm9
        >>> [part.shape for part in by_marginals(qm9(), 3)]
        [(3, 9), (3, 9, 9)]
    """
    check_whole("n", n)
    rng = as_rng(seed).numpy
    nodes, adj = molecules.nodes, molecules.adj
    up, right = np.triu_indices(nodes.shape[1], 1)
    drawn = np.zeros((n, *adj.shape[1:]), adj.dtype)
    bonds = adj[:, up, right]
    drawn[:, up, right] = bonds[rng.integers(len(bonds), size=(n, len(up))), np.arange(len(up))]
    each = rng.integers(len(nodes), size=(n, nodes.shape[1]))
    return nodes[each, np.arange(nodes.shape[1])], drawn + drawn.transpose(0, 2, 1)


def picture(lines: Sequence[str], across: int = 6) -> Array:
    """Draw structures in a grid, `across` a row: RGB levels (height, width, 3), uint8.

    Args:
        lines: SMILES, each of a molecule.
        across: How many stand side by side.

    Raises:
        InputError: if RDKit is not installed, or a line is no molecule.
    """
    check_whole("across", across)
    with _rdkit():
        from rdkit import Chem
        from rdkit.Chem.Draw import rdMolDraw2D

        structures = [Chem.MolFromSmiles(line) for line in lines]
    faults = [line for line, structure in zip(lines, structures, strict=True) if structure is None]
    if faults or not lines:
        fault = f"{faults[0]!r} is no molecule" if faults else "there is no line"
        raise InputError(f"{fault}; pass some that smiles(...) wrote")
    width, height = CELL
    down = -(-len(lines) // across)
    canvas = rdMolDraw2D.MolDraw2DCairo(width * across, height * down, width, height)
    canvas.DrawMolecules(structures)
    canvas.FinishDrawing()
    return np.asarray(Image.open(io.BytesIO(canvas.GetDrawingText())).convert("RGB"))


def _written(nodes: list[int], adj: list[list[int]]) -> str | None:
    """One molecule's SMILES; hydrogens are left to RDKit, which adds what the valences want."""
    from rdkit import Chem

    molecule, places = Chem.RWMol(), {}
    for k, code in enumerate(nodes):
        if code:
            places[k] = molecule.AddAtom(Chem.Atom(ELEMENTS[code]))
    for i, row in enumerate(adj):
        for j, code in enumerate(row[:i]):
            if code and not {i, j} <= places.keys():
                return None
            if code:
                molecule.AddBond(places[i], places[j], getattr(Chem.BondType, BONDS[code]))
    fault = Chem.SanitizeMol(molecule, catchErrors=True)
    return None if fault or not places else Chem.MolToSmiles(molecule)


def _rdkit() -> AbstractContextManager[Any]:
    """RDKit, without its messages on what is no molecule."""
    try:
        from rdkit import rdBase
    except ImportError as error:
        raise InputError(
            f"molecules are judged and drawn by RDKit ({error}); pip install 'wdist[molecules]'"
        ) from error
    return rdBase.BlockLogs()


def _share(part: Collection[Any], whole: Collection[Any]) -> float:
    return len(part) / len(whole) if whole else 0.0
