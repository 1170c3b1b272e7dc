"""Critics of images by size: their shapes and gradients, labels as planes, what a penalty refuses, that they learn."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import wdist
from wdist import gan
from wdist.critic.convolution import ConvNet, Image, image_layer
from wdist.critic.lipschitz import lipschitz_bound, steepest_pair
from wdist.critic.slope import input_gradient, is_piecewise_linear
from wdist.critic.step import CriticStep
from wdist.errors import InputError
from wdist.gan.critics import CRITICS
from wdist.gan.form import Form
from wdist.gan.recipes import described, rebuilt


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def points(n, d, seed=1, dtype=torch.float64):
    return torch.randn(n, d, generator=generator(seed), dtype=dtype)


class TestBuilding:
    @pytest.mark.parametrize("name", CRITICS)
    @pytest.mark.parametrize("shape", [(16, 16), (28, 28), (20, 32, 3), (128, 128, 1), (64, 64, 4)])
    @pytest.mark.parametrize("classes", [0, 3])
    def test_they_give_one_number_a_point_with_gradients_everywhere(self, name, shape, classes):
        form = Form(shape, True, classes)
        net = CRITICS[name](width=8).build(form, generator(), torch.float32)
        x = points(5, math.prod(shape) + classes, dtype=torch.float32)
        values = net(x)
        assert values.shape == (5,)
        (values * torch.arange(5)).sum().backward()
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())

    @pytest.mark.parametrize("name", CRITICS)
    def test_colours_come_from_where_they_lie(self, name):
        """Swapping two colours at every pixel is swapping those channels of the first layer's filters."""
        net = CRITICS[name](width=4).build(Form((8, 8, 3), True), generator(), torch.float64)
        x = points(6, 192)
        swapped = x.view(6, 8, 8, 3)[..., [2, 1, 0]].flatten(1)
        before = net(swapped)
        first = net.layers[1].weight
        with torch.no_grad():
            filters = first if first.ndim == 4 else first.view(len(first), 3, -1)
            filters.copy_(filters[:, [2, 1, 0]].clone())
        assert torch.allclose(net(x), before, rtol=1e-12)

    def test_depth_follows_the_size(self):
        sides = {8: 1, 16: 2, 28: 3, 32: 3, 64: 4, 128: 5}
        for side, halvings in sides.items():
            net = gan.DCGANCritic(2).build(Form((side, side)), generator(), torch.float32)
            assert len(net.recipe.channels) == halvings
            assert net.layers[-1].in_features == 2**halvings * 16

    @pytest.mark.parametrize("form", [Form((2,)), Form((4, 4)), Form((200, 200))])
    @pytest.mark.parametrize("name", CRITICS)
    def test_what_is_no_image_is_refused(self, name, form):
        with pytest.raises(InputError, match=r"images .* of 8 to 128 pixels a side.*use gan.MLPGenerator"):
            CRITICS[name]().build(form, generator(), torch.float32)

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda: gan.DCGANCritic(0), "width is 0; pass an int of at least 1"),
            (
                lambda: gan.DCGANCritic(norm="instance"),
                "norm is 'instance'; choose one of none, layer, batch",
            ),
            (lambda: gan.DCGANCritic(activation="gelu"), "activation is 'gelu'; choose one of relu"),
            (lambda: gan.PatchCritic(0), "width is 0"),
            (lambda: gan.ResidualCritic(0), "width is 0"),
        ],
    )
    def test_wrong_sizes_are_refused(self, make, text):
        with pytest.raises(InputError, match=text):
            make()

    @pytest.mark.parametrize("critic", [gan.DCGANCritic(8, "layer"), gan.PatchCritic(8), gan.ResidualCritic(8),
                                        ConvNet((28, 28), (4, 8))], ids=repr)  # fmt: skip
    def test_they_can_be_written_down(self, critic):
        assert rebuilt(described(critic)) == critic


