"""The written-out gradient of a penalised critic against autograd's."""

import pytest
import torch

import wdist
from wdist.critic import cones
from wdist.critic.gradient import added, descend, dual_value


class TestWrittenOutGradient:
    """The gradient of the penalised critic that is written out is the one of autograd, differentiated twice."""

    @pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
    @pytest.mark.parametrize("widths", [(16,), (12, 10, 8)])
    @pytest.mark.parametrize(
        ("two_sided", "warmth", "stretch"), [(True, 1.0, 3.0), (True, 0.3, 0.7), (False, 1.0, 1.0)]
    )
    def test_it_is_that_of_autograd(self, activation, widths, two_sided, warmth, stretch):
        rng = torch.Generator().manual_seed(1)
        x, y = (torch.randn(9, 5, generator=rng, dtype=torch.float64) for _ in range(2))
        net = wdist.MLP(widths, activation).build(x, y, rng)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(stretch)
        state, parameters = rng.get_state(), list(net.parameters())
        value = descend(net, wdist.GradientPenalty(3.0, two_sided), dual_value, x, y, rng, warmth)
        rng.set_state(state)
        t = torch.rand(9, 1, generator=rng, dtype=torch.float64)
        between = torch.lerp(y, x, t).requires_grad_(True)
        (slope,) = torch.autograd.grad(net(between).sum(), between, create_graph=True)
        excess = torch.linalg.vector_norm(slope, dim=1) - 1
        low = torch.tensor(warmth if two_sided else 0.0, dtype=torch.float64)
        price = torch.where(excess > 0, torch.ones_like(excess), low)
        dual = net(x).mean() - net(y).mean()
        theirs = torch.autograd.grad(
            3 * (price * excess.square()).mean() - dual, parameters, allow_unused=True, materialize_grads=True
        )
        torch.testing.assert_close(value, dual.detach(), rtol=0, atol=1e-13)
        for parameter, other in zip(parameters, theirs, strict=True):
            torch.testing.assert_close(parameter.grad, other, rtol=1e-11, atol=1e-14)

    def test_other_objectives_and_places_are_left_to_autograd(self):
        rng = torch.Generator().manual_seed(1)
        x, y = (torch.randn(9, 5, generator=rng, dtype=torch.float64) for _ in range(2))
        net = wdist.MLP((8,)).build(x, y, rng)
        found = {}
        for name, constraint, objective in (
            ("dual", wdist.GradientPenalty(3.0), dual_value),
            ("data", wdist.GradientPenalty(3.0, where="data"), dual_value),
            ("twice", wdist.GradientPenalty(3.0), lambda f, a, b: 2 * dual_value(f, a, b)),
        ):
            net.zero_grad()
            descend(net, constraint, objective, x, y, rng, 1.0)
            found[name] = next(net.parameters()).grad.clone()
        assert not torch.allclose(found["dual"], found["data"])
        assert not torch.allclose(found["dual"], found["twice"])


class TestGradientOfPeaks:
    @pytest.mark.parametrize(
        "recipe",
        [wdist.Cones(5), wdist.Cones(4, planes=0), wdist.Cones(4, ranks=(0.5, 2)), wdist.Flats(3)],
        ids=repr,
    )
    def test_it_is_that_of_autograd(self, recipe):
        rng = torch.Generator().manual_seed(1)
        x, y = (torch.randn(60, 6, generator=rng, dtype=torch.float64) + shift for shift in (0, 1))
        net = recipe.build(x, y, rng).train()
        net.temperature.fill_(0.07)
        with torch.no_grad():  # off the values at which a term is zero, or a factor one
            for parameter in net.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
        batches = x[:20], y[:30]
        value = descend(net, wdist.Orthonormal(), dual_value, *batches, rng, 1.0)
        ours = {name: parameter.grad.clone() for name, parameter in net.named_parameters()}
        net.zero_grad()
        theirs = added(net, wdist.Orthonormal(), dual_value, *batches, rng, 1.0)
        torch.testing.assert_close(value, theirs, rtol=1e-12, atol=0)
        assert len(ours) == len(list(net.parameters()))
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-9, atol=1e-12, msg=name)

    def test_shares_next_to_nothing_are_no_subnormal_numbers(self):
        rng = torch.Generator().manual_seed(1)
        x, y = (torch.randn(200, 2, generator=rng) + shift for shift in (0, 1))
        net = wdist.Cones(64).build(x, y, rng).train()
        net.temperature.fill_(0.02)
        descend(net, wdist.Orthonormal(), dual_value, x, y, rng, 1.0)
        for parameter in net.parameters():
            sizes = parameter.grad.abs()
            assert not ((sizes > 0) & (sizes < torch.finfo(sizes.dtype).tiny)).any()

    def test_values_in_parts_are_those_of_the_whole(self, monkeypatch):
        rng = torch.Generator().manual_seed(1)
        x, y = (torch.randn(60, 3, generator=rng, dtype=torch.float64) for _ in range(2))
        net = wdist.Cones(8).build(x, y, rng).eval()
        monkeypatch.setattr(cones, "ENTRIES", 100)
        with torch.no_grad():
            torch.testing.assert_close(net(x), net._values(x), rtol=1e-14, atol=1e-14)
