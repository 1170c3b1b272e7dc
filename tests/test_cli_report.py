"""`wdist report`: the page of the call, of a run and of a card; what it is made from, and how it ends."""

import hashlib
import json
import shlex

import html_page
import numpy as np
import pytest
from report_pages import HOSTILE, normal, train
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.cli.reading import names_in
from wdist.datasets import pair
from wdist.gan.folder import RunFolder
from wdist.gan.recipes import described


def run(line):
    return CliRunner().invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": "200"})


def page(path="report.html"):
    with open(path, encoding="utf-8") as stream:
        root = html_page.read(stream.read())
    html_page.check_numbers(root)
    return root, html_page.embedded(root)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    real = pair("nile")
    np.save("a.npy", real.a)
    np.save("b.npy", real.b)
    return tmp_path


def refusal(line):
    result = run(line)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.removeprefix("wdist: ").rstrip()


def test_it_is_the_page_of_the_call_and_says_how_to_make_it_again(here):
    line = "wdist report a.npy b.npy --out nile.html --seed 3 --no-floor --permutations 39 --unit 'm3 / s'"
    result = run(line.removeprefix("wdist "))
    assert (result.exit_code, result.stderr) == (0, "")
    root, data = page("nile.html")
    found = wdist.estimate(np.load("a.npy"), np.load("b.npy"), seed=3)
    assert data["estimate"]["value"] == found.value
    assert data["estimate"]["floor"] is None
    assert result.stdout.splitlines() == [data["verdict"], "nile.html"]
    origin = data["origin"]
    assert sorted(shlex.split(origin["command"])) == sorted(shlex.split(line))
    assert root.all("pre", kind="command")[0].text == origin["command"]
    assert origin["seed"] == 3
    assert origin["versions"]["wdist"] == wdist.__version__
    hashes = [hashlib.sha256((here / name).read_bytes()).hexdigest() for name in ("a.npy", "b.npy")]
    assert [(one["name"], one["sha256"]) for one in origin["inputs"]] == list(
        zip(["a.npy", "b.npy"], hashes, strict=True)
    )
    assert "m3 / s" in root.all("svg")[0].text
    assert run(origin["command"].removeprefix("wdist ")).exit_code == 0
    _, again = page("nile.html")
    for one in (data, again):
        one["estimate"]["seconds"] = one["verdict"] = one["origin"] = None
    assert again == data


def test_the_floor_is_that_of_estimate_and_there_where_it_can_be(here):
    assert run("report a.npy b.npy --permutations 39").exit_code == 0
    there = json.loads(run("estimate a.npy b.npy --floor --json").stdout)
    assert page()[1]["estimate"]["floor"] == there["floor"]
    assert run("report a.npy b.npy --method sliced --permutations 39").exit_code == 0
    assert page()[1]["estimate"]["floor"] is None
    assert "floor=True goes with" in refusal("report a.npy b.npy --method sliced --floor")


def test_series_want_blocks_for_p_values(here):
    x = np.cumsum(np.random.default_rng(0).normal(size=200))
    np.save("walk.npy", x)
    assert run("report walk.npy b.npy --permutations 39").exit_code == 0
    root, data = page()
    assert data["comparison"]["features"][0]["pvalue"] is None
    assert "Rows depend on those before them; noise is estimated for independent ones" in root.text
    assert "Without p-values: rows of a depend on the rows before them" in root.text
    assert run("report a.npy b.npy --permutations 39").exit_code == 0
    assert "Rows depend" not in page()[0].text
    assert run("report walk.npy b.npy --blocks 20 --permutations 39").exit_code == 0
    assert page()[1]["comparison"]["features"][0]["pvalue"] > 0


def test_columns_have_the_files_names_however_hostile(here):
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    for name, shift in ((HOSTILE[0].replace("/", "|") + ".csv", 0), ("b.csv", 1)):
        rows = [",".join(map(str, row)) for row in normal(12, 4, shift, shift)]
        (here / name).write_text("\n".join([quoted, *rows]))
    assert (
        run(f"report {shlex.quote('<script>alert(1)<|script>.csv')} b.csv --permutations 39").exit_code == 0
    )
    root, data = page()
    assert {one["name"] for one in data["comparison"]["features"]} == set(HOSTILE)
    assert root.all("h1")[0].text == "<script>alert(1)<|script>.csv and b.csv"
    assert not root.all("img")
    assert run("report b.csv b.csv -c 1 -c 0 --permutations 39").exit_code == 0
    assert {one["name"] for one in page()[1]["comparison"]["features"]} == {HOSTILE[0], HOSTILE[1]}
    assert names_in(here / "a.npy", None, None) == []


