"""The interval for W1 between laws on the line: against formulas, its coverage, and what it refuses."""

import numpy as np
import pytest
from scipy import stats

import wdist
from wdist import Bound, Target
from wdist.resampling.line_interval import line_interval, refusal
from wdist.resampling.premises import heavy_tails, log_excesses, tail_index
from wdist.rng import as_rng


def laws(x, y, **options):
    return wdist.estimate(x, y, target="population", **options)


CAUCHY = np.tan(np.linspace(-1.5704, 1.5704, 997)[(np.arange(997) * 331) % 997])
"""Its quantiles, out of order."""


class TestParts:
    @pytest.fixture
    def samples(self, rng):
        return np.round(rng.standard_normal(80), 1), np.round(rng.standard_normal(50) * 2 + 1, 1)  # with ties

    def test_the_plug_in_is_the_distance_between_the_samples(self, samples):
        found = line_interval(*samples, 0.95, as_rng(0))
        assert found.plug_in == pytest.approx(stats.wasserstein_distance(*samples), rel=1e-12)

    def test_the_standard_error_is_that_of_the_influence_function(self, rng):
        """All of x lies left of all of y, where the influence is minus the point itself."""
        x, y = rng.random(40), rng.random(60) * 3 + 5
        found = line_interval(x, y, 0.95, as_rng(0))
        assert found.standard_error == pytest.approx(np.hypot(stats.sem(x), stats.sem(y)), rel=1e-9)
        assert found.high == pytest.approx(found.plug_in + stats.t.ppf(0.975, 39) * found.standard_error)
        assert found.upper == pytest.approx(found.plug_in + stats.t.ppf(0.95, 39) * found.standard_error)

    def test_the_radius_is_the_bootstrap_of_both_errors(self, samples, rng):
        """T = ∫|(F* − F) − (G* − G)| by a loop over resamples, on a grid of all points."""
        x, y = samples
        grid = np.unique(np.r_[x, y])
        gaps = np.diff(grid)

        def height(points, grid=grid):
            return (points[:, None] <= grid[:-1]).mean(axis=0)

        excesses = [
            np.abs(
                height(rng.choice(x, len(x))) - height(x) - height(rng.choice(y, len(y))) + height(y)
            ) @ gaps
            for _ in range(1500)
        ]  # fmt: skip
        found = line_interval(x, y, 0.9, as_rng(0))
        assert found.radius == pytest.approx(np.quantile(excesses, 0.9), rel=0.08)
        assert found.low == pytest.approx(found.plug_in - found.radius)

    def test_where_the_samples_agree_by_chance_the_laws_may_differ(self, rng):
        """Coins with as many heads: no distance, but an error of one."""
        coins = np.repeat([0.0, 1.0], 25)
        found = line_interval(coins, rng.permutation(coins), 0.95, as_rng(0))
        assert found.plug_in == found.low == 0
        assert found.standard_error == pytest.approx(np.sqrt(2) * stats.sem(coins))
        three = np.repeat(
            [0.0, 1.0, 3.0], [20, 10, 20]
        )  # heads of the last gap agree, those of the first do not
        found = line_interval(three, np.repeat([0.0, 1.0, 3.0], [15, 15, 20]), 0.95, as_rng(0))
        assert found.standard_error == pytest.approx(
            np.hypot(stats.sem(three), stats.sem(np.repeat([0.0, 1.0, 3.0], [15, 15, 20])))
        )

    def test_where_relabelled_rows_reach_the_distance_the_lower_end_is_zero(self, monkeypatch, rng):
        x, y = rng.standard_normal(60), rng.standard_normal(60) + 2
        for reached, kept in ((49, True), (50, False)):  # besides the observed labels, of 1000
            areas = np.r_[1.0, np.ones(reached), np.zeros(999 - reached)]
            monkeypatch.setattr("wdist.resampling.line_interval._relabelled", lambda *_, areas=areas: areas)
            assert (line_interval(x, y, 0.95, as_rng(0)).low > 0) is kept

    def test_labels_are_exchanged_as_by_the_test(self, rng):
        from wdist.resampling.line_interval import _relabelled

        x, y = rng.standard_normal(60), rng.standard_normal(50) + 0.4
        areas = _relabelled(np.r_[x, y], 60, as_rng(5))
        assert areas[0] == pytest.approx(stats.wasserstein_distance(x, y))
        there = wdist.two_sample_test(x, y, "wasserstein")
        assert np.mean(areas[1:]) == pytest.approx(there.floor, rel=0.05)
        assert np.mean(areas >= areas[0]) == pytest.approx(there.pvalue, abs=0.02)

    def test_ties_count_as_reaching_the_distance(self):
        """Heads 12 of 20 and 8 of 20: so many or more on either side in 34 % of relabellings, more in 11 %."""
        x, y = np.repeat([0.0, 0.3], [8, 12]), np.repeat([0.0, 0.3], [12, 8])
        assert stats.hypergeom(40, 20, 20).sf(11) * 2 == pytest.approx(0.343, abs=0.001)
        assert line_interval(x, y, 0.67, as_rng(0)).low == 0  # though its radius is below the distance
        assert line_interval(x, y, 0.67, as_rng(0)).radius < 0.059

    @pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
    def test_the_guess_has_less_bias_than_the_plug_in(self, shift):
        found = []
        for k in range(40):
            rng = np.random.default_rng([2, k])
            found.append(
                line_interval(rng.standard_normal(60), rng.standard_normal(90) + shift, 0.95, as_rng(k))
            )
        guess, plug_in = (np.mean([getattr(one, name) for one in found]) for name in ("guess", "plug_in"))
        assert abs(guess - shift) < (0.8 if shift < 1 else 1.05) * abs(plug_in - shift) + 0.03
        assert all(one.low <= one.guess <= one.high for one in found)


