"""Critic networks: scalar functions of a point, described by a small recipe and built from a generator.

A recipe (`MLP`) is a frozen dataclass, so that it can be a field of a method, compared and written down;
`build` turns it into a module whose initial weights come from the generator given and from nowhere else.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from wdist.errors import InputError

__all__ = ["ACTIVATIONS", "MLP", "Net", "ScalarMLP"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
}
"""Activations by name; each is 1-Lipschitz, which the certificate relies on."""


class Net(ABC):
    """Recipe of a critic network."""

    @abstractmethod
    def build(self, dim: int, rng: torch.Generator, dtype: torch.dtype) -> nn.Module:
        """Build a module (n, dim) -> (n,) on the generator's device."""


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
        given: Any = self.widths
        whole = isinstance(given, Iterable) and not isinstance(given, str)
        widths = tuple(given) if whole else ()
        if not widths or any(type(w) is bool or not isinstance(w, Integral) or w < 1 for w in widths):
            raise InputError(f"widths is {given!r}; pass the units of each hidden layer, such as (100, 100)")
        object.__setattr__(self, "widths", tuple(int(w) for w in widths))
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise InputError(f"activation is {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}")

    def build(self, dim: int, rng: torch.Generator, dtype: torch.dtype) -> ScalarMLP:
        """Build the module with weights uniform in ±1/sqrt(fan-in), as torch's own layers have them."""
        return ScalarMLP((dim, *self.widths, 1), ACTIVATIONS[self.activation], rng, dtype)


class ScalarMLP(nn.Module):
    """Linear layers with an activation between them, one output a point."""

    def __init__(
        self,
        sizes: tuple[int, ...],
        activation: Callable[[], nn.Module],
        rng: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [_linear(fan_in, fan_out, rng, dtype), activation()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Value at each point: (n, d) -> (n,)."""
        return self.layers(x).squeeze(-1)  # type: ignore[no-any-return]


def _linear(fan_in: int, fan_out: int, rng: torch.Generator, dtype: torch.dtype) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype, device=rng.device)  # type: ignore[no-untyped-call]
    reach = 1 / math.sqrt(fan_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-reach, reach, generator=rng)
    return layer
