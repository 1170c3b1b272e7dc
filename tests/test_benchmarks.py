"""The benchmarks measure what they say: instances, answers, turns, refusals, and a page that is its figures."""

import dataclasses
import json
import math
import types

import numpy as np
import pytest

from benchmarks import alone, crossovers, gan, layout, render, scaling, store
from benchmarks.certificate import Bracket, WrongPlanError, line_answer, plan_bracket, sliced_answer
from benchmarks.families import FAMILIES, MNIST_MOST, REPORTED, TUNED, Instance, Problem
from benchmarks.harness import Candidate, Contender, Pace, Row, Target, measure
from benchmarks.sides import SIDES, Answer
from benchmarks.tables import GROUPS
from benchmarks.verdict import ratio, score, verdict
from wdist.methods.engines import apart
from wdist.question import ask
from wdist.rng import as_rng

SPACE = [family for family in FAMILIES if family != "mnist"]


class TestFamilies:
    @pytest.mark.parametrize("family", SPACE)
    @pytest.mark.parametrize("d", [1, 3])
    def test_a_name_and_a_seed_say_it_all(self, family, d):
        one, again, other = (Instance(family, 57, d, m=43, seed=seed).build() for seed in (101, 101, 102))
        assert one.x.shape == (57, d)
        assert one.y.shape == (43, d)
        assert np.isfinite(one.x).all()
        assert np.isfinite(one.y).all()
        np.testing.assert_array_equal(one.x, again.x)
        np.testing.assert_array_equal(one.y, again.y)
        assert not np.array_equal(one.x, other.x)

    def test_gaussians_have_their_moments(self):
        problem = Instance("gaussian", 20_000, 2).build()
        np.testing.assert_allclose(problem.x.std(axis=0), [1, 1], rtol=0.03)
        np.testing.assert_allclose(problem.y.std(axis=0), [1.3, 1.3], rtol=0.03)
        np.testing.assert_allclose(problem.y.mean(axis=0), [1, 0], atol=0.05)

    def test_clusters_are_tight_and_of_unequal_weight(self):
        x = Instance("clustered", 2000, 16).build().x
        label = ((x[:, None] - x[None, :50]) ** 2).sum(axis=-1).argmin(axis=1)
        centres, counts = np.unique(label, return_counts=True)
        assert len(centres) <= 50
        near = np.sqrt(((x - x[label]) ** 2).sum(axis=1))
        assert np.quantile(near, 0.9) < 1 < x.std() * 16**0.5
        assert counts.max() > 3 * counts.min()

    def test_a_lattice_ties(self):
        problem = Instance("lattice", 400, 2).build()
        np.testing.assert_array_equal(problem.x, problem.x.round())
        costs = ((problem.x[:, None] - problem.y) ** 2).sum(axis=-1)
        assert len(np.unique(costs)) < 0.01 * costs.size

    def test_duplicates_come_in_tens_and_on_both_sides(self):
        problem = Instance("duplicated", 200, 3).build()
        kinds, counts = np.unique(problem.x, axis=0, return_counts=True)
        assert set(counts) == {10}
        assert any((kinds == point).all(axis=1).any() for point in problem.y)

    def test_separated_clouds_are_a_hundred_apart(self):
        problem = Instance("separated", 500, 16).build()
        assert np.linalg.norm(problem.y.mean(axis=0) - problem.x.mean(axis=0)) == pytest.approx(100, rel=0.02)

    def test_heavy_tails_are_heavy(self):
        x = Instance("heavy", 20_000, 1).build().x
        assert np.abs(x).max() > 10 * x.std()

    def test_digits_are_fours_and_nines_and_no_more_than_there_are(self):
        problem = Instance("mnist", MNIST_MOST, 784).build()
        assert problem.x.shape == problem.y.shape == (MNIST_MOST, 784)
        assert (problem.x.min(), problem.x.max()) == (0, 255)
        assert len(np.unique(problem.x, axis=0)) == MNIST_MOST
        with pytest.raises(ValueError, match="mnist has 978 images a side in 784 dimensions; 979"):
            Instance("mnist", MNIST_MOST + 1, 784).build()

    def test_masses_are_random_and_sum_to_one(self):
        problem = Instance("gaussian", 1000, 2, m=500, weighted=True).build()
        for mass, n in ((problem.a, 1000), (problem.b, 500)):
            assert mass.shape == (n,)
            assert mass.sum() == pytest.approx(1, abs=1e-12)
            assert mass.std() * n == pytest.approx(1, rel=0.2)  # exponential

    def test_the_small_run_is_of_the_same_kind(self):
        small = Instance("heavy", 5000, 2, 1.0, m=4000, weighted=True, seed=103, dtype="float32").warm()
        assert (small.family, small.p, small.weighted, small.seed, small.dtype) == (
            "heavy",
            1.0,
            True,
            103,
            "float32",
        )
        assert small.m < small.n < 600

    def test_what_is_reported_was_not_tuned_on(self):
        assert TUNED not in REPORTED


