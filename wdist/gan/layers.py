"""Layers with weights from a generator of random numbers, and the parts that generators are made of.

torch's own layers draw from its global generator; here each is made empty and filled from the one given.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "BATCH_NORMS", "Residual", "batch_normed", "convolution", "linear", "transposed"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "tanh": nn.Tanh, "softplus": nn.Softplus,
}  # fmt: skip
"""Activations of generators by name."""
BATCH_NORMS = nn.modules.batchnorm._BatchNorm


def batch_normed(net: nn.Module) -> bool:
    """Whether any of its layers is batch normalisation, so that what it makes of a point depends on the batch."""
    return any(isinstance(part, BATCH_NORMS) for part in net.modules())


def linear(fan_in: int, fan_out: int, rng: torch.Generator, dtype: torch.dtype) -> nn.Linear:
    """A linear layer, uniform in ±1/sqrt(fan-in)."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)  # type: ignore[no-untyped-call]
    _fill(layer, fan_in, rng)
    return layer


def convolution(
    channels: int, out: int, kernel: int, rng: torch.Generator, dtype: torch.dtype, stride: int = 1
) -> nn.Conv2d:
    """A convolution that keeps the size, or divides it by `stride`."""
    layer: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d, channels, out, kernel, stride=stride, padding=(kernel - 1) // 2, dtype=dtype
    )
    _fill(layer, channels * kernel**2, rng)
    return layer


def transposed(channels: int, out: int, rng: torch.Generator, dtype: torch.dtype) -> nn.ConvTranspose2d:
    """A transposed 4 × 4 convolution that doubles the size (Radford, Metz and Chintala 2016)."""
    layer: nn.ConvTranspose2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.ConvTranspose2d, channels, out, 4, stride=2, padding=1, dtype=dtype
    )
    _fill(layer, channels * 4, rng)  # each output pixel sees 2 x 2 taps
    return layer


def _fill(layer: nn.Module, fan_in: int, rng: torch.Generator) -> None:
    reach = 1 / math.sqrt(fan_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-reach, reach, generator=rng)


class Residual(nn.Module):
    """x -> skip(x) + body(x)."""

    def __init__(self, body: nn.Module, skip: nn.Module) -> None:
        super().__init__()
        self.body, self.skip = body, skip

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) -> (n, ...)."""
        found: Tensor = self.skip(x) + self.body(x)
        return found
