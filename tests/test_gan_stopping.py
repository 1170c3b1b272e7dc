"""The stopping rule on curves whose course is known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import wdist
from wdist.gan.stopping import StoppingRule


def fed(rule, values, diversities=None, collapses=None, number="debiased", floor=5.0):
    """Feed a rule until it stops; the verdicts."""
    verdicts = []
    for k, value in enumerate(values):
        numbers = {number: value, "floor": floor, "diversity": 0.8 if diversities is None else diversities[k]}
        verdicts.append(
            rule.update(SimpleNamespace(numbers=numbers, collapse=collapses[k] if collapses else ""))
        )
        if verdicts[-1].stop:
            break
    return verdicts


def decay(n, scale, end):
    return [end + 3 * math.exp(-k / scale) for k in range(n)]


class TestPlateau:
    def test_a_curve_that_still_falls_goes_on(self):
        assert len(fed(StoppingRule(), [5.0 * 0.95**k for k in range(40)])) == 40

    def test_one_that_stands_still_is_stopped_near_its_end_and_not_at_once(self):
        verdicts = fed(StoppingRule(), decay(100, 5, 1.0))
        assert 15 < len(verdicts) < 40
        assert verdicts[-1].value < 1.05
        assert verdicts[-1].reason.startswith("the debiased distance stands still since evaluation ")

    def test_a_slow_curve_is_given_more_time_than_a_fast_one(self):
        fast, slow = (len(fed(StoppingRule(), decay(400, scale, 1.0))) for scale in (5, 25))
        assert slow > 3 * fast

    def test_the_scale_of_the_data_is_nothing_to_it(self):
        ours, thousandth = (
            fed(StoppingRule(), [unit * v for v in decay(100, 5, 1.0)], floor=5.0 * unit)
            for unit in (1.0, 1e-3)
        )
        assert len(ours) == len(thousandth)

    def test_noise_neither_stops_it_early_nor_keeps_it(self):
        noise = np.random.default_rng(0).normal(size=(20, 100))
        lengths = [
            len(fed(StoppingRule(), (np.array(decay(100, 5, 1.0)) + 0.05 * row).tolist())) for row in noise
        ]
        assert min(lengths) >= 15
        assert max(lengths) < 60

    def test_a_single_outlier_does_not_start_a_plateau_and_is_the_one_to_keep(self):
        values = [5.0 * 0.95**k for k in range(40)]
        values[8] = 0.1
        verdicts = fed(StoppingRule(), values)
        assert len(verdicts) == 40
        assert (verdicts[-1].best, verdicts[-1].value) == (8, 0.1)

    def test_at_the_floor_there_is_nothing_left_to_gain(self):
        around_zero = [4.0, 2.0, 1.0] + [0.02 * (-1) ** k for k in range(40)]
        assert len(fed(StoppingRule(), around_zero)) < 20

    def test_a_curve_that_turns_is_stopped_and_the_best_is_where_it_turned(self):
        values = [abs(k - 12) / 4 + 1 for k in range(60)]
        verdicts = fed(StoppingRule(), values)
        verdict = verdicts[-1]
        assert verdict.best == 12
        assert verdict.reason.startswith(
            f"the debiased distance has risen since evaluation {verdict.best + 1} of {len(verdicts)}, from "
        )

    def test_no_stop_before_the_fewest(self):
        assert len(fed(StoppingRule(fewest=20), [1.0] * 50)) == 20

    def test_gain_is_what_a_third_has_to_bring(self):
        values = [5.0 * 0.97**k for k in range(60)]
        assert len(fed(StoppingRule(gain=0.05), values)) > len(fed(StoppingRule(gain=0.2), values))


class TestDiversity:
    def test_a_plateau_while_diversity_rises_is_none(self):
        rising = [0.02 * k for k in range(50)]
        assert len(fed(StoppingRule(), [1.0] * 50, rising)) == 50
        assert len(fed(StoppingRule(), [1.0] * 50, [0.8] * 50)) == 15

    def test_a_collapse_is_named_while_it_happens_and_since_when(self):
        collapses = [""] * 5 + ["collapsed: so"] * 4 + [""]
        verdicts = fed(StoppingRule(), [5.0 * 0.9**k for k in range(10)], collapses=collapses)
        assert [v.collapse for v in verdicts[4:7]] == [
            "",
            *[f"collapsed: so (since evaluation 6 of {n})" for n in (6, 7)],
        ]
        assert verdicts[9].collapse == ""
        assert "going on; collapsed: so (since evaluation 6 of 8); best at evaluation 8" in str(verdicts[7])

    def test_a_collapsed_run_that_stands_still_is_stopped_by_its_name(self):
        verdict = fed(StoppingRule(), [10.0] * 20, [0.1] * 20, ["collapsed: so"] * 20)[-1]
        assert verdict.stop
        assert verdict.collapse == "collapsed: so (since evaluation 1 of 15)"
        assert str(verdict).startswith(
            "the debiased distance stands still since evaluation 11 of 15, at 10; collapsed: so"
        )


class TestByAnIndependentCritic:
    def test_it_goes_by_the_critic_and_says_so(self):
        verdict = fed(StoppingRule(by="critic"), [2.0] * 20, number="critic")[-1]
        assert (
            verdict.reason
            == "W1 by a critic fitted from scratch stands still since evaluation 11 of 15, at 2"
        )

    def test_evaluations_without_one_are_refused(self):
        with pytest.raises(
            wdist.InputError, match="the evaluation has no critic; give its Evaluator a critic"
        ):
            fed(StoppingRule(by="critic"), [2.0])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"by": "loss"}, "by is 'loss'; choose debiased or critic"),
        ({"gain": 0.0}, "gain is 0.0; pass a finite number above zero"),
        ({"fewest": 1}, "fewest is 1; pass an int of at least 2"),
    ],
)
def test_bad_options_are_refused(options, text):
    with pytest.raises(wdist.InputError, match=text):
        StoppingRule(**options)
