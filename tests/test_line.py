"""The line: known answers, agreement with SciPy and POT, and the torch kernel against the compiled walk."""

import math
import signal
import subprocess
import sys
import time
import tracemalloc
from fractions import Fraction

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
from wdist.methods.line import _uniform_pieces
from wdist.plans import line
from wdist.plans.line import line_distance
from wdist.plans.room import Room

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


class TestWalks:
    """One walk a call where nothing can be lost, and memory in proportion to the points."""

    @pytest.fixture
    def walks(self, monkeypatch):
        made = []
        for name in ("_uniform", "_weighted"):
            walk = getattr(line, name)
            monkeypatch.setattr(line, name, lambda *args, walk=walk: made.append(args[-2:]) or walk(*args))
        return made

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize(("p", "orders"), [(1, [1]), (2, [2]), (3.5, [3.5]), (math.inf, [math.inf])])
    def test_one_walk_does(self, p, orders, weighted, walks, rng):
        x, y = rng.standard_normal(50), rng.standard_normal(40)
        line_distance(x, y, p, (np.full(50, 1 / 50), np.full(40, 1 / 40)) if weighted else None)
        assert [order for order, _ in walks] == orders

    @pytest.mark.parametrize("p", [2, 60])
    def test_three_walks_where_powers_leave_their_range(self, p, walks):
        x, y = np.array([0.0, 1.0]), np.array([1e-120, 1.0])
        assert line_distance(x, y, p) == pytest.approx(1e-120 * 2 ** (-1 / p), rel=1e-12)
        assert [order for order, _ in walks] == [p, math.inf, p]

    def test_neighbours_out_of_range_do_not_spoil_a_walk(self):
        """A gap that no mass crosses may overflow in units of the widest one that mass does cross."""
        x, y = np.array([0.0, 0.0, 1e6]), np.array([1e-3, 1e-3, 1e6])
        for a, b in ((x, y), (np.repeat(x, 2), y), (x, np.repeat(y, 3))):
            assert line_distance(a, b, 200.0) == pytest.approx(1e-3 * (2 / 3) ** (1 / 200), rel=1e-9)

    def test_sums_do_not_overflow(self):
        x, y = np.full(3000, -1e300), np.full(2000, 1e300)
        for p in (1, 2, 3.5):
            assert line_distance(x, y, p) == pytest.approx(2e300, rel=1e-12)

    @pytest.mark.parametrize("sizes", [(3000, 3000), (3000, 2100), (2100, 3000), (3000, 1500)])
    @pytest.mark.parametrize("p", [1, 2, 3.5, math.inf])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_walks_in_blocks_are_one_walk(self, sizes, p, weighted, rng, monkeypatch):
        x, y = rng.standard_normal(sizes[0]), rng.standard_normal(sizes[1]) * 2
        wx, wy = (rng.random(size) for size in sizes)
        weights = (wx / wx.sum(), wy / wy.sum()) if weighted else None
        whole = line_distance(x, y, p, weights)
        steps = []
        walk = line.walk_block
        monkeypatch.setattr(line, "BLOCK", 257)
        monkeypatch.setattr(line, "walk_block", lambda x, *rest: steps.append(x.size) or walk(x, *rest))
        assert line_distance(x, y, p, weights) == pytest.approx(whole, rel=1e-13)
        assert weighted or (max(steps) == 257 and sum(steps) == max(sizes))

    def test_unequal_sizes_are_walked_without_drift(self):
        """Atoms k/n against atoms k/m, at whole numbers: the sum over all nm steps, added up exactly."""
        n, m = 101, 64
        x, y = np.arange(n) * 7 % 113, np.arange(m) * 5 % 89
        steps = zip(np.repeat(np.sort(x), m).tolist(), np.repeat(np.sort(y), n).tolist(), strict=True)
        exact = Fraction(sum(abs(a - b) for a, b in steps), n * m)
        assert line_distance(x.astype(float), y.astype(float), 1.0) == pytest.approx(float(exact), rel=1e-15)

    def test_threads_change_nothing(self, rng):
        x, y = rng.standard_normal(60_000), rng.standard_normal(55_000)
        w = np.full(60_000, 1 / 60_000), np.full(55_000, 1 / 55_000)
        for weights in (None, w):
            assert line_distance(x, y, 2.0, weights, threads=2) == line_distance(x, y, 2.0, weights)

    @pytest.mark.parametrize(("weighted", "most"), [(False, 34), (True, 66)])
    def test_memory_is_in_proportion_to_the_points(self, weighted, most, rng):
        """Three arrays a pair of sides; with masses six: at most so many bytes a point of the larger side."""
        n = 200_000
        x, y, w = rng.standard_normal(n), rng.standard_normal(n), np.full(n, 1 / n)
        weights = (w, w) if weighted else None
        line_distance(x, y, 1.0, weights)  # compiled
        tracemalloc.start()
        line_distance(x, y, 1.0, weights)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= most * n

    def test_a_room_is_used_again(self, rng):
        room = Room()
        x, y = rng.standard_normal(50_000), rng.standard_normal(40_000)
        first = line_distance(x, y, 1.0, room=room)
        blocks = {id(block) for block in room._free}
        assert line_distance(x, y, 1.0, room=room) == first
        assert {id(block) for block in room._free} == blocks
        assert len(blocks) == 3