class TestConstraints:
    def test_the_dcgan_critics_penalty_is_written_out(self):
        net = gan.DCGANCritic(4).build(Form((16, 16, 3), True, 2), generator(), torch.float64)
        assert is_piecewise_linear(net)
        x = points(7, 770)
        z = x.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(net(z).sum(), z)
        assert torch.allclose(input_gradient(net, x), wanted, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("norm", ["none", "layer"])
    def test_norms_of_one_point_pass_under_a_penalty(self, norm):
        net = gan.DCGANCritic(4, norm).build(Form((16, 16)), generator(), torch.float32)
        assert wdist.GradientPenalty().prepare(net) is net
        x = points(6, 256, dtype=torch.float32)
        assert torch.allclose(net(x)[:2], net(x[:2]), atol=1e-5)

    def test_batch_normalisation_is_refused_under_a_penalty_with_the_reason(self):
        config = gan.preset(
            "wgan-gp", "flags", critic=gan.DCGANCritic(4, "batch"), generator=gan.MLPGenerator((8,))
        )
        with pytest.raises(
            InputError, match=r"batch normalisation \(layers\.4\), under which f\(x\) depends"
        ):
            gan.Trainer(config)

    def test_patches_are_certified(self):
        form = Form((12, 12, 2), True, 3)
        net = wdist.Orthonormal().prepare(gan.PatchCritic(4).build(form, generator(), torch.float64))
        assert lipschitz_bound(net) == pytest.approx(1, abs=1e-9)
        step = CriticStep(net, wdist.Orthonormal(), wdist.Orthonormal().optimizer(net, None))
        x = points(32, 291)
        for _ in range(15):
            step(x + 0.3, -x, generator())
        assert lipschitz_bound(net) == pytest.approx(1, abs=1e-6)
        assert 0.5 < steepest_pair(net, x, -x, 10)[0] <= 1 + 1e-6

    def test_a_residual_critic_has_no_certificate_and_says_so(self):
        net = gan.ResidualCritic(4).build(Form((8, 8)), generator(), torch.float32)
        with pytest.raises(InputError, match="nothing is known of the slope of a FeedForward"):
            wdist.Orthonormal().prepare(net)


class TestLabels:
    @pytest.mark.parametrize("shape", [(5, 6, 3), (3, 5, 6), (5, 6)])
    def test_planes_are_an_isometry(self, shape):
        """Distances between images with labels are those between what the first convolution sees."""
        recipe = ConvNet(shape, (4,), labels=2)
        layer, x = image_layer(recipe), points(9, math.prod(shape) + 2)
        assert torch.allclose(
            torch.cdist(layer(x).flatten(1), layer(x).flatten(1)), torch.cdist(x, x), rtol=1e-9
        )
        assert isinstance(layer, Image)
        assert lipschitz_bound(layer) == 1
        g = torch.randn(layer(x).shape, generator=generator(4), dtype=torch.float64)
        assert torch.allclose((layer(x) * g).sum((1, 2, 3)), (x * layer.transposed(g)).sum(1), rtol=1e-9)

    def test_the_image_is_the_one_without_labels(self):
        with_, without = (image_layer(ConvNet((6, 5, 3), (4,), labels=k)) for k in (2, 0))
        x = points(4, 92)
        assert torch.equal(with_(x)[:, :3], without(x[:, :90]))
        assert torch.allclose(with_(x)[:, 3], x[:, 90, None, None].expand(4, 6, 5) / math.sqrt(30))

    def test_a_critic_with_labels_is_saved_to_the_bit(self, tmp_path):
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(2, 60, 6 * 6 * 3 + 2))
        method = wdist.Critic(net=ConvNet((6, 6, 3), (4,), labels=2), steps=5)
        f = wdist.estimate(a, b + 0.5, method=method).detail.potential
        f.save(tmp_path / "f")
        assert wdist.Potential.load(tmp_path / "f")(a).tolist() == f(a).tolist()

    def test_points_without_them_are_refused(self):
        with pytest.raises(
            InputError, match=r"have 6 x 6 x 3 = 108 and 2 labels; pass the shape that one image had"
        ):
            ConvNet((6, 6, 3), (4,), labels=2).build(points(4, 108), points(4, 108), generator())


STRIPES = np.random.default_rng(0).integers(0, 255, (64, 1, 16, 3)).repeat(16, axis=1).astype(np.uint8)


