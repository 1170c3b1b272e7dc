"""Ground costs: distances by their definition, to the last digits, in any unit, whole or in blocks."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from wdist import costs
from wdist.costs import METRICS, centred, cost_blocks, distances, pair_distances

G = torch.Generator().manual_seed(2)
X, Y = (torch.randn(n, 3, generator=G, dtype=torch.float64) for n in (7, 5))


@pytest.mark.parametrize("metric", METRICS)
def test_they_are_what_scipy_says(metric):
    np.testing.assert_allclose(distances(X, Y, metric), cdist(X, Y, metric), rtol=1e-14)
    np.testing.assert_allclose(pair_distances(X[:5], Y, metric), np.diag(cdist(X[:5], Y, metric)), rtol=1e-14)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("unit", [1e-308, 1e-200, 1e-160, 1e160, 1e200, 1e300])
def test_no_unit_over_or_underflows(metric, unit):
    for x, y in ((X, Y), (X[:, :1], Y[:, :1]), (X[None], Y[None])):
        np.testing.assert_allclose(
            distances(unit * x, unit * y, metric) / unit, distances(x, y, metric), rtol=1e-13
        )
    gaps = pair_distances(unit * X[:5], unit * Y, metric)
    np.testing.assert_allclose(gaps / unit, pair_distances(X[:5], Y, metric), rtol=1e-13)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_nor_in_single_precision(unit):
    x, y = (unit * t.float() for t in (X, Y))
    assert distances(x, y).dtype == torch.float32
    np.testing.assert_allclose(distances(x, y) / unit, distances(X, Y), rtol=1e-5)


@pytest.mark.parametrize("unit", [1.0, 1e-200, 1e200])
def test_gradients_pass_in_every_unit(unit):
    x = (unit * X).requires_grad_()
    distances(x, unit * Y).sum().backward()
    apart = X[:, None] - Y
    np.testing.assert_allclose(x.grad, (apart / apart.norm(dim=-1, keepdim=True)).sum(1), rtol=1e-12)


def test_short_distances_far_from_the_origin_keep_their_digits():
    x, y = torch.tensor([[1e8, 0.0]], dtype=torch.float64), torch.tensor([[1e8, 1e-7]], dtype=torch.float64)
    assert float(distances(*centred(x, y))) == pytest.approx(1e-7, rel=1e-12)
    assert float(distances(x.repeat(30, 1), y.repeat(30, 1))[0, 0]) == pytest.approx(1e-7, rel=1e-12)


@pytest.mark.parametrize("many", [40, 300])
@pytest.mark.parametrize("spread", [1.0, 0.1, 1e-3, 1e-9])
def test_many_coordinates_cost_no_digits(many, spread):
    """Clusters of all widths, so that some pairs are found by the expansion, some by differences, some blocks whole."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((30, many))
    x, y = (centres[rng.integers(30, size=k)] + spread * rng.standard_normal((k, many)) for k in (500, 300))
    y[:40], y[40:60] = x[:40], x[40:60] + 1e-12
    true = cdist(x.astype(np.longdouble), y.astype(np.longdouble))
    np.testing.assert_allclose(distances(*map(torch.from_numpy, (x, y))), true, rtol=1e-12, atol=0)


@pytest.mark.parametrize("unit", [1e-308, 1e-200, 1e-160, 1e160, 1e200, 1e300])
def test_many_coordinates_need_no_unit(unit):
    rng = np.random.default_rng(4)
    x, y = (torch.from_numpy(rng.standard_normal((k, 50))) for k in (20, 30))
    np.testing.assert_allclose(distances(unit * x, unit * y) / unit, distances(x, y), rtol=1e-13)


def test_points_on_each_other_are_at_zero():
    assert distances(X, X).diagonal().tolist() == [0.0] * 7
    assert distances(0 * X, 0 * Y).abs().sum() == 0


def test_centring_moves_both_clouds_alike():
    x, y = centred(X.float() + 5, Y + 5)
    assert x.dtype == y.dtype == torch.float64
    assert float((x.mean(0) + y.mean(0)).norm()) < 1e-12
    np.testing.assert_allclose(distances(x, y), cdist(X.float() + 5, Y + 5), rtol=1e-12)


def test_blocks_are_the_matrix(monkeypatch):
    monkeypatch.setattr(costs, "BLOCK_BYTES", 8 * 5 * 3)
    called = []

    def metric(x, y):
        called.append(len(x))
        return cdist(x, y)

    for given, native in (("cityblock", "torch"), (metric, "numpy")):
        rows, parts = zip(*cost_blocks(X, Y, given, native), strict=True)
        assert [(r.start, r.stop) for r in rows] == [(0, 3), (3, 6), (6, 7)]
        whole = distances(X, Y, given if given == "cityblock" else "euclidean")
        np.testing.assert_allclose(torch.cat(parts), whole, rtol=1e-14)
    assert called == [3, 3, 1]


def test_metrics_are_norms_by_their_order():
    assert {"euclidean": 2, "cityblock": 1, "chebyshev": math.inf} == METRICS
    for metric, order in METRICS.items():
        np.testing.assert_allclose(distances(X, Y, metric)[2, 3], np.linalg.norm(X[2] - Y[3], order))
