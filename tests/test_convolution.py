"""Convolutional critics: their certificates against the matrix of the operator, their gradients, their refusals."""

import cmath
import dataclasses
import math

import numpy as np
import pytest
import torch

import wdist
from wdist import Clip, ConvNet, Critic, GradientPenalty, InputError, Orthonormal, Potential, Spectral
from wdist.critic.convolution import Convolution
from wdist.critic.lipschitz import lipschitz_bound, steepest_pair
from wdist.critic.nets import NORM_PRESERVING
from wdist.critic.parts import BLOCK, Split, drawn_rows
from wdist.critic.potential import Scaling
from wdist.critic.slope import input_gradient, is_piecewise_linear
from wdist.critic.step import CriticStep
from wdist.critic.symbol import convolution_norm
from wdist.question import ask
from wdist.rng import as_rng


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(shape, n=40, dtype=torch.float64):
    """Two clouds of flattened images, one of them brighter."""
    x = torch.randn(n, math.prod(shape), dtype=dtype, generator=generator(3))
    return x + 0.3, x.flip(0)


def true_norm(layer, shape):
    """Largest singular value of the operator's dense matrix on images of this shape."""
    unit = torch.eye(math.prod(shape), dtype=torch.float64).view(-1, *shape)
    with torch.no_grad():
        return float(torch.linalg.matrix_norm((layer(unit) - layer(torch.zeros_like(unit))).flatten(1), 2))


def lying_otherwise(x, c, h, w):
    """Flattened (C, H, W) to flattened (H, W, C)."""
    return x.reshape(-1, c, h, w).movedim(1, 3).flatten(1)


def trained(constraint, recipe, steps=20):
    x, y = images(recipe.shape)
    net = constraint.prepare(recipe.build(x, y, generator(1)))
    step = CriticStep(net, constraint, constraint.optimizer(net, None))
    for _ in range(steps):
        step(x, y, generator(2))
    return net, x, y