class TestEstimate:
    def test_reads_like_a_sentence(self, rng):
        x, y = rng.standard_normal(200), rng.standard_normal(200) + 1
        est = laws(x, y)
        assert est.floor == wdist.sampling_floor(x, y)
        assert (est.bound, est.target, est.method, est.quantity) == (
            Bound.NONE,
            Target.POPULATION,
            "line",
            "W1",
        )
        assert (est.lower, est.upper) == (est.interval.low, est.interval.high)
        text = (
            f"W1 between the laws: at least {est.lower:.6g}, at most {est.upper:.6g} (95 %); debiased guess "
            f"{est.value:.6g} (no guarantee); two samples of these sizes from one law would be {est.floor.told} "
            "apart; by line in"
        )
        assert repr(est).startswith(text)
        assert f"How sure: W1 between the laws is at least {est.lower:.6g}" in est.explain()
        assert (
            f"Between the samples themselves W1 is {est.detail.plug_in:.6g}, which overstates." in est.message
        )

    def test_no_difference_is_said(self, rng):
        est = laws(rng.standard_normal(100), rng.standard_normal(100))
        assert est.lower == 0
        assert est.message.endswith("At this level the samples do not show that the laws differ.")

    def test_unit_offset_sides_and_seed(self, rng):
        x, y = rng.standard_normal(60), rng.standard_normal(70) + 1
        est = laws(x, y)
        moved = laws(1e4 * x + 3e6, 1e4 * y + 3e6)
        assert (moved.lower / 1e4, moved.upper / 1e4) == pytest.approx((est.lower, est.upper), rel=1e-6)
        assert laws(y, x).upper == pytest.approx(est.upper, rel=1e-9)
        assert laws(x, y).interval == est.interval
        assert laws(x, y, seed=1).lower != est.lower

    def test_far_units(self, rng):
        x, y = rng.standard_normal(60), rng.standard_normal(70) + 1
        near = laws(x, y)
        for unit in (2.0**-900, 2.0**900):
            far = laws(unit * x, unit * y)
            assert [unit * one for one in (near.lower, near.value, near.upper)] == [
                far.lower,
                far.value,
                far.upper,
            ]

    def test_rows_that_go_together_are_said(self, rng):
        x = rng.standard_normal(60)
        for paired in (x + 0.1 * rng.standard_normal(60), -x):
            with pytest.raises(wdist.InputError, match="rows of a and b are paired"):
                laws(x, paired)
        assert "20 rows occur in a and in b" in laws(x, np.r_[rng.standard_normal(41), x[:20]]).message
        assert "rows occur" not in laws(np.round(x, 1), np.round(rng.standard_normal(60), 1)).message

    def test_a_higher_level_is_wider(self, rng):
        x, y = rng.standard_normal(60), rng.standard_normal(70) + 1
        some, most = laws(x, y, confidence=0.5), laws(x, y, confidence=0.99)
        assert most.lower < some.lower < some.upper < most.upper

    def test_sources_draw_what_it_takes(self, monkeypatch):
        case = wdist.truth.scaling(1, 2.0)
        monkeypatch.setattr(wdist.Line, "draws", 2000)
        est = laws(case.a, case.b)
        assert (est.method, est.floor) == ("line", None)
        assert est.lower <= case.w[1] <= est.upper

    def test_constant_points(self):
        est = laws(np.ones(30), np.ones(40))
        assert (est.value, est.lower, est.upper) == (0, 0, 0)
        est = laws(np.ones(30), np.full(40, 3.0))
        assert (est.lower, est.upper) == pytest.approx((2, 2))

    def test_real_pairs(self):
        for name in wdist.datasets.pairs():
            pair = wdist.datasets.pair(name)
            if pair.a.ndim == 1 and "hourly" not in name:
                assert (laws(pair.a, pair.b).lower > 0) == pair.shifted

    @pytest.mark.parametrize(
        ("x", "text"),
        [
            (np.arange(19.0), "a has 19 rows, and an interval between the laws needs 20 a side"),
            (
                np.sin(np.arange(300) / 10),
                "rows of a depend on the rows before them .rank correlation 0.9.*thin them out",
            ),
            (
                np.tan(np.linspace(-1.5704, 1.5704, 997)[(np.arange(997) * 331) % 997]),
                "a law of infinite variance .index",
            ),
        ],
    )
    def test_refusals(self, x, text, rng):
        y = rng.standard_normal(100)
        for first, second, said in (
            (x, y, text),
            (y, x, text.replace("of a ", "of b ").replace("a has", "b has")),
        ):
            with pytest.raises(wdist.InputError, match=f"method 'line' cannot answer this: .*{said}"):
                laws(first, second)

    def test_weights_are_for_the_critic(self, rng):
        x = rng.standard_normal(30)
        weights = np.r_[np.full(15, 1 / 45), np.full(15, 2 / 45)]
        with pytest.raises(wdist.InputError, match="its interval is for rows of equal weight; use 'critic'"):
            laws(x, x, weights_b=weights, method="line")