def test_the_same_columns_in_another_order_are_refused(here):
    (here / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (here / "b.csv").write_text("y,x\n1,2\n3,4\n")
    assert "a.csv has the columns x, y and b.csv the same in another order" in refusal("report a.csv b.csv")


def test_what_is_refused_leaves_no_page_and_what_did_not_converge_says_so(here):
    assert "method 'gaussian' cannot answer this" in refusal("report a.npy b.npy --method gaussian")
    assert not (here / "report.html").exists()
    np.save("x.npy", normal(900, 6))
    np.save("y.npy", normal(900, 6, 0.5, 1))
    result = run("report x.npy y.npy --time-limit 0.001 --permutations 9")
    assert result.exit_code == 1
    assert "NOT CONVERGED" in result.stdout
    root, data = page()
    assert data["estimate"]["converged"] is False
    assert not root.all(kind="value")


def test_a_run_and_a_card_are_told_by_what_lies_there(here):
    folder = RunFolder(here / "seven")
    folder.make()
    folder.write(folder.config, {"seed": 7, "config": described(gan.preset("wgan-gp", "ring"))})
    folder.log.write_text('{"step": 1, "critic": 0.5}\n')
    folder.generator.touch()
    result = run("report seven --out seven.html --no-judge")
    assert (result.exit_code, result.stderr) == (0, "")
    root, data = page("seven.html")
    assert (data["kind"], data["evaluation"], data["last"]["critic"]) == ("run", None, 0.5)
    names = [one["name"] for one in data["origin"]["inputs"]]
    assert names == [f"seven/{name}" for name in ("config.json", "log.jsonl", "generator.safetensors")]
    assert root.all("h1")[0].text == "seven"
    assert "not judged" in result.stdout
    card = wdist.Calibration.load(wdist.Calibration.shipped()[0])
    card.save(here / "card.json")
    assert run("report card.json --out card.html").exit_code == 0
    _, data = page("card.html")
    assert (data["kind"], data["verdict"], data["origin"]["seed"]) == ("card", card.verdict, card.seed)
    assert refusal("report seven").endswith("--no-judge makes the page without its coverage")


@pytest.mark.slow
def test_a_run_is_judged_as_by_gan_evaluate(here):
    train(here / "seven")
    assert run("report seven").exit_code == 0
    there = json.loads(run("gan evaluate seven --json").stdout)["seven"]
    numbers = page()[1]["evaluation"]["numbers"]
    assert numbers == {name: there[name] for name in numbers}
    assert {"debiased", "modes", "good"} < set(numbers)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("report nowhere", "nowhere: there is no such file or folder"),
        (
            "report .",
            ". holds neither a run (config.json) nor a card (card.json); of two samples, name the second too",
        ),
        ("report a.npy", "a.npy holds neither a run (config.json) nor a card (card.json)"),
        ("report a.npy --p 2 --no-floor", "--p, --floor: that is of two samples, and one path was given"),
        (
            "report a.npy b.npy --out no/such.html",
            "--out no/such.html: no such folder as no; make it, or choose another",
        ),
    ],
)
def test_refused(line, text, here):
    assert refusal(line).startswith(text)


@pytest.mark.slow
def test_a_run_that_is_not_finished_is_judged_at_its_newest_checkpoint(here):
    train(here / "seven")
    (here / "seven" / "generator.safetensors").unlink()
    result = run("report seven")
    assert result.exit_code == 0
    assert "seven is not finished: " in result.stderr
    there = json.loads(run("gan evaluate seven --json").stdout)["seven"]
    root, data = page()
    assert data["evaluation"]["numbers"]["debiased"] == there["debiased"]
    assert data["evaluation"]["checkpoint"] == there["checkpoint"] == 6
    assert "what was judged is its checkpoint of step 6." in root.text
