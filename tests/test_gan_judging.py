"""Evaluation while a generator is trained: when it comes, what it says, what it stops, and that it changes nothing."""

import io
import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.cli.gan import asked, live
from wdist.cli.gan.writers import tensorboard_writer
from wdist.errors import InputError
from wdist.gan.folder import RunFolder, found_in
from wdist.gan.judging import evaluator_of
from wdist.gan.recipes import completed, described, rebuilt
from wdist.gan.run import Pace, begin, resume

POINTS = np.random.default_rng(3).normal(size=(100, 2)).astype(np.float32)
PACE = Pace(log=1, samples=0, checkpoint=2)


def tiny(data=POINTS, **changes):
    nets = {"generator": gan.MLPGenerator((8,), 4), "critic": wdist.MLP((8,)), "batch": 8, "n_critic": 1}
    return gan.preset("wgan-gp", data, **{**nets, "steps": 8, "held_every": 0, **changes})


def scripted(values, collapse=""):
    """An evaluator that says these debiased distances, whatever it is shown."""
    left = iter(values)

    def judge(generator):
        numbers = {"debiased": next(left), "floor": 1.0, "diversity": 0.8}
        return SimpleNamespace(numbers=numbers, collapse=collapse)

    return judge


def same(one, other):
    one, other = (dict(trainer.net.state_dict()) for trainer in (one, other))
    return all(torch.equal(one[name], other[name]) for name in one)


class TestInTheLoop:
    def test_it_comes_when_due_and_is_the_evaluators_own(self):
        trainer = gan.Trainer(tiny(evaluate=gan.Evaluate(every=3, most=20)))
        judge = evaluator_of(trainer.parts, most=20)
        for report in trainer.steps(6):
            assert (report.evaluation is not None) == (report.step in (3, 6))
            if report.evaluation is not None:
                assert report.evaluation.numbers == judge(trainer.generator).numbers
                assert report.numbers["debiased"] == report.evaluation.distance.value
                assert report.numbers["critic"] == report.critic
            else:
                assert "debiased" not in report.numbers
                assert report.words == {}

    def test_it_changes_nothing_in_the_training(self):
        looked, plain = (gan.Trainer(tiny(evaluate=how)) for how in (gan.Evaluate(every=1, most=10), None))
        for trainer in (looked, plain):
            list(trainer.steps(4))
        assert same(looked, plain)

    def test_a_critic_fitted_from_scratch_has_a_name_of_its_own(self):
        def judge(generator):
            return SimpleNamespace(
                numbers={"critic": 7.0, "debiased": 1.0, "floor": 1.0, "diversity": 1.0}, collapse=""
            )

        trainer = gan.Trainer(tiny(evaluate=gan.Evaluate(every=1)), evaluator=judge)
        (report,) = trainer.steps(1)
        assert report.numbers["refitted"] == 7.0
        assert report.numbers["critic"] == report.critic != 7.0

    def test_classes_are_those_of_the_held_out_points(self):
        config = tiny(gan.Data("mnist", classes=(1, 7)), evaluate=gan.Evaluate(every=1, most=40))
        (report,) = gan.Trainer(config).steps(1)
        assert report.evaluation.coverage.names == ("1", "7")

    def test_a_collapse_is_named_while_it_happens(self):
        trainer = gan.Trainer(tiny(evaluate=gan.Evaluate(every=2, most=20)))
        with torch.no_grad():
            trainer.net[-1].weight.zero_()
        reports = list(trainer.steps(4))
        collapses = [report.words.get("collapse") for report in reports]
        assert collapses[0] is None
        assert collapses[1].startswith("collapsed: pairs are 0.0")
        assert collapses[3].endswith("(since step 2)")


CARD = "clip-0.1-relu-100x100-d2"


