"""The Sinkhorn divergence: against POT, against its limits, its gradients, and what its report certifies."""

import numpy as np
import ot
import pytest
import torch

from wdist.errors import InputError, NotConvergedError
from wdist.methods.sinkhorn import Sinkhorn, sinkhorn_divergence
from wdist.plans import entropic
from wdist.plans.ctransform import dual_bound
from wdist.plans.entropic import entropic_potentials
from wdist.plans.pairs import Matrix
from wdist.question import ask
from wdist.result import Bound
from wdist.rng import as_rng


def clouds(seed=0, n=30, m=20, d=3):
    gen = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=gen, dtype=torch.float64)
    y = 1.3 * torch.randn(m, d, generator=gen, dtype=torch.float64) + 0.5
    a, b = (torch.rand(k, generator=gen, dtype=torch.float64) + 0.1 for k in (n, m))
    return x, y, a / a.sum(), b / b.sum()


def estimate(a, b, method=None, **options):
    rng = as_rng(0)
    return (method or Sinkhorn()).estimate(ask(a, b, rng=rng, **options), rng)


def exact_cost(x, y, p=2.0, a=None, b=None):
    a, b = (np.full(len(z), 1 / len(z)) if w is None else w.numpy() for z, w in ((x, a), (y, b)))
    return float(ot.emd2(a, b, np.linalg.norm(x.numpy()[:, None] - y.numpy(), axis=2) ** p, numItermax=10**7))


# -- the entropic problem --------------------------------------------------------------


@pytest.mark.parametrize("share", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_the_plan_and_its_cost_are_pots(share, p):
    x, y, a, b = clouds()
    cost = torch.cdist(x, y) ** p
    epsilon = share * float(cost.mean())
    found = entropic_potentials(Matrix(cost), a, b, epsilon, tol=1e-12, max_iter=20000)
    plan = torch.exp((found.u[:, None] + found.v - cost) / epsilon) * a[:, None] * b
    theirs = ot.bregman.sinkhorn_log(
        a.numpy(), b.numpy(), cost.numpy(), epsilon, stopThr=1e-12, numItermax=10**5, warn=True
    )
    np.testing.assert_allclose(plan.numpy(), theirs, atol=1e-9)
    assert float((plan * cost).sum()) == pytest.approx(float((theirs * cost.numpy()).sum()), rel=1e-8)
    entropy = float((plan * (plan / (a[:, None] * b)).log()).sum())
    primal = float((plan * cost).sum()) + epsilon * entropy
    assert float(found.value) == pytest.approx(primal, rel=1e-10)


def test_the_value_is_a_lower_bound_and_wrong_only_to_second_order():
    x, y, a, b = clouds(1)
    cost = torch.cdist(x, y) ** 2
    best = entropic_potentials(Matrix(cost), a, b, 0.3, tol=1e-13, max_iter=20000)
    options = {"tol": 1e-13, "max_iter": 1}
    shift = torch.linspace(-1, 1, 30).double() ** 3
    gaps = []
    for h in (1e-2, 1e-3):
        off = entropic_potentials(Matrix(cost), a, b, 0.3, guess=(best.u + h * shift, best.v), **options)
        gaps.append(float(best.value - off.value))
    assert 0 < gaps[1] < gaps[0]
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=0.1)


def test_the_solver_treats_both_sides_alike():
    x, y, a, b = clouds(2)
    cost = torch.cdist(x, y)
    there = entropic_potentials(Matrix(cost), a, b, 0.05, tol=1e-4, max_iter=1000)
    back = entropic_potentials(Matrix(cost.mT), b, a, 0.05, tol=1e-4, max_iter=1000)
    assert there.iterations == back.iterations
    torch.testing.assert_close(there.u, back.v, rtol=1e-6, atol=1e-8)


def test_an_element_of_a_batch_stops_where_it_has_converged():
    x, y, a, b = clouds(2)
    costs = torch.stack([torch.cdist(x, y), torch.cdist(x, y) ** 4])
    costs /= costs.amax(dim=(1, 2), keepdim=True)  # one schedule of levels for both
    both = entropic_potentials(Matrix(costs), a.expand(2, 30), b.expand(2, 20), 0.01, tol=1e-3, max_iter=1000)
    alone = [entropic_potentials(Matrix(cost), a, b, 0.01, tol=1e-3, max_iter=1000) for cost in costs]
    assert both.iterations >= max(one.iterations for one in alone) > min(one.iterations for one in alone)
    for i in range(2):
        torch.testing.assert_close(both.u[i], alone[i].u, rtol=1e-6, atol=1e-9)


