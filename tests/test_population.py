"""Bounds on W1 between laws beyond the line: their parts, their coverage in small, what is said and what is refused."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

import wdist
from wdist import Bound, Population, Target
from wdist.cli import app
from wdist.methods.population import _debiased
from wdist.question import ask
from wdist.resampling.across import copies_note, pairing
from wdist.resampling.box import Box
from wdist.resampling.premises import copies, log_excesses, tail_index
from wdist.resampling.two_folds import student_lower, two_fold_readings
from wdist.rng import as_rng


def laws(x, y, **options):
    return wdist.estimate(x, y, target="population", **options)


def bounded(x, y, method=None, confidence=0.95, seed=0):
    question = ask(x, y, target="population", confidence=confidence, rng=as_rng(seed))
    method = method or Population()
    assert method.refusal(question) is None
    return method.bounds(question, as_rng(seed))


class TestParts:
    def test_upper_by_the_standard_error_of_the_potentials(self, rng):
        """Far apart along one axis, the potential is the coordinate itself but for terms of second order."""
        x, y = 0.1 * rng.standard_normal((60, 3)) + [200, 0, 0], 0.1 * rng.standard_normal((80, 3))
        found = bounded(x, y)
        error = np.hypot(stats.sem(x[:, 0]), stats.sem(y[:, 0]))
        assert found.plug_in == pytest.approx(wdist.estimate(x, y).value)
        assert found.standard_error == pytest.approx(error, rel=1e-3)
        assert found.upper == pytest.approx(found.plug_in + stats.t.ppf(0.95, 59) * found.standard_error)
        assert found.high == pytest.approx(found.plug_in + stats.t.ppf(0.975, 59) * found.standard_error)

    def test_lower_is_that_of_the_folds_and_both_ends_share_the_error(self, rng):
        x, y = rng.standard_normal((2, 200, 4))
        x += 1
        wide, narrow = bounded(x, y, confidence=0.95), bounded(x, y, confidence=0.9)
        assert wide.lower == pytest.approx(narrow.low)
        assert wide.upper == pytest.approx(narrow.high)
        assert wide.low < wide.lower < 2 < wide.upper < wide.high
        two = [
            mean - stats.t.ppf(0.975, 99) * error
            for mean, error in zip(wide.held_out, wide.held_out_errors, strict=True)
        ]
        assert wide.lower == pytest.approx(max(two))

    def test_finite_upper_by_bounded_differences(self, rng):
        """McDiarmid: a row moves W by a diameter over n, so exp(−2t²/(D²(1/n + 1/m))) is the chance of t."""
        x, y = rng.random((60, 2)), rng.random((90, 2))
        found = bounded(x, y, Population(guarantee="finite", support=(0, [1, 2])))
        for end, miss in ((found.high, 0.025), (found.upper, 0.05)):
            t = end - found.plug_in
            assert np.exp(-2 * t**2 / (5 * (1 / 60 + 1 / 90))) == pytest.approx(miss)
        plain = bounded(x, y)
        assert found.lower <= plain.lower + 0.05
        assert found.high > plain.high

    def test_finite_sees_what_is_plain(self, rng):
        x, y = rng.random((400, 3)) * 0.5 + 0.5, rng.random((300, 3)) * 0.5
        found = bounded(x, y, Population(guarantee="finite", support=(0, 1)))
        assert 0.8 * np.sqrt(0.75) < found.low < np.sqrt(0.75) < found.high

    @pytest.mark.parametrize("shift", [0.0, 1.0])
    def test_the_guess_has_less_bias_than_the_plug_in(self, shift):
        guesses, plug_ins = [], []
        for k in range(20):
            x, y = np.random.default_rng([2, k]).standard_normal((2, 100, 8))
            question = ask(x + shift * np.eye(8)[0], y, rng=as_rng(0))
            guesses.append(_debiased(question, as_rng(k)))
            plug_ins.append(wdist.estimate(*question.samples).value)
        assert abs(np.mean(guesses) - shift) < 0.3
        assert np.mean(plug_ins) - shift > 1

    def test_large_samples_are_solved_on_drawn_rows(self, rng):
        x, y = rng.standard_normal((300, 2)), rng.standard_normal((80, 2)) + 1
        method = Population(solved=100)
        est = laws(x, y, method=method)
        whole = laws(x, y)
        assert (est.detail.solved_a, est.detail.solved_b) == (100, 80)
        assert est.detail.held_out == whole.detail.held_out
        assert est.detail.plug_in != whole.detail.plug_in
        assert "Between 100 and 80 rows drawn of 300 and 80, W1 is" in est.message
        assert "the lower bound used all rows" in est.message
        assert method.memory(ask(x, y, rng=as_rng(0))) < Population().memory(ask(x, y, rng=as_rng(0)))


class TestEstimate:
    def test_reads_like_a_sentence(self, rng):
        x, y = rng.standard_normal((150, 4)), rng.standard_normal((120, 4)) + 1
        est = laws(x, y)
        assert (est.bound, est.target, est.method) == (Bound.NONE, Target.POPULATION, "population")
        assert (
            (est.lower, est.upper)
            == (est.interval.low, est.interval.high)
            == (est.detail.low, est.detail.high)
        )
        text = (
            f"W1 between the laws: at least {est.lower:.6g}, at most {est.upper:.6g} (95 %); debiased guess "
            f"{est.value:.6g} (no guarantee); two samples of these sizes from one law would be {est.floor.told} "
            "apart; by population in"
        )
        assert repr(est).startswith(text)
        assert 0 < est.lower < 2 < est.upper
        assert est.floor.a == pytest.approx(wdist.sampling_floor(x, y).a, rel=0.2)
        assert (
            f"Between the samples themselves W1 is {est.detail.plug_in:.6g}, which overstates." in est.message
        )
        assert "by held-out critics and standard errors; the guess is only that" in est.explain()

    def test_a_bound_that_is_mainly_sample_size_is_said_to_be(self, rng):
        x, y = rng.standard_normal((2, 100, 32))
        est = laws(x, y)
        assert est.lower == 0
        assert "The upper bound is mainly sample size" in est.message
        assert "At this level the samples do not show that the laws differ." in est.message
        far = laws(x + 3, y)
        assert "mainly" not in far.message
        assert "do not show" not in far.message

    def test_copies_across_the_folds_are_said(self, rng):
        x, y = rng.standard_normal((2, 60, 3))
        assert "rows repeat" not in laws(x, y).message
        est = laws(np.r_[x, x[:7]], y, method=Population(rows="independent"))
        assert "7 of 127 rows repeat another row. If they are copies and no ties" in est.message

    @pytest.mark.parametrize(("unit", "offset"), [(1e-150, 0), (1e200, 0), (1, 1e6)])
    def test_unit_and_offset(self, unit, offset, rng):
        x, y = rng.standard_normal((2, 60, 3))
        est, moved = laws(x + 1, y), laws(unit * (x + 1) + offset, unit * y + offset)
        assert moved.lower / unit == pytest.approx(est.lower, rel=1e-3)
        assert moved.upper / unit == pytest.approx(est.upper, rel=1e-6)

    def test_a_seed_decides(self, rng):
        x, y = rng.standard_normal((2, 80, 3))
        assert laws(x + 1, y).interval == laws(x + 1, y).interval
        assert laws(x + 1, y, seed=1).lower != laws(x + 1, y).lower

    def test_unpleasant_samples(self, rng):
        """Constant rows, a constant feature, n far from m, ties of a discrete law."""
        est = laws(np.ones((50, 2)), np.ones((60, 2)))
        assert (est.lower, est.value, est.upper) == (0, 0, 0)
        est = laws(np.zeros((50, 2)), np.full((60, 2), 3.0))
        assert (est.lower, est.upper) == pytest.approx((np.sqrt(18), np.sqrt(18)))
        x, y = rng.standard_normal((900, 3)), rng.standard_normal((41, 3)) + 2
        x[:, 1] = y[:, 1] = 5
        est = laws(x, y)
        assert 1.5 < est.lower < np.sqrt(8) < est.upper
        est = laws(rng.integers(3, size=(200, 2)), rng.integers(3, size=(200, 2)) + np.array([1, 0]))
        assert 0.5 < est.lower < 1 < est.upper

    def test_sources_are_for_the_critic_but_may_be_drawn_from(self, monkeypatch):
        case = wdist.truth.scaling(2, 2.0)
        monkeypatch.setattr(Population, "draws", 300)
        est = laws(case.a, case.b, method="population")
        assert est.lower < case.w[1] < est.upper
        assert "300 points were drawn from the source" in est.message
        assert est.floor is None

    def test_real_pairs(self):
        """The null pair of 30 features is on the verge: the two-sample test's p is 0.035."""
        seen = {}
        for name in wdist.datasets.pairs():
            pair = wdist.datasets.pair(name)
            if pair.a.ndim > 1:
                seen[pair.shifted] = laws(pair.a, pair.b, confidence=0.99)
        assert seen[True].lower > 4
        assert seen[False].lower == 0

    def test_on_the_command_line(self, tmp_path, rng):
        for name, sample in zip("ab", rng.standard_normal((2, 90, 3)), strict=True):
            np.save(tmp_path / f"{name}.npy", sample + (name == "a"))
        files = [str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), "--target", "population"]
        shown = CliRunner().invoke(app, ["estimate", *files])
        assert shown.exit_code == 0
        assert "W1 between the laws: at least" in shown.stdout
        assert "from one law would be" in shown.stdout
        told = json.loads(CliRunner().invoke(app, ["estimate", *files, "--json"]).stdout)
        assert told["lower"] == told["detail"]["low"] < 3**0.5 < told["upper"]