class TestCertificate:
    @pytest.mark.parametrize(("n", "m"), [(50, 50), (50, 35)])
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
    def test_line_answers_are_those_of_wdist(self, n, m, weighted, p):
        problem = Instance("heavy", n, 1, p, m=m, weighted=weighted, seed=101).build()
        found = line_answer(problem)
        for side in ("wdist line_distance", "wdist estimate", "POT emd2_1d"):
            assert found.error(SIDES[side](problem).value) < 1e-12
        assert found.error(1.001 * found.upper) == pytest.approx(1e-3)

    def test_a_shift_is_its_length(self):
        x = np.random.default_rng(0).standard_normal((30, 1))
        assert line_answer(Problem(x, x - 2.5, 2.0)).upper == pytest.approx(2.5, rel=1e-15)

    def test_all_slices_agree_on_the_same_directions(self):
        problem = Instance("gaussian", 90, 5, m=70, projections=11, seed=7).build()
        found = sliced_answer(problem)
        assert found.error(SIDES["wdist Sliced"](problem, seed=7).value) < 1e-12
        assert found.error(SIDES["wdist Sliced"](problem, seed=8).value) > 1e-6
        assert found.error(SIDES["wdist functional sliced"](problem).value) < 1e-12
        assert found.error(SIDES["POT sliced"](problem).value) < 1e-12

    @pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_a_right_plan_is_proved_and_a_worse_one_is_not(self, p, weighted):
        problem = Instance("clustered", 60, 3, p, m=50, weighted=weighted, seed=102).build()
        detail = SIDES["wdist estimate"](problem).estimate.detail
        found = plan_bracket(problem, detail.plan, detail.potential_a, detail.potential_b)
        assert found.error(SIDES["POT emd2"](problem).value) < 1e-9
        assert found.upper - found.lower < 1e-9 * found.upper
        a, b = problem.masses
        rows, cols = np.divmod(np.arange(a.size * b.size), b.size)
        product = types.SimpleNamespace(rows=rows, cols=cols, mass=np.outer(a, b).ravel())
        loose = plan_bracket(problem, product, detail.potential_a, detail.potential_b)
        assert loose.upper > 1.01 * found.upper

    def test_potentials_that_claim_too_much_prove_less(self):
        problem = Instance("gaussian", 40, 2, seed=101).build()
        detail = SIDES["wdist estimate"](problem).estimate.detail
        u = detail.potential_a.copy()
        truth = plan_bracket(problem, detail.plan, u, detail.potential_b)
        u[3] += 5.0
        assert plan_bracket(problem, detail.plan, u, detail.potential_b).lower < truth.lower - 0.1

    def test_a_plan_that_misses_its_masses_is_refused(self):
        problem = Instance("gaussian", 40, 2, seed=101).build()
        detail = SIDES["wdist estimate"](problem).estimate.detail
        mass = detail.plan.mass.copy()
        mass[0] *= 0.9
        plan = types.SimpleNamespace(rows=detail.plan.rows, cols=detail.plan.cols, mass=mass)
        with pytest.raises(WrongPlanError, match=r"the plan's rows miss their masses by 0\.1 of a mean mass"):
            plan_bracket(problem, plan, detail.potential_a, detail.potential_b)

    @pytest.mark.parametrize(
        ("value", "error"), [(2.0, 0), (2.5, 0), (5.0, 1), (1.0, 0.4), (math.nan, math.inf)]
    )
    def test_error_is_the_distance_from_the_bracket(self, value, error):
        assert Bracket(2.0, 2.5, "").error(value) == error


