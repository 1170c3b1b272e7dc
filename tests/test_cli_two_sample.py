"""`wdist test`: the result of the call, and exit codes that speak of significance only when asked."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import wdist
from wdist.cli import app


def run(line):
    return CliRunner().invoke(app, shlex.split(f"test {line}"), prog_name="wdist", env={"COLUMNS": "140"})


def refusal(line):
    result = run(line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("wdist: ").rstrip()


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch, rng):
    """Two samples of three columns, the last one a stratum, that differ by far; the first of them twice."""
    monkeypatch.chdir(tmp_path)
    tables = {}
    for name, shift in (("x", 0), ("y", 5)):
        table = pd.DataFrame(rng.standard_normal((40, 2)) + shift, columns=["u", "v"])
        tables[name] = table.assign(clinic=np.arange(40) // 10)
        tables[name].to_csv(f"{name}.csv", index=False)
    return tables


def test_json_is_the_calls_own(files):
    x, y = (files[name][["u", "v"]] for name in "xy")
    told = json.loads(run("x.csv y.csv -c u -c v --json --seed 3 --permutations 99").stdout)
    called = wdist.two_sample_test(x, y, permutations=99, seed=3).to_dict()
    assert told == json.loads(json.dumps(called))
    assert told["pvalue"] == 0.01


def test_a_person_gets_a_sentence_a_table_and_what_could_be_seen():
    result = run("x.csv y.csv -c u")
    first, *rest = result.stdout.splitlines()
    head = "two-sample test, 40 and 40 rows: p = 0.001 (999 relabellings), differ at 5 %; wasserstein "
    assert first.startswith(head)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in rest if line.startswith("│")]
    assert [row[0] for row in rows] == ["wasserstein", "wasserstein-2"]
    assert [row[-1] for row in rows] == ["0.001", "0.001"]
    assert rest[-1].startswith("The smallest p-value possible here is 0.001.")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("x.csv y.csv -c u", 0),
        ("x.csv y.csv -c u --fail-at 0.01", 3),
        ("x.csv y.csv -c u --fail-at 0.0001", 0),
        ("x.csv x.csv -c u --fail-at 0.5", 0),
        ("x.csv y.csv -c u --fail-at 0.01 --json", 3),
    ],
)
def test_the_exit_code_speaks_of_significance_only_when_asked(line, code):
    assert run(line).exit_code == code


def test_every_option_reaches_the_call(monkeypatch, files):
    seen = {}

    def spy(a, b, statistic, permutations, **options):
        seen.update(options, statistic=statistic, permutations=permutations)
        return wdist.TwoSampleResult("spy", 1.0, 1.0, np.ones(9), (), (1, 1), 1e9)

    monkeypatch.setattr(wdist, "two_sample_test", spy)
    options = "-s radial -s energy --permutations 9 --seed 4 --groups-column clinic --blocks 5"
    assert run(f"x.csv y.csv -c u {options}").exit_code == 0
    groups = seen.pop("groups")
    assert all((np.ravel(group) == files["x"].clinic).all() for group in groups)
    assert seen == {"statistic": ("radial", "energy"), "permutations": 9, "seed": 4, "blocks": 5}
    run("x.csv y.csv -c u --blocks-column clinic")
    assert (np.ravel(seen["blocks"][1]) == files["y"].clinic).all()
    assert (seen["statistic"], seen["permutations"], seen["groups"]) == ("auto", 999, None)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "x.csv y.csv -c u --fail-at 5",
            "--fail-at is 5.0; pass a level strictly between 0 and 1, such as 0.001",
        ),
        (
            "x.csv y.csv -c u --blocks 5 --blocks-column clinic",
            "--blocks and --blocks-column exclude each other",
        ),
        ("x.csv y.csv --groups-column clinic", "name the points' with --column"),
        ("x.csv y.csv -c u -s t", "statistic is 't'; choose auto, wasserstein"),
        ("x.csv nothing.csv", "nothing.csv"),
    ],
)
def test_refusals(line, text):
    assert text in refusal(line)


def test_help():
    text = " ".join(run("--help").stdout.split())
    assert "wdist test train.npy today.npy --fail-at 0.001" in text
    assert "3 a difference that `test --fail-at` asked about" in text
    for option in ("statistic", "permutations", "fail-at", "blocks", "groups-column", "json"):
        assert f"--{option} " in text
