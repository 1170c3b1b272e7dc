"""The sampling floor against what it estimates: the mean distance between fresh samples of one law."""

import numpy as np
import pytest

import wdist
from wdist import sampling_floor


def mean_distance(draw, n, m, p, rng, repeats=12):
    return np.mean([wdist.estimate(draw(n, rng), draw(m, rng), p=p).value for _ in range(repeats)])


@pytest.mark.parametrize(("n", "m", "d"), [(400, 400, 1), (300, 300, 2), (200, 600, 4), (300, 300, 16)])
@pytest.mark.parametrize("p", [1, 2])
def test_floor_is_the_distance_of_fresh_samples(n, m, d, p, rng):
    def draw(k, r):
        return r.standard_normal((k, d))

    floors = [sampling_floor(draw(n, rng), draw(m, rng), p=p, seed=k) for k in range(8)]
    truth = mean_distance(draw, n, m, p, rng)
    for side in ("a", "b"):
        assert np.mean([getattr(f, side) for f in floors]) == pytest.approx(
            truth, rel=0.25 if d == 1 else 0.12
        )


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
