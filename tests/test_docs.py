"""What the pages say, runs: their Python blocks, and the tables that were typed from measurements.

The blocks of a page share one namespace, which begins with what `GIVEN` has for the page: the small data that the page
takes for granted. A number in a comment after an expression is compared with it, to the digits it has; where a page
brings its own data, so is what an estimate says. A block that cannot run here stands below a comment
`<!-- not run: why -->`, which neither GitHub nor the site shows.
"""

import ast
import itertools
import json
import operator
import re

import numpy as np
import pandas as pd
import pytest
import torch
from pages import PAGES, ROOT, Block, blocks

import wdist
import wdist.gan
from benchmarks import gan_curves, stops
from wdist.gan.classifier import mnist_classifier
from wdist.measures import as_samples


def run(block, names, own_data):
    """Run a block; a number in a comment after an expression is its value, and words are, where the data are known."""
    for node in ast.parse(block.text).body:
        where = f"{block.page}:{block.line + node.lineno - 1}"
        if not isinstance(node, ast.Expr):
            exec(compile(ast.Module([node], []), where, "exec"), names)
            continue
        value = eval(compile(ast.Expression(node.value), where, "eval"), names)
        said = comment(block.text.splitlines(), node)
        if number := re.match(r"-?\d+\.?\d*(e-?\d+)?(?=$|,)", said):
            mantissa = number[0].partition("e")[0]
            digit = 10.0 ** (int((number[1] or "e0")[1:]) - len(mantissa.partition(".")[2]))
            assert float(value) == pytest.approx(float(number[0]), rel=1e-12, abs=0.51 * digit), where
        elif own_data and " between " in said and isinstance(value, wdist.Estimate | wdist.Floor):
            assert repr(value).startswith(re.split(r"; by |; \.\.\.", said)[0]), f"{where}: {value!r}"


def comment(lines, node):
    """What stands after an expression: in the rest of its line, or in the lines of comment below."""
    rest = lines[node.end_lineno - 1][node.end_col_offset :].strip()
    below = [] if rest else itertools.takewhile(lambda line: line.startswith("#"), lines[node.end_lineno :])
    return " ".join(line.removeprefix("#").strip() for line in (rest, *below) if line)


def laws():
    case = wdist.truth.translation(2 * wdist.truth.axis(2))
    return case.a, case.b


def clouds(*sizes, dim=2):
    rng = np.random.default_rng(0)
    return [rng.normal(loc=k, size=(n, dim)) for k, n in enumerate(sizes)]


def readme():
    (a, b), (x, y, z) = clouds(60, 60), map(torch.from_numpy, clouds(60, 50, 40))
    w, (law, loader) = np.full(60, 1 / 60), laws()
    real, fake = np.random.default_rng(0).random((2, 40, 32, 32, 3))
    clipped = wdist.Critic(wdist.Clip(0.1), wdist.MLP((100, 100)), steps=300)
    return dict(locals(), critic=lambda points: -points[:, 0])


def evaluation():
    digits = wdist.datasets.mnist().points
    return {
        "held_out": digits[7000:7100],
        "generator": as_samples(digits[7100:7200]),
        "net": mnist_classifier()[0],
    }


def calibration():
    a, b = laws()
    return {"a": a, "b": b}


def many():
    x, y, z = clouds(60, 50, 40)
    return {"x": x, "y": y, "z": z, "samples": [x, y], "references": [z], "loader": [(x, y), (y, z)]}


def meaning():
    (a, b), (x, y) = clouds(100, 100), np.split(np.random.default_rng(0).random((700, 8)), [400])
    x, y = x / 2, (y + 1) / 2
    before, after = (
        pd.DataFrame(x[:100], columns=list("abcdefgh")),
        pd.DataFrame(y[:100], columns=list("abcdefgh")),
    )
    return dict(locals(), my_critic=lambda p: -p[:, 0], est=wdist.estimate(a, b), sample=a, batch=a[:20] + 1)


GIVEN = {
    "README.md": readme,
    "docs/gan-evaluation.md": evaluation,
    "docs/kappa.md": calibration,
    "docs/many.md": many,
    "docs/meaning.md": meaning,
}
"""Page -> what it takes for granted."""

DEAR = {"README.md", "docs/gan.md", "docs/kappa.md"}
"""Pages that fit critics or train generators at the sizes they speak of."""

OPTIONAL = {"geomloss"}

WITH_PYTHON = [page for page in PAGES if any(not block.excuse for block in blocks(page, "python"))]


@pytest.mark.filterwarnings("ignore::wdist.WdistWarning")
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow) if page in DEAR else page for page in WITH_PYTHON]
)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"wdist": wdist, **GIVEN.get(page, dict)()}
    missing = set()
    for block in blocks(page, "python"):
        if block.excuse:
            continue
        try:
            run(block, names, own_data=page not in GIVEN)
        except ModuleNotFoundError as error:
            missing.add(error.name)
            continue
        if "\nours = " in block.text:
            check_alike(block, names["theirs"], names["ours"])
    assert missing <= OPTIONAL
    if missing:
        pytest.skip(f"all but what needs {', '.join(missing)} ran")