def test_mixing_falls_back_on_the_averaged_step_and_starts_afresh():
    mixing = entropic._Anderson(torch.full((4,), 0.5).double())
    points = torch.arange(16.0).double().reshape(4, 4)
    images, errors = points + 1, [torch.tensor(e) for e in (1.0, 0.5, 3.0, 5.0)]
    first = mixing.step(points[0], images[0], errors[0])
    torch.testing.assert_close(first, points[0] + 0.5)
    mixing.step(points[1], images[1], errors[1])
    refuge = mixing.step(points[2], images[2], errors[2])  # six times as bad as the best
    torch.testing.assert_close(refuge, points[1] + 0.5)
    onward = mixing.step(
        points[3], images[3], errors[3]
    )  # the best is forgotten, or it would be trapped here
    assert float((onward - refuge).abs().max()) > 1


def hard(kind, gen):
    x, y = (torch.randn(k, 5, generator=gen, dtype=torch.float64) for k in (300, 350))
    if kind == "clusters":  # mass has to cross between clusters that share hardly any
        centres = 20 * torch.randn(8, 5, generator=gen, dtype=torch.float64)
        return [centres[torch.randint(8, (len(z),), generator=gen)] + z for z in (x, y)]
    if kind == "heavy tails":
        return [z / torch.rand(len(z), 1, generator=gen) ** 0.8 for z in (x, y)]
    return (x[:, :1], 3 * y[:, :1]) if kind == "line" else (x, y + 100)


@pytest.mark.parametrize("kind", ["clusters", "heavy tails", "line", "far apart"])
@pytest.mark.parametrize("p", [1, 2])
def test_hard_clouds_converge(kind, p):
    x, y = hard(kind, torch.Generator().manual_seed(5))
    est = estimate(x, y, p=p)
    assert est.converged
    assert est.detail.marginal_error <= 1e-4
    assert est.detail.iterations < 1500
    assert est.lower <= exact_cost(x, y, p) ** (1 / p) <= est.upper


# -- the divergence --------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_a_huge_epsilon_gives_the_difference_of_mean_costs(p):
    x, y, a, b = clouds(3)
    across, within_x, within_y = (torch.cdist(*pair) ** p for pair in ((x, y), (x, x), (y, y)))
    limit = a @ across @ b - (a @ within_x @ a + b @ within_y @ b) / 2
    value = sinkhorn_divergence(x, y, p=p, epsilon=1e7, weights_x=a, weights_y=b)
    assert float(value) ** p == pytest.approx(float(limit), rel=1e-5)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_a_falling_epsilon_gives_the_exact_cost(p):
    x, y, a, b = clouds(4, 40, 40)
    exact = exact_cost(x, y, p, a, b)
    epsilons = [0.5, 0.1, 0.02, 0.004]
    gaps = [
        abs(float(sinkhorn_divergence(x, y, p=p, epsilon=e, weights_x=a, weights_y=b)) ** p - exact) / exact
        for e in epsilons
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 5e-3
    slope = np.polyfit(np.log(epsilons), np.log(gaps), 1)[0]
    assert slope > 0.8, "the gap closes at least about as fast as epsilon"


def test_a_translation_costs_its_length_at_every_epsilon():
    x, _, a, _ = clouds(5)
    shift = torch.tensor([1.0, -2.0, 2.0]).double()
    for epsilon in (0.01, 1.0, 100.0):
        value = sinkhorn_divergence(x, x + shift, epsilon=epsilon, weights_x=a, weights_y=a, tol=1e-9)
        assert float(value) == pytest.approx(3, rel=1e-9)


def test_single_atoms():
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 6.0]])
    assert float(sinkhorn_divergence(x, y, epsilon=0.7)) == 5
    assert float(sinkhorn_divergence(x, y, epsilon=0.7, p=1.0, metric="cityblock")) == 7
    est = estimate(x, y, p=3)
    assert (est.value, est.upper) == (pytest.approx(5), pytest.approx(5))
    assert est.lower == pytest.approx(5)


