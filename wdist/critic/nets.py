"""Critic networks: scalar functions of a point, described by a small recipe and built from a generator.

A recipe is a frozen dataclass, so that it can be a field of a method, compared and written down; `build` turns
it into a module for points such as those shown, whose initial weights come from the generator given and from
nowhere else. `MLP` is here; `convolution.py` and `cones.py` have the others.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from wdist.errors import InputError
from wdist.options import check_widths

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "NORM_PRESERVING",
    "Abs",
    "CriticNet",
    "FeedForward",
    "GroupSort",
    "MaxMin",
    "Net",
    "ScalarMLP",
]


class Abs(nn.Module):
    """|x|: every slope is ±1, so no gradient is lost on the way back."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, k, ...) -> (n, k, ...)."""
        return x.abs()


class MaxMin(nn.Module):
    """GroupSort in pairs: unit i of the first half and of the second become their maximum and minimum."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, k, ...) -> (n, k, ...), units or channels; the middle one of an odd number passes as it is."""
        k = x.shape[1] // 2
        first, second, rest = torch.split(x, [k, k, x.shape[1] - 2 * k], dim=1)
        return torch.cat([torch.maximum(first, second), torch.minimum(first, second), rest], dim=1)


class GroupSort(nn.Module):
    """All units sorted (Anil, Lucas and Grosse 2019): a permutation, so it preserves norms."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, k, ...) -> (n, k, ...), units or channels ascending."""
        return x.sort(dim=1).values


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "abs": Abs,
    "maxmin": MaxMin,
    "groupsort": GroupSort,
}
"""Activations by name; each is 1-Lipschitz, which the certificate relies on."""

NORM_PRESERVING = ("abs", "maxmin", "groupsort")
"""Those whose Jacobian is orthogonal: between orthonormal layers they let a slope of one through."""


WIDEST = 512
"""A layer does not grow beyond: the time of a step goes with the third power of this."""


class CriticNet(nn.Module, ABC):
    """A module (n, d) -> (n,) that says which of its weights are to be held orthonormal, and how far others move."""

    @abstractmethod
    def matrices(self) -> list[Tensor]:
        """Weights (rows, columns) that make the net 1-Lipschitz when orthonormal, along their shorter side."""

    @abstractmethod
    def pace(self) -> float:
        """How far the other parameters move in a first step, in the unit of the points."""


class Net(ABC):
    """Recipe of a critic network."""

    @abstractmethod
    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> nn.Module:
        """Build a module (n, d) -> (n,) for points such as x (n, d) of a and y (m, d) of b, in their dtype."""

    @abstractmethod
    def grown(self, most: int) -> Net | None:
        """The same recipe, larger, to be tried where this one was too small; None if that is past `most` units."""


@dataclass(frozen=True)
class MLP(Net):
    """Fully connected network; the default is the two hidden layers of 100 ReLU that the project began with.

    Attributes:
        widths: Units of each hidden layer.
        activation: A key of `ACTIVATIONS`.
    """

    widths: tuple[int, ...] = (100, 100)
    activation: str = "relu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", check_widths(self.widths))
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise InputError(f"activation is {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}")

    def build(self, x: Tensor, y: Tensor, rng: torch.Generator) -> ScalarMLP:
        """Build the module with weights uniform in ±1/sqrt(fan-in), as torch's own layers have them."""
        return ScalarMLP((x.shape[1], *self.widths, 1), self.activation, rng, x.dtype)

    def grown(self, most: int) -> MLP | None:
        """Twice the units in every layer."""
        wider = MLP(tuple(2 * w for w in self.widths), self.activation)
        return wider if max(wider.widths) <= min(most, WIDEST) else None


class FeedForward(CriticNet):
    """A chain of layers, of which those that have a weight stand between activations of one kind."""

    def __init__(self, layers: Iterable[nn.Module], activation: str) -> None:
        super().__init__()
        self.layers, self.activation = nn.Sequential(*layers), activation

    def forward(self, x: Tensor) -> Tensor:
        """Value at each point: (n, d) -> (n,)."""
        return self.layers(x).squeeze(-1)  # type: ignore[no-any-return]

    def matrices(self) -> list[Tensor]:
        """Every layer's weight."""
        weights = (getattr(layer, "weight", None) for layer in self.layers)
        return [weight for weight in weights if isinstance(weight, Tensor)]

    def pace(self) -> float:
        """Biases shift the kinks over data of unit variance."""
        return 0.03


class ScalarMLP(FeedForward):
    """Linear layers with an activation between them, one output a point."""

    def __init__(
        self, sizes: tuple[int, ...], activation: str, rng: torch.Generator, dtype: torch.dtype
    ) -> None:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [linear(fan_in, fan_out, rng, dtype), ACTIVATIONS[activation]()]
        super().__init__(layers[:-1], activation)
        self.sizes = sizes


def linear(fan_in: int, fan_out: int, rng: torch.Generator, dtype: torch.dtype) -> nn.Linear:
    """Give a linear layer with weights uniform in ±1/√fan-in."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype, device=rng.device)  # type: ignore[no-untyped-call]
    reach = 1 / math.sqrt(fan_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-reach, reach, generator=rng)
    return layer
