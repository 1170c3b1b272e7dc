"""The debiased distance: zero for one law, the distance itself between points, no reward for a collapse."""

import numpy as np
import pytest
import torch

import wdist
from wdist.gan.distance import Debiased, Halves, debiased_distance
from wdist.truth import translation
from wdist.truth.laws import standard_gaussian


def normal(n, d, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def test_it_is_its_three_exact_terms_and_they_are_scipys():
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    x, y = normal(30, 3, 0), normal(30, 3, 1, 1.0)
    halves = [Halves.of(torch.as_tensor(z), 15) for z in (x, y)]
    found = halves[0].against(halves[1])

    def exact(a, b):
        cost = cdist(a, b)
        return cost[linear_sum_assignment(cost)].mean()

    assert found.between == pytest.approx((exact(x[:15], y[:15]) + exact(x[15:], y[15:])) / 2, rel=1e-9)
    assert found.within_generated == pytest.approx(exact(x[:15], x[15:]), rel=1e-9)
    assert found.within_real == pytest.approx(exact(y[:15], y[15:]), rel=1e-9)
    expected = found.between - found.within_generated / 2 - found.within_real / 2
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.n == 15


def test_one_law_is_at_zero_where_the_raw_distance_is_far_from_it():
    found = [debiased_distance(normal(400, 16, k), normal(400, 16, 50 + k)) for k in range(8)]
    values = np.array([each.value for each in found])
    assert min(each.between for each in found) > 3
    assert abs(values.mean()) < 4 * values.std(ddof=1) / np.sqrt(len(values)) + 1e-3
    assert np.abs(values).max() < 0.1


def test_it_rises_with_a_shift_to_the_distance_less_the_noise():
    def found(length):
        case = translation(torch.full((16,), length / 4.0))
        laws = enumerate((case.a, case.b))
        return debiased_distance(*(law.draw(200, torch.Generator().manual_seed(k)) for k, law in laws))

    steps = [found(length) for length in (0.5, 1.0, 2.0, 4.0, 100.0)]
    values = [each.value for each in steps]
    assert values == sorted(values)
    noise = (steps[-1].within_generated + steps[-1].within_real) / 2
    assert values[-1] == pytest.approx(100 - noise, rel=2e-3)


def test_a_collapse_to_the_mean_passes_below_the_raw_floor_and_not_below_zero():
    real = normal(400, 32, 0)
    found = debiased_distance(np.zeros((400, 32)), real)
    assert found.between < found.within_real
    assert found.within_generated == 0
    assert found.value == pytest.approx(found.between - found.within_real / 2)
    assert found.value > 1.5


def test_rows_are_shuffled_before_they_are_halved():
    ordered = np.sort(normal(400, 1, 0), axis=0)
    assert abs(debiased_distance(ordered, normal(400, 1, 1)).value) < 0.2


def test_it_scales_with_the_data_and_forgets_a_common_shift():
    x, y = normal(60, 3, 0), normal(60, 3, 1, 0.5)
    base = debiased_distance(x, y).value
    assert debiased_distance(100 * x + 7, 100 * y + 7).value == pytest.approx(100 * base, rel=1e-9)


def test_most_bounds_the_halves_and_the_smaller_sample_decides():
    x, y = normal(60, 2, 0), normal(41, 2, 1)
    assert debiased_distance(x, y).n == 20
    assert debiased_distance(x, y, most=7).n == 7


def test_a_seed_decides_the_halving():
    x, y = normal(60, 2, 0), normal(60, 2, 1)
    assert debiased_distance(x, y, seed=3) == debiased_distance(x, y, seed=3)
    assert debiased_distance(x, y, seed=3) != debiased_distance(x, y, seed=4)


def test_halvings_are_averaged_and_the_plan_is_that_of_the_first():
    def one(seed):
        halves = [Halves.of(torch.as_tensor(normal(40, 3, seed + k, 0.5 * k)), 20) for k in (0, 1)]
        return halves[0].against(halves[1])

    single = [one(0), one(2)]
    found = Debiased.mean(single)
    for name in ("between", "within_generated", "within_real", "value"):
        assert getattr(found, name) == pytest.approx(sum(getattr(each, name) for each in single) / 2)
    assert (found.n, found.halvings) == (20, 2)
    assert found.plan is single[0].plan


def test_few_points_are_halved_often_and_then_the_halving_matters_less():
    x, y = normal(80, 8, 0), normal(80, 8, 1, 0.3)

    def deviation(halvings):
        found = [debiased_distance(x, y, halvings=halvings, seed=k) for k in range(12)]
        assert {each.halvings for each in found} == {halvings or 16}
        return np.std([each.value for each in found])

    assert deviation(None) < 0.5 * deviation(1)


def test_it_says_itself_in_a_line():
    assert str(debiased_distance([[0.0]] * 4, [[3.0]] * 4)) == "W1 3 (floor 0, 2 points a side), debiased 3"


@pytest.mark.parametrize(
    ("x", "y", "options", "text"),
    [
        (normal(3, 2, 0), normal(9, 2, 0), {}, "generated has 3 points; halving needs 4"),
        (normal(9, 2, 0), normal(3, 2, 0), {}, "real has 3 points; halving needs 4"),
        (
            normal(9, 2, 0),
            normal(9, 3, 0),
            {},
            "generated has 2 coordinates a point and real has 3; pass one space",
        ),
        (normal(9, 2, 0), normal(9, 2, 0), {"most": 0}, "most is 0; pass an int of at least 1"),
        (normal(9, 2, 0), normal(9, 2, 0), {"halvings": 0}, "halvings is 0; pass an int of at least 1"),
        (np.full((9, 2), np.nan), normal(9, 2, 0), {}, "generated is not finite in row 0"),
    ],
)
def test_bad_input_is_refused(x, y, options, text):
    with pytest.raises(wdist.InputError, match=text):
        debiased_distance(x, y, **options)


def test_laws_can_be_halved_as_they_are_drawn():
    law = standard_gaussian(2)
    halves = Halves.of(law.draw(100, torch.Generator().manual_seed(0)), 30)
    assert halves.first.shape == halves.second.shape == (30, 2)
    assert not torch.equal(halves.first, halves.second)
