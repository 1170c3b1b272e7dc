"""Augmentation of real and generated points alike, differentiable, so that a critic cannot learn few points by heart.

An `Augmentation` draws random numbers for each point and moves it by them; `Augmenter` applies several in turn. Both
sides go through the same transforms with numbers of their own, in the critic's step and in the generator's, as in
DiffAugment (Zhao et al. 2020): augmented on the real side alone, a generator would learn the augmented law.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.gan.form import Form
from wdist.options import check_positive
from wdist.ranks import ALONE, Ranks

__all__ = ["AUGMENTATIONS", "Augmentation", "Augmenter", "Colour", "Flip", "InstanceNoise", "Shift"]


class Augmentation(ABC):
    """A random transform of a point in standard units, each point by itself."""

    @abstractmethod
    def draw(self, n: int, form: Form, rng: torch.Generator, like: Tensor) -> Tensor:
        """Random numbers for `n` points, in the dtype and on the device of `like`: (n, ...)."""

    @abstractmethod
    def move(self, x: Tensor, drawn: Tensor, form: Form, progress: float) -> Tensor:
        """Points (n, d) by the numbers drawn for them, after a share `progress` of the run: (n, d), differentiable."""

    def check(self, form: Form) -> None:  # noqa: B027  # most are for any points
        """Refuse points that it is not for."""


class _OfImages(Augmentation):
    """A transform of images by numbers that are uniform on [0, 1)."""

    numbers: int

    @final
    def check(self, form: Form) -> None:
        """Refuse what is no image."""
        if len(form.shape) not in (2, 3):
            raise InputError(
                f"{type(self).__name__} is for images (H, W), (H, W, C) or (C, H, W), and a point has shape "
                f"{form.shape}; leave it out, or pass the points as images"
            )

    @final
    def draw(self, n: int, form: Form, rng: torch.Generator, like: Tensor) -> Tensor:
        """(n, numbers)."""
        return torch.rand(n, self.numbers, generator=rng, dtype=like.dtype, device=like.device)

    @final
    def move(self, x: Tensor, drawn: Tensor, form: Form, progress: float) -> Tensor:
        """Give the points their shape for a while."""
        return form.as_points(self.moved(form.as_images(x), drawn))

    @abstractmethod
    def moved(self, images: Tensor, u: Tensor) -> Tensor:
        """Images (n, H, W, C) by their numbers (n, numbers): the same shape."""


@final
@dataclass(frozen=True)
class Flip(_OfImages):
    """Left and right change places in every other image; not for letters and digits.

    Example:
        >>> Flip().moved(torch.tensor([[[[1.0], [2.0]]]] * 2), torch.tensor([[0.7], [0.2]]))[:, 0, :, 0].tolist()
        [[1.0, 2.0], [2.0, 1.0]]
    """

    numbers = 1

    def moved(self, images: Tensor, u: Tensor) -> Tensor:
        """Mirror where u < 1/2."""
        return torch.where(u[:, :, None, None] < 0.5, images.flip(2), images)


@final
@dataclass(frozen=True)
class Shift(_OfImages):
    """Shift by whole pixels, up to `most` of each side and either way; what comes in is `fill`.

    Attributes:
        most: Share of a side; an eighth as published.
        fill: Level of what comes in, in standard units: 0, the middle of all levels, as published; −1 is black.

    Example:
        >>> image = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1)
        >>> [Shift(0.25).moved(image, torch.tensor([[0.5, u]])).flatten().tolist() for u in (0.0, 0.5, 0.9)]
        [[2.0, 3.0, 4.0, 0.0], [1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, 3.0]]
    """

    most: float = 0.125
    fill: float = 0.0

    numbers = 2

    def __post_init__(self) -> None:
        check_positive("most", self.most, "pass a share of the side, such as 0.125")
        if self.most >= 1:
            raise InputError(f"most is {self.most!r}; pass a share of the side below 1, such as 0.125")

    def moved(self, images: Tensor, u: Tensor) -> Tensor:
        """Take each pixel from where it was: out[i] = in[i − k], k uniform on the whole numbers −K … K."""
        n, height, width, channels = images.shape
        (rows, high), (columns, wide) = self._origins(height, u[:, 0]), self._origins(width, u[:, 1])
        first = height * width * torch.arange(n, device=u.device)[:, None, None]
        pixels = first + width * rows[:, :, None] + columns[:, None, :]  # (n, H, W), of n·H·W in all
        taken = images.reshape(-1, channels).index_select(0, pixels.flatten()).reshape(images.shape)
        inside = (high[:, :, None] & wide[:, None, :])[..., None]
        return torch.where(inside, taken, self.fill)

    def _origins(self, side: int, u: Tensor) -> tuple[Tensor, Tensor]:
        """Where each place of a side comes from, (n, side), and whether that is in the image."""
        most = int(self.most * side + 0.5)
        k = (u * (2 * most + 1)).long() - most  # (n,)
        origin = torch.arange(side, device=u.device) - k[:, None]
        return origin.clamp(0, side - 1), (origin >= 0) & (origin < side)


@final
@dataclass(frozen=True)
class Colour(_OfImages):
    """Change brightness, saturation and contrast (Zhao et al. 2020): not clamped, which would stop the gradient.

    Attributes:
        brightness: Width of what is added to all levels, a uniform number about 0.
        saturation: Width of the factor, about 1, on a pixel's distance from its own grey.
        contrast: Width of the factor, about 1, on the image's distance from its mean level.
    """

    brightness: float = 1.0
    saturation: float = 2.0
    contrast: float = 1.0

    numbers = 3

    def __post_init__(self) -> None:
        for name in ("brightness", "saturation", "contrast"):
            if not 0 <= getattr(self, name) <= 2:
                raise InputError(f"{name} is {getattr(self, name)!r}; pass a width from 0 (none) to 2")

    def moved(self, images: Tensor, u: Tensor) -> Tensor:
        """Brightness, then saturation, then contrast."""
        widths = u.new_tensor([self.brightness, self.saturation, self.contrast])
        by = ((u - 0.5) * widths)[..., None, None, None]  # (n, 3, 1, 1, 1)
        images = images + by[:, 0]
        grey = images.mean(dim=3, keepdim=True)
        images = grey + (images - grey) * (1 + by[:, 1])
        level = images.mean(dim=(1, 2, 3), keepdim=True)
        return level + (images - level) * (1 + by[:, 2])


@final
@dataclass(frozen=True)
class InstanceNoise(Augmentation):
    """Add Gaussian noise that fades, so that two laws of low dimension overlap (Arjovsky and Bottou 2017, §3).

    It falls in a straight line, as in Sønderby et al. (2017), from `sigma` at the start to zero.

    Attributes:
        sigma: Standard deviation at the start, in standard units.
        until: Share of the run after which there is none.
    """

    sigma: float = 0.1
    until: float = 1.0

    def __post_init__(self) -> None:
        check_positive("sigma", self.sigma)
        check_positive("until", self.until, "pass a share of the run, at most 1")
        if self.until > 1:
            raise InputError(f"until is {self.until!r}; pass a share of the run, at most 1")

    def draw(self, n: int, form: Form, rng: torch.Generator, like: Tensor) -> Tensor:
        """Standard Gaussian numbers, (n, d)."""
        return torch.randn(n, form.dim, generator=rng, dtype=like.dtype, device=like.device)

    def move(self, x: Tensor, drawn: Tensor, form: Form, progress: float) -> Tensor:
        """Add them."""
        return x + self.sigma * max(0.0, 1 - progress / self.until) * drawn


AUGMENTATIONS: dict[str, Augmentation] = {"flip": Flip(), "shift": Shift(), "colour": Colour()}
"""Augmentations of images by name."""


Drawn = list[Tensor]
"""What a batch is moved by."""


@dataclass(frozen=True, eq=False)
class Augmenter:
    """Augmentations in turn, then the step to the middle; with none it hands the points back and draws nothing.

    Attributes:
        recipes: Those, in their order.
        form: What the points are.
        centre: What is subtracted in the end, (d,); None for nothing.
    """

    recipes: Sequence[Augmentation]
    form: Form
    centre: Tensor | None = None

    def __post_init__(self) -> None:
        for recipe in self.recipes:
            recipe.check(self.form)

    def __call__(self, x: Tensor, rng: torch.Generator, progress: float, ranks: Ranks = ALONE) -> Tensor:
        """Draw numbers and move points (n, d + classes) by them; see `draw` and `move`."""
        return self.move(x, self.draw(len(x), rng, x, ranks), progress)

    def draw(self, n: int, rng: torch.Generator, like: Tensor, ranks: Ranks = ALONE) -> Drawn:
        """Random numbers for a share of n points of a batch, one tensor (n, ...) a recipe.

        Args:
            n: Points in the share.
            rng: Where the numbers come from, in every process those for the whole batch.
            like: What has their dtype and device.
            ranks: The processes that train together.
        """
        return [ranks.share(recipe.draw(n * ranks.size, self.form, rng, like)) for recipe in self.recipes]

    def move(self, x: Tensor, drawn: Drawn, progress: float) -> Tensor:
        """Augment points (n, d + classes) after a share `progress` of the run; what is behind a point's own stays."""
        if not self.recipes and self.centre is None:
            return x
        points, behind = x[:, : self.form.dim], x[:, self.form.dim :]
        for recipe, numbers in zip(self.recipes, drawn, strict=True):
            points = recipe.move(points, numbers, self.form, progress)
        points = points if self.centre is None else points - self.centre
        return torch.cat([points, behind], dim=1) if behind.shape[1] else points
