"""Exact transport: against POT and SciPy, its certificate, its engines, p = inf, and the kernel's gradients."""

import itertools
import math
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import wdist
from wdist import Bound, Discrete, NotConvergedError
from wdist.costs import centred
from wdist.functional import emd
from wdist.methods import discrete
from wdist.plans import dense

ENOUGH = 10**7


@st.composite
def clouds(draw):
    """Weighted clouds of 1 to 12 points in 1 to 4 dimensions, half of them on a grid where ties abound."""
    seed, d = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 4))
    n, m = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    r = np.random.default_rng(seed)
    grid = draw(st.booleans())
    x, y = (r.integers(-2, 3, (k, d)).astype(float) if grid else r.standard_normal((k, d)) for k in (n, m))
    wx, wy = r.random(n) + 0.05, r.random(m) + 0.05
    return x, y, wx / wx.sum(), wy / wy.sum()


@settings(max_examples=200, deadline=None)
@given(clouds(), st.sampled_from([1, 1.5, 2, 4]), st.sampled_from(["euclidean", "cityblock", "chebyshev"]))
def test_pot_on_random_weighted_problems(pair, p, metric):
    x, y, wx, wy = pair
    est = wdist.estimate(x, y, p=p, weights_a=wx, weights_b=wy, metric=metric, method="discrete")
    cost = ot.emd2(wx, wy, cdist(x, y, metric) ** p, numItermax=ENOUGH)
    assert est.value**p == pytest.approx(cost, rel=1e-9, abs=1e-12)
    assert est.bound is Bound.EXACT
    assert est.lower == pytest.approx(est.upper, rel=1e-9, abs=1e-12)


class TestKnownAnswers:
    def test_two_by_two_by_hand(self):
        """Swap or stay: |a0-b0| + |a1-b1| = 2 beats |a0-b1| + |a1-b0| = 2√5 on this square."""
        est = wdist.estimate([[0, 0], [0, 2]], [[1, 0], [1, 2]])
        assert est.value == pytest.approx(1)
        assert est.detail.plan.cols.tolist() == [0, 1]

    def test_all_mass_to_one_atom(self, rng):
        x, w = rng.standard_normal((30, 3)), rng.dirichlet(np.ones(30))
        est = wdist.estimate(x, np.zeros((1, 3)), p=2, weights_a=w)
        assert est.value == pytest.approx(math.sqrt(w @ (x**2).sum(1)), rel=1e-12)

    def test_identity_costs_nothing_even_shuffled_and_duplicated(self, rng):
        x = rng.standard_normal((40, 3))
        for p in (1, 2):
            assert wdist.estimate(x, x[rng.permutation(40)], p=p).value == 0
            assert wdist.estimate(np.repeat(x, 2, axis=0), x, p=p).value == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("p", [1, 2])
    def test_translation_is_the_shift(self, p, rng):
        x, shift = rng.standard_normal((200, 5)), np.array([3.0, 0, 4.0, 0, 0])
        assert wdist.estimate(x, x + shift, p=p).value == pytest.approx(5, rel=1e-12)

    def test_brute_force_over_all_assignments(self, rng):
        x, y = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
        d = cdist(x, y)
        perms = [d[range(6), list(s)] for s in itertools.permutations(range(6))]
        assert wdist.estimate(x, y).value == pytest.approx(min(c.mean() for c in perms), rel=1e-12)
        assert wdist.estimate(x, y, p=math.inf).value == pytest.approx(min(c.max() for c in perms), rel=1e-12)

    @pytest.mark.parametrize("name", [n for n in wdist.datasets.pairs() if n.startswith("breast")])
    def test_real_pairs_in_thirty_dimensions(self, name, answers):
        pair = wdist.datasets.pair(name)
        assert wdist.estimate(pair.a, pair.b, p=2).value == pytest.approx(answers[name]["W2"], rel=1e-9)

    def test_acceptance_sizes(self, rng):
        for n, m, d in ((2000, 2000, 16), (500, 800, 784)):
            x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d)) + 0.1
            est = wdist.estimate(x, y)
            theirs = ot.emd2(np.full(n, 1 / n), np.full(m, 1 / m), cdist(x, y), numItermax=ENOUGH)
            assert est.value == pytest.approx(theirs, rel=1e-9)
            assert est.bound is Bound.EXACT


