"""Small calls under pytest-benchmark: `pytest benchmarks/test_small.py`; the default test run leaves it out."""

from __future__ import annotations

import pytest

pytest.importorskip("pytest_benchmark")

from benchmarks.families import TUNED, Instance
from benchmarks.sides import SIDES, engines

LINES = (
    "wdist line_distance",
    "wdist estimate",
    "scipy wasserstein_distance",
    "POT emd2_1d",
    "POT wasserstein_1d",
)
EXACT = ("wdist estimate", "POT emd2", "scipy linear_sum_assignment")


def timed(benchmark, group, side, instance, **settings):
    """Time one side; it has to be right, too."""
    problem = instance.build()
    benchmark.group = group
    answer = benchmark(SIDES[side], problem, **settings)
    assert answer.converged
    assert answer.value > 0


@pytest.mark.parametrize("side", LINES)
@pytest.mark.parametrize("weighted", [False, True])
def test_line(benchmark, side, weighted):
    instance = Instance("gaussian", 1000, 1, 1.0, weighted=weighted, seed=TUNED)
    timed(benchmark, instance.words(), side, instance)


@pytest.mark.parametrize("side", EXACT)
@pytest.mark.parametrize("d", [2, 16])
def test_assignment(benchmark, side, d):
    instance = Instance("gaussian", 300, d, seed=TUNED)
    timed(benchmark, instance.words(), side, instance)


@pytest.mark.parametrize("engine", engines())
def test_engines(benchmark, engine):
    instance = Instance("gaussian", 300, 16, seed=TUNED)
    timed(benchmark, f"engines: {instance.words()}", "wdist Discrete", instance, engine=engine)


@pytest.mark.parametrize("side", EXACT[:2])
def test_weighted(benchmark, side):
    instance = Instance("clustered", 300, 2, 1.0, weighted=True, seed=TUNED)
    timed(benchmark, instance.words(), side, instance)


@pytest.mark.parametrize("side", ["wdist functional sliced", "POT sliced"])
def test_sliced(benchmark, side):
    instance = Instance("gaussian", 2000, 16, projections=50, seed=TUNED)
    timed(benchmark, instance.words(), side, instance)