class TestCertificate:
    @pytest.mark.parametrize(
        ("kernel", "stride", "padding"),
        [(3, 1, 1), (4, 2, 1), (5, 2, 2), (3, 2, 0), (2, 2, 0), (5, 3, 2), (1, 1, 0), (2, 3, 0), ((3, 2), (2, 1), 1)],
    )  # fmt: skip
    @pytest.mark.parametrize("seed", [0, 1])
    def test_is_above_the_dense_matrix_and_near_it(self, kernel, stride, padding, seed):
        layer = torch.nn.Conv2d(2, 3, kernel, stride, padding, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(
                torch.randn(layer.weight.shape, dtype=torch.float64, generator=generator(seed))
            )
        truth, bound = true_norm(layer, (2, 14, 15)), lipschitz_bound(layer)
        assert truth <= bound <= 1.12 * truth

    @pytest.mark.parametrize("place", [7.5, 8, 8.4, 8.9])
    def test_a_peak_between_the_frequencies_is_not_missed(self, place):
        """|1 + b·e^iω − 1.5·e^2iω| peaks where cos ω = −b/12; what is looked at are 32 frequencies."""
        taps = [1.0, -12 * math.cos(2 * math.pi * place / 32), -1.5]
        peak = max(
            abs(sum(t * cmath.exp(1j * k * w) for k, t in enumerate(taps)))
            for w in np.linspace(0, np.pi, 20001)
        )
        bound = convolution_norm(torch.tensor(taps).double().view(1, 1, 1, 3), (1, 1))
        assert peak <= bound <= 1.02 * peak
        assert convolution_norm(torch.tensor(taps).double().view(1, 1, 3, 1), (1, 1)) == pytest.approx(bound)

    @pytest.mark.parametrize("shape", [(1, 8, 8), (2, 7, 5), (3, 4, 4)])
    @pytest.mark.parametrize("kernel", [2, 3, 4, 5])
    def test_our_layer_whatever_the_sides(self, shape, kernel):
        layer = Convolution(shape, 4, kernel, 2, generator(), torch.float64)
        x = torch.randn(3, *shape, dtype=torch.float64, generator=generator(1))
        assert layer(x).shape == (3, *layer.out)
        assert layer.out[1:] == (math.ceil(shape[1] / 2), math.ceil(shape[2] / 2))
        assert true_norm(layer, shape) <= lipschitz_bound(layer)

    def test_patches_that_do_not_overlap_stretch_as_their_matrix_does(self):
        layer = Convolution((3, 8, 8), 5, 2, 2, generator(), torch.float64)
        norm = float(torch.linalg.matrix_norm(layer.weight.detach(), 2))
        assert lipschitz_bound(layer) == pytest.approx(norm, rel=1e-10)
        assert true_norm(layer, (3, 8, 8)) == pytest.approx(norm, rel=1e-10)

    def test_what_is_not_read(self):
        class Doubling(torch.nn.Conv2d):
            def forward(self, x):
                return 2 * super().forward(x)

        for layer in (
            torch.nn.Conv2d(2, 2, 3, groups=2), torch.nn.Conv2d(1, 1, 3, dilation=2), Doubling(1, 1, 3),
            torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), torch.nn.ConvTranspose2d(1, 1, 3),
        ):  # fmt: skip
            assert lipschitz_bound(layer) is None

    @pytest.mark.parametrize(
        ("constraint", "recipe"),
        [
            *((Orthonormal(), ConvNet((2, 8, 8), (6, 8), name)) for name in NORM_PRESERVING),
            (Orthonormal(), ConvNet((1, 7, 6), (3, 8))),
            (Orthonormal(), ConvNet((7, 6, 3), (6, 8))),
            (Spectral(), ConvNet((2, 8, 8), (6, 8), "leaky_relu", kernel=4)),
            (Clip(0.1), ConvNet((2, 8, 8), (6, 8), "relu", kernel=3)),
        ],
        ids=lambda x: repr(x),
    )
    def test_no_search_finds_a_slope_above(self, constraint, recipe):
        net, x, y = trained(constraint, recipe)
        slope, bound = steepest_pair(net, x, y)[0], lipschitz_bound(net)
        assert 0 < slope <= bound * (1 + 1e-9)
        if isinstance(constraint, Orthonormal):
            assert bound == pytest.approx(1, abs=1e-6)
            assert slope > 0.85


class TestNet:
    @pytest.mark.parametrize("shape", [(3, 16, 16), (1, 28, 28), (3, 128, 96)])
    @pytest.mark.parametrize("kernel", [2, 4])
    def test_takes_flattened_images(self, shape, kernel):
        x, y = images(shape, 4, torch.float32)
        net = ConvNet(shape, (4, 8), kernel=kernel).build(x, y, generator())
        assert net(x).shape == (4,)
        assert net(x).dtype == torch.float32

    @pytest.mark.parametrize("activation", ["maxmin", "groupsort"])
    def test_sorting_is_of_channels_at_each_pixel(self, activation):
        net = ConvNet((2, 6, 6), (5,), activation).build(*images((2, 6, 6)), generator())
        h = net.layers[:2](images((2, 6, 6))[0])
        assert torch.equal(net.layers[2](h).sort(1).values, h.sort(1).values)
        assert not torch.equal(net.layers[2](h), h)

    @pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
    @pytest.mark.parametrize(
        ("shape", "kernel"),
        [((2, 8, 8), 4), ((1, 7, 5), 3), ((3, 7, 6), 2), ((1, 5, 5), 4), ((7, 6, 3), 4), ((7, 5), 3)],
    )
    def test_closed_form_is_the_double_backward(self, activation, shape, kernel):
        x, y = images(shape, 12)
        net = ConvNet(shape, (5, 6), activation, kernel).build(x, y, generator(5))
        assert is_piecewise_linear(net)
        z = x.clone().requires_grad_(True)
        (wanted,) = torch.autograd.grad(net(z).sum(), z, create_graph=True)
        found = input_gradient(net, x)
        assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-12)
        pairs = [
            torch.autograd.grad((g.norm(dim=1) - 1).square().mean(), net.matrices()) for g in (found, wanted)
        ]
        for w, v in zip(*pairs, strict=True):
            assert torch.allclose(w, v, rtol=1e-6, atol=1e-12)
            assert w.any()

    def test_others_are_differentiated_twice(self):
        net = ConvNet((1, 6, 6), (4,), "maxmin").build(*images((1, 6, 6)), generator())
        assert not is_piecewise_linear(net)
        assert input_gradient(net, images((1, 6, 6))[0]).shape == (40, 36)

    @pytest.mark.parametrize("shape", [(2, 6, 6), (6, 6, 2)])
    def test_round_trip_is_exact(self, tmp_path, shape):
        a, b = (z.numpy().reshape(-1, *shape) for z in images(shape, 60))
        f = wdist.estimate(a, b, method=Critic(net=ConvNet(shape, (4, 8)), steps=20)).detail.potential
        f.save(tmp_path / "f.safetensors")
        g = Potential.load(tmp_path / "f.safetensors")
        assert g(a).tolist() == f(a).tolist()
        assert g.net.recipe == f.net.recipe

    def test_grows_up_to_a_width(self):
        assert ConvNet((1, 8, 8), (8, 16)).grown(100) == ConvNet((1, 8, 8), (16, 32))
        assert ConvNet((1, 8, 8), (8, 16)).grown(31) is None