class TestRefusals:
    def refused(self, text, x, y, method="population", **options):
        with pytest.raises(wdist.InputError, match=f"method 'population' cannot answer this: .*{text}"):
            laws(x, y, method=method, **options)

    def test_of_questions(self, rng):
        x, y = rng.standard_normal((2, 60, 2))
        self.refused("of the laws it speaks for p=1 only; pass p=1", x, y, p=2)
        self.refused(
            "its critics are 1-Lipschitz in the Euclidean metric; use 'discrete'", x, y, metric="cityblock"
        )
        weights = np.r_[np.full(30, 1 / 90), np.full(30, 2 / 90)]
        self.refused("its bounds are for rows of equal weight; use 'critic'", x, y, weights_a=weights)
        self.refused(
            "b has 39 rows, and bounds between the laws need 40 a side, 20 for each of two", x, y[:39]
        )
        with pytest.raises(
            wdist.InputError, match="it speaks of the laws, not of the samples; pass target='pop"
        ):
            wdist.estimate(x, y, method="population")

    def test_of_rows_that_are_not_independent(self, rng):
        x, y = rng.standard_normal((2, 200, 2))
        walk = np.cumsum(x, axis=0)
        self.refused("rows of b depend on the rows before them .rank correlation 0.9", x, walk)
        self.refused("rows of a and b are paired .rank correlation 0.[67]", x, x + y)
        self.refused("declared to be paired.*keep one row of each pair", x, y, Population(rows="paired"))
        self.refused("declared to depend on each other.*thin them out", x, y, Population(rows="dependent"))
        assert laws(x, x + y, method=Population(rows="independent")).lower > 0

    def test_of_tails(self, rng):
        x, y = rng.standard_normal((2, 1000, 3))
        x[:, 1] = rng.standard_cauchy(1000)
        self.refused("a has tails like those of a law of infinite variance .index [01]", x, y)

    def test_of_rows_outside_of_the_support(self, rng):
        x, y = rng.random((2, 60, 2))
        y[:3] += 1
        finite = Population(guarantee="finite", support=(0, 1))
        self.refused("[123] rows of b lie outside of support; widen it", x, y, finite)
        three = Population(guarantee="finite", support=(0, [1, 1, 1]))
        self.refused("support has limits for 3 coordinates, and rows have 2", x, x[::-1], three)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"guarantee": "sure"}, "guarantee is 'sure'; choose asymptotic, finite"),
            ({"rows": "loose"}, "rows is 'loose'; choose unknown, independent, paired, dependent"),
            ({"guarantee": "finite"}, "go together; pass both or none"),
            ({"support": (0, 1)}, "go together; pass both or none"),
            ({"solved": 39}, "solved is 39; pass an int of at least 40"),
            *(
                ({"guarantee": "finite", "support": support}, "pass .low, high., finite numbers or")
                for support in ((1, 0), (0, np.inf), 3, ("a", "b"), (0, [1, -1]), (0, 1, 2), (0, [[1.0]]))
            ),
        ],
    )
    def test_of_options(self, options, text):
        with pytest.raises(wdist.InputError, match=text):
            Population(**options)

    def test_the_line_sees_pairs_too(self, rng):
        x, y = rng.standard_normal((2, 100))
        with pytest.raises(
            wdist.InputError, match="method 'line' cannot answer this: rows of a and b are paired"
        ):
            laws(x, x + y)


