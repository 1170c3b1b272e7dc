"""Kappa: the curve and its interval on made-up trials, the call on tiny critics, and a critic read by its card."""

import dataclasses
import importlib
import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import parallel_config

import wdist
from benchmarks.cards import RECIPES
from wdist.calibration.curve import Curve
from wdist.calibration.families import families
from wdist.calibration.model import Model, Point
from wdist.calibration.reading import Reading
from wdist.calibration.trials import DONE, Trial

METHOD = wdist.Critic(wdist.Clip(0.1), wdist.MLP((16,)), steps=120, batch=64)
THETAS = (0.25, 0.5, 1.0, 2.0)
LINE = {"line": [wdist.truth.wgan_example(theta) for theta in THETAS]}


@pytest.fixture(scope="module")
def card():
    return wdist.calibrate(METHOD, LINE, replicates=2)


def made_up(kappas, noise=0.0, seed=0, ws=(0.2, 0.5, 1.0, 2.0), replicates=3):
    """Points of families whose kappa is constant but for noise in its logarithm."""
    g = np.random.default_rng(seed)
    return {
        family: [
            Point(level, w, w * kappa * math.exp(noise * g.standard_normal()))
            for level, w in enumerate(ws)
            for _ in range(replicates)
        ]
        for family, kappa in kappas.items()
    }


def with_trials(card, readings, longer=None):
    """The card with trials of one's own: {family: {w: reading}}, and readings at twice the steps."""
    trials = []
    for steps, told in ((card.steps, readings), (2 * card.steps, longer or {})):
        for family, row in told.items():
            trials += [
                Trial(family, family, level, which, steps, w, Reading(r, 1.0, None, r, 1.0))
                for level, (w, r) in enumerate(row.items())
                for which in range(2)
            ]
    return dataclasses.replace(card, trials=tuple(trials))


class TestCurve:
    def test_it_passes_through_its_knots_and_is_straight_in_logarithms(self):
        curve = Curve.through([math.log(0.5), math.log(2.0)], [math.log(3.0), math.log(12.0)])
        assert math.exp(curve.at(0.5)) == pytest.approx(3.0)
        assert math.exp(curve.at(1.0)) == pytest.approx(6.0)
        assert math.exp(curve.at(8.0)) == pytest.approx(12.0)
        assert curve.reach == pytest.approx((0.5, 2.0))

    @pytest.mark.parametrize("w", [0.01, 0.5, 0.9, 1.7, 2.0, 50.0])
    @pytest.mark.parametrize("shift", [0.0, 0.4, -0.3])
    def test_solve_is_the_inverse_of_reading(self, w, shift):
        curve = Curve.through(np.log([0.5, 1.0, 2.0]), np.log([3.0, 2.0, 2.5]))
        assert curve.solve(w * math.exp(curve.at(w) + shift), shift) == pytest.approx(w, rel=1e-7)

    def test_a_reading_that_falls_is_levelled_so_that_it_can_be_read_backwards(self):
        curve = Curve.through(np.log([1.0, 2.0, 4.0]), np.log([4.0, 1.0, 1.0]))  # readings 4, 2, 4
        readings = np.exp(np.add(curve.log_w, curve.log_k))
        assert readings[0] == pytest.approx(math.sqrt(8))
        assert (np.diff(readings) > 0).all()
        assert curve.solve(0.0) == 0.0