def test_an_interrupt_is_heard_within_a_second(tmp_path):
    """Ctrl-C in the middle of ten million points, sorted with their masses and raised to an odd power."""
    code = (
        "import numpy as np, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where a shell runs us behind
        "from wdist.plans.line import line_distance\n"
        "x = np.random.default_rng(0).standard_normal(10**7)\n"
        "w = np.full(x.size, 1e-7)\n"
        "line_distance(x[:9000], x[:9000] + 1, 3.5, (w[:9000] * 1e3, w[:9000] * 1e3))\n"
        "print('ready', flush=True)\n"
        "try:\n"
        "    while True: line_distance(x, x + 1, 3.5, (w, w))\n"
        "except KeyboardInterrupt: print('heard', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "ready\n"
        time.sleep(1.0)
        start = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.stdout.readline() == "heard\n"
        assert time.monotonic() - start < 1


class TestPairing:
    """The torch kernel pairs atoms by the sizes alone."""

    @pytest.mark.parametrize("sizes", [(5, 7), (7, 5), (6, 4), (1, 3), (12, 12), (8, 2), (1, 1)])
    def test_pieces_are_those_of_the_walk(self, sizes):
        i, j, steps = _uniform_pieces(*sizes, torch.device("cpu"))
        n, m = sizes
        plan = torch.zeros(n, m, dtype=torch.float64).index_put((i, j), steps, accumulate=True)
        levels = np.arange(n * m)
        walk = torch.zeros(n, m, dtype=torch.float64)
        np.add.at(walk.numpy(), (levels // m, levels // n), 1 / (n * m))
        torch.testing.assert_close(plan, walk, rtol=1e-12, atol=1e-15)

    def test_nothing_is_searched_and_each_side_is_sorted_once(self, monkeypatch):
        sorts = []
        sort = torch.Tensor.sort
        monkeypatch.setattr(torch, "searchsorted", None)
        monkeypatch.setattr(torch.Tensor, "sort", lambda *a, **k: sorts.append(a[0].shape) or sort(*a, **k))
        wasserstein_1d(torch.zeros(2, 30), torch.ones(2, 20))
        assert sorts == [(2, 30), (2, 20)]


def test_error_falls_like_the_root_of_n():
    """Between two samples of one law W1 is pure sampling error, O(n^{-1/2}) on the line: the fitted rate shows it."""
    counts = [200, 800, 3200, 12800]
    means = []
    for n in counts:
        draws = np.random.default_rng(n).standard_normal((30, 2, n))
        means.append(np.mean([wdist.estimate(x, y).value for x, y in draws]))
    slope = np.polyfit(np.log(counts), np.log(means), 1)[0]
    assert -0.6 < slope < -0.4