class TestPremises:
    def test_pairs(self, rng):
        """Hardly any false ones, for coordinates that go together, fewer and more than rows."""
        for d in (2, 90):
            x, y = (z + z[:, :1] for z in rng.standard_normal((2, 60, d)))
            assert sum(pairing(x, rng.permutation(y)) != 0 for _ in range(300)) < 5
        assert pairing(x, y[:59]) == 0
        assert pairing(np.sort(x, axis=0), np.sort(y, axis=0)) == 0
        assert pairing(x, -x) == -1

    def test_copies(self):
        rows = np.arange(40.0).reshape(20, 2)
        assert copies(rows, rows + 100) == ""
        assert copies(rows, rows[:5]).startswith(
            "5 rows occur in a and in b, and hardly any twice in one of them"
        )
        assert copies(np.r_[rows, rows[:2]], rows + 100).startswith("2 of 42 rows")
        assert copies(np.ones((9, 2)), np.ones((9, 2))) == ""
        thrice = np.repeat(rows, 3, axis=0)  # most rows repeat another, and no coordinate ties otherwise
        assert copies(thrice, rows + 100).startswith("40 of 80 rows")
        assert copies(thrice, thrice + 100).startswith("80 of 120 rows")
        assert copies(np.repeat(rows[:2], 20, axis=0), np.repeat(rows[2:4], 20, axis=0)) == ""

    def test_ties_of_discrete_laws_are_no_copies(self, rng):
        for draw in (
            lambda k: rng.integers(4, size=(k, 2)).astype(float),
            lambda k: np.c_[rng.poisson(9, k), np.ones(k)],  # a constant feature beside counts
            lambda k: np.c_[rng.integers(2, size=(k, 5)), rng.poisson(2, k)].astype(float),
        ):
            x, y = draw(200), draw(300)
            assert copies(x, y) == copies_note(x, y) == ""

    def test_the_heaviest_coordinate_is_the_norms_tail(self, rng):
        points = rng.standard_normal((40_000, 3))
        points[:, 2] += rng.pareto(1.5, 40_000) * rng.choice([-1, 1], 40_000)
        index, error = tail_index(log_excesses(points))
        assert index == pytest.approx(1.5, abs=4 * error)
        assert tail_index(log_excesses(points[:, :2]))[0] > 4

    def test_a_box_without_limits_for_each_coordinate_has_them_for_all(self):
        assert Box.of((-1, 1)).diameter(4) == 4