class TestModel:
    def test_families_that_agree_have_no_spread_and_one_that_departs_has_its_own(self):
        same = Model(made_up({"p": 2.0, "q": 2.0, "r": 2.0}))
        assert same.spread == pytest.approx(0, abs=1e-7)
        apart = Model(made_up({"p": 2.0, "q": 2.0, "r": 4.0}))
        # r against the others' 2 reads twice too much; each of the others sees the geometric mean √8
        assert apart.errors("r", left_out=True) == pytest.approx([1.0] * 12)
        assert apart.errors("p", left_out=True) == pytest.approx([2 / math.sqrt(8) - 1] * 12)
        assert apart.errors("r", left_out=False) == pytest.approx([0.0] * 6, abs=1e-7)

    def test_a_parameter_is_held_out_of_its_own_curve(self):
        readings = {0.5: 0.5, 1.0: 1.5, 2.0: 2.0}  # kappa 1, 1.5, 1: without the middle one, 1 throughout
        points = [Point(level, w, r) for level, (w, r) in enumerate(readings.items())]
        assert Model({"p": points}).errors("p", left_out=False) == pytest.approx([0.5])

    def test_the_interval_for_a_new_family_covers_as_often_as_it_says(self):
        g, covered = np.random.default_rng(1), []
        for trial in range(100):
            *seen, new = np.exp(0.3 * g.standard_normal(7))
            model = Model(
                made_up(dict(zip("pqrstu", seen, strict=True)), seed=trial, ws=(0.5, 1.5), replicates=1)
            )
            reach = model.half_width(None, 0.8)
            covered.append(abs(math.log(new) - model.curve(None).at(1.0)) <= reach)
        assert 0.72 < np.mean(covered) < 0.9

    def test_the_interval_within_a_family_covers_one_more_fit(self):
        g, covered = np.random.default_rng(2), []
        for trial in range(100):
            model = Model(made_up({"p": 2.0}, noise=0.2, seed=trial))
            new = math.log(2.0) + 0.2 * g.standard_normal()
            covered.append(abs(new - model.curve("p").at(1.0)) <= model.half_width("p", 0.8))
        assert 0.72 < np.mean(covered) < 0.9

    def test_without_replicates_nothing_is_known_of_scatter(self):
        assert Model(made_up({"p": 2.0}, replicates=1)).half_width("p", 0.9) == math.inf


class TestFamilies:
    @pytest.mark.parametrize("dim", [1, 2, 5])
    def test_the_amount_is_w1_over_the_root_mean_square_distance(self, dim):
        rng = torch.Generator().manual_seed(0)
        for name, family in families(dim).items():
            case = family(0.5, 1)
            x, y = (side.draw(20_000, rng) for side in (case.a, case.b))
            scaled = wdist.critic.potential.Scaling.of(x, y)
            found = case.w[1] / scaled.scale / math.sqrt(dim)
            # funnels go as far in their own unit, which the cube is not
            assert found == pytest.approx(0.5, rel=0.03) or name == "funnels"
            assert case.dim == dim

    def test_what_cannot_go_as_far_goes_its_farthest(self):
        scaling = families(2)["scaling"]
        assert scaling(1.5, 0).name == scaling(1.9, 0).name

    def test_the_number_picks_what_is_random(self):
        for name in ("gaussian", "points", "funnels", "random", "subspace"):
            drawn = [families(2)[name](0.5, k).a.draw(5, torch.Generator().manual_seed(0)) for k in (0, 0, 1)]
            assert torch.equal(drawn[0], drawn[1])
            assert not torch.equal(drawn[0], drawn[2])


