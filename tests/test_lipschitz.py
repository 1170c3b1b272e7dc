"""Slopes: what is certified against what a search finds, and the nets that are 1-Lipschitz by construction."""

import pytest
import torch

import wdist
from wdist import Clip, Cones, Flats, GradientPenalty, InputError, Orthonormal, Spectral
from wdist.critic.cones import kmeans, log_sum_exp
from wdist.critic.constraints import CONSTRAINTS
from wdist.critic.lipschitz import lipschitz_bound, mcshane, steepest_pair
from wdist.critic.nets import NORM_PRESERVING, GroupSort, MaxMin
from wdist.critic.retraction import OrthonormalAdam, polar, retract
from wdist.critic.slope import input_gradient, is_piecewise_linear
from wdist.critic.step import CriticStep, dual_value


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def clouds(d, n=400, dtype=torch.float64):
    x = torch.randn(n, d, dtype=dtype, generator=generator(d))
    return 1.5 * x.flip(0) + 0.5, x


def trained(constraint, recipe, d=5, steps=30):
    """A critic a few steps on its way."""
    x, y = clouds(d)
    net = constraint.prepare(recipe.build(x, y, generator(1)))
    step = CriticStep(net, constraint, constraint.optimizer(net, None))
    for _ in range(steps):
        step(x, y, generator(2))
    return net, x, y


HELD = {
    "spectral": (Spectral(), wdist.MLP((24, 24))),
    "cones": (Orthonormal(), Cones(8)),
    "flats": (Orthonormal(), Flats(8, pace=0.1)),
    "flats under spectral norms": (Spectral(), Flats(4)),
    "projected cones": (Orthonormal(), Cones(8, ranks=(0.5, 1))),
    **{name: (Orthonormal(), wdist.MLP((24, 24), name)) for name in NORM_PRESERVING},
}


class TestCertificates:
    @pytest.mark.parametrize("name", HELD)
    def test_no_search_finds_a_slope_above_the_certificate(self, name):
        net, x, y = trained(*HELD[name])
        bound = lipschitz_bound(net)
        slope, first, second = steepest_pair(net, x, y)
        again = (net.double()(first[None]) - net(second[None])).abs() / (first - second).norm()
        assert float(again.detach()) == pytest.approx(slope, rel=1e-6)
        assert slope <= bound * (1 + 1e-9)
        assert bound == pytest.approx(1, abs=1e-3)

    @pytest.mark.parametrize("name", [name for name in HELD if name != "spectral"])
    def test_and_it_is_attained(self, name):
        """A certificate of one that no pair comes near would waste the critic."""
        net, x, y = trained(*HELD[name])
        assert steepest_pair(net, x, y)[0] > 0.85

    def test_the_search_climbs(self):
        """Of a net whose steepest place is elsewhere it finds more than the given pairs show."""
        net = wdist.MLP((64, 64)).build(*clouds(4), generator(3))
        x, y = clouds(4)
        shown = float(((net(x) - net(y)).abs() / (x - y).norm(dim=1)).max().detach())
        assert steepest_pair(net, x, y)[0] > 1.5 * shown

    @pytest.mark.parametrize("name", HELD)
    def test_projection_is_idempotent(self, name):
        constraint, _ = HELD[name]
        net, _, _ = trained(*HELD[name])
        before = [p.detach().clone() for p in net.parameters()]
        constraint.project(net)
        for old, new in zip(before, net.parameters(), strict=True):
            assert torch.allclose(old, new, atol=1e-3 if name == "spectral" else 1e-6)

    @pytest.mark.parametrize("temperature", [1e-3, 0.1, 3.0])
    def test_cones_are_one_lipschitz_at_every_temperature(self, temperature):
        net, x, y = trained(*HELD["projected cones"])
        net.temperature.fill_(temperature)
        gradient = input_gradient(net.eval(), torch.cat([x, y])).detach()
        assert float(gradient.norm(dim=1).max()) <= 1 + 1e-9
        assert lipschitz_bound(net) == pytest.approx(1, abs=1e-9)

    def test_a_stretched_projection_is_seen(self):
        net, _, _ = trained(*HELD["projected cones"])
        with torch.no_grad():
            net.bases[0].mul_(1.25)
        assert lipschitz_bound(net) == pytest.approx(1.25, rel=1e-6)

    def test_chains_multiply_and_strangers_are_not_vouched_for(self):
        chain = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.ReLU(), torch.nn.Linear(3, 1))
        with torch.no_grad():
            chain[0].weight.copy_(2 * torch.eye(3))
            chain[2].weight.copy_(torch.tensor([[3.0, 0.0, 4.0]]))
        assert lipschitz_bound(chain) == pytest.approx(10, rel=1e-9)
        assert lipschitz_bound(torch.nn.Sequential(torch.nn.Softmax(1), torch.nn.Bilinear(1, 1, 1))) is None

    def test_a_layer_steeper_than_one_is_not_vouched_for(self):
        class Doubling(torch.nn.Linear):
            def forward(self, x):
                return 2 * super().forward(x)

        class Twice(torch.nn.Sequential):
            def forward(self, x):
                return 2 * super().forward(x)

        assert lipschitz_bound(torch.nn.LeakyReLU(3.0)) == 3
        assert lipschitz_bound(torch.nn.LeakyReLU(-2.0)) == 2
        assert lipschitz_bound(torch.nn.LeakyReLU()) == 1
        assert lipschitz_bound(Doubling(2, 2)) is None
        assert lipschitz_bound(Twice(torch.nn.Linear(2, 2))) is None