@pytest.mark.parametrize(("finite", "shift"), [(False, 0.0), (False, 0.5), (True, 0.0)])
def test_coverage(finite, shift):
    """On 25 pairs of 60 and 50 in 3 dimensions: 1.25 misses expected at 95 %, more than 5 with probability 0.001."""
    misses, method = 0, Population(guarantee="finite", support=(0, 1.5)) if finite else Population()
    for k in range(25):
        g = np.random.default_rng([4, k])
        x, y = g.random((60, 3)) + shift / 3**0.5, g.random((50, 3))
        found = bounded(x, y, method, seed=k)
        misses += not found.low <= shift <= found.high
    assert misses <= 5


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("finite", [False, True])
def test_both_ends_together_cover(finite, d):
    """Where both ends tell something; 300 pairs: 15 misses expected at 95 %, more than 29 with probability 0.0004."""
    misses, method = 0, Population(guarantee="finite", support=(0, 2)) if finite else Population()
    for k in range(300):
        g = np.random.default_rng([5, k])
        x, y = g.random((200, d)) + 0.5 / d**0.5, g.random((200, d))
        found = bounded(x, y, method, seed=k)
        misses += not found.low <= 0.5 <= found.high
    assert misses <= (9 if finite else 29)


def test_the_folds_are_read_by_students_bound(rng):
    """`bounds` hands on what `two_fold_readings` finds of the same rows by the same seed."""
    x, y = rng.standard_normal((2, 100, 2))
    question = ask(x + 1, y, target="population", rng=as_rng(0))
    readings = two_fold_readings(*(2 * s.points.numpy() for s in question.samples), as_rng(3))
    assert student_lower(readings, 0.9) > student_lower(readings, 0.95) > 0
    found = Population().bounds(question, as_rng(0))
    moved = Population().bounds(
        dataclasses.replace(
            question, a=dataclasses.replace(question.samples[0], points=question.a.points + 9)
        ),
        as_rng(0),
    )
    assert moved.lower > found.lower + 8
