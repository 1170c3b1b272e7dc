"""The line: known answers, agreement with SciPy and POT, and the torch kernel against the compiled walk."""

import math

import numpy as np
import ot
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import wdist
from wdist.functional import wasserstein_1d
from wdist.plans.line import line_distance

sizes = st.integers(1, 40)
orders = st.sampled_from([1.0, 1.5, 2.0, 3.7])


@st.composite
def weighted_pairs(draw):
    """Two weighted samples; coordinates on a coarse grid half of the time, so that ties abound."""
    n, m = draw(sizes), draw(sizes)
    value = draw(st.sampled_from([st.integers(-4, 4).map(float), st.floats(-100, 100, width=32)]))
    x, y = draw(arrays(np.float64, n, elements=value)), draw(arrays(np.float64, m, elements=value))
    mass = st.floats(0.015625, 1)
    wx, wy = draw(arrays(np.float64, n, elements=mass)), draw(arrays(np.float64, m, elements=mass))
    return x, y, wx / wx.sum(), wy / wy.sum()


class TestKnownAnswers:
    """The answers that SciPy's own tests of `wasserstein_distance` ask for, worked out by hand."""

    def test_one_atom_each_is_their_distance(self):
        assert wdist.estimate([0.0], [1.0]).value == 1
        assert wdist.estimate([-3], [9], p=3).value == 12

    def test_half_the_mass_moves(self):
        assert (
            wdist.estimate([0, 1], [0], weights_a=[3, 1], weights_b=[2], normalize_weights=True).value == 0.25
        )
        assert wdist.estimate([0, 1], [0], p=2, weights_a=[0.75, 0.25]).value == pytest.approx(0.5)

    def test_published_example_of_unequal_weights(self):
        value = wdist.estimate([0, 1, 2], [1, 2, 3]).value
        assert value == pytest.approx(1)
        value = wdist.estimate([1, 2, 3], [4, 5, 6, 7]).value
        assert value == pytest.approx(3.5)

    def test_order_of_points_does_not_matter(self):
        assert wdist.estimate([1, 2, 3], [2, 1, 3]).value == 0
        a = wdist.estimate([1, 1, 1, 4], [4, 1], weights_b=[0.25, 0.75])
        assert a.value == pytest.approx(0, abs=1e-15)

    def test_weights_of_repeated_points_add_up(self):
        apart = wdist.estimate([0, 0, 1, 1, 1, 1, 5], [0, 3], weights_a=np.array([1, 2, 4, 1, 2, 3, 2]) / 15)
        merged = wdist.estimate([0, 1, 5], [0, 3], weights_a=np.array([3, 10, 2]) / 15)
        assert apart.value == pytest.approx(merged.value, rel=1e-14)

    def test_collapse_to_one_atom_is_the_mean_distance_to_it(self):
        spread = np.arange(-10, 30, 3.0)
        assert wdist.estimate(spread, [0.0]).value == pytest.approx(np.mean(np.abs(spread)), rel=1e-14)
        masses = np.arange(1, 15) / 105
        assert wdist.estimate(spread, [0.0], weights_a=masses).value == pytest.approx(
            np.abs(spread) @ masses, rel=1e-14
        )

    def test_zero_weight_is_absent(self):
        with_ghost = wdist.estimate([1, 2, 100000], [1, 1], weights_a=[0.5, 0.5, 0]).value
        assert with_ghost == wdist.estimate([1, 2], [1, 1]).value == 0.5

    def test_shift_moves_by_exactly_the_shift(self):
        x = np.array([-2.0, -1.0, 0.0, 3.0])
        assert wdist.estimate(x, x + 5).value == 5
        assert wdist.estimate(x, x + 5, p=math.inf).value == 5

    def test_the_two_textbook_piles(self):
        """(5,2,2,5) -> (3,3,5,3) and (3,2,1,4) -> (1,2,4,3): five units of dirt times steps each."""
        for before, after in (((5, 2, 2, 5), (3, 3, 5, 3)), ((3, 2, 1, 4), (1, 2, 4, 3))):
            dirt = sum(before)
            value = wdist.estimate(
                range(4), range(4), weights_a=np.array(before) / dirt, weights_b=np.array(after) / dirt
            ).value
            assert value * dirt == pytest.approx(5, rel=1e-14)


