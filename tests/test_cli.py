"""The command line: the same answer as the call, from every kind of file, and an exit code for every end."""

import dataclasses
import errno
import importlib
import json
import shlex
import subprocess
import sys
import warnings
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import wdist
from wdist.cli import app
from wdist.cli.terminal import progress
from wdist.datasets import pair
from wdist.errors import NotConvergedError, WdistWarning
from wdist.result import Bound, Estimate, Interval, Target

ANSWERS = json.loads((Path(__file__).parent / "data" / "real_pairs_answers.json").read_text())
NILE = ANSWERS["nile_flow_before_after_1898"]


def run(line, **options):
    """Run `wdist`; the line is what stands after that on the command line."""
    return CliRunner(**options).invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": "120"})


def answer(line):
    result = run(f"estimate {line} --json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def refusal(line):
    """Run what must be refused; check that it is done in one line, and give that line."""
    result = run(f"estimate {line}")
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("wdist: ")
    return result.stderr.removeprefix("wdist: ").rstrip()


@pytest.fixture
def nile(tmp_path, monkeypatch):
    """Both Nile samples, a.npy and b.npy, in the working folder."""
    monkeypatch.chdir(tmp_path)
    real = pair("nile")
    np.save("a.npy", real.a)
    np.save("b.npy", real.b)
    return real


# --- the same answer from every kind of file ----------------------------------------------------


def save(kind, name, points):
    if kind == "npy":
        np.save(f"{name}.npy", points)
    elif kind == "npz":
        np.savez(f"{name}.npz", flow=points, other=points + 1)
        return f"{name}.npz"
    elif kind == "parquet":
        pytest.importorskip("pyarrow")
        pd.DataFrame({"river": "Nile", "flow": points}).to_parquet(f"{name}.parquet")
    else:
        pd.DataFrame({"river": "Nile", "flow": points}).to_csv(
            f"{name}.{kind}", index=False, sep="," if kind == "csv" else "\t"
        )
    return f"{name}.{kind}"


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "tsv", "parquet"])
def test_the_nile_through_every_kind_of_file(nile, kind):
    files = f"{save(kind, 'x', nile.a)} {save(kind, 'y', nile.b)}"
    options = {"npy": "", "npz": "--key flow"}.get(kind, "--column flow")
    est = answer(f"{files} {options}")
    assert est["value"] == pytest.approx(NILE["W1"], rel=1e-9)
    assert est["lower"] == est["upper"] == est["value"]
    assert (est["bound"], est["target"], est["p"], est["converged"]) == ("exact", "sample", 1, True)
    assert answer(f"{files} {options} --p 2")["value"] == pytest.approx(NILE["W2"], rel=1e-9)


def test_a_text_file_without_header(nile):
    np.savetxt("a.csv", nile.a, fmt="%.17g")
    assert answer("a.csv b.npy")["value"] == pytest.approx(NILE["W1"], rel=1e-9)
    assert answer("a.csv b.npy --no-header")["value"] == pytest.approx(NILE["W1"], rel=1e-9)
    without_the_first = wdist.estimate(nile.a[1:], nile.b).value
    assert answer("a.csv b.npy --header")["value"] == pytest.approx(without_the_first, rel=1e-12)
    assert without_the_first != pytest.approx(NILE["W1"], rel=1e-3)


def test_two_columns_and_two_arrays_of_one_file(nile):
    table = pd.DataFrame({"before": nile.a, "after": nile.b[:28]})
    table.to_csv("x.csv", index=False)
    np.savez("x.npz", **table)
    expected = wdist.estimate(nile.a, nile.b[:28]).value
    by_column = answer("x.csv x.csv --column-a before --column-b after")
    by_key = answer("x.npz x.npz --key-a before --key-b after")
    assert by_column["value"] == by_key["value"] == pytest.approx(expected, rel=1e-12)


def test_several_columns_are_several_coordinates(nile):
    real = pair("breast_cancer_30d_z_malignant")
    for name, points in (("a", real.a), ("b", real.b)):
        pd.DataFrame(points).to_csv(f"{name}.csv", index=False, header=[f"f{k}" for k in range(30)])
    expected = wdist.estimate(real.a[:, [2, 5]], real.b[:, [2, 5]], p=2).value
    assert answer("a.csv b.csv -c f2 -c 5 --p 2")["value"] == pytest.approx(expected, rel=1e-12)


