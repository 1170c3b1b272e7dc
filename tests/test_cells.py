"""Resamples in cells: the law of drawing row by row, at a price that does not grow with the rows."""

import numpy as np
import pytest
from scipy import stats

import wdist
from wdist.resampling import cells
from wdist.resampling.cells import Cells
from wdist.resampling.line_interval import line_interval
from wdist.rng import as_rng


def cut(x, y):
    points = np.r_[x, y]
    order = np.argsort(points, kind="stable")
    return Cells.of(order < len(x), np.diff(points[order]))


@pytest.fixture
def samples(rng):
    return rng.standard_t(3, 900), rng.standard_t(3, 700) + 0.3


def test_each_row_is_in_one_cell_and_each_gap_in_or_behind_one(samples, monkeypatch):
    monkeypatch.setattr(cells, "ALONE", 50)
    monkeypatch.setattr(cells, "TOGETHER", 70)
    found = cut(*samples)
    assert len(found.of_x) == 170
    assert (found.of_x.sum(), found.of_y.sum()) == (900, 700)
    assert found.within.sum() + found.behind.sum() == pytest.approx(np.ptp(np.concatenate(samples)))
    assert (found.within[:50] == 0).all()
    assert (found.within[-50:] == 0).all()
    assert (found.of_x + found.of_y)[50:-50].max() <= 22


def test_alone_they_give_what_rows_give(samples):
    """With a cell for every row the figures are exact."""
    found = cut(*samples)
    assert found.slack == 0
    assert found.relabelled(1, as_rng(0))[0] == pytest.approx(stats.wasserstein_distance(*samples))


@pytest.mark.parametrize("together", [40, 300])
def test_their_figures_have_the_law_of_drawing_rows(samples, together, monkeypatch):
    exact = cut(*samples)
    monkeypatch.setattr(cells, "ALONE", 20)
    monkeypatch.setattr(cells, "TOGETHER", together)
    found = cut(*samples)
    for name in ("excesses", "relabelled"):
        rows, grouped = (getattr(each, name)(2000, as_rng(k)) for k, each in enumerate((exact, found)))
        assert grouped.mean() == pytest.approx(rows.mean(), rel=0.03)
        assert np.quantile(grouped, 0.95) == pytest.approx(np.quantile(rows, 0.95), rel=0.05)
        assert stats.ks_2samp(rows, grouped).pvalue > 1e-3


def test_the_slack_bounds_the_mean_error(samples, monkeypatch):
    """Of the same resamples, drawn row by row."""
    exact = cut(*samples)
    monkeypatch.setattr(cells, "ALONE", 20)
    monkeypatch.setattr(cells, "TOGETHER", 30)
    found = cut(*samples)
    starts = np.flatnonzero(np.isin(np.cumsum(exact.of_x + exact.of_y), np.cumsum(found.of_x + found.of_y)))
    rng, errors = np.random.default_rng(0), []
    for _ in range(200):
        drawn = [
            rng.multinomial(k.sum(), k / k.sum()) / k.sum() - k / k.sum() for k in (exact.of_x, exact.of_y)
        ]
        steps = (drawn[0] - drawn[1])[None]
        ends = np.cumsum(steps, axis=1)[:, starts]
        errors.append(abs(exact._areas(steps) - found._areas(np.diff(ends, prepend=0.0, axis=1)))[0])
    assert 0 < np.mean(errors) < found.slack


def test_the_interval_is_that_of_rows(rng, monkeypatch):
    x, y = rng.standard_normal(3000), rng.exponential(size=2000)
    rows = line_interval(x, y, 0.95, as_rng(0))
    monkeypatch.setattr("wdist.resampling.line_interval.ROW_BY_ROW", 1000)
    monkeypatch.setattr(cells, "ALONE", 50)
    monkeypatch.setattr(cells, "TOGETHER", 500)
    grouped = line_interval(x, y, 0.95, as_rng(0))
    assert (grouped.plug_in, grouped.high) == (rows.plug_in, rows.high)
    assert grouped.radius == pytest.approx(rows.radius, rel=0.06)
    slack = cut(x, y).slack
    assert slack > 0
    monkeypatch.setattr(Cells, "slack", property(lambda self: 0.0))
    assert grouped.radius - line_interval(x, y, 0.95, as_rng(0)).radius == pytest.approx(slack)
    assert (grouped.low > 0, line_interval(x, x[::2], 0.95, as_rng(0)).low) == (True, 0)


def test_of_equal_laws_it_covers_as_often(monkeypatch):
    monkeypatch.setattr("wdist.resampling.line_interval.ROW_BY_ROW", 100)
    monkeypatch.setattr(cells, "ALONE", 20)
    monkeypatch.setattr(cells, "TOGETHER", 60)
    monkeypatch.setattr("wdist.resampling.line_interval.RESAMPLES", 199)
    misses = 0
    for k in range(100):
        x, y = np.random.default_rng([8, k]).standard_normal((2, 150))
        misses += line_interval(x, y, 0.9, as_rng(k)).low > 0
    assert 2 <= misses <= 21  # 10 expected


def test_what_it_draws_does_not_grow_with_the_rows(monkeypatch, rng):
    monkeypatch.setattr("wdist.resampling.line_interval.RESAMPLES", 99)
    seen = []
    usual = Cells._areas
    monkeypatch.setattr(Cells, "_areas", lambda self, steps: (seen.append(steps.size), usual(self, steps))[1])
    for n in (21_000, 42_000):
        seen.append(0)
        wdist.estimate(rng.standard_normal(n), rng.standard_normal(n) + 1, target="population")
    both = [sum(part) for part in (seen[: seen.index(0, 1)], seen[seen.index(0, 1) :])]
    assert both[0] == both[1] <= 200 * (cells.TOGETHER + 2 * cells.ALONE)