class TestCalibrate:
    def test_it_tries_every_case_as_often_as_asked_and_one_for_longer(self, card):
        assert len(card.trials) == len(THETAS) * 2 + 1
        assert [t.steps for t in card.trials].count(240) == 1
        assert {t.case for t in card.trials} == {case.name for case in LINE["line"]}
        by_case = {t.case: t.w for t in card.trials}
        # in standardised units the spread of both laws, 1/12 and θ²/4, is 1 a coordinate
        for theta, case in zip(THETAS, LINE["line"], strict=True):
            assert by_case[case.name] == pytest.approx(
                theta / math.sqrt((1 / 12 + theta**2 / 4) / 2), rel=0.02
            )
        assert card.fingerprint["steps"] == "120"
        assert card.per == "slope"

    def test_one_seed_is_one_card_by_any_number_of_workers_and_after_a_stop(self, tmp_path):
        quick, two = dataclasses.replace(METHOD, steps=20), {"line": LINE["line"][:2]}
        seen = []
        whole = wdist.calibrate(quick, two, replicates=2, progress=lambda *done: seen.append(done))
        assert seen == [(k, 5) for k in range(6)]
        with parallel_config(backend="threading"):
            assert wdist.calibrate(quick, two, replicates=2, workers=2).trials == whole.trials
        assert wdist.calibrate(quick, two, replicates=2, seed=1).trials != whole.trials

        def stop(done, total):
            if done == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            wdist.calibrate(quick, two, replicates=2, folder=tmp_path, progress=stop)
        path = tmp_path / DONE
        assert len(path.read_text().splitlines()) == 4
        path.write_text(path.read_text()[:-9])  # as a crash leaves the last line
        seen.clear()
        again = wdist.calibrate(
            quick, two, replicates=2, folder=tmp_path, progress=lambda *done: seen.append(done)
        )
        assert seen == [(2, 5), (3, 5), (4, 5), (5, 5)]
        assert again.trials == whole.trials
        with pytest.raises(wdist.InputError, match="begun with another method, seed or version of wdist"):
            wdist.calibrate(quick, two, replicates=2, folder=tmp_path, seed=1)

    @pytest.mark.slow
    def test_processes_give_the_same_card(self):
        quick = dataclasses.replace(METHOD, steps=20)
        one, two = (wdist.calibrate(quick, LINE, replicates=2, workers=workers) for workers in (1, 2))
        assert one == two

    def test_levels_are_amounts_over_the_scale(self, monkeypatch):
        asked = []
        module = importlib.import_module("wdist.calibration.calibrate")  # the function of that name hides it
        monkeypatch.setattr(module, "run_trials", lambda wanted, *rest: asked.extend(wanted) or [])
        for levels in (2, 5):
            asked.clear()
            with pytest.raises(wdist.InputError, match="no trial read anything"):  # as none was run
                wdist.calibrate(METHOD, dim=1, scale=(0.3, 1.2), levels=levels, replicates=3)
            axis = [one for one in asked if one.family == "axis" and one.steps == METHOD.steps]
            assert len(axis) == 3 * levels
            amounts = [one.case.w[1] / math.sqrt(1 + one.case.w[1] ** 2 / 4) for one in axis[:levels]]
            assert amounts == pytest.approx(np.geomspace(0.3, 1.2, levels))
            twice = [one for one in asked if one.steps == 2 * METHOD.steps]
            assert len(twice) == len({one.family for one in asked})

    def test_a_card_knows_what_its_fits_took(self, card):
        assert all(trial.cpu > 0 for trial in card.trials)
        assert card.cpu == pytest.approx(sum(trial.cpu for trial in card.trials))
        assert f"{len(card.trials)} fits, seed 0, {card.cpu:.0f} s of CPU time" in card.to_markdown()
        dearer = dataclasses.replace(
            card, trials=tuple(dataclasses.replace(t, cpu=10.0) for t in card.trials)
        )
        assert dearer.cpu == 10 * len(card.trials)
        assert dearer == card  # the same card, made on a slower machine

    def test_cases_alone_are_a_family_each(self):
        quick = dataclasses.replace(METHOD, steps=10)
        found = wdist.calibrate(quick, LINE["line"][:2], replicates=2)
        assert found.families == tuple(case.name for case in LINE["line"][:2])

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"method": wdist.Line()}, "only a critic has a kappa"),
            ({"method": wdist.Critic(wdist.Clip(0.1), budget=3)}, "depends on the machine"),
            ({}, "dim is missing; pass the number of coordinates"),
            ({"dim": 0}, "dim is 0; pass an int of at least 1"),
            ({"dim": 2, "replicates": 1}, "replicates is 1; pass at least 2"),
            ({"dim": 2, "steps": 0}, "steps is 0"),
            ({"dim": 2, "levels": 1}, "levels is 1; pass at least 2: kappa is a curve"),
            ({"dim": 2, "seed": -1}, "seed is -1; pass a non-negative int"),
            ({"dim": 2, "scale": (2, 1)}, r"scale is \(2, 1\); pass \(low, high\)"),
            ({"dim": 2, "scale": 3}, "scale is 3; pass"),
            ({"dim": 2, "scale": (0.1, 3.0)}, "high < 2.828"),
            ({"cases": []}, "cases is empty"),
            ({"cases": {"line": []}}, "a family in it is"),
            ({"cases": [3]}, "cases holds 3; pass wdist.truth.Case"),
            ({"cases": LINE, "dim": 3}, "has 2 coordinates and others have 3"),
            ({"cases": {"line": LINE["line"][:1] * 2}}, "two cases of one name"),
            ({"cases": [dataclasses.replace(LINE["line"][0], w={2: 1.0})]}, "has no W1 above zero"),
        ],
    )
    def test_refusals(self, options, text):
        with pytest.raises(wdist.InputError, match=text):
            wdist.calibrate(**{"method": METHOD, **options})