def test_every_option_reaches_the_call(nile, monkeypatch):
    seen = {}

    def spy(a, b, **options):
        seen.update(options)
        return Estimate(1.0, 1.0, "spy", Bound.NONE, Target.SAMPLE, "W1")

    monkeypatch.setattr(wdist, "estimate", spy)
    answer(
        "a.npy b.npy --p inf --method sliced --metric chebyshev --target population --confidence 0.8 "
        "--seed 7 --floor --device cpu --time-limit 9 --weights-a a.npy --weights-b b.npy --normalize-weights"
    )
    np.testing.assert_array_equal(seen.pop("weights_a"), nile.a)
    np.testing.assert_array_equal(seen.pop("weights_b"), nile.b)
    assert callable(seen.pop("progress"))
    assert seen == {
        "p": float("inf"), "method": "sliced", "metric": "chebyshev", "target": "population",
        "confidence": 0.8, "seed": 7, "floor": True, "device": "cpu", "time_limit": 9.0,
        "normalize_weights": True,
    }  # fmt: skip


def test_the_defaults_are_those_of_the_call(nile, monkeypatch):
    seen = {}

    def spy(a, b, **options):
        seen.update(options)
        return Estimate(1.0, 1.0, "spy", Bound.NONE, Target.SAMPLE, "W1")

    defaults = wdist.estimate.__kwdefaults__
    monkeypatch.setattr(wdist, "estimate", spy)
    answer("a.npy b.npy")
    assert callable(seen.pop("progress"))
    assert seen == {name: defaults[name] for name in seen}


@pytest.mark.parametrize("method", sorted({"exact", *wdist.METHODS} - {"critic"}))  # it trains for a while
def test_every_method_answers_or_refuses_by_its_name(nile, method):
    result = run(f"estimate a.npy b.npy --method {method} --json")
    if result.exit_code == 0:
        assert json.loads(result.stdout)["method"] == {"exact": "line"}.get(method, method)
    else:
        assert result.exit_code == 2
        assert result.stderr.startswith(f"wdist: method '{method}' cannot answer this: ")


@pytest.mark.parametrize(("masses", "more"), [([0.25, 0.75], ""), ([1, 3], "--normalize-weights")])
@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_weights_come_from_files(nile, masses, more, kind):
    np.save("x.npy", [0.0, 2.0])
    np.save("y.npy", [0.0])
    np.savez("w.npz", mass=masses, other=[1.0, 0.0])
    pd.DataFrame({"mass": masses, "other": [1.0, 0.0]}).to_csv("w.csv", index=False)
    for line in (f"x.npy y.npy --weights-a w.{kind}", f"y.npy x.npy --weights-b w.{kind}"):
        assert answer(f"{line} --weights-column mass {more}")["value"] == pytest.approx(1.5, rel=1e-12)


# --- what is printed ----------------------------------------------------------------------------


def test_a_person_gets_a_line_and_a_table(nile):
    result = run("estimate a.npy b.npy")
    assert result.exit_code == 0
    first, *table = result.stdout.splitlines()
    assert first.startswith("W1 between the samples = 247.778 (exact); by line in ")
    rows = dict(line.strip("│").split("│") for line in table if line.startswith("│"))
    rows = {name.strip(): text.strip() for name, text in rows.items()}
    assert rows.pop("time").endswith(" s")
    assert rows == {
        "A": "a.npy, 28 points", "B": "b.npy, 72 points", "quantity": "W1", "value": "247.7777778",
        "target": "between the samples", "bound": "exact", "lower": "247.7777778", "upper": "247.7777778",
        "interval": "none", "floor": "not asked for", "method": "line", "note": "none",
    }  # fmt: skip


def test_points_of_several_coordinates_are_counted_so(nile):
    np.save("x.npy", np.zeros((5, 3)))
    np.save("y.npy", np.zeros((4, 3, 2, 2), dtype=np.uint8))
    assert "x.npy, 5 points of 3 coordinates" in run("estimate x.npy x.npy").stdout
    result = run("estimate y.npy y.npy")
    assert "y.npy, 4 points of 3 x 2 x 2 coordinates" in result.stdout


def test_explain_says_why(nile):
    result = run("estimate a.npy b.npy --explain")
    assert result.exit_code == 0
    assert "How sure: exact: W1 between the samples, to rounding." in result.stdout
    assert "Why line: " in result.stdout


UNSURE = Estimate(
    1.5, 1.0, "critic", Bound.NONE, Target.SAMPLE, "kappa*W1 [bold]", lower=1.25, upper=2.5,
    interval=Interval(1.0, 2.0, 0.95, "held-out points"), message="[red] stays",
)  # fmt: skip


