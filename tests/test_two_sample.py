"""The two-sample test: statistics against SciPy and by hand, what may be exchanged, size, power and refusals."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist

import wdist
from wdist import InputError, two_sample_test
from wdist.resampling import statistics
from wdist.resampling.exchange import exchange
from wdist.resampling.serial import serial_dependence
from wdist.resampling.statistics import STATISTICS
from wdist.rng import as_rng


def evaluated(name, points, labels):
    prepared = STATISTICS[name].prepare(torch.as_tensor(points), as_rng(0))
    return prepared(np.asarray(labels, dtype=np.int8))


class TestStatistics:
    """Each against the same figure by another way, for several relabellings at once."""

    @pytest.fixture
    def labels(self, rng):
        base = np.r_[np.ones(11), np.zeros(17)]
        return np.array([base, 1 - base, *(rng.permutation(base) for _ in range(5))], dtype=np.int8)

    @pytest.mark.parametrize("ties", [False, True])
    def test_on_the_line(self, labels, ties, rng):
        t = rng.integers(4, size=28).astype(float) if ties else rng.standard_normal(28)
        expected = [stats.wasserstein_distance(t[row == 1], t[row == 0]) for row in labels]
        np.testing.assert_allclose(evaluated("wasserstein", t[:, None], labels), expected, rtol=1e-12)
        expected = [wdist.estimate(t[row == 1], t[row == 0], p=2).value for row in labels]
        np.testing.assert_allclose(evaluated("wasserstein-2", t[:, None], labels), expected, rtol=1e-12)

    def test_radial(self, labels, rng):
        z = rng.standard_normal((28, 5)) + 100
        radii = np.linalg.norm(z - z.mean(axis=0), axis=1)
        expected = [stats.wasserstein_distance(radii[row == 1], radii[row == 0]) for row in labels]
        np.testing.assert_allclose(evaluated("radial", z, labels), expected, rtol=1e-10)

    @pytest.mark.parametrize("room", [2**30, 0])
    def test_energy_held_and_in_blocks(self, labels, room, rng, monkeypatch):
        monkeypatch.setattr(statistics, "HELD_BYTES", room)
        monkeypatch.setattr(statistics, "BLOCK_BYTES", 8 * 28 * 5)
        z = rng.standard_normal((28, 3))
        expected = []
        for row in labels == 1:
            x, y = z[row], z[~row]
            expected.append(2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean())
        np.testing.assert_allclose(evaluated("energy", z, labels), expected, rtol=1e-10)

    def test_sliced_is_near_the_sliced_distance(self, labels, rng):
        z = rng.standard_normal((28, 3))
        z[labels[0] == 1] += 2
        method = wdist.Sliced(4000)
        expected = wdist.estimate(z[labels[0] == 1], z[labels[0] == 0], method=method).value
        assert evaluated("sliced", z, labels)[0] == pytest.approx(expected, rel=0.2)

    def test_sliced_on_the_line_is_the_line(self, labels, rng):
        t = rng.standard_normal((28, 1))
        expected = evaluated("wasserstein", t, labels)
        np.testing.assert_allclose(evaluated("sliced", t, labels), expected, rtol=1e-12)

    def test_far_units_neither_over_nor_underflow(self, labels, rng):
        t = rng.standard_normal((28, 1))
        for name in ("wasserstein-2", "energy", "radial"):
            for unit in (1e-200, 1e200):
                expected = unit * evaluated(name, t, labels)
                np.testing.assert_allclose(evaluated(name, unit * t, labels), expected, rtol=1e-9)


class TestPValue:
    def test_agrees_with_scipy_where_every_relabelling_is_seen(self):
        x, y = np.array([0.1, 2.0, 3.5, 4.1]), np.array([0.4, 5.0, 6.2, 7.7, 9.0])
        exact = stats.permutation_test(
            (x, y), stats.wasserstein_distance, permutation_type="independent", n_resamples=np.inf,
            alternative="greater",
        )  # fmt: skip
        found = two_sample_test(x, y, permutations=20_000, statistic="wasserstein")
        assert found.statistic == pytest.approx(exact.statistic)
        assert found.pvalue == pytest.approx(exact.pvalue, abs=0.01)
        assert found.relabellings == 126

    def test_the_observed_labels_count(self, rng):
        found = two_sample_test(rng.standard_normal(30), rng.standard_normal(30) + 9, permutations=99)
        assert found.pvalue == 1 / 100
        assert found.null_distribution.shape == (99,)

    def test_the_same_by_hand(self, rng):
        found = two_sample_test(rng.standard_normal((20, 2)), rng.standard_normal((25, 2)), "energy", 199)
        reached = (found.null_distribution >= found.statistic).sum()
        assert found.pvalue == pytest.approx((1 + reached) / 200)
        assert found.floor == found.null_distribution.mean()

    def test_the_least_p_is_ranked_among_its_like(self, rng):
        found = two_sample_test(
            rng.standard_normal((20, 2)), rng.standard_normal((25, 2)) + 0.4, permutations=199
        )
        values = np.array([np.r_[part.statistic, part.null_distribution] for part in found.parts])
        p = (values[:, None, :] >= values[:, :, None]).mean(axis=2)
        least = p.min(axis=0)
        assert (least < least[0]).mean() < found.pvalue <= (least <= least[0]).mean()
        assert least[0] - 1 / 200 < 10**-found.statistic <= least[0]
        assert found.pvalue == pytest.approx((1 + (found.null_distribution >= found.statistic).sum()) / 200)

    def test_two_statistics_reach_the_least_p_of_one(self, rng):
        found = two_sample_test(
            rng.standard_normal((20, 5)), rng.standard_normal((25, 5)) + 3, permutations=19
        )
        assert found.pvalue == 1 / 20
        assert found.parts[1].pvalue > 1 / 20

    def test_identical_samples_show_nothing(self):
        for x in (np.arange(9.0), np.ones((8, 3))):
            assert two_sample_test(x, x).pvalue == 1

    @pytest.mark.parametrize("d", [1, 2, 6])
    def test_of_two_values_ties_stay_ties(self, d, rng):
        x, y = rng.integers(2, size=(30, d)).astype(float), rng.integers(2, size=(40, d)).astype(float)
        for unit in (0.1, 1 / 3):
            assert two_sample_test(unit * x, unit * y).pvalue == two_sample_test(x, y).pvalue

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**31), st.sampled_from([1, 2, 5]), st.floats(0.1, 100))
    def test_row_order_unit_and_sides_do_not_matter(self, seed, d, unit):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((14, d)), rng.standard_normal((9, d)) + 0.5
        name = ("wasserstein", "sliced", "energy")[(1, 2, 5).index(d)]
        value = two_sample_test(x, y, name, 19).statistic
        assert two_sample_test(unit * x, unit * y, name, 19).statistic == pytest.approx(unit * value)
        assert two_sample_test(y, x[::-1], name, 19).statistic == pytest.approx(value)

    def test_seed(self, rng):
        x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 4))
        first, again, other = (two_sample_test(x, y, seed=seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first.null_distribution, again.null_distribution)
        assert not np.array_equal(first.null_distribution, other.null_distribution)

    def test_batches_change_nothing_that_counts(self, rng, monkeypatch):
        x, y = rng.standard_normal((20, 4)), rng.standard_normal((20, 4))
        whole = two_sample_test(x, y)
        monkeypatch.setattr("wdist.resampling.exchange.BATCH_BYTES", 40 * 7)
        pieces = two_sample_test(x, y)
        assert pieces.statistic != whole.statistic or pieces.pvalue == whole.pvalue
        assert [p.statistic for p in pieces.parts] == [p.statistic for p in whole.parts]
        assert pieces.null_distribution.shape == whole.null_distribution.shape

    @pytest.mark.parametrize(
        ("d", "rows", "names"),
        [
            (1, 20, ["wasserstein", "wasserstein-2"]),
            (2, 20, ["sliced", "radial"]),
            (3, 20, ["energy", "radial"]),
            (3, 6100, ["sliced", "radial"]),
        ],
    )
    def test_auto_goes_by_dimension_and_size(self, d, rows, names, rng):
        found = two_sample_test(
            rng.standard_normal((rows, d)), rng.standard_normal((rows, d)), permutations=3
        )
        assert [part.name for part in found.parts] == names

    def test_a_function_of_ones_own(self, rng):
        x, y = rng.standard_normal(20), rng.standard_normal(30) + 3

        def gap(u, v):
            assert u.shape == (20,)
            u += 0.0  # the rows are copies
            return abs(np.median(u) - np.median(v))

        found = two_sample_test(x, y, gap, 199)
        assert found.statistic == abs(np.median(x) - np.median(y))
        assert (found.name, found.pvalue < 0.05) == ("gap", True)

    def test_frames_tensors_and_memory_are_left_as_they_are(self, rng):
        x, y = rng.standard_normal((20, 2)), rng.standard_normal((30, 2))
        expected = two_sample_test(x, y).pvalue
        assert two_sample_test(pd.DataFrame(x), torch.as_tensor(y)).pvalue == expected


class TestSizeAndPower:
    @pytest.mark.parametrize("d", [1, 2, 16])
    def test_size(self, d):
        def p(k):
            rng = np.random.default_rng([1, d, k])
            x, y = rng.standard_normal((15, d)), rng.standard_normal((20, d))
            return two_sample_test(x, y, permutations=39, seed=k).pvalue

        hits = sum(p(k) <= 0.1 for k in range(200))
        assert 8 <= hits <= 33  # 20 expected; beyond with probability 0.003

    @pytest.mark.parametrize(("d", "change"), [(1, "shift"), (1, "scale"), (16, "shift"), (16, "scale")])
    def test_differences_are_found(self, d, change, rng):
        x, y = rng.standard_normal((80, d)), rng.standard_normal((60, d))
        y = 1.2 / d**0.5 + y if change == "shift" else 2.5 * y
        assert two_sample_test(x, y).pvalue <= 0.005


class TestExchange:
    def test_groups_keep_their_numbers(self, rng):
        groups = np.r_[0, 0, 0, 1, 1], np.r_[0, 1, 1, 1, 1, 1]
        rows = exchange(5, 6, groups)
        strata = np.concatenate(groups)
        (observed,), labels = itertools.islice(rows.batches(50, as_rng(0)), 2)
        assert observed.tolist() == 5 * [1] + 6 * [0]
        for g in (0, 1):
            assert set(labels[:, strata == g].sum(axis=1)) == {3 if g == 0 else 2}
        assert len(np.unique(labels, axis=0)) > 20
        assert rows.count == 4 * 21

    def test_many_groups_keep_theirs_too(self, rng):
        pairs = rng.permutation(50)
        rows = exchange(50, 50, (np.arange(50), pairs))
        _, labels = rows.batches(40, as_rng(0))
        partner = np.argsort(pairs)  # of row i of a, in b
        np.testing.assert_array_equal(labels[:, :50] + labels[:, 50 + partner], np.ones((40, 50)))
        assert 0.4 < labels[:, :50].mean() < 0.6
        assert rows.count == pytest.approx(2**50)
        uneven = exchange(60, 40, (np.arange(60) % 34, np.arange(40) % 34))
        assert all(
            len(np.unique(labels[:, uneven.groups == g].sum(axis=1))) == 1
            for _, labels in [uneven.batches(30, as_rng(1))]
            for g in range(34)
        )

    def test_a_number_is_one_name_whatever_its_type(self):
        assert exchange(2, 2, ([0, 1], [0.0, 1.0])).groups.tolist() == [0, 1, 0, 1]

    def test_blocks_move_whole(self):
        rows = exchange(7, 5, blocks=3)
        assert rows.units.tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4]
        _, labels = rows.batches(60, as_rng(0))
        for unit in range(5):
            members = labels[:, rows.units == unit]
            assert (members == members[:, :1]).all()
        assert (labels[:, [0, 3, 6, 7, 10]].sum(axis=1) == 3).all()
        assert rows.count == 10

    def test_named_blocks_of_two_samples_are_different_blocks(self):
        assert exchange(3, 3, blocks=(["x", "x", "y"], ["x", "y", "y"])).units.tolist() == [0, 0, 1, 2, 3, 3]

    def test_groups_mend_a_difference_in_their_shares(self):
        rng = np.random.default_rng(5)
        ga, gb = (rng.random(150) < 0.2).astype(int), (rng.random(150) < 0.8).astype(int)
        x, y = 4 * ga + rng.standard_normal(150), 4 * gb + rng.standard_normal(150)
        assert two_sample_test(x, y).pvalue <= 0.001
        assert two_sample_test(x, y, groups=(ga, gb)).pvalue > 0.05

    def test_blocks_mend_the_size_for_series(self):
        def series(rng):
            return np.repeat(rng.standard_normal(15), 10) + 0.1 * rng.standard_normal(150)

        def hits(blocks):
            p = []
            for k in range(60):
                rng = np.random.default_rng([9, k])
                p.append(
                    two_sample_test(series(rng), series(rng), "wasserstein", 99, blocks=blocks, seed=k).pvalue
                )
            return sum(q <= 0.05 for q in p)

        assert hits(1) > 25
        assert hits(10) <= 9  # 3 expected; beyond with probability 0.002


class TestSeries:
    def test_hourly_temperatures_need_blocks(self):
        pair = wdist.datasets.pair("hourly_temp_seattle_vs_sf_2010")
        with pytest.raises(
            InputError, match=r"rows of a depend on the rows before them \(rank correlation 0.99"
        ):
            two_sample_test(pair.a, pair.b)
        assert two_sample_test(pair.a, pair.b, permutations=99, blocks=168).pvalue == 0.01

    def test_the_other_real_pairs_are_no_series(self):
        for name in wdist.datasets.pairs():
            pair = wdist.datasets.pair(name)
            if "hourly" in name:
                continue
            found = two_sample_test(pair.a, pair.b)
            assert (found.pvalue <= 0.01) == pair.shifted, found

    def test_the_null_pair_of_tumours_is_on_the_verge_by_its_order(self):
        """Cut where the file was, p is between 1 and 5 %; cut otherwise, the same rows show nothing."""
        pair = wdist.datasets.pair("breast_cancer_30d_z_benign0")
        rows = np.concatenate([pair.a, pair.b])
        assert 0.02 < two_sample_test(pair.a, pair.b, permutations=4999).pvalue < 0.05
        assert two_sample_test(rows[::2], rows[1::2]).pvalue > 0.2
        cuts = (np.random.default_rng([9, k]).permutation(rows) for k in range(40))
        rejected = sum(two_sample_test(x[:150], x[150:], permutations=99).pvalue <= 0.05 for x in cuts)
        assert rejected <= 8  # 2 expected; beyond with probability 0.0004

    def test_b_is_looked_at_too(self, rng):
        with pytest.raises(InputError, match="rows of b depend"):
            two_sample_test(rng.standard_normal(100), rng.standard_normal(100).cumsum())

    def test_order_that_means_nothing(self, rng):
        walk = rng.standard_normal(100).cumsum()
        assert two_sample_test(walk, walk + 3, blocks=1).pvalue < 0.05
        two_sample_test(np.sort(walk), rng.standard_normal(100))  # sorted: no series

    def test_chance_alone_is_not_refused(self):
        rng = np.random.default_rng(0)
        found = [serial_dependence(rng.standard_normal((60, d))) for d in (1, 5) for _ in range(500)]
        errors = np.array([one.errors for one in found])
        assert abs(errors.mean()) < 0.15
        assert 0.9 < errors.std() < 1.1
        assert not any(one.plain for one in found)

    def test_wide_rows_give_the_same_as_tall_ones(self, rng):
        x = rng.standard_normal((30, 1)) @ rng.standard_normal((1, 40)) + rng.standard_normal((30, 40))
        z = stats.rankdata(x, axis=0) - 15.5
        found = serial_dependence(x)
        spread = np.sqrt(np.square(z.T @ z).sum() / 30) / np.square(z).sum()
        assert found.errors == pytest.approx((found.correlation + 1 / 30) / spread)

    def test_strata_are_no_dependence(self, rng):
        groups = np.repeat([0, 1], 60)
        x, y = 9 * groups + rng.standard_normal(120), 9 * groups + rng.standard_normal(120)
        with pytest.raises(InputError, match="rows of a depend"):
            two_sample_test(x, y)
        two_sample_test(x, y, groups=(groups, groups))


class TestWords:
    def test_repr_and_note(self, rng):
        x, y = rng.standard_normal((40, 3)), rng.standard_normal((50, 3)) + 2
        found = two_sample_test(x, y)
        energy = found.parts[0]
        shown = [
            f"{part.name} {part.statistic:.4g} (no difference shows {part.floor:.4g})" for part in found.parts
        ]
        assert repr(found) == (
            f"two-sample test, 40 and 50 rows: p = 0.001 (999 relabellings), differ at 5 %; {', '.join(shown)}"
        )
        assert found.name == "least p of energy and radial"
        assert "The smallest p-value possible here is 0.001. energy: " in found.power_note
        assert (energy.null_distribution >= energy.threshold).mean() <= 0.051

    def test_a_coordinate_that_rules_the_rest_is_said(self, rng):
        x, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 4))
        assert two_sample_test(x, y, permutations=9).message == ""
        scale = np.array([1, 1, 1e3, 0])  # another unit, and a constant coordinate
        message = two_sample_test(x * scale, y * scale, permutations=9).message
        assert message.startswith(
            "Coordinate 2 holds 99.8% of the spread of all 4, so the test hardly sees the others"
        )
        tails = np.c_[x[:, :3], rng.standard_cauchy(50) * 1e3]
        assert "Coordinate 3 holds " in two_sample_test(tails, tails[::-1] + 1, permutations=9).message

    def test_samples_too_small_to_show_anything(self):
        found = two_sample_test([0.0, 1.0], [8.0, 9.0])
        assert found.power_note.startswith("No difference could be significant at 5 %")
        assert "0.17" in found.power_note

    def test_far_units_change_nothing(self, rng):
        x, y = rng.standard_normal((30, 3)), rng.standard_normal((30, 3)) + 0.5
        for d in (1, 2, 3):
            near = two_sample_test(x[:, :d], y[:, :d], permutations=99)
            for unit in (2.0**-900, 2.0**900):
                far = two_sample_test(unit * x[:, :d], unit * y[:, :d], permutations=99)
                assert far.pvalue == near.pvalue

    def test_rows_that_go_together_are_said(self, rng):
        x = rng.standard_normal((60, 2))
        for sign, words in ((1, "too careful"), (-1, "too bold")):
            y = sign * x + 0.5 * rng.standard_normal((60, 2)) + 0.3
            message = two_sample_test(x, y, permutations=9).message
            assert message.startswith("Row i of a goes with row i of b (rank correlation ")
            assert words in message
        pairs = np.arange(60), np.arange(60)
        within = two_sample_test(x, x + 0.1, groups=pairs)
        assert (within.message, within.pvalue) == ("", 0.001)
        assert two_sample_test(x, x + 0.1).pvalue > 0.1
        assert (
            "Row i" not in two_sample_test(np.sort(x[:, 0]), np.sort(x[:, 1])).message
        )  # order means nothing
        x = rng.standard_normal(5000)
        assert (
            "Row i" not in two_sample_test(x, 0.1 * x + rng.standard_normal(5000), permutations=2).message
        )  # slight
        wide = rng.standard_normal((30, 50))
        assert "Row i" in two_sample_test(wide, wide + 0.1, permutations=9).message
        assert two_sample_test(wide, rng.standard_normal((30, 50)), permutations=9).message == ""

    def test_copies_within_a_sample_are_said(self, rng):
        x = rng.standard_normal((30, 3))
        copied = rng.permutation(np.r_[x, x])
        message = two_sample_test(copied, rng.standard_normal((50, 3)), permutations=9).message
        assert message.startswith(
            "30 rows occur more than once in one sample, and hardly any of them in the other"
        )
        five_times = rng.permutation(np.repeat(x, 5, axis=0))
        message = two_sample_test(five_times, rng.standard_normal((50, 3)), permutations=9).message
        assert message.startswith("30 rows occur more than once in one sample")
        assert (
            two_sample_test(np.round(x), np.round(rng.standard_normal((30, 3))), permutations=9).message == ""
        )

    def test_a_leak_is_said(self, rng):
        x = rng.standard_normal((50, 3))
        y = np.r_[x[:7], rng.standard_normal((50, 3))]
        assert "7 rows occur in a and in b" in two_sample_test(x, y, permutations=9).message
        assert two_sample_test(np.round(x), np.round(y), permutations=9).message == ""  # ties are no leak

    @pytest.mark.parametrize(
        ("kwargs", "text"),
        [
            ({"permutations": 0}, "permutations is 0; pass an int of at least 1"),
            ({"b": lambda n: np.zeros(n)}, "draw from the source first"),
            (
                {"statistic": "t"},
                "statistic is 't'; choose auto, wasserstein, wasserstein-2, sliced, radial, energy",
            ),
            ({"statistic": ()}, "statistic is an empty tuple"),
            ({"statistic": None}, "statistic is None; choose auto, wasserstein"),
            (
                {"groups": (["u", "u", "v", None], 4 * ["u"])},
                "groups_a is missing in row 3; give every row a group",
            ),
            ({"groups": (["u", "u", "v", float("nan")], 4 * ["u"])}, "groups_a is missing in row 3"),
            (
                {"statistic": "wasserstein", "a": np.eye(4), "b": np.eye(4)},
                "is for the line and the points have 4",
            ),
            (
                {"statistic": lambda x, y: float("nan")},
                "returned nan for 4 and 4 rows; no p-value can be read",
            ),
            ({"statistic": lambda x, y: x}, "returned a ndarray; it must return one number"),
            ({"blocks": 0}, "blocks is 0; pass the rows a block, at least 1"),
            ({"blocks": 9}, None),
            (
                {"blocks": [1, 2, 3, 4]},
                r"blocks is a list; pass a pair \(blocks_a, blocks_b\).* or the rows a block",
            ),
            (
                {"groups": ([1, 2], [1, 2, 3, 4])},
                r"groups_a has shape \(2,\) for 4 rows of a; pass one group a row",
            ),
            (
                {"groups": (4 * [1], [1, 2, 3, np.nan])},
                "groups_b is missing in row 3; give every row a group",
            ),
            ({"groups": (4 * [1], 4 * [2])}, "no group holds no two rows|no group holds"),
            (
                {"groups": ([1, 1, 1, 2], [1, 1, 2, 2]), "blocks": 2},
                "row 3 of a is in another group than its block",
            ),
            ({"a": [1.0], "b": [1.0]}, None),
        ],
    )
    def test_refusals(self, kwargs, text):
        given = {"a": [1.0, 5.0, 2.0, 7.0], "b": [3.0, 4.0, 1.5, 0.0], **kwargs}
        if text is None:
            assert two_sample_test(**given).pvalue == 1
            return
        with pytest.raises(InputError, match=text):
            two_sample_test(**given)

    def test_weights_are_refused(self):
        weighted = wdist.measures.as_samples([1.0, 2.0, 3.0], [0.5, 0.25, 0.25])
        with pytest.raises(
            InputError, match="b is weighted; relabelling exchanges rows, and rows of unequal weight"
        ):
            two_sample_test([1.0, 2.0], weighted)
