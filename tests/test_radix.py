"""The compiled sorts: every float in its place, with its mass, whatever the values have in common."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wdist.plans import radix
from wdist.plans.buckets import MOVES, bucket_sort, mend
from wdist.plans.radix import sort_line, sort_weighted
from wdist.plans.room import Room

TINY = {np.float64: 5e-324, np.float32: 1e-45}
N = 5000


def families(rng, dtype):
    """Samples whose bits differ in every way that the sort tells apart."""
    normal = rng.standard_normal(N)
    narrow = 1e8 + 1e-3 * normal
    zeros = np.array([0.0, -0.0])[rng.integers(0, 2, N)]
    return {
        "normal": normal,
        "cauchy": rng.standard_cauchy(N),
        "lognormal": rng.lognormal(0, 3, N),
        "lattice": rng.integers(-3, 4, N).astype(float),
        "duplicates": normal[rng.integers(0, 20, N)],
        "equal": np.full(N, -2.5),
        "two zeros": zeros,
        "denormal": TINY[dtype] * rng.integers(-9, 9, N),
        "huge": dtype(1e38) * rng.uniform(-1, 1, N),
        "narrow": narrow,
        "narrow with an outlier": np.append(narrow[1:], -1.0),
        "one binade": 1 + rng.random(N) * 1e-4,
        "sorted": np.sort(normal),
        "reversed": np.sort(normal)[::-1],
        "last out of place": np.append(np.sort(normal)[1:], -9.0),
        "strided": np.repeat(normal, 3)[::3],
    }


@pytest.fixture
def digits_only(monkeypatch):
    """Leave every sort to the digits, also those that buckets are quicker for."""
    monkeypatch.setattr(radix, "BUCKETS", range(0))
    monkeypatch.setattr(radix, "BUCKETS_WEIGHTED", range(0))


@pytest.fixture(params=["digits", "buckets first"])
def either_way(request):
    if request.param == "digits":
        request.getfixturevalue("digits_only")


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", families(np.random.default_rng(0), np.float64))
def test_it_sorts_as_numpy_does(name, dtype, rng):
    x = families(rng, dtype)[name]
    x = x if name == "strided" and dtype is np.float64 else x.astype(dtype)
    before, weights = x.copy(), rng.random(N)
    ours = sort_line(x)
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, np.sort(x))
    if name == "two zeros":
        assert np.signbit(ours).sum() == np.signbit(x).sum()
    points, masses = sort_weighted(x, weights)
    order = np.argsort(x, kind="stable")
    np.testing.assert_array_equal(points, x[order])
    if name != "two zeros":  # -0.0 goes before 0.0, which are one point all the same
        np.testing.assert_array_equal(masses, weights[order])
    assert masses.sum() == pytest.approx(weights.sum(), rel=1e-12)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["normal", "cauchy", "lattice", "duplicates", "huge", "strided"])
def test_buckets_suffice_for_all_but_clusters(name, dtype, rng):
    x = families(rng, dtype)[name].astype(dtype)
    points, order, done = bucket_sort(x, np.arange(float(N)))
    assert done
    np.testing.assert_array_equal(points, np.sort(x))
    np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))


def test_buckets_give_up_on_clusters_and_equal_points(rng):
    clusters = np.repeat([0.0, 1.0, 2.0], N)[rng.permutation(3 * N)] + 1e-9 * rng.random(3 * N)
    assert not bucket_sort(clusters, np.empty(0))[2]
    np.testing.assert_array_equal(sort_line(clusters), np.sort(clusters))
    assert not bucket_sort(np.zeros(N), np.empty(0))[2]


def test_insertion_stops_at_its_budget(rng):
    x = np.arange(100.0)[::-1].copy()
    assert not mend(x.copy(), x.copy(), 100 * MOVES)
    order = np.arange(100.0)
    assert mend(x, order, 99 * 100 // 2)
    np.testing.assert_array_equal(x, np.arange(100.0))
    np.testing.assert_array_equal(order, np.arange(100.0)[::-1])


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(2, 60), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_it_sorts_any_finite_floats(x):
    points, masses = radix._radix_sort(x, np.arange(x.size, dtype=float), Room())
    np.testing.assert_array_equal(points, np.sort(x))
    np.testing.assert_array_equal(x[masses.astype(int)], points)
    in_range = x[np.abs(x) <= 1e300]  # the border's limit
    points, masses, done = bucket_sort(in_range, np.arange(in_range.size, dtype=float))
    if done:
        np.testing.assert_array_equal(points, np.sort(in_range))
        np.testing.assert_array_equal(in_range[masses.astype(int)], points)


@pytest.mark.usefixtures("digits_only")
def test_large_samples_go_pass_by_pass(rng, monkeypatch):
    """Beyond AT_ONCE points no compiled call does the whole, so that an interrupt is heard: the same result."""
    monkeypatch.setattr(radix, "AT_ONCE", 1000)
    passes = []
    scatter = radix._scatter
    monkeypatch.setattr(radix, "_scatter", lambda *a: passes.append(a[4]) or scatter(*a))
    x, w = rng.standard_normal(20_000), rng.random(20_000)
    points, masses = sort_weighted(x, w)
    order = np.argsort(x)
    np.testing.assert_array_equal(points, x[order])
    np.testing.assert_array_equal(masses, w[order])
    assert passes == [
        32,
        40,
        48,
        56,
    ]  # 25 of 64 bits tell 20 000 points apart; the rest is mended by insertion


@pytest.mark.usefixtures("digits_only")
def test_crowded_values_are_sorted_by_every_digit(monkeypatch, rng):
    monkeypatch.setattr(radix, "AT_ONCE", 0)
    passes = []
    scatter = radix._scatter
    monkeypatch.setattr(radix, "_scatter", lambda *a: passes.append(a[4]) or scatter(*a))
    x = np.append(1e8 + 1e-3 * rng.standard_normal(N), -1.0)
    np.testing.assert_array_equal(sort_line(x), np.sort(x))
    assert passes[-8:] == list(range(0, 64, 8))
    passes.clear()
    sort_line(x[:-1])  # without the outlier, the bits that vary are few
    assert 0 < len(passes) <= 4


def test_small_samples_are_left_to_numpy(monkeypatch, rng):
    monkeypatch.setattr(radix, "_radix_sort", None)
    monkeypatch.setattr(radix, "bucket_sort", None)
    x = rng.standard_normal(60)
    np.testing.assert_array_equal(sort_line(x), np.sort(x))
    np.testing.assert_array_equal(sort_weighted(x, x)[1], np.sort(x))


@pytest.mark.usefixtures("digits_only")
def test_a_room_hands_its_memory_on(rng):
    room = Room()
    x = rng.standard_normal(N)
    first = sort_line(x, room)
    assert first.base is not None
    room.all_back()
    blocks = [id(block) for block in room._free]
    assert len(blocks) == 2
    again = sort_line(-x, room)
    np.testing.assert_array_equal(again, np.sort(-x))
    room.all_back()
    assert sorted(id(block) for block in room._free) == sorted(blocks)
    ordered = np.sort(x)
    assert sort_line(ordered, room) is ordered
    room.back(ordered)  # not of this room
    assert len(room._free) == 2
    for n in range(N, 2 * N, 100):  # what was grown out of is let go
        sort_line(rng.standard_normal(n), room)
        room.all_back()
    assert len(room._free) == 2