def answers(monkeypatch, estimate):
    monkeypatch.setattr(wdist, "estimate", lambda *_, **__: estimate)


def test_brackets_are_printed_and_not_taken_for_markup(nile, monkeypatch):
    answers(monkeypatch, UNSURE)
    result = run("estimate a.npy b.npy")
    for text in ("[1, 2] (95 %, held-out points)", "kappa*W1 [bold]", "[red] stays", "without a guarantee"):
        assert text in result.stdout
    assert "1.25 ≤ W1 ≤ 2.5" in result.stdout
    for row in ("value    │ 1.5 ", "lower    │ 1.25 ", "upper    │ 2.5 ", "method   │ critic "):
        assert f"│ {row}" in result.stdout


def test_a_terminal_that_knows_only_ascii_still_gets_the_answer(nile, monkeypatch):
    answers(monkeypatch, UNSURE)
    result = run("estimate a.npy b.npy", charset="ascii")
    assert result.exit_code == 0
    assert "certified 1.25 ? W1 ? 2.5" in result.stdout


def test_methods_lists_every_method():
    result = run("methods")
    assert result.exit_code == 0
    text = " ".join(result.stdout.replace("│", " ").split())
    for name, method in wdist.METHODS.items():
        assert name in text
        assert method.when.split(";")[0].split()[0] in text
    assert "when to use it" in text


def test_help_gives_examples_and_exit_codes():
    for line in ("--help", "estimate -h"):
        text = " ".join(run(line).stdout.split())
        assert "0 an answer; 1 the solver did not converge" in text
        assert (
            "2 bad input; 3 a difference that `test --fail-at` asked about, or an alarm that "
            "`monitor --fail-on-alarm` did; 70 a fault in wdist itself" in text
        )
    text = run("estimate --help").stdout
    assert "wdist estimate before.csv after.csv --column flow" in text
    options = (
        "p method metric target confidence seed floor device weights-a weights-b weights-column json explain "
    )
    options += "normalize-weights column column-a column-b key key-a key-b header no-header"
    assert [option for option in options.split() if f"--{option} " not in text] == []


def test_version():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"wdist {wdist.__version__}\n")


def test_as_a_module():
    command = [sys.executable, "-m", "wdist", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"wdist {wdist.__version__}\n", "")


