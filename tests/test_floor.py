"""The sampling floor against what it estimates: the mean distance between fresh samples of one law."""

import json

import numpy as np
import pytest

import wdist
from wdist import sampling_floor


def mean_distance(draw, n, m, p, rng, repeats=12):
    return np.mean([wdist.estimate(draw(n, rng), draw(m, rng), p=p).value for _ in range(repeats)])


@pytest.mark.parametrize(
    ("n", "m", "d"),
    [(400, 400, 1), (600, 60, 1), (300, 300, 2), (600, 60, 2), (200, 600, 4), (300, 300, 16), (60, 600, 64)],
)
@pytest.mark.parametrize("p", [1, 2])
def test_floor_is_the_distance_of_fresh_samples(n, m, d, p, rng):
    def draw(k, r):
        return r.standard_normal((k, d))

    floors = [sampling_floor(draw(n, rng), draw(m, rng), p=p, seed=k) for k in range(40 if d == 1 else 8)]
    truth = mean_distance(draw, n, m, p, rng, repeats=400 if d == 1 else 16)
    for side in ("a", "b"):
        assert np.mean([getattr(f, side) for f in floors]) == pytest.approx(truth, rel=0.12)


def test_on_the_line_one_pair_of_samples_is_enough(rng):
    """W1: each single floor is near the truth, for masses in ties and in the unit interval too."""
    for draw in (
        lambda k: rng.standard_normal(k),
        lambda k: rng.random(k),
        lambda k: rng.integers(5, size=k) / 3,
    ):
        truth = np.mean([wdist.estimate(draw(900), draw(300)).value for _ in range(600)])
        floors = [sampling_floor(draw(900), draw(300)) for _ in range(20)]
        assert np.mean([f.a for f in floors]) == pytest.approx(truth, rel=0.05)
        assert np.std([f.a for f in floors]) < 0.06 * truth


def test_heavy_tails_on_the_line(rng):
    """A law's largest points are seldom in a sample; the outermost gaps stand for them."""
    for law, n, m in ((3, 300, 300), (3, 600, 60), (5, 60, 600)):
        truth = np.mean(
            [wdist.estimate(rng.standard_t(law, n), rng.standard_t(law, m)).value for _ in range(800)]
        )
        floors = [sampling_floor(rng.standard_t(law, n), rng.standard_t(law, m)) for _ in range(300)]
        for side in ("a", "b"):
            assert np.mean([getattr(f, side) for f in floors]) == pytest.approx(truth, rel=0.1)


def test_on_the_line_by_hand():
    """Ten points, three of them at 2; and ten of which the last stands alone."""
    told = sampling_floor(np.repeat([0.0, 2.0], [7, 3]), np.zeros(10)).a
    assert told == pytest.approx(2 * np.sqrt(2 / np.pi * 0.3 * 0.7 * 10 / 9 * 2 / 10))
    alone = sampling_floor(np.repeat([0.0, 2.0], [9, 1]), np.zeros(10)).a
    usual = np.sqrt(2 / np.pi * 0.1 * 0.9 * 10 / 9 * 2 / 10)
    assert alone == pytest.approx(2 * (0.3 * usual + 0.7 * 2 / 10))


def test_points_on_fewer_dimensions_are_carried_at_their_rate(rng):
    basis = np.linalg.qr(rng.standard_normal((10, 10)))[0][:2]

    def draw(k, r):
        return r.standard_normal((k, 2)) @ basis

    floors = [sampling_floor(draw(600, rng), draw(100, rng), seed=k) for k in range(12)]
    truth = mean_distance(draw, 600, 100, 1, rng, repeats=60)
    for side in ("a", "b"):
        assert np.mean([getattr(f, side) for f in floors]) == pytest.approx(truth, rel=0.15)


def test_weights_on_the_line(rng):
    x = rng.standard_normal(500)
    doubled = sampling_floor(
        np.r_[x, x[:100]], x, weights_a=np.r_[np.full(500, 1 / 600), np.full(100, 1 / 600)]
    )
    w = np.r_[np.full(100, 2 / 600), np.full(400, 1 / 600)]
    once = sampling_floor(x, x, weights_a=w)
    smaller = np.sqrt((1 / 450 + 1 / 500) / (1 / 600 + 1 / 500))  # as noisy as 1/Σw² = 450 points, not as 600
    assert once.a == pytest.approx(doubled.a * smaller, rel=0.002)


def test_the_two_laws_have_floors_of_their_own(rng):
    x, y = rng.standard_normal((300, 3)), 5 * rng.standard_normal((300, 3))
    floor = sampling_floor(x, y)
    assert floor.b == pytest.approx(5 * floor.a, rel=0.25)
    assert floor.value == floor.b
    assert "would be about" in repr(floor)


def test_more_points_less_noise(rng):
    x = rng.standard_normal((1600, 2))
    few, many = (sampling_floor(x[:n], x[:n], seed=1).a for n in (100, 1600))
    assert 2.5 < few / many < 6  # sqrt(16) and a logarithm


