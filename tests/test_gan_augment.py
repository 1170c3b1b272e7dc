"""Augmentation: real and generated points go through one law of transforms, differentiable, and resumed to the bit."""

import math

import numpy as np
import pytest
import torch
from test_gan import same
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.errors import InputError
from wdist.gan.augment import Augmentation, Augmenter
from wdist.gan.augment_probes import augmented
from wdist.gan.form import Form
from wdist.gan.recipes import described, rebuilt
from wdist.ranks import Ranks

FORM = Form((4, 6, 3), True)
IMAGES = np.random.default_rng(3).integers(0, 256, (40, 4, 6, 3)).astype(np.uint8)
EVERY = {**gan.AUGMENTATIONS, "noise": gan.InstanceNoise()}
BLACK = {**EVERY, "black": gan.Shift(0.4, fill=-1.0)}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=5, form=FORM, seed=1):
    return torch.rand(n, form.dim, generator=rng(seed), dtype=torch.float64) * 2 - 1


def tiny(*recipes, data=IMAGES, **changes):
    nets = {"generator": gan.MLPGenerator((8,), 4), "critic": wdist.MLP((8,)), "batch": 8, "steps": 10}
    return gan.preset("wgan-gp", data, **{**nets, "augment": recipes, **changes})


class Spy(Augmentation):
    """Adds a constant, and keeps what it saw."""

    def __init__(self):
        self.seen = []

    def draw(self, n, form, rng, like):
        return torch.zeros(n, 1)

    def move(self, x, drawn, form, progress):
        self.seen.append((x.detach().clone(), progress))
        return x + 100.0


class TestTransforms:
    def images(self, recipe, n, seed=0):
        x = batch(1).expand(n, -1)
        return x[0].reshape(4, 6, 3), Augmenter((recipe,), FORM)(x, rng(seed), 0.0).reshape(n, 4, 6, 3)

    def test_a_flip_mirrors_every_other_image(self):
        image, found = self.images(gan.Flip(), 1000)
        mirrored = torch.tensor([torch.equal(one, image.flip(1)) for one in found])
        kept = torch.tensor([torch.equal(one, image) for one in found])
        assert bool((mirrored ^ kept).all())
        assert abs(int(mirrored.sum()) - 500) < 4 * math.sqrt(250)

    @pytest.mark.parametrize("fill", [0.0, -1.0])
    def test_a_shift_moves_by_whole_pixels_each_way_alike(self, fill):
        image, found = self.images(gan.Shift(0.34, fill), 4000)  # 1 of 4 pixels, 2 of 6
        counts = dict.fromkeys([(a, b) for a in (-1, 0, 1) for b in (-2, -1, 0, 1, 2)], 0)
        frame = torch.full((8, 12, 3), fill, dtype=image.dtype)
        frame[2:6, 3:9] = image
        shifted = {(a, b): frame[2 - a : 6 - a, 3 - b : 9 - b] for a, b in counts}
        for one in found:
            (match,) = [by for by, wanted in shifted.items() if torch.equal(one, wanted)]
            counts[match] += 1
        assert max(abs(n - 4000 / 15) for n in counts.values()) < 5 * math.sqrt(4000 / 15)

    def test_colour_is_what_the_paper_says_step_by_step(self):
        image = batch(1).reshape(1, 4, 6, 3)
        u = torch.tensor([[0.9, 0.2, 0.7]], dtype=torch.float64)
        wanted = image + (0.9 - 0.5)
        grey = wanted.mean(3, keepdim=True)
        wanted = (wanted - grey) * (0.2 * 2) + grey
        wanted = (wanted - wanted.mean()) * (0.7 + 0.5) + wanted.mean()
        torch.testing.assert_close(gan.Colour().moved(image, u), wanted)
        torch.testing.assert_close(gan.Colour(0, 0, 0).moved(image, u), image)

    def test_colours_gradient_of_the_mean_level_is_one_whatever_is_drawn(self):
        x = batch().requires_grad_()
        y = Augmenter((gan.Colour(),), FORM)(x, rng(), 0.0)
        (slope,) = torch.autograd.grad(y.mean(dim=1).sum(), x)
        torch.testing.assert_close(slope, torch.full_like(x, 1 / FORM.dim))

    def test_the_mean_gradient_through_a_flip_is_that_of_the_mean_of_both(self):
        x = batch(2000).requires_grad_()
        w = batch(1, seed=5)[0]
        y = Augmenter((gan.Flip(),), FORM)(x, rng(), 0.0)
        (slope,) = torch.autograd.grad((y @ w).mean(), x)
        mirrored = w.reshape(4, 6, 3).flip(1).flatten()
        torch.testing.assert_close(slope.sum(0), (w + mirrored) / 2, rtol=0, atol=0.06)

    def test_a_shift_gives_the_gradient_back_to_the_pixel_that_it_came_from(self):
        x = batch().requires_grad_()
        recipe = gan.Shift(0.34)
        u = recipe.draw(5, FORM, rng(), x)
        weights = batch(5, seed=7)
        (slope,) = torch.autograd.grad((recipe.move(x, u, FORM, 0.0) * weights).sum(), x)
        torch.testing.assert_close(slope, recipe.move(weights, 1 - u, FORM, 0.0))  # the shift back

    def test_noise_falls_in_a_straight_line_and_leaves_gradients(self):
        x = batch(4000)
        recipe = gan.InstanceNoise(0.5, until=0.8)
        for progress, sigma in ((0.0, 0.5), (0.2, 0.375), (0.6, 0.125)):
            added = Augmenter((recipe,), FORM)(x, rng(), progress) - x
            assert float(added.std()) == pytest.approx(sigma, rel=0.01)
            assert abs(float(added.mean())) < 5 * sigma / math.sqrt(x.numel())
        for progress in (0.8, 1.0):
            assert torch.equal(Augmenter((recipe,), FORM)(x, rng(), progress), x)
        x.requires_grad_()
        y = Augmenter((recipe,), FORM)(x, rng(), 0.0)
        assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.ones_like(x))

    @pytest.mark.parametrize("name", BLACK)
    def test_derivatives_are_right(self, name):
        augment = Augmenter((BLACK[name],), FORM)
        x = batch(2).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: augment(x, rng(3), 0.1), x)

    @pytest.mark.parametrize("form", [Form((4, 6)), Form((6, 4, 1)), Form((5, 5, 2))])
    def test_images_of_any_channels(self, form):
        x = batch(6, form)
        y = Augmenter(tuple(EVERY.values()), form)(x, rng(), 0.0)
        assert y.shape == x.shape
        assert not torch.equal(y, x)


