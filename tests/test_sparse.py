"""Transport without a cost matrix: against POT over the whole matrix, its certificate, hard input, limits, memory."""

import itertools
import signal
import threading
import time
import tracemalloc
import warnings
from unittest import mock

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import wdist
from wdist import Bound, Discrete
from wdist.costs import METRICS
from wdist.methods import engines
from wdist.methods.engines import fastest_engine
from wdist.plans import settle, sparse
from wdist.plans.clouds import _whole
from wdist.question import ask
from wdist.rng import as_rng

SPARSE = Discrete(engine="sparse")


def gap_to_pot(est, x, y, p, wx=None, wy=None, metric="euclidean"):
    """Relative error of the p-th power, against POT run to the end, both in units of the largest distance."""
    cost = cdist(x, y, metric)
    top = cost.max() or 1.0
    a, b = (np.full(len(z), 1 / len(z)) if w is None else w / w.sum() for z, w in ((x, wx), (y, wy)))
    best = ot.emd2(a, b, (cost / top) ** p, numItermax=10**8)
    return abs((est.value / top) ** p - best) / best if best else est.value


def check_plan_and_potentials(est, x, y, p, wx, wy, metric="euclidean"):
    """The plan is a coupling that costs the value, and the potentials are feasible for every pair and worth it too."""
    plan, u, v = est.detail.plan, est.detail.potential_a, est.detail.potential_b
    cost = cdist(x, y, metric) ** p
    assert np.allclose(np.bincount(plan.rows, plan.mass, len(x)), wx, atol=1e-12)
    assert np.allclose(np.bincount(plan.cols, plan.mass, len(y)), wy, atol=1e-12)
    assert cost[plan.rows, plan.cols] @ plan.mass == pytest.approx(est.value**p, rel=1e-9, abs=1e-14)
    assert (cost - u[:, None] - v).min() >= -1e-9 * cost.max()
    assert wx @ u + wy @ v == pytest.approx(est.value**p, rel=1e-9, abs=1e-12 * cost.max())