class TestCard:
    RISING = {  # noqa: RUF012
        "p": {0.5: 1.0, 1.0: 2.0, 2.0: 4.0}, "q": {0.5: 1.1, 1.0: 2.2, 2.0: 4.4}, "r": {0.5: 0.9, 1.0: 1.8, 2.0: 3.6},
    }  # fmt: skip

    def test_kappa_is_reading_over_w1_with_a_range(self, card):
        made = with_trials(card, self.RISING)
        assert float(made.kappa(1.0, "q")) == pytest.approx(2.2)
        pooled = made.kappa(w=1.0)
        assert pooled.value == pytest.approx((2.0 * 2.2 * 1.8) ** (1 / 3))
        assert pooled.low < pooled.value < pooled.high
        assert made.kappa(1.0, confidence=0.99).high > pooled.high
        assert made.valid_range == pytest.approx((0.5, 2.0))

    def test_it_refuses_what_it_does_not_know(self, card):
        made = with_trials(card, self.RISING)
        with pytest.raises(
            wdist.InputError, match=r"w is 3.0, and most families were calibrated from 0.5 to 2"
        ):
            made.kappa(3.0)
        with pytest.raises(wdist.InputError, match="family is 'z'; the card has p, q, r"):
            made.kappa(1.0, "z")
        with pytest.raises(wdist.InputError, match="1 families, too few to speak of others"):
            card.kappa(1.0)
        with pytest.raises(wdist.InputError, match="per is 'x'; choose one of raw, slope"):
            card.by("x")
        with pytest.raises(wdist.InputError, match="no trial read anything above zero"):
            with_trials(card, {"p": {1.0: -0.5}})
        assert with_trials(card, {**self.RISING, "s": {1.0: -0.5}}).lost == 2

    def test_the_budget_counts_only_if_kappa_stays(self, card):
        stays = with_trials(card, self.RISING, longer={"p": {0.5: 1.01}, "q": {0.5: 1.1}})
        assert stays.budget_effect == pytest.approx(0.01)
        assert stays.settled
        assert float(stays.kappa(0.5, "p")) == pytest.approx(2.0)  # the longer fits have no part in kappa
        assert "Twice the 120 steps change kappa by at most 1.0% (2% is the limit)" in stays.verdict
        grows = with_trials(card, self.RISING, longer={"p": {0.5: 1.01}, "q": {0.5: 0.88}})
        assert grows.budget_effect == pytest.approx(-0.2)
        assert "Not converged: twice the 120 steps change kappa by up to -20.0%, over 2%" in grows.verdict
        beyond = with_trials(card, self.RISING, longer={"p": {0.5: 1.024}})
        assert "up to +2.4%, over 2%" in beyond.verdict
        assert "was not tried" in with_trials(card, self.RISING).verdict

    def test_the_verdict_says_for_what(self, card):
        made = with_trials(card, self.RISING)
        assert "p ±0.0%" in made.verdict
        assert (
            "for a family it has not seen (the worst left out, q, ±16.0%;"
            in made.verdict.split("not usable")[0]
        )
        wide = with_trials(card, {**self.RISING, "far": {0.5: 20.0, 1.0: 40.0, 2.0: 80.0}})
        assert wide.spread > 1
        assert "a family it has not seen" in wide.verdict.split("not usable")[1]
        assert f"(±{wide.spread:.1%}, over 25%)" in wide.verdict
        assert made.verdict.startswith(
            "usable (an error of at most 25%, root mean square), where the family is known"
        )
        bent = with_trials(card, {**self.RISING, "p": {0.5: 0.5, 1.0: 3.0, 2.0: 0.5}})
        assert re.search(r"not usable for p ±\d+\.\d% \(over 25%\); ", bent.verdict)
        assert "any other family (1 calibrated, 3 needed)" in card.verdict

    def test_the_page_has_every_family_and_setting(self, card):
        page = with_trials(card, self.RISING).to_markdown()
        for text in ("| p |", "| q |", "Clip(c=0.1)", "RMSprop, rate 0.0005", "torch ", "seed 0"):
            assert text in page

    def test_the_figure_has_a_curve_a_family(self, card):
        ax = with_trials(card, self.RISING).plot()
        assert [text.get_text() for text in ax.get_legend().get_texts()] == [
            "a new family, 90%",
            "p",
            "q",
            "r",
        ]
        assert card.plot(ax) is ax

    def test_it_comes_back_from_a_file_and_from_a_folder(self, card, tmp_path):
        for path in (tmp_path / "one.json", tmp_path / "folder"):
            card.save(path)
            assert wdist.Calibration.load(path) == card
        assert (tmp_path / "folder" / "card.md").read_text() == card.to_markdown()
        assert (tmp_path / "folder" / "card.png").stat().st_size > 1000
        kept = json.loads((tmp_path / "one.json").read_text())
        (tmp_path / "old.json").write_text(json.dumps({**kept, "format": 0}))
        (tmp_path / "no.json").write_text("{}")
        with pytest.raises(wdist.InputError, match="has format 0, and this version of wdist reads 1"):
            wdist.Calibration.load(tmp_path / "old.json")
        for name in ("no.json", "missing.json"):
            with pytest.raises(wdist.InputError, match=f"{name} is no card that wdist saved"):
                wdist.Calibration.load(tmp_path / name)

    def test_those_that_come_with_wdist_are_found_by_name_and_are_of_what_they_say(self):
        assert wdist.Calibration.shipped() == tuple(sorted(RECIPES))
        for name, (method, _) in RECIPES.items():
            shipped = wdist.Calibration.load(name)
            wdist.Calibrated(method, shipped)  # refuses another fingerprint
            assert shipped.dim == 2
            assert len(shipped.families) == 9
            assert shipped.cpu > 0

    @pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("clip")])
    def test_a_clipped_critic_over_its_own_slope_carries_farther_than_raw(self, name):
        shipped = wdist.Calibration.load(name)
        assert shipped.spread < 0.15 < shipped.by("raw").spread