def test_equal_measures_are_at_zero():
    x, _, a, _ = clouds(6)
    shuffled = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    for p in (1.0, 2.0):
        value = sinkhorn_divergence(x, x[shuffled], p=p, epsilon=0.05, weights_x=a, weights_y=a[shuffled])
        assert float(value) < 1e-7
    twice = torch.cat([x, x])
    assert float(sinkhorn_divergence(x, twice, epsilon=0.05)) < 1e-7
    assert estimate(x, twice, p=2).value < 1e-7
    assert estimate(torch.zeros(3, 2), torch.zeros(5, 2), p=2).value == 0


def test_symmetry():
    x, y, a, b = clouds(7)
    there = sinkhorn_divergence(x, y, epsilon=0.05, weights_x=a, weights_y=b)
    back = sinkhorn_divergence(y, x, epsilon=0.05, weights_x=b, weights_y=a)
    assert float(there) == pytest.approx(float(back), rel=1e-11)
    est, tse = (estimate(*pair, p=1) for pair in ((x, y), (y, x)))
    assert (est.value, est.upper) == (pytest.approx(tse.value, rel=1e-11), pytest.approx(tse.upper, rel=1e-3))


def test_weights_are_repeated_points_and_zero_weights_are_none():
    x, y, _, _ = clouds(8, 6, 5)
    counts = torch.tensor([1, 2, 3, 1, 2, 1])
    many = x.repeat_interleave(counts, dim=0)
    options = {"epsilon": 0.3, "tol": 1e-10}
    weighted = sinkhorn_divergence(x, y, weights_x=counts.double() / 10, **options)
    assert float(weighted) == pytest.approx(float(sinkhorn_divergence(many, y, **options)), rel=1e-9)
    far = torch.cat([y, torch.full((2, 3), 40.0).double()])
    near = torch.cat([x, torch.full((1, 3), 40.0).double()])
    a, b = torch.tensor([1.0] * 6 + [0.0]), torch.tensor([1.0] * 5 + [0.0, 1e-300], dtype=torch.float64)
    dropped = sinkhorn_divergence(near, far, weights_x=a, weights_y=b, **options)
    assert float(dropped) == pytest.approx(float(sinkhorn_divergence(x, y, **options)), rel=1e-9)


def test_batches_are_loops_and_dtypes_stay():
    gen = torch.Generator().manual_seed(9)
    x, y = torch.randn(2, 3, 12, 2, generator=gen), 2 * torch.randn(2, 3, 9, 2, generator=gen) + 0.3
    y[0, 1] = torch.cat([x[0, 1, :6], x[0, 1, :3]])  # one of them close, so that its solve ends early
    a, b = torch.rand(2, 3, 12, generator=gen) + 0.1, torch.rand(9, generator=gen) + 0.1
    options = {"epsilon": 0.1, "tol": 1e-9}
    batch = sinkhorn_divergence(x, y, weights_x=a, weights_y=b, **options)
    assert batch.shape == (2, 3)
    assert batch.dtype is torch.float32
    for i in range(2):
        for j in range(3):
            one = sinkhorn_divergence(x[i, j], y[i, j], weights_x=a[i, j], weights_y=b, **options)
            assert float(batch[i, j]) == pytest.approx(float(one), rel=1e-6)


@pytest.mark.parametrize(
    ("p", "metric"), [(1.0, "euclidean"), (2.0, "euclidean"), (3.0, "euclidean"), (1.5, "cityblock")]
)
def test_gradients(p, metric):
    x, y, a, b = clouds(10, 6, 5, 2)

    def loss(x, y, logits_a, logits_b):
        weights = {"weights_x": logits_a.softmax(0), "weights_y": logits_b.softmax(0)}
        return sinkhorn_divergence(x, y, p=p, epsilon=0.4, metric=metric, tol=1e-13, **weights)

    inputs = [t.requires_grad_() for t in (x, y, a.log(), b.log())]
    assert torch.autograd.gradcheck(loss, inputs, atol=1e-6, rtol=1e-4)


def test_gradients_in_a_batch_and_where_the_distance_is_zero():
    x = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    y = torch.stack([x.detach()[0], x.detach()[1] + 1])
    value = sinkhorn_divergence(x, y, epsilon=0.2, tol=1e-12)
    value.sum().backward()
    assert float(value[0].detach()) < 1e-7
    assert bool(torch.isfinite(x.grad).all())
    torch.testing.assert_close(x.grad[1].sum(0), torch.full((2,), -(0.5**0.5)).double())  # −(shift direction)


