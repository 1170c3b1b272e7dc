"""Steps in pieces of a batch, and steps in half the precision: the same steps, to rounding of the one or the other."""

import numpy as np
import pytest
import torch

import wdist
from wdist import gan
from wdist.critic.constraints import GradientPenalty
from wdist.critic.step import dual_value
from wdist.errors import InputError
from wdist.gan.precision import Coarse

POINTS = np.random.default_rng(3).normal(size=(300, 2))
IMAGES = np.random.default_rng(0).integers(0, 255, (64, 1, 16, 3)).repeat(16, axis=1).astype(np.uint8)
MOVES = (gan.Flip(), gan.Shift(), gan.InstanceNoise())
NETS = {"generator": gan.MLPGenerator((16,), 4), "critic": wdist.MLP((16,)), "batch": 32, "n_critic": 2}
CONVOLUTIONS = {"generator": gan.DCGANGenerator(4, 4, "none"), "critic": gan.DCGANCritic(4), "batch": 12}


def config(loss="wgan-gp", data=POINTS, **changes):
    return gan.preset(loss, data, **{**NETS, **changes})


def weights(trainer):
    return [p for net in (trainer.net, trainer.critic.net) for p in net.parameters()]


class TestAccumulation:
    @pytest.mark.parametrize("pieces", [5, 32])
    @pytest.mark.parametrize(
        "changes",
        [{}, {"loss": "wgan", "ema": 0.9}, {"loss": "gan"}, {"augment": MOVES, "data": IMAGES},
         {"constraint": GradientPenalty(10.0, where="both")}],
        ids=["penalty", "clip", "standard", "augmented", "data and between"],
    )  # fmt: skip
    def test_steps_in_pieces_are_those_of_whole_batches(self, pieces, changes):
        whole, parts = (gan.Trainer(config(dtype="float64", accumulate=k, **changes)) for k in (1, pieces))
        before = [w.clone() for w in weights(whole)]
        curves = [
            [(r.critic, r.generator_loss, r.generator_gradient) for r in t.steps(4)] for t in (whole, parts)
        ]
        assert np.allclose(*curves, rtol=0, atol=1e-10)
        for a, b, first in zip(weights(whole), weights(parts), before, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-10)
            assert first.ndim < 2 or not torch.equal(a, first)

    def test_convolutions_by_class(self):
        rows = gan.data.Rows(
            torch.from_numpy(IMAGES).flatten(1), (16, 16, 3), torch.arange(64) % 2, ("even", "odd")
        )
        data = gan.splitting.Parts(rows, rows)
        changes = {"dtype": "float64", "conditional": True, "n_critic": 1, **CONVOLUTIONS}
        whole, parts = (gan.Trainer(config(data=data, accumulate=k, **changes)) for k in (1, 3))
        for trainer in (whole, parts):
            list(trainer.steps(2))
        for a, b in zip(weights(whole), weights(parts), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-10)

    def test_the_nets_see_no_more_than_a_piece(self):
        trainer = gan.Trainer(config(accumulate=4, held_every=0))
        seen = {"generator": [], "critic": []}
        for name, net in (("generator", trainer.net), ("critic", trainer.critic.net)):
            net.register_forward_hook(lambda _, given, out, name=name: seen[name].append(len(out)))
        list(trainer.steps(2))
        assert set(seen["generator"]) == {8}
        assert max(seen["critic"]) == 16  # a piece of each side

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"accumulate": 0}, "accumulate is 0; pass an int of at least 1"),
            ({"accumulate": 33}, "accumulate is 33 for 32 points a process; pass at most that"),
            (
                {"accumulate": 2, "data": IMAGES, "generator": gan.DCGANGenerator(4, 4)},
                "batch normalisation goes by the whole batch, and accumulate=2 has pieces; pass norm='none'",
            ),
            (
                {"accumulate": 2, "data": IMAGES, "loss": "gan", "critic": gan.DCGANCritic(4, "batch")},
                "batch normalisation goes by the whole batch, and accumulate=2 has pieces",
            ),
            (
                {"accumulate": 2, "loss": "gan", "critic": gan.MinibatchDiscrimination(wdist.MLP((8,)))},
                "minibatch discrimination sees .* the whole batch, and accumulate=2 has pieces; train in one process",
            ),
        ],
    )  # fmt: skip
    def test_what_needs_whole_batches_is_refused(self, changes, text):
        with pytest.raises(InputError, match=text):
            gan.Trainer(config(**changes))


