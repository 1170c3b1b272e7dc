"""The page: its numbers are the JSON's, its pictures are the numbers, and it can be read by anyone, anywhere."""

import json
import re
from itertools import pairwise
from pathlib import Path

import html_page
import numpy as np
import pytest
import torch
from report_pages import (
    ESTIMATES,
    HOSTILE,
    JUDGED,
    KINDS,
    MAYBE_ONE,
    OF_LAWS,
    estimate,
    normal,
    of_pair,
    one_of_each,
    train,
)
from sklearn.decomposition import PCA

import wdist
from wdist import InputError, report
from wdist.measures import as_samples
from wdist.plans.dense import Coupling
from wdist.report.bracket import bracket
from wdist.report.curves import kappas, readings
from wdist.report.marginals import marginal
from wdist.report.origin import Input
from wdist.report.points import Plane, scatter
from wdist.report.svg import Scale
from wdist.result import Bound, Floor, Interval

STYLE = (Path(report.__file__).parent / "templates" / "style.css").read_text()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "seven")


@pytest.fixture(scope="module")
def pages(run_folder):
    return one_of_each(run_folder)


@pytest.fixture(params=KINDS)
def page(request, pages):
    return html_page.read(pages[request.param].html)


class TestNumbers:
    def test_all_are_the_jsons(self, page):
        assert len(html_page.check_numbers(page)) >= 3

    @pytest.mark.parametrize(
        ("kind", "places"),
        [
            ("plane", ["estimate.value", "estimate.floor.a", "comparison.features.0.pvalue", "times_floor"]),
            ("wide", ["comparison.features.15.distance", "plane.share", "comparison.region.share_b"]),
            ("line", ["estimate.lower", "estimate.upper", "estimate.value", "estimate.floor.b"]),
            ("sliced", ["estimate.interval.low", "estimate.interval.high", "estimate.lower"]),
            ("stopped", ["estimate.lower", "estimate.upper"]),
            ("run", ["last.critic", "last.held", "steps.done", "evaluation.coverage.filled.1"]),
            ("card", ["spread", "valid_range.low", "families.8.left_out", "budget_effect"]),
        ],
    )
    def test_what_matters_is_among_them(self, kind, places, pages):
        assert set(places) <= html_page.check_numbers(html_page.read(pages[kind].html))

    @pytest.mark.parametrize("kind", ESTIMATES)
    def test_the_verdict_is_the_estimates_own_sentence(self, kind, pages):
        root = html_page.read(pages[kind].html)
        (verdict,) = root.all("p", kind="verdict")
        assert verdict.text == pages[kind].data["verdict"]

    def test_the_json_holds_the_estimate_and_the_comparison(self):
        x, y = normal(40), normal(30, 2, 1.0, 1)
        found, page = of_pair(x, y)
        data = html_page.embedded(html_page.read(page.html))
        assert data["estimate"] == json.loads(json.dumps(found.to_dict()))
        assert data["verdict"] == repr(found)
        compared = wdist.compare(x, y, names=["x0", "x1"], permutations=39).to_dict()
        assert [one["distance"] for one in data["comparison"]["features"]] == [
            one["distance"] for one in compared["features"]
        ]
        assert [one["name"] for one in data["comparison"]["features"]] == [
            one["name"] for one in compared["features"]
        ]
        assert data["times_floor"] == found.value / found.floor.value

    def test_without_a_solution_there_is_no_plain_number(self, pages):
        """The unfinished figure is only where it is called unfinished."""
        root = html_page.read(pages["stopped"].html)
        values = [e for e in root.walk() if e.attributes.get("data-of") == "estimate.value"]
        assert [e.under("open") for e in values] == [True]
        assert "unfinished figure, no answer" in root.all("svg")[0].text
        assert not root.all(kind="value")
        assert "no distance on this page" in root.all("p", kind="reading")[0].text
        assert "NOT CONVERGED (unfinished figure 2)" in root.all("p", kind="verdict")[0].text

    @pytest.mark.parametrize(
        ("found", "reading"),
        [
            (OF_LAWS, "The lower end is above zero"),
            (MAYBE_ONE, "Zero is not ruled out"),
            (estimate(floor=Floor(1.0, 1.9, 1.0)), "Noise alone would show as much"),
            (estimate(floor=Floor(0.5, 0.25, 1.0)), "That is 4 times what noise alone would show."),
        ],
    )  # fmt: skip
    def test_what_it_comes_to(self, found, reading):
        root = html_page.read(report.of_estimate(found).html)
        assert reading in root.all("p", kind="reading")[0].text

    def test_rows_that_may_not_be_relabelled_are_ranked_without_p_values(self, pages):
        data = pages["weighted"].data["comparison"]
        assert {one["pvalue"] for one in data["features"]} == {None}
        assert "Without p-values: a is weighted" in html_page.read(pages["weighted"].html).text
        x, y, w = normal(30), normal(20, shift=1), np.arange(1, 31) / 465
        one = data["features"][0]
        alone = wdist.estimate(x[:, one["column"]], y[:, one["column"]], weights_a=w)
        assert one["distance"] == pytest.approx(alone.value)
        assert one["shift"] == pytest.approx(y[:, one["column"]].mean() - w @ x[:, one["column"]])


