"""`wdist bounds`: the bracket of the call, from names and from files."""

import json
import shlex

import numpy as np
import pytest
from typer.testing import CliRunner

import wdist
from wdist.cli import app


def run(line):
    return CliRunner().invoke(app, shlex.split(f"bounds {line}"), prog_name="wdist", env={"COLUMNS": "140"})


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    arrays = {
        "x": rng.standard_normal((20, 2)), "y": rng.standard_normal((30, 2)) + 2, "f": rng.standard_normal(30),
        "g": rng.random((20, 30)), "w": np.r_[np.full(10, 0.02), np.full(10, 0.08)],
        "v": rng.random(20),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(f"{name}.npy", array)
    return arrays


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("", {}),
        ("--plan greedy --p 2", {"plan": "greedy", "p": 2}),
        (
            "--plan sliced --potential sinkhorn --seed 3",
            {"plan": "sliced", "potential": "sinkhorn", "seed": 3},
        ),
        (
            "--potential f.npy --plan g.npy --weights-a w.npy",
            {"potential": "f", "plan": "g", "weights_a": "w"},
        ),
        (
            "--plan greedy --weights-a v.npy --normalize-weights",
            {"plan": "greedy", "weights_a": "v", "normalize_weights": True},
        ),
        ("--plan greedy --metric cityblock", {"plan": "greedy", "metric": "cityblock"}),
    ],
)
def test_json_is_the_calls_own(line, options, files):
    result = run(f"x.npy y.npy {line} --json")
    assert (result.exit_code, result.stderr) == (0, "")
    called = wdist.bounds(
        files["x"],
        files["y"],
        **{k: files.get(v, v) if isinstance(v, str) else v for k, v in options.items()},
    )
    assert {**json.loads(result.stdout), "seconds": 0} == {**called.to_dict(), "seconds": 0}


def test_a_person_gets_one_line():
    result = run("x.npy y.npy")
    assert result.exit_code == 0
    assert result.stdout.startswith("W1 between the samples = ")
    assert "; certified " in result.stdout
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("x.npy y.npy --plan best.npy", "best.npy"),
        ("x.npy y.npy --potential w.npy", "potential has shape (20,) for 30 rows of b"),
        ("x.npy y.npy --potential greedy", "potential is 'greedy'; choose sinkhorn"),
    ],
)
def test_refusals(line, text):
    result = run(line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