SMALL = Instance("gaussian", 20, 2, seed=101)
TRUTH = SIDES["wdist estimate"](SMALL.build()).value


@pytest.fixture
def sides(monkeypatch):
    """Made-up sides beside the true ones, and the order in which they were called in full."""
    calls = []

    def side(name, value=TRUTH, *, converged=True, work=0):
        def run(problem):
            if len(problem.x) == SMALL.n:
                calls.append(name)
            sum(range(work))
            return Answer(value, converged, "as made up")

        return run

    made = {
        "right": side("right"),
        "slow": side("slow", work=300_000),
        "wrong": side("wrong", 1.01 * TRUTH),
        "unfinished": side("unfinished", converged=False),
        "nan": side("nan", math.nan),
    }
    for name, run in made.items():
        monkeypatch.setitem(SIDES, name, run)
    return calls


def row(*names, **options):
    contenders = tuple(map(Contender.plain, names))
    return Row("made up", SMALL, contenders, **{"isolated": False, **options})


class TestHarness:
    def test_sides_take_turns_and_the_slow_one_drops_out(self, sides, monkeypatch):
        monkeypatch.setattr(Pace, "turns", lambda self, seconds: 2 if seconds > 1e-3 else 4)
        record = measure(row("right", "slow"), Pace(shortest=0))
        assert sides[-6:] == ["right", "slow", "right", "slow", "right", "right"]
        assert [len(side["cpu"]) for side in record["sides"]] == [4, 2]
        assert [side["calls"] for side in record["sides"]] == [1, 1]

    @pytest.mark.parametrize(
        ("seconds", "turns", "calls"), [(1e-3, 5, 100), (1.0, 5, 1), (99.0, 3, 1), (1e4, 1, 1)]
    )
    def test_the_dear_run_less_often_and_the_cheap_several_times(self, seconds, turns, calls):
        pace = Pace(repeats=5, budget=300, shortest=0.1)
        assert (pace.turns(seconds), pace.calls(seconds)) == (turns, calls)

    def test_a_ratio_is_of_times_and_errors_are_those_of_the_certificate(self, sides):
        record = measure(row("right", "slow"), Pace(3, 1, 1e-3))
        ours, peer = record["sides"]
        assert record["reference"]["how"] == "plan and potentials, checked over all pairs"
        assert ours["error"] < 1e-12
        assert ratio(record, peer).value == pytest.approx(np.median(peer["cpu"]) / np.median(ours["cpu"]))
        assert ratio(record, peer).value > 5

    @pytest.mark.parametrize(
        ("peer", "reason"),
        [
            ("wrong", "wrong is off by 1.0e-02, tolerance 1e-09"),
            ("unfinished", "unfinished did not converge"),
            ("nan", "nan failed: as made up"),
        ],
    )
    @pytest.mark.parametrize("first", [True, False])
    def test_there_is_no_ratio_with_a_side_that_is_not_right(self, sides, peer, reason, first):
        record = measure(row(*((peer, "right") if first else ("right", peer))), Pace(1, 1, 1e-3))
        json.dumps(record, allow_nan=False)
        assert ratio(record, record["sides"][1]).value is None
        assert ratio(record, record["sides"][1]).reason == reason

    def test_the_cheapest_candidate_that_is_right_runs(self, sides):
        names = ("wrong", "slow", "right", "nan")
        peer = Contender("peer", tuple(map(Candidate, names)))
        record = measure(
            Row("made up", SMALL, (Contender.plain("right"), peer), isolated=False), Pace(1, 1, 1e-3)
        )
        assert record["sides"][1]["side"] == "right"
        assert [one["status"] for one in record["sides"][1]["candidates"]] == [
            "done",
            "done",
            "done",
            "failed",
        ]

    def test_what_wdist_refuses_is_told(self):
        instance = Instance("gaussian", 20, 2, weighted=True)
        contenders = (
            Contender("lapx", (Candidate("wdist Discrete", {"engine": "lapx"}),)),
            Contender.plain("POT emd2"),
        )
        record = measure(Row("made up", instance, contenders, isolated=False), Pace(1, 1, 1e-3))
        assert ratio(record, record["sides"][1]).reason.startswith(
            "lapx refused: method 'discrete' cannot answer"
        )

    def test_a_claimed_plan_that_is_none_fails_the_side(self, monkeypatch):
        def claim(problem):
            answer = SIDES["POT emd2"](problem)
            n = len(problem.x)
            plan = types.SimpleNamespace(rows=np.zeros(n, int), cols=np.arange(n), mass=np.full(n, 1 / n))
            zeros = np.zeros(n)
            detail = types.SimpleNamespace(plan=plan, potential_a=zeros, potential_b=zeros)
            return Answer(answer.value, estimate=types.SimpleNamespace(detail=detail))

        monkeypatch.setitem(SIDES, "wdist estimate", claim)
        record = measure(row("wdist estimate", "POT emd2"), Pace(1, 1, 1e-3))
        assert record["reference"] is None
        assert "the plan's rows miss their masses" in ratio(record, record["sides"][1]).reason

    def test_a_run_alone_tells_its_memory_and_its_checked_answer(self):
        instance = Instance("gaussian", 1200, 2, seed=101)
        found = alone.run("wdist Discrete", {"engine": "pot"}, instance, limit=200)
        assert found["status"] == "done"
        assert 8 * 1200**2 <= found["memory"] < 60 * 1200**2
        assert found["rss"] > found["memory"]
        assert Bracket(**found["reference"]).error(found["value"]) < 1e-9

    def test_a_run_alone_ends_when_its_time_is_up(self):
        found = alone.run("wdist estimate", {}, SMALL, limit=0.05)
        assert (found["status"], found["note"]) == ("over limit", "stopped after 0.05 s")
        assert found["wall"] < 30


