"""`wdist pairwise`: the matrix of the call, as a table, JSON or CSV, and an exit code for every end."""

import csv
import json
import shlex
import subprocess
import sys
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import wdist
from wdist.cli import app
from wdist.errors import WdistWarning

SETS = {"x.npy": [0.0, 1.0], "y.npy": [2.0, 3.0], "z.npy": [5.0, 6.5]}


def run(line):
    return CliRunner().invoke(app, shlex.split(f"pairwise {line}"), prog_name="wdist", env={"COLUMNS": "120"})


def refusal(line):
    result = run(line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("wdist: ").rstrip()


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, points in SETS.items():
        np.save(name, points)
    return tmp_path


def test_json_is_the_calls_own():
    result = run("x.npy y.npy z.npy --p 2 --json")
    assert (result.exit_code, result.stderr) == (0, "")
    told, called = json.loads(result.stdout), wdist.pairwise(SETS, p=2).to_dict()
    assert {**told, "seconds": 0} == {**called, "seconds": 0}


def test_the_table_shows_names_and_numbers():
    result = run("x.npy y.npy z.npy")
    assert result.exit_code == 0
    assert result.stdout.startswith("W1 among 3 samples: 3 distances from 2 to 5.25, all exact; by line in ")
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line
    ]
    assert rows == [["x.npy", "0", "2", "5.25"], ["y.npy", "2", "0", "3.25"], ["z.npy", "5.25", "3.25", "0"]]


def test_csv_is_written_whole(files):
    assert run("x.npy y.npy z.npy --csv out.csv").exit_code == 0
    with open("out.csv") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["", *SETS]
    assert [[float(x) for x in row[1:]] for row in rows[1:]] == wdist.pairwise(SETS).values.tolist()
    assert sorted(path.name for path in files.iterdir()) == ["out.csv", *SETS]


def test_a_failed_run_leaves_what_was_there(files):
    (files / "out.csv").write_text("old")
    np.save("bad.npy", [np.nan])
    assert "samples['bad.npy'] is not finite" in refusal("x.npy bad.npy --csv out.csv")
    assert (files / "out.csv").read_text() == "old"


def test_what_did_not_converge_has_an_exit_code_and_no_number(monkeypatch):
    real = wdist.pairwise
    hasty = wdist.Sinkhorn(max_iter=1)
    monkeypatch.setattr(wdist, "pairwise", lambda samples, **o: real(samples, **{**o, "method": hasty}))
    with warnings.catch_warnings():  # the command turns it into a line on stderr
        warnings.simplefilter("default", WdistWarning)
        result = run("x.npy z.npy --csv out.csv")
    assert result.exit_code == 1
    assert (
        "wdist: warning: 1 of 1 pairs did not converge (samples['x.npy'] and samples['z.npy'])"
        in result.stderr
    )
    assert "not converged: " in result.stdout
    with open("out.csv") as stream:
        assert list(csv.reader(stream))[1] == ["x.npy", "0.0", ""]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("x.npy y.npy x.npy", "x.npy is given twice; name each sample once"),
        ("x.npy nothing.npy", "nothing.npy"),
        ("x.npy y.npy --csv no/where.csv", "--csv no/where.csv: no such folder as no; make it"),
        ("x.npy y.npy --csv .", "--csv . is a folder; name a file in it"),
        (
            "x.npy y.npy --method gaussian",
            "with a = samples['x.npy'] and b = samples['y.npy']: method 'gaussian'",
        ),
        ("x.npy y.npy --jobs 0", "n_jobs is 0"),
        ("x.npy y.npy --header", "--header and --no-header are for .csv and .tsv files"),
    ],
)
def test_bad_requests(line, text):
    assert text in refusal(line)


def test_keops_where_it_is_installed_does_not_greet_before_the_json():
    pytest.importorskip("pykeops", reason="pykeops is not installed")
    np.save("p.npy", np.eye(3))
    np.save("q.npy", np.eye(3) + 1)
    line = [sys.executable, "-m", "wdist", "pairwise", "p.npy", "q.npy", "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["values"][0][1] == pytest.approx(3**0.5)
