"""Labelled graphs as rows of numbers, and the two networks that play over them.

A graph is the kinds of its nodes and of its bonds, each written as a group of levels of which one is full, so that a
trainer takes graphs as it takes black and white pictures. `GraphGenerator` draws one of each group and lets the
gradient straight through; `GraphCritic` sends messages along the bonds and adds up what the nodes have heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from wdist.critic.nets import Net
from wdist.errors import InputError
from wdist.gan.form import Form
from wdist.gan.layers import linear
from wdist.gan.networks import GeneratorNet
from wdist.options import check_positive, check_whole, check_widths

__all__ = ["GraphCritic", "GraphGenerator", "GraphLayout"]

Array = np.ndarray[Any, Any]
FULL, SLOPE = 255, 0.2
"""Level of what is chosen, the rest being 0; slope of the leaky ReLU below zero."""


@dataclass(frozen=True)
class GraphLayout:
    """How a graph lies in a row: a group of `kinds` levels a node, then one of `bonds` a pair of nodes.

    Attributes:
        nodes: The most that a graph has.
        kinds: Of nodes; the first is none.
        bonds: Kinds of bonds; the first is none.

    Example:
        >>> layout = GraphLayout(nodes=2, kinds=3, bonds=2)
        >>> rows = layout.encode(np.array([[1, 2]]), np.array([[[0, 1], [1, 0]]]))
        >>> rows.tolist(), [codes.tolist() for codes in layout.decode(rows)]
        ([[0, 255, 0, 0, 0, 255, 0, 255]], [[[1, 2]], [[[0, 1], [1, 0]]]])
    """

    nodes: int = 9
    kinds: int = 5
    bonds: int = 4

    def __post_init__(self) -> None:
        for name in ("nodes", "kinds", "bonds"):
            check_whole(name, getattr(self, name), 2)

    @property
    def pairs(self) -> int:
        """Pairs of nodes."""
        return self.nodes * (self.nodes - 1) // 2

    @property
    def dim(self) -> int:
        """Levels in a row."""
        return self.nodes * self.kinds + self.pairs * self.bonds

    def groups(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (n, dim) as groups, of nodes (n, nodes, kinds) and of pairs (n, pairs, bonds)."""
        of_nodes, of_pairs = torch.split(rows, [self.nodes * self.kinds, self.pairs * self.bonds], dim=1)
        return of_nodes.reshape(-1, self.nodes, self.kinds), of_pairs.reshape(-1, self.pairs, self.bonds)

    def encode(self, nodes: Any, adj: Any) -> Array:
        """Rows of graphs: (n, dim), uint8, 0 and 255, which a config's `data` takes for levels.

        Args:
            nodes: Codes of the nodes, shape (n, nodes).
            adj: Codes of the bonds, shape (n, nodes, nodes), of which what lies above the diagonal is read.

        Raises:
            InputError: for another shape, or a code that there is not.
        """
        nodes, adj = np.asarray(nodes), np.asarray(adj)
        n, k = len(nodes), self.nodes
        if nodes.shape != (n, k) or adj.shape != (n, k, k):
            raise InputError(
                f"nodes and adj have shapes {nodes.shape} and {adj.shape}; pass (n, {k}) and (n, {k}, {k}), or a "
                "GraphLayout of so many nodes"
            )
        up, right = self._above
        parts = []
        for name, codes, many in (("nodes", nodes, self.kinds), ("adj", adj[:, up, right], self.bonds)):
            check_codes(name, codes, many)
            parts.append(np.eye(many, dtype=np.uint8)[codes].reshape(n, -1))
        return FULL * np.concatenate(parts, axis=1)

    def decode(self, rows: Any) -> tuple[Array, Array]:
        """Nodes (n, nodes) and bonds (n, nodes, nodes), uint8, of rows (n, dim): the fullest level of each group."""
        rows = torch.as_tensor(rows)
        self.check(rows.shape[-1])
        nodes, bonds = (group.argmax(2).byte().cpu().numpy() for group in self.groups(rows))
        adj = np.zeros((len(nodes), self.nodes, self.nodes), np.uint8)
        up, right = self._above
        adj[:, up, right] = bonds
        return nodes, adj + adj.transpose(0, 2, 1)

    def check(self, dim: int) -> None:
        """Refuse points that are no rows of this layout."""
        if dim != self.dim:
            raise InputError(
                f"points of {dim} coordinates are no graphs of {self}, which takes {self.dim}; pass its encode(...)"
            )

    @property
    def _above(self) -> tuple[Array, Array]:
        return np.triu_indices(self.nodes, 1)


