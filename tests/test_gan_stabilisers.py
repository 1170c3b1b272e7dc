"""The stabilisers of standard GANs: each does what its equation says, is saved with the run, and resumes to the bit."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.errors import InputError
from wdist.gan.folder import RunFolder
from wdist.gan.form import Form
from wdist.gan.minibatch import features
from wdist.gan.optimizers import OptimizerRule
from wdist.gan.recipes import completed, described, rebuilt
from wdist.gan.run import resume
from wdist.gan.stabilisers import whole_batches
from wdist.gan.virtual import REFERENCE, VirtualNorm
from wdist.ranks import Ranks

POINTS = np.random.default_rng(3).normal(size=(200, 2)).astype(np.float32)
TINY = {"generator": gan.MLPGenerator((16, 8), 4), "critic": wdist.MLP((16,)), "batch": 16, "steps": 20}


def tiny(*names, loss="gan", data=POINTS, **changes):
    return gan.stabilised(gan.preset(loss, data, **{**TINY, **changes}), *names)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def critic(*widths, seed=0):
    x = torch.randn(50, 3, generator=rng(9), dtype=torch.float64)
    return wdist.MLP(widths).build(x, x, rng(seed)), x


class TestLabelSmoothing:
    values = nn.Identity()

    def value(self, f, x_share, real):
        """The objective over points of two kinds, f (2,) on each: real ones are of the first with that share."""
        loss = gan.NonSaturating(real=real)
        n = 1000
        x, y = (torch.repeat_interleave(f, torch.tensor([k, n - k])) for k in (int(x_share * n), n // 2))
        return loss.objective(self.values, x, y)

    @pytest.mark.parametrize("real", [1.0, 0.9, 0.6])
    def test_the_best_discriminator_is_the_smoothed_ratio(self, real):
        p, q = torch.tensor([[0.8, 0.2], [0.5, 0.5]], dtype=torch.float64)
        best = torch.logit(real * p / (p + q)).requires_grad_()  # D* = a·p/(p + q)
        value = self.value(best, 0.8, real)
        (slope,) = torch.autograd.grad(value, best)
        assert slope.abs().max() < 1e-12
        for way in torch.eye(2).double():
            assert max(self.value((best + e * way).detach(), 0.8, real) for e in (-0.1, 0.1)) < value.detach()

    @pytest.mark.parametrize("real", [1.0, 0.9, 0.6])
    def test_what_is_read_is_what_a_point_tells_of_its_label(self, real):
        p, q = np.array([0.8, 0.2]), np.array([0.5, 0.5])
        best = torch.logit(torch.from_numpy(real * p / (p + q)))
        joint = np.stack([real * p, (1 - real) * p + q]) / 2  # label × kind
        told = (joint * np.log(joint / joint.sum(0) / joint.sum(1, keepdims=True))).sum()
        reading = gan.Minimax(real=real).reading(float(self.value(best, 0.8, real)), gan.Free(), 3.0)
        assert reading == pytest.approx(told, rel=1e-9)
        same = torch.full((2,), math.log(real / (2 - real))).double()  # of one law, the label's prior
        assert gan.Minimax(real=real).reading(float(self.value(same, 0.5, real)), gan.Free(), 3.0) < 1e-12

    def test_a_sure_discriminator_pays_on_the_real_side_alone(self):
        sure, surer = (torch.tensor([-f, f]).double() for f in (30.0, 60.0))
        assert float(self.value(surer, 0.0, 1.0)) == pytest.approx(float(self.value(sure, 0.0, 1.0)), abs=16)
        x, y = torch.tensor([30.0]).double(), torch.tensor([-30.0]).double()
        smooth = gan.NonSaturating(real=0.9)
        assert float(smooth.objective(self.values, x, y)) == pytest.approx(-0.1 * 30, rel=1e-9)
        assert float(smooth.objective(self.values, 2 * x, 2 * y)) == pytest.approx(-0.1 * 60, rel=1e-9)
        assert float(smooth.generator(self.values, y, None)) == float(
            gan.NonSaturating().generator(self.values, y, None)
        )

    def test_it_says_what_it_reads(self):
        assert (
            gan.Minimax(real=0.9).quantity(gan.Free())
            == "Jensen-Shannon divergence of smoothed labels (nats)"
        )
        assert gan.Minimax().quantity(gan.Free()) == "Jensen-Shannon divergence (nats)"

    @pytest.mark.parametrize("real", [0, 1.1, "0.9"])
    def test_labels_that_are_none_are_refused(self, real):
        with pytest.raises(InputError, match="pass the label of real points, 1, or less to smooth it"):
            gan.NonSaturating(real=real)


class TestFeatureMatching:
    def test_the_generator_descends_the_square_between_mean_features(self):
        net, x = critic(7, 5)
        y = (x[:20] + 1).requires_grad_()
        loss = gan.FeatureMatching(gan.Minimax())
        hidden = nn.Sequential(*list(net.layers)[:-1])
        away = hidden(x).mean(0) - hidden(y).mean(0)
        value = loss.generator(net, y, x)
        assert value.item() == pytest.approx((away @ away).item(), rel=1e-12)
        ours, theirs = (torch.autograd.grad(v, y)[0] for v in (value, away @ away))
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
        assert loss.generator(net, x, x).item() < 1e-28

    def test_the_critic_plays_the_game_that_is_wrapped(self):
        net, x = critic(5)
        inner = gan.Minimax(real=0.8)
        loss = gan.FeatureMatching(inner)
        assert torch.equal(loss.objective(net, x, x + 1), inner.objective(net, x, x + 1))
        assert loss.reading(-1.0, gan.Free(), 2.0) == inner.reading(-1.0, gan.Free(), 2.0)
        assert (loss.quantity(gan.Free()), loss.needs_real) == (inner.quantity(gan.Free()), True)

    def test_a_critic_without_a_last_layer_is_refused(self):
        with pytest.raises(InputError, match="Abs has no linear layer whose input could stand for a point"):
            features(wdist.critic.nets.Abs(), torch.zeros(2, 2))


class TestMinibatchDiscrimination:
    def net(self, seed=1):
        net, x = critic(6)
        return gan.MinibatchDiscrimination(wdist.MLP((6,)), kernels=4, dim=3).around(net, x, rng(seed)), x

    def test_it_is_the_papers_layer_written_out(self):
        net, x = self.net()
        x = x[:8]
        h = nn.Sequential(*list(net.net.layers)[:-1])(x)
        values = []
        for i in range(len(x)):
            near = [
                sum(
                    torch.exp(-((h[i] - h[j]) @ net.maps[b]).abs().sum()).item()
                    for j in range(len(x))
                    if j != i
                )
                for b in range(4)
            ]
            head = net.net.layers[-1]
            inputs = torch.cat([h[i], torch.tensor(near).double() / (len(x) - 1)])
            values.append(torch.cat([head.weight[0], net.shares]) @ inputs + head.bias[0])
        torch.testing.assert_close(net(x), torch.stack(values), rtol=1e-6, atol=1e-7)

    def test_copies_are_as_near_as_can_be_and_far_points_not(self):
        net, x = self.net()
        _, h = features(net.net, x[:1].repeat(5, 1))
        torch.testing.assert_close(net.nearness(h), torch.ones(5, 4).double())
        kernels = net.nearness(features(net.net, x)[1])
        assert 0.02 < kernels.mean() < 0.9, "a kernel that is always one or zero tells nothing"
        assert net.nearness(features(net.net, 1e4 * x)[1]).median() < 0.05

    def test_real_and_generated_points_are_seen_apart(self):
        net, x = self.net()
        y = x[:30] + 2
        loss = gan.NonSaturating()
        parts = torch.nn.functional.softplus
        apart = -parts(-net(x)).mean() - parts(net(y)).mean()
        assert loss.objective(net, x, y).item() == pytest.approx(apart.item(), rel=1e-12)
        assert not torch.allclose(net(torch.cat([x, y]))[: len(x)], net(x), rtol=0, atol=1e-4)

    def test_the_batchs_size_does_not_matter(self):
        net, x = self.net()
        twice = net(torch.cat([x, x]))[: len(x)]  # but for its own copy
        torch.testing.assert_close(twice, net(x), rtol=0, atol=0.03)

    def test_it_goes_with_no_constraint(self):
        with pytest.raises(
            InputError, match=r"f\(x\) depends on the whole batch, so GradientPenalty.* holds no slope"
        ):
            gan.WGANConfig(data=POINTS, critic=gan.MinibatchDiscrimination(wdist.MLP((8,))))
        with pytest.raises(
            InputError, match="sees each point beside others, and batch is 1; pass at least 2"
        ):
            gan.GANConfig(data=POINTS, critic=gan.MinibatchDiscrimination(wdist.MLP((8,))), batch=1)


class Plain(OptimizerRule):
    """Gradient steps that note the gradients they are given."""

    def __init__(self, lr):
        self.lr, self.seen = lr, []

    def build(self, parameters):
        parameters = list(parameters)
        inner = torch.optim.SGD(parameters, lr=self.lr)
        step = inner.step
        inner.step = lambda: (self.seen.append([p.grad.clone() for p in parameters]), step())[1]
        return inner


class TestHistoricalAveraging:
    def test_the_gradient_that_is_added_is_that_of_the_square_from_the_mean(self):
        rule = Plain(0.1)
        w = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
        optimizer = gan.HistoricalAveraging(rule, weight=0.7).build([w])
        trail = []
        for k in range(6):
            w.grad = torch.tensor([0.5, k - 2.0]).double()
            trail.append(w.detach().clone())
            mean = torch.stack(trail).mean(0)
            theta = w.detach().clone().requires_grad_()
            (pull,) = torch.autograd.grad(0.7 * (theta - mean).square().sum(), theta)
            optimizer.step()
            torch.testing.assert_close(
                rule.seen[-1][0], torch.tensor([0.5, k - 2.0]).double() + pull, rtol=1e-12, atol=1e-14
            )
        assert not torch.equal(trail[0], trail[-1])

    def test_it_ends_the_circling_of_two_players(self):
        """f·g is played by simultaneous steps, which spiral out (Salimans et al. 2016, §3.3)."""

        def distance(wrap):
            players = [torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in range(2)]
            steps = [wrap(Plain(0.1)).build([player]) for player in players]
            for _ in range(400):
                f, g = (player.detach().clone() for player in players)
                players[0].grad, players[1].grad = g, -f
                for step in steps:
                    step.step()
            return float(torch.cat([p.detach() for p in players]).norm())

        assert distance(lambda rule: rule) > 5
        assert distance(gan.HistoricalAveraging) < 0.8

    def test_rates_go_through(self):
        trainer = gan.Trainer(tiny("historical-averaging", schedule="linear", steps=4))
        rates = [trainer.descent.param_groups[0]["lr"] for _ in trainer.steps(4)]
        assert rates == pytest.approx([1e-3, 0.75e-3, 0.5e-3, 0.25e-3])

    def test_a_weight_that_is_none_is_refused(self):
        with pytest.raises(InputError, match="weight is 0; pass a finite number above zero"):
            gan.HistoricalAveraging(gan.Adam(), weight=0)


class TestVirtualBatchNorm:
    @pytest.mark.parametrize("inner", [(), (4, 5)], ids=["units", "images"])
    def test_a_point_is_normalised_by_the_reference_and_itself(self, inner):
        x = 3 + 2 * torch.randn(REFERENCE + 3, 2, *inner, generator=rng(), dtype=torch.float64)
        layer = VirtualNorm(2).double()
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([2.0, 3.0]))
            layer.bias.copy_(torch.tensor([-1.0, 4.0]))
        found = layer(x)

        def batch_norm(rows):  # torch's own, in training
            return nn.functional.batch_norm(rows, None, None, layer.weight, layer.bias, training=True)

        torch.testing.assert_close(found[:REFERENCE], batch_norm(x[:REFERENCE]))
        for k in range(REFERENCE, REFERENCE + 3):
            beside = batch_norm(torch.cat([x[:REFERENCE], x[k : k + 1]]))
            torch.testing.assert_close(found[k], beside[-1])

    @pytest.mark.parametrize(
        "recipe",
        [
            gan.MLPGenerator((16, 8), 4, norm="virtual"),
            gan.DCGANGenerator(4, 4, norm="virtual"),
            gan.ResidualGenerator(4, 4, norm="virtual"),
        ],
        ids=lambda recipe: type(recipe).__name__,
    )
    def test_what_is_made_of_a_latent_does_not_depend_on_the_others(self, recipe):
        net = recipe.build(Form((8, 8), True), rng(), torch.float64).train()
        z = torch.randn(6, 4, generator=rng(1), dtype=torch.float64)
        together = net(z)
        assert together.shape == (6, 64)
        for k in range(6):
            torch.testing.assert_close(net(z[k : k + 1])[0], together[k], rtol=1e-10, atol=1e-12)
        together.square().mean().backward()
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())

    def test_the_classes_take_turns_in_the_reference(self):
        net = gan.MLPGenerator((8,), 4, norm="virtual").build(Form((2,), classes=3), rng(), torch.float32)
        assert net.reference.shape == (REFERENCE, 7)
        assert net.reference[:4, 4:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]

    def test_batch_normalisation_of_an_mlp(self):
        net = gan.MLPGenerator((8,), 4, norm="batch").build(Form((2,)), rng(), torch.float32)
        assert [type(part) for part in net][1] is nn.BatchNorm1d

    def test_what_is_saved_is_loaded_to_the_bit(self, tmp_path):
        trainer = gan.Trainer(tiny("virtual-batch-norm"))
        list(trainer.steps(2))
        trainer.generator.save(tmp_path / "g.safetensors")
        found = gan.load(tmp_path / "g.safetensors")
        assert torch.equal(found.draw(5, rng()), trainer.generator.draw(5, rng()))

    def test_two_processes_may_have_it(self):
        gan.Trainer(tiny("virtual-batch-norm"), ranks=Ranks(0, 2))


class TestByName:
    @pytest.mark.parametrize("name", gan.STABILISERS)
    def test_a_run_that_is_restored_goes_on_to_the_bit(self, name, tmp_path):
        from test_gan import same

        config = tiny(name, ema=0.9, schedule="cosine")
        whole, first, second = gan.Trainer(config, 0), gan.Trainer(config, 0), gan.Trainer(config, 99)
        list(whole.steps(7))
        list(first.steps(3))
        gan.tensors.write_tree(tmp_path / "s", first.state())
        second.restore(gan.tensors.read_tree(tmp_path / "s"))
        list(second.steps(4))
        assert same(whole.state(), second.state())
        plain = gan.Trainer(tiny(ema=0.9, schedule="cosine"), 0)
        list(plain.steps(7))
        assert not same(dict(whole.net.state_dict()), dict(plain.net.state_dict())), "it changes nothing"

    @pytest.mark.parametrize("loss", ["gan", "gan-minimax"])
    def test_all_together_learn_and_can_be_written_down(self, loss):
        config = tiny(*gan.STABILISERS, loss=loss, data=gan.Data("ring"))
        assert rebuilt(described(config)) == config
        assert gan.stabilised(config, *gan.STABILISERS) == config, "what is there stays as it is"
        reports = list(gan.Trainer(config).steps(3))
        assert all(math.isfinite(report.critic) for report in reports)

    def test_they_go_with_classes_images_and_half_precision(self):
        config = gan.stabilised(
            gan.preset(
                "gan", gan.Data("mnist", classes=(1, 7)), conditional=True, autocast=True, batch=8,
                generator=gan.DCGANGenerator(2, 4), critic=gan.DCGANCritic(2),
                augment=tuple(gan.AUGMENTATIONS.values()),
            ),
            *gan.STABILISERS,
        )  # fmt: skip
        trainer = gan.Trainer(config)
        assert trainer.net.reference.shape == (REFERENCE, 6)
        reports = list(trainer.steps(2))
        assert all(math.isfinite(report.critic) and report.generator_gradient > 0 for report in reports)

    def test_strengths_of_ones_own_stay(self):
        config = tiny(loss="gan")
        own = dataclasses.replace(
            config, loss=gan.Minimax(real=0.7), augment=(gan.InstanceNoise(0.5),),
            critic=gan.MinibatchDiscrimination(wdist.MLP((8,)), 3),
            generator_optimizer=gan.HistoricalAveraging(gan.Adam(), 0.1),
        )  # fmt: skip
        found = gan.stabilised(own, *gan.STABILISERS)
        assert found.loss == gan.FeatureMatching(gan.Minimax(real=0.7))
        assert (found.augment, found.critic) == (own.augment, own.critic)
        assert found.generator_optimizer == own.generator_optimizer
        assert found.critic_optimizer == gan.HistoricalAveraging(config.critic_optimizer)

    @pytest.mark.parametrize(
        ("name", "changes", "text"),
        [
            ("spectral", {}, "stabiliser is 'spectral'; choose one of feature-matching, minibatch-disc"),
            ("label-smoothing", {"loss": "wgan"}, r"for the discriminator of a standard GAN.*is Wasserstein\(\)"),
            ("feature-matching", {"loss": "wgan-gp"}, "for the discriminator of a standard GAN"),
            ("minibatch-discrimination", {"loss": "wgan-gp"}, "choose gan or gan-minimax, or leave it out"),
            ("historical-averaging", {"loss": "wgan-orthonormal"}, r"takes that of its Orthonormal\(.*set critic_opt"),
        ],
    )  # fmt: skip
    def test_what_has_nothing_to_wrap_is_refused(self, name, changes, text):
        with pytest.raises(InputError, match=text):
            tiny(name, **{**changes, **({"critic": wdist.MLP((8,), "abs")} if "loss" in changes else {})})

    def test_a_generator_without_norms_is_refused(self):
        class Bare(gan.GeneratorNet):
            latent = 2

            def build(self, form, rng, dtype):
                raise NotImplementedError

        with pytest.raises(InputError, match="is a norm of the generator, and Bare has no field norm"):
            tiny("virtual-batch-norm", generator=Bare())

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("feature-matching", "goes by means over the whole batch, and 2 processes have shares"),
            ("minibatch-discrimination", "sees each point beside the whole batch, and 2 processes"),
        ],
    )
    def test_what_needs_whole_batches_is_refused_in_shares(self, name, text):
        config = tiny(name)
        assert whole_batches(config.critic, config.loss)
        with pytest.raises(InputError, match=text):
            gan.Trainer(config, ranks=Ranks(0, 2))
        assert whole_batches(tiny().critic, tiny().loss) == ""


class TestDoctor:
    @pytest.mark.parametrize("name", gan.STABILISERS)
    def test_what_a_stabiliser_wants_is_no_fault(self, name):
        found = gan.doctor_of(tiny(name))
        assert {finding.check for finding in found.faults} <= {"bfloat16"}
        seen = "\n".join(finding.seen for finding in found.findings)
        assert ("goes by means over the whole batch; train in one process" in seen) == (
            name == "feature-matching"
        )
        assert ("as minibatch discrimination wants" in seen) == (name == "minibatch-discrimination")

    def test_the_same_networks_without_the_config_are_at_fault(self):
        trainer = gan.Trainer(tiny("minibatch-discrimination"))
        x, generator, z = trainer.probe()
        faults = {finding.check for finding in gan.doctor(trainer.critic.net, generator, x, z).faults}
        assert faults >= {"one point at a time", "parts of a batch (processes, accumulation)"}


class TestCommand:
    SMALL = "--units 8 --latent 4 --batch 8 --checkpoint-every 2 --sample-every 0"

    @pytest.fixture
    def cli(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return lambda line: CliRunner().invoke(app, line.split())

    def test_options_are_saved_with_the_run_and_kept_when_it_is_resumed(self, cli):
        names = ("feature-matching", "minibatch-discrimination")
        both = " ".join(f"--stabiliser {name}" for name in names)
        begun = cli(f"gan train --data ring --loss gan {both} --steps 2 {self.SMALL} --out r")
        assert begun.exit_code == 0, begun.output
        written = rebuilt(RunFolder(Path("r")).read_config()["config"])
        assert written.loss == gan.FeatureMatching(gan.NonSaturating())
        assert written.critic == gan.MinibatchDiscrimination(wdist.MLP((8,)))
        assert resume(RunFolder(Path("r")), gan.stabilised(written, *names)).trainer.step == 2
        other = cli("gan train --resume r --stabiliser label-smoothing")
        assert other.exit_code == 2
        assert "loss.loss.real was 1.0 and is 0.9" in " ".join(other.output.split())

    def test_a_name_that_there_is_not(self, cli):
        result = cli("gan train --data ring --loss gan --stabiliser dropout --out r")
        assert result.exit_code == 2
        assert "stabiliser is 'dropout'; choose one of feature-matching" in " ".join(result.output.split())

    def test_the_doctor_takes_them(self, cli):
        result = cli("gan doctor --data ring --loss gan --batch 8 --stabiliser minibatch-discrimination")
        assert "as minibatch discrimination wants" in " ".join(result.output.split())

    def test_a_run_of_an_earlier_version_is_the_run_with_todays_defaults(self):
        now = described(tiny())
        before = {key: value for key, value in now.items() if key != "augment"}
        before["generator"] = {key: value for key, value in now["generator"].items() if key != "norm"}
        before["loss"] = {"kind": "NonSaturating"}
        assert completed(before) == now
