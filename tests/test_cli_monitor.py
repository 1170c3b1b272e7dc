"""`wdist monitor`: scores and streams of the calls, from points and saved files, and exit codes."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import wdist
from wdist.cli import app


def run(line):
    return CliRunner().invoke(app, shlex.split(f"monitor {line}"), prog_name="wdist", env={"COLUMNS": "140"})


def told(line):
    result = run(f"{line} --json")
    assert result.stderr == ""
    return json.loads(result.stdout)


def refusal(line):
    result = run(line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("wdist: ").rstrip()


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch, rng):
    """A reference, two calm batches and one that is far away."""
    monkeypatch.chdir(tmp_path)
    arrays = {"train": rng.standard_normal((400, 2)), "mon": rng.standard_normal((40, 2)),
              "tue": rng.standard_normal((30, 2)), "far": rng.standard_normal((40, 2)) + 3}  # fmt: skip
    for name, array in arrays.items():
        np.save(f"{name}.npy", array)
    return arrays


def plain(found):
    return json.loads(json.dumps(found.to_dict()))


def test_batches_are_scored_as_by_the_call(files):
    found = told("train.npy mon.npy far.npy --false-alarms 0.02 -s radial -s energy --seed 3")
    reference = wdist.Reference(files["train"], 0.02, ("radial", "energy"), 3)
    assert found["batches"] == [
        {"file": f"{name}.npy", **plain(reference.score(files[name]))} for name in ("mon", "far")
    ]
    assert (found["watch"], found["alarm"]) == (None, True)


def test_a_person_gets_a_line_a_batch(files):
    result = run("train.npy mon.npy far.npy")
    first, second = result.stdout.splitlines()
    assert first == f"mon.npy: {wdist.Reference(files['train']).score(files['mon'])!r}"
    assert second.startswith("far.npy: batch of 40 against 360 reference rows: drift; sliced ")


def test_a_saved_reference_gives_the_same_scores(files):
    result = run("train.npy --save here --false-alarms 0.02")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "reference of 400 rows, 2 coordinates; by sliced and radial, 0.02 false alarms"
    )
    assert (
        told("here mon.npy")
        == told("train.npy mon.npy --false-alarms 0.02")
        == told("here mon.npy --false-alarms 0.02")
    )
    assert refusal("here mon.npy --seed 4").startswith("--seed is 4 and here was saved with 0; drop it")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("train.npy far.npy", 0),
        ("train.npy far.npy mon.npy --fail-on-alarm", 3),
        ("train.npy mon.npy --fail-on-alarm --json", 0),
        ("train.npy far.npy far.npy far.npy --watch s --fail-on-alarm", 3),
        ("train.npy mon.npy --watch s --fail-on-alarm", 0),
    ],
)
def test_the_exit_code_speaks_of_alarms_only_when_asked(line, code):
    assert run(line).exit_code == code


def test_a_stream_goes_on_where_it_stopped(files):
    whole = told("train.npy mon.npy tue.npy far.npy --watch whole")
    told("train.npy mon.npy --watch parts")
    parts = told("train.npy tue.npy far.npy --watch parts")
    assert parts["watch"] == whole["watch"]
    assert parts["batches"] == whole["batches"][1:]
    watch = wdist.Watch(wdist.Reference(files["train"]))
    for name in ("mon", "tue", "far"):
        watch = watch.after(files[name])
    assert whole["watch"] == plain(watch)
    assert wdist.Watch.load("parts").batches == 3
    line = run("train.npy far.npy --watch parts").stdout.splitlines()
    assert line[0].startswith("far.npy: batch of 40 against 510 reference rows: drift")
    assert line[1] == repr(wdist.Watch.load("parts"))
    assert refusal("train.npy mon.npy --watch parts --seed 5").startswith(
        "parts watches another reference (reference of 400"
    )
    assert refusal("mon.npy --watch parts --save x").startswith("parts watches another")
    assert "parts holds a watch, not a reference" in refusal("parts mon.npy")


def test_a_stream_alarms_by_its_evidence_not_by_a_batch():
    found = told("train.npy far.npy --watch state")
    assert found["batches"][0]["alarm"]
    assert (found["alarm"], found["watch"]["alarm"]) == (False, False)


def test_a_bad_batch_leaves_the_state_as_it_was():
    told("train.npy mon.npy --watch state")
    np.save("few.npy", np.zeros((3, 2)))
    assert refusal("train.npy tue.npy few.npy --watch state") == "few.npy: batch has 3 rows; pass at least 5"
    assert wdist.Watch.load("state").batches == 1


def test_columns_of_tables(files):
    for name, array in files.items():
        pd.DataFrame(array, columns=["u", "v"]).assign(w="x").to_csv(f"{name}.csv", index=False)
    found = told("train.csv mon.csv -c v")
    assert found["batches"][0]["value"] == pytest.approx(
        wdist.Reference(files["train"][:, 1]).score(files["mon"][:, 1]).value
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("train.npy", "there is nothing to do: name batches, or a file for the reference with --save"),
        ("train.npy mon.npy --false-alarms 3", "false_alarms is 3.0; pass a rate between 0.0001 and 0.5"),
        ("train.npy mon.npy --save no/where", "--save no/where: no such folder as no"),
        ("train.npy mon.npy -s t", "statistic is 't'; choose auto"),
        ("nothing.npy mon.npy", "nothing.npy"),
        (
            "train.npy train.npy",
            "train.npy: batch has 400 rows and the reference 400; it must hold 4 batches",
        ),
        ("train.npy mon.npy --watch mon.npy", "mon.npy is no watch that wdist saved"),
    ],
)
def test_refusals(line, text):
    assert text in refusal(line)


def test_help():
    text = " ".join(run("--help").stdout.split())
    assert "wdist monitor train.npy today.npy --watch stream.watch --json" in text
    for option in ("false-alarms", "statistic", "seed", "save", "watch", "fail-on-alarm", "column", "json"):
        assert f"--{option} " in text
