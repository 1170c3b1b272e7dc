"""`wdist gan evaluate` and `compare`: what their tables and their JSON have, and that no screen breaks a name."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from wdist import gan
from wdist.cli import app
from wdist.cli.gan.judging import Names, tables
from wdist.gan.folder import RunFolder, found_in
from wdist.gan.judging import judge_after
from wdist.gan.run import Pace, begin
from wdist.gan.sets import opened

SMALL = "--units 8 --batch 8 --n-critic 1"
CARD = "clip-0.1-relu-100x100-d2"


def cli(line, columns=80):
    return CliRunner().invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": str(columns)})


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    """Of a law fewer held-out points than by default, which are judged sooner."""
    monkeypatch.setattr("wdist.gan.splitting.HELD", 200)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs on sevens, on the ring and on the spiral, the last stopped on its way."""
    folder = tmp_path_factory.mktemp("runs")
    for data, name in (("mnist --classes 7", "seven"), ("ring", "ring"), ("ring", "ring-again")):
        result = cli(f"gan train --data {data} --steps 4 {SMALL} --log-every 1 --out {folder / name}")
        assert result.exit_code == 0, result.output
    config = gan.preset("wgan", gan.Data("swiss-roll"), batch=8, n_critic=1)
    for report in begin(RunFolder(folder / "roll"), config, pace=Pace(1, 0, 2)).train():
        if report.step == 3:
            break
    return folder


@pytest.fixture
def here(runs, monkeypatch):
    monkeypatch.chdir(runs)


def found(line):
    result = cli(f"gan {line} --json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("here")
class TestWhatIsSaid:
    def test_of_mnist_the_bundled_classifier_tells_classes_and_features(self):
        judged = found("evaluate seven")["seven"]
        assert list(judged["classes"]) == [str(digit) for digit in range(10)]
        assert judged["classes"]["7"]["due"] > 0.9
        assert judged["frechet"] > judged["frechet_floor"] > 0
        assert 1 <= judged["inception_real"] < 1.3
        shown = cli("gan evaluate seven").stdout
        for word in ("Fréchet", "(ours)", "inception", "stays in", "its class"):
            assert word in shown
        assert "FID" not in shown

    def test_without_it_they_are_those_of_the_data(self):
        judged = found("evaluate seven --no-classifier")["seven"]
        assert list(judged["classes"]) == ["7"]
        assert "frechet" not in judged

    def test_of_laws_in_the_plane_the_modes(self):
        judged = found("evaluate ring")["ring"]
        judge = judge_after(gan.Data("ring"))
        direct = judge(found_in(Path("ring")).generator)
        assert (judged["modes"], judged["good"]) == (direct.modes.covered, direct.good)
        assert "frechet" not in judged
        shown = cli("gan evaluate ring").stdout
        assert f"{direct.modes.covered}/8" in shown
        assert "within" in shown
        assert "imbalance" in shown
        assert "cluster" not in shown  # which are no classes, and have no table

    def test_a_run_on_its_way_says_of_which_step_it_is(self):
        result = cli("gan evaluate roll")
        assert "roll is not finished: the weights of step 2 of 2000" in result.stderr
        judged = found("evaluate roll")["roll"]
        assert judged["checkpoint"] == 2
        assert 0 <= judged["good"] <= 1
        assert "modes" not in judged
        rows = [row["critic"] for row in RunFolder(Path("roll")).rows()]
        assert judged["curve"] == pytest.approx(np.mean(rows[:2]))
        assert judged["quantity"] == "kappa*W1 (kappa unknown)"

    def test_a_certified_bound_and_a_card_stand_beside_the_curve(self, monkeypatch):
        import wdist

        few = wdist.Critic(net=wdist.MLP((16,), "abs"), steps=60, batch=64)
        monkeypatch.setattr(wdist, "Critic", lambda: few)
        result = cli(f"gan compare ring ring-again --critic --card {CARD}")
        assert result.exit_code == 0, result.output
        for word in ("its own", "laws at", "least", "W1 by", "card"):
            assert word in result.stdout
        judged = found(f"evaluate ring --critic --card {CARD}")["ring"]
        assert 0 < judged["critic_lower"] < judged["w1"]
        assert judged["calibrated_low"] < judged["calibrated"] < judged["calibrated_high"]
        assert abs(judged["calibrated"] / judged["debiased"] - 1) < 0.5
        assert judged["checkpoint"] is None

    def test_beyond_the_card_it_says_so(self, tmp_path):
        law = opened(gan.Data("ring")).held
        found = judge_after(gan.Data("ring"), calibrated=gan.judging.calibrated_by(CARD))(law)
        assert found.calibrated.interval is None
        names = Names.of({"r": found}, 80)
        (table, *_) = tables({"r": found}, names, {}, 200)
        assert "card\nfrom" not in [column.header for column in table.columns]

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("evaluate seven --card certified-d2", "the card is for d = 2 and the data have d = 784"),
            ("compare ring --card none", "none is no card that wdist saved"),
            ("evaluate ring --classifier", "the bundled classifier reads grey images of 28 by 28"),
        ],
    )
    def test_refusals(self, line, text):
        result = cli(f"gan {line}")
        assert result.exit_code == 2
        assert text in result.stderr

    def test_too_few_held_out_points_are_refused_with_what_mends_it(self, tmp_path):
        np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 2)))
        result = cli(f"gan train --data {tmp_path / 'x.npy'} --steps 1 {SMALL} --out {tmp_path / 'few'}")
        assert result.exit_code == 0
        assert "wdist: warning: " in result.stderr
        assert "6 points are held out, and judging a generator by them needs 8" in result.stderr
        result = cli(f"gan evaluate {tmp_path / 'few'}")
        assert result.exit_code == 2
        assert "(held_out=0.5, --held-out 0.5) or give more data, and train anew" in result.stderr


