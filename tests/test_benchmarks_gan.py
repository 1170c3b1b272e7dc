"""The tables of generators in the plane and of the stopping rule: what is counted, of which look, and of which seed."""

import pytest

from benchmarks import stops, toys
from wdist import gan


def toy(law, seed, **numbers):
    return {"law": law, "latent": "with codes", "seed": seed, "steps": 2000, "load": 0.0, **numbers}


def traced(name, seen, true, floor=1.0):
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
    return {"run": name, "steps": 100 * len(looks), "looks": looks, "cpu": 1.0}


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
        "| grid | with codes | 25 (24) of 25 | 95 (90) % | 0.030 (0.050) | 1.25 (1.50) | 2000 | 3 | 30 s |",
        "| swiss-roll | with codes |  |  |  | 1.50 (1.50) | 2000 | 1 | 20 s |",
    ]


def test_a_run_is_held_to_the_best_of_what_the_rule_did_not_see():
    still = [3.0, 2.0] + [1.0] * 18  # stopped at the tenth look, the third is kept
    late = [1.2] * 9 + [1.05] + [1.2] * 9 + [1.0]
    row = traced("wgan, ring", still, late)
    stop, kept, stopped = stops.replayed(row, gan.StoppingRule())
    assert (stop, kept, stopped) == (9, 2, True)
    said = stops.table([row])
    assert "| wgan, ring | 1000 of 2000 | 1.050 | 1.200 | 1.000 | 1.000 | 1 s |" in said
    assert "1 of 1 at the stop, 0 of 1 as kept; within 10 % or 1 % of the floor: 1 and 0." in said


def test_a_run_that_no_rule_ends_is_judged_at_its_last_look():
    falling = [5.0 * 0.9**k for k in range(20)]
    row = traced("wgan, ring", falling, falling)
    assert stops.replayed(row, gan.StoppingRule()) == (19, 19, False)
    assert "| ran to 2000 |" in stops.table([row])


@pytest.mark.parametrize("name", ["wgan-gp, sevens", "wgan, ring"])
def test_rule_and_score_read_other_points(name):
    loss, data = stops.RUNS[name]
    real = gan.Data("mnist", classes=tuple(stops.DIGITS[data])) if data in stops.DIGITS else data
    shown, kept = stops._halves(gan.preset(loss, real))
    assert not {tuple(x) for x in shown.tolist()} & {tuple(x) for x in kept.tolist()}