class TestAugmenter:
    def test_with_nothing_to_do_it_does_nothing(self):
        x, source = batch(), rng()
        before = source.get_state()
        assert Augmenter((), FORM)(x, source, 0.0) is x
        assert torch.equal(source.get_state(), before)

    def test_one_after_another(self):
        x = batch()
        one, two = gan.Shift(0.4, fill=-1.0), gan.Colour()
        source = rng()
        step = Augmenter((one,), FORM)(x, source, 0.0)
        wanted = Augmenter((two,), FORM)(step, source, 0.0)
        assert torch.equal(Augmenter((one, two), FORM)(x, rng(), 0.0), wanted)

    def test_processes_draw_for_the_whole_batch(self):
        x = batch(6)
        augment = Augmenter(tuple(EVERY.values()), FORM)
        whole = augment(x, rng(), 0.1)
        for rank in range(2):
            share = augment(x[rank::2], rng(), 0.1, Ranks(rank, 2))
            torch.testing.assert_close(share, whole[rank::2], rtol=1e-12, atol=1e-14)

    def test_columns_behind_the_points_stay(self):
        behind = torch.arange(10.0).double().reshape(5, 2)
        augment = Augmenter(tuple(EVERY.values()), FORM)
        found = augment(torch.cat([batch(), behind], dim=1), rng(), 0.0)
        assert torch.equal(found[:, FORM.dim :], behind)
        assert torch.equal(found[:, : FORM.dim], augment(batch(), rng(), 0.0))


class TestTraining:
    def test_both_sides_are_augmented_in_both_steps_and_nothing_else_is(self):
        spy = Spy()
        trainer = gan.Trainer(tiny(spy, n_critic=2, held_every=0))
        seen = []
        inner = trainer.critic.net.forward
        trainer.critic.net.forward = lambda x: (seen.append(x.detach()), inner(x))[1]
        list(trainer.steps(1))
        assert len(spy.seen) == 2 * 2 + 1
        real, fake = spy.seen[0][0], spy.seen[1][0]
        assert {tuple(row) for row in real.tolist()} <= {
            tuple(row) for row in (torch.from_numpy(IMAGES).float() / 127.5 - 1).flatten(1).tolist()
        }
        assert not {tuple(row) for row in fake.tolist()} & {tuple(row) for row in real.tolist()}
        assert min(float(x.min()) for x in seen) > 98
        made = trainer.generator.draw(5, rng())
        assert made.abs().max() < 2

    def test_the_generators_loss_looks_at_augmented_real_points_too(self):
        spy = Spy()
        loss = gan.FeatureMatching(gan.NonSaturating())
        config = gan.GANConfig(data=IMAGES, loss=loss, augment=(spy,), batch=8)
        list(gan.Trainer(config).steps(1))
        assert len(spy.seen) == 2 + 2

    def test_progress_is_the_share_of_the_run(self):
        spy = Spy()
        list(gan.Trainer(tiny(spy, n_critic=1, held_every=0)).steps(3))
        assert sorted({progress for _, progress in spy.seen}) == [0.0, 0.1, 0.2]

    def test_the_generator_learns_through_it(self):
        trainer = gan.Trainer(tiny(*EVERY.values()))
        before = [p.clone() for p in trainer.net.parameters()]
        (report,) = trainer.steps(1)
        assert report.generator_gradient > 0
        assert not any(map(torch.equal, before, trainer.net.parameters()))

    def test_held_out_points_are_augmented_with_numbers_of_their_own(self):
        spy = Spy()
        trainer = gan.Trainer(tiny(spy))
        trainer.held_out()
        assert len(spy.seen) == 2
        one, other = (gan.Trainer(tiny(*EVERY.values(), held_every=k)) for k in (0, 2))
        for trainer in (one, other):
            list(trainer.steps(5))
        assert same(dict(one.net.state_dict()), dict(other.net.state_dict()))

    @pytest.mark.parametrize("name", BLACK)
    def test_a_run_that_is_restored_goes_on_to_the_bit(self, name, tmp_path):
        config = tiny(BLACK[name], n_critic=2)
        whole, first, second = gan.Trainer(config, 0), gan.Trainer(config, 0), gan.Trainer(config, 99)
        list(whole.steps(6))
        list(first.steps(3))
        gan.tensors.write_tree(tmp_path / "s", first.state())
        state = gan.tensors.read_tree(tmp_path / "s")
        second.restore(state)
        list(second.steps(3))
        assert same(whole.state(), second.state())
        other = gan.Trainer(config, 0)
        other.restore({**state, "rngs": [*state["rngs"][:-1], rng(9).get_state()]})
        list(other.steps(3))
        assert not same(dict(whole.net.state_dict()), dict(other.net.state_dict()))

    def test_a_checkpoint_from_before_augmentation_is_taken(self):
        first, second = gan.Trainer(tiny(), 0), gan.Trainer(tiny(), 1)
        list(first.steps(2))
        state = first.state()
        second.restore({**state, "rngs": state["rngs"][:3]})
        for trainer in (first, second):
            list(trainer.steps(2))
        assert same(dict(first.net.state_dict()), dict(second.net.state_dict()))

    def test_it_can_be_written_down(self):
        config = tiny(*BLACK.values(), data=gan.Data("flags"))
        assert rebuilt(described(config)) == config