class TestOrder:
    """Images as they lie: the same net on the same images, whichever end their channels are at."""

    SHAPES = (3, 10, 8), (10, 8, 3)

    @pytest.mark.parametrize("last", [(10, 8, 3), (9, 9, 4), (5, 6, 2)])
    def test_both_orders_are_one_function(self, last):
        h, w, c = last
        x, y = images((c, h, w))
        first, other = (
            ConvNet(shape, (4, 6), kernel=3).build(x, y, generator(2)) for shape in ((c, h, w), last)
        )
        turned = lying_otherwise(x, c, h, w)
        assert other(turned).tolist() == pytest.approx(first(x).tolist(), rel=1e-12)
        assert not torch.allclose(other(x), first(x), rtol=0.1)
        slopes = input_gradient(first, x)
        assert torch.allclose(
            input_gradient(other, turned), lying_otherwise(slopes, c, h, w), rtol=1e-9, atol=1e-12
        )
        assert lipschitz_bound(other) == lipschitz_bound(first)

    def test_grey_images_are_one_net_however_they_are_told(self):
        x, y = images((1, 6, 7))
        recipes = [ConvNet(shape, (4,)) for shape in ((1, 6, 7), (6, 7, 1), (6, 7))]
        nets = [recipe.build(x, y, generator(2)) for recipe in recipes]
        assert nets[0](x).tolist() == nets[1](x).tolist() == nets[2](x).tolist()
        assert {recipe.geometry for recipe in recipes} == {(1, 6, 7)}
        assert all(recipe.fits(shape) for recipe in recipes for shape in ((6, 7), (6, 7, 1), (1, 6, 7)))

    @pytest.mark.parametrize(
        ("shape", "last"), [((3, 8, 8), False), ((8, 8, 4), True), ((28, 28), True), ((4, 1, 5), False)]
    )
    def test_the_short_end_has_the_channels(self, shape, last):
        assert ConvNet(shape).channels_last is last
        assert ConvNet((6, 8, 9), channels_last=last).geometry == ((9, 6, 8) if last else (6, 8, 9))

    def test_an_estimate_is_of_the_images_and_not_of_their_order(self):
        """Stripes of colour that an orthonormal patch sees at once in the right order and spread in the wrong one."""
        g = np.random.default_rng(0)
        a = g.normal(size=(120, 8, 8, 3)) * 0.1
        b = g.normal(size=(120, 8, 8, 3)) * 0.1
        b += np.array([1.0, -1.0, 0.5]) * g.choice([-1, 1], size=(120, 1, 1, 1))

        def value(a, b, shape):
            method = Critic(net=ConvNet(shape, (6, 8)), steps=40, batch=32, dtype=torch.float64)
            return wdist.estimate(a, b, method=method, seed=0).value

        def flat(z):
            return z.reshape(120, -1)

        right = value(a, b, (8, 8, 3))
        first = value(*(z.transpose(0, 3, 1, 2) for z in (a, b)), (3, 8, 8))
        assert right == pytest.approx(first, rel=1e-6)
        assert value(flat(a), flat(b), (8, 8, 3)) == right
        assert abs(value(flat(a), flat(b), (3, 8, 8)) - right) > 0.02 * right

    def test_what_was_saved_before_keeps_its_order(self, tmp_path, monkeypatch):
        """Files that say nothing of the order have the channels first, even where the shape would tell otherwise."""
        x, y = images((9, 8, 2))
        net = ConvNet((9, 8, 2), (4,), channels_last=False).build(x, y, generator(1))
        f = Potential(net, Scaling(torch.zeros(144, dtype=torch.float64), 1.0))
        silent = dataclasses.asdict(net.recipe)
        del silent["channels_last"]
        monkeypatch.setattr(
            "wdist.critic.potential._described", lambda net: {"kind": "convolutions", **silent}
        )
        f.save(tmp_path / "f.safetensors")
        g = Potential.load(tmp_path / "f.safetensors")
        assert g.net.recipe == net.recipe
        assert g(x).tolist() == f(x).tolist()


