"""Critics without training and small cones, the two folds that choose and read them, and the bounds that follow."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from wdist.critic import cone_ascent
from wdist.critic.closed_form import affine, best_axis, radial, subspace_radial
from wdist.critic.cone_ascent import ConeCritic, cones, unfolded
from wdist.resampling import two_folds
from wdist.resampling.mean_betting import betting_lower, capital
from wdist.resampling.two_folds import PORTFOLIO, Reading, student_lower, two_fold_readings
from wdist.rng import as_rng


def gain(f, x, y):
    """Dual value on rows."""
    return f(x).mean() - f(y).mean()


class TestCritics:
    @pytest.mark.parametrize("d", [1, 3, 1001])
    @pytest.mark.parametrize("name", PORTFOLIO)
    def test_no_slope_is_above_one_and_all_gain(self, name, d, rng):
        x, y = rng.standard_normal((60, d)) * 1.5 + 1, rng.standard_normal((50, d))
        f = PORTFOLIO[name](x, y, as_rng(0))
        assert gain(f, x, y) > 0.2
        for length in (1e-3, 0.1, 10.0):
            u = 3 * rng.standard_normal((300, d))
            step = rng.standard_normal((300, d))
            v = u + length * step / np.linalg.norm(step, axis=1, keepdims=True)
            slopes = np.abs(f(u) - f(v)) / np.linalg.norm(u - v, axis=1)
            assert slopes.max() <= 1 + 1e-9

    @pytest.mark.parametrize("name", PORTFOLIO)
    def test_rows_that_are_all_one_teach_nothing(self, name):
        f = PORTFOLIO[name](np.ones((20, 2)), np.ones((30, 2)), as_rng(0))
        assert gain(f, np.ones((20, 2)), np.ones((30, 2))) == pytest.approx(0, abs=1e-12)
        assert np.isfinite(f(np.zeros((3, 2)))).all()

    def test_affine_is_the_distance_between_the_means(self, rng):
        x, y = rng.standard_normal((40, 5)) + 1, rng.standard_normal((30, 5))
        assert gain(affine(x, y), x, y) == pytest.approx(np.linalg.norm(x.mean(0) - y.mean(0)))

    def test_slopes_on_the_line_by_a_loop(self, rng):
        x, y = rng.standard_normal((12, 1)) + 0.7, rng.standard_normal((9, 1))
        f = best_axis(x, y)
        knots = np.sort(np.r_[x[:, 0], y[:, 0]])
        for left, right in itertools.pairwise(knots):
            below_x, below_y = (x <= left).mean(), (y <= left).mean()
            share = ((x <= left).sum() + (y <= left).sum()) / 21
            noise = math.sqrt(share * (1 - share) * (1 / 12 + 1 / 9))
            slope = min(1, max(-1, -(below_x - below_y) / noise))
            found = np.diff(f(np.array([[left], [right]])))[0] / (right - left)
            assert found == pytest.approx(slope, abs=1e-9)
        assert f(np.array([[-99.0]])) == f(knots[:1, None])

    def test_each_sees_what_it_is_for(self, rng):
        """A stretch, a stretch of a few coordinates, and 5 % of rows far off along one; on fresh rows."""
        x, y, fresh_x, fresh_y = rng.standard_normal((4, 2000, 16))
        assert gain(radial(1.3 * x, y), 1.3 * fresh_x, fresh_y) == pytest.approx(
            0.3 * stats.chi.mean(16), rel=0.03
        )
        part = np.r_[1.5, 1.5, 1.5, np.ones(13)]
        found = {
            f: gain(f(part * x, y), part * fresh_x, fresh_y) for f in (radial, subspace_radial, best_axis)
        }
        assert found[subspace_radial] == pytest.approx(0.5 * stats.chi.mean(3), rel=0.1)
        assert found[subspace_radial] > 1.5 * max(found[radial], found[best_axis])
        x[:100, 5] += 8
        fresh_x[:100, 5] += 8
        found = {f: gain(f(x, y), fresh_x, fresh_y) for f in (affine, radial, best_axis)}
        assert found[best_axis] > 1.1 * found[radial]
        assert best_axis(x, y).feature.number == 5

    def test_cones_see_what_no_single_feature_does(self, rng):
        """Clusters at the corners of a cube, of one parity for a and of the other for b: W1 is an edge, 2."""
        corners = 2 * (np.arange(8)[:, None] >> np.arange(3) & 1) - 1.0
        odd = np.prod(corners, axis=1) < 0
        x, y, fresh_x, fresh_y = (
            side[rng.integers(4, size=600)] + 0.1 * rng.standard_normal((600, 3))
            for side in (corners[odd], corners[~odd]) * 2
        )
        found = {name: gain(fit(x, y, as_rng(0)), fresh_x, fresh_y) for name, fit in PORTFOLIO.items()}
        assert found["16 cones"] > 1.5
        assert max(found[name] for name in ("affine", "radial", "best axis")) < 0.3


class TestAscent:
    @pytest.fixture
    def point(self, rng):
        """Rows, their signs and parameters in the middle of an ascent."""
        z = rng.standard_normal((25, 3))
        signs = np.repeat([1 / 15, -1 / 10], [15, 10])
        vector = rng.standard_normal(2 * (4 + cone_ascent.PLANES) * 4 + 1)
        return z, signs, vector

    def test_the_gradient_is_that_of_the_dual_value(self, point):
        z, signs, vector = point

        def value(at):
            return signs @ ConeCritic(at, 4, np.zeros(3), 1.0, 0.1)(z)

        gradient = np.zeros_like(vector)
        squares = np.square(z).sum(axis=1)
        cone_ascent._differentiate(z, squares, signs, unfolded(vector, 4, 3), unfolded(gradient, 4, 3), 0.1)
        steps = 1e-6 * np.eye(len(vector))
        numeric = [(value(vector + step) - value(vector - step)) / 2e-6 for step in steps]
        assert gradient == pytest.approx(np.array(numeric), abs=1e-7)
        assert np.abs(gradient).max() > 0.05

    def test_values_are_those_of_the_net(self, point):
        """The same parameters in `cones.py`."""
        import torch

        from wdist.critic.cones import ConeNet

        z, _, vector = point
        parts = unfolded(vector, 4, 3)
        tensors = (torch.tensor(v) for v in (parts.centres, parts.offsets, parts.normals, parts.balance[0]))
        centres, offsets, normals, balance = tensors
        net = ConeNet([], [centres], offsets, normals).double().eval()
        net.balance.data, net.temperature = balance, torch.tensor(0.1, dtype=torch.float64)
        found = ConeCritic(vector, 4, np.full(3, 2.0), 5.0, 0.1)(5 * z + 2)
        assert found == pytest.approx(5 * net(torch.tensor(z)).detach().numpy(), rel=1e-9)

    def test_blocks_of_rows_change_nothing(self, point, monkeypatch):
        z, _, vector = point
        f = ConeCritic(vector, 4, np.zeros(3), 1.0, 0.1)
        whole = f(z)
        monkeypatch.setattr(cone_ascent, "ENTRIES", 40)
        assert f(z) == pytest.approx(whole, rel=1e-12)

    def test_it_ascends_and_a_seed_decides_where_to(self, rng, monkeypatch):
        x, y = rng.standard_normal((100, 4)) * [2, 1, 1, 1], rng.standard_normal((80, 4))
        f = cones(x, y, 8, as_rng(0))
        assert (f(x) == cones(x, y, 8, as_rng(0))(x)).all()
        assert (f(x) != cones(x, y, 8, as_rng(1))(x)).any()
        monkeypatch.setattr(cone_ascent, "STEPS", 0)
        assert gain(f, x, y) > gain(cones(x, y, 8, as_rng(0)), x, y) + 0.2

    def test_few_rows_have_fewer_cones(self, rng):
        assert cones(rng.standard_normal((7, 2)), rng.standard_normal((90, 2)), 16, as_rng(0)).k == 3


def by_heart(x, y, rng):
    """As overfitted as a 1-Lipschitz function can be: half the distance to rows of y less that to rows of x."""
    return lambda z: (cdist(z, y).min(axis=1) - cdist(z, x).min(axis=1)) / 2


class TestFolds:
    def test_no_row_is_read_that_was_fitted_or_judged(self, monkeypatch):
        """Rows are numbers, so that a critic can tell which ones it was shown."""
        x, y = np.arange(101.0)[:, None], 1000 + np.arange(60.0)[:, None]
        calls = []

        def spy(a, b, rng):
            shown = [set(a[:, 0]) | set(b[:, 0])]
            calls.append(shown)

            def critic(z):
                shown.append(set(z[:, 0]))
                return z[:, 0]

            return critic

        monkeypatch.setattr(two_folds, "PORTFOLIO", {"spy": spy})
        readings = two_fold_readings(x, y, as_rng(0))
        everything = set(np.r_[x, y][:, 0])
        for (fitted, judge_a, judge_b, *seen, read_a, read_b), reading in zip(calls, readings, strict=True):
            assert fitted.isdisjoint(judge_a | judge_b)
            assert (read_a | read_b).isdisjoint(fitted | judge_a | judge_b)
            assert fitted | judge_a | judge_b | read_a | read_b == everything
            assert set().union(*seen) == fitted | judge_a | judge_b
            assert (set(reading.values_a), set(reading.values_b)) == (read_a, read_b)
            assert len(fitted) == pytest.approx(2 * len(judge_a | judge_b), abs=3)
        first, second = ({*r.values_a, *r.values_b} for r in readings)
        assert first.isdisjoint(second)

    def test_what_was_learnt_by_heart_proves_nothing(self, monkeypatch):
        """Where both laws are one; on the rows that it was fitted to, such a critic is always significant."""
        monkeypatch.setattr(two_folds, "PORTFOLIO", {"by heart": by_heart})
        found = []
        for k in range(60):
            x, y = np.random.default_rng([3, k]).standard_normal((2, 60, 2))
            found.append(student_lower(two_fold_readings(x, y, as_rng(k)), 0.95))
            f, fold = by_heart(x[:30], y[:30], None), (x[:30], y[:30])
            trained = Reading("by heart", f, -9, 9, f(fold[0]), f(fold[1]))
            assert student_lower((trained,), 0.95) > 0
        assert sum(low > 0 for low in found) <= 8  # 3 expected at 5 %, more than 8 with probability 0.002

    def test_nor_is_it_chosen(self, monkeypatch, rng):
        monkeypatch.setattr(two_folds, "PORTFOLIO", {"by heart": by_heart, "affine": PORTFOLIO["affine"]})
        x, y = rng.standard_normal((2, 120, 8))
        assert [r.name for r in two_fold_readings(x + 0.3, y, as_rng(0))] == ["affine", "affine"]

    def test_the_choice_is_by_mean_less_what_its_error_will_be(self, monkeypatch):
        """mean − se·√(rows that judge/rows that will be read); another rule would choose otherwise now and then."""
        names = [f"axis {k}" for k in range(6)]
        judges, others = [], {"mean": 0, "whole error": 0}

        def axis(k):
            def critic(z):
                judges.append(z)
                return z[:, k]

            return lambda a, b, rng: critic

        monkeypatch.setattr(two_folds, "PORTFOLIO", {name: axis(k) for k, name in enumerate(names)})
        for seed in range(30):
            x, y = np.random.default_rng([6, seed]).standard_normal((2, 60, 6)) * [1, 2, 3, 4, 5, 6]
            judges.clear()
            first = two_fold_readings(x + 1, y, as_rng(seed))[0]
            a, b = judges[:2]  # the first critic is asked first
            mean = a.mean(axis=0) - b.mean(axis=0)
            error = np.hypot(stats.sem(a), stats.sem(b))
            assert first.name == names[np.argmax(mean - error * math.sqrt(20 / 60))]
            others["mean"] += first.name != names[np.argmax(mean)]
            others["whole error"] += first.name != names[np.argmax(mean - error)]
        assert min(others.values()) >= 3

    def test_large_samples_are_fitted_on_some_rows_and_read_on_all(self, monkeypatch, rng):
        monkeypatch.setattr(two_folds, "MOST_FITTED", 30)
        sizes = []

        def spy(a, b, r):
            sizes.append((len(a), len(b)))
            return affine(a, b)

        monkeypatch.setattr(two_folds, "PORTFOLIO", {"spy": spy})
        readings = two_fold_readings(*rng.standard_normal((2, 200, 2)), as_rng(0))
        assert sizes == [(30, 30)] * 2
        assert {len(r.values_a) for r in readings} == {100}


def reading(a, b, low=-9.0, high=9.0):
    return Reading("some", lambda z: z[:, 0], low, high, np.asarray(a, float), np.asarray(b, float))


class TestStudent:
    def test_two_readings_share_the_error(self, rng):
        """Each at half of it; by SciPy's t and standard errors."""
        a, b, c, d = rng.standard_normal((4, 30)) + np.array([[1.0], [0.0], [1.2], [0.0]])
        two = [
            first.mean()
            - second.mean()
            - stats.t.ppf(0.975, 29) * np.hypot(stats.sem(first), stats.sem(second))
            for first, second in ((a, b), (c, d))
        ]
        both = reading(a, b), reading(c, d)
        assert student_lower(both, 0.95) == pytest.approx(max(two))
        one = a.mean() - b.mean() - stats.t.ppf(0.95, 29) * np.hypot(stats.sem(a), stats.sem(b))
        assert student_lower(both[:1], 0.95) == pytest.approx(one)
        assert one > two[0]

    def test_it_is_never_below_zero_and_freedom_is_the_smaller_sides(self):
        assert student_lower((reading([0, 1], [5, 6]),), 0.95) == 0
        assert reading([0, 1, 2], [5, 6]).freedom == 1


