"""The promises of docs/meaning.md on a part of their repeats, and how the page judges them."""

import pytest

from benchmarks import population
from benchmarks.coverage import PROMISES, Cell, cells, measure
from benchmarks.promises import kept, promises


def picked(group, **wanted):
    found = [c for c in cells() if c.group == group and all(getattr(c, k) == v for k, v in wanted.items())]
    assert found
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell", picked("interval", n=200) + picked("interval", n=50), ids=lambda cell: cell.key
)
def test_intervals_cover(cell):
    found = measure(cell, 0.5)["figures"]  # 250 pairs
    assert found["coverage"] >= 0.9
    assert found["width over band"] <= 1.05


@pytest.mark.slow
@pytest.mark.parametrize("cell", picked("size"), ids=lambda cell: cell.key)
def test_the_tests_size(cell):
    assert 0.02 <= measure(cell, 0.4)["figures"]["rejected"] <= 0.085  # 400 pairs


@pytest.mark.slow
@pytest.mark.parametrize("cell", picked("floor", law="normal"), ids=lambda cell: cell.key)
def test_floors(cell):
    found = measure(cell, 0.5)["figures"]
    assert (found["a"], found["b"]) == pytest.approx((1, 1), abs=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("cell", picked("score") + picked("watch"), ids=lambda cell: cell.key)
def test_false_alarms(cell):
    figures = measure(cell, 0.25)["figures"]  # 25 references with 20 batches each, or 50 streams
    assert figures["alarms" if cell.group == "score" else "ever"] <= 0.1


def test_refusals_are_counted():
    found = [measure(cell, 0.1)["figures"] for cell in picked("refusal", n=1000)]
    assert [figures["to be refused"] for figures in found] == [1, 0]
    assert found[0]["refused"] >= 0.9
    assert found[1]["refused"] <= 0.05


def test_the_time_of_a_test():
    assert measure(*picked("time"), 0.1)["figures"]["CPU seconds"] < 2


def of_laws(group, **wanted):
    return [
        c
        for c in population.cells()
        if c.group == group and all(getattr(c, k) == v for k, v in wanted.items())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("cell", of_laws("bounds", n=200, law="normal"), ids=lambda cell: cell.key)
def test_bounds_between_laws(cell):
    found = measure(cell, 0.5, population.MEASURES)["figures"]  # 200 pairs
    assert min(found["lower"], found["upper"]) >= 0.91


@pytest.mark.slow
@pytest.mark.parametrize("cell", of_laws("finite") + of_laws("tightness"), ids=lambda cell: cell.key)
def test_finite_bounds_and_how_near_the_lower_one_comes(cell):
    from benchmarks.promises import kept

    assert kept(measure(cell, 0.25, population.MEASURES))


def test_the_time_of_an_estimate_between_laws():
    cell = of_laws("duration")[0]
    assert measure(cell, 0.1, population.MEASURES)["figures"]["CPU seconds"] < 5


@pytest.mark.parametrize("cell", of_laws("bounds", d=2, n=200, law="normal"), ids=lambda cell: cell.key)
def test_the_truth_between_laws_is_between_bounds_of_large_samples(cell):
    import dataclasses

    import wdist

    x, y = dataclasses.replace(cell, n=4000, m=4000).pair(0)
    est = wdist.estimate(x, y, method="discrete")
    assert est.value == pytest.approx(population.truth(cell), abs=0.08)


@pytest.mark.parametrize(
    ("all_cells", "promised"), [(cells, PROMISES), (population.cells, population.PROMISES)]
)
def test_cells_have_names_of_their_own_and_every_promise_some(all_cells, promised):
    keys = [cell.key for cell in all_cells()]
    assert len(keys) == len(set(keys))
    assert {cell.group for cell in all_cells()} == set(promised)


@pytest.mark.parametrize("cell", picked("interval", n=50, law="normal"), ids=lambda cell: cell.key)
def test_the_truth_is_the_distance_of_large_samples(cell):
    import dataclasses

    import wdist

    x, y = dataclasses.replace(cell, n=200_000, m=200_000).pair(0)
    assert wdist.estimate(x, y).value == pytest.approx(cell.truth, abs=0.01)


def test_a_cell_draws_the_same_pairs_again_and_counts_them():
    cell = Cell("interval", "normal", 50, 50, change="shift", by=0.5)
    assert (cell.pair(3)[0] == cell.pair(3)[0]).all()
    assert (cell.pair(3)[0] != cell.pair(4)[0]).any()
    record = measure(cell, 0.02)
    assert (record["repeats"], record["seed"], record["key"]) == (10, 501, cell.key)


@pytest.mark.parametrize(
    ("group", "figures", "verdict"),
    [
        ("interval", {"coverage": 0.92, "width over band": 1.05}, True),
        ("interval", {"coverage": 0.91, "width over band": 1.0}, False),
        ("interval", {"coverage": 0.95, "width over band": 1.06}, False),
        ("refusal", {"refused": 0.1, "to be refused": 0.0}, True),
        ("refusal", {"refused": 0.8, "to be refused": 1.0}, False),
        ("score", {"alarms": 0.06}, True),
        ("score", {"alarms": 0.07}, False),
        ("watch", {"ever": 0.05}, True),
        ("watch", {"ever": 0.1}, False),
        ("size", {"rejected": 0.05}, True),
        ("size", {"rejected": 0.08}, False),
        ("size", {"rejected": 0.01}, False),
        ("power", {"auto": 0.7, "radial": 0.74}, True),
        ("power", {"auto": 0.7, "radial": 0.76}, False),
        ("floor", {"a": 0.95, "b": 1.05}, True),
        ("floor", {"a": 0.95, "b": 1.15}, False),
        ("time", {"wall seconds": 2.5}, False),
        ("bounds", {"lower": 0.93, "upper": 0.93, "interval": 0.93}, True),
        ("bounds", {"lower": 0.92, "upper": 1.0, "interval": 0.95}, False),
        ("bounds", {"lower": 0.95, "upper": 0.92, "interval": 0.95}, False),
        ("bounds", {"lower": 0.95, "upper": 0.95, "interval": 0.92}, False),
        ("finite", {"lower": 0.94, "upper": 1.0, "interval": 0.95}, False),
        ("tightness", {"lower over W1": 0.82, "wanted": 0.8}, True),
        ("tightness", {"lower over W1": 0.82, "wanted": 0.85}, False),
        ("duration", {"wall seconds": 9.0}, True),
    ],
)
def test_promises_are_judged(group, figures, verdict):
    facts = {"law": "normal", "d": 2, "change": "shift", "by": 0.5, "n": 30, "m": 40, "repeats": 400}
    record = {"group": group, **facts, "figures": figures}
    assert kept(record) is verdict
    text = promises([record])
    assert f"Kept in {int(verdict)} of 1 cells, 400 repeats each." in text
    if "lower" in figures:
        twice = promises([record, {**record, "repeats": 100, "figures": {**figures, "lower": 1.0}}])
        assert f"Over all cells the lower bound covers {0.8 * figures['lower'] + 0.2:.3f}." in twice
    assert f"| normal | 2 | shift 0.5 | 30, 40 | {next(iter(figures.values())):.3g} |" in text
    assert text.rstrip().endswith("| yes |" if verdict else "| **no** |")
