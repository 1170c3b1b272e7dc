"""Where two samples differ: features, region and transport against what was put in, error rates, words, commands."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist
from typer.testing import CliRunner

import wdist
from wdist import InputError, compare
from wdist.cli import app
from wdist.inference.witness import _score, witness_region
from wdist.plots import draw_features, new_figure
from wdist.rng import as_rng


@pytest.fixture
def moved(rng):
    """Six features, of which the third is moved by two in its own unit of a thousand and the fifth is stretched."""
    x, y = rng.standard_normal((90, 6)), rng.standard_normal((80, 6))
    y[:, 2] += 2
    y[:, 4] *= 4
    scale = np.array([1, 1, 1000, 1, 0.01, 1])
    return x * scale, y * scale


class TestFeatures:
    def test_those_that_differ_are_found_in_any_unit(self, moved):
        found = compare(*moved)
        assert {one.name for one in found.features[:2]} == {"x2", "x4"}
        assert [one.pvalue <= 0.01 for one in found.features] == 2 * [True] + 4 * [False]
        by_name = {one.name: one for one in found.features}
        for k in range(6):
            x, y = (side[:, k] for side in moved)
            one = by_name[f"x{k}"]
            assert one.distance == pytest.approx(stats.wasserstein_distance(x, y))
            assert one.relative == pytest.approx(one.distance / stats.iqr(np.r_[x, y]))
            assert one.shift == pytest.approx(y.mean() - x.mean())

    def test_p_values_are_corrected_for_all(self):
        """Of 100 comparisons of 12 features without a difference, some 10 find one at 10 %."""
        hits, alone = 0, 0
        for k in range(100):
            rng = np.random.default_rng([6, k])
            x, y = rng.standard_normal((20, 12)), rng.standard_normal((20, 12))
            hits += compare(x, y, permutations=39, seed=k).features[0].pvalue <= 0.1
            alone += compare(x[:, :1], y[:, :1], permutations=39, seed=k).features[0].pvalue <= 0.1
        assert 2 <= hits <= 20
        assert 2 <= alone <= 20

    def test_of_one_feature_it_is_the_tests_p(self, rng):
        x, y = rng.standard_normal(40), rng.standard_normal(30) + 0.4
        there = wdist.two_sample_test(x, y, "wasserstein", 4999).pvalue
        assert compare(x, y, permutations=4999).features[0].pvalue == pytest.approx(there, abs=0.03)

    def test_one_feature_of_wild_tails_hides_no_other(self, rng):
        x, y = rng.standard_normal((60, 3)), rng.standard_normal((50, 3)) + np.eye(3)[0]
        x[:, 2], y[:, 2] = (1e6 * rng.standard_cauchy(n) for n in (60, 50))
        found = {one.name: one.pvalue for one in compare(x, y).features}
        assert found["x0"] <= 0.01 < 0.05 < min(found["x1"], found["x2"])

    def test_far_units_and_copies(self, moved):
        near = compare(*moved)
        far = compare(*(2.0**900 * side for side in moved))
        assert [(one.name, one.pvalue) for one in far.features] == [
            (one.name, one.pvalue) for one in near.features
        ]
        assert "Row i of a goes with row i of b" in compare(moved[0], moved[0] * 1.01, permutations=9).message

    def test_constant_features_and_names(self, rng):
        frame = pd.DataFrame({"age": np.ones(30), "dose": rng.standard_normal(30)})
        found = compare(frame, frame.assign(dose=frame.dose + 3))
        assert [(one.name, one.pvalue) for one in found.features] == [("dose", 0.001), ("age", 1.0)]
        assert found.features[1].relative == 0
        assert {one.name for one in compare(frame, frame, names=["u", "v"]).features} == {"u", "v"}


class TestRegion:
    def test_it_is_counted_on_rows_that_did_not_choose(self, moved):
        region = compare(*moved).region
        assert region.share_a == pytest.approx(len(region.rows_a) / 45)
        assert region.share_b == pytest.approx(1 - len(region.rows_b) / 40)
        k_a, k_b = len(region.rows_a), 40 - len(region.rows_b)
        assert region.pvalue == pytest.approx(stats.fisher_exact([[k_a, 45 - k_a], [k_b, 40 - k_b]])[1])
        low = stats.beta.ppf(0.025, k_a, 45 - k_a + 1)
        assert region.interval_a.low == pytest.approx(low)
        assert region.share_a > region.share_b + 0.5
        assert moved[0][region.rows_a, 2].mean() < moved[1][region.rows_b, 2].mean()

    def test_scores_of_the_rows_that_chose_leave_out_themselves(self, rng):
        x, y, z = rng.standard_normal((7, 2)), rng.standard_normal((5, 2)), rng.standard_normal((3, 2))
        gaps = cdist(x, x).sum(axis=1) / 6
        tensors = torch.as_tensor(x), torch.as_tensor(y)
        np.testing.assert_allclose(_score(tensors[0], *tensors, own=0), cdist(x, y).mean(axis=1) - gaps)
        expected = cdist(z, y).mean(axis=1) - cdist(z, x).mean(axis=1)
        np.testing.assert_allclose(_score(torch.as_tensor(z), *tensors), expected)

    def test_without_a_difference_it_is_no_more_than_chance(self):
        p = []
        for k in range(150):
            x, y = torch.as_tensor(np.random.default_rng([7, k]).standard_normal((2, 40, 3)))
            p.append(witness_region(x, y, 0.95, as_rng(k)).pvalue)
        assert np.mean(np.array(p) <= 0.1) <= 0.17

    def test_none_where_rows_are_few_or_in_blocks(self, rng):
        x = rng.standard_normal((19, 2))
        for options in ({}, {"blocks": 2}, {"groups": (np.arange(19) % 2, np.arange(19) % 2)}):
            found = compare(x, x + 1, **options)
            assert found.region is None
            assert "No region: it needs 20 rows a side that are exchangeable one by one." in found.message


class TestTransport:
    def test_a_shift_goes_one_way(self, rng):
        x = rng.standard_normal((60, 3))
        unit = stats.iqr(np.r_[x, x + 30 * np.eye(3)[1]], axis=0)
        transport = compare(x, x + 30 * np.eye(3)[1]).transport
        np.testing.assert_allclose(transport.direction, [0, 1, 0], atol=1e-9)
        assert transport.share == pytest.approx(1)
        assert transport.distance == pytest.approx(30 / unit[1])
        np.testing.assert_allclose(transport.costs, 1)

    def test_the_row_that_goes_furthest(self, rng):
        x = rng.standard_normal((60, 3))
        y = x.copy()
        y[17] += 50
        transport = compare(y, x).transport
        assert transport.costliest[0] == 17
        assert transport.costs[17] == transport.costs.max() > 10
        assert compare(x, x).transport.share == 0

    def test_too_many_rows(self, monkeypatch, rng):
        monkeypatch.setattr("wdist.inference.comparison.PLAN_PAIRS", 100)
        found = compare(rng.standard_normal(30), rng.standard_normal(30))
        assert found.transport is None
        assert found.message == "No plan: 900 pairs of rows are more than 100."


def test_words(moved):
    lines = repr(compare(*moved)).splitlines()
    assert lines[0] == "90 and 80 rows: 2 of 6 features differ at 5 %, corrected for all"
    assert lines[1].startswith(("  x2: W1 ", "  x4: W1 "))
    assert "on rows that did not choose it; p = " in lines[7]
    assert "furthest to go have rows " in lines[8]


def test_figure(moved, tmp_path):
    figure = new_figure(6, 3)
    ax = figure.subplots()
    draw_features(ax, compare(*moved))
    filled = [bar.get_facecolor()[:3] != (1, 1, 1) for bar in ax.patches]
    assert filled == 2 * [True] + 4 * [False]
    assert ax.get_title() == "2 of 6 features differ at 5 %, corrected for all"
    assert [label.get_text() for label in ax.get_yticklabels()][:2] in (["x2", "x4"], ["x4", "x2"])


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"names": ["u"]}, "names holds 1 for 2 features; give a list with one a feature"),
        ({"names": "uv"}, "names holds 2 for 2 features"),
        ({"permutations": 0}, "permutations is 0"),
        ({"b": lambda n: np.zeros((n, 2))}, "draw from the source first"),
        ({"a": np.arange(100.0).reshape(50, 2) % 37}, "rows of a depend on the rows before them"),
    ],
)
def test_refusals(kwargs, text, rng):
    with pytest.raises(InputError, match=text):
        compare(**{"a": rng.standard_normal((30, 2)), "b": rng.standard_normal((30, 2)), **kwargs})


class TestCommand:
    @pytest.fixture(autouse=True)
    def files(self, moved, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name, points in zip("xy", moved, strict=True):
            pd.DataFrame(points, columns=list("uvwxyz")).to_csv(f"{name}.csv", index=False)

    @staticmethod
    def run(line):
        return CliRunner().invoke(
            app, shlex.split(f"compare {line}"), prog_name="wdist", env={"COLUMNS": "140"}
        )

    def test_json_is_the_calls_own(self, moved):
        result = self.run("x.csv y.csv -c u -c w --json --permutations 99 --seed 2")
        called = compare(*(side[:, [0, 2]] for side in moved), names=["u", "w"], permutations=99, seed=2)
        told, called = json.loads(result.stdout), json.loads(json.dumps(called.to_dict()))
        assert [one["name"] for one in told["features"]] == ["w", "u"]
        for one, other in zip(told["features"], called["features"], strict=True):
            assert one == other | {
                name: pytest.approx(other[name]) for name in ("distance", "relative", "shift")
            }
        assert told["region"]["pvalue"] == called["region"]["pvalue"]
        assert told.keys() == called.keys()

    def test_a_person_gets_a_table_and_a_figure(self, tmp_path):
        result = self.run("x.csv y.csv --figure where.png")
        assert result.exit_code == 0
        assert result.stdout.startswith("90 and 80 rows: 2 of 6 features differ at 5 %, corrected for all")
        rows = [line.split("│")[1].strip() for line in result.stdout.splitlines() if line.startswith("│")]
        assert set(rows[:2]) == {"x2", "x4"}
        assert "region: " in result.stdout
        assert (tmp_path / "where.png").stat().st_size > 5000

    def test_refusals(self):
        result = self.run("x.csv y.csv --figure no/where.png")
        assert (result.exit_code, "no such folder" in result.stderr) == (2, True)