class TestCalibrated:
    def test_it_recovers_a_parameter_that_was_held_out(self, card):
        solver = wdist.Calibrated(METHOD, card, family="line")
        for k, theta in enumerate((0.4, 0.8)):
            case = wdist.truth.wgan_example(theta)
            found = wdist.estimate(case.a, case.b, method=solver, seed=100 + k)
            assert found.value == pytest.approx(theta, rel=0.1)
            assert found.interval.low < found.value < found.interval.high
            assert (found.quantity, found.bound, found.method) == (
                "W1 (calibrated)",
                wdist.Bound.NONE,
                "calibrated",
            )
            assert found.detail.reading == pytest.approx(found.detail.kappa * found.detail.w)

    def test_the_unit_of_the_data_does_not_matter(self, card, rng):
        x, shift = rng.uniform(size=(400, 2)) * [0, 1], np.array([1.0, 0])
        solver = wdist.Calibrated(METHOD, card, family="line")
        one, thousand = (
            wdist.estimate(unit * (x + shift), unit * x, method=solver).value for unit in (1.0, 1000.0)
        )
        assert thousand == pytest.approx(1000 * one, rel=1e-3)

    @pytest.mark.parametrize(
        ("other", "text"),
        [
            (dataclasses.replace(METHOD, steps=121), r"steps \(the card: 120; the method: 121\)"),
            (dataclasses.replace(METHOD, constraint=wdist.Clip(0.2)), "constraint"),
            (dataclasses.replace(METHOD, net=wdist.MLP((17,))), "net"),
            (dataclasses.replace(METHOD, batch=65), "batch"),
            (dataclasses.replace(METHOD, lr=1e-3), "optimiser"),
        ],
    )
    def test_it_refuses_another_fingerprint(self, card, other, text):
        with pytest.raises(wdist.InputError, match=f"the card is of another method: {text}"):
            wdist.Calibrated(other, card, family="line")

    def test_it_refuses_other_dimensions_families_and_things(self, card):
        solver = wdist.Calibrated(METHOD, card, family="line")
        with pytest.raises(wdist.InputError, match="the card is for d = 2 and the data have d = 3"):
            wdist.estimate(np.zeros((30, 3)), np.ones((30, 3)), method=solver)
        with pytest.raises(wdist.InputError, match="a critic measures W1 only"):
            wdist.estimate(np.zeros((30, 2)), np.ones((30, 2)), p=2, method=solver)
        with pytest.raises(wdist.InputError, match="too few to speak of others"):
            wdist.Calibrated(METHOD, card)
        with pytest.raises(wdist.InputError, match="card is 3; pass what"):
            wdist.Calibrated(METHOD, 3)
        for name in ("certified-d2", Path("certified-d2")):
            with pytest.raises(
                wdist.InputError, match=r"pass the card itself, wdist.Calibration.load\('certified-d2'\)"
            ):
                wdist.Calibrated(METHOD, name)

    def test_beyond_the_range_it_warns_and_gives_no_interval(self, card):
        case = wdist.truth.wgan_example(0.02)
        solver = wdist.Calibrated(METHOD, card, family="line")
        with pytest.warns(wdist.WdistWarning, match="below what was calibrated"):
            found = wdist.estimate(case.a, case.b, method=solver)
        assert found.interval is None
        assert "extrapolation without an interval" in found.message

    def test_it_says_when_it_falls_outside_the_certified_bracket(self, card, rng):
        lying = (
            dataclasses.replace(  # a card whose kappa is ten times too small gives a W1 ten times too large
                card,
                trials=tuple(dataclasses.replace(t, w=10 * t.w) for t in card.trials),
            )
        )
        x, shift = rng.uniform(size=(200, 2)) * [0, 1], np.array([1.0, 0])
        with pytest.warns(wdist.WdistWarning, match="falls outside the certified bracket of the two samples"):
            found = wdist.estimate(x + shift, x, method=wdist.Calibrated(METHOD, lying, family="line"))
        assert found.detail.sample_lower <= 1.0 <= found.detail.sample_upper < found.value
        assert "trust the bracket" in found.message