class TestFit:
    def test_certified_on_digits(self):
        """Noughts against ones: a lower bound that is most of what there is, from thirty steps."""
        digits = wdist.datasets.mnist()
        a, b = (digits.of(k).reshape(-1, 1, 28, 28) for k in (0, 1))
        est = wdist.estimate(a, b, method=Critic(net=ConvNet((1, 28, 28), (8, 16)), steps=60))
        assert est.bound is wdist.Bound.LOWER
        assert est.detail.lipschitz_bound == pytest.approx(1, abs=1e-5)
        assert 6 < est.value < wdist.estimate(a, b).value

    @pytest.mark.parametrize("constraint", [GradientPenalty(10.0), Clip(0.05)])
    def test_penalty_and_clipping(self, constraint):
        net = ConvNet((1, 8, 8), (8, 16), "leaky_relu", kernel=4)
        g = np.random.default_rng(0)
        a, b = g.random((200, 1, 8, 8)) + 0.5, g.random((200, 1, 8, 8))
        est = wdist.estimate(a, b, method=Critic(constraint, net, steps=150, batch=64))
        assert est.bound is wdist.Bound.NONE
        assert est.detail.lipschitz_bound > 0
        assert est.lower <= 4
        if isinstance(constraint, GradientPenalty):
            assert est.value == pytest.approx(4, rel=0.15)
        else:
            assert "kappa unknown" in est.quantity

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["samples", "sources"])
    def test_large_images(self, kind):
        """12288 coordinates: a shift by 0.1 is 0.1·√12288 far."""
        g = np.random.default_rng(0)
        a, b = (
            (lambda n, rng, shift=shift: torch.rand(n, 3, 64, 64, generator=rng) + shift)
            if kind == "sources"
            else g.random((600, 3, 64, 64), dtype=np.float32) + np.float32(shift)
            for shift in (0.1, 0.0)
        )
        est = wdist.estimate(a, b, method=Critic(net=ConvNet((3, 64, 64), (16, 32, 64)), steps=60, batch=64))
        assert 0.9 * 0.1 * math.sqrt(12288) < est.value < 1.001 * 0.1 * math.sqrt(12288)
        assert est.detail.lipschitz_bound == pytest.approx(1, abs=1e-5)

    @pytest.mark.slow  # a minute and a half
    def test_what_large_images_take_is_bounded_by_their_coordinates(self):
        law = wdist.truth.scaling(12288)
        question = ask(law.a, law.b, rng=as_rng(0))
        split = Split.of(question.a, question.b, as_rng(1))
        rows = len(split.start[0]) + len(split.validation[0][0]) + sum(len(x) for x, _ in split.ahead)
        assert rows == drawn_rows(12288) < 5000
        assert drawn_rows(1000) == 4096 + 48 * BLOCK
        assert Critic().memory(question) < 4 * 2**30


