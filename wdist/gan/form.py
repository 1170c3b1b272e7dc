"""What a generator has to make: the shape of a point, and the way from points to images and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

__all__ = ["Form"]

MOST_CHANNELS, LEAST_SIDE = 4, 8
"""Three axes are (C, H, W) where C is at most the one and both sides are at least the other; else (H, W, C)."""


@dataclass(frozen=True)
class Form:
    """What a generator has to make.

    Points are flat, their coordinates in the order of the data; `as_images` and `as_points` go to images and back.

    Attributes:
        shape: Of one point: (H, W), (H, W, C) or (C, H, W) of an image, (d,) else.
        bounded: Whether every coordinate is a level between −1 and 1 in standard units, as of an image.
        classes: How many classes there are to choose from; 0 where nothing is conditional.
    """

    shape: tuple[int, ...]
    bounded: bool = False
    classes: int = 0

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return int(np.prod(self.shape))

    @property
    def channels_first(self) -> bool:
        """Whether three axes begin with the channels, as torch has them; what is not clear ends with them.

        Example:
            >>> [Form(shape).channels_first for shape in ((3, 16, 16), (16, 16, 3), (3, 3, 3), (5, 16, 16))]
            [True, False, False, False]
        """
        shape = self.shape
        return len(shape) == 3 and shape[0] <= MOST_CHANNELS and min(shape[1:]) >= LEAST_SIDE

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Channels, height and width of an image, of two axes or three."""
        if len(self.shape) == 2:
            return (1, *self.shape)
        first, second, third = self.shape
        return (first, second, third) if self.channels_first else (third, first, second)

    def as_images(self, x: Tensor) -> Tensor:
        """Points (n, d) as images (n, H, W, C), wherever the data have their channels."""
        channels, height, width = self.geometry
        if self.channels_first:
            return x.reshape(len(x), channels, height, width).permute(0, 2, 3, 1)
        return x.reshape(len(x), height, width, channels)

    def as_points(self, images: Tensor) -> Tensor:
        """Images (n, H, W, C) as points (n, d), their coordinates in the order of the data."""
        return (images.permute(0, 3, 1, 2) if self.channels_first else images).flatten(1)
