"""`wdist estimate --method critic`: its constraint and network as they are spelled on the line."""

import shlex

import numpy as np
import pytest
from typer.testing import CliRunner

import wdist
from wdist.cli import app


@pytest.fixture
def files(tmp_path, rng):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(60, 2)))
    return f"{shlex.quote(str(tmp_path / 'a.npy'))} {shlex.quote(str(tmp_path / 'b.npy'))}"


def run(line):
    return CliRunner().invoke(app, shlex.split(f"estimate {line}"), prog_name="wdist", env={"COLUMNS": "140"})


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("", "critic"),
        ("--constraint clip:0.1", wdist.Critic(wdist.Clip(0.1))),
        ("--net 8,4:abs", wdist.Critic(net=wdist.MLP((8, 4), "abs"))),
        ("--budget 2.5", wdist.Critic(budget=2.5)),
        (
            "--constraint one_sided_penalty:5",
            wdist.Critic(wdist.GradientPenalty(5.0, two_sided=False)),
        ),
        (
            "--constraint gradient_penalty:5 --net 8",
            wdist.Critic(wdist.GradientPenalty(5.0), wdist.MLP((8,))),
        ),
    ],
)
def test_the_call_has_the_critic_that_the_line_spells(line, method, files, monkeypatch):
    seen = {}

    def caught(*samples, **options):
        seen.update(options)
        raise wdist.InputError("enough")

    monkeypatch.setattr(wdist, "estimate", caught)
    assert run(f"{files} --method critic {line}").exit_code == 2
    assert seen["method"] == method


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--budget 3", "--budget is for --method critic; other methods train nothing"),
        ("--method critic --budget 0", "budget is 0.0; pass seconds above zero, or None"),
        ("--method critic --device mps", "device='mps' cannot be used"),
        ("--method critic --time-limit 3", "has no time_limit; pass method=wdist.Critic(budget=3), or"),
        ("--net 8", "--net is for --method critic; other methods train nothing"),
        (
            "--method sliced --constraint clip",
            "--constraint is for --method critic; other methods train nothing",
        ),
        ("--checkpoint fit.pt", "--checkpoint is for --method critic; other methods train nothing"),
        ("--method critic --net 8;4", "--net has '8;4'; pass whole numbers with commas between"),
        ("--method critic --constraint lip", "--constraint is lip; choose one of clip, gradient_penalty"),
    ],
)
def test_what_cannot_be_asked_is_refused(line, text, files):
    result = run(f"{files} {line}")
    assert result.exit_code == 2
    assert text in " ".join(result.stderr.split())
