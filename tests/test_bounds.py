"""Bounds from any potential and any plan: never violated, tight where they can be, and refused by name."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wdist
from wdist import Bound, InputError, bounds
from wdist.plans.couplings import completed, greedy_coupling, north_west, sorted_coupling
from wdist.plans.dense import Coupling
from wdist.plans.pairs import Matrix
from wdist.plans.scale import best_multiple

SUMS, MASSES = 1e-12, 1e-15
"""Rounding of sums, relative; and of masses, which sum to one only to rounding, in units of the longest distance."""


def clouds(rng, n, m, d):
    """Two clouds, of one of several kinds: apart, on a grid with ties, heavy-tailed, one within the other, a point."""
    kind = rng.integers(5)
    x, y = rng.standard_normal((n, d)), 1.5 * rng.standard_normal((m, d)) + rng.integers(3)
    if kind == 1:
        x, y = np.round(x), np.round(y)
    elif kind == 2:
        x, y = rng.standard_cauchy((n, d)), rng.standard_cauchy((m, d))
    elif kind == 3:
        y = x[rng.integers(n, size=m)]
    elif kind == 4:
        y = np.zeros((m, d))
    return x, y


def masses(rng, n):
    w = rng.random(n) ** rng.integers(1, 9) * (rng.random(n) < 0.8)
    w[rng.integers(n)] += 0.1
    return w / w.sum()


WILD = [
    lambda z: np.linalg.norm(z, axis=1),
    lambda z: -1e9 * z.sum(axis=1),
    lambda z: np.sin(1e3 * z[:, 0]) * 1e300,
    lambda z: 1e-300 * (z**2).sum(axis=1) / (1 + (z**2).sum(axis=1)),
    lambda z: np.zeros(len(z)),
    lambda z: np.where(np.arange(len(z)) == 0, -1e200, 1.0),
]


def check(seed):
    """One random problem, one wild potential, one plan that is no coupling: both bounds hold."""
    rng = np.random.default_rng(seed)
    n, m, d = rng.integers(1, 9), rng.integers(1, 9), rng.integers(1, 4)
    p = float(rng.choice([1, 1, 2, 3.5]))
    x, y = clouds(rng, n, m, d)
    weights = {"weights_a": masses(rng, n), "weights_b": masses(rng, m)} if rng.random() < 0.5 else {}
    plan = [
        "sliced",
        "greedy",
        rng.random((n, m)) ** 8 * 1e3,
        np.zeros((n, m)),
        Coupling(rng.integers(n, size=5), rng.integers(m, size=5), rng.random(5)),
    ][rng.integers(5)]
    potential = rng.standard_normal(m) if rng.random() < 0.3 else WILD[rng.integers(len(WILD))]
    found = bounds(x, y, p=p, potential=potential, plan=plan, seed=seed, **weights)
    with warnings.catch_warnings():  # where float64 denies an exact answer its bracket will do
        warnings.simplefilter("ignore", wdist.WdistWarning)
        truth = wdist.estimate(x, y, p=p, method="exact", **weights)
    slack = MASSES * np.linalg.norm(x[:, None] - y, axis=2).max() ** p
    assert found.lower**p <= truth.upper**p * (1 + SUMS) + slack, (seed, found, truth)
    assert truth.lower**p <= found.upper**p * (1 + SUMS) + slack, (seed, found, truth)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**40))
def test_never_violated(seed):
    check(seed)


@pytest.mark.slow
def test_never_violated_in_ten_thousand_problems():
    for seed in range(10_000):
        check(seed)


class TestLower:
    @pytest.mark.parametrize("factor", [1.0, -3.0, 1e-7, 1e9])
    @pytest.mark.parametrize("p", [1, 2])
    def test_exact_potentials_prove_the_distance_in_any_unit_and_sign(self, factor, p, rng):
        x, y = rng.standard_normal((30, 3)), rng.standard_normal((40, 3)) + 1
        exact = wdist.estimate(x, y, p=p, method="discrete")
        found = bounds(x, y, p=p, potential=factor * exact.detail.potential_b, plan=exact.detail.plan)
        assert found.bound is Bound.EXACT
        assert found.lower == pytest.approx(exact.value, rel=1e-9)
        assert found.value == found.upper == pytest.approx(exact.value, rel=1e-12)

    def test_a_critic_of_any_slope_and_either_sign(self, rng):
        x = rng.standard_normal((60, 4))
        y = x[rng.permutation(60)] + [3, 0, 4, 0]
        for slope in (1e-3, 1, -70):
            found = bounds(x, y, potential=lambda z, slope=slope: slope * (3 * z[:, 0] + 4 * z[:, 2]))
            assert (found.bound, found.upper) == (Bound.LOWER, None)
            assert found.lower == found.value == pytest.approx(5, rel=1e-9)

    def test_never_above_the_upper_bound_nor_above_nothing(self):
        for seed in range(40):
            rng = np.random.default_rng(seed)
            x, y = rng.standard_normal((12, 3)), rng.standard_normal((12, 3))
            exact = wdist.estimate(x, y, method="discrete").detail
            found = bounds(x, y, potential=exact.potential_b, plan=exact.plan)
            assert found.lower <= found.upper
            assert bounds(x, x, potential=rng.standard_normal(12)).lower == 0

    def test_tensors_in_tensors_out(self, rng):
        x, y = (torch.as_tensor(rng.standard_normal((20, 2))) for _ in range(2))
        net = torch.nn.utils.skip_init(torch.nn.Linear, 2, 1)
        with torch.no_grad():
            net.weight.copy_(torch.tensor([[1.0, 2.0]]))
            net.bias.zero_()
        expected = bounds(x.numpy(), y.numpy(), potential=lambda z: z @ [1, 2]).lower
        assert bounds(x, y, potential=net).lower == pytest.approx(expected, rel=1e-5)
        assert bounds(x.numpy(), y.numpy(), potential=net).lower == pytest.approx(expected, rel=1e-5)

    def test_no_multiple_is_better(self, rng):
        cost = torch.as_tensor(rng.random((12, 9)))
        a, b = torch.full((12,), 1 / 12).double(), torch.as_tensor(masses(rng, 9))
        for _ in range(20):
            v = torch.as_tensor(rng.standard_normal(9))
            v -= b @ v

            def value(s, v=v):
                return float(a @ (cost - s * v).min(dim=1).values)

            found = best_multiple(v, Matrix(cost), a, b)
            around = [value(s) for s in np.linspace(-3, 3, 2001)]
            assert value(found) >= max(around) - 1e-12

    def test_clipped_and_penalised_critics(self, rng):
        x, y = rng.standard_normal((80, 2)), rng.standard_normal((80, 2))
        y[:, 0] += 2
        exact = wdist.estimate(x, y).value
        for constraint in (wdist.Clip(0.1), wdist.GradientPenalty(10.0)):
            critic = wdist.Critic(constraint=constraint, net=wdist.MLP((16,)), steps=60)
            found = bounds(x, y, potential=wdist.estimate(x, y, method=critic).detail.potential)
            assert 0.5 * exact < found.lower <= exact


class TestUpper:
    @pytest.mark.parametrize(("plan", "most"), [("sinkhorn", 1.01), ("greedy", 1.4), ("sliced", 2.5)])
    def test_named_plans(self, plan, most, rng):
        x, y = rng.standard_normal((80, 3)), rng.standard_normal((60, 3)) + 1
        exact = wdist.estimate(x, y).value
        found = bounds(x, y, plan=plan)
        assert (found.bound, found.lower) == (Bound.UPPER, None)
        assert exact <= found.value <= most * exact

    def test_without_anything_both_are_sinkhorns(self, rng):
        x, y = rng.standard_normal((40, 3)), rng.standard_normal((60, 3)) + 1
        entropic, found = wdist.estimate(x, y, method="sinkhorn"), bounds(x, y)
        assert (found.lower, found.upper) == (entropic.lower, entropic.upper)
        assert "certified" in repr(found)

    def test_a_solver_that_was_interrupted(self, rng):
        x, y = rng.standard_normal((1500, 3)), rng.standard_normal((1500, 3))
        with pytest.warns(wdist.WdistWarning, match="did not converge"):
            cut = wdist.estimate(x, y, method=wdist.Discrete(time_limit=0.05))
        found = bounds(x, y, potential=cut.detail.potential_b, plan=cut.detail.plan)
        assert cut.lower <= found.lower * (1 + 1e-9)
        assert found.upper == pytest.approx(cut.upper, rel=1e-9)

    def test_along_a_line_sliced_is_exact(self, rng):
        direction = np.array([3, 4]) / 5
        x, y = (
            rng.standard_normal((30, 1)) * direction,
            rng.standard_normal((20, 1)) * direction + 7 * direction,
        )
        assert bounds(x, y, p=2, plan="sliced").upper == pytest.approx(
            wdist.estimate(x, y, p=2).value, rel=1e-9
        )

    def test_sliced_looks_along_the_widest_axes(self):
        """Hardly met by random directions of 30; sorted along it, the plan is optimal."""
        rng = np.random.default_rng(5)
        x = rng.standard_normal((40, 30))
        x[:, 7] *= 4
        x -= x.mean(axis=0)  # so that the means tell nothing
        y = rng.permutation(x * (1 + 2 * np.eye(30)[7]))
        assert bounds(x, y, plan="sliced").upper == pytest.approx(wdist.estimate(x, y).value)

    def test_a_metric_of_ones_own(self, rng):
        def taxi(x, y):
            return np.abs(x[:, None] - y).sum(-1)

        x, y = rng.standard_normal((12, 2)), rng.standard_normal((15, 2))
        for plan in ("greedy", "sliced", np.ones((12, 15))):
            assert bounds(x, y, plan=plan, metric=taxi).upper == pytest.approx(
                bounds(x, y, plan=plan, metric="cityblock").upper
            )

    @pytest.mark.parametrize("far", [1e9, 1e200])
    @pytest.mark.parametrize("p", [1, 2])
    def test_points_without_mass_may_be_anywhere(self, far, p, rng):
        """They set no unit: exact, certified and Gaussian answers are those without them."""
        x, y = rng.standard_normal((12, 2)), rng.standard_normal((15, 2)) + 1
        beyond = np.r_[x, [[far, 0.0]]], np.r_[[[0.0, -far]], y]
        weights = {"weights_a": np.r_[np.full(12, 1 / 12), 0], "weights_b": np.r_[0, np.full(15, 1 / 15)]}
        exact = wdist.estimate(x, y, p=p).value
        for method in ("exact", "sinkhorn", "sliced", *(["gaussian"] if p == 2 else [])):
            near = wdist.estimate(x, y, p=p, method=method).value
            assert wdist.estimate(*beyond, p=p, method=method, **weights).value == pytest.approx(
                near, rel=1e-2
            )
        assert wdist.estimate(*beyond, p=p, method="exact", **weights).value == pytest.approx(
            exact, rel=1e-12
        )
        for options in ({"plan": "greedy", "potential": lambda z: z[:, 0]}, {"plan": "sliced"}, {}):
            near, found = bounds(x, y, p=p, **options), bounds(*beyond, p=p, **options, **weights)
            assert found.upper == pytest.approx(near.upper, rel=0.3)
            assert exact <= found.upper * (1 + 1e-12)
            if near.lower is not None:
                assert 0.5 * near.lower < found.lower <= exact

    def test_far_units(self, rng):
        x, y = rng.standard_normal((12, 2)), rng.standard_normal((15, 2))
        near = bounds(x, y, p=3, potential=lambda z: z[:, 0], plan="greedy")
        for unit in (1e-180, 1e180):
            far = bounds(
                unit * x, unit * y, p=3, potential=lambda z, unit=unit: z[:, 0] / unit, plan="greedy"
            )
            assert (far.lower / unit, far.upper / unit) == pytest.approx((near.lower, near.upper), rel=1e-9)


class TestCouplings:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**40))
    def test_each_has_the_masses_it_should(self, seed):
        rng = np.random.default_rng(seed)
        n, m = rng.integers(1, 12, size=2)
        a, b = masses(rng, n), masses(rng, m)
        cost = Matrix(torch.as_tensor(rng.random((n, m))))
        k = rng.integers(6)
        entries = Coupling(
            rng.integers(n, size=k), rng.integers(m, size=k), rng.random(k) * 10.0 ** rng.integers(-9, 9)
        )
        found = [
            north_west(a, b),
            sorted_coupling(rng.standard_normal(n), rng.standard_normal(m), a, b),
            greedy_coupling(cost, torch.as_tensor(a), torch.as_tensor(b)),
            completed(entries, a, b),
        ]
        for plan in found:
            held = plan.dense(n, m)
            assert (plan.mass >= 0).all()
            np.testing.assert_allclose(held.sum(axis=1), a, atol=1e-14)
            np.testing.assert_allclose(held.sum(axis=0), b, atol=1e-14)

    def test_a_coupling_is_left_as_it_is(self, rng):
        plan = north_west(np.full(6, 1 / 6), np.full(4, 1 / 4))
        again = completed(plan, np.full(6, 1 / 6), np.full(4, 1 / 4))
        np.testing.assert_allclose(again.dense(6, 4), plan.dense(6, 4), atol=1e-15)


X = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"plan": "best"}, "plan is 'best'; choose sinkhorn, sliced, greedy, or pass a matrix or a coupling"),
        ({"potential": "best"}, "potential is 'best'; choose sinkhorn, or pass a function or values"),
        ({"plan": np.ones((2, 3))}, r"plan has shape \(2, 3\); a matrix of masses is \(3, 2\)"),
        ({"plan": np.array([[1.0, 0.0], [0.0, -1.0], [0.0, 0.0]])}, r"a mass that is negative, at \[1, 1\]"),
        ({"plan": np.full((3, 2), np.nan)}, r"a mass that is not finite, at \[0, 0\]"),
        (
            {"plan": Coupling(np.array([3]), np.array([0]), np.ones(1))},
            "plan.rows runs from 3 to 3 for 3 points",
        ),
        ({"plan": Coupling(np.array([0]), np.array([0]), -np.ones(1))}, "a mass that is negative"),
        (
            {"potential": np.ones(3)},
            r"potential has shape \(3,\) for 2 rows of b; give one value a row, \(2,\)",
        ),
        ({"potential": lambda z: z[0]}, None),
        ({"potential": lambda z: np.ones(5)}, r"potential\(b\) has shape \(5,\) for 2 rows of b"),
        (
            {"potential": np.array([1.0, np.inf])},
            "potential is not finite in row 1; it must be finite at every row",
        ),
        ({"p": np.inf}, "p is inf; bounds are for finite p"),
        (
            {"b": lambda n: np.zeros((n, 2))},
            "bounds are between two given samples; draw from the source first",
        ),
    ],
)
def test_refusals(kwargs, text):
    given = {"a": X, "b": X[:2], **kwargs}
    if text is None:
        assert bounds(**given).lower == 0
        return
    with pytest.raises(InputError, match=text):
        bounds(**given)
