"""The doctor: each fault of a WGAN, made on purpose, is found by name and nothing else is; what is sound passes."""

import json
import re
import shlex

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.errors import InputError

SHAPE = (3, 4, 5)
RNG = torch.Generator().manual_seed(0)
X, Z = torch.randn(8, *SHAPE, generator=RNG), torch.randn(8, 6, generator=RNG)


def filled(net, seed=1):
    """A module with weights from a generator of ours."""
    rng = torch.Generator().manual_seed(seed)
    for weight in net.parameters():
        weight.data.uniform_(-0.5, 0.5, generator=rng)
    return net


def critic(*more, first=()):
    return filled(
        nn.Sequential(*first, nn.Flatten(), nn.Linear(60, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), *more)
    )


def generator(*more, shape=SHAPE):
    return filled(
        nn.Sequential(nn.Linear(6, 60), nn.LeakyReLU(0.2), nn.Linear(60, 60), *more, nn.Unflatten(1, shape))
    )


def slope(net, x, y, seen=lambda values: values.sum(), graph=True):
    t = torch.rand(len(x), 1, 1, 1)
    z = (t * x + (1 - t) * y).requires_grad_()
    return torch.autograd.grad(seen(net(z)), z, create_graph=graph)[0]


def penalty(net, x, y):
    """Right: over the whole gradient of each point."""
    return 10 * (slope(net, x, y).flatten(1).norm(dim=1) - 1).square().mean()


WRONG = {
    r"its norm is over axis 1 of a batch of shape \(n, 3, 4, 5\) alone":
        lambda f, x, y: (slope(f, x, y).norm(2, dim=1) - 1).square().mean(),
    "its norm is over axis 2, 3 of a batch":
        lambda f, x, y: 10 * (slope(f, x, y).flatten(2).norm(dim=2) - 1).square().mean(),
    "it takes each coordinate's slope by itself":
        lambda f, x, y: 10 * (slope(f, x, y).abs() - 1).square().mean(),
    "its norm is over the whole batch":
        lambda f, x, y: 10 * (slope(f, x, y).norm() - 1).square(),
    "the gradient of the mean over the batch":
        lambda f, x, y: 10 * (slope(f, x, y, torch.mean).flatten(1).norm(dim=1) - 1).square().mean(),
    "the square of the slope":
        lambda f, x, y: 10 * (slope(f, x, y).flatten(1).square().sum(1) - 1).square().mean(),
    "draws the slope to zero":
        lambda f, x, y: 10 * slope(f, x, y).flatten(1).norm(dim=1).square().mean(),
    "half the batch pays 0.5 of the whole":
        lambda f, x, y: 10 * (slope(f, x, y).flatten(1).norm(dim=1) - 1).square().sum(),
    "at slopes of 1, 2 and 3 it costs 1, 2, 3, which is not":
        lambda f, x, y: slope(f, x, y).flatten(1).norm(dim=1).mean(),
    "it costs nothing":
        lambda f, x, y: 0 * slope(f, x, y).norm(),
}  # fmt: skip


def faults(critic_=None, generator_=None, **losses):
    found = gan.doctor(critic_ or critic(), generator_ or generator(), losses.pop("x", X), Z, **losses)
    return {finding.check: finding for finding in found.faults}


class TestSound:
    def test_all_is_asked_and_nothing_found(self):
        def critic_loss(f, g, x, z):
            return f(g(z).detach()).mean() - f(x).mean()

        found = gan.doctor(critic(), generator(), X, Z, penalty=penalty, critic_loss=critic_loss)
        assert found.sound, str(found)
        assert len(found.findings) == 12
        assert "zero at slope one; λ is 10" in str(found)
        assert not any("not asked" in finding.seen for finding in found.findings)

    def test_slopes_that_bfloat16_keeps_change_by_less_than_is_told(self):
        exact = nn.Sequential(nn.Flatten(), nn.Linear(60, 1))
        exact[1].weight.data.fill_(0.5)
        found = gan.doctor(exact, generator(), X, Z)
        assert "slopes change by less than 0.1% under autocast" in str(found)

    @pytest.mark.parametrize("loss", ["wgan", "wgan-lp", "wgan-gp", "wgan-orthonormal", "gan", "gan-minimax"])
    def test_ours(self, loss):
        found = gan.doctor_of(gan.preset(loss, "ring", batch=8))
        assert found.sound, str(found)
        told = r"slopes change by (\d\.\d|less than 0\.1)% under autocast \(median; 5% is too much\)"
        assert re.search(told, str(found))

    def test_nothing_is_moved(self):
        f, g = critic(), generator(nn.BatchNorm1d(60))
        before = [p.clone() for p in [*f.state_dict().values(), *g.state_dict().values()]]
        state = torch.get_rng_state()
        gan.doctor(f, g, X, Z, penalty=penalty)
        assert torch.equal(state, torch.get_rng_state())
        after = [*f.state_dict().values(), *g.state_dict().values()]
        assert all(map(torch.equal, before, after))
        assert all(p.grad is None for p in f.parameters())

    def test_a_sound_one_sided_penalty(self):
        def one_sided(f, x, y):
            return (slope(f, x, y).flatten(1).norm(dim=1) - 1).relu().square().mean()

        assert "norm of the penalty" not in faults(penalty=one_sided)

    def test_a_critic_of_the_opposite_sign_is_as_good(self):
        losses = {
            "critic_loss": lambda f, g, x, z: f(x).mean() - f(g(z).detach()).mean(),
            "generator_loss": lambda f, g, x, z: f(g(z)).mean(),
        }
        assert faults(**losses) == {}