def test_descent_carries_one_cloud_onto_the_other():
    x, y, _, _ = clouds(11, 40, 40, 2)
    x.requires_grad_()
    for _ in range(30):
        (gradient,) = torch.autograd.grad(sinkhorn_divergence(x, y, epsilon=0.05) ** 2, x)
        x = (x - 0.5 * 40 * gradient).detach().requires_grad_()
    assert exact_cost(x.detach(), y) < 0.02 * exact_cost(clouds(11, 40, 40, 2)[0], y)


# -- the report ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("p", [1, 2, 3.5])
@pytest.mark.parametrize("blur", [0.3, 0.05, 0.01])
def test_the_bracket_holds_the_exact_distance(seed, p, blur):
    x, y, a, b = clouds(20 + seed)
    exact = exact_cost(x, y, p, a, b) ** (1 / p)
    est = estimate(x, y, Sinkhorn(blur=blur), p=p, weights_a=a, weights_b=b)
    assert est.lower <= exact * (1 + 1e-12)
    assert exact <= est.upper * (1 + 1e-12)
    assert est.bound is Bound.NONE
    if blur == 0.01:
        assert est.upper < 1.003 * exact
        assert est.lower > 0.997 * exact
        assert est.value == pytest.approx(exact, rel=3e-3)


def test_the_bracket_under_other_metrics():
    x, y, _, _ = clouds(30)
    for metric in ("cityblock", "chebyshev"):
        order = {"cityblock": 1, "chebyshev": np.inf}[metric]
        cost = np.linalg.norm(x.numpy()[:, None] - y.numpy(), ord=order, axis=2)
        exact = ot.emd2([], [], cost, numItermax=10**7)
        est = estimate(x, y, p=1, metric=metric)
        assert est.lower <= exact <= est.upper

    def crossing(x, y):  # neither homogeneous nor blind to a shift
        return np.minimum(np.linalg.norm(x[:, None] - y, axis=2), 1 + abs(x[:, None, 0]) + abs(y[:, 0]))

    exact = ot.emd2([], [], crossing(x.numpy(), y.numpy()) ** 2, numItermax=10**7) ** 0.5
    est = estimate(x.numpy(), y.numpy(), p=2, metric=crossing)
    assert 0.95 * exact < est.lower <= exact <= est.upper < 1.05 * exact


@pytest.mark.parametrize("unit", [1e-150, 1e-6, 1e6, 1e150])
def test_the_report_moves_with_unit_and_origin(unit):
    x, y, _, _ = clouds(31)
    here = estimate(x, y, p=2)
    shifted = estimate(unit * (x + 1e5), unit * (y + 1e5), p=2)
    for name in ("value", "lower", "upper"):
        assert getattr(shifted, name) == pytest.approx(unit * getattr(here, name), rel=1e-7)
    kernel = sinkhorn_divergence(x + 1e5, y + 1e5, epsilon=here.detail.epsilon)
    assert float(kernel) == pytest.approx(here.value, rel=1e-7)


def test_no_order_is_too_high():
    x, y, _, _ = clouds(35, 12, 12)
    exact = exact_cost(x / 10, y / 10, 60) ** (1 / 60)
    est = estimate(1e6 * x, 1e6 * y, p=60)
    assert est.lower <= 1e7 * exact <= est.upper < 1.5e7 * exact

    def metric(x, y):
        return 1e7 * np.linalg.norm(x[:, None] - y, axis=2)

    same = estimate(x.numpy() / 10, y.numpy() / 10, p=60, metric=metric)
    assert same.upper == pytest.approx(est.upper, rel=1e-6)


def test_a_metric_that_hands_out_its_own_matrix_gets_it_back_unchanged():
    x, y, _, _ = clouds(36)
    matrices = {len(s): torch.cdist(torch.cat([x, y]), s) for s in (x, y)}

    def metric(s, t):
        whole = matrices[len(t)]
        return whole[:30] if len(s) == 30 else whole[30:]

    kept = {k: matrix.clone() for k, matrix in matrices.items()}
    assert estimate(x, y, p=2, metric=metric).value == pytest.approx(estimate(x, y, p=2).value, rel=1e-9)
    dual_bound(
        torch.zeros(20).double(), x, y, torch.ones(30).double() / 30, torch.ones(20).double() / 20, metric, 2
    )
    assert all(bool((matrices[k] == kept[k]).all()) for k in kept)