@st.composite
def clouds(draw):
    """Weighted clouds of 1 to 40 points in 1 to 4 dimensions: generic, on a grid where ties abound, or one repeated."""
    r = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d, n, m = draw(st.integers(1, 4)), draw(st.integers(1, 40)), draw(st.integers(1, 40))
    kind = draw(st.sampled_from(["generic", "grid", "repeated"]))
    if kind == "grid":
        x, y = (r.integers(-2, 3, (k, d)).astype(float) for k in (n, m))
    else:
        x, y = (r.standard_normal((k, d)) for k in (n, m))
    if kind == "repeated":
        x, y = x[r.integers(0, max(1, n // 4), n)], y[r.integers(0, max(1, m // 4), m)]
    if draw(st.booleans()):
        return x, y, np.full(n, 1 / n), np.full(m, 1 / m)
    wx, wy = r.random(n) * (r.random(n) < 0.8) + 1e-9, r.random(m) * (r.random(m) < 0.8) + 1e-9
    return x, y, wx / wx.sum(), wy / wy.sum()


@settings(max_examples=150, deadline=None)
@given(clouds(), st.sampled_from([1, 1.5, 2, 3]), st.sampled_from(list(METRICS)))
def test_pot_on_random_problems(pair, p, metric):
    x, y, wx, wy = pair
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wdist.WdistWarning)
        est = wdist.estimate(x, y, p=p, weights_a=wx, weights_b=wy, metric=metric, method=SPARSE)
    best = ot.emd2(wx, wy, cdist(x, y, metric) ** p, numItermax=10**8)
    assert est.lower**p <= best * (1 + 1e-9) + 1e-12
    assert est.upper**p >= best * (1 - 1e-9) - 1e-12
    if not est.converged:  # tiny masses among ties, given up
        assert (wx != wx[0]).any()
        return
    assert est.bound is Bound.EXACT
    assert gap_to_pot(est, x, y, p, wx, wy, metric) < 1e-9
    check_plan_and_potentials(est, x, y, p, wx, wy, metric)


def pair_of(family, n, r):
    """Two clouds of a family."""
    g = r.standard_normal
    if family == "gaussian":
        return g((n, 2)), 1.3 * g((n, 2)) + [1, 0]
    if family == "many dimensions":
        return g((n, 30)), 1.3 * g((n, 30))
    if family == "clusters":
        middles = 20 * g((5, 8))
        return middles[r.integers(0, 5, n)] + g((n, 8)), middles[r.integers(0, 2, n)] + g((n, 8))
    if family == "lattice":
        return r.integers(0, 12, (n, 2)).astype(float), r.integers(0, 12, (n, 2)).astype(float)
    if family == "far":
        return g((n, 2)), g((n, 2)) + 50
    return r.standard_t(2.5, (n, 3)), r.standard_t(2.5, (n, 3))


FAMILIES = ("gaussian", "many dimensions", "clusters", "lattice", "far", "heavy tails")


@pytest.mark.parametrize(("family", "p"), list(itertools.product(FAMILIES, (1, 2))))
@pytest.mark.parametrize("weighted", [False, True])
def test_every_family_over_several_levels(family, p, weighted, rng):
    n = 600
    x, y = pair_of(family, n, rng)
    wx, wy = (rng.dirichlet(np.ones(n)) if weighted else np.full(n, 1 / n) for _ in range(2))
    assert n > 2 * sparse.FEWEST, "the coarser levels must take part"
    est = wdist.estimate(x, y, p=p, weights_a=wx, weights_b=wy, method=SPARSE)
    assert est.bound is Bound.EXACT
    assert gap_to_pot(est, x, y, p, wx, wy) < 1e-9
    check_plan_and_potentials(est, x, y, p, wx, wy)


class TestHardInput:
    def ask(self, x, y, p=2, **options):
        return wdist.estimate(x, y, p=p, method=SPARSE, **options)

    def test_all_points_are_one(self):
        assert self.ask(np.ones((30, 2)), np.ones((20, 2))).value == 0

    def test_identical_clouds(self, rng):
        x = rng.standard_normal((400, 3))
        est = self.ask(x, x[rng.permutation(400)])
        assert est.value == 0
        assert est.bound is Bound.EXACT

    def test_one_point_each(self):
        assert self.ask([[0.0, 0.0]], [[3.0, 4.0]], p=1).value == pytest.approx(5)

    @pytest.mark.parametrize("swap", [False, True])
    def test_an_atom_against_many(self, swap, rng):
        x, w = rng.standard_normal((500, 3)), rng.dirichlet(np.ones(500))
        sides = {"a": x, "b": np.zeros((1, 3)), "weights_a": w}
        if swap:
            sides = {"b": x, "a": np.zeros((1, 3)), "weights_b": w}
        est = wdist.estimate(**sides, p=2, method=SPARSE)
        assert est.value == pytest.approx(np.sqrt(w @ (x**2).sum(1)), rel=1e-10)

    def test_three_atoms_against_many(self, rng):
        x, y = rng.standard_normal((3, 3)), rng.standard_normal((900, 3))
        assert gap_to_pot(self.ask(x, y), x, y, 2) < 1e-9

    def test_masses_down_to_1e_300(self, rng):
        x, y = rng.standard_normal((100, 2)), rng.standard_normal((100, 2))
        wx, wy = (10.0 ** -rng.uniform(0, 300, 100) for _ in range(2))
        est = self.ask(x, y, 1, weights_a=wx, weights_b=wy, normalize_weights=True)
        assert gap_to_pot(est, x, y, 1, wx, wy) < 1e-9

    def test_a_tiny_mass_that_comes_from_afar_is_not_forgotten(self, rng):
        """1e-20 of the mass travels 1e14: what whole units cannot hold shows as a gap, never as a smaller number."""
        x = np.vstack([rng.standard_normal((50, 2)), [[1e14, 0]]])
        y, w = rng.standard_normal((50, 2)), np.append(np.full(50, 1 / 50), 1e-20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wdist.WdistWarning)
            est = self.ask(x, y, 1, weights_a=w, normalize_weights=True)
        assert est.lower <= est.upper
        assert est.upper > 0.9 * 1e-20 * 1e14
        assert est.upper > wdist.estimate(x[:-1], y, method=Discrete(engine="pot")).value * (1 - 1e-9)
        assert not est.converged or est.upper == pytest.approx(est.lower, rel=1e-9)

    def test_points_without_mass(self, rng):
        x, y = rng.standard_normal((300, 2)), rng.standard_normal((250, 2))
        wx, wy = (rng.random(k) * (rng.random(k) < 0.3) for k in (300, 250))
        wx, wy = wx / wx.sum(), wy / wy.sum()
        est = self.ask(x, y, weights_a=wx, weights_b=wy)
        assert gap_to_pot(est, x, y, 2, wx, wy) < 1e-9
        check_plan_and_potentials(est, x, y, 2, wx, wy)

    @pytest.mark.parametrize("scale", [1e150, 1e-150])
    def test_extreme_coordinates(self, scale, rng):
        x, y = rng.standard_normal((200, 2)), rng.standard_normal((200, 2))
        assert self.ask(scale * x, scale * y).value == pytest.approx(scale * self.ask(x, y).value, rel=1e-9)

    def test_a_large_offset_with_a_small_spread(self, rng):
        x, y = 1e8 + 1e-3 * rng.standard_normal((2, 300, 2))
        assert gap_to_pot(self.ask(x, y), x - 1e8, y - 1e8, 2) < 1e-9

    def test_rational_weights_are_counted_in_few_units(self, rng):
        a, b = rng.integers(1, 9, 60), rng.integers(1, 9, 60)
        b[0] += a.sum() - b.sum() if a.sum() > b.sum() else 0
        a[0] += b.sum() - a.sum()
        whole = _whole(a / a.sum(), b / b.sum())
        assert whole[0].sum() == whole[1].sum() <= 4 * a.sum()

    def test_masses_that_are_almost_multiples_of_a_unit_are_not_taken_for_them(self):
        x = np.array([[0.0, 0], [1, 0]])
        given = {"weights_a": [1 / 3 + 1e-7, 2 / 3 - 1e-7], "weights_b": [1 / 3, 2 / 3]}
        with pytest.warns(wdist.WdistWarning, match="did not converge"):  # 1e-7 of 1 leaves few digits
            est = self.ask(x, x, 1, **given)
        assert est.lower <= 1e-7 * (1 + 1e-6) <= est.upper * (1 + 1e-5)
        assert est.value == pytest.approx(1e-7, rel=1e-6)
        moved = self.ask(x, x + 5, 1, **given)
        assert moved.value == pytest.approx(
            wdist.estimate(x, x + 5, method="discrete", **given).value, rel=1e-10
        )

    def test_powers_that_underflow_are_no_zero(self):
        a, b = np.array([[-1.0, 0], [1, 0], [0, 0]]), np.array([[-1.0, 0], [1, 0], [1e-100, 0]])
        with pytest.warns(wdist.WdistWarning, match="did not converge"):
            est = self.ask(a, b, 4)
        assert est.upper > 7.598e-101
        assert wdist.estimate(a, b, p=4).value == pytest.approx(7.598e-101, rel=1e-3)

    def test_unequal_sizes_are_counted_in_few_units(self):
        whole = _whole(np.full(30, 1 / 30), np.full(20, 1 / 20))
        assert (whole[0] == 2).all()
        assert (whole[1] == 3).all()


class TestLimits:
    def test_the_bracket_holds_when_time_runs_out(self, rng):
        x, y = rng.standard_normal((1500, 2)), rng.standard_normal((1500, 2))
        exact = wdist.estimate(x, y, method=Discrete(engine="pot")).value
        for limit in (1e-9, 0.05):
            with pytest.warns(wdist.WdistWarning, match=r"did not converge.*time_limit was .* s; raise it"):
                est = wdist.estimate(x, y, method=Discrete(time_limit=limit))
            assert not est.converged
            assert 0 < est.lower <= exact <= est.upper < 20 * exact
            with pytest.raises(wdist.NotConvergedError):
                float(est)

    @pytest.mark.parametrize("method", ["auto", "exact", "discrete", Discrete(), SPARSE])
    def test_a_call_takes_the_limit_too(self, method, rng):
        x, y = rng.standard_normal((1500, 2)), rng.standard_normal((1500, 2))
        with pytest.warns(wdist.WdistWarning, match=r"time_limit was 1e-09 s; raise it"):
            est = wdist.estimate(x, y, method=method, time_limit=1e-9)
        assert not est.converged
        assert est.lower <= wdist.estimate(x, y).value <= est.upper
        with pytest.warns(wdist.WdistWarning, match=r"1 of 1 pairs did not converge"):
            matrix = wdist.pairwise([x, y], method=method, time_limit=1e-9)
        assert np.isnan(matrix.values[0, 1])
        assert (matrix.lower[0, 1], matrix.upper[0, 1]) == (est.lower, est.upper)

    def test_the_line_needs_no_limit(self):
        assert wdist.estimate([0.0], [2.0], time_limit=1e-9).value == 2
        assert wdist.pairwise([[0.0], [2.0]], time_limit=1e-9).values[0, 1] == 2

    @pytest.mark.parametrize(
        ("method", "limit", "said"),
        [
            (
                "sliced", 1.0,
                "method 'sliced', which would answer, has no time_limit; drop it, or pass method='discrete'",
            ),
            (Discrete(time_limit=2.0), 1.0, "time_limit is given to the call and to Discrete; drop one"),
            ("auto", 0, "time_limit is 0; pass seconds above zero, or None for no limit"),
            (Discrete(engine="pot"), 1.0, "engine 'pot' cannot be stopped; pass engine='sparse' with time_limit"),
        ],
    )  # fmt: skip
    def test_limits_that_are_refused(self, method, limit, said):
        with pytest.raises(wdist.InputError) as error:
            wdist.estimate([[0.0, 0.0]], [[1.0, 1.0]], method=method, time_limit=limit)
        assert str(error.value) == said

    def test_enough_time_changes_nothing(self, rng):
        x, y = rng.standard_normal((100, 2)), rng.standard_normal((100, 2))
        limited = wdist.estimate(x, y, method=Discrete(time_limit=60))
        assert limited.converged
        assert limited.value == wdist.estimate(x, y, method=SPARSE).value

    @pytest.mark.parametrize("engine", ["pot", "scipy", "lapx"])
    def test_only_one_engine_can_be_stopped(self, engine):
        with pytest.raises(
            wdist.InputError, match=f"engine '{engine}' cannot be stopped; pass engine='sparse'"
        ):
            Discrete(engine=engine, time_limit=1)

    @pytest.mark.parametrize("limit", [0, -1, float("nan"), True])
    def test_a_senseless_limit(self, limit):
        with pytest.raises(wdist.InputError, match=r"time_limit is .*; pass seconds above zero, or None"):
            Discrete(time_limit=limit)

    @pytest.mark.parametrize("p", [17, 3000, np.inf])
    @pytest.mark.parametrize("method", [SPARSE, Discrete(time_limit=1)])
    def test_orders_that_it_is_not_for(self, p, method):
        with pytest.raises(
            wdist.InputError, match="engine 'sparse' is for p up to 16; use engine='auto' without"
        ):
            wdist.estimate(np.ones((3, 2)), np.zeros((3, 2)), p=p, method=method)

    def test_a_metric_of_ones_own_is_refused(self):
        with pytest.raises(wdist.InputError, match=r"engine 'sparse' needs a named metric.*use engine='pot'"):
            wdist.estimate(np.ones((3, 2)), np.ones((3, 2)), metric=lambda x, y: cdist(x, y), method=SPARSE)

    def test_ctrl_c_is_heard_within_a_second(self, rng):
        x, y = rng.standard_normal((9000, 2)), rng.standard_normal((9000, 2))
        wdist.estimate(x[:300], y[:300], method=SPARSE)  # compiled
        wx = rng.random(9000)
        start = time.monotonic()
        timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            wdist.estimate(x, y, weights_a=wx, normalize_weights=True, method=SPARSE)
        assert time.monotonic() - start < 2.0


class TestCost:
    def test_memory_grows_with_n_and_not_with_its_square(self, rng):
        n = 4000
        x, y = rng.standard_normal((n, 3)), rng.standard_normal((n, 3))
        wdist.estimate(x[:300], y[:300], method=SPARSE)
        tracemalloc.start()
        wdist.estimate(x, y, p=2, method=SPARSE)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < n * 3000 < 8 * n * n / 10
        question = ask(x, y, p=2, rng=as_rng(0))
        assert peak < SPARSE.memory(question)

    def test_rows_bid_some_dozen_times(self, rng, monkeypatch):
        """Counted, not timed: prices of the coarser levels spare most of the bids."""
        n, seen = 2000, []
        inner = sparse.settle
        monkeypatch.setattr(sparse, "settle", lambda *a: (seen.append(inner(*a)), seen[-1])[1])
        x, y = rng.standard_normal((n, 16)), 1.3 * rng.standard_normal((n, 16))
        est = wdist.estimate(x, y, p=2, method=SPARSE)
        assert len(seen) == 3
        assert est.detail.iterations == sum(bids for _, bids in seen) < 100 * n

    def test_leaves_spare_most_of_the_pairs_in_two_dimensions(self, rng):
        """Two far clusters: rows of one never open the leaves of the other, so the bounds must do their work."""
        x = rng.standard_normal((640, 2))
        est = wdist.estimate(np.vstack([x, x + 1e2]), np.vstack([x + 1, x + 1e2 + 1]), p=2, method=SPARSE)
        assert est.value == pytest.approx(np.sqrt(2), rel=1e-9)


class TestChoiceOfEngine:
    def test_the_table_is_read(self, monkeypatch, rng):
        question = ask(rng.standard_normal((50, 2)), rng.standard_normal((50, 2)), p=2, rng=as_rng(0))
        any_, last = (
            {"p": [1, None], "d": [1, None], "masses": "matched", "apart": False, "from": 0},
            ["lapx", "sparse"],
        )
        passed = ({"p": [3, None]}, {"d": [1, 2]}, {"masses": "uneven"}, {"apart": True}, {"from": 51})
        rules = [
            *({**any_, "engines": ["scipy"], **one} for one in passed),
            {**any_, "p": [1, 2.5], "d": [2, 3], "from": 50, "engines": last},
        ]
        monkeypatch.setattr(engines, "_rules", lambda: rules)
        monkeypatch.setattr(engines, "lapx_installed", lambda: True)
        assert fastest_engine(question) == "lapx"
        monkeypatch.setattr(engines, "lapx_installed", lambda: False)
        assert fastest_engine(question) == "sparse"
        far = ask(question.samples[0].points, question.samples[1].points + 9, p=2, rng=as_rng(0))
        assert fastest_engine(far) == "scipy"
        monkeypatch.setattr(engines, "_rules", tuple)
        assert fastest_engine(question) == "pot"

    def test_the_shipped_table_has_an_answer_for_every_question(self):
        names = {"pot", "scipy", "lapx", "sparse"}
        assert all(rule["engines"] and set(rule["engines"]) <= names for rule in engines._rules())
        for p, d, n, matched in itertools.product(
            (1, 2, 4), (1, 2, 3, 16, 784), (2, 1000, 20000), (True, False)
        ):
            x = np.broadcast_to(np.zeros(d), (n, d))
            question = ask(x, x if matched else x[1:], p=p, rng=as_rng(0))
            assert fastest_engine(question) in names

    def test_the_kind_of_masses_is_told_apart(self, monkeypatch, rng):
        rules = tuple(
            {"p": [1, None], "d": [1, None], "masses": masses, "apart": False, "from": 0, "engines": [engine]}
            for masses, engine in (("matched", "scipy"), ("uniform", "sparse"), ("uneven", "pot"))
        )
        monkeypatch.setattr(engines, "_rules", lambda: rules)
        x, weights = rng.standard_normal((30, 3)), rng.random(30)
        assert fastest_engine(ask(x, x, p=2, rng=as_rng(0))) == "scipy"
        assert fastest_engine(ask(x, x[1:], p=2, rng=as_rng(0))) == "sparse"
        question = ask(x, x, p=2, weights_a=weights, normalize_weights=True, rng=as_rng(0))
        assert fastest_engine(question) == "pot"

    def test_a_high_order_goes_to_the_network_simplex(self, rng):
        x = rng.standard_normal((800, 2))
        assert fastest_engine(ask(x, x, p=10, rng=as_rng(0))) == "pot"

    def test_what_prices_cannot_certify_the_network_simplex_does(self, rng, monkeypatch):
        monkeypatch.setattr("wdist.methods.discrete.fastest_engine", lambda question: "sparse")
        x, y = rng.standard_normal((60, 2)), rng.standard_normal((60, 2))
        monkeypatch.setattr(sparse, "GAP", 0.5)
        est = wdist.estimate(x, y, p=2)
        assert est.detail.engine == "pot"
        assert est.bound is Bound.EXACT


class TestWars:
    """Pieces of mass passed around at steps of ε: what is bid, and what ends it."""

    @pytest.mark.parametrize("seed", [226, 240, 342, 711, 824, 991])
    def test_uniform_clouds_of_unequal_sizes_are_no_war(self, seed):
        """A row's next best may be a piece that another holds of a column not sold out."""
        rng = np.random.default_rng(seed)
        (n, m), d, p = rng.integers(1, 41, 2), rng.integers(1, 5), [1, 1.5, 2, 3][seed % 4]
        x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d))
        est = wdist.estimate(x, y, p=p, method=SPARSE)
        assert est.bound is Bound.EXACT
        assert est.detail.iterations < 300 * (n + m)

    @pytest.mark.parametrize("p", [1, 2])
    def test_uneven_masses_in_the_plane_are_settled_on_arcs(self, rng, p):
        (x, y), (a, b) = rng.standard_normal((2, 900, 2)), rng.random((2, 900))
        with mock.patch.object(settle, "_simplex", wraps=settle._simplex) as simplex:
            est = wdist.estimate(x, y, p=p, weights_a=a, weights_b=b, normalize_weights=True, method=SPARSE)
        assert est.bound is Bound.EXACT
        assert est.detail.iterations < 60 * 1800  # more than three times that without the simplex
        assert 1 <= simplex.call_count <= 24
        arcs = max(call.args[2].nnz for call in simplex.call_args_list)
        assert arcs < 60 * 1800

    def test_arcs_as_near_as_the_worst_left_out_spare_rounds(self):
        """Potentials of a degenerate plan jump from round to round; with those below zero alone it takes ten."""
        rng = np.random.default_rng(1)
        x, y = rng.standard_normal((2, 2600, 2))
        with mock.patch.object(settle, "_simplex", wraps=settle._simplex) as simplex:
            est = wdist.estimate(x, 1.3 * y + [1, 0], p=1, method=SPARSE)
        assert est.bound is Bound.EXACT
        assert 1 <= simplex.call_count <= 8

    def test_a_simplex_that_fails_leaves_the_war_to_the_auctions(self, rng, monkeypatch):
        x, y, a = rng.standard_normal((300, 2)), rng.standard_normal((300, 2)), rng.random(300)
        ask_for = {"p": 1, "weights_a": a, "normalize_weights": True, "method": SPARSE}
        usual = wdist.estimate(x, y, **ask_for)
        monkeypatch.setattr(ot, "emd", lambda *_, **__: (None, {"warning": "numerical trouble"}))
        est = wdist.estimate(x, y, **ask_for)
        assert est.bound is Bound.EXACT
        assert est.value == pytest.approx(usual.value, rel=1e-9)
        assert est.detail.iterations > usual.detail.iterations

    @pytest.mark.parametrize("d", [2, 3])
    def test_heavy_tails_are_settled_at_the_first_war(self, d):
        """ε goes by the bulk of the costs; far points climb to their prices in its steps: 40 to 140 bids a row."""
        rng = np.random.default_rng(2)
        x, y = rng.standard_t(2.5, (2, 1000, d))
        est = wdist.estimate(x, 1.3 * y + 1, p=2, method=SPARSE)
        assert est.bound is Bound.EXACT
        assert est.detail.iterations < 30 * 1000

    def test_far_points_do_not_coarsen_what_the_simplex_takes_for_zero(self):
        """Its zero goes by the longest arc, and is absolute besides: twelve rounds would end short of the goal."""
        rng = np.random.default_rng(11)
        x, y = rng.standard_t(2.5, (2000, 2)), 1.3 * rng.standard_t(2.5, (2000, 2)) + [1, 0]
        a, b = rng.dirichlet(np.ones(2000)), rng.dirichlet(np.ones(2000))
        with mock.patch.object(settle, "_simplex", wraps=settle._simplex) as simplex:
            est = wdist.estimate(x, y, p=2, weights_a=a, weights_b=b, method=SPARSE)
        assert est.bound is Bound.EXACT
        assert est.detail.iterations < 60 * 2000
        assert simplex.call_count < 12

    @pytest.mark.parametrize("n", [1, 2])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_a_few_atoms_against_very_many_need_no_bids(self, rng, n, weighted):
        """Each bid reads a list as long as a row's share of the columns: their number squared, in all."""
        m = 1001 * n
        x, y, a = rng.standard_normal((n, 3)), rng.standard_normal((m, 3)), rng.random(n)
        masses = {"weights_a": a, "weights_b": rng.random(m), "normalize_weights": True} if weighted else {}
        found, pot = (
            wdist.estimate(x, y, p=2, method=Discrete(engine=e), **masses) for e in ("sparse", "pot")
        )
        assert found.converged
        assert found.value == pytest.approx(pot.value, rel=1e-12)
        assert found.detail.iterations == 0

    def test_a_time_limit_is_heard_during_the_simplex(self, rng, monkeypatch):
        x, y, a = rng.standard_normal((400, 2)), rng.standard_normal((400, 2)), rng.random(400)
        monkeypatch.setattr(ot, "emd", lambda *_, **__: time.sleep(5))
        start = time.monotonic()
        with pytest.warns(wdist.WdistWarning, match="did not converge"):
            est = wdist.estimate(
                x, y, weights_a=a, normalize_weights=True, method=Discrete(engine="sparse", time_limit=0.5)
            )
        assert time.monotonic() - start < 3
        assert 0 < est.lower < est.upper
        with pytest.warns(UserWarning, match="heard"):  # the thread left behind holds no filter
            warnings.warn("heard", UserWarning, stacklevel=1)

    def test_masses_of_many_sizes_on_few_places_come_to_an_end(self):
        """The least ε, a rounding of the prices, falls with them: coming near it has to do."""
        for seed in (*range(20), 61, 295, 391, 433):
            rng = np.random.default_rng(seed)
            n, m = rng.integers(1, 20), rng.integers(1, 4)
            x, y = rng.integers(0, 3, (n, 1)).astype(float), rng.integers(0, 3, (m, 1)).astype(float)
            a, b = 10.0 ** rng.uniform(-25, 0, n), 10.0 ** rng.uniform(-25, 0, m)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", wdist.WdistWarning)
                est = wdist.estimate(
                    x, y, p=2, weights_a=a, weights_b=b, normalize_weights=True,
                    method=Discrete(engine="sparse", time_limit=20),
                )  # fmt: skip
            assert est.seconds < 10
            best = ot.emd2_1d(x[:, 0], y[:, 0], a / a.sum(), b / b.sum())
            assert est.lower**2 <= best * (1 + 1e-9) + 1e-15
            assert est.upper**2 >= best * (1 - 1e-9) - 1e-15
