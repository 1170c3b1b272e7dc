"""Nearest columns of all rows, against the whole matrix of costs: by walks and by products alike."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from wdist.plans import passes
from wdist.plans.leaves import as_leaves, box_bounds, leaf_order, leaf_width, set_tops
from wdist.plans.nearest import _lower, nearest, room_for
from wdist.plans.passes import lists, transform


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture(params=["walk", "products"])
def way(request, monkeypatch):
    monkeypatch.setattr(passes, "MANY", 1 if request.param == "products" else np.inf)
    return request.param


def matrix(x, y, norm, p):
    return np.stack([np.linalg.norm(row - y, ord=norm, axis=1) ** p for row in x])


def spread(n, d, rng):
    return rng.standard_normal((n, d))


def duplicates(n, d, rng):
    return rng.integers(0, 2, (n, d)).astype(float)


def far_clusters(n, d, rng):
    return 1e-3 * rng.standard_normal((n, d)) + 1e6 * rng.integers(0, 2, (n, 1))


def one_place(n, d, rng):
    return np.full((n, d), 1e3)


CLOUDS = [spread, duplicates, far_clusters, one_place]


def case(cloud, d, norm, p, n=90, leaves=7):
    """Rows, leaves of columns, potentials as large as the costs of neighbours, and the whole reduced matrix."""
    rng = np.random.default_rng(d)
    x, y = cloud(n, d, rng), cloud(leaves * leaf_width(d) + 5, d, rng)
    y = y[leaf_order(y)]
    cost = matrix(x, y, norm, p)
    v = rng.standard_normal(len(y)) * np.quantile(cost, 0.1)
    return x, as_leaves(y), v, cost


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("d", [1, 2, 8, 17, 40])
@pytest.mark.parametrize(("norm", "p"), [(2, 1), (2, 2), (2, 3), (1, 1), (1, 2), (np.inf, 1), (np.inf, 3)])
@pytest.mark.usefixtures("way")
def test_no_column_off_the_list_is_below_its_threshold(cloud, d, norm, p, pool):
    x, leaves, v, cost = case(cloud, d, norm, p)
    reduced = cost - v
    digits = 1e-12 * (
        np.abs(reduced).max(axis=1) if cloud is not far_clusters else np.abs(v).max() + reduced.min(axis=1)
    )
    u = transform(x, leaves, v, float(norm), float(p), pool)
    assert (np.abs(u - reduced.min(axis=1)) <= digits).all()
    for k in (1, 7, len(v)):
        found = lists(x, leaves, v, float(norm), float(p), k, pool)
        assert all(len(set(cols)) == k for cols in found.cols.tolist())
        listed = np.take_along_axis(cost, found.cols, axis=1)
        assert np.allclose(found.cost, listed, rtol=1e-12, atol=4e-16 * np.abs(v).max())
        if k == len(v):
            assert (found.threshold == np.inf).all()
            continue
        kth = np.partition(reduced, k - 1, axis=1)[:, k - 1]
        assert (np.abs(found.threshold - kth) <= digits).all()
        assert ((listed - v[found.cols]).max(axis=1) <= kth + digits).all()


@pytest.mark.parametrize(("d", "p"), [(2, 1.0), (2, 2.0), (3, 1.0), (2, 3.0), (12, 2.0)])
@pytest.mark.usefixtures("way")
def test_a_row_may_look_again_at_lower_potentials_after_either_way(d, p, pool):
    """Planes laid on the old potentials still hold; no limit changes anything."""
    x, leaves, v, cost = case(spread, d, 2, p, leaves=30)
    v -= cost.min(axis=0)  # bends like an optimal one
    for tops in (leaves.boxes.top, leaves.groups.top):
        tops[:] = -np.inf  # nothing would be looked at twice
    near = lists(x, leaves, v, 2.0, p, 5, pool)
    v[near.cols[::3].ravel()] -= np.quantile(cost, 0.1)
    room = room_for(leaves)
    for i in range(len(x)):
        least = np.sort(cost[i] - v)[:6]
        for limit in (np.inf, least[5], least[4] + 1e-9, least[2]):  # the last is too low
            reduced, cols = np.empty(5), np.empty(5, np.int32)
            threshold = nearest(x[i], leaves, v, 2.0, p, limit, room, reduced, cols)
            assert np.sort(reduced) == pytest.approx(least[:5], abs=1e-12)
            assert threshold == pytest.approx(least[4], abs=1e-12)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_planes_pass_over_leaves_that_flat_tops_would_open(p):
    """v bends like the cost: c − v is nearly the same everywhere, and only its slope tells leaves apart."""
    rng = np.random.default_rng(3)
    y = rng.uniform(size=(64 * 64, 2))
    y = y[leaf_order(y)]
    leaves, x = as_leaves(y), np.array([[0.5, 0.5]])
    v = matrix(x + 0.2, y, 2, p)[0]
    set_tops(leaves, v, 2.0, p)
    opened = []
    for slope in (True, False):
        if not slope:
            leaves.boxes.slope[:] = leaves.groups.slope[:] = 0.0
            leaves.boxes.top[:] = v.reshape(-1, 64).max(axis=1)
        bound = np.empty(64)
        box_bounds(x[0], leaves.boxes, 0, 64, 2.0, p, bound)
        least = (matrix(x, y, 2, p)[0] - v).reshape(-1, 64).min(axis=1)
        assert (bound <= least).all()
        opened.append((bound < least.min() + 1e-3).sum())
    assert opened[0] < 0.7 * opened[1]


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("norm", "p"), [(2, 1), (2, 2), (2, 3), (1, 1), (1, 2), (np.inf, 1)])
def test_single_precision_only_ever_bounds_from_below(norm, p, scale):
    rng = np.random.default_rng(5)
    for d in (1, 2, 5, 16, 200):
        width = leaf_width(d)
        y = scale * rng.standard_normal((width - 3, d)) + rng.integers(0, 2, (width - 3, 1))
        leaves, v = as_leaves(y), np.zeros(len(y))
        room = room_for(leaves)
        for x in (rng.standard_normal(d), y[0], y[1] + 1e-7 * scale, np.full(d, 100.0)):
            below = _lower(
                x, leaves.middles[0], leaves.offsets[0], leaves.boxes.halves[:, 0], v, float(norm), float(p),
                1e-3, room.row, room.length, room.lower,
            )  # fmt: skip
            exact = matrix(x[None], y, norm, p)[0]
            lower = room.lower[: len(y)]
            assert (lower <= exact * (1 + 1e-14)).all()
            assert below == (lower < 1e-3).sum()
            assert (lower >= exact * (1 - 1e-3) - 1e-6 * (np.abs(y).max() * d) ** p).all()


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_products_decide_what_they_cannot_tell_apart_by_differences(p, pool, monkeypatch):
    """|x|² is 1e8 here: the three terms alone would be wrong by 1e-8, more than the costs themselves."""
    rng = np.random.default_rng(0)
    x, y = (1e4 / 3 + 1e-5 * rng.standard_normal((n, 9)) for n in (50, 300))
    y = y[leaf_order(y)]
    leaves, v = as_leaves(y), np.zeros(300)
    monkeypatch.setattr(passes, "MANY", 1)
    least = matrix(x, y, 2, p).min(axis=1)
    assert transform(x, leaves, v, 2.0, p, pool) == pytest.approx(least, rel=1e-12)


def test_many_coordinates_go_by_products_and_other_norms_never(pool, monkeypatch):
    called = []
    products = passes._by_products
    monkeypatch.setattr(
        passes, "_by_products", lambda *args: called.append(args[0].shape[1]) or products(*args)
    )
    for d, norm in ((passes.MANY - 1, 2.0), (passes.MANY, 2.0), (passes.MANY, 1.0)):
        x, leaves, v, _ = case(spread, d, norm, 2)
        transform(x, leaves, v, norm, 2.0, pool)
    assert called == [passes.MANY]