def test_epsilon_is_that_of_the_kernel():
    x, y, a, b = clouds(32)
    est = estimate(x, y, Sinkhorn(epsilon=0.7, tol=1e-10), p=2, weights_a=a, weights_b=b)
    value = sinkhorn_divergence(x, y, epsilon=0.7, tol=1e-10, weights_x=a, weights_y=b)
    assert est.value == pytest.approx(float(value), rel=1e-9)
    assert est.detail.epsilon == pytest.approx(0.7)
    assert est.quantity == "Sinkhorn divergence W2 (epsilon=0.7)"
    default = estimate(x, y, p=2, weights_a=a, weights_b=b)
    assert default.detail.epsilon == pytest.approx(0.05**2 * float(a @ torch.cdist(x, y) ** 2 @ b))


def test_potentials_come_in_the_unit_of_the_data():
    x, y, a, b = (100 * t if t.ndim == 2 else t for t in clouds(33))
    est = estimate(x, y, Sinkhorn(tol=1e-9), p=2, weights_a=a, weights_b=b)
    u, v = (torch.from_numpy(w) for w in (est.detail.potential_a, est.detail.potential_b))
    plan = torch.exp((u[:, None] + v - torch.cdist(x, y) ** 2) / est.detail.epsilon) * a[:, None] * b
    torch.testing.assert_close(plan.sum(1), a, rtol=0, atol=1e-7)


def test_a_solve_cut_short_says_so_and_still_bounds():
    x, y, _, _ = clouds(34, 60, 50)
    est = estimate(x, y, Sinkhorn(blur=0.02, max_iter=3), p=2)
    assert not est.converged
    assert est.detail.marginal_error > 1e-4
    error = est.detail.marginal_error
    said = f"marginal error is {error:.2g}" if error < 1 else "marginals are not met at all"
    assert said in est.message
    assert "max_iter=3" in est.message
    assert est.lower <= exact_cost(x, y) ** 0.5 <= est.upper
    with pytest.raises(NotConvergedError, match=said):
        float(est)
    with pytest.raises(NotConvergedError, match="max_iter=3"):
        sinkhorn_divergence(x, y, epsilon=0.01, max_iter=3)


def test_what_it_refuses():
    rng = as_rng(0)
    x, y, _, _ = clouds()
    assert "finite p" in Sinkhorn().refusal(ask(x, y, p=float("inf"), rng=rng))
    assert "samples" in Sinkhorn().refusal(ask(x, y, target="population", rng=rng))
    assert Sinkhorn().refusal(ask(x, y, rng=rng)) is None
    for wrong in ({"blur": 0}, {"epsilon": -1.0}, {"tol": 0}, {"max_iter": 0}, {"blur": float("nan")}):
        with pytest.raises(InputError, match="pass"):
            Sinkhorn(**wrong)
    for wrong in ({"p": 0.5}, {"p": float("inf")}, {"epsilon": 0.0}, {"metric": "cosine"}):
        with pytest.raises(InputError, match="p is"):
            sinkhorn_divergence(x, y, **{"epsilon": 1.0, **wrong})
    with pytest.raises(InputError, match="7 weights for 30 points"):
        sinkhorn_divergence(x, y, epsilon=1.0, weights_x=torch.ones(7))


def test_memory_counts_the_matrices_that_are_held():
    def need(n, m, **options):
        return Sinkhorn().memory(ask(np.zeros((n, 2)), np.zeros((m, 2)), rng=as_rng(0), **options))

    pairs = 4000 * 4000 - 400 * 400
    assert need(4000, 4000, p=2) - need(400, 400, p=2) == pytest.approx((8 + 8 + 4) * pairs, rel=0.03)
    assert need(4000, 4000, p=1) - need(400, 400, p=1) == pytest.approx((8 + 8 + 8 + 4) * pairs, rel=0.03)
    assert need(4000, 400, p=2) - need(400, 400, p=2) > 12 * pairs  # a self term has the larger cloud twice
    assert need(20000, 20000) < 2**26 + 20000 * 5000
