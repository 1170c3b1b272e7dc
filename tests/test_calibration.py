"""Kappa: curves and cards against trials whose kappa is known by hand, and the way through real fits."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import wdist
from wdist import Calibrated, Calibration, Clip, Critic, GradientPenalty, InputError
from wdist.calibration.curve import Curve
from wdist.calibration.families import families
from wdist.calibration.fingerprint import fingerprint
from wdist.calibration.reading import Reading, read
from wdist.calibration.trials import DONE, Trial
from wdist.cli import app
from wdist.question import ask
from wdist.rng import as_rng
from wdist.truth import axis, translation

QUICK = Critic(Clip(0.1), wdist.MLP((8,)), steps=30, batch=32, lr=0.02)
SHIFTS = {"axis": [translation(t * axis(2)) for t in (0.5, 1.0, 1.5)]}
WS = (0.5, 1.0, 2.0, 4.0)


def made(kappas, noise=0.0, per="raw", dim=2, longer=1.0, replicates=4, slope=0.5, method=QUICK):
    """A card of trials that read kappa(w)·w, up to alternate noise; `longer` is what twice the steps multiply it by."""
    trials = []
    for family, kappa in kappas.items():
        for level, w in enumerate(WS):
            for k in range(replicates):
                raw = w * kappa(w) * (1 + noise * (-1) ** k)
                trials.append(
                    Trial(family, f"{family} {w}", level, k, 30, w, Reading(raw, slope, None, raw, 1.0))
                )
        one = Reading(2 * kappa(2) * longer * (1 + noise), slope, None, 1.0, 1.0)
        trials.append(Trial(family, f"{family} 2", 2, 0, 60, 2.0, one))
    return Calibration(fingerprint(method, dim), per, tuple(trials))


FOUR = {"a": lambda w: 2.0, "b": lambda w: 2.2, "c": lambda w: 1.8, "d": lambda w: 2.0}


class TestCurve:
    @pytest.mark.parametrize("w", [0.1, 0.5, 0.7, 1.3, 4.0, 9.0])
    def test_solving_undoes_reading_within_the_knots_and_beyond(self, w):
        curve = Curve.through([math.log(x) for x in WS], [math.log(3 + x / 10) for x in WS])
        assert curve.solve(math.exp(curve.at(w)) * w) == pytest.approx(w, rel=1e-9)

    def test_beyond_its_ends_kappa_stays(self):
        curve = Curve.through([0.0, 1.0], [0.5, 0.7])
        assert (curve.at(0.01), curve.at(100.0)) == pytest.approx((0.5, 0.7), abs=1e-8)

    def test_a_larger_kappa_reads_as_a_smaller_distance(self):
        curve = Curve.through([0.0, 1.0], [0.5, 0.7])
        assert curve.solve(2.0, 0.1) < curve.solve(2.0) < curve.solve(2.0, -0.1)

    def test_a_reading_that_would_fall_is_made_to_rise(self):
        curve = Curve.through([0.0, 1.0, 2.0], [0.0, -3.0, 0.0])  # readings 1, e^-2, e^2
        assert np.all(np.diff(np.add(curve.log_w, curve.log_k)) > 0)
        assert curve.log_k[0] == pytest.approx(-1.0)  # the mean of log readings 0 and -2

    def test_nothing_read_is_no_distance(self):
        assert Curve((0.0,), (0.0,)).solve(-1.0) == 0.0


class TestCard:
    def test_kappa_within_a_family_follows_its_curve(self):
        card = made({"a": lambda w: 1 + w / 20})
        for w in WS:
            assert float(card.kappa(w, "a")) == pytest.approx(1 + w / 20, rel=1e-8)

    def test_the_range_within_a_family_is_student_s(self):
        card = made({"a": lambda w: 2.0}, noise=0.05)
        logs = np.log([1.05, 0.95, 1.05, 0.95] * 4)
        s = math.sqrt(((logs - logs.mean()) ** 2).sum() / 12)
        kappa = card.kappa(1.0, "a", confidence=0.9)
        # 16 fits, 4 knots: t of 12 degrees of freedom at 95 % is 1.7823
        assert math.log(kappa.high / kappa.value) == pytest.approx(1.78229 * s * math.sqrt(1.25), rel=1e-4)
        assert kappa.value / kappa.low == pytest.approx(kappa.high / kappa.value)

    def test_a_new_family_is_one_more_draw_of_families(self):
        card = made(FOUR)
        logs = np.log([2.0, 2.2, 1.8, 2.0])
        s = np.std(logs, ddof=1)
        kappa = card.kappa(1.0)
        assert math.log(kappa.value) == pytest.approx(logs.mean(), abs=1e-8)
        assert math.log(kappa.high / kappa.value) == pytest.approx(
            2.35336 * s * math.sqrt(1 + 1 / 4), rel=1e-4
        )

    def test_spread_is_the_error_of_w1_in_the_family_left_out(self):
        card = made(FOUR)
        logs = np.log([2.0, 2.2, 1.8, 2.0])
        errors = [math.exp(k - np.delete(logs, i).mean()) - 1 for i, k in enumerate(logs)]
        assert card.spread == pytest.approx(math.sqrt(np.mean(np.square(errors))), rel=1e-6)

    def test_held_out_amounts_are_not_seen(self):
        bent = made({"a": lambda w: 2.0 if w != 1.0 else 3.0})
        errors = bent.model.errors("a", left_out=False)
        assert max(errors) > 0.3  # the curve through the other amounts cannot know of the bend

    def test_by_another_divisor_no_fit_is_repeated(self):
        card = made(FOUR, slope=0.5)
        assert float(card.by("slope").kappa(1.0)) == pytest.approx(2 * float(card.kappa(1.0)))
        with pytest.raises(InputError, match="nothing is proved of the slope"):
            card.by("certificate")
        with pytest.raises(InputError, match="choose one of raw, slope, certificate"):
            card.by("luck")

    @pytest.mark.parametrize(("longer", "settled"), [(1.0, True), (1.01, True), (1.05, False), (0.9, False)])
    def test_twice_the_steps_tell_whether_it_has_settled(self, longer, settled):
        card = made(FOUR, longer=longer)
        assert card.budget_effect == pytest.approx(longer - 1, abs=1e-9)
        assert card.settled is settled
        assert ("has not settled" in card.verdict) is not settled

    def test_the_verdict_promises_and_refuses(self):
        close, far = made(FOUR, noise=0.01).verdict, made(FOUR | {"e": lambda w: 9.0}, noise=0.01).verdict
        assert "Usable for a family that it has not seen" in close
        assert "Not usable for a family that it has not seen" in far
        assert "a factor of" in far

    def test_refusals_say_what_would_help(self):
        card = made(FOUR)
        with pytest.raises(InputError, match=r"w is 9.*calibrated from 0\.5 to 4.*scale=\(low, high\)"):
            card.kappa(9.0)
        with pytest.raises(InputError, match="family is 'z'; the card has a, b, c, d"):
            card.kappa(1.0, "z")
        with pytest.raises(InputError, match="1 families, too few to speak of others; name one"):
            made({"a": lambda w: 2.0}).kappa(1.0)
        with pytest.raises(InputError, match="no trial read anything above zero"):
            made({"a": lambda w: -1.0})

    def test_it_comes_back_from_disk(self, tmp_path):
        card = made(FOUR, noise=0.02)
        card.save(tmp_path / "card")
        assert sorted(p.name for p in (tmp_path / "card").iterdir()) == ["card.json", "card.md", "card.png"]
        again = Calibration.load(tmp_path / "card")
        assert again.to_markdown() == card.to_markdown()
        assert again.trials == card.trials
        card.save(tmp_path / "one.json")
        assert Calibration.load(tmp_path / "one.json").kappa(1.0) == card.kappa(1.0)
        with pytest.raises(InputError, match="is no card that wdist saved"):
            Calibration.load(tmp_path)
        text = json.loads((tmp_path / "one.json").read_text())
        (tmp_path / "new.json").write_text(json.dumps({**text, "format": 99}))
        with pytest.raises(InputError, match="has format 99"):
            Calibration.load(tmp_path / "new.json")

    def test_the_figure_has_a_line_for_each_family(self):
        ax = made(FOUR).plot()
        assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a new family, 90 %", *FOUR]

    @pytest.mark.parametrize("name", Calibration.shipped())
    def test_shipped_cards_speak(self, name):
        card = Calibration.load(name)
        assert card.kappa(1.0).low < card.kappa(1.0).value < card.kappa(1.0).high


class TestFamilies:
    @pytest.mark.parametrize("dim", [1, 2, 5, 16])
    def test_members_are_as_far_as_asked(self, dim):
        for name, family in families(dim).items():
            case = family(0.5, 1)
            x, y = (side.draw(20_000, torch.Generator().manual_seed(3)) for side in (case.a, case.b))
            centre = (x.mean(0) + y.mean(0)) / 2
            rms = math.sqrt(float(torch.cat([x - centre, y - centre]).square().sum(1).mean()))
            if name == "funnels":  # these are told by the share of their depth alone
                assert 0.1 < case.w[1] / rms < 0.7
            else:
                assert case.w[1] / rms == pytest.approx(0.5, rel=0.03), name

    def test_members_of_chance_differ(self):
        drawn = [
            families(2)[name](0.5, k) for name in ("random", "gaussian", "points", "funnels") for k in (0, 1)
        ]
        assert len({case.name for case in drawn if "funnels" not in case.name}) == 6


@pytest.fixture(scope="module")
def card():
    return wdist.calibrate(QUICK, SHIFTS, replicates=2)


class TestCalibrate:
    def test_trials_hold_the_truth_in_standardised_units(self, card):
        for trial in card.trials:
            assert trial.w * trial.said.scale == pytest.approx((0.5, 1.0, 1.5)[trial.level], rel=1e-12)
        assert len({trial.said.raw for trial in card.trials}) == len(card.trials)  # seeds and draws apart

    def test_it_goes_on_where_it_stopped_to_the_same_card(self, card, tmp_path):
        seen = []
        whole = wdist.calibrate(QUICK, SHIFTS, replicates=2, path=tmp_path)
        assert whole.trials == card.trials
        lines = (tmp_path / DONE).read_text().splitlines(keepends=True)
        (tmp_path / DONE).write_text("".join(lines[:4]) + lines[4][:20])  # cut off while it wrote
        again = wdist.calibrate(
            QUICK, SHIFTS, replicates=2, path=tmp_path, progress=lambda *at: seen.append(at)
        )
        assert again.trials == card.trials
        assert seen[0] == (3, 8)
        assert seen[-1] == (8, 8)
        with pytest.raises(InputError, match="was begun with another method"):
            wdist.calibrate(QUICK, SHIFTS, replicates=2, path=tmp_path, steps=31)

    @pytest.mark.parametrize(
        ("call", "text"),
        [
            (lambda: wdist.calibrate(wdist.Line()), "only a critic has a kappa"),
            (lambda: wdist.calibrate(Critic(budget=3)), "limited by steps"),
            (lambda: wdist.calibrate(QUICK, SHIFTS, dim=3), "has 2 coordinates, and dim is 3"),
            (lambda: wdist.calibrate(QUICK, SHIFTS, scale=(1, 2)), "drop one"),
            (lambda: wdist.calibrate(QUICK, scale=(1, 5)), "at most 2.76 in 2 dimensions"),
            (lambda: wdist.calibrate(QUICK, [1]), "pass a dict"),
            (lambda: wdist.calibrate(QUICK, {"a": []}), "at least one of them"),
            (lambda: wdist.calibrate(QUICK, replicates=1), "replicates is 1"),
            (
                lambda: wdist.calibrate(QUICK, {"g": [wdist.truth.rotated_gaussians(2)]}),
                "has no W1 above 0 in its w",
            ),
        ],
    )
    def test_what_cannot_be_calibrated_is_refused(self, call, text):
        with pytest.raises(InputError, match=text):
            call()

    def test_the_slope_of_a_linear_critic_is_its_slope(self):
        """A penalised critic of a shift is nearly linear, so raw = slope·W1 whatever the slope is."""
        case = translation(axis(2))
        rng = as_rng(1)
        question = ask(case.a, case.b, rng=rng)
        method = Critic(GradientPenalty(2.0), wdist.MLP((32,)), steps=300)
        said = read(method.estimate(question, rng), question, rng)
        assert said.raw / said.slope == pytest.approx(1 / said.scale, rel=0.05)
        assert said.slope == pytest.approx(1 + 1 / said.scale / 4, rel=0.05)  # g − 1 = W/(2λ)


class TestCalibrated:
    def test_it_refuses_another_critic(self, card):
        with pytest.raises(InputError, match=r"another critic: steps \(the card: 30; the method: 31\)"):
            Calibrated(dataclasses.replace(QUICK, steps=31), card)
        with pytest.raises(InputError, match="constraint"):
            Calibrated(dataclasses.replace(QUICK, constraint=Clip(0.2)), card)
        with pytest.raises(InputError, match="too few to speak of others"):
            Calibrated(QUICK, card)
        with pytest.raises(InputError, match="card is a str"):
            Calibrated(QUICK, "card")

    def test_it_refuses_another_dimension(self, card):
        with pytest.raises(InputError, match=r"made in d = 2.*wdist.calibrate\(method, dim=3\)"):
            wdist.estimate(np.zeros((30, 3)), np.ones((30, 3)), method=Calibrated(QUICK, card, "axis"))

    def test_it_reads_what_it_was_calibrated_on(self, card):
        case = translation(0.9 * axis(2))
        est = wdist.estimate(case.a, case.b, method=Calibrated(QUICK, card, "axis"), seed=8)
        assert est.value == pytest.approx(0.9, rel=0.3)  # eight units scatter from seed to seed
        assert est.interval.low < est.value < est.interval.high
        assert est.bound is wdist.Bound.NONE
        assert est.detail.inside
        assert est.detail.lower < est.detail.upper

    @pytest.mark.parametrize("unit", [1e-3, 1e3])
    def test_the_unit_of_the_data_is_the_unit_of_the_answer(self, card, rng, unit):
        a, b = rng.normal(size=(2, 90, 2))
        a[:, 0] += 1
        one, other = (wdist.estimate(u * a, u * b, method=Calibrated(QUICK, card, "axis")) for u in (1, unit))
        assert other.value == pytest.approx(unit * one.value, rel=1e-3)
        assert other.interval.high == pytest.approx(unit * one.interval.high, rel=1e-3)

    def test_twice_the_kappa_is_half_the_distance(self, rng):
        a, b = rng.normal(size=(2, 90, 2))
        a[:, 0] += 1
        once, twice = (
            wdist.estimate(a, b, method=Calibrated(QUICK, made({"a": lambda w, k=k: k}), "a")) for k in (3, 6)
        )
        assert once.value == pytest.approx(once.detail.critic.detail.raw / 3, rel=1e-6)
        assert once.value == pytest.approx(2 * twice.value, rel=1e-6)

    def test_a_wrong_card_is_caught_by_the_bracket(self, rng):
        a, b = rng.normal(size=(2, 90, 2))
        a[:, 0] += 1
        for kappa, said in ((1e-3, "FALLS ABOVE"), (1e3, "FALLS BELOW")):
            est = wdist.estimate(a, b, method=Calibrated(QUICK, made({"a": lambda w, k=kappa: k}), "a"))
            assert said in est.message
            assert not est.detail.lower <= est.value <= est.detail.upper
            assert "outside the 0.5 to 4 that were calibrated" in est.message

    def test_the_interval_grows_with_the_way_beyond(self, rng):
        a, b = rng.normal(size=(2, 90, 2))
        a[:, 0] += 1

        def bent(k):
            return made({"a": lambda w: k}, noise=0.01, per="slope", slope=1.0)

        inside, beyond = (wdist.estimate(a, b, method=Calibrated(QUICK, bent(k), "a")) for k in (1.0, 1e3))
        wide = beyond.interval.high / beyond.value
        assert inside.detail.inside
        assert wide > 0.5 / beyond.detail.w  # by a factor of the way to the least w that was calibrated


class TestCommand:
    def test_it_makes_and_shows_a_card(self, tmp_path):
        made({**FOUR}).save(tmp_path / "card")
        shown = CliRunner().invoke(app, ["calibrate", "show", str(tmp_path / "card")])
        assert shown.exit_code == 0
        assert "Calibration of Clip(c=0.1), d = 2" in shown.stdout

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (["--constraint", "clop", "--out", "x"], "no such one; choose clip"),
            (["--constraint", "clip:a", "--out", "x"], "takes no 'a'"),
            (["--net", "8,b", "--out", "x"], "units of each hidden layer"),
            ([], "pass --out card/"),
        ],
    )
    def test_wrong_options_are_refused(self, options, text):
        result = CliRunner().invoke(app, ["calibrate", *options])
        assert result.exit_code == 2
        assert text in " ".join(result.stderr.split())