class TestBetting:
    def test_capital_by_a_loop(self, rng):
        values, mean, level = rng.random(40), 0.4, 0.025
        money, seen = 1.0, []
        for x in values:
            means = [(0.5 + sum(seen[: i + 1])) / (i + 2) for i in range(len(seen))]
            variance = (0.25 + sum((v - m) ** 2 for v, m in zip(seen, means, strict=True))) / (len(seen) + 1)
            stake = min(math.sqrt(2 * math.log(1 / level) / (40 * variance)), 0.75 / mean)
            money *= 1 + stake * (x - mean)
            seen.append(x)
        assert capital(values, mean, level) == pytest.approx(money)

    def test_no_fair_game_is_won_on_average(self):
        """Rare large losses, the law that ruins standard errors: mean 1/2 from 0.52 and, in 4 %, 0.02."""
        g = np.random.default_rng(0)
        values = np.where(g.random((4000, 60)) < 0.04, 0.02, 0.52)
        won = np.array([capital(row, 0.5, 0.05) for row in values])
        assert won.mean() < 1 + 4 * won.std() / 4000**0.5
        assert (won >= 20).mean() <= 0.05
        t = (values.mean(axis=1) - 0.5) / np.maximum(stats.sem(values, axis=1), 1e-12)
        assert (t > stats.t.ppf(0.95, 59)).mean() > 0.08

    def test_it_falls_in_the_mean(self, rng):
        values = rng.random(50)
        won = [capital(values, mean, 0.05) for mean in np.linspace(0.05, 1, 30)]
        assert (np.diff(won) < 0).all()

    def test_the_bound_is_where_mean_capital_is_one_over_the_level(self, rng):
        pair = (
            reading(rng.random(200), rng.random(200) * 0.4, 0, 1),
            reading(rng.random(200), rng.random(200), 0, 1),
        )
        low = betting_lower(pair, 0.05)
        assert 0.1 < low < 0.3

        def won(w):
            return sum(capital(0.5 + (r.values_a - r.values_b) / 2, (w + 1) / 2, 0.05) for r in pair) / 2

        assert won(low - 1e-6) > 20 > won(low + 1e-6)
        assert betting_lower(pair[1:], 0.05) == 0

    def test_values_are_cut_to_the_range_where_the_critic_was_fitted(self, rng):
        a, b = rng.random(100), rng.random(100) * 0.2
        wild = a.copy()
        wild[:50] = 1e9
        cut = np.r_[np.ones(50), a[50:]]
        assert betting_lower((reading(wild, b, 0, 1),), 0.05) == betting_lower((reading(cut, b, 0, 1),), 0.05)

    def test_many_rows_of_one_side_are_averaged(self, rng):
        a, b = rng.random(1000), rng.random(100) * 0.2
        grouped = a.reshape(100, 10).mean(axis=1)
        assert betting_lower((reading(a, b, 0, 1),), 0.05) == betting_lower(
            (reading(grouped, b, 0, 1),), 0.05
        )
        assert betting_lower((reading(b, a, 0, 1),), 0.05) == 0

    def test_a_constant_critic_bets_nothing(self):
        assert betting_lower((reading([1, 1], [1, 1], 1, 1),), 0.05) == 0
