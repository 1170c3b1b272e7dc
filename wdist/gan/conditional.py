"""Training by class: points carry their class as further coordinates, so that what is measured stays one distance.

A real batch brings its classes, and generated points are asked for the same ones. The critic sees pairs (x, class) of
both sides, and W1 between the joint laws is a W1 like any other: a class written as `reach`·one-hot is √2·`reach` from
every other, about as far as points are from each other, so that mass stays in its class wherever that is not dearer.
At equal shares of the classes the joint W1 is then the mean over them of each class's own, which no swap lowers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from wdist.errors import InputError
from wdist.gan.data import Rows
from wdist.gan.form import Form
from wdist.sources import Source

__all__ = ["Joint", "class_shares", "joint", "latent", "reach"]

RADIUS = 4.0
"""Root mean square distance from their middle that points other than images have at most, in standard units."""


def reach(form: Form) -> float:
    """How long a class is as a vector: as points are, √d for images in [−1, 1]^d and min(√d, 4) for others.

    Example:
        >>> reach(Form((28, 28), True)), reach(Form((100,)))
        (28.0, 4.0)
    """
    return math.sqrt(form.dim) if form.bounded else min(math.sqrt(form.dim), RADIUS)


def joint(x: Tensor, classes: Tensor | None, form: Form) -> Tensor:
    """Points (n, d) with their classes (n,) behind them: (n, d + classes); as they are where nothing is conditional."""
    if not form.classes:
        return x
    assert classes is not None
    return torch.cat([x, reach(form) * one_hot(classes, form.classes).to(x.dtype)], dim=1)


def latent(z: Tensor, classes: Tensor | None, form: Form) -> Tensor:
    """What a network takes: latents (n, k), with the class written out behind where there are classes."""
    if not form.classes:
        return z
    assert classes is not None
    return torch.cat([z, one_hot(classes, form.classes).to(z.dtype)], dim=1)


class Joint(nn.Module):
    """A generator's network whose points bring the classes that were asked for: (n, latent + k) -> (n, d + k)."""

    def __init__(self, net: nn.Module, form: Form) -> None:
        super().__init__()
        self.net, self.classes, self.reach = net, form.classes, reach(form)

    def forward(self, z: Tensor) -> Tensor:
        """Points with classes."""
        return torch.cat([self.net(z), self.reach * z[:, -self.classes :]], dim=1)


def class_shares(data: Rows | Source) -> tuple[float, ...]:
    """Share of each class in a set, in the order of its names.

    Raises:
        InputError: if its points have no classes, or all the same.
    """
    if not isinstance(data, Rows) or data.labels is None:
        about = data.about if isinstance(data, Rows) else "a law"
        raise InputError(
            f"conditional training needs the class of each point, and {about} has none; take mnist, a folder with a "
            "subfolder a class, or a file or folder with gan.Data(path, labels=FILE), --labels FILE"
        )
    if len(data.names) < 2:
        raise InputError(
            f"conditional training needs two classes or more; these points are all {data.names[0]}"
        )
    counts = torch.bincount(data.labels, minlength=len(data.names))
    return tuple((counts / len(data)).tolist())
