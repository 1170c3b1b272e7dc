"""FID, KID and the inception score as papers print them, by torch-fidelity, for comparison with those.

They are of another network, trained on photographs, and in its unit: FID is a squared distance, biased by the number of
images. wdist only hands over the images; the package (extra `fidelity`) fetches the network's weights when it is first
used, unless it is given their file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from wdist.errors import InputError
from wdist.measures import as_samples
from wdist.rng import Seed, as_rng
from wdist.sources import Source, as_source

__all__ = ["FidelityScores", "fidelity_scores"]

LARGEST_SUBSET = 1000


@dataclass(frozen=True)
class FidelityScores:
    """What torch-fidelity says of as many generated images as real ones.

    Attributes:
        fid: Fréchet inception distance (Heusel et al. 2017), a squared distance.
        kid: Kernel inception distance (Bińkowski et al. 2018), squared too.
        inception: Inception score (Salimans et al. 2016), a mean over ten splits.
        n: Images a side.
    """

    fid: float
    kid: float
    inception: float
    n: int


def fidelity_scores(
    generator: Source,
    real: Any,
    shape: tuple[int, ...],
    *,
    weights: str | Path | None = None,
    seed: Seed = 0,
) -> FidelityScores:
    """Have torch-fidelity compare generated with real images, on the CPU or the first GPU.

    Args:
        generator: Draws points (n, d) with levels in [0, 1]; those outside are clipped.
        real: Points (n, d), likewise.
        shape: Of one image, (H, W) for grey ones or (H, W, C) with C of 1 or 3; grey ones are repeated thrice.
        weights: File of the Inception network's weights; None to let the package fetch it.
        seed: Of the latents.

    Raises:
        InputError: if torch-fidelity is not installed, or the points are no such images.
    """
    try:
        from torch_fidelity import calculate_metrics
    except ImportError:
        raise InputError(
            "FID needs the package torch-fidelity: pip install 'wdist[fidelity]'; without it, "
            "Evaluator(real, classifier=...) gives a Fréchet distance in any classifier's features"
        ) from None
    rng = as_rng(seed)
    points = as_samples(real, name="real").points
    if (
        len(shape) not in (2, 3)
        or math.prod(shape) != points.shape[1]
        or (len(shape) == 3 and shape[2] not in (1, 3))
    ):
        raise InputError(
            f"shape is {shape} for points of {points.shape[1]} coordinates; pass (H, W) or (H, W, C) with C of 1 or 3"
        )
    n = len(points)
    drawn = as_source(generator, "generator", rng.spawn()).draw(n, rng.torch())
    found = calculate_metrics(
        input1=_Levels(drawn, shape), input2=_Levels(points, shape), isc=True, fid=True, kid=True, verbose=False,
        cuda=torch.cuda.is_available(), kid_subset_size=min(LARGEST_SUBSET, n), cache=False,
        feature_extractor_weights_path=None if weights is None else str(weights),
    )  # fmt: skip
    return FidelityScores(
        fid=float(found["frechet_inception_distance"]),
        kid=float(found["kernel_inception_distance_mean"]),
        inception=float(found["inception_score_mean"]),
        n=n,
    )


class _Levels(Dataset[Tensor]):
    """Points as uint8 images (3, H, W)."""

    def __init__(self, points: Tensor, shape: tuple[int, ...]) -> None:
        levels = (points.clamp(0, 1) * 255).round().to(torch.uint8)
        images = levels.view(-1, *shape[:2], math.prod(shape[2:])).movedim(3, 1)  # (n, C, H, W)
        self.images = images.expand(-1, 3, -1, -1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]