class TestMcShane:
    def test_extends_and_is_one_lipschitz(self):
        anchors, other = clouds(3, 60)
        f = mcshane(3 * torch.randn(60, dtype=torch.float64, generator=generator()), anchors)
        z = torch.cat([anchors, other])
        slopes = (f(z)[:, None] - f(z)).abs() / torch.cdist(z, z).fill_diagonal_(1)
        assert float(slopes.max()) == pytest.approx(1, abs=1e-9)

    def test_passes_through_values_that_were_one_lipschitz(self):
        anchors, _ = clouds(3, 60)
        assert torch.allclose(mcshane(anchors[:, 0], anchors)(anchors), anchors[:, 0])


class TestParts:
    def test_retraction_squares_the_error(self):
        w = torch.linalg.qr(torch.randn(7, 4, dtype=torch.float64, generator=generator())).Q
        off = w + 1e-3 * torch.randn(7, 4, dtype=torch.float64, generator=generator(1))
        errors = [float((z.T @ z - torch.eye(4)).norm()) for z in (off, retract(off), retract(off, 2))]
        assert errors[1] < 2 * errors[0] ** 2
        assert errors[2] < 1e-9
        assert torch.allclose(retract(off.T, 2), retract(off, 2).T)

    @pytest.mark.parametrize("shape", [(5, 9), (9, 5), (1, 6)])
    def test_polar_factor(self, shape):
        m = torch.randn(shape, dtype=torch.float64, generator=generator())
        u, _, vh = torch.linalg.svd(m, full_matrices=False)
        assert float((polar(m, 10) - u @ vh).norm()) < 0.5
        assert float((polar(m) * m).sum()) > 0.8 * float((u @ vh * m).sum())  # near the steepest direction

    def test_adam_is_torchs(self):
        """The free parameters take the very steps of torch.optim.Adam."""
        p, q = (torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)) for _ in range(2))
        ours = OrthonormalAdam([], [p], angle=0.1, lr=0.05)
        theirs = torch.optim.Adam([q], lr=0.05, betas=(0.9, 0.99), eps=1e-10)
        for _ in range(20):
            for z, optimizer in ((p, ours), (q, theirs)):
                optimizer.zero_grad()
                (z**4).sum().backward()
                optimizer.step()
        assert torch.allclose(p, q, rtol=1e-12)

    def test_optimizer_goes_on_from_its_state(self):
        net, x, y = trained(Orthonormal(), wdist.MLP((6,), "abs"), steps=3)
        twin, _, _ = trained(Orthonormal(), wdist.MLP((6,), "abs"), steps=0)
        twin.load_state_dict(net.state_dict())
        one, two = (Orthonormal().optimizer(z, None) for z in (net, twin))
        CriticStep(net, Orthonormal(), one)(x, y, generator())
        twin.load_state_dict(net.state_dict())
        two.load_state_dict(one.state_dict())
        for z, optimizer in ((net, one), (twin, two)):
            CriticStep(z, Orthonormal(), optimizer)(x, y, generator())
        assert all(torch.equal(p, q) for p, q in zip(net.parameters(), twin.parameters(), strict=True))

    def test_log_sum_exp(self):
        logits = 300 * torch.randn(6, 5, dtype=torch.float64, generator=generator())
        assert torch.allclose(log_sum_exp(logits), torch.logsumexp(logits, -1), rtol=1e-12)

    def test_kmeans_finds_separate_clusters(self):
        truth = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
        x = truth.repeat(40, 1) + torch.randn(120, 2, generator=generator())
        best = min(
            float(torch.cdist(truth, kmeans(x, 3, generator(seed))).amin(1).max()) for seed in range(5)
        )
        assert best < 1

    @pytest.mark.parametrize("layer", [MaxMin(), GroupSort()])
    @pytest.mark.parametrize("width", [6, 7])
    def test_sorting_activations_permute(self, layer, width):
        x = torch.randn(20, width, generator=generator())
        assert torch.equal(layer(x).sort(1).values, x.sort(1).values)
        assert not torch.equal(layer(x), x)

    def test_maxmin_by_hand(self):
        assert MaxMin()(torch.tensor([[1.0, 5.0, 3.0, 2.0]])).tolist() == [[3.0, 5.0, 1.0, 2.0]]

    def test_swapping_the_sides_of_cones_turns_the_sign(self):
        net, x, _ = trained(*HELD["projected cones"])
        before = net(x).detach()
        with torch.no_grad():
            for p in (*net.centres, net.offsets, net.normals):
                p.copy_(p.flip(0))
            net.balance.neg_()
        assert torch.allclose(net(x), -before)

    def test_ranks_are_dimensions_or_shares(self):
        net = Cones(4, ranks=(0.5, 0.25, 1)).build(*clouds(10), generator())
        assert [basis.shape for basis in net.bases] == [(5, 10), (3, 10), (1, 10)]
        assert [tuple(c.shape) for c in net.centres] == [(2, 4, 10), (2, 4, 5), (2, 4, 3), (2, 4, 1)]
        assert (
            len(Cones(4, ranks=(3,)).build(*clouds(3), generator()).bases) == 0
        )  # the whole space is there already

    def test_shares_of_thousands_of_dimensions_are_cut(self):
        """Half of 12288 would be a matrix of 75 million numbers, and its retraction a minute a step."""
        x, y = clouds(12288, 8, torch.float32)
        net = Cones(4, ranks=(0.5, 0.25, 1, 200)).build(x, y, generator())
        assert [len(basis) for basis in net.bases] == [200, 104, 1]
        assert [len(basis) for basis in Cones(4, ranks=(0.5,)).build(*clouds(784, 8), generator()).bases] == [
            392
        ]


