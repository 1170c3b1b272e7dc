"""The tables of generators in the plane and of the stopping rule: what is counted, of which look, and of which seed."""

import json

import pytest

from benchmarks import compiled, gan_curves, halvings, reading, recipes, stops, toys
from wdist import gan


def toy(law, seed, **numbers):
    return {"law": law, "recipe": "preset", "seed": seed, "steps": 2000, "load": 0.0, **numbers}


def traced(name, seen, true, floor=1.0, itself=None):
    """A run whose looks the rule sees as `seen`, and whose distances on points kept apart are `true`."""
    looks = [
        {
            "step": 100 * (k + 1),
            "seen": {"debiased": a, "floor": floor, "diversity": 0.8},
            "collapse": "",
            "debiased": b,
            "w1": b + floor,
            "floor": floor,
        }
        for k, (a, b) in enumerate(zip(seen, true, strict=True))
    ]
    return {"run": name, "seed": 101, "steps": 100 * len(looks), "looks": looks, "itself": itself, "cpu": 1.0}


def test_toys_have_the_median_and_the_worst_of_their_seeds():
    modes = [(25, 0.95, 0.02, 0.2), (24, 0.99, 0.05, 0.3), (25, 0.90, 0.03, 0.25)]
    rows = [
        toy(
            "grid",
            101 + k,
            modes=25,
            covered=covered,
            good=good,
            imbalance=imbalance,
            w1=w1,
            floor=0.2,
            cpu=30.0,
        )
        for k, (covered, good, imbalance, w1) in enumerate(modes)
    ]
    bare = {"modes": None, "covered": None, "good": None, "imbalance": None}
    rows.append(toy("swiss-roll", 101, **bare, w1=0.3, floor=0.2, cpu=20.0))
    lines = toys.table(rows).splitlines()[2:]
    assert lines == [
        "| grid | preset | 25 (24) of 25 | 95 (90) % | 0.030 (0.050) | 1.25 (1.50) | 2000 | 3 | 30 s |",
        "| swiss-roll | preset |  |  |  | 1.50 (1.50) | 2000 | 1 | 20 s |",
    ]


def test_a_run_is_held_to_the_best_of_what_the_rule_did_not_see():
    still = [3.0, 2.0] + [1.0] * 18  # stopped at the fifteenth look, the third is kept
    late = [1.2] * 14 + [1.05] + [1.2] * 4 + [1.0]
    row = traced("wgan, ring", still, late)
    stop, kept, stopped = stops.replayed(row, gan.StoppingRule())
    assert (stop, kept, stopped) == (14, 2, True)
    said = stops.table([row])
    assert "| wgan, ring | 101 | 1500 of 2000 | 1.050 | 1.200 | 1.000 | 1.000 |  | 1.000 | 1 s |" in said
    assert (
        "Seed 101, within 10 % of the best of the whole run: 1 of 1 at the stop, 0 as kept, 1 at the last"
        in said
    )
    assert "no farther than draws of the law itself: 1, 0 and 1. Steps that were saved: 25%." in said
    assert "no farther than draws of the law itself: 1, 1 and 1." in stops.table([row | {"itself": 1.2}])
    other = stops.table([row, {**row, "seed": 102}]).splitlines()
    assert sum(line.startswith("Seed 10") for line in other) == 2


def test_a_run_that_no_rule_ends_is_judged_at_its_last_look():
    falling = [5.0 * 0.9**k for k in range(20)]
    row = traced("wgan, ring", falling, falling)
    assert stops.replayed(row, gan.StoppingRule()) == (19, 19, False)
    assert "| ran to 2000 |" in stops.table([row])


@pytest.mark.parametrize("name", ["wgan-gp, sevens", "wgan, ring"])
def test_rule_and_score_read_other_points(name):
    loss, data = stops.RUNS[name]
    real = gan.Data("mnist", classes=tuple(stops.DIGITS[data])) if data in stops.DIGITS else data
    shown, kept = stops.held_apart(gan.preset(loss, real))
    assert not {tuple(x) for x in shown.tolist()} & {tuple(x) for x in kept.tolist()}


def trial(name, seed, now, averaged, **more):
    states = {
        state: {"debiased": value, "recall": 0.5, "diversity": 1.0}
        for state, value in (("now", now), ("averaged", averaged))
    }
    return {"run": name, "seed": seed, "steps": 1200, **states, "gap": 0.4, "right": None, "cpu": 9.6, **more}


def test_recipes_have_the_mean_over_seeds_of_both_states():
    rows = [trial("wgan, sevens", k, 0.5 + 0.1 * k, 0.62) for k in range(3)]
    rows.append(trial("wgan-gp by class, all ten, 2 × 256", 1, 0.5, 0.4, right=0.8125))
    assert recipes.table(rows).splitlines()[2:] == [
        "| wgan, sevens | 1200 | 3 | 0.60 (0.50 to 0.70) | 0.50 | 1.00 | 0.62 (0.62 to 0.62) | 1 of 3 | 0.50 | 0.40 |  "
        "| 10 s |",
        "| wgan-gp by class, all ten, 2 × 256 | 1200 | 1 | 0.50 | 0.50 | 1.00 | 0.40 | 1 of 1 | 0.50 | 0.40 | 81 % "
        "| 10 s |",
    ]