class TestByACard:
    def test_every_evaluation_is_read_by_it_and_training_is_as_without(self):
        read = gan.Trainer(tiny(evaluate=gan.Evaluate(every=2, card=CARD)))
        plain = gan.Trainer(tiny())
        reports = list(read.steps(2))
        list(plain.steps(2))
        numbers = reports[1].numbers
        assert numbers["calibrated_low"] < numbers["calibrated"] < numbers["calibrated_high"]
        assert abs(numbers["calibrated"] / numbers["debiased"] - 1) < 0.5
        assert "calibrated" not in reports[0].numbers
        assert same(read, plain)

    def test_another_dimension_or_no_card_is_refused_before_a_step(self, tmp_path):
        points = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
        with pytest.raises(InputError, match="the card is for d = 2 and the data have d = 3"):
            begin(RunFolder(tmp_path / "r"), tiny(points, evaluate=gan.Evaluate(card=CARD)))
        with pytest.raises(InputError, match="nowhere is no card that wdist saved"):
            begin(RunFolder(tmp_path / "r"), tiny(evaluate=gan.Evaluate(card="nowhere")))
        assert not (tmp_path / "r").exists()

    def test_it_is_written_down_and_an_older_run_has_none(self):
        how = gan.Evaluate(every=2, card=CARD)
        about = described(how)
        assert rebuilt(about) == how
        del about["card"]
        assert completed(about)["card"] is None


class TestTooFew:
    @pytest.mark.parametrize(
        ("n", "how", "needed"),
        [
            (30, gan.Evaluate(), 8),
            (90, gan.Evaluate(card=CARD), 20),
            (90, gan.Evaluate(stop=gan.StoppingRule(by="critic")), 20),
        ],
    )
    def test_they_are_refused_when_the_run_begins(self, n, how, needed, tmp_path):
        text = (
            rf"data: {n // 5} points are held out, .* needs {needed}; hold out a larger share \(held_out=0.5"
        )
        with pytest.raises(InputError, match=text):
            begin(RunFolder(tmp_path / "r"), tiny(POINTS[:n], evaluate=how))
        assert not (tmp_path / "r").exists()
        gan.Trainer(tiny(POINTS[: n + 20], evaluate=how))

    def test_a_run_that_asks_for_no_evaluation_is_told(self, tmp_path):
        run = begin(RunFolder(tmp_path / "r"), tiny(POINTS[:30]))
        (told,) = run.told
        assert told.startswith(
            "warning: data: 6 points are held out, and judging a generator by them needs 8;"
        )
        assert begin(RunFolder(tmp_path / "s"), tiny(POINTS[:40])).told == []

    def test_a_judge_of_ones_own_is_not_asked(self):
        gan.Trainer(tiny(POINTS[:30], evaluate=gan.Evaluate()), evaluator=scripted([]))


class TestStopping:
    rule = gan.StoppingRule(fewest=3)

    def test_a_plateau_ends_the_run_and_says_which(self):
        config = tiny(evaluate=gan.Evaluate(every=2, stop=self.rule))
        trainer = gan.Trainer(config, evaluator=scripted([1.0] * 4))
        reports = list(trainer.steps(8))
        assert trainer.stopped == "the debiased distance stands still since step 6, at 1"
        assert len(reports) == 6
        assert reports[-1].words["stopped"] == trainer.stopped
        assert list(trainer.steps(3)) == []
        assert [r.best for r in reports if r.evaluation] == [True, False, False]

    def test_without_a_rule_it_goes_on(self):
        trainer = gan.Trainer(tiny(evaluate=gan.Evaluate(every=1)), evaluator=scripted([1.0] * 20))
        assert len(list(trainer.steps(15))) == 15
        assert trainer.stopped == ""

    def test_the_rule_of_a_config_is_no_runs_own(self):
        config = tiny(evaluate=gan.Evaluate(every=1, stop=self.rule))
        for _ in range(2):
            assert len(list(gan.Trainer(config, evaluator=scripted([1.0] * 9)).steps(8))) == 3
        assert config == tiny(evaluate=gan.Evaluate(every=1, stop=gan.StoppingRule(fewest=3)))