def check_alike(block, theirs, ours):
    """A page's claim that two libraries give one number: to 1e-9, entropic ones to 1e-3, random directions to 2 %."""
    loose = {"sinkhorn": 1e-3, "n_projections": 0.02}
    close = next((tolerance for word, tolerance in loose.items() if word in block.text), 1e-9)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=close, atol=1e-9)


@pytest.mark.parametrize("page", sorted(DEAR))
def test_names_on_a_dear_page_exist(page):
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block.text)):
            chain = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if re.fullmatch(r"(wdist|gan)(\.\w+)+", chain):
                operator.attrgetter(chain.partition(".")[2])(
                    wdist if chain.startswith("wdist") else wdist.gan
                )


def test_the_recipes_are_as_measured():
    """The table of docs/gan.md against what `python -m benchmarks.run recipes` wrote."""
    runs = {}
    for row in json.loads((ROOT / "benchmarks/results/recipes.json").read_text())["rows"]:
        runs.setdefault(row["run"], []).append(row)

    def mean(run, state):
        return [np.mean([row[state][number] for row in runs[run]]) for number in ("debiased", "recall")]

    table = re.findall(
        r"^\| `(\S+)`, ([^|]*) \| (\d+) \| ([\d., ]+) \| ([\d., ]+) \| ([\d., ]+) \|$",
        (ROOT / "docs/gan.md").read_text(), re.MULTILINE,
    )  # fmt: skip
    assert len(table) == 6
    for loss, digits, steps, *said in table:
        preset = f"{loss}, {digits}"
        bare, centred = (
            (preset, f"{preset}, centred") if loss == "gan" else (f"{preset}, not centred", preset)
        )
        found = [mean(bare, "now"), mean(centred, "now"), mean(preset, "averaged")]
        for cell, numbers in zip(said, found, strict=True):
            assert [float(x) for x in cell.split(",")] == pytest.approx(numbers, abs=0.0051), preset
        assert {row["steps"] for row in runs[preset]} == {int(steps)}


def test_critics_beside_a_convolutional_generator_are_as_measured():
    """The table of docs/gan.md against what `python -m benchmarks.run recipes` wrote."""
    rows = json.loads((ROOT / "benchmarks/results/recipes.json").read_text())["rows"]
    text = (ROOT / "docs/gan.md").read_text()
    table = (
        text.split("| loss | MLP of the preset | DCGAN critic | patches |\n")[1]
        .split("\n\n")[0]
        .splitlines()[1:]
    )
    assert len(table) == 4
    for line in table:
        loss, *cells = (cell.strip(" `") for cell in line.split("|")[1:-1])
        for critic, cell in zip(("MLP", "DCGAN", "patches"), cells, strict=True):
            name = f"{loss}, sevens, DCGAN generator, {critic} critic"
            found = sorted(row["now"]["debiased"] for row in rows if row["run"] == name)
            said = f"{np.mean(found):.2f} ({', '.join(f'{x:.2f}' for x in found)})" if found else ""
            assert cell == said, name


def test_what_the_logged_numbers_are_worth_is_as_measured():
    """The table of docs/gan-evaluation.md against that of the page of benchmarks."""
    page = gan_curves.ranks(ROOT / "benchmarks/results").splitlines()
    measured = {row.split("`")[1]: row.split("|")[2:-1] for row in page if row.startswith("| `")}
    text = (ROOT / "docs/gan-evaluation.md").read_text().split("## What they are worth")[1]
    said = re.findall(
        r"^\| (`debiased`|`critic`|`frechet`|`w1`|the critic's value in training)[^|]*\|(.*)\|$", text, re.M
    )
    assert len(said) == 5
    for name, cells in said:
        for key in (name.strip("`"),) if name.startswith("`") else ("raw", "corrected"):
            assert cells.split("|") == measured[key][::2], key
    others = [cell.strip() for cell in measured["debiased"][1::2]]
    assert f"`debiased` has {', '.join(others[:3])} and {others[3]}." in text


def test_generators_in_the_plane_are_as_measured():
    """What docs/gan.md says of laws in pieces against benchmarks/results/toys.json."""
    rows = json.loads((ROOT / "benchmarks/results/toys.json").read_text())["rows"]
    page = (ROOT / "docs/gan.md").read_text()
    section = " ".join(page[page.index("## Laws in pieces") : page.index("## By class")].split())

    def between(law, recipe, form, number):
        found = [number(row) for row in rows if (row["law"], row["recipe"]) == (law, recipe)]
        return f"{min(found):{form}} to {max(found):{form}}"

    def good(row):
        return 100 * row["good"]

    def floors(row):
        return row["w1"] / row["floor"]

    assert all(
        row["covered"] == row["modes"] for row in rows if row["recipe"] in ("preset", "half the steps")
    )
    for law, recipe, form, number in [
        ("ring", "preset", ".0f", good),
        ("grid", "preset", ".0f", good),
        ("grid", "preset", ".2f", lambda row: row["imbalance"]),
        *((law, "preset", ".1f", floors) for law in ("ring", "grid", "swiss-roll")),
        ("grid", "continuous latent", ".0f", lambda row: row["covered"]),
        ("grid", "continuous latent", ".0f", good),
        ("grid", "continuous latent", ".1f", floors),
        ("grid", "generator as fast as the critic", ".2f", lambda row: row["imbalance"]),
        ("grid", "half the steps", ".0f", good),
    ]:
        assert between(law, recipe, form, number) in section