class TestFaults:
    @pytest.mark.parametrize("text", WRONG)
    def test_penalties(self, text):
        found = faults(penalty=WRONG[text])
        assert set(found) == {"norm of the penalty"}
        assert re.search(text, found["norm of the penalty"].wrong)
        assert found["norm of the penalty"].mend

    def test_a_penalty_that_does_not_reach_the_weights(self):
        def cut(f, x, y):
            return 10 * (slope(f, x, y, graph=False).flatten(1).norm(dim=1) - 1).square().mean()

        assert set(faults(penalty=cut)) == {"gradient of the penalty"}
        assert "create_graph=True" in faults(penalty=cut)["gradient of the penalty"].mend

    def test_batch_normalisation_in_a_critic_is_named(self):
        found = faults(critic(first=[nn.BatchNorm2d(3)]), penalty=penalty)
        assert set(found) == {"one point at a time", "parts of a batch (processes, accumulation)"}
        assert "(0 is BatchNorm2d)" in found["one point at a time"].wrong
        assert "critic.0 is BatchNorm2d" in found["parts of a batch (processes, accumulation)"].wrong

    def test_batch_normalisation_in_a_generator_is_a_fault_of_parts_alone(self):
        check, g = "parts of a batch (processes, accumulation)", generator(nn.BatchNorm1d(60))
        found = gan.doctor(critic(), g, X, Z, penalty=penalty)
        assert found.sound, str(found)
        assert "on whole batches in one process only: generator.3 is BatchNorm1d" in str(found)
        found = faults(generator_=g, parts=True)
        assert set(found) == {check}
        assert "(generator.3 is BatchNorm1d)" in found[check].wrong
        assert check in faults(critic(first=[nn.BatchNorm2d(3)]), g, penalty=penalty)

    def test_statistics_of_the_batch_are_found_without_a_name(self):
        class Centred(nn.Module):
            def forward(self, x):
                return x - x.mean(dim=0).detach()  # no gradient tells it

        assert "one point at a time" in faults(critic(first=[Centred()]))

    def test_layer_normalisation_is_no_fault(self):
        assert faults(critic(first=[nn.LayerNorm(SHAPE)]), penalty=penalty) == {}

    @pytest.mark.parametrize(
        ("layer", "text"),
        [(nn.Sigmoid(), "between 0 and 1"), (nn.Tanh(), "a tanh"), (nn.ReLU(), "a ReLU"), (nn.Softplus(), "a softplus"),
         (nn.LeakyReLU(), "a leaky ReLU")],
    )  # fmt: skip
    def test_a_last_activation(self, layer, text):
        found = faults(critic(layer, nn.Flatten(0)))
        assert text in found["last layer of the critic"].wrong

    def test_fakes_that_are_not_detached(self):
        found = faults(critic_loss=lambda f, g, x, z: f(g(z)).mean() - f(x).mean())
        assert set(found) == {"detached fakes"}
        assert "goes back into the generator" in found["detached fakes"].wrong

    def test_losses_that_point_apart(self):
        found = faults(generator_loss=lambda f, g, x, z: f(g(z)).mean())
        assert set(found) == {"signs of the losses"}
        assert "real points up, " in found["signs of the losses"].wrong
        assert "on generated ones down: away" in found["signs of the losses"].wrong

    def test_a_generator_that_the_data_are_out_of_reach_of(self):
        found = faults(generator_=generator(nn.Tanh()))
        assert set(found) == {"generated points"}
        assert "held between -1 and 1, and real points go from" in found["generated points"].wrong
        assert faults(generator_=generator(nn.Tanh()), x=X.clamp(-1, 1)) == {}

    def test_shapes(self):
        assert (
            "(8, 3, 5, 4) and real points are (8, 3, 4, 5)"
            in faults(generator_=generator(shape=(3, 5, 4)))["generated points"].wrong
        )
        found = faults(filled(nn.Sequential(nn.Flatten(), nn.Linear(60, 2))))
        assert "the critic gives (8, 2) for 8 points" in found["one number a point"].wrong

    def test_layers_that_no_gradient_reaches(self):
        class Cut(nn.Module):
            def forward(self, x):
                return x.detach()

        found = faults(
            generator_=filled(
                nn.Sequential(nn.Linear(6, 60), Cut(), nn.Linear(60, 60), nn.Unflatten(1, SHAPE))
            )
        )
        assert found["gradients reach every layer"].wrong == "no gradient comes to generator.0.weight"

    def test_one_point_of_all_latents(self):
        g = generator()
        g[0].weight.data.zero_()
        assert "one point of all latents" in faults(generator_=g)["different latents, different points"].wrong

    def test_slopes_that_bfloat16_loses(self):
        class Fine(nn.Module):
            """A slope that is the small difference of two."""

            def __init__(self):
                super().__init__()
                self.up, self.down = nn.Linear(60, 1), nn.Linear(60, 1)

            def forward(self, x):
                return self.up(x.flatten(1)) - self.down(x.flatten(1))

        fine = filled(Fine())
        with torch.no_grad():
            fine.down.weight.copy_(fine.up.weight * 1.001)
        found = faults(fine)
        assert set(found) == {"bfloat16"}
        assert "keep the penalty, or all of it, in float32" in found["bfloat16"].mend

    def test_a_point_at_a_kink_is_no_fault_of_bfloat16(self):
        """Rounding moves points past kinks in every ReLU net of some size, and all presets are of such."""
        for loss, data in (("wgan-gp", "grid"), ("wgan", "grid"), ("wgan-gp", "mnist")):
            assert gan.doctor_of(gan.preset(loss, data)).sound

    def test_a_config_that_is_refused(self):
        config = gan.preset("wgan-orthonormal", "ring", critic=wdist.MLP((8,), "relu"))
        (finding,) = gan.doctor_of(config).faults
        assert finding.check == "config"
        assert "Orthonormal needs an activation that preserves norms" in finding.wrong

    def test_networks_of_another_width_are_told_what_they_were_given(self):
        flat = X.flatten(1)
        with pytest.raises(
            InputError, match=r"the critic cannot take x, of shape \(8, 60\) \(mat1.*build it for"
        ):
            gan.doctor(nn.Linear(7, 1), generator(shape=(60,)), flat, Z)
        with pytest.raises(
            InputError, match=r"the generator cannot take z, of shape \(8, 5\).*build it for \(5,\)"
        ):
            gan.doctor(critic(), generator(), X, Z[:, :5])

    def test_too_few_points(self):
        with pytest.raises(
            InputError, match="x has 3 points and z 3 latents; pass as many of both, at least 4"
        ):
            gan.doctor(critic(), generator(), X[:3], Z[:3])

    @pytest.mark.slow
    def test_a_compiled_critic_cannot_be_differentiated_twice(self):
        found = gan.doctor(critic(), generator(), X, Z, compiler="aot_eager").findings[-1]
        assert found.check == "torch.compile (aot_eager)"
        assert "cannot be differentiated twice" in found.wrong


class TestCommandLine:
    def cli(self, line):
        return CliRunner().invoke(app, shlex.split(f"gan doctor {line}"), prog_name="wdist")

    def test_it_says_what_it_saw(self):
        result = self.cli("--data ring --units 8 --batch 8")
        assert result.exit_code == 0, result.output
        assert "ok    norm of the penalty: zero at slope one; λ is 0.1" in result.stdout

    def test_the_published_pair_is_sound_on_whole_batches(self):
        nets = "--data mnist --critic dcgan --generator dcgan --channels 4 --batch 8"
        result = self.cli(nets)
        assert result.exit_code == 0, result.output
        assert "on whole batches in one process only: generator.2 is BatchNorm2d" in result.stdout
        result = self.cli(f"{nets} --accumulate 2")
        assert result.exit_code == 2
        assert "WRONG config: batch normalisation goes by the whole batch" in result.stdout

    def test_a_fault_is_an_exit_code(self):
        result = self.cli("--data ring --generator dcgan --json")
        assert result.exit_code == 2
        (finding,) = json.loads(result.stdout)
        assert "use gan.MLPGenerator" in finding["wrong"]