class TestPictures:
    def test_the_bracket_lies_where_its_numbers_say(self):
        found = estimate(
            bound=Bound.LOWER, lower=2.0, upper=5.0, quantity="sliced W1",
            interval=Interval(1.5, 2.5, 0.9, "projections"), floor=Floor(1.0, 0.5, 1.0),
        )  # fmt: skip
        root = html_page.read(bracket(found))
        ticks = {float(e.text): float(e["x"]) for e in root.all("text", kind="tick")}
        per = (ticks[4.0] - ticks[0.0]) / 4
        where = {
            e.classes[1]: [(float(e[k]) - ticks[0.0]) / per for k in ("x1", "x2")]
            for e in root.all("line", kind="bar")
        }
        (mark,) = root.all("circle", kind="mark")
        assert (float(mark["cx"]) - ticks[0.0]) / per == pytest.approx(2.0, abs=1e-3)
        for kind, ends in (("proved", (2, 5)), ("interval", (1.5, 2.5)), ("noise", (0, 1))):
            assert where[kind] == pytest.approx(ends, abs=1e-3)
        (wash,) = root.all("rect", kind="wash")
        assert float(wash["width"]) / per == pytest.approx(1.0, abs=1e-3)

    @pytest.mark.parametrize(
        ("found", "kinds", "words"),
        [
            (estimate(), [], "W1, exact"),
            (estimate(lower=2.0, upper=2.0), [], "W1, exact"),
            (estimate(bound=Bound.LOWER, lower=2.0), ["proved"], "W1 at least, certified"),
            (estimate(bound=Bound.UPPER, upper=2.0), ["proved"], "W1 at most, certified"),
            (estimate(bound=Bound.NONE), [], "W1, an estimate, no guarantee"),
            (OF_LAWS, ["proved", "noise"], "debiased guess, no guarantee"),
            (estimate(value=0.0), [], "W1, exact"),
        ],
    )
    def test_it_draws_what_is_known_and_no_more(self, found, kinds, words):
        root = html_page.read(bracket(found, "°F"))
        assert [e.classes[1] for e in root.all("line", kind="bar")] == kinds
        assert words in root.text
        assert "distance, in °F" in root.text

    def test_what_has_no_upper_end_runs_on(self):
        root = html_page.read(bracket(estimate(bound=Bound.LOWER, lower=2.0)))
        (bar,) = root.all("line", kind="bar")
        assert float(bar["x2"]) == max(float(e["x"]) for e in root.all("text", kind="label"))
        assert len(root.all("path", kind="cap")) == 1

    def test_the_area_between_distribution_functions_is_w1(self):
        x, y = normal(70, 3), normal(50, 3, 0.7, 1) * 1.5
        a, b = as_samples(x), as_samples(y)
        root = html_page.read(marginal("m", a, b, 1, "dose", ("A", "B"), True))
        ticks = root.all("text", kind="tick")
        heights = {e.text: float(e["y"]) for e in ticks if e["x"] == "0"}
        places = sorted((float(e.text), float(e["x"])) for e in ticks if e["x"] != "0")
        across = (places[-1][1] - places[0][1]) / (places[-1][0] - places[0][0])
        grid = np.arange(0, 680, 0.05)
        shares = []
        for side in "ab":
            (curve,) = [e for e in root.all("path", kind="curve") if side in e.classes]
            points = np.array([pair.split(",") for pair in curve["d"][1:].split()], float)
            step = np.searchsorted(points[:, 0], grid, side="right") - 1
            shares.append(points[np.clip(step, 0, None), 1])
        area = np.abs(shares[0] - shares[1]).sum() * 0.05 / across / (heights["0"] - heights["1"])
        assert area == pytest.approx(wdist.estimate(x[:, 1], y[:, 1]).value, rel=0.01)

    def test_far_points_do_not_flatten_a_curve(self):
        x = np.r_[np.linspace(0, 1, 999), 1e6]
        root = html_page.read(marginal("m", as_samples(x), as_samples(x[:-1]), 0, "x", ("A", "B"), True))
        assert max(float(e.text) for e in root.all("text", kind="tick")) <= 2

    def test_the_plane_is_that_of_principal_axes(self):
        x, y = normal(60, 5) * [1, 5, 1, 3, 1], normal(40, 5, 1, 1)
        plane = Plane.of(as_samples(x), as_samples(y), list("abcde"))
        pooled = np.concatenate([x, y])
        theirs = PCA(2).fit(pooled)
        assert plane.share == pytest.approx(theirs.explained_variance_ratio_.sum())
        ours = np.concatenate([plane.a, plane.b])
        assert np.abs(ours) == pytest.approx(np.abs(theirs.transform(pooled)), abs=1e-9)
        assert Plane.of(as_samples(x[:, :2]), as_samples(y[:, :2]), ["a", "b"]).a == pytest.approx(x[:, :2])

    def test_ways_join_what_the_plan_joins(self):
        a, b = np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([[4.0, 2.0], [0.0, 2.0]])
        plan = Coupling(np.array([0, 1]), np.array([1, 0]), np.array([0.5, 0.5]))
        plane = Plane.of(as_samples(a), as_samples(b), ["x", "y"])
        root = html_page.read(scatter(plane, plan, ((), ()), ("A", "B")))
        (ways,) = root.all("path", kind="ways")
        ends = np.array(re.findall(r"[-\d.]+", ways["d"]), float).reshape(-1, 4)
        assert ends[:, 0] == pytest.approx(ends[:, 2])  # straight up, as the plan goes
        assert (ends[:, 1] > ends[:, 3]).all()  # in a picture, up is less
        rings = html_page.read(scatter(plane, None, ((1,), (0,)), ("A", "B"))).all("circle", kind="ring")
        assert [float(e["cx"]) for e in rings] == pytest.approx([max(ends[:, 0])] * 2, abs=0.06)

    def test_a_critics_witnesses_are_ringed(self):
        x, y = normal(60), normal(60, 2, 2.0, 1)
        found = wdist.estimate(x, y, method=wdist.Critic(steps=5))
        root = html_page.read(report.of_estimate(found, x, y, permutations=39).html)
        assert len(root.all("circle", kind="ring")) == 16
        assert not root.all("path", kind="ways")

    def test_readings_are_drawn_over_their_steps(self):
        rows = [
            {"step": 0, "critic": 4.0},
            {"step": 10, "critic": 2.0, "held": 1.0},
            {"step": 20, "critic": None},
        ]
        root = html_page.read(readings(rows, "W1", "W1, in m"))
        curves = {e.classes[1]: e["d"] for e in root.all("path", kind="curve")}
        assert curves.keys() == {"training", "held"}
        start, end = (tuple(map(float, p.split(","))) for p in curves["training"][1:].split())
        assert (start[0], end[0]) == (0.0, 680.0)
        zero = max(float(e["y1"]) for e in root.all("line", kind="grid"))
        assert zero - start[1] == pytest.approx(2 * (zero - end[1]), abs=0.3)
        assert readings([{"step": 3}], "W1", "W1, in m") is None

    def test_every_family_has_its_curve_and_its_name(self):
        card = wdist.Calibration.load(wdist.Calibration.shipped()[0])
        root = html_page.read(kappas(card))
        names = root.all("text", kind="key")
        assert {e.text for e in names} == set(card.families)
        heights = sorted(float(e["y"]) for e in names)
        assert min(np.diff(heights)) >= 24.9
        assert len([e for e in root.all("path", kind="curve") if "family" in e.classes]) == len(card.families)
        assert len(root.all("path", kind="band")) == 1

    @pytest.mark.parametrize("ends", [(0.0, 1e-9), (-3e7, 2e8), (0.2, 0.9, True), (1e-5, 1e5, True)])
    def test_ticks_are_few_and_within(self, ends):
        scale = Scale(*ends[:2], 0.0, 1.0, *ends[2:])
        ticks = scale.ticks()
        assert 2 <= len(ticks) <= 7
        assert all(scale.low <= tick <= scale.high for tick in ticks)