@dataclass(frozen=True)
class GraphGenerator(GeneratorNet):
    """Draws a kind for every node and a bond for every pair, with odds that a network makes of a code.

    A draw is the largest of the logits plus Gumbel noise, so it has exactly the odds of their softmax (Maddison, Mnih
    and Teh 2017), and what is drawn is a graph; the gradient is that of the softmax at a temperature (straight through:
    Bengio, Léonard and Courville 2013; Jang, Gu and Poole 2017). The noise is part of the latent, so that a graph is a
    function of it like any other point.

    Attributes:
        layout: Of the graphs.
        widths: Units of each hidden layer.
        code: Coordinates of the latent from which the odds are made; those of the noise come behind.
        gain: Factor on the logits: odds that start even are soon sharp.
        temperature: Of the softmax that the gradient is taken of.
        latent: Coordinates of the whole latent: follows from the others.
    """

    layout: GraphLayout = GraphLayout()
    widths: tuple[int, ...] = (128, 256)
    code: int = 32
    gain: float = 4.0
    temperature: float = 1.0
    latent: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_whole("code", self.code)
        for name in ("gain", "temperature"):
            check_positive(name, getattr(self, name))
        object.__setattr__(self, "widths", check_widths(self.widths))
        object.__setattr__(self, "latent", self.code + self.layout.dim)

    def build(self, form: Form, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build it for rows of `GraphLayout.encode`."""
        self.layout.check(form.dim)
        if not form.bounded:
            raise InputError(
                "graphs are rows of levels 0 and 255, uint8, and these are not; pass GraphLayout.encode(...)"
            )
        return StraightThrough(self, form.classes, rng, dtype)


class StraightThrough(nn.Module):
    """The network of a `GraphGenerator`: (n, latent + classes) -> (n, dim), each −1 or 1."""

    def __init__(
        self, recipe: GraphGenerator, classes: int, rng: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.recipe = recipe
        layers: list[nn.Module] = []
        for sizes in pairwise((recipe.code + classes, *recipe.widths, recipe.layout.dim)):
            layers += [linear(*sizes, rng, dtype), nn.ReLU()]
        self.odds = nn.Sequential(*layers[:-1])

    def forward(self, z: Tensor) -> Tensor:
        """One of each group."""
        recipe = self.recipe
        code, noise, label = torch.tensor_split(z, (recipe.code, recipe.latent), dim=1)
        gumbel = -torch.log(-torch.special.log_ndtr(noise))  # a Gaussian by its distribution function
        logits = recipe.gain * self.odds(torch.cat([code, label], dim=1)) + gumbel
        chosen = [straight_through(group / recipe.temperature) for group in recipe.layout.groups(logits)]
        return 2 * torch.cat([one.flatten(1) for one in chosen], dim=1) - 1


def straight_through(logits: Tensor) -> Tensor:
    """One-hot of the largest of each last axis, with the gradient of the softmax."""
    soft = logits.softmax(-1)
    hard = torch.zeros_like(soft).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
    return hard + (soft - soft.detach())


@dataclass(frozen=True)
class GraphCritic(Net):
    """Relational graph convolutions (Schlichtkrull et al. 2018), summed over the nodes, and an MLP on the sum.

    Attributes:
        layout: Of the graphs.
        widths: Units of a node after each round of messages.
        readout: Units of the sum, and of the hidden layer behind it.
        placed: Whether a node knows its number. The rows of a molecule are in an order that means something (along its
            SMILES), and a generator that has to keep to it learns faster; without, f does not depend on the order.
    """

    layout: GraphLayout = GraphLayout()
    widths: tuple[int, ...] = (32, 32)
    readout: int = 64
    placed: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", check_widths(self.widths))
        check_whole("readout", self.readout)

    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> RelationalCritic:
        """Build the module with weights uniform in ±1/sqrt(fan-in)."""
        self.layout.check(x.shape[1])
        return RelationalCritic(self, rng, x.dtype)

    def grown(self, most: int) -> GraphCritic | None:
        """Twice the units in every layer."""
        wider = GraphCritic(self.layout, tuple(2 * w for w in self.widths), 2 * self.readout, self.placed)
        return wider if max(*wider.widths, wider.readout) <= most else None


class RelationalCritic(nn.Module):
    """The network of a `GraphCritic`: (n, dim) -> (n,)."""

    ways: Tensor
    numbers: Tensor

    def __init__(self, recipe: GraphCritic, rng: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.recipe, layout = recipe, recipe.layout
        known = layout.kinds + (layout.nodes if recipe.placed else 0)  # what a node knows of itself
        up, right = np.triu_indices(layout.nodes, 1)
        ways = torch.zeros(2, layout.pairs, layout.nodes, layout.nodes, dtype=dtype)
        ways[0, range(layout.pairs), right, up] = 1  # a node hears one of a lower number
        ways[1, range(layout.pairs), up, right] = 1
        ways = ways if recipe.placed else ways.sum(dim=0, keepdim=True)
        self.relations = (layout.bonds - 1) * len(ways)
        sizes = list(pairwise((known, *recipe.widths)))
        self.own = nn.ModuleList(linear(a, b, rng, dtype) for a, b in sizes)
        self.heard = nn.ModuleList(linear(a, self.relations * b, rng, dtype) for a, b in sizes)
        self.read = linear(recipe.widths[-1] + known, recipe.readout, rng, dtype)
        self.hidden = linear(recipe.readout, recipe.readout, rng, dtype)
        self.value = linear(recipe.readout, 1, rng, dtype)
        self.register_buffer("ways", ways.transpose(0, 1).flatten(1), persistent=False)
        self.register_buffer("numbers", torch.eye(layout.nodes, dtype=dtype), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Value of each graph, and between graphs."""
        nodes, relations = self.recipe.layout.nodes, self.relations
        h, bonds = self.recipe.layout.groups((x + 1) / 2)  # (n, nodes, kinds), (n, pairs, bonds)
        if self.recipe.placed:
            h = torch.cat([h, self.numbers.expand(len(x), -1, -1)], dim=2)
        adj = bonds[:, :, 1:].transpose(1, 2) @ self.ways  # (n, bonds − 1, ways · nodes · nodes)
        adj = (
            adj.reshape(-1, relations, nodes, nodes).transpose(1, 2).flatten(2)
        )  # (n, nodes, relations · nodes)
        known = h
        for own, heard in zip(self.own, self.heard, strict=True):
            said = (
                heard(h).unflatten(2, (relations, -1)).transpose(1, 2).flatten(1, 2)
            )  # (n, relations · nodes, k)
            h = leaky_relu(own(h) + adj @ said, SLOPE)
        total = leaky_relu(self.read(torch.cat([h, known], dim=2)), SLOPE).sum(dim=1)  # (n, readout)
        value: Tensor = self.value(leaky_relu(self.hidden(total), SLOPE)).squeeze(1)
        return value


def check_codes(name: str, codes: Array, many: int, words: str = "") -> None:
    """Refuse what is no array of whole numbers below `many`, which `words` may list."""
    if codes.size and (codes.dtype.kind not in "iu" or not 0 <= codes.min() <= codes.max() < many):
        raise InputError(
            f"{name} has codes {codes.min()} to {codes.max()}; pass whole numbers 0 to {many - 1}{words}, as integers"
        )
