"""The circle against brute force (the arc cost given to an exact solver) and POT's own circular distances."""

import math

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import wdist
from wdist import Circle


def arc(period):
    def distance(x, y):
        gap = np.abs(x - y.T) % period
        return np.minimum(gap, period - gap)

    return distance


@st.composite
def circular_pairs(draw):
    period = draw(st.sampled_from([1.0, 2 * math.pi, 24.0]))
    n, m = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    place = draw(st.sampled_from([st.integers(0, 7).map(lambda k: k / 8), st.floats(-2, 2)]))
    mass = st.floats(0.1, 1)
    x, y = draw(arrays(np.float64, n, elements=place)), draw(arrays(np.float64, m, elements=place))
    wx, wy = draw(arrays(np.float64, n, elements=mass)), draw(arrays(np.float64, m, elements=mass))
    return period, x * period, y * period, wx / wx.sum(), wy / wy.sum()


@settings(max_examples=200, deadline=None)
@given(circular_pairs(), st.sampled_from([1.0, 1.5, 2.0, 3.0]))
def test_exact_transport_over_the_arc(pair, p):
    period, x, y, wx, wy = pair
    ours = wdist.estimate(x, y, p=p, weights_a=wx, weights_b=wy, method=Circle(period=period))
    cost = ot.emd2(wx, wy, arc(period)(x[:, None], y[:, None]) ** p)
    assert (ours.value / period) ** p == pytest.approx(cost / period**p, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_pot_on_the_circle(p, rng):
    x, y = rng.random(200), rng.random(150) ** 2
    theirs = float(np.squeeze(ot.wasserstein_circle(x, y, p=p)))  # POT returns W_p**p
    assert wdist.estimate(x, y, p=p, method=Circle(period=1.0)).value ** p == pytest.approx(theirs, rel=1e-6)


def test_midnight_is_near_midnight():
    assert wdist.estimate([23.5], [0.5], method=Circle(period=24)).value == pytest.approx(1)
    assert wdist.estimate([23.5], [0.5], method=Circle(period=24), p=2).value == pytest.approx(1)
    assert wdist.estimate([23.5], [0.5]).value == 23


@pytest.mark.parametrize("p", [1, 2, 3])
def test_rotating_both_changes_nothing_and_rotating_one_moves_all(p, rng):
    x, y = rng.random(40), rng.random(30)
    still = wdist.estimate(x, y, p=p, method=Circle(period=1)).value
    assert wdist.estimate(x + 0.37, y + 0.37, p=p, method=Circle(period=1)).value == pytest.approx(
        still, rel=1e-9
    )
    bunch = 0.01 * x
    assert wdist.estimate(bunch, bunch + 0.2, p=p, method=Circle(period=1)).value == pytest.approx(
        0.2, rel=1e-9
    )


def test_never_longer_than_the_line(rng):
    x, y = rng.random(50), rng.random(50)
    assert wdist.estimate(x, y, method=Circle(period=1)).value <= wdist.estimate(x, y).value + 1e-12


def test_hours_of_the_day_move_through_midnight():
    late, early = np.array([22.0, 23.0, 23.5]), np.array([0.5, 1.0, 2.0])
    est = wdist.estimate(late, early, method=Circle(period=24))
    assert est.bound is wdist.Bound.EXACT
    assert est.value == pytest.approx(7 / 3)  # 22 → 0.5, 23 → 1, 23.5 → 2
    assert "circle of length 24" in est.message


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"p": math.inf}, "not implemented on the circle"),
        ({"target": "population"}, "overstates the distance between the laws"),
        ({"metric": lambda x, y: abs(x - y.T)}, "shorter arc"),
    ],
)
def test_refusals(kwargs, text):
    with pytest.raises(wdist.InputError, match=text):
        wdist.estimate([0.1, 0.2], [0.3], method=Circle(period=1), **kwargs)


def test_more_than_one_coordinate():
    with pytest.raises(wdist.InputError, match="2 coordinates, not one angle"):
        wdist.estimate(np.ones((3, 2)), np.ones((3, 2)), method="circle")