class TestCertificate:
    def test_potentials_are_feasible_and_tight(self, rng):
        x, y, w = rng.standard_normal((50, 3)), rng.standard_normal((70, 3)), rng.dirichlet(np.ones(50))
        est = wdist.estimate(x, y, p=2, weights_a=w)
        d, cost = est.detail, cdist(x, y) ** 2
        assert (d.potential_a[:, None] + d.potential_b <= cost + 1e-12).all()
        assert w @ d.potential_a + d.potential_b.mean() == pytest.approx(est.value**2, rel=1e-9)

    def test_plan_is_a_coupling_of_that_cost(self, rng):
        x, y, w = rng.standard_normal((50, 3)), rng.standard_normal((70, 3)), rng.dirichlet(np.ones(50))
        est = wdist.estimate(x, y, weights_a=w)
        plan = est.detail.plan.dense(50, 70)
        np.testing.assert_allclose(plan.sum(1), w, atol=1e-12)
        np.testing.assert_allclose(plan.sum(0), 1 / 70, atol=1e-12)
        assert (plan * cdist(x, y)).sum() == pytest.approx(est.value, rel=1e-12)
        assert len(est.detail.plan.mass) < 120  # a vertex of the polytope: at most n + m − 1 entries

    def test_wrong_plan_is_not_called_exact(self, rng, monkeypatch):
        """An engine that errs is caught by the certificate: no exact label, no float, both bounds right."""
        x, y = rng.standard_normal((40, 2)), rng.standard_normal((40, 2))
        truth = wdist.estimate(x, y).value
        monkeypatch.setattr(dense, "_assignment", lambda cost, engine: np.arange(40))
        with pytest.warns(wdist.WdistWarning, match="did not converge"):
            est = wdist.estimate(x, y, method=Discrete(engine="scipy"))
        assert not est.converged
        assert est.bound is Bound.UPPER
        assert est.lower <= truth <= est.upper
        with pytest.raises(wdist.NotConvergedError, match="Certified so far"):
            float(est)

    def test_a_run_that_hits_its_limit_is_run_on(self, rng):
        x, y = rng.standard_normal((60, 2)), rng.standard_normal((80, 2))
        assert wdist.estimate(x, y, method=Discrete(max_iter=3)).value == wdist.estimate(x, y).value

    def test_a_solver_that_gives_up_never_returns_a_number(self, rng, monkeypatch):
        monkeypatch.setattr(
            ot, "emd", lambda *_, **__: (np.zeros((3, 3)), {"result_code": 0, "warning": "infeasible"})
        )
        with pytest.raises(wdist.NotConvergedError, match="infeasible"):
            wdist.estimate(
                rng.standard_normal((3, 2)), rng.standard_normal((3, 2)), method=Discrete(engine="pot")
            )


class TestEngines:
    @pytest.mark.parametrize("engine", ["pot", "scipy", "lapx"])
    @pytest.mark.parametrize("p", [1, 2])
    def test_all_agree_and_certify(self, engine, p, rng):
        if engine == "lapx":
            pytest.importorskip("lap")
        x, y = rng.standard_normal((150, 4)), rng.integers(-1, 2, (150, 4))
        est = wdist.estimate(x, y, p=p, method=Discrete(engine=engine))
        assert est.value == pytest.approx(
            wdist.estimate(x, y, p=p, method=Discrete(engine="pot")).value, rel=1e-10
        )
        assert est.bound is Bound.EXACT
        assert est.detail.engine == engine

    def test_assignment_engines_refuse_weights(self):
        with pytest.raises(wdist.InputError, match="solves assignments only"):
            wdist.estimate([[0, 0]], [[1, 1], [2, 2]], method=Discrete(engine="scipy"))


class TestMetrics:
    def test_a_metric_of_the_users_own(self, rng):
        x, y = rng.standard_normal((20, 3)), rng.standard_normal((25, 3))
        own = wdist.estimate(x, y, metric=lambda a, b: cdist(a, b, "cityblock"))
        assert own.value == pytest.approx(wdist.estimate(x, y, metric="cityblock").value, rel=1e-12)

    def test_tensors_come_as_tensors(self, rng):
        seen = []

        def metric(a, b):
            seen.append(type(a))
            return torch.cdist(a, b, p=1)

        x, y = torch.tensor(rng.standard_normal((20, 3))), torch.tensor(rng.standard_normal((25, 3)))
        assert wdist.estimate(x, y, metric=metric).value == pytest.approx(
            wdist.estimate(x, y, metric="cityblock").value, rel=1e-12
        )
        assert seen == [torch.Tensor]

    def test_a_large_common_offset_costs_no_digits(self, rng):
        x, y = rng.standard_normal((50, 2)), rng.standard_normal((60, 2))
        here, far = (wdist.estimate(x + o, y + o, p=2).value for o in (0.0, 2.0**27))
        assert far == pytest.approx(here, rel=1e-7)  # what rounding of the coordinates themselves leaves