class TestRefusals:
    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (
                lambda: ConvNet((28,)),
                "shape is (28,); pass that of one image as it lies, such as (64, 64, 3), (3, 64, 64)",
            ),
            (lambda: ConvNet((1, 0, 8)), "shape is (1, 0, 8); pass that of one image as it lies"),
            (
                lambda: ConvNet((8, 8, 64)),
                "shape is (8, 8, 64), which may have its channels at either end; pass channels_last=True or False",
            ),
            (lambda: ConvNet((3, 3, 3)), "which may have its channels at either end"),
            (
                lambda: ConvNet((3, 8, 8), channels_last="no"),
                "channels_last is 'no'; pass True, False, or None",
            ),
            (lambda: ConvNet((1, 8, 8), ()), "channels is (); pass the output channels of each convolution"),
            (lambda: ConvNet((1, 8, 8), 5), "channels is 5; pass the output channels of each convolution"),
            (lambda: ConvNet((1, 8, 8), activation="gelu"), "activation is 'gelu'; choose one of relu"),
            (lambda: ConvNet((1, 8, 8), kernel=1), "kernel is 1; pass an int of at least the stride, 2"),
            (lambda: ConvNet((1, 8, 8), stride=0), "stride is 0; pass an int of at least 1"),
            (
                lambda: wdist.estimate(
                    np.ones((30, 784)), np.ones((30, 784)), method=Critic(net=ConvNet((3, 28, 28)))
                ),
                "points have 784 coordinates, and images of shape (3, 28, 28) have 3 x 28 x 28 = 2352",
            ),
            (
                lambda: wdist.estimate(
                    np.ones((30, 8, 8, 3)), np.ones((30, 8, 8, 3)), method=Critic(net=ConvNet((3, 8, 8)))
                ),
                "its ConvNet is for images (3, 8, 8) and these are (8, 8, 3); pass ConvNet((8, 8, 3))",
            ),
            (
                lambda: wdist.estimate(
                    lambda n: torch.ones(n, 8, 8, 3),
                    np.ones((30, 192)),
                    method=Critic(net=ConvNet((3, 8, 8))),
                ),
                "its ConvNet is for images (3, 8, 8) and these are (8, 8, 3); pass ConvNet((8, 8, 3))",
            ),
            (
                lambda: wdist.estimate(
                    torch.utils.data.DataLoader(torch.ones(40, 8, 8, 3), 20),
                    np.ones((30, 192)),
                    method=Critic(net=ConvNet((3, 8, 8))),
                ),
                "its ConvNet is for images (3, 8, 8) and these are (8, 8, 3); pass ConvNet((8, 8, 3))",
            ),
            (
                lambda: Orthonormal().prepare(
                    ConvNet((1, 8, 8), kernel=4).build(*images((1, 8, 8)), generator())
                ),
                "Orthonormal needs convolutions whose patches do not overlap",
            ),
            (
                lambda: Orthonormal().prepare(
                    ConvNet((1, 8, 8), activation="relu").build(*images((1, 8, 8)), generator())
                ),
                "pass a recipe with the activation abs, maxmin, groupsort",
            ),
            (
                lambda: GradientPenalty().prepare(
                    torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
                ),
                "the network has batch normalisation (1), under which f(x) depends on the other points",
            ),
        ],
    )
    def test_they_say_what_to_do(self, make, text):
        with pytest.raises(InputError) as caught:
            make()
        assert text in str(caught.value)
