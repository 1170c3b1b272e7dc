"""Images as they lie, (H, W), (H, W, C) or (C, H, W), from every source: trained on, drawn, and shown."""

import numpy as np
import pytest
import torch

from wdist import gan
from wdist.gan.critics import CRITICS
from wdist.gan.data import Form
from wdist.gan.recipes import GENERATORS

LEVELS = np.random.default_rng(5).integers(0, 256, (40, 12, 16, 3)).astype(np.uint8)
"""(n, H, W, C)."""


def first(images):
    """(n, H, W, C) -> (n, C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


class TestChannelsFirst:
    @pytest.mark.parametrize(
        ("shape", "geometry"),
        [
            ((3, 12, 16), (3, 12, 16)), ((1, 8, 8), (1, 8, 8)), ((4, 8, 128), (4, 8, 128)), ((12, 16, 3), (3, 12, 16)),
            ((12, 16), (1, 12, 16)), ((3, 3, 3), (3, 3, 3)), ((3, 7, 9), (9, 3, 7)), ((3, 28, 3), (3, 3, 28)),
            ((5, 16, 16), (16, 5, 16)),
        ],
    )  # fmt: skip
    def test_what_is_not_clear_has_them_last(self, shape, geometry):
        form = Form(shape)
        assert form.geometry == geometry
        x = torch.arange(2.0 * form.dim).reshape(2, form.dim)
        images = form.as_images(x)
        assert images.shape == (2, *geometry[1:], geometry[0])
        assert torch.equal(form.as_points(images), x)
        lying = x.reshape(2, *shape)
        assert torch.equal(
            images, lying.movedim(1, 3) if form.channels_first else lying.reshape(images.shape)
        )

    @pytest.mark.parametrize(
        ("generator", "critic"), [("dcgan", "dcgan"), ("residual", "residual"), ("palette", "patches")]
    )
    def test_training_is_that_on_images_with_channels_last(self, generator, critic):
        """Convolutions, flips and shifts see one and the same image, and points lie as the data do."""

        def trained(images):
            config = gan.preset(
                "wgan-gp", images, generator=GENERATORS[generator](width=4, latent=3), critic=CRITICS[critic](4),
                batch=6, n_critic=1, dtype="float64", augment=(gan.Flip(), gan.Shift(), gan.Colour()), steps=2,
            )  # fmt: skip
            trainer = gan.Trainer(config, seed=1)
            reports = list(trainer.steps(2))
            return reports[-1].critic, trainer.generator

        (last, by_last), (curve, by_first) = trained(LEVELS), trained(first(LEVELS))
        assert curve == pytest.approx(last, rel=1e-9)
        lying = by_first.draw(5, rng()).reshape(5, 3, 12, 16)
        assert torch.allclose(lying.movedim(1, 3), by_last.draw(5, rng()).reshape(5, 12, 16, 3), atol=1e-9)
        assert by_first.images(5, rng()).shape == (5, 3, 12, 16)