def test_a_certified_critic_is_read_over_its_certificate_and_a_penalised_one_raw():
    small, case = {"net": wdist.MLP((8,), "maxmin"), "steps": 10, "batch": 32}, LINE["line"][:1]
    for constraint, per in ((wdist.Orthonormal(), "certificate"), (wdist.GradientPenalty(10.0), "raw")):
        found = wdist.calibrate(wdist.Critic(constraint, **small), case, replicates=2)
        assert found.per == per
        assert "The critic's own value, without the card" in found.to_markdown()
    for a, b in itertools.pairwise(wdist.calibrate(METHOD, case, replicates=2, steps=10).by("raw").trials):
        assert a.said.by("raw") == a.said.raw != b.said.raw


@pytest.mark.parametrize(
    ("w", "text"),
    [
        (-1.0, "w is -1.0; pass a W1"),
        (math.nan, "w is nan; pass a W1"),
        (2.5, r"calibrate with scale=\(low, high\) that holds it"),
        (5.0, r"no two laws are more than 2\.828 apart there, so the reading itself is wrong"),
    ],
)
def test_what_helps_beyond_a_card_is_what_can_be_done(w, text):
    with pytest.raises(wdist.InputError, match=text):
        wdist.Calibration.load("clip-0.1-relu-100x100-d2").kappa(w)


class TestTheCriticOfACard:
    @pytest.mark.parametrize("name", wdist.Calibration.shipped())
    def test_of_those_that_ship_it_is_the_one_that_was_calibrated(self, name):
        card = wdist.Calibration.load(name)
        assert card.critic() == dataclasses.replace(RECIPES[name][0], steps=card.steps)

    def test_of_one_that_was_made_here(self, card):
        assert card.critic() == METHOD
        wdist.Calibrated(card.critic(), card, family="line")

    @pytest.mark.parametrize(
        ("changed", "text"),
        [
            ({"net": "Own(width=3)"}, r"the card is of Own\(width=3\), which is none of wdist's own recipes"),
            ({"net": "__import__('os')"}, "which is none of wdist's own recipes; pass the critic that was"),
            ({"net": "MLP(widths=open('x'))"}, "which is none of wdist's own recipes"),
            ({"constraint": "a Clip"}, "the card is of a Clip, which is none"),
            ({"optimiser": "RMSprop, rate 0.1"}, "does not say all of its critic: optimiser"),
        ],
    )
    def test_what_it_cannot_build_is_refused(self, card, changed, text):
        other = dataclasses.replace(card, fingerprint={**card.fingerprint, **changed})
        with pytest.raises(wdist.InputError, match=text):
            other.critic()