class TestGradients:
    @pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
    @pytest.mark.parametrize("widths", [(16,), (16, 12), (8, 8, 8)])
    def test_closed_form_is_the_double_backward(self, activation, widths):
        """Values and the penalty's gradient in every weight, to 1e-6 of autograd differentiated twice."""
        x, y = clouds(4)
        net = wdist.MLP(widths, activation).build(x, y, generator(5))
        assert is_piecewise_linear(net)

        def twice():
            z = x.clone().requires_grad_(True)
            (g,) = torch.autograd.grad(net(z).sum(), z, create_graph=True)
            return g

        def penalty(g):
            return (g.norm(dim=1) - 1).square().mean()

        found, wanted = input_gradient(net, x), twice()
        assert torch.allclose(found, wanted, rtol=1e-6)
        weights = net.matrices()  # biases do not bend a piecewise linear function
        for w, v in zip(*(torch.autograd.grad(penalty(g), weights) for g in (found, wanted)), strict=True):
            assert torch.allclose(w, v, rtol=1e-6, atol=1e-12)
            assert w.any()

    @pytest.mark.parametrize("activation", ["tanh", "softplus", "maxmin"])
    def test_others_are_differentiated_twice(self, activation):
        x, y = clouds(3)
        net = wdist.MLP((8,), activation).build(x, y, generator())
        assert not is_piecewise_linear(net)
        step = 1e-6 * torch.eye(3, dtype=torch.float64)
        slopes = torch.stack([(net(x + h) - net(x - h)) / 2e-6 for h in step], dim=1)
        assert torch.allclose(input_gradient(net, x), slopes, atol=1e-6)

    def test_where_a_penalty_looks(self):
        class Steep(torch.nn.Module):
            """|∇f| = |x|: half the square."""  # differentiable in x only

            def forward(self, x):
                return x.square().sum(1) / 2

        x, y = torch.full((50, 1), 3.0).double(), torch.full((50, 1), 2.0).double()
        pay = {
            where: float(GradientPenalty(1.0, where=where).penalty(Steep(), x, y, generator()).detach())
            for where in ("data", "interpolates", "both")
        }
        assert pay["data"] == pytest.approx((4 + 1) / 2)
        assert 1 < pay["interpolates"] < 4
        assert pay["both"] == pytest.approx((pay["interpolates"] + 4 + 1) / 3)

    def test_one_sided_spares_what_is_flat(self):
        class Flat(torch.nn.Module):
            def forward(self, x):
                return 0.5 * x[:, 0]

        x, y = clouds(2)
        assert float(GradientPenalty(10.0, two_sided=False).penalty(Flat(), x, y, generator()).detach()) == 0
        assert float(GradientPenalty(10.0).penalty(Flat(), x, y, generator()).detach()) == pytest.approx(2.5)