def test_halvings_are_as_measured():
    """The table of docs/gan-evaluation.md against benchmarks/results/halvings.json."""
    rows = json.loads((ROOT / "benchmarks/results/halvings.json").read_text())["rows"]
    page = (ROOT / "docs/gan-evaluation.md").read_text()
    section = page[page.index("## Few points") : page.index("## By a kappa card")]
    said = re.findall(r"^\| (one|sixteen)[^|]*\| (.*) \|$", section, re.MULTILINE)
    runs = {row["key"]: row["looks"][1::2] for row in rows}
    for (often, values), side in zip(said, (0, 1, 0, 1), strict=True):
        looks = runs["sevens, halved once" if often == "one" else "sevens"]
        assert values == " | ".join(f"{look['debiased'][side]:.3f}" for look in looks)
    last = {row["n"]: row["looks"][-1]["debiased"] for row in rows if row["key"].startswith("all ten")}
    text = " ".join(section.split())
    assert (
        "reads {:.2f} by 1000 a half, {:.2f} by 500, {:.2f} by 250".format(
            *(last[n][0] for n in (1000, 500, 250))
        )
        in text
    )
    assert f"2000 of which read {last[1000][1]:.2f}" in text


def test_the_stopping_rule_is_as_measured():
    """The counts of docs/gan-evaluation.md against what the rule, replayed, makes of the runs."""
    rows = json.loads((ROOT / "benchmarks/results/stops.json").read_text())["rows"]
    counts = [
        [int(number) for number in re.findall(r"\d+", line.partition(":")[2])]
        for line in stops.table(rows).splitlines()
        if line.startswith("Seed")
    ]
    page = (ROOT / "docs/gan-evaluation.md").read_text()
    section = page[page.index("## The stopping rule") :]
    said = re.findall(r"^\| [^|]+ \| (\d+) \| (\d+) \| (\d+) \|$", section, re.MULTILINE)
    by_law = re.findall(
        r"^\| .* the law itself \| ([\d, ]+) \| ([\d, ]+) \| ([\d, ]+) \|$", section, re.MULTILINE
    )
    for seed, found in enumerate(counts):
        stop, of, kept, end, _, stop_or_law, kept_or_law, end_or_law, saved = found
        assert [int(line[seed]) for line in said] == [kept, stop, end]
        assert by_law[0][seed] == f"{kept_or_law}, {stop_or_law}, {end_or_law}"
        assert of == 10
        assert f"{saved} %" in section


def test_engines_are_as_measured():
    """What docs/methods.md says of the rules in wdist/data/crossovers.json."""
    rules = json.loads((ROOT / "wdist/data/crossovers.json").read_text())["rules"]
    bands = {}
    for rule in rules:
        band = (*rule["p"], *rule["d"], rule["masses"], rule["apart"])
        bands.setdefault(band, {})[rule["engines"][0]] = rule["from"]  # rules go down in size
    never = {band for band, first in bands.items() if "sparse" not in first}
    apart = {(1, 1.5, 1, 3, masses, True) for masses in ("matched", "uneven", "uniform")}
    many = {(*p, 91, None, masses, False) for p in ((1, 1.5), (1.5, None)) for *_, masses, _ in apart}
    flat = {(1, 1.5, 1, 3, masses, False) for masses in ("uneven", "uniform")}
    assert never == {*apart, *many, *flat, (1, 1.5, 16, 91, "uniform", False)}
    starts = [first["sparse"] for band, first in bands.items() if band not in never and band[2] < 91]
    assert all(350 <= start <= 4600 for start in starts)
    assert {engine for first in bands.values() for engine in first} == {"sparse", "pot", "lapx"}


def test_every_excuse_is_needed():
    excused = [block for page in PAGES for block in blocks(page, "python") if block.excuse]
    assert [(block.page, block.excuse) for block in excused] == [
        (
            "docs/many.md",
            "no scheduler answers under that address; tests/test_pairwise.py does this on a cluster of its own",
        )
    ]


def test_a_number_that_is_not_so_is_found():
    with pytest.raises(AssertionError, match="page:7"):
        run(Block("page", 7, "python", "1 + 1  # 2.1", None), {}, own_data=True)
    text = "import wdist\nwdist.estimate([0], [1])\n# W1 between the samples = 2 (exact); by line"
    with pytest.raises(AssertionError, match="page:8"):
        run(Block("page", 7, "python", text, None), {}, own_data=True)