def side_record(name, cpu, **changes):
    fields = {
        "status": "done",
        "note": "",
        "converged": True,
        "error": 0.0,
        "memory": 10,
        "rss": 100,
        "calls": 1,
    }
    return {
        "name": name,
        "side": name,
        "settings": {},
        "cpu": cpu,
        "wall": cpu,
        "value": 1.0,
        **fields,
        **changes,
    }


def record(*members, targets=(), instance=SMALL, tolerance=1e-9):
    return {
        "key": f"{instance.words()}, seed {instance.seed}", "work": instance.words(), "load": 0.5,
        "instance": dataclasses.asdict(instance), "reference": {"lower": 1.0, "upper": 1.0, "how": ""},
        "tolerance": tolerance, "sides": list(members), "targets": [dataclasses.asdict(t) for t in targets],
    }  # fmt: skip


class TestVerdict:
    @pytest.mark.parametrize(
        ("theirs", "word"), [(41.0, "stretch"), (40.0, "stretch"), (20.0, "met"), (19.0, "missed")]
    )
    def test_a_ratio_has_to_reach_its_mark(self, theirs, word):
        one = record(side_record("us", [1.0]), side_record("POT", [theirs]), targets=[Target("POT", 20, 40)])
        assert verdict([score(one, one["targets"][0])], one["targets"][0]) == word

    @pytest.mark.parametrize(("ours", "word"), [(50.0, "stretch"), (90.0, "met"), (301.0, "missed")])
    def test_a_figure_of_ours_has_to_stay_under_its_mark(self, ours, word):
        one = record(side_record("us", [ours]), targets=[Target("", 300, 60, measure="wall")])
        assert verdict([score(one, one["targets"][0])], one["targets"][0]) == word

    def test_the_worst_seed_decides(self):
        target = Target("POT", 20)
        several = [
            record(side_record("us", [1.0]), side_record("POT", [t]), targets=[target])
            for t in (50.0, 19.0, 60.0)
        ]
        aim = several[0]["targets"][0]
        assert verdict([score(one, aim) for one in several], aim) == "missed"

    def test_memory_is_compared_too(self):
        one = record(side_record("us", [1.0], memory=10), side_record("POT", [1.0], memory=95), targets=[])
        assert ratio(one, one["sides"][1], "memory").value == 9.5

    @pytest.mark.parametrize(("least", "word"), [(20, "met"), (200, "open: 100 is only a bound")])
    def test_a_peer_that_ran_out_of_time_gives_a_bound(self, least, word):
        late = side_record(
            "POT", [100.0], status="over limit", note="stopped", converged=None, error=None, memory=None
        )
        one = record(side_record("us", [1.0]), late, targets=[Target("POT", least)])
        found = score(one, one["targets"][0])
        assert (found.value, found.open_ended) == (100, True)
        assert verdict([found], one["targets"][0]) == word
        assert ratio(one, late, "memory").value is None

    def test_without_a_certified_answer_there_is_no_ratio(self):
        one = record(
            side_record("us", [1.0], error=None), side_record("POT", [9.0]), targets=[Target("POT", 1)]
        )
        assert verdict([score(one, one["targets"][0])], one["targets"][0]) == "open: no certified answer"