def test_both_states_of_a_trial_are_of_one_training():
    """The average does not touch what is trained: without one, the generator as it stands is the same."""
    short = recipes.Trial("wgan", recipes.SEVENS, 3, changes={"held_every": 2})
    found = recipes._run(short, 1)
    bare = recipes._run(recipes.Trial("wgan", recipes.SEVENS, 3, changes={"held_every": 2, "ema": 0.0}), 1)
    assert found["now"] == bare["now"] == bare["averaged"] != found["averaged"]


def test_a_compiler_that_fails_is_told_and_one_that_does_not_has_its_ratio():
    row = {"nets": "MLP", "device": "cpu", "mode": "default", "load": 1.0}
    timed = {**row, "seconds": {"plain": 0.01, "compiled": 0.015}, "first": 5.2}
    assert compiled.table([timed, {**row, "failed": "no C compiler"}]).splitlines()[2:] == [
        "| MLP | cpu | default | 10.0 ms | 15.0 ms | 1.50 | 5 s | 1.0 |",
        "| MLP | cpu | default | cannot be compiled: no C compiler |  |  |  | 1.0 |",
    ]


def test_readers_are_told_by_the_clock_and_by_the_training_process():
    times = {clock: {"0": first, "1": 0.2, "2": 0.1} for clock, first in (("wall", 0.4), ("cpu", 0.3))}
    assert reading.table([{"key": "map", **times, "load": 2.0}]).splitlines()[2] == (
        "| map | 400 ms | 200 ms | 100 ms | 300 ms | 200 ms | 100 ms | 2.0 |"
    )


def test_ranks_are_of_all_runs_and_of_wgans_by_both_qualities(tmp_path):
    assert gan_curves.ranks(tmp_path) == "Not measured yet.\n"

    def run(loss, logged, quality):
        points = [
            {"logged": {"w1": x, "same": 1.0}, "quality": {"debiased": y, "frechet": -y}}
            for x, y in zip(logged, quality, strict=True)
        ]
        return {"recipe": {"loss": loss}, "points": points}

    rows = [run("clip", [1, 2, 3], [1, 2, 3]), run("minimax", [4, 5, 6], [-1, -2, -3])]
    environment = {"date": "2026-01-01", "commit": "c", "code": "d"}
    for classes in ("7", "0123456789"):
        (tmp_path / f"gan_curves_{classes}.json").write_text(
            json.dumps({"environment": environment, "rows": rows})
        )
    head, _, line, *rest = gan_curves.ranks(tmp_path).splitlines()
    assert "| sevens, all (6): debiased | sevens, all (6): frechet | sevens, WGANs (3): debiased |" in head
    # ranks 1…6 against those of 1, 2, 3, −1, −2, −3: 1 − 6·Σd²/210 = −0.77
    assert line == "| `w1` |" + " −0.77 | 0.77 | 1.00 | −1.00 |" * 2
    assert rest[1].startswith("sevens: 2026-01-01, commit c (code d), 2 runs; ten digits: ")


def test_the_table_of_curves_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    asked = []

    def traced(recipe, data, steps, every, seed):
        asked.append((recipe.loss, seed))
        logged = {"w1": float(len(asked)), "debiased": float(len(asked) ** 2)}
        yield {"step": 1, "logged": logged, "quality": dict.fromkeys(gan_curves.KEPT, float(len(asked)))}

    monkeypatch.setattr(gan_curves, "QUICK", tmp_path)
    monkeypatch.setattr(gan_curves, "parts", lambda name: ())
    monkeypatch.setattr(gan_curves, "traced", traced)
    runs = len(gan_curves.RECIPES)
    gan_curves.rank("7", seeds=1, quick=True)
    assert len(asked) == runs
    gan_curves.rank("7", seeds=2, quick=True, resume=True)
    assert [seed for _, seed in asked] == [0] * runs + [1] * runs
    assert f"all: {2 * runs} runs, {2 * runs} checkpoints; Spearman with debiased" in capsys.readouterr().out
    gan_curves.rank("7", seeds=1, quick=True)
    assert len(asked) == 3 * runs


def test_two_sets_of_real_points_are_compared_over_the_second_half():
    looks = [{"step": 10 * k, "debiased": [0.5, 0.5 if k < 3 else 0.6]} for k in (1, 2, 3, 4)]
    row = {"key": "sevens, halved once", "n": 107, "halvings": 1, "looks": looks, "cpu": 0.25}
    assert halvings.table([row]).splitlines()[2:] == [
        "| sevens | 107 | 1 | 1 | 0.500 | 0.500 | 0.100 | 0.25 s |",
        "| sevens | 107 | 1 | 2 | 0.500 | 0.600 | 0.100 | 0.25 s |",
    ]