class TestTraining:
    @pytest.mark.parametrize(
        ("loss", "critic"),
        [("wgan", gan.DCGANCritic(4)), ("wgan-gp", gan.ResidualCritic(4)), ("gan", gan.DCGANCritic(4, "batch")),
         ("wgan-orthonormal", gan.PatchCritic(4))],
        ids=lambda x: repr(x),
    )  # fmt: skip
    def test_they_train(self, loss, critic):
        config = gan.preset(
            loss, STRIPES, critic=critic, generator=gan.DCGANGenerator(4, 4), batch=8, n_critic=2
        )
        trainer = gan.Trainer(config)
        weights = [p for p in trainer.critic.net.parameters() if p.ndim > 1]
        before = [p.clone() for p in weights]
        assert all(math.isfinite(report.critic) for report in trainer.steps(3))
        assert not any(map(torch.equal, before, weights))

    def test_the_doctor_finds_a_dcgan_pair_sound(self):
        config = gan.preset(
            "wgan-gp", STRIPES, critic=gan.DCGANCritic(4), generator=gan.DCGANGenerator(4, 4, "none"), batch=8
        )
        assert gan.doctor_of(config).faults == ()

    def test_the_doctor_names_batch_normalisation(self):
        config = gan.preset(
            "gan", STRIPES, critic=gan.DCGANCritic(4, "batch"), generator=gan.MLPGenerator((8,), 4), batch=8
        )
        found = {finding.check: str(finding) for finding in gan.doctor_of(config).faults}
        assert "is BatchNorm2d" in found["one point at a time"]

    def test_they_are_asked_for_by_name(self):
        from wdist.cli.gan.asked import begun_config

        def asked(critic, channels=None, loss="wgan-gp"):
            nets = {
                "generator": "dcgan",
                "critic": critic,
                "units": None,
                "channels": channels,
                "latent": None,
            }
            return begun_config(loss, gan.Data("flags"), False, nets, {}).critic

        assert asked("dcgan", 16) == gan.DCGANCritic(16)
        assert asked("residual") == gan.ResidualCritic()
        assert asked("patches", 8, "wgan-orthonormal") == gan.PatchCritic(8)
        with pytest.raises(
            InputError, match="--critic is 'unet'; choose one of mlp, dcgan, patches, residual"
        ):
            asked("unet")

    @pytest.mark.parametrize(
        ("loss", "generator", "critic", "other"),
        [
            ("wgan-gp", "dcgan", None, "dcgan"),
            ("gan", "residual", None, "residual"),
            ("wgan-orthonormal", "dcgan", None, "patches"),
            ("wgan-spectral", "residual", None, "patches"),
            ("wgan-gp", "dcgan", "mlp", None),
            ("wgan-gp", "mlp", None, None),
            ("wgan-gp", None, None, None),
        ],
    )
    def test_which_critic_stands_beside_a_convolutional_generator_is_said(
        self, loss, generator, critic, other
    ):
        from wdist.cli.gan.asked import begun_config, beside

        nets = {"generator": generator, "critic": critic, "units": None, "channels": None, "latent": None}
        config = begun_config(loss, gan.Data("flags"), False, nets, {})
        assert isinstance(config.critic, wdist.MLP)
        said = f"the critic beside it is {config.critic!r}; --critic {other} takes a convolutional one"
        assert beside(config, nets) == (said if other else "")

    @pytest.mark.parametrize(
        ("loss", "critic"),
        [("wgan-orthonormal", gan.DCGANCritic(4)), ("wgan-spectral", gan.ResidualCritic(4))],
    )
    def test_what_cannot_be_certified_names_what_can(self, loss, critic):
        config = gan.preset(loss, STRIPES, critic=critic, generator=gan.MLPGenerator((8,), 4), batch=8)
        name = type(critic).__name__
        with pytest.raises(InputError, match=rf"{name} cannot be certified: .*PatchCritic.*--critic patches"):
            gan.Trainer(config)


def test_plain_torch_nets_stay_possible():
    """A critic of the user's own is a Net, which is shown points and asked for no form."""

    class Own(wdist.critic.nets.Net):
        def build(self, x, y, rng):
            return nn.Sequential(nn.Linear(x.shape[1], 1), nn.Flatten(0))

        def grown(self, most):
            return None

    trainer = gan.Trainer(
        gan.preset("wgan-gp", STRIPES, critic=Own(), generator=gan.MLPGenerator((8,), 4), batch=8)
    )
    assert len(list(trainer.steps(1))) == 1