class TestTables:
    @pytest.mark.parametrize("group", GROUPS)
    @pytest.mark.parametrize("quick", [True, False])
    def test_rows_are_whole(self, group, quick):
        rows = list(GROUPS[group](quick))
        assert len({one.key for one in rows}) == len(rows)
        for one in rows:
            assert one.instance.seed in REPORTED
            names = [contender.name for contender in one.contenders]
            assert len(set(names)) == len(names)
            assert {target.over for target in one.targets} <= {*names[1:], ""}
            assert all(candidate.side in SIDES for c in one.contenders for candidate in c.candidates)

    def test_every_family_and_dimension_of_the_claim_is_there(self):
        rows = list(GROUPS["families"](False))
        assert {one.instance.family for one in rows} == set(FAMILIES)
        assert {one.instance.d for one in rows} == {1, 2, 3, 16, 128, 784}
        assert {(one.instance.p, one.instance.weighted) for one in rows} == {
            (1, False),
            (1, True),
            (2, False),
            (2, True),
        }


class TestStore:
    def test_a_table_goes_on_where_it_stopped(self, tmp_path):
        path = tmp_path / "t.json"
        store.Table(path, resume=False).add({"key": "one"})
        table = store.Table(path, resume=True)
        assert "one" in table
        table.add({"key": "two"})
        assert [one["key"] for one in json.loads(path.read_text())["rows"]] == ["one", "two"]
        assert "one" not in store.Table(path, resume=False)
        assert list(tmp_path.iterdir()) == [path]

    def test_other_code_starts_anew(self, tmp_path, monkeypatch):
        path = tmp_path / "t.json"
        store.Table(path, resume=False).add({"key": "one"})
        now = store.environment()
        monkeypatch.setattr(store, "environment", lambda: {**now, "commit": "other", "date": "later"})
        assert "one" in store.Table(path, resume=True)
        monkeypatch.setattr(store, "environment", lambda: {**now, "code": "changed"})
        with pytest.raises(
            store.ChangedError, match=r"begun elsewhere \(code was .* and is changed\); start anew"
        ):
            store.Table(path, resume=True)

    def test_rows_of_another_state_of_the_code_are_kept_where_asked_and_say_so(self, tmp_path, monkeypatch):
        path = tmp_path / "t.json"
        store.Table(path, resume=False).add({"key": "one"})
        before = store.environment()
        monkeypatch.setattr(store, "environment", lambda: {**before, "code": "changed"})
        table = store.Table(path, resume=True, keep=True)
        table.add({"key": "two"})
        assert [row.get("code") for row in table.rows] == [before["code"], None]
        monkeypatch.setattr(store, "environment", lambda: {**before, "code": "changed", "python": "2.7"})
        with pytest.raises(store.ChangedError, match="python was"):
            store.Table(path, resume=True, keep=True)

    def test_what_is_not_written_whole_is_not_written(self, tmp_path):
        path = tmp_path / "t.json"
        table = store.Table(path, resume=False)
        table.add({"key": "one"})
        before = path.read_text()
        with pytest.raises(ValueError, match="not JSON compliant"):
            table.add({"key": "two", "value": math.nan})
        assert path.read_text() == before