class TestAgreement:
    @settings(max_examples=150, deadline=None)
    @given(weighted_pairs())
    def test_scipy_w1(self, pair):
        x, y, wx, wy = pair
        ours = wdist.estimate(x, y, weights_a=wx, weights_b=wy).value
        assert ours == pytest.approx(scipy.stats.wasserstein_distance(x, y, wx, wy), rel=1e-9, abs=1e-11)

    @settings(max_examples=150, deadline=None)
    @given(weighted_pairs(), orders)
    def test_pot_emd2_1d(self, pair, p):
        x, y, wx, wy = pair
        ours = wdist.estimate(x, y, p=p, weights_a=wx, weights_b=wy).value
        cost = ot.emd2_1d(x, y, wx, wy, metric="minkowski", p=p)
        assert ours**p == pytest.approx(cost, rel=1e-9, abs=1e-9)

    @settings(max_examples=100, deadline=None)
    @given(weighted_pairs(), st.sampled_from([1.0, 1.5, 2.0, 3.7, math.inf]), st.booleans())
    def test_torch_kernel_is_the_compiled_walk(self, pair, p, uniform):
        x, y, wx, wy = pair
        weights = None if uniform else (wx, wy)
        tensors = {} if uniform else {"weights_x": torch.tensor(wx), "weights_y": torch.tensor(wy)}
        kernel = wasserstein_1d(torch.tensor(x), torch.tensor(y), p=p, **tensors)
        assert float(kernel) == pytest.approx(
            line_distance(x, y, p, weights), rel=1e-9, abs=1e-6 if p > 1 else 1e-11
        )

    @settings(max_examples=100, deadline=None)
    @given(weighted_pairs())
    def test_inf_is_the_limit_of_large_p(self, pair):
        x, y, _, _ = pair
        top = wdist.estimate(x, y, p=math.inf).value
        high = wdist.estimate(x, y, p=200).value
        n = max(len(x) * len(y), 2)
        assert high <= top * (1 + 1e-12)
        assert high >= top * n ** (-1 / 200) - 1e-12  # the largest gap holds at least 1/(nm) of the mass

    def test_a_million_points(self, rng):
        x, y = rng.standard_normal(1_000_000), 1.5 * rng.standard_normal(700_000) + 0.3
        est = wdist.estimate(x, y)
        assert est.value == pytest.approx(scipy.stats.wasserstein_distance(x, y), rel=1e-9)
        assert est.value == pytest.approx(float(ot.emd2_1d(x, y, metric="minkowski", p=1)), rel=1e-9)
        assert est.bound is wdist.Bound.EXACT

    @pytest.mark.parametrize("name", wdist.datasets.pairs())
    def test_real_pairs(self, name, answers):
        pair, answer = wdist.datasets.pair(name), answers[name]
        for p in (1, 2):
            if f"W{p}" in answer:
                value = wdist.estimate(pair.a, pair.b, p=p).value
                assert value == pytest.approx(answer[f"W{p}"], rel=1e-9), name


class TestPrecision:
    def test_float32_is_accumulated_in_float64(self, rng):
        x = rng.standard_normal(300_000).astype(np.float32)
        y = rng.standard_normal(300_000).astype(np.float32)
        wide = wdist.estimate(x.astype(np.float64), y.astype(np.float64)).value
        assert wdist.estimate(x, y).value == pytest.approx(wide, rel=1e-13)

    @pytest.mark.parametrize("unit", [1e-150, 1e150])
    @pytest.mark.parametrize("p", [1, 2, 3])
    def test_extreme_units(self, unit, p):
        x, y = np.array([0.0, 1.0, 5.0]), np.array([2.0, 2.0, 2.0, 4.0])
        assert wdist.estimate(unit * x, unit * y, p=p).value == pytest.approx(
            unit * wdist.estimate(x, y, p=p).value, rel=1e-12
        )

    def test_integers_are_not_truncated(self):
        assert wdist.estimate(np.array([0, 1]), np.array([1, 1, 1])).value == 0.5


class TestKernel:
    @pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_gradcheck(self, p, weighted):
        g = torch.Generator().manual_seed(1)
        x = torch.randn(2, 5, dtype=torch.float64, generator=g, requires_grad=True)
        y = torch.randn(2, 7, dtype=torch.float64, generator=g, requires_grad=True)
        if not weighted:
            assert torch.autograd.gradcheck(lambda x, y: wasserstein_1d(x, y, p=p), (x, y))
            return
        wx = (torch.rand(2, 5, dtype=torch.float64, generator=g) + 0.2).requires_grad_(True)
        wy = (torch.rand(2, 7, dtype=torch.float64, generator=g) + 0.2).requires_grad_(True)
        assert torch.autograd.gradcheck(
            lambda x, y, wx, wy: wasserstein_1d(x, y, p=p, weights_x=wx, weights_y=wy), (x, y, wx, wy)
        )

    def test_batch_is_a_loop(self):
        g = torch.Generator().manual_seed(2)
        x, y = torch.randn(3, 2, 6, generator=g), torch.randn(3, 2, 4, generator=g)
        batched = wasserstein_1d(x, y, p=2)
        assert batched.shape == (3, 2)
        assert batched.dtype == torch.float32
        for i in range(3):
            for j in range(2):
                assert float(batched[i, j]) == pytest.approx(
                    float(wasserstein_1d(x[i, j], y[i, j], p=2)), rel=1e-6
                )

    def test_gradient_at_zero_distance_is_finite(self):
        x = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        wasserstein_1d(x, torch.zeros(4, dtype=torch.float64), p=2).backward()
        assert torch.isfinite(x.grad).all()

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(wdist.InputError, match="leading dimensions"):
            wasserstein_1d(torch.zeros(2, 3), torch.zeros(3))
        with pytest.raises(wdist.InputError, match="order of a Wasserstein distance"):
            wasserstein_1d(torch.zeros(3), torch.zeros(3), p=0.5)
        with pytest.raises(wdist.InputError, match="4 weights for 3 points"):
            wasserstein_1d(torch.zeros(3), torch.zeros(3), weights_x=torch.ones(4))


def test_error_falls_like_the_root_of_n():
    """Between two samples of one law W1 is pure sampling error, O(n^{-1/2}) on the line: the fitted rate shows it."""
    counts = [200, 800, 3200, 12800]
    means = []
    for n in counts:
        draws = np.random.default_rng(n).standard_normal((30, 2, n))
        means.append(np.mean([wdist.estimate(x, y).value for x, y in draws]))
    slope = np.polyfit(np.log(counts), np.log(means), 1)[0]
    assert -0.6 < slope < -0.4
