"""Latents with codes: pieces apart, equally likely, moved one by one; what the plane's preset makes of them."""

import dataclasses

import pytest
import torch

import wdist
from wdist import gan
from wdist.errors import InputError
from wdist.gan.codes import Coded
from wdist.gan.form import Form
from wdist.gan.modes import count_modes
from wdist.gan.recipes import completed, described, rebuilt
from wdist.gan.toys import grid

CODES = 8


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def net(codes=CODES, latent=3, classes=0):
    recipe = gan.MLPGenerator((16,), latent, codes=codes)
    return recipe.build(Form((2,), classes=classes), rng(), torch.float64)


def edges():
    """Latents at which one code ends and the next begins."""
    return torch.special.ndtri(torch.arange(1, CODES).double() / CODES)


class TestCodes:
    def test_they_are_equally_likely(self):
        n = 80_000
        layer = Coded(CODES, 2, 1, rng(), torch.float64)
        with torch.no_grad():
            layer.table.copy_(torch.arange(CODES)[:, None])
            layer.rest.weight.zero_()
            layer.rest.bias.zero_()
        z = torch.randn(n, 2, generator=rng(1), dtype=torch.float64)
        counts = torch.bincount(layer(z)[:, 0].long(), minlength=CODES)
        assert (counts - n / CODES).abs().max() < 5 * (n / CODES) ** 0.5

    def test_the_map_jumps_where_a_code_ends_and_nowhere_else(self):
        made, step = net(), 1e-9
        for first, jumps in [(edges(), True), (edges() + 0.05, False)]:
            z = torch.zeros(2, len(first), 3, dtype=torch.float64)
            z[0, :, 0], z[1, :, 0] = first - step, first + step
            apart = (made(z[1]) - made(z[0])).norm(dim=1)
            assert (apart > 0.01).all() if jumps else (apart == 0).all()

    def test_what_has_one_code_starts_near_together_and_is_not_one_point(self):
        made = net()
        z = torch.randn(400, 3, generator=rng(1), dtype=torch.float64)
        everywhere = made(z).std(dim=0).norm()
        z[:, 0] = 0.1
        within = made(z).std(dim=0).norm()
        assert 0.02 * everywhere < within < 0.5 * everywhere

    def test_latents_past_every_number_have_the_outer_codes(self):
        z = torch.tensor([[-60.0, 0, 0], [-3.0, 0, 0], [60.0, 0, 0], [3.0, 0, 0]], dtype=torch.float64)
        points = net()(z)
        assert torch.equal(points[0], points[1])
        assert torch.equal(points[2], points[3])
        assert not torch.equal(points[0], points[2])

    def test_each_code_is_moved_by_its_own_points_alone(self):
        made = net()
        z = torch.tensor([[0.1, 1.0, -1.0]], dtype=torch.float64)
        made(z).sum().backward()
        moved = made[0].table.grad.abs().sum(dim=1) > 0
        assert moved.tolist() == [code == CODES // 2 for code in range(CODES)]

    def test_classes_are_told_beside_codes(self):
        made = net(classes=3)
        z = torch.zeros(3, 6, dtype=torch.float64)
        z[:, 3:] = torch.eye(3, dtype=torch.float64)
        assert torch.pdist(made(z)).min() > 1e-3

    def test_a_latent_of_one_coordinate_is_refused(self):
        with pytest.raises(
            InputError, match="latent is 1; pass at least 2, so that points of one code differ"
        ):
            gan.MLPGenerator((8,), 1, codes=4)
        with pytest.raises(InputError, match="codes is -1"):
            gan.MLPGenerator(codes=-1)

    def test_one_code_and_more_than_a_run_reaches_are_refused(self):
        with pytest.raises(InputError, match="codes is 1, and one code cuts nothing; pass 0 for none"):
            gan.MLPGenerator(codes=1)
        with pytest.raises(
            InputError, match="codes is 4097, of which a run would reach few; pass at most 4096"
        ):
            gan.MLPGenerator(codes=4097)
        assert (gan.MLPGenerator(codes=2).codes, gan.MLPGenerator(codes=4096).codes) == (2, 4096)

    def test_they_are_written_down_and_an_older_recipe_has_none(self):
        recipe = gan.MLPGenerator((8,), 2, codes=4)
        about = described(recipe)
        assert rebuilt(about) == recipe
        del about["codes"]
        assert completed(about)["codes"] == 0
        assert rebuilt(about) == dataclasses.replace(recipe, codes=0)

    def test_a_saved_generator_makes_the_same_points(self, tmp_path):
        config = gan.preset("wgan-gp", "ring", batch=8, n_critic=1, critic=wdist.MLP((8,)))
        trainer = gan.Trainer(config)
        list(trainer.steps(2))
        trainer.generator.save(tmp_path / "g.safetensors")
        again = gan.load(tmp_path / "g.safetensors")
        assert torch.equal(again.draw(50, rng()), trainer.generator.draw(50, rng()))

    def test_the_virtual_norm_goes_with_them(self):
        made = gan.MLPGenerator((8,), 2, norm="virtual", codes=4).build(Form((2,)), rng(), torch.float32)
        z = torch.randn(6, 2, generator=rng(1))
        assert torch.allclose(made(z)[:2], made(z[:2]), atol=1e-6)


class TestPlane:
    def test_the_preset_has_them_in_the_plane_only(self):
        assert gan.preset("wgan-gp", "grid").generator.codes == 128
        assert gan.preset("wgan-gp", "mnist").generator.codes == 0
        assert gan.preset("wgan-gp", "grid", published=True).generator == gan.MLPGenerator()

    @pytest.mark.slow
    def test_all_modes_of_the_grid_are_reached_with_few_bridges(self):
        """A generator as fast as the critic leaves two of them empty with this seed, after half the steps."""
        trainer = gan.Trainer(gan.preset("wgan-gp", "grid", held_every=0), seed=3)
        list(trainer.steps(trainer.config.steps))
        law = grid()
        found = count_modes(trainer.generator.draw(5000, rng()), law.centres, law.width)
        assert found.covered == 25
        assert found.good >= 0.8
        assert found.imbalance <= 0.1