class TestCrossovers:
    def grid(self, times, p=1.0, d=2, weighted=False):
        """Rows for engines' seconds by size: {n: {engine: seconds}}."""
        return [
            record(
                *(side_record(engine, [factor * seconds]) for engine, seconds in engines.items()),
                instance=Instance(family, n, d, p, weighted=weighted),
            )
            for n, engines in times.items()
            for family, factor in (("gaussian", 1.0), ("lattice", 3.0))
        ]

    def test_the_fastest_takes_over_between_the_sizes_measured(self):
        rows = self.grid(
            {
                200: {"pot": 1.0, "sparse": 4.0},
                500: {"pot": 2.0, "sparse": 1.9},
                2000: {"pot": 9.0, "sparse": 3.0},
            }
        )
        assert crossovers.rules(rows) == [
            {
                "p": [1, None],
                "d": [1, None],
                "masses": "matched",
                "apart": False,
                "from": start,
                "engines": ranking,
            }
            for start, ranking in ((500, ["sparse", "pot"]), (0, ["pot", "sparse"]))
        ]

    def test_where_it_takes_over_is_read_from_the_ratio_of_times(self):
        """Four times slower at 200 and four times faster at 800: equal at 400, on the family where it is worst."""
        rows = self.grid({200: {"pot": 1.0, "sparse": 2.0}, 800: {"pot": 4.0, "sparse": 0.5}})
        rows[0]["sides"][1]["cpu"], rows[2]["sides"][1]["cpu"] = [4.0], [1.0]
        assert [rule["from"] for rule in crossovers.rules(rows)] == [400, 0]
        rows[1]["sides"][1]["cpu"] = None  # not right there
        assert [rule["from"] for rule in crossovers.rules(rows)] == [800, 0]

    def test_one_that_falls_behind_somewhere_is_left_where_it_does(self):
        """On average the faster one at both ends, but from twice as fast to twice as slow as POT on one family."""
        rows = self.grid({200: {"pot": 1.0, "lapx": 0.1}, 800: {"pot": 4.0, "lapx": 0.4}})
        rows[0]["sides"][1]["cpu"], rows[2]["sides"][1]["cpu"] = [0.5], [8.0]
        found = crossovers.rules(rows)
        assert [(rule["from"], rule["engines"][0]) for rule in found] == [(400, "pot"), (0, "lapx")]

    def test_one_that_fails_at_the_next_size_is_not_taken_before(self):
        rows = self.grid({200: {"pot": 2.0, "sparse": 1.0}, 800: {"pot": 4.0, "sparse": 2.0}})
        assert crossovers.rules(rows)[0]["engines"] == ["sparse", "pot"]
        rows[2]["sides"][1]["cpu"] = None  # on one family, at 800
        assert [rule["engines"][0] for rule in crossovers.rules(rows)] == ["pot"]

    def test_clouds_that_lie_apart_have_rules_of_their_own(self):
        rows = self.grid({200: {"pot": 2.0, "sparse": 1.0}})
        rows[1]["instance"]["family"] = "separated"
        rows[1]["sides"][1]["cpu"] = [50.0]
        assert [(rule["apart"], rule["engines"][0]) for rule in crossovers.rules(rows)] == [
            (False, "sparse"), (True, "pot"),
        ]  # fmt: skip

    @pytest.mark.parametrize("d", crossovers.DIMENSIONS)
    def test_families_are_apart_where_wdist_says_so(self, d):
        for distant, families in crossovers.FAMILIES.items():
            for family in families:
                problem = Instance(family, 300, d, 1.0, seed=TUNED).build()
                assert apart(ask(problem.x, problem.y, rng=as_rng(0))) is distant

    def test_bands_share_the_axes_out(self):
        times = {200: {"pot": 1.0}}
        rows = [one for p in (1.0, 2.0) for d in (2, 3, 16) for one in self.grid(times, p, d)]
        assert {tuple(rule["d"]) for rule in crossovers.rules(rows)} == {(1, 3), (3, 7), (7, None)}
        assert {tuple(rule["p"]) for rule in crossovers.rules(rows)} == {(1, 1.5), (1.5, None)}

    def test_an_engine_that_was_wrong_once_is_not_chosen(self):
        rows = self.grid({200: {"pot": 2.0, "sparse": 1.0}})
        rows[1]["sides"][1]["error"] = 1e-3
        assert crossovers.rules(rows)[0]["engines"] == ["pot"]

    def test_an_engine_that_is_slower_than_pot_somewhere_is_not_taken(self):
        rows = self.grid({2000: {"pot": 3.0, "sparse": 2.0, "lapx": 1.0}})
        rows[1]["sides"][2]["cpu"] = [9.1]  # of the lattice, where POT took 9 seconds
        assert crossovers.rules(rows)[0]["engines"] == ["sparse", "pot", "lapx"]
        rows[1]["sides"][2]["cpu"] = [8.9]
        assert crossovers.rules(rows)[0]["engines"] == ["lapx", "sparse", "pot"]

    def test_who_falls_further_and_further_behind_is_not_run_on(self):
        """Ten times slower and catching up goes on, ten times and not catching up does not."""
        behind = {300: {"scipy": 10.0, "sparse": 20.0}, 1000: {"scipy": 10.0, "sparse": 10.0}}
        table = types.SimpleNamespace(rows=[])
        seen = []
        for one in crossovers.rows(table, False):
            names = {contender.name for contender in one.contenders}
            if one.instance.d < crossovers.DIMENSIONS[-1]:  # there the smallest size is left out
                seen.append((one.instance.n, one.instance.weighted or one.instance.m is not None, names))
            times = behind.get(one.instance.n, {})
            sides = [side_record(name, [times.get(name, 1.0)]) for name in names]
            table.rows.append(record(*sides, instance=one.instance))
        assert all("scipy" in names for n, uneven, names in seen if n <= 1000 and not uneven)
        assert not any("scipy" in names for n, _, names in seen if n == 3000)
        assert all("sparse" in names for _, _, names in seen)
        assert not any({"scipy", "lapx"} & names for _, uneven, names in seen if uneven)

    def test_the_file_is_json_with_its_environment(self):
        table = types.SimpleNamespace(rows=self.grid({200: {"pot": 1.0}}), environment={"date": "today"})
        found = json.loads(crossovers.written(table))
        assert found["rules"] == crossovers.rules(table.rows)
        assert found["environment"] == {"date": "today"}


