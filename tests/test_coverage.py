"""The promises of docs/meaning.md on a part of their repeats, and how the page judges them."""

import pytest

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


def test_cells_have_names_of_their_own_and_every_promise_some():
    keys = [cell.key for cell in cells()]
    assert len(keys) == len(set(keys))
    assert {cell.group for cell in cells()} == set(PROMISES)


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
    ],
)
def test_promises_are_judged(group, figures, verdict):
    facts = {"law": "normal", "d": 2, "change": "shift", "by": 0.5, "n": 30, "m": 40, "repeats": 400}
    record = {"group": group, **facts, "figures": figures}
    assert kept(record) is verdict
    text = promises([record])
    assert f"Kept in {int(verdict)} of 1 cells, 400 repeats each." in text
    assert f"| normal | 2 | shift 0.5 | 30, 40 | {next(iter(figures.values())):.3g} |" in text
    assert text.rstrip().endswith("| yes |" if verdict else "| **no** |")
