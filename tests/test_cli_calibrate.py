"""`wdist calibrate`: the card of the call, in a folder; `show` prints it."""

import importlib
import shlex

import pytest
from typer.testing import CliRunner

import wdist
from wdist.calibration.families import families
from wdist.cli import app


def run(line):
    return CliRunner().invoke(
        app, shlex.split(f"calibrate {line}"), prog_name="wdist", env={"COLUMNS": "140"}
    )


QUICK = (
    "--net 8 --constraint clip:0.1 --dim 1 --steps 5 --batch 16 --levels 2 --replicates 2 --scale 0.5,1.0 --seed 3 "
    "--workers 1"
)


@pytest.fixture
def few_families(monkeypatch):
    """Those that are quickest to draw from; `tests/test_calibration.py` has them all."""
    monkeypatch.setattr(
        importlib.import_module("wdist.calibration.calibrate"),  # the function of that name hides it
        "families",
        lambda dim: {name: families(dim)[name] for name in ("axis", "scaling", "points")},
    )


@pytest.mark.usefixtures("few_families")
def test_it_makes_the_card_of_the_call_and_shows_it(tmp_path):
    out = tmp_path / "card"
    result = run(f"{QUICK} --out {shlex.quote(str(out))}")
    assert (result.exit_code, result.stderr) == (0, "")
    method = wdist.Critic(wdist.Clip(0.1), wdist.MLP((8,)), steps=5, batch=16)
    asked = wdist.calibrate(method, dim=1, scale=(0.5, 1.0), levels=2, replicates=2, seed=3)
    made = wdist.Calibration.load(out)
    assert made == asked
    assert result.stdout.strip() == repr(asked)
    shown = run(f"show {shlex.quote(str(out))}")
    assert (shown.exit_code, shown.stdout) == (0, made.to_markdown())
    before = (out / "trials.jsonl").read_text()
    assert run(f"{QUICK} --out {shlex.quote(str(out))}").exit_code == 0  # nothing is left to do
    assert (out / "trials.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("line", "constraint", "net"),
    [
        ("--constraint gradient_penalty:5", wdist.GradientPenalty(5.0), None),
        ("--constraint one_sided_penalty:5", wdist.GradientPenalty(5.0, two_sided=False), None),
        ("--constraint one_sided_penalty", wdist.GradientPenalty(two_sided=False), None),
        ("--constraint orthonormal --net 8,4:maxmin", wdist.Orthonormal(), wdist.MLP((8, 4), "maxmin")),
        ("--net 100,100", wdist.Clip(0.01), wdist.MLP((100, 100))),
    ],
)
def test_what_is_calibrated_is_spelled_on_the_line(line, constraint, net, tmp_path, monkeypatch):
    seen = {}

    def caught(method, **options):
        seen.update(options, method=method)
        raise wdist.InputError("enough")

    monkeypatch.setattr(wdist, "calibrate", caught)
    assert run(f"{line} --dim 3 --out {shlex.quote(str(tmp_path))} --workers 2").exit_code == 2
    assert (seen["method"].constraint, seen["method"].net) == (constraint, net)
    assert (seen["dim"], seen["workers"], seen["folder"]) == (3, 2, tmp_path)
    assert (seen["levels"], seen["replicates"], seen["steps"]) == (5, 5, None)


def test_all_cores_are_used_unless_told_otherwise(tmp_path, monkeypatch):
    seen = {}

    def caught(method, **options):
        seen.update(options)
        raise wdist.InputError("enough")

    monkeypatch.setattr(wdist, "calibrate", caught)
    run(f"--dim 3 --out {shlex.quote(str(tmp_path))}")
    assert seen["workers"] == -1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--dim 2", "pass --dim, the number of coordinates, and --out"),
        ("--dim 2 --out card.json", "--out card.json is a file; name a folder"),
        ("--dim 2 --out c --constraint clop", "choose one of clip, gradient_penalty"),
        ("--dim 2 --out c --constraint clip:x", "--constraint has 'x'; pass numbers"),
        ("--dim 2 --out c --constraint orthonormal:3", "orthonormal takes no number"),
        ("--dim 2 --out c --net 1.5", "--net has '1.5'; pass whole numbers"),
        ("--dim 2 --out c --scale 1,9", "high < 2.828"),
        ("--dim 2 --out c --levels 1", "levels is 1; pass at least 2: kappa is a curve"),
        ("show nowhere", "nowhere is no card that wdist saved"),
    ],
)
def test_refusals(line, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
