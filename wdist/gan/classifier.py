"""A small classifier of handwritten digits, in whose features generated digits are compared.

It is this project's own: two convolutions and a layer of 64 features, trained on the first 7000 bundled images by
`python -m benchmarks.mnist_classifier`. Distances in its features are no FID, which is defined by another network,
and are to be compared among themselves only.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from wdist.errors import InputError

__all__ = ["TRAINED_ON", "Card", "DigitNet", "mnist_classifier"]

TRAINED_ON = 7000
"""The classifier has seen the bundled images before this row and no other; 3000 are left to judge generators by."""
SIDE = 28
FEATURES = 64
FILE = "mnist_classifier.safetensors"


@dataclass(frozen=True)
class Card:
    """What a classifier was trained on and how well it does on the images that it has not seen.

    Attributes:
        trained_on: Rows of `datasets.mnist()` before this one.
        accuracy: Share of right answers on the rows from there on, as measured by the script that trained it.
        held_out: Number of those rows.
    """

    trained_on: int
    accuracy: float
    held_out: int


class DigitNet(nn.Module):
    """Points (n, 784) in [0, 1] -> logits (n, 10); `features` gives the layer before, (n, 64)."""

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _drawn(nn.utils.skip_init(nn.Conv2d, 1, 8, 5, stride=2, padding=2), rng),  # type: ignore[no-untyped-call]
            nn.ReLU(),
            _drawn(nn.utils.skip_init(nn.Conv2d, 8, 16, 5, stride=2, padding=2), rng),  # type: ignore[no-untyped-call]
            nn.ReLU(),
            nn.Flatten(),
            _drawn(nn.utils.skip_init(nn.Linear, 16 * 7 * 7, FEATURES), rng),  # type: ignore[no-untyped-call]
            nn.ReLU(),
        )
        self.head = _drawn(nn.utils.skip_init(nn.Linear, FEATURES, 10), rng)  # type: ignore[no-untyped-call]

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, 784) -> (n, 64).

        Raises:
            InputError: if x is no sample of images of 28 by 28.
        """
        if x.ndim != 2 or x.shape[1] != SIDE * SIDE:
            raise InputError(
                f"x has shape {tuple(x.shape)}; this classifier reads grey images of 28 by 28, (n, 784)"
            )
        images = x.to(self.head.weight).view(-1, 1, SIDE, SIDE)  # type: ignore[arg-type]
        return self.body(images)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """(n, 784) -> (n, 10)."""
        return self.head(self.features(x))  # type: ignore[no-any-return]

    def save(self, path: str | Path, card: Card) -> None:
        """Write weights and card to one file."""
        save_file(self.state_dict(), path, metadata={"wdist": json.dumps(vars(card))})


def mnist_classifier() -> tuple[DigitNet, Card]:
    """Give the classifier that travels with wdist, and its card.

    Example:
        >>> from wdist import datasets
        >>> net, card = mnist_classifier()
        >>> net(torch.as_tensor(datasets.mnist().points[9000:9003])).argmax(1).tolist()
        [2, 6, 6]
    """
    with resources.as_file(resources.files("wdist") / "data" / FILE) as path, safe_open(path, "pt") as file:
        card = Card(**json.loads(file.metadata()["wdist"]))
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    net = DigitNet(torch.Generator())
    net.load_state_dict(state)
    return net.eval().requires_grad_(False), card


def _drawn(layer: nn.Module, rng: torch.Generator) -> nn.Module:
    """Draw a layer's weights from `rng`, uniform in ±1/sqrt(fan-in) as torch's own are."""
    weight = next(layer.parameters())
    reach = 1 / math.sqrt(weight[0].numel())
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-reach, reach, generator=rng)
    return layer