def test_weights_make_a_sample_smaller(rng):
    x = rng.standard_normal((400, 2))
    w = np.r_[np.full(40, 0.9 / 40), np.full(360, 0.1 / 360)]
    assert sampling_floor(x, x, weights_a=w).a > 1.5 * sampling_floor(x, x).a


@pytest.mark.parametrize(("d", "p"), [(1, 1), (1, 2), (3, 1)])
def test_points_without_mass_count_for_nothing(d, p, rng):
    x, y = rng.standard_normal((40, d)), rng.standard_normal((40, d))
    w = np.r_[np.full(8, 1 / 8), np.zeros(32)]
    for seed in range(5):
        floor = sampling_floor(x, y, p=p, weights_a=w, seed=seed)
        without = sampling_floor(x[:8], y, p=p, seed=seed)
        assert (floor.a, floor.b) == pytest.approx((without.a, without.b), rel=1e-9)


def test_metric_and_normalised_weights(rng):
    x, y, w = rng.standard_normal((40, 3)), rng.standard_normal((40, 3)), rng.random(40)
    floor = sampling_floor(x, y, metric="cityblock", weights_a=w, normalize_weights=True)
    est = wdist.estimate(
        x, y + 9, metric="cityblock", weights_a=w, normalize_weights=True, floor=True, method="discrete"
    )
    assert floor.a == pytest.approx(est.floor.a, rel=0.1)
    assert floor.a > 1.2 * sampling_floor(x, y, weights_a=w / w.sum()).a


def test_unit_and_seed(rng):
    x, y = rng.standard_normal((80, 3)), rng.standard_normal((90, 3))
    assert sampling_floor(1000 * x, 1000 * y).a == pytest.approx(1000 * sampling_floor(x, y).a, rel=1e-9)
    assert sampling_floor(x, y, seed=4) == sampling_floor(x, y, seed=4) != sampling_floor(x, y, seed=5)


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0, 4.0]}, "a has 2 points; the sampling floor needs 4"),
        ({"a": [1.0] * 9, "b": lambda n: np.zeros(n)}, "draw from the source first"),
        ({"a": [1.0] * 9, "b": [1.0] * 9, "p": np.inf}, "for finite p"),
        ({"a": [1.0] * 9, "b": [1.0] * 9, "shuffles": 0}, "shuffles is 0"),
    ],
)
def test_refusals(kwargs, text):
    with pytest.raises(wdist.InputError, match=text):
        sampling_floor(**kwargs)


class TestEstimatesFloor:
    def test_it_is_the_sampling_floor(self, rng):
        x, y = rng.standard_normal(200), rng.standard_normal(300) + 1
        est = wdist.estimate(x, y, floor=True)
        assert est.floor == sampling_floor(x, y)
        assert est.value == wdist.estimate(x, y).value
        assert wdist.estimate(x, y).floor is None
        assert f"; two samples of these sizes from one law would be {est.floor.told} apart; by line" in repr(
            est
        )
        assert est.to_dict()["floor"] == {"a": est.floor.a, "b": est.floor.b, "p": 1.0}
        json.dumps(est.to_dict())

    def test_two_floors_that_differ_are_both_told(self, rng):
        est = wdist.estimate(rng.standard_normal((50, 2)), 9 * rng.standard_normal((50, 2)), floor=True)
        assert f"would be {est.floor.a:.3g} (law of a) or {est.floor.b:.3g} (law of b) apart" in repr(est)

    @pytest.mark.parametrize("d", [1, 8])
    def test_what_noise_shows_is_said(self, d, rng):
        x, y = rng.standard_normal((100, d)), rng.standard_normal((100, d))
        with pytest.warns(wdist.WdistWarning, match=r"would be .* apart: noise alone would show as much"):
            wdist.estimate(x, y + 0.01, floor=True)
        wdist.estimate(x, y + 3, floor=True)  # no warning, which would be an error

    def test_a_series_has_a_floor_that_is_too_low(self, rng):
        walk, x = rng.standard_normal((200, 1)).cumsum(axis=0), rng.standard_normal(200)
        with pytest.warns(
            wdist.WdistWarning, match=r"rows of b depend on .* and the floor takes them for independent"
        ):
            wdist.estimate(x + 60, walk, floor=True)
        wdist.estimate(x + 60, rng.permutation(walk), floor=True)  # no warning

    @pytest.mark.parametrize("method", ["sliced", "sinkhorn", wdist.Circle(period=24.0)])
    def test_other_quantities_have_no_such_floor(self, method):
        with pytest.raises(
            wdist.InputError, match=r"floor=True goes with W_p between given points.* answered"
        ):
            wdist.estimate([1.0, 2.0, 3.0, 5.0], [1.0, 2.0, 3.0, 4.0], method=method, floor=True)

    def test_what_cannot_be_halved_is_refused(self):
        with pytest.raises(wdist.InputError, match="b has 3 points; the sampling floor needs 4"):
            wdist.estimate([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0], floor=True)