class TestRefusals:
    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda: Flats(0), "flats is 0; pass an int of at least 1"),
            (lambda: Flats(planes=-1), "planes is -1; pass an int of at least 0"),
            (lambda: Flats(pace=0), "pace is 0; pass a finite number above zero"),
            (lambda: Cones(0), "centres is 0; pass an int of at least 1"),
            (lambda: Cones(planes=-1), "planes is -1; pass an int of at least 0"),
            (lambda: Cones(ranks=(0,)), "ranks is (0,); pass dimensions, or shares of the dimension"),
            (lambda: Cones(ranks=2), "ranks is 2; pass dimensions"),
            (lambda: Cones(pace=0), "pace is 0; pass a finite number above zero"),
            (
                lambda: GradientPenalty(where="here"),
                "where is 'here'; choose one of interpolates, data, both",
            ),
            (lambda: GradientPenalty(two_sided=1), "two_sided is 1; pass True, or False"),
            (lambda: wdist.Critic(budget=0), "budget is 0; pass seconds above zero, or None"),
            (
                lambda: Orthonormal().prepare(wdist.MLP((4,)).build(*clouds(2), generator())),
                "Orthonormal needs an activation that preserves norms, and relu does not",
            ),
            (
                lambda: Spectral().prepare(torch.nn.Linear(2, 1)),
                "Spectral cannot hold a Linear; pass a recipe",
            ),
            (
                lambda: GradientPenalty().prepare(
                    torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
                ),
                "the network has batch normalisation (1), under which f(x) depends on the other points",
            ),
        ],
    )
    def test_they_say_what_to_do(self, make, text):
        with pytest.raises(InputError) as caught:
            make()
        assert text in str(caught.value)


def test_registry_holds_every_constraint():
    assert {
        "clip": Clip, "gradient_penalty": GradientPenalty, "spectral": Spectral, "orthonormal": Orthonormal,
    } == CONSTRAINTS  # fmt: skip


def test_a_cone_net_ascends():
    net, x, y = trained(Orthonormal(), Cones(8), steps=0)
    before = float(dual_value(net, x, y).detach())
    net, x, y = trained(Orthonormal(), Cones(8), steps=60)
    assert float(dual_value(net, x, y).detach()) > before + 0.1