class TestAutocast:
    @pytest.fixture(params=["mlp", "convolutions"])
    def trainer(self, request):
        nets = (
            CONVOLUTIONS if request.param == "convolutions" else {"critic": wdist.MLP((64, 64)), "batch": 64}
        )
        return gan.Trainer(config(data=IMAGES, autocast=True, **nets))

    def batches(self, trainer):
        ((x, y),) = trainer._rounds(1)
        return x, y

    def test_values_agree_to_bfloat16(self, trainer):
        x, y = self.batches(trainer)
        net = trainer.critic.net
        loss = trainer.config.loss
        for exact, coarse in (
            (loss.objective(net, x, y), Coarse(loss).objective(net, x, y)),
            (loss.generator(net, y, None), Coarse(loss).generator(net, y, None)),
        ):
            assert coarse.dtype == torch.float32
            size = net(torch.cat([x, y])).abs().max()
            assert 0 < abs(coarse - exact) < 2**-7 * size  # eight bits

    def test_the_penaltys_gradient_is_that_of_float32(self, trainer):
        """What a step leaves in the weights, less the coarse objective's part, is the penalty's part."""
        x, y = self.batches(trainer)
        step, rng = trainer.critic, torch.Generator()
        seen = []

        class Watched(GradientPenalty):
            def penalty(self, *given):
                seen.append(torch.is_autocast_enabled("cpu"))
                found = super().penalty(*given)
                seen.append(found.dtype)
                return found

        held = list(step.net.parameters())

        def gradient(value):
            found = torch.autograd.grad(value, held, allow_unused=True)
            return torch.cat(
                [
                    torch.zeros(p.numel()) if g is None else g.flatten()
                    for g, p in zip(found, held, strict=True)
                ]
            )

        exact = gradient(GradientPenalty(10.0).penalty(step.net, x, y, rng.manual_seed(3)))
        dual = gradient(step.objective(step.net, x, y))
        object.__setattr__(step, "constraint", Watched(10.0))
        object.__setattr__(step, "optimizer", torch.optim.SGD(held, lr=0.0))
        step(x, y, rng.manual_seed(3))
        assert seen == [False, torch.float32]
        left = torch.cat([p.grad.flatten() for p in held]) + dual
        size = exact.norm()
        assert (left - exact).norm() < 1e-5 * (size + dual.norm())
        with torch.autocast("cpu", torch.bfloat16):
            coarse = gradient(GradientPenalty(10.0).penalty(step.net, x, y, rng.manual_seed(3)))
        assert (coarse - exact).norm() > 1e-3 * size  # it would have shown

    def test_it_trains_as_float32_does(self):
        changes = {"data": POINTS + 3, "generator_optimizer": gan.Adam(5e-3, (0.5, 0.9)), "n_critic": 3}
        curves = [
            [r.critic for r in gan.Trainer(config("wgan-lp", autocast=coarse, **changes)).steps(60)]
            for coarse in (True, False)
        ]
        assert curves[0] != curves[1]
        assert np.mean(curves[0][-20:]) == pytest.approx(np.mean(curves[1][-20:]), abs=0.1 * max(curves[1]))

    def test_minibatch_discrimination_and_features_go_with_it(self):
        critic = gan.MinibatchDiscrimination(wdist.MLP((16,)))
        trainer = gan.Trainer(gan.stabilised(config("gan", critic=critic, autocast=True), "feature-matching"))
        assert all(np.isfinite(r.generator_loss) for r in trainer.steps(2))

    def test_nothing_stays_on_the_network(self, trainer):
        list(trainer.steps(1))
        assert not trainer.critic.net._forward_hooks
        assert {p.dtype for p in weights(trainer)} == {torch.float32}

    def test_it_is_from_float32(self):
        with pytest.raises(InputError, match="autocast is from float32 to bfloat16, and dtype is float64"):
            config(autocast=True, dtype="float64")

    def test_the_game_is_read_as_it_is(self):
        loss = Coarse(gan.Wasserstein())
        assert loss.quantity(gan.Free()) == "W1"
        assert loss.quantity(wdist.Clip(0.1)) == "kappa*W1 (kappa unknown)"
        assert loss.reading(1.0, gan.Free(), 2.0) == 2.0
        assert gan.Wasserstein().objective is dual_value