def completions(line):
    env = {"_WDIST_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    result = CliRunner().invoke(app, [], prog_name="wdist", env=env)
    return result.stdout.split()


def test_the_shell_completes_commands_and_methods():
    assert "estimate" in completions("wdist est")
    assert "methods" in completions("wdist ")
    assert completions("wdist estimate a b --method e") == ["exact"]
    assert completions("wdist estimate a b --method ") == ["auto", "exact", *wdist.METHODS]


class Terminal(StringIO):
    def isatty(self):
        return True


def test_progress_is_shown_on_stderr_to_a_person_only(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    with progress("thinking"):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress("thinking"):
        pass
    assert "thinking" in sys.stderr.getvalue()
    assert capsys.readouterr().out == ""


# --- how it ends --------------------------------------------------------------------------------


def test_bad_input_ends_in_one_line_and_code_2(nile):
    assert refusal("c.npy b.npy") == "c.npy: there is no such file or folder"
    np.save("d2.npy", np.zeros((3, 2)))
    assert "a has 1 coordinates a point and b has 2; both" in refusal("a.npy d2.npy")
    assert "p is 0.5; the order of a Wasserstein" in refusal("a.npy b.npy --p 0.5")
    assert "metric is 'taxi'; choose one of euclidean" in refusal("a.npy b.npy --metric taxi")
    assert "'guess'" in refusal("a.npy b.npy --method guess")
    assert "seed is -1; pass a non-negative int" in refusal("a.npy b.npy --seed -1")
    np.save("w.npy", np.full(28, 2.0))
    assert "weights_a sums to 56, not to one; pass normalize" in refusal("a.npy b.npy --weights-a w.npy")
    np.save("nan.npy", [1.0, np.nan])
    assert "a is not finite in row 1 (NaN)" in refusal("nan.npy b.npy")
    np.save("objects.npy", np.array([1, "x"], dtype=object), allow_pickle=True)
    assert "objects.npy holds pickled Python objects" in refusal("objects.npy b.npy")
    np.save("number.npy", 3.0)
    assert "a is a single number; pass a sample of shape" in refusal("number.npy b.npy")
    np.save("empty.npy", np.empty((0, 2)))
    assert "a is empty (shape (0, 2)); pass at least one point" in refusal("empty.npy b.npy")


def test_options_that_say_nothing_are_refused(nile):
    assert refusal("a.npy b.npy --json --explain").startswith("--json and --explain exclude each other")
    assert refusal("a.npy b.npy --header").startswith("--header and --no-header are for .csv and .tsv")
    assert refusal("a.npy b.npy --weights-column w").startswith("--weights-column needs a file of weights")
    assert refusal("a.npy b.npy --key x").startswith("key='x' is for .npz files, not for a.npy; drop it")


@pytest.mark.parametrize("command", ["estimate", "pairwise"])
def test_a_time_limit_ends_in_code_1_with_the_bracket(command, tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    x, y = rng.standard_normal((1500, 2)), rng.standard_normal((1500, 2))
    np.save("a.npy", x)
    np.save("b.npy", y)
    with pytest.warns(WdistWarning):
        est = wdist.estimate(x, y, time_limit=1e-9)
    result = run(f"{command} a.npy b.npy --time-limit 1e-9")
    assert result.exit_code == 1
    assert "did not converge" in result.stderr
    digits = {"estimate": ".10g", "pairwise": ".4g"}[command]
    assert format(est.lower, digits) in result.stdout
    assert format(est.upper, digits) in result.stdout
    assert run(f"{command} a.npy b.npy --time-limit 600").exit_code == 0
    assert run(f"{command} a.npy b.npy --time-limit 0").exit_code == 2


@pytest.mark.parametrize("command", ["estimate", "pairwise", "validate"])
def test_shared_options_are_spelled_alike(command):
    """Each is one annotation, imported; what a command spells for itself, no other has."""
    shared = {
        "p",
        "method",
        "metric",
        "target",
        "seed",
        "device",
        "time_limit",
        "column",
        "key",
        "header",
        "as_json",
    }
    own = {"validate": {"p", "seed", "time_limit"}}.get(command, set())
    notes = importlib.import_module(f"wdist.cli.{command}").__dict__[command].__annotations__
    spelled = {name for name, note in notes.items() if "Annotated" in note}
    assert spelled & (shared - own) == set()
    assert {"column", "key", "header", "as_json"} <= set(notes)


def test_an_answer_that_did_not_converge_ends_in_code_1_with_its_bracket(nile, monkeypatch):
    answers(monkeypatch, dataclasses.replace(UNSURE, lower=1.0, upper=2.0, converged=False))
    result = run("estimate a.npy b.npy")
    assert result.exit_code == 1
    assert "NOT CONVERGED" in result.stdout
    assert "1 ≤ W1 ≤ 2" in result.stdout
    assert "1.5 (unfinished)" in result.stdout
    result = run("estimate a.npy b.npy --json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["lower"] == 1.0
    assert run("estimate a.npy b.npy --explain").exit_code == 1


def ends(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(wdist, "estimate", fail)
    return run("estimate a.npy b.npy")


def test_a_solver_that_broke_down_ends_in_code_1(nile, monkeypatch):
    result = ends(monkeypatch, NotConvergedError("discrete broke down"))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "wdist: discrete broke down\n")


def test_an_interrupt_ends_in_code_130(nile, monkeypatch):
    result = ends(monkeypatch, KeyboardInterrupt())
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "wdist: interrupted\n")


def test_a_fault_of_our_own_is_owned_with_a_traceback(nile, monkeypatch):
    result = ends(monkeypatch, ZeroDivisionError("division by zero"))
    assert (result.exit_code, result.stdout) == (70, "")
    assert "Traceback" in result.stderr
    assert "\nwdist: ZeroDivisionError is a fault in wdist, not in your input; please" in result.stderr


def test_a_warning_is_one_line_on_stderr(nile, monkeypatch):
    def warn(*_, **__):
        warnings.warn("the answer\nstands, but", WdistWarning, stacklevel=2)
        return UNSURE

    monkeypatch.setattr(wdist, "estimate", warn)
    result = run("estimate a.npy b.npy --json")
    assert result.exit_code == 0
    assert result.stderr == "wdist: warning: the answer stands, but\n"
    assert json.loads(result.stdout)["value"] == 1.5
    with pytest.raises(WdistWarning):  # the command leaves the filters as they were
        warnings.warn("again", WdistWarning, stacklevel=1)


def test_an_unknown_option_ends_in_code_2(nile):
    result = run("estimate a.npy b.npy --frobnicate")
    assert result.exit_code == 2
    assert "No such option" in result.stderr


def test_a_closed_pipe_is_no_fault(nile, monkeypatch):
    result = ends(monkeypatch, BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert (result.exit_code, result.stderr) == (1, "")