class TestRuns:
    how = gan.Evaluate(every=2, stop=gan.StoppingRule(fewest=3, gain=1e-9))

    def run(self, folder, until=None, length=8):
        config, judge = tiny(evaluate=self.how, steps=length), scripted([3.0, 2.0, 2.5, 2.5, 2.5, 2.5])
        run = begin(RunFolder(folder), config, 1, PACE, evaluator=judge)
        for report in run.train():
            if report.step == until:
                break
        return run

    def test_one_that_is_resumed_judges_and_stops_as_one_that_is_not(self, tmp_path):
        whole = self.run(tmp_path / "a", length=30)
        self.run(tmp_path / "b", until=5, length=30)
        judge = scripted([2.5] * 9)  # from the third on: the checkpoint is that of step 4
        again = resume(RunFolder(tmp_path / "b"), tiny(evaluate=self.how, steps=30), PACE, evaluator=judge)
        assert again.trainer.step == 4
        list(again.train())
        assert whole.trainer.stopped == again.trainer.stopped != ""
        assert whole.trainer.step == again.trainer.step < 30
        assert whole.told[-1] == f"stopped at step {whole.trainer.step}: {whole.trainer.stopped}"
        assert same(whole.trainer, again.trainer)
        logs = [
            [{k: v for k, v in row.items() if k != "seconds"} for row in RunFolder(tmp_path / n).rows()]
            for n in "ab"
        ]
        assert logs[0] == logs[1]
        assert [row["debiased"] for row in logs[0] if "debiased" in row][:3] == [3.0, 2.0, 2.5]
        over = resume(RunFolder(tmp_path / "b"), tiny(evaluate=self.how, steps=30), PACE, evaluator=judge)
        assert list(over.train()) == []

    def test_the_best_generator_is_kept(self, tmp_path):
        folder = RunFolder(tmp_path / "r")
        judge = scripted([3.0, 2.0, 2.5, 2.5])
        run = begin(folder, tiny(evaluate=gan.Evaluate(every=2)), 1, PACE, evaluator=judge)
        kept = {}
        for report in run.train():
            kept[report.step] = run.trainer.generator.draw(3, torch.Generator().manual_seed(0))
        best, newest = (
            found_in(path).generator.draw(3, torch.Generator().manual_seed(0))
            for path in (folder.best, folder.path)
        )
        assert torch.equal(best, kept[4])
        assert torch.equal(newest, kept[8])
        assert not torch.equal(best, newest)

    def test_another_rule_is_another_config(self, tmp_path):
        self.run(tmp_path / "r", until=1)
        other = gan.Evaluate(every=2, stop=gan.StoppingRule(fewest=4, gain=1e-9))
        with pytest.raises(InputError, match=r"evaluate\.stop\.fewest was 3 and is 4"):
            resume(RunFolder(tmp_path / "r"), tiny(evaluate=other))

    def test_it_can_be_written_down(self):
        config = tiny(gan.Data("ring"), evaluate=self.how)
        assert rebuilt(described(config)) == config
        assert "values" not in json.dumps(described(config))


def cli(line, columns=120):
    return CliRunner().invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": str(columns)})


