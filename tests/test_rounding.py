"""Couplings by rounding, plans from potentials, c-transforms and the bound they certify."""

import numpy as np
import ot
import pytest
import torch

from wdist import costs
from wdist.plans import pairs
from wdist.plans.ctransform import c_transform, dual_bound
from wdist.plans.entropic import entropic_potentials
from wdist.plans.pairs import Matrix, dense
from wdist.plans.rounding import plan_from_potentials, round_to_coupling


def problem(seed, n=40, m=30, d=3, p=2.0, uniform=False):
    """Points, masses, costs and the optimal cost by a solver that is not ours."""
    gen = np.random.default_rng(seed)
    x, y = gen.normal(size=(n, d)), 1.3 * gen.normal(size=(m, d)) + 0.5
    a, b = (np.full(k, 1 / k) if uniform else gen.dirichlet(np.ones(k)) for k in (n, m))
    cost = np.linalg.norm(x[:, None] - y, axis=2) ** p
    exact = ot.emd2(a, b, cost, numItermax=10**7)
    return *(torch.from_numpy(t) for t in (x, y, a, b, cost)), float(exact)


def assert_coupling(plan, a, b):
    assert float(plan.min()) >= 0
    torch.testing.assert_close(plan.sum(dim=1), a, rtol=1e-13, atol=1e-16)
    torch.testing.assert_close(plan.sum(dim=0), b, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("seed", range(10))
def test_rounding_gives_a_coupling_near_the_matrix_it_came_from(seed):
    _, _, a, b, _, _ = problem(seed)
    gen = torch.Generator().manual_seed(seed)
    plan = torch.outer(a, b) * (1 + 0.2 * torch.rand(40, 30, generator=gen, dtype=torch.float64)) * 0.95
    off = (plan.sum(1) - a).abs().sum() + (plan.sum(0) - b).abs().sum()
    out = dense(round_to_coupling(Matrix(plan), a, b))
    assert_coupling(out, a, b)
    assert float((out - plan).abs().sum()) <= 2 * float(off)


def test_rounding_leaves_a_coupling_alone_and_turns_nothing_into_the_product():
    _, _, a, b, cost, _ = problem(0)
    coupling = torch.from_numpy(ot.emd(a.numpy(), b.numpy(), cost.numpy()))
    torch.testing.assert_close(dense(round_to_coupling(Matrix(coupling), a, b)), coupling, rtol=0, atol=1e-16)
    torch.testing.assert_close(
        dense(round_to_coupling(Matrix(torch.zeros_like(cost)), a, b)), torch.outer(a, b)
    )


def test_rounding_in_blocks_of_rows_is_rounding(monkeypatch):
    _, _, a, b, cost, _ = problem(0)
    gen = torch.Generator().manual_seed(0)
    plan = torch.outer(a, b) * 3 * torch.rand(40, 30, generator=gen, dtype=torch.float64)
    whole = round_to_coupling(Matrix(plan), a, b)
    dense_one, its_cost = dense(whole), whole.cost(Matrix(cost))
    monkeypatch.setattr(pairs, "BLOCK_BYTES", {"cpu": 8 * 30 * 7})
    blocks = round_to_coupling(Matrix(plan), a, b)
    torch.testing.assert_close(dense(blocks), dense_one, rtol=1e-12, atol=1e-16)
    assert blocks.cost(Matrix(cost)) == pytest.approx(its_cost, rel=1e-13)


def test_rounding_by_hand():
    a, b = torch.tensor([0.5, 0.5]).double(), torch.tensor([0.25, 0.75]).double()
    plan = torch.tensor([[1.0, 1.0], [0.0, 0.25]]).double()
    # rows: [.25 .25; 0 .25]; columns fit; missing rows (0, .25), columns (0, .25): all in the last entry
    assert dense(round_to_coupling(Matrix(plan), a, b)).tolist() == [[0.25, 0.25], [0.0, 0.5]]


def test_rounding_with_empty_atoms():
    a, b = torch.tensor([0.0, 1.0]).double(), torch.tensor([0.3, 0.0, 0.7]).double()
    plan = torch.tensor([[0.2, 0.1, 0.0], [0.0, 0.0, 0.0]]).double()
    out = dense(round_to_coupling(Matrix(plan), a, b))
    assert_coupling(out, a, b)
    assert out[0].tolist() == [0.0, 0.0, 0.0]


def test_a_converged_plan_is_the_gibbs_plan():
    _, _, a, b, cost, _ = problem(1)
    epsilon = 0.05 * float(cost.mean())
    found = entropic_potentials(Matrix(cost), a, b, epsilon, tol=1e-13, max_iter=5000)
    gibbs = torch.exp((found.u[:, None] + found.v - cost) / epsilon) * a[:, None] * b
    plan = dense(plan_from_potentials(found.u, found.v, Matrix(cost), a, b, epsilon))
    torch.testing.assert_close(plan, gibbs, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("size", [0.0, 1.0, 1e3, 1e9])
@pytest.mark.parametrize("epsilon", [1e-6, 1e-2, 1.0, 1e6])
def test_a_plan_from_any_potentials_bounds_from_above(size, epsilon):
    _, _, a, b, cost, exact = problem(2)
    gen = torch.Generator().manual_seed(0)
    u, v = (size * torch.randn(k, generator=gen, dtype=torch.float64) for k in cost.shape)
    plan = plan_from_potentials(u, v, Matrix(cost), a, b, epsilon)
    largest = float(cost.max()) / epsilon  # exponents are of that size, and rounded so
    assert float(dense(plan).sum()) == pytest.approx(1, abs=1e-12 + 1e-15 * largest)
    coupling = round_to_coupling(plan, a, b)
    assert_coupling(dense(coupling), a, b)
    assert coupling.cost(Matrix(cost)) == pytest.approx(float((dense(coupling) * cost).sum()), rel=1e-13)
    assert coupling.cost(Matrix(cost)) >= exact * (1 - 1e-12)


def test_a_plan_from_noisy_potentials_is_better_than_the_gibbs_formula_and_the_product():
    _, _, a, b, cost, exact = problem(3, 200, 150)
    epsilon = 0.01 * float(cost.mean())
    found = entropic_potentials(Matrix(cost), a, b, epsilon, tol=1e-6, max_iter=5000)
    gen = torch.Generator().manual_seed(0)
    noise = [2 * epsilon * torch.randn(k, generator=gen, dtype=torch.float64) for k in cost.shape]
    u, v = found.u + noise[0], found.v + noise[1]

    def cost_of(plan):
        return round_to_coupling(plan, a, b).cost(Matrix(cost)) / exact

    formula = torch.exp((u[:, None] + v - cost) / epsilon) * a[:, None] * b
    ours, product = (
        cost_of(plan_from_potentials(u, v, Matrix(cost), a, b, epsilon)),
        cost_of(Matrix(torch.outer(a, b))),
    )
    assert 1 < ours < 0.6 * cost_of(Matrix(formula)) < 0.6 * product


def test_a_plan_treats_both_sides_alike():
    _, _, a, b, cost, _ = problem(4)
    u, v = torch.linspace(-1, 1, 40).double(), torch.linspace(2, 0, 30).double() ** 2
    there = plan_from_potentials(u, v, Matrix(cost), a, b, 0.3)
    back = plan_from_potentials(v, u, Matrix(cost.mT), b, a, 0.3)
    torch.testing.assert_close(dense(there), dense(back).mT, rtol=1e-12, atol=1e-16)


def first_coordinate(x, y):
    return abs(x[:, None, 0] - y[:, 0])


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", first_coordinate])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_c_transform_is_the_minimum_over_all_pairs(metric, p, monkeypatch):
    x, y, _, _, _, _ = problem(5)
    v = torch.linspace(-2, 3, 30).double()
    dense = (costs.distances(x, y, metric) ** p - v).min(dim=1).values
    monkeypatch.setattr(costs, "BLOCK_BYTES", 8 * 30 * 7)  # seven rows a block
    torch.testing.assert_close(c_transform(v, x, y, metric, p), dense, rtol=1e-14, atol=0)


def test_a_third_c_transform_changes_nothing():
    x, y, _, _, _, _ = problem(6)
    u = c_transform(torch.linspace(-2, 3, 30).double(), x, y)
    again = c_transform(c_transform(u, y, x), x, y)
    torch.testing.assert_close(again, u, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("p", [1.0, 2.0, 4.0])
def test_the_dual_bound_never_exceeds_the_optimum_and_attains_it(p):
    x, y, a, b, cost, exact = problem(7, p=p)
    gen = torch.Generator().manual_seed(0)
    for size in (0.0, 0.1, 1.0, 100.0):
        v = size * torch.randn(30, generator=gen, dtype=torch.float64)
        assert 0 <= dual_bound(v, x, y, a, b, p=p).value <= exact
    _, log = ot.emd(a.numpy(), b.numpy(), cost.numpy(), log=True, numItermax=10**7)
    best = dual_bound(torch.from_numpy(log["v"]), x, y, a, b, p=p)
    assert best.value == pytest.approx(exact, rel=1e-12)
    assert best.value <= exact * (1 + 1e-14)
    assert bool((best.u[:, None] + best.v <= cost + 1e-12).all())


def test_both_transforms_make_the_bound_not_one(monkeypatch):
    x, y, a, b, cost, _ = problem(8)
    v = torch.randn(30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u = c_transform(v, x, y, p=2.0)
    both = dual_bound(v, x, y, a, b, p=2.0)
    assert both.value > float(a @ u + b @ v) + 1e-3
    monkeypatch.setattr(costs, "BLOCK_BYTES", 8 * 30 * 3)
    assert dual_bound(v, x, y, a, b, p=2.0).value == pytest.approx(both.value, rel=1e-14)
    assert dual_bound(v, x, y, a, b, cost=Matrix(cost)).value == pytest.approx(both.value, rel=1e-14)


def test_a_constant_in_the_potential_is_of_no_account():
    x, y, a, b, _, _ = problem(9)
    v = torch.linspace(0, 1, 30).double()
    there, shifted = (dual_bound(w, x, y, a, b).value for w in (v, v + 1e8))
    assert shifted == pytest.approx(there, abs=5e-8)  # what v itself lost to 1e8, and no more


def test_rounding_errors_do_not_make_a_bound_on_nothing():
    gen = torch.Generator().manual_seed(0)
    x = torch.randn(200, 5, generator=gen, dtype=torch.float64)
    a = torch.rand(200, generator=gen, dtype=torch.float64)
    a, shuffled = a / a.sum(), torch.randperm(200, generator=gen)
    for _ in range(20):
        v = torch.randn(200, generator=gen, dtype=torch.float64)
        u = c_transform(
            c_transform(v, x, x), x, x
        )  # a 1-Lipschitz potential: the dual value is 0 but for rounding
        assert dual_bound(u[shuffled], x, x[shuffled], a, a[shuffled]).value == 0