class TestBottleneck:
    def test_unequal_sizes_are_refused(self):
        with pytest.raises(wdist.InputError, match="p=inf is exact here only for equally many points"):
            wdist.estimate(np.ones((2, 2)), np.ones((3, 2)), p=math.inf)

    def test_line_and_bottleneck_agree(self, rng):
        x, y = rng.standard_normal(80), rng.standard_normal(80)
        assert wdist.estimate(x, y, p=math.inf, method="discrete").value == pytest.approx(
            wdist.estimate(x, y, p=math.inf).value, rel=1e-12
        )

    def test_above_every_finite_order(self, rng):
        x, y = rng.standard_normal((60, 3)), rng.standard_normal((60, 3))
        values = [wdist.estimate(x, y, p=p).value for p in (1, 2, 8, math.inf)]
        assert values == sorted(values)


class TestInterrupts:
    def test_ctrl_c_does_not_wait_for_the_network_simplex(self):
        """Nothing stops POT's solver, which takes seconds here: it is left behind, and its thread keeps nobody."""
        code = (
            "import numpy as np, ot, signal, time, wdist\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where a shell runs us behind
            "real = ot.emd\n"
            "def emd(*a, **o):\n"
            "    print('ready', flush=True)\n"
            "    while True: real(*a, **o)\n"
            "ot.emd = emd\n"
            "x = np.random.default_rng(0).standard_normal((2, 4000, 2))\n"
            "try: wdist.pairwise(list(x), method=wdist.Discrete(engine='pot'))\n"
            "except KeyboardInterrupt: print('heard', flush=True)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout.readline() == "ready\n"
            time.sleep(0.2)
            start = time.monotonic()
            run.send_signal(signal.SIGINT)
            assert run.stdout.readline() == "heard\n"
            assert time.monotonic() - start < 1
            assert run.wait() == 0

    @pytest.mark.parametrize("engine", ["pot", "scipy"])
    def test_what_a_solver_raises_is_raised(self, engine, monkeypatch):
        for module, name in ((ot, "emd"), (dense, "linear_sum_assignment")):
            monkeypatch.setattr(module, name, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            wdist.estimate([[0.0, 1.0]], [[1.0, 1.0]], method=Discrete(engine=engine))


class TestKernel:
    @pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
    @pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
    def test_gradcheck_points_and_weights(self, p, metric):
        g = torch.Generator().manual_seed(3)
        x = torch.randn(2, 5, 3, dtype=torch.float64, generator=g, requires_grad=True)
        y = torch.randn(2, 4, 3, dtype=torch.float64, generator=g, requires_grad=True)
        wx = (torch.rand(2, 5, dtype=torch.float64, generator=g) + 0.3).requires_grad_(True)
        wy = (torch.rand(2, 4, dtype=torch.float64, generator=g) + 0.3).requires_grad_(True)
        assert torch.autograd.gradcheck(
            lambda x, y, wx, wy: emd(x, y, p=p, weights_x=wx, weights_y=wy, metric=metric), (x, y, wx, wy)
        )

    def test_is_the_report(self, rng):
        x, y = rng.standard_normal((30, 4)), rng.standard_normal((20, 4))
        kernel = emd(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32), p=2)
        assert kernel.dtype == torch.float32
        assert float(kernel) == pytest.approx(wdist.estimate(x, y, p=2).value, rel=1e-6)

    def test_batch_is_a_loop(self):
        g = torch.Generator().manual_seed(4)
        x, y = torch.randn(2, 3, 6, 2, generator=g), torch.randn(2, 3, 5, 2, generator=g)
        both = emd(x, y)
        assert both.shape == (2, 3)
        assert torch.allclose(both[1, 2], emd(x[1, 2], y[1, 2]))

    def test_descent_moves_a_cloud_onto_the_other(self):
        g = torch.Generator().manual_seed(5)
        x = torch.randn(20, 2, generator=g, requires_grad=True)
        y = torch.randn(20, 2, generator=g) + 3
        start = float(emd(x.detach(), y, p=2))
        optimizer = torch.optim.SGD([x], lr=2.0)
        for _ in range(40):
            optimizer.zero_grad()
            emd(x, y, p=2).square().backward()
            optimizer.step()
        assert float(emd(x.detach(), y, p=2)) < 0.05 * start

    @pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
    @pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
    def test_engines_agree_in_value_and_gradient(self, p, metric, rng, monkeypatch):
        clouds = rng.standard_normal((70, 3)), rng.standard_normal((50, 3)) + 0.4
        weights = rng.random(70) + 0.1, rng.random(50) + 0.1
        found = {}
        for engine in ("sparse", "pot"):
            asked = []
            monkeypatch.setattr(
                discrete, "fastest_engine", lambda _, e=engine, asked=asked: asked.append(e) or e
            )
            leaves = [torch.tensor(t, requires_grad=True) for t in (*clouds, *weights)]
            x, y, wx, wy = leaves
            value = emd(x, y, p=p, metric=metric, weights_x=wx, weights_y=wy)
            value.backward()
            found[engine] = [value.detach(), *(leaf.grad for leaf in leaves)]
            assert asked == [engine]
        for ours, theirs in zip(found["sparse"], found["pot"], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
        assert all(grad.abs().max() > 1e-3 for grad in found["sparse"])

    def test_an_assignment_in_single_precision_has_the_gradient_of_the_plan(self, rng):
        x = torch.tensor(rng.standard_normal((300, 2)), dtype=torch.float32, requires_grad=True)
        y = torch.tensor(rng.standard_normal((300, 2)), dtype=torch.float32)
        value = emd(x, y, p=2)
        value.backward()
        plan = wdist.estimate(x.detach(), y, p=2, method="discrete").detail.plan
        moved = torch.zeros_like(x.detach())
        moved[plan.rows] = x.detach()[plan.rows] - y[plan.cols]
        torch.testing.assert_close(x.grad, moved / (300 * value.detach()))

    def test_where_the_sparse_engine_serves_there_is_no_matrix(self, rng, monkeypatch):
        monkeypatch.setattr(discrete, "_cost", None)
        monkeypatch.setattr(discrete, "fastest_engine", lambda _: "sparse")
        x, y = (torch.tensor(rng.standard_normal((200, 2)), requires_grad=True) for _ in range(2))
        value = emd(x, y, p=2)
        value.backward()
        assert value.item() == pytest.approx(wdist.estimate(x, y, p=2).value, rel=1e-12)
        assert x.grad.sum(dim=0).numpy() == pytest.approx(-y.grad.sum(dim=0).numpy(), abs=1e-12)

    def test_what_the_sparse_engine_cannot_certify_the_network_simplex_does(self, rng, monkeypatch):
        monkeypatch.setattr(discrete, "fastest_engine", lambda _: "sparse")
        x, y = (torch.tensor(rng.standard_normal((40, 2))) for _ in range(2))
        exact = emd(x, y, p=2)
        rough = discrete.solve_sparse
        monkeypatch.setattr(discrete, "solve_sparse", lambda *a, **o: rough(*a, **{**o, "time_limit": 1e-9}))
        assert float(emd(x, y, p=2)) == pytest.approx(float(exact), rel=1e-9)
        monkeypatch.setattr(discrete, "available_bytes", lambda: 0)
        with pytest.raises(NotConvergedError, match=r"the certificate leaves .* <= W2 <= "):
            emd(x, y, p=2)

    def test_inf_is_refused(self):
        with pytest.raises(wdist.InputError, match="finite p only"):
            emd(torch.zeros(2, 2), torch.zeros(2, 2), p=math.inf)


@pytest.mark.parametrize("p", [10, 50, 200])
def test_high_orders_are_certified_too(p, rng):
    """Powers of distances span hundreds of digits; the certificate still closes, against the line's own answer."""
    x, y, w = rng.standard_normal(40), rng.standard_normal(57) + 0.5, rng.dirichlet(np.ones(40))
    exact = wdist.estimate(x, y, p=p, weights_a=w).value
    est = wdist.estimate(x, y, p=p, weights_a=w, method="discrete")
    assert est.bound is Bound.EXACT
    assert est.value == pytest.approx(exact, rel=1e-9)


def test_one_far_point_without_weight_costs_its_neighbours_no_digit():
    """Centring on a mean that a point at 1e9 has moved would round the others to 1e-7."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 3))
    weights = np.append(np.full(20, 1 / 20), 0.0)
    plain = wdist.estimate(x, y, p=1, method=Discrete(engine="pot")).value
    far = [np.vstack([z, np.full((1, 3), 1e9)]) for z in (x, y)]
    est = wdist.estimate(*far, p=1, weights_a=weights, weights_b=weights, method=Discrete(engine="sparse"))
    assert est.value == pytest.approx(plain, rel=1e-12)
    with warnings.catch_warnings():  # the cost of the far point leaves POT's potentials nine digits
        warnings.simplefilter("ignore", wdist.WdistWarning)
        est = wdist.estimate(*far, p=1, weights_a=weights, weights_b=weights, method=Discrete(engine="pot"))
    assert est.lower <= plain * (1 + 1e-12)
    assert est.upper >= plain * (1 - 1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e8])
def test_centring_changes_no_distance(offset):
    rng = np.random.default_rng(1)
    x, y = (torch.as_tensor(offset + 1e-3 * rng.standard_normal((5, 2))) for _ in range(2))
    cx, cy = centred(x, y)
    assert (cx[:, None] - cy == x[:, None] - y).all()
    assert float(cx.abs().max()) < 1e-2