class TestHostile:
    def test_names_are_text_and_nothing_else(self, pages):
        root = html_page.read(pages["wide"].html)
        headings = {e.text for e in root.all("h3", "th")}
        assert set(HOSTILE) <= headings
        (script,) = root.all("script")
        assert not set("<>&") & set(script.text)  # nothing in it that could end it, or begin another
        assert not root.all("img")
        assert "49" not in [e.text for e in root.all("h3", "th")]

    def test_so_are_the_samples_names_and_the_classes(self, pages):
        x = normal(20)
        found = wdist.estimate(x, x + 1)
        root = html_page.read(
            report.of_estimate(found, x, x + 1, names=(HOSTILE[1], "b\udcff"), permutations=39).html
        )
        assert f"{HOSTILE[1]} and b?" in root.all("h1")[0].text
        assert not root.all("img")
        of_run = html_page.read(pages["run"].html)
        assert HOSTILE[0] in {e.text for e in of_run.all("th")}
        assert len(of_run.all("script")) == 1

    def test_nothing_is_loaded_and_nothing_runs(self, page):
        for element in page.walk():
            for name, value in element.attributes.items():
                assert not name.startswith("on")
                if name in ("src", "href"):
                    assert value.startswith(("data:", "#"))
        assert "url(" not in STYLE
        assert "@import" not in STYLE
        (policy,) = [
            e["content"]
            for e in page.all("meta")
            if e.attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policy.startswith("default-src 'none'; ")
        assert "script-src" not in policy


def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


class TestAccess:
    def test_themes_differ_and_text_stands_out_in_each(self):
        themes = [
            {
                name: value if len(value) == 7 else "#" + "".join(2 * c for c in value[1:])
                for name, value in found
            }
            for block in re.findall(r":root \{(.*?)\}", STYLE, re.S)
            if (found := re.findall(r"--(\w+): (#\w+);", block))
        ]
        assert len(themes) == 3  # light, dark, print
        for theme in themes:
            for text in ("ink", "quiet", "accent"):
                for ground in ("paper", "wash"):
                    assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        assert luminance(themes[0]["paper"]) > 0.9 > 0.05 > luminance(themes[1]["paper"])

    def test_no_colour_is_outside_the_themes(self, page):
        colours = re.findall(r"#[0-9a-f]{3,6}\b", re.sub(r":root \{.*?\}", "", STYLE, flags=re.S))
        assert set(colours) <= {"#fff"}  # paper beneath pictures that bring their own colours
        for element in page.walk():
            assert not {"fill", "stroke"} & element.attributes.keys()

    def test_language_headings_and_ids(self, page):
        (html,) = page.all("html")
        assert html["lang"] == "en"
        levels = [int(e.tag[1]) for e in page.all("h1", "h2", "h3")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        ids = [e["id"] for e in page.walk() if "id" in e.attributes]
        assert len(ids) == len(set(ids))
        named = [name for e in page.walk() for name in e.attributes.get("aria-labelledby", "").split()]
        assert set(named) <= set(ids)
        (skip,) = page.all("a", kind="skip")
        assert skip["href"] == "#verdict"
        assert "verdict" in ids

    def test_pictures_and_tables_are_said(self, page):
        assert page.all("svg", "p")
        for drawing in page.all("svg"):
            assert drawing["role"] == "img"
            title, text = drawing.all("title")[0], drawing.all("desc")[0]
            assert drawing["aria-labelledby"] == f"{title['id']} {text['id']}"
            assert title.text
            assert len(text.text) > 20
        for image in page.all("img"):
            assert "after" in image["alt"]
        for table in page.all("table"):
            assert table.all("caption")[0].text
            assert all(e.attributes.get("scope") in ("col", "row") for e in table.all("th"))
        for region in page.all("div", kind="wide"):
            assert (region["tabindex"], region["role"]) == ("0", "region")
            assert region["aria-label"]


class TestFiles:
    def test_an_estimate_writes_its_own(self, tmp_path):
        x = normal(20)
        found = wdist.estimate(x, x + 1)
        path = found.report(tmp_path / "report.html", x, x + 1, permutations=39, names=("before", "after"))
        assert path == tmp_path / "report.html"
        root = html_page.read(path.read_text())
        html_page.check_numbers(root)
        assert root.all("h1")[0].text == "before and after"
        assert [file.name for file in tmp_path.iterdir()] == ["report.html"]

    def test_it_is_written_whole_or_not_at_all(self, tmp_path):
        (tmp_path / "taken.html").mkdir()
        with pytest.raises(InputError, match=r"taken\.html cannot be written \(.*\); choose another"):
            estimate().report(tmp_path / "taken.html")
        assert [file.name for file in tmp_path.iterdir()] == ["taken.html"]

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"a": [0.0, 1.0]}, "the report was given one sample; pass both"),
            ({"a": [[0.0, 1.0]], "b": [[1.0, 2.0]], "columns": ["x"]}, "columns holds 1 names for 2 coordinates"),
        ],
    )  # fmt: skip
    def test_refused(self, given, text):
        with pytest.raises(InputError, match=re.escape(text)):
            report.of_estimate(estimate(), **given)

    def test_a_plan_between_other_samples_is_refused(self):
        x = normal(20)
        with pytest.raises(
            InputError, match="has a plan between other samples than these of 20 and 10 points"
        ):
            report.of_estimate(wdist.estimate(x, x), x, x[:10], permutations=9)

    @pytest.mark.slow
    def test_sources_are_drawn_from(self):
        law = wdist.truth.laws.standard_gaussian(2)
        page = report.of_estimate(estimate(), law, law, permutations=39)
        assert page.data["samples"][0]["points"] == 2000
        found = wdist.estimate(law, law, method="discrete")  # its plan joins draws that are gone
        assert not html_page.read(report.of_estimate(found, law, law, permutations=9).html).all(
            "path", kind="ways"
        )

    def test_a_run_without_a_step_is_refused(self, tmp_path, run_folder):
        (tmp_path / "config.json").write_text((run_folder / "config.json").read_text())
        with pytest.raises(InputError, match="has logged no step yet"):
            report.of_run(tmp_path)
        with pytest.raises(InputError, match="holds no run"):
            report.of_run(tmp_path / "nowhere")

    def test_a_run_that_is_not_finished_says_of_which_checkpoint_it_speaks(self, run_folder, pages):
        page = report.of_run(run_folder, JUDGED, checkpoint=4)
        root = html_page.read(page.html)
        html_page.check_numbers(root)
        assert "What was judged is the checkpoint of step 4: the run is not finished, or" in root.text
        assert page.data["verdict"].endswith("; by its checkpoint of step 4")
        assert "checkpoint of step" not in html_page.read(pages["run"].html).text

    def test_sheets_are_shown_in_order(self, pages):
        captions = [e.text.strip() for e in html_page.read(pages["run"].html).all("figcaption")]
        assert captions[-2:] == ["3 steps", "6 steps"]

    def test_what_was_read_has_its_hash(self):
        x = torch.arange(6.0).reshape(3, 2)
        first = Input.of_points(as_samples(x), "a")
        assert first.sha256 == Input.of_points(as_samples(x.double().numpy()), "b").sha256
        moved, weighted = as_samples(x + 1e-6), as_samples(x, [0.5, 0.25, 0.25])
        flat = as_samples(x.reshape(-1, 1))
        assert (
            len({one.sha256 for one in (first, *(Input.of_points(s, "a") for s in (moved, weighted, flat)))})
            == 4
        )

    def test_a_folder_has_one_too(self, tmp_path):
        (tmp_path / "one").write_text("1")
        before = Input.of_path(tmp_path)
        assert before.what == "1 files"
        (tmp_path / "one").rename(tmp_path / "two")
        assert Input.of_path(tmp_path).sha256 != before.sha256
        with pytest.raises(InputError, match="cannot be read: No such file"):
            Input.of_path(tmp_path / "three")