class TestRefusals:
    @pytest.mark.parametrize("name", gan.AUGMENTATIONS)
    def test_what_is_no_image(self, name):
        recipe = gan.AUGMENTATIONS[name]
        text = rf"{type(recipe).__name__} is for images .*, and a point has shape \(2,\); leave it out"
        with pytest.raises(InputError, match=text):
            gan.Trainer(gan.preset("wgan", "ring", augment=(recipe,)))

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda: gan.Shift(0), "most is 0; pass a share of the side"),
            (lambda: gan.Shift(1.0), "most is 1.0; pass a share of the side below 1"),
            (lambda: gan.Colour(contrast=-1), r"contrast is -1; pass a width from 0 \(none\) to 2"),
            (lambda: gan.InstanceNoise(0), "sigma is 0; pass a finite number above zero"),
            (lambda: gan.InstanceNoise(until=2), "until is 2; pass a share of the run, at most 1"),
            (lambda: tiny(augment="flip"), "augment holds 'flip'; pass recipes"),
            (lambda: tiny(augment=None), "augment holds None; pass recipes"),
            (lambda: tiny("flip"), r"augment holds 'flip'; pass recipes, such as \(gan.Flip\(\)"),
        ],
    )
    def test_wrong_recipes(self, make, text):
        with pytest.raises(InputError, match=text):
            make()


class Broken(Augmentation):
    def __init__(self, how):
        self.how = how

    def draw(self, n, form, rng, like):
        return torch.zeros(n, 1)

    def move(self, x, drawn, form, progress):
        return {
            "shape": lambda: x[:, :-1],
            "nan": lambda: x * float("nan"),
            "levels": lambda: x.detach().round(),
            "mean": lambda: x - x.mean(dim=0),
            "zero": lambda: 0 * x,
        }[self.how]()


class TestDoctor:
    @pytest.mark.parametrize(
        ("how", "text"),
        [
            ("shape", r"it makes \(5, 71\) of \(5, 72\)"),
            ("nan", "numbers that are not finite"),
            ("levels", "no gradient passes through it"),
            ("mean", "depends on the other points of its batch"),
            ("zero", "some points have no gradient"),
        ],
    )
    def test_faults_are_found_by_name(self, how, text):
        import re

        assert re.search(text, augmented(Augmenter((Broken(how),), FORM), batch()).wrong)

    def test_ours_are_sound(self):
        assert not augmented(Augmenter(tuple(BLACK.values()), FORM), batch()).wrong
        found = gan.doctor_of(tiny(*EVERY.values()))
        assert [f.check for f in found.findings][-1] == "augmentation"
        assert "augmentation" not in [f.check for f in found.faults]
        assert "augmentation" not in [f.check for f in gan.doctor_of(tiny()).findings]


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = "--units 8 --latent 4 --batch 8 --sample-every 0 --n-critic 1"
    both = "--augment flip --augment colour"
    result = CliRunner().invoke(app, f"gan train --data flags {both} --steps 2 {small} --out r".split())
    assert result.exit_code == 0, result.output
    config = rebuilt(gan.folder.RunFolder(tmp_path / "r").read_config()["config"])
    assert config.augment == (gan.Flip(), gan.Colour())
    result = CliRunner().invoke(
        app, f"gan train --data flags --augment turn --steps 2 {small} --out q".split()
    )
    assert result.exit_code == 2
    assert "--augment is 'turn'; choose one of flip, shift, colour" in " ".join(result.output.split())