class TestScaling:
    def test_a_slope_is_the_exponent_of_the_upper_half(self):
        sizes = [2**k for k in range(4, 13)]
        assert scaling.slope(sizes, [3 * n**1.5 for n in sizes]) == pytest.approx(1.5)
        assert scaling.slope(sizes, [max(n, 300) ** 2 for n in sizes]) < 2
        assert scaling.slope(sizes, [max(n, 256) for n in sizes]) == pytest.approx(1)
        assert scaling.slope([10, 20], [1.0, 2.0]) is None

    def test_a_side_is_left_out_when_it_grows_too_dear(self):
        table = types.SimpleNamespace(rows=[])
        seen = {}
        for one in scaling.rows(table, False):
            names = [contender.name for contender in one.contenders]
            seen.setdefault(one.instance.d, []).append(names)
            sides = [side_record(name, [99.0 if name == "POT emd2" else 1.0]) for name in names]
            table.rows.append(record(*sides, instance=one.instance))
        assert ["POT emd2" in names for names in seen[16]] == [True] + [False] * 8
        assert all("wdist Discrete" in names for names in seen[16])

    def test_the_figure_is_drawn_and_its_title_has_the_numbers(self, tmp_path):
        rows = [
            record(
                side_record("wdist Discrete", [n**2 * 1e-8], memory=100 * n),
                side_record("POT emd2", [n**3 * 1e-9], memory=44 * n**2),
                instance=Instance("gaussian", n, 16, seed=101),
            )
            for n in (250, 500, 1000, 2000, 4000)
        ]
        scaling.draw(rows, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 10_000
        title = scaling.finding(rows)
        assert "wdist takes n^2.0 and n^1.0 of time and memory, POT n^3.0 and n^2.0" in title
        assert "n = 4,000" in title


class TestPage:
    def test_it_is_what_the_committed_figures_say(self):
        assert render.PAGE.read_text() == render.page(store.RESULTS), "run python -m benchmarks.render"

    def test_a_line_a_side_with_medians_over_the_seeds(self):
        target = Target("POT emd2", 3, 8)
        rows = [
            record(
                side_record("wdist estimate", [1.0, 1.2, 1.1]), side_record("POT emd2", [t, t], error=2e-10),
                targets=[target], instance=Instance("gaussian", 20, 2, seed=seed),
            )
            for seed, t in ((101, 4.4), (102, 5.5), (103, 11.0))
        ]  # fmt: skip
        text = layout.lines(rows)
        assert "| W2, gaussian, n = 20, d = 2, uniform | wdist estimate | 1.1 s | 1.1 s | 3 × 3 |" in text
        assert "| POT emd2 | 5.5 s | 5.5 s | 3 × 2 | 2e-10 | 1e-05 MB | 5 (4) | 3×, 8× | met |" in text

    def test_losses_are_bold(self):
        rows = [
            record(
                side_record("wdist estimate", [2.0]), side_record("POT emd2", [t]), targets=[Target("POT emd2", 1)],
                instance=Instance("gaussian", 20, d, seed=101),
            )
            for d, t in ((2, 1.0), (3, 4.0))
        ]  # fmt: skip
        text = layout.pivot(rows)
        assert "| gaussian | 2 | **0.5 (0.5)** |" in text
        assert "| gaussian | 3 | 2 (2) |" in text

    def test_a_refusal_is_written_in_place_of_a_ratio(self):
        rows = [record(side_record("wdist estimate", [1.0]), side_record("POT emd2", [9.0], error=0.04))]
        assert "none: POT emd2 is off by 4.0e-02, tolerance 1e-09" in layout.lines(rows)


@pytest.mark.parametrize("pair", gan.PAIRS)
def test_the_trainer_has_the_gradients_of_the_usual_loop(pair):
    assert gan.gradient_difference(gan.PAIRS[pair]) < 1e-5