@pytest.mark.usefixtures("here")
class TestOnTheScreen:
    @pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
    @pytest.mark.parametrize("line", ["evaluate seven", "compare ring ring-again"])
    def test_no_line_is_longer_and_nothing_is_cut(self, line, columns):
        lines = cli(f"gan {line}", columns).stdout.splitlines()
        runs = line.split()[1:]
        tables = [text for text in lines if not text.startswith(tuple(f"{run}: " for run in runs))]
        assert max(map(len, tables)) <= columns
        assert not any("…" in text for text in lines)
        for run in runs:
            assert any(text.split()[:1] == [run] for text in tables)

    def test_all_stands_in_one_table_where_there_is_room(self):
        shown = [cli("gan compare ring ring-again", columns).stdout.count("───") for columns in (60, 200)]
        assert cli("gan compare ring ring-again", 200).stdout.count(" run ") == 1
        assert cli("gan compare ring ring-again", 60).stdout.count(" run ") > 1
        assert all(shown)


@pytest.fixture(scope="module")
def judged():
    law = opened(gan.Data("ring")).held
    return judge_after(gan.Data("ring"))(law)


class TestNames:
    def test_the_folder_in_common_is_said_once(self, judged):
        assert Names.of({"runs/a": judged, "runs/b": judged}, 80) == Names(
            ["runs/a", "runs/b"], ["a", "b"], "runs: "
        )

    def test_runs_in_two_folders_keep_their_paths(self, judged):
        assert Names.of({"a/x": judged, "b/x": judged}, 80).short == ["a/x", "b/x"]
        assert Names.of({"runs/a": judged}, 80).short == ["runs/a"]

    def test_long_ones_are_numbered_and_named_below_the_heading(self, judged):
        runs = ["runs/" + "a" * 40, "runs/b"]
        names = Names.of(dict.fromkeys(runs, judged), 80)
        assert names.short == ["1", "2"]
        assert names.legend == (f"1: {runs[0]}", f"2: {runs[1]}")
        assert Names.of(dict.fromkeys(runs, judged), 200).short == ["a" * 40, "b"]
