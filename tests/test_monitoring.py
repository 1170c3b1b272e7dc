"""Drift against a reference: rates of false alarms, power, the arithmetic of evidence, files, and what is refused."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

import wdist
from wdist import Reference, Watch
from wdist.resampling.betting import POWERS, Capital, e_value
from wdist.resampling.heights import Calibration

RATE = 0.05


def normal(rng, n, d=3, shift=0.0, scale=1.0):
    return scale * rng.standard_normal((n, d)) + shift


@pytest.fixture(scope="module")
def reference():
    return Reference(normal(np.random.default_rng(5), 400))


def false_alarms(references, batches, draw, n=160, m=20):
    alarms = 0
    for k in range(references):
        rng = np.random.default_rng([k, 9])
        one = Reference(draw(rng, n), false_alarms=RATE, seed=k)
        alarms += sum(one.score(draw(rng, m)).alarm for _ in range(batches))
    return alarms / references / batches


class TestScore:
    def test_alarms_where_nothing_changed_are_as_rare_as_stated(self):
        assert 0.02 < false_alarms(20, 20, normal) < 0.09  # 0.05 within 4 standard errors of 400 batches

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "draw", [normal, lambda rng, n: rng.standard_t(3, n), lambda rng, n: rng.integers(0, 3, n) * 1.0]
    )
    def test_so_they_are_among_10000(self, draw):
        assert 0.02 < false_alarms(500, 20, draw) < RATE + 0.01

    @pytest.mark.parametrize(("options", "seen"), [({"shift": 0.5}, "energy"), ({"scale": 1.5}, "radial")])
    def test_shifts_and_scales_are_seen(self, reference, options, seen):
        found = [reference.score(normal(np.random.default_rng(k), 60, **options)) for k in range(20)]
        assert sum(one.alarm for one in found) >= 18
        assert found[0].statistic == seen
        assert found[0].value > found[0].threshold
        assert found[0].evidence > 5

    def test_the_value_on_the_line_is_the_distance_itself(self, rng):
        x, y = rng.standard_normal(200), rng.standard_normal(30) + 2
        one = Reference(x, statistic="wasserstein")
        score = one.score(y)
        rest = one.rows(30)[30:, 0].numpy()
        assert score.sizes == (30, len(rest)) == (30, 170)
        assert score.value == pytest.approx(wdist.estimate(y, rest).value, rel=1e-9)

    def test_threshold_and_p_value_are_read_off_splits_of_the_reference(self, reference, rng):
        score = reference.score(normal(rng, 50))
        found = reference._calibrations[50]
        assert len(found.heights) == 2000
        assert np.mean(found.heights > found.threshold) < 0.01 <= np.mean(found.heights >= found.threshold)
        height = max(part.value / scale for part, scale in zip(score.parts, found.scales, strict=True))
        assert score.pvalue == pytest.approx((1 + np.sum(found.heights >= height)) / 2001)
        assert score.evidence == pytest.approx(e_value(score.pvalue))

    def test_scales_and_threshold_by_hand(self):
        """Of a hundred sets: each statistic over what five of its own exceed, then what five of the highest do."""
        first, second = np.arange(100.0), np.arange(100.0)[::-1] * 10
        found = Calibration.of(np.array([first, second]), 0.05)
        assert found.scales.tolist() == [95.0, 950.0]
        np.testing.assert_allclose(found.heights, np.maximum(first / 95, second / 950))
        assert np.sum(found.heights > found.threshold) <= 5
        assert found.height(np.array([190.0, 0.0])) == 2
        assert found.reaching(99 / 95) == 2

    def test_what_is_above_must_also_stand_out_among_itself_and_the_reference(self, monkeypatch, rng):
        """A reference without the tails that its law has would alarm on each of them."""
        one = Reference(np.r_[rng.standard_normal(199), 60.0], statistic="wasserstein-2")
        batch = np.r_[rng.standard_normal(24), 30.0]
        monkeypatch.setitem(one._calibrations, 25, Calibration(np.ones(1), np.full(2000, 0.1), 0.1))
        score = one.score(batch)
        assert score.value > 0.1  # above the threshold that was put there
        assert not score.alarm
        assert score.pvalue > 0.01

    def test_the_same_seed_is_the_same_answer_whatever_came_before(self, reference, rng):
        batch = normal(rng, 30)
        again = Reference(reference.sample)
        again.score(normal(rng, 20))
        assert again.score(batch) == reference.score(batch) == reference.score(torch.as_tensor(batch))
        assert Reference(reference.sample, seed=1).score(batch) != reference.score(batch)

    def test_reads_like_a_sentence_and_fits_json(self, reference, rng):
        score = reference.score(normal(rng, 50, shift=2))
        first = score.parts[0]
        head = f"batch of 50 against 350 reference rows: drift; energy {first.value:.4g} (alarm above "
        assert repr(score).startswith(f"{head}{first.threshold:.4g}), radial ")
        assert repr(score).endswith(f"p = {score.pvalue:.4g}, 0.01 false alarms a batch")
        assert json.loads(json.dumps(score.to_dict()))["alarm"] is True
        assert (
            repr(reference)
            == "reference of 400 rows, 3 coordinates; by energy and radial, 0.01 false alarms a batch"
        )
        with pytest.raises(dataclasses.FrozenInstanceError):
            score.alarm = False

    def test_a_batch_in_order_is_pointed_out(self, reference, rng):
        walk = normal(rng, 100).cumsum(axis=0)
        assert "Rows of the batch depend on the rows before them" in reference.score(walk).message

    def test_constant_rows_are_no_alarm_until_they_change(self):
        one = Reference(np.ones(100))
        assert not one.score(np.ones(10)).alarm
        assert one.score(np.full(10, 2.0)).alarm


class TestEvidence:
    def test_every_bet_is_fair(self):
        """The mean of the capital after uniform p-values is what it was: by quadrature in p = u**20."""
        u = (np.arange(400_000) + 0.5) / 400_000
        weights = 20 * u**19 / len(u)
        for held in (Capital(), Capital().after(0.01), Capital().after(0.5).after(0.9)):
            mean = sum(
                weights @ ((part + 1 / (t := held.bets + 1) / (t + 1)) * k * (u**20) ** (k - 1))
                for part, k in zip(held.staked, POWERS, strict=True)
            ) / len(POWERS) + 1 / (held.bets + 2)
            assert mean == pytest.approx(held.value, rel=1e-3)
            p = 0.03
            after = [
                (s + 1 / t / (t + 1)) * k * p ** (k - 1) for s, k in zip(held.staked, POWERS, strict=True)
            ]
            assert held.after(p).value == pytest.approx(np.mean(after) + 1 / (t + 1))
        assert Capital().value == 1

    def test_waiting_costs_little(self):
        held = Capital()
        for p in np.random.default_rng(0).random(300):
            held = held.after(p)
        assert held.value > 1e-3
        for _ in range(8):
            held = held.after(0.005)
        assert held.value > 100

    def test_it_does_not_overflow(self):
        held = Capital()
        for _ in range(300):
            held = held.after(1e-12)
        assert np.isfinite(held.value)


def watches(streams, batches, draw, n=80, m=16):
    """Share of streams that ever alarmed, and the ranks that they bet on."""
    alarms, ranks = 0, []
    usual = Capital.after

    def after(self, pvalue):
        ranks.append(pvalue)
        return usual(self, pvalue)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Capital, "after", after)
        alarms = sum(_watched(k, batches, draw, n, m) for k in range(streams))
    return alarms / streams, np.array(ranks)


def _watched(k, batches, draw, n, m):
    rng = np.random.default_rng([k, 8])
    watch = Watch(Reference(draw(rng, n), seed=k), false_alarms=0.1)
    for _ in range(batches):
        watch = watch.after(draw(rng, m))
    return watch.alarm


class TestWatch:
    def test_it_seldom_alarms_ever_where_nothing_changes(self):
        ever, ranks = watches(30, 12, normal)
        assert ever <= 0.2  # 0.1 and two standard errors; 0.03 found
        assert stats.kstest(ranks, "uniform").pvalue > 1e-3  # of 360
        assert abs(np.corrcoef(ranks[:-1], ranks[1:])[0, 1]) < 0.16  # three standard errors

    def test_ranks_among_ties_are_uniform_too(self):
        _, ranks = watches(10, 12, lambda rng, n: rng.integers(0, 2, n) * 1.0)
        assert stats.kstest(ranks, "uniform").pvalue > 1e-3

    @pytest.mark.slow
    def test_so_it_does_over_10000_batches(self):
        ever, ranks = watches(250, 40, lambda rng, n: rng.standard_t(3, n))
        assert ever <= 0.12
        assert stats.kstest(ranks, "uniform").pvalue > 1e-3
        assert np.mean(ranks <= 0.05) == pytest.approx(0.05, abs=0.01)

    def test_a_shift_is_found_within_batches_also_after_waiting(self):
        for calm in (0, 15):
            rng = np.random.default_rng(calm)
            watch = Watch(Reference(normal(rng, 400)))
            for _ in range(calm):
                watch = watch.after(normal(rng, 40))
            assert not watch.alarm
            for _ in range(6):
                watch = watch.after(normal(rng, 40, shift=0.8))
            assert watch.alarm
            assert repr(watch).startswith(f"{calm + 6} batches: ALARM; evidence ")
            assert watch.evidence >= watch.threshold == 100

    def test_what_came_before_joins_the_reference_up_to_a_limit(self, reference, monkeypatch, rng):
        monkeypatch.setattr("wdist.inference.watch.MOST_ROWS", 430)
        sizes = []
        watch = Watch(reference)
        for _ in range(3):
            watch = watch.after(normal(rng, 20))
            sizes.append(len(watch.pool))
        assert sizes == [420, 430, 430]
        monkeypatch.setattr("wdist.inference.watch.MOST_ROWS", 210)
        newest = normal(rng, 20)
        held = np.isin(Watch(reference).after(newest).pool[:, 0].numpy(), newest[:, 0])
        assert len(held) == 210
        assert 3 <= held.sum() <= 17  # of all rows a random half

    def test_an_alarm_stays_one(self, reference, rng):
        watch = Watch(reference, peak=200.0).after(normal(rng, 20))
        assert watch.alarm
        assert watch.peak == 200
        assert "(200 at its highest)" in repr(watch)
        assert json.loads(json.dumps(watch.to_dict()))["alarm"] is True


class TestFiles:
    def test_both_go_on_to_the_bit(self, reference, tmp_path, rng):
        batches = [normal(rng, 20) for _ in range(3)]
        reference.save(tmp_path / "reference")
        assert Reference.load(tmp_path / "reference").score(batches[0]) == reference.score(batches[0])
        watch = Watch(reference, false_alarms=0.001).after(batches[0])
        watch.save(tmp_path / "watch")
        there = Watch.load(tmp_path / "watch")
        for batch in batches[1:]:
            watch, there = watch.after(batch), there.after(batch)
        assert there.to_dict() == watch.to_dict()

    def test_a_file_is_written_whole_or_not_at_all(self, reference, tmp_path, monkeypatch):
        path = tmp_path / "reference"
        reference.save(path)
        before = path.read_bytes()

        def breaks(part, *_):
            part.write_bytes(b"half")
            raise OSError("disk full")

        monkeypatch.setattr("wdist.inference.keeping.write_tensors", breaks)
        with pytest.raises(wdist.InputError, match=r"cannot be written \(disk full\); choose another"):
            reference.save(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_columns_and_numpys_numbers_are_kept(self, tmp_path, rng):
        frame = pd.DataFrame(normal(rng, 100), columns=list("uvw"))
        one = Reference(frame, false_alarms=np.float32(0.125), seed=np.int64(3))
        one.save(tmp_path / "r")
        Watch(one, np.float32(0.25)).after(frame[:9]).save(tmp_path / "w")
        there = Reference.load(tmp_path / "r"), Watch.load(tmp_path / "w").reference, one
        for each in there:
            with pytest.raises(
                wdist.InputError, match=r"reference has the columns u, v, w and batch the same in anot"
            ):
                each.score(frame[:9][["v", "u", "w"]])
            assert each.score(frame[:9]) == one.score(frame[:9].to_numpy())

    def test_other_files_are_refused(self, reference, tmp_path):
        path = tmp_path / "x"
        reference.save(path)
        with pytest.raises(
            wdist.InputError, match=r"x holds a reference, not a watch; .*wdist.Reference.load"
        ):
            Watch.load(path)
        path.write_bytes(b"nothing")
        with pytest.raises(wdist.InputError, match="x is no reference that wdist saved"):
            Reference.load(path)
        with pytest.raises(wdist.InputError, match="y is no reference that wdist saved"):
            Reference.load(tmp_path / "y")


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (np.zeros((10, 2)), "reference has 3 coordinates a point and batch has 2"),
        (np.full((10, 3), np.nan), "batch .*row 0"),
        (np.zeros((4, 3)), "batch has 4 rows; pass at least 5"),
        (np.zeros((101, 3)), "batch has 101 rows and the reference 400; it must hold 4 batches: .*at most 100 rows"),
        (wdist.truth.scaling(3, 2.0).a, "batch is a source that draws; draw from it first"),
    ],
)  # fmt: skip
def test_batches_are_refused(reference, batch, text):
    for call in (reference.score, Watch(reference).after):
        with pytest.raises(wdist.InputError, match=text):
            call(batch)


@pytest.mark.parametrize(
    ("sample", "options", "text"),
    [
        (np.zeros(39), {}, "sample has 39 rows; a reference needs at least 40"),
        (np.full(50, np.inf), {}, "sample .*row 0"),
        (np.sin(np.arange(300) / 10), {}, "rows of sample depend on the rows before them .rank correlation 0.9"),
        (np.zeros(50), {"false_alarms": 0}, "false_alarms is 0; pass a rate between 0.0001 and 0.5"),
        (np.zeros(50), {"false_alarms": True}, "false_alarms is True"),
        (np.zeros(50), {"seed": None}, "seed is None; pass an int of at least 0"),
        (np.zeros(50), {"statistic": np.mean}, "statistic is a function; a reference takes them by name"),
        (np.zeros(50), {"statistic": "w"}, "statistic is 'w'; choose auto"),
        (wdist.truth.scaling(3, 2.0).a, {}, "sample is a source that draws; a reference is fixed"),
    ],
)  # fmt: skip
def test_references_are_refused(sample, options, text):
    with pytest.raises(wdist.InputError, match=text):
        Reference(sample, **options)


def test_a_watch_is_of_a_reference():
    with pytest.raises(wdist.InputError, match=r"reference is a list; pass a wdist\.Reference"):
        Watch([1.0])
    with pytest.raises(wdist.InputError, match="false_alarms is 2"):
        Watch(Reference(np.zeros(50)), false_alarms=2)