class TestCommandLine:
    def test_a_run_is_judged_as_it_goes_stopped_and_judged_again(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(asked, "StoppingRule", lambda: gan.StoppingRule(fewest=2, gain=10.0))
        np.save("x.npy", POINTS)
        nets = "--units 8 --batch 8 --n-critic 1 --log-every 1"
        result = cli(f"gan train --data x.npy --steps 20 --evaluate-every 2 --stop {nets} --out a-run")
        assert result.exit_code == 0, result.output
        rows = RunFolder(Path("a-run")).rows()
        step = rows[-1]["step"]
        assert step < 20
        assert f"stopped at step {step}: the debiased distance " in result.stderr
        assert "debiased  raw W1" in result.stderr
        assert f"{rows[1]['debiased']:>8.4g}" in result.stderr
        assert "at its best evaluation: a-run/best.safetensors" in result.stdout
        shown = cli("gan evaluate a-run", columns=80).stdout
        for word in ("debiased", "W1", "real to", "recall", "precision", "diversity", "in its", "missing"):
            assert word in shown, shown
        assert max(map(len, shown.splitlines())) <= 80

    @pytest.mark.parametrize("step", [5, 100_000])
    def test_rows_of_a_run_with_a_card_fit_80_columns(self, step):
        said = io.StringIO()
        table = live.Evaluations(Console(file=said, width=80))
        found = SimpleNamespace(numbers=dict.fromkeys(live.FIGURES, 0.6789))
        collapse = "2 of 10 classes missing: cluster 7, cluster 9 (since step 10000)"
        table.add(
            SimpleNamespace(
                step=step, evaluation=found, verdict=SimpleNamespace(newest=True, collapse=collapse)
            )
        )
        title, row, name = said.getvalue().splitlines()
        assert len(title) == len(row) - 1 < 80
        assert row.endswith(" 0.6789*")
        assert name.strip() == collapse

    def test_a_card_without_evaluations_is_refused(self):
        result = cli(f"gan train --data ring --card {CARD}")
        assert result.exit_code == 2
        assert "--card goes by evaluations; pass --evaluate-every 100, say" in result.stderr

    def test_a_card_is_named_so_that_the_run_finds_it_from_anywhere(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path("card").mkdir()
        assert asked.evaluation(5, False, Path("card")).card == str(tmp_path / "card")
        assert asked.evaluation(5, False, Path(CARD)).card == CARD

    def test_a_stop_without_evaluations_is_refused(self):
        result = cli("gan train --data ring --stop")
        assert result.exit_code == 2
        assert "--stop goes by evaluations; pass --evaluate-every 100, say" in result.stderr

    def test_the_figure_has_the_number_of_the_command(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        titles = []
        monkeypatch.setattr(gan.pictures, "curve", lambda rows, path, title, unit: titles.append(title))
        result = cli("gan train --data ring --steps 12 --units 8 --batch 8 --n-critic 1 --out r")
        assert result.exit_code == 0, result.output
        (number,) = [line.split()[4] for line in result.stdout.splitlines() if "by the critic" in line]
        assert titles == [f"W1 by the critic: {number} (smoothed) after 12 steps"]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: gan.Evaluate(every=0), "every is 0; pass an int of at least 1"),
        (lambda: gan.Evaluate(stop=True), r"stop is True; pass a gan.StoppingRule\(\), or None"),
        (
            lambda: gan.Trainer(tiny(), evaluator=scripted([])),
            r"there is an evaluator and no evaluate in the config; pass gan.Evaluate\(every=...\)",
        ),
    ],
)
def test_refusals(make, text):
    with pytest.raises(InputError, match=text):
        make()


def test_tensorboard_is_given_every_figure_of_every_report(tmp_path, monkeypatch):
    written, closed = [], []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def __enter__(self):
            return self

        def __exit__(self, *error):
            closed.append(self.folder)

        def add_scalar(self, name, value, step):
            written.append((step, name, value))

    module = SimpleNamespace(SummaryWriter=SummaryWriter)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    trainer = gan.Trainer(tiny(evaluate=gan.Evaluate(every=2)), evaluator=scripted([3.0]))
    with tensorboard_writer(tmp_path, wanted=True) as writers:
        reports = list(trainer.steps(2))
        for report in reports:
            for writer in writers:
                writer(report)
    due = {(r.step, name, value) for r in reports for name, value in r.numbers.items() if name != "step"}
    assert set(written) == due
    assert (2, "debiased", 3.0) in due
    assert closed == [str(tmp_path / "events")]
    with tensorboard_writer(tmp_path, wanted=False) as writers:
        assert writers == []