class TestTails:
    @pytest.mark.parametrize("index", [0.7, 1.0, 3.0])
    def test_index_and_error_of_power_laws(self, index):
        """Log excesses of a power law are exponential; over 400 samples of 50 the error is what it is said to be."""
        found, errors = zip(
            *(tail_index(np.random.default_rng(k).exponential(1 / index, 50)) for k in range(400)),
            strict=True,
        )
        assert np.median(found) == pytest.approx(index, rel=0.04)
        assert np.std(found) == pytest.approx(np.mean(errors), rel=0.15)

    def test_excesses_are_over_the_next_and_in_no_unit(self):
        points = np.r_[np.zeros(11), 1.0, 2.0, 4.0, -8.0, 16.0, 32.0]  # of 17 the median is 0, and 5 count
        excesses = np.log([32.0, 16, 8, 4, 2])
        assert log_excesses(points[:, None]) == pytest.approx(excesses)
        assert log_excesses(1e200 * points[:, None] - 7) == pytest.approx(excesses)
        assert tail_index(excesses)[0] == pytest.approx((2 / np.mean(excesses**2)) ** 0.5)

    def test_points_that_agree_tell_nothing(self):
        points = np.r_[np.zeros(30), 1.0, 9.0][:, None]
        assert tail_index(log_excesses(points)) == (np.inf, 0)
        assert tail_index(log_excesses(np.tile([-1.0, 1.0], 20)[:, None])) == (np.inf, 0)

    @pytest.mark.parametrize(
        ("law", "n", "least", "most"),
        [
            ("cauchy", 50, 0.55, 0.85),
            ("cauchy", 200, 0.92, 1),
            ("lognormal", 50, 0, 0.15),
            ("t3", 50, 0, 0.02),
        ],
    )
    def test_how_many_pairs_are_refused(self, law, n, least, most):
        draw = {"cauchy": np.random.Generator.standard_cauchy, "lognormal": np.random.Generator.lognormal}
        draw["t3"] = lambda g, size: g.standard_t(3, size)
        pairs = (draw[law](np.random.default_rng([6, k]), size=(2, n, 1)) for k in range(200))
        assert least <= np.mean([heavy_tails(x, y) is not None for x, y in pairs]) <= most

    def test_two_samples_together_tell_more_than_either(self):
        x, y = (np.random.default_rng([k, 32]).standard_cauchy((40, 1)) for k in (0, 1))
        normal = np.random.default_rng(0).standard_normal((40, 1))
        assert heavy_tails(x, normal) is None
        assert heavy_tails(normal, y) is None
        text = "a and b together have tails like those of a law of infinite variance (index 1.16, below 2)"
        assert heavy_tails(x, 1000 * y).startswith(text)

    def test_ordinary_samples_pass(self, rng):
        assert refusal(rng.standard_normal(500), rng.exponential(size=500)) is None


LAWS = {
    "normal": lambda r, k: r.standard_normal(k),
    "t3": lambda r, k: r.standard_t(3, k),
    "lognormal": lambda r, k: np.exp(r.standard_normal(k)),
    "counts": lambda r, k: r.poisson(2, size=k).astype(float),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_coverage(law, shift):
    """On 120 pairs of 60 and 40: 6 misses expected at 95 %, more than 14 with probability 0.001."""
    misses = 0
    for k in range(120):
        rng = np.random.default_rng([4, k])
        x, y = LAWS[law](rng, 60), LAWS[law](rng, 40) + shift
        found = line_interval(x, y, 0.95, as_rng(k))
        misses += not found.low <= shift <= found.high
        assert found.high - found.low <= 1.05 * (
            found.plug_in + found.radius - max(0, found.plug_in - found.radius)
        )
    assert misses <= 14
