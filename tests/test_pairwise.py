"""The matrix of distances: each entry is what `estimate` says of that pair, wherever and in whatever order it runs."""

import importlib.util
import json
import math
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wdist
from wdist import InputError, WdistWarning, workers
from wdist.errors import NotConvergedError

INF, NAN = math.inf, math.nan


@pytest.fixture
def clouds(rng):
    """Four clouds of different sizes in the plane, by name."""
    return {name: rng.normal(size=(20 + 5 * k, 2)) + k for k, name in enumerate("abcd")}


@pytest.fixture
def unfinished():
    """A method that stops after one step: nothing converges."""
    return wdist.Sinkhorn(max_iter=1)


def bits(matrix):
    return [getattr(matrix, name).tobytes() for name in ("values", "lower", "upper", "converged")]


# --- the entries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_every_entry_is_the_estimate_of_its_pair(clouds, p):
    matrix = wdist.pairwise(clouds, p=p)
    sets = list(clouds.values())
    for i, j in np.ndindex(4, 4):
        one = wdist.estimate(sets[min(i, j)], sets[max(i, j)], p=p).value if i != j else 0.0
        assert matrix.values[i, j] == one
    assert matrix.values.dtype == np.float64
    assert (matrix.values == matrix.values.T).all()
    assert (np.diag(matrix.values) == 0).all()
    assert matrix.rows == matrix.columns == tuple("abcd")
    assert (matrix.bound == "exact").all()
    assert matrix.converged.all()


def test_the_rectangle_from_one_collection_to_another(clouds):
    sets = list(clouds.values())
    matrix = wdist.pairwise(sets[:3], sets[2:], p=2)
    assert matrix.values.shape == (3, 2)
    assert np.array_equal(matrix.values, wdist.pairwise(sets, p=2).values[:3, 2:])
    assert (matrix.rows, matrix.columns) == ((0, 1, 2), (0, 1))
    assert matrix.values[2, 0] == 0  # one cloud on both sides is asked of the solver as any other


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(-50, 50), min_size=1, max_size=6), min_size=3, max_size=3))
def test_distances_on_the_line_are_a_metric(sets):
    d = wdist.pairwise([[float(x) for x in s] for s in sets]).values
    assert d[0, 2] <= d[0, 1] + d[1, 2] + 1e-12
    assert np.array_equal(d == 0, [[len(set(map(mass, (a, b)))) == 1 for b in sets] for a in sets])


def mass(points):
    """A sample as the measure that it is."""
    return tuple(sorted((x, points.count(x) / len(points)) for x in set(points)))


def test_weights_go_with_their_sets():
    pile = [0.0, 1.0]
    matrix = wdist.pairwise([pile, pile, pile], weights=[None, [0.25, 0.75], [1, 0]])
    assert matrix.values.tolist() == [[0, 0.25, 0.5], [0.25, 0, 0.75], [0.5, 0.75, 0]]
    by_name = wdist.pairwise({"x": pile, "y": pile}, weights={"y": [1, 3]}, normalize_weights=True)
    assert by_name.values[0, 1] == 0.25
    other = wdist.pairwise([pile], [pile], weights=[[1, 0]], weights_others=[[0, 1]])
    assert other.values.tolist() == [[1]]


def test_options_reach_the_solver(clouds):
    assert wdist.pairwise([[[0.0, 0.0]], [[3.0, 4.0]]], metric="cityblock").values[0, 1] == 7
    sliced = wdist.pairwise(clouds, p=2, method=wdist.Sliced(projections=5), confidence=0.5)
    assert set(sliced.bound[np.triu_indices(4, 1)]) == {"lower"}
    assert sliced.estimates[0, 1].interval.confidence == 0.5
    assert (sliced.lower <= wdist.pairwise(clouds, p=2).values).all()
    assert (wdist.pairwise(clouds, p=2).values <= sliced.upper * (1 + 1e-12)).all()
    assert wdist.pairwise([[0.0], [5.0]], p=INF).values[0, 1] == 5


def test_mixed_types_are_brought_together_pair_by_pair():
    sets = [torch.tensor([[0.1]]), torch.tensor([[0.2]]), [[0.3]]]
    values = wdist.pairwise(sets).values
    assert values[0, 1] == wdist.estimate(sets[0], sets[1]).value
    assert values[0, 2] == wdist.estimate(sets[0], sets[2]).value


def test_the_estimates_explain_themselves(clouds):
    found = wdist.pairwise(clouds, p=2).estimates[0, 2]
    assert "Why discrete: 600 pairs of points" in found.explain()
    assert found.detail is None
    assert found.choice.memory == wdist.estimate(clouds["a"], clouds["c"], p=2).choice.memory


# --- the seed, the workers, the order ---------------------------------------------------------------


def test_the_seed_belongs_to_the_pair(clouds):
    sets = list(clouds.values())
    ask = wdist.Sliced(projections=3)
    first, again = (wdist.pairwise(sets, method=ask, seed=3) for _ in range(2))
    assert bits(first) == bits(again)
    another = wdist.pairwise(sets, method=ask, seed=4).values
    assert (first.values != another)[np.triu_indices(4, 1)].all()
    fewer = wdist.pairwise(sets[:3], method=ask, seed=3).values
    assert np.array_equal(fewer, first.values[:3, :3])
    twins = wdist.pairwise([sets[0], sets[1], sets[1]], method=ask, seed=3).values
    assert twins[0, 1] != twins[0, 2]  # places of their own, directions of their own
    generator = np.random.default_rng(3)
    assert (wdist.pairwise(sets, method=ask, seed=generator).values != first.values).any()


def test_a_source_is_drawn_once_for_all_its_pairs():
    calls = []

    def law(n, rng):
        calls.append(n)
        return torch.randn(n, 1, generator=rng)

    matrix = wdist.pairwise([law, [0.0], [0.0], law], draws=50)
    assert [n for n in calls if n == 50] == [50, 50]
    assert matrix.values[0, 1] == matrix.values[0, 2]
    assert matrix.values[0, 3] > 0  # the same law twice is two sets of draws
    assert np.array_equal(matrix.values, wdist.pairwise([law, [0.0], [0.0], law], draws=50).values)
    assert "50 points were drawn" in matrix.estimates[0, 1].message


def test_processes_give_the_same_bits(rng):
    sets = [rng.normal(size=(60, 3)) for _ in range(3)]
    sets.append(rng.normal(size=(50_000, 3)))  # large enough for joblib to map it into memory
    ask = {
        "p": 2,
        "method": wdist.Sliced(projections=7),
        "weights": [None, None, rng.dirichlet(np.ones(60)), None],
    }
    done = []
    both = wdist.pairwise(sets, **ask, n_jobs=2, progress=lambda k, n: done.append((k, n)))
    assert bits(both) == bits(wdist.pairwise(sets, **ask))
    assert done == [(k, 6) for k in range(1, 7)]


def test_a_backend_that_hands_all_back_at_the_end(clouds):
    """Ray's backend is made of joblib's own for multiprocessing, which yields nothing on the way."""

    class AllAtOnce:
        def __init__(self, n_jobs, return_as="list"):
            if return_as != "list":
                raise ValueError("Backend does not support return_as")

        def __call__(self, calls):
            return [function(*args, **options) for function, args, options in list(calls)[::-1]]

    expected = bits(wdist.pairwise(clouds))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "Parallel", AllAtOnce)
        assert bits(wdist.pairwise(clouds)) == expected


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="Dask is not installed; pip install 'wdist[cluster]'",
)
def test_a_dask_cluster_gives_the_same_bits(rng):
    distributed = pytest.importorskip("distributed")
    sets = {name: rng.normal(size=(40, 2)) for name in "abc"}
    ask = {"p": 2, "method": wdist.Sliced(projections=7)}
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR"
    )
    with local as cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        there = wdist.pairwise(sets, **ask)
    assert bits(there) == bits(wdist.pairwise(sets, **ask))


def test_threads_and_pools_are_as_before(clouds):
    torch.set_num_threads(2)
    try:
        seen = []
        wdist.pairwise(clouds, progress=lambda *_: seen.append(torch.get_num_threads()))
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.filterwarnings("ignore:.*tasks which were still being processed")  # joblib, from another thread
@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_an_end_on_the_way_ends_it(clouds, end):
    def stop(done, _):
        seen.append(done)
        raise end

    seen = []
    with joblib.parallel_config(backend="threading", n_jobs=2), pytest.raises(end):
        wdist.pairwise(clouds, progress=stop)
    assert seen == [1]


# --- what did not converge ------------------------------------------------------------------------------


def test_what_did_not_converge_is_no_number(clouds, unfinished):
    with pytest.warns(WdistWarning) as caught:
        matrix = wdist.pairwise(clouds, p=2, method=unfinished)
    assert len(caught) == 1
    assert str(caught[0].message).startswith(
        "6 of 6 pairs did not converge (samples['a'] and samples['b'], samples['a'] and samples['c'], "
    )
    assert caught[0].filename == __file__
    off = ~np.eye(4, dtype=bool)
    exact = wdist.pairwise(clouds, p=2).values
    assert np.isnan(matrix.values[off]).all()
    assert not matrix.converged[off].any()
    assert (matrix.lower <= exact + 1e-9).all()
    assert (exact <= matrix.upper + 1e-9).all()
    assert set(matrix.bound[off]) == {"none"}
    assert "marginal error" in matrix.estimates[0, 1].message
    with pytest.raises(NotConvergedError):
        float(matrix.estimates[0, 1])
    assert repr(matrix).startswith(
        "Sinkhorn divergence W2 among 4 samples: 6 distances, 6 NOT CONVERGED (NaN; brackets in .lower and .upper)"
    )


def test_a_solver_that_breaks_down_leaves_only_zero_as_a_bound(clouds, monkeypatch):
    def fail(*_):
        raise NotConvergedError("the pivot is lost")

    monkeypatch.setattr(wdist.Discrete, "estimate", fail)
    with pytest.warns(WdistWarning, match="6 of 6"):
        matrix = wdist.pairwise(clouds)
    assert np.isnan(matrix.values[0, 1])
    assert (matrix.lower[0, 1], matrix.estimates[0, 1].message) == (0.0, "the pivot is lost")
    assert np.isnan(matrix.upper[0, 1])


# --- the result -----------------------------------------------------------------------------------------


def test_it_is_an_array_a_frame_and_json(clouds):
    matrix = wdist.pairwise(clouds)
    assert np.array_equal(np.asarray(matrix), matrix.values)
    assert np.asarray(matrix, dtype=np.float32).dtype == np.float32
    frame = matrix.to_frame()
    assert frame.loc["a", "c"] == matrix.values[0, 2]
    assert list(frame.columns) == list("abcd")
    frame.iloc[0, 0] = 7.0
    assert matrix.values[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        matrix.values[0, 0] = 7.0
    with pytest.raises(AttributeError):
        matrix.seconds = 1.0


def test_json_has_no_nan(clouds, unfinished):
    with pytest.warns(WdistWarning):
        matrix = wdist.pairwise({1: clouds["a"], (2, 3): clouds["b"]}, p=2, method=unfinished)
    told = json.loads(json.dumps(matrix.to_dict(), allow_nan=False))
    assert told["values"] == [[0, None], [None, 0]]
    assert told["rows"] == [1, "(2, 3)"]
    assert told["converged"] == [[True, False], [False, True]]
    assert told["lower"][0][1] > 0
    assert set(told) == {
        *("p", "target", "rows", "columns", "values", "lower", "upper"),
        *("bound", "converged", "method", "quantity", "seconds"),
    }
    assert wdist.pairwise([[0.0], [1.0]], p=INF).to_dict()["p"] == "inf"


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (
            {"samples": [[0.0], [2.0], [5.0]]},
            "W1 among 3 samples: 3 distances from 2 to 5, all exact; by line in",
        ),
        (
            {"samples": [[0.0]], "others": [[2.0], [5.0]]},
            "W1 from 1 sample to 2 others: 2 distances from 2 to 5",
        ),
        ({"samples": [[0.0]]}, "W1 between one sample and itself: 0"),
        (
            {"samples": [[0.0, 1.0], [2.0, 4.0], [5.0, 9.0]], "p": 2, "method": "sinkhorn"},
            "Sinkhorn divergence W2 among 3 samples: 3 distances from 2.5",
        ),
    ],
)
def test_it_reads_like_a_sentence(ask, text):
    assert repr(wdist.pairwise(**ask)).startswith(text)


# --- the border -----------------------------------------------------------------------------------------

LINE = [0.0, 1.0]
REFUSED = {
    "an array": ({"samples": np.zeros((2, 3))}, "samples is a ndarray; pass a list of sets, or a dict"),
    "a source": ({"samples": lambda n: np.zeros(n)}, "samples is one source; pass a list of sets"),
    "none": ({"samples": []}, "samples is empty; pass at least one set"),
    "no others": ({"samples": [LINE], "others": {}}, "others is empty; pass at least one set"),
    "NaN in a list": ({"samples": [LINE, [0.0, NAN]]}, "samples[1] is not finite in row 1 (NaN)"),
    "NaN in a dict": ({"samples": {"x": LINE, "y": [NAN]}}, "samples['y'] is not finite in row 0 (NaN)"),
    "NaN in others": ({"samples": [LINE], "others": [[NAN]]}, "others[0] is not finite in row 0 (NaN)"),
    "a number": ({"samples": [1.0, 2.0]}, "samples[0] is a single number"),
    "dimensions": (
        {"samples": [LINE, [[0.0, 1.0]]]},
        "samples[0] has 1 coordinates a point and samples[1] has 2; both must live in one space",
    ),
    "columns": (
        {"samples": [pd.DataFrame({"x": LINE, "y": LINE}), pd.DataFrame({"y": LINE, "x": LINE})]},
        "samples[0] has the columns x, y and samples[1] the same in another order, y, x; "
        "bring them in one order: samples[1][list(samples[0].columns)]",
    ),
    "weights": ({"samples": [LINE, LINE], "weights": [None, [1, 1]]}, "weights[1] sums to 2, not to one"),
    "weights of others": (
        {"samples": [LINE], "others": {"z": LINE}, "weights_others": {"z": [1]}},
        "weights_others['z'] has shape (1,) for 2 points",
    ),
    "weights of a source": (
        {"samples": [lambda n: np.zeros(n)], "weights": [[1]]},
        "samples[0] is a source that draws, so weights[0] has no points to weigh",
    ),
    "too few weights": ({"samples": [LINE, LINE], "weights": [LINE]}, "weights has 1 entries for 2 sets"),
    "weights as an array": (
        {"samples": [LINE, LINE], "weights": np.ones((2, 2)) / 2},
        "weights is a ndarray; pass a list with the masses of each set",
    ),
    "weights without names": (
        {"samples": {"x": LINE}, "weights": [LINE]},
        "samples is a dict and weights is a list; pass a dict with the same names",
    ),
    "unknown name": (
        {"samples": {"x": LINE}, "weights": {"q": LINE}},
        "weights has the name 'q', which samples has not",
    ),
    "weights of no others": (
        {"samples": [LINE], "weights_others": [LINE]},
        "weights_others are the masses of others, and others is None; pass weights",
    ),
    "order": ({"samples": [LINE, LINE], "p": 0.5}, "p is 0.5; the order"),
    "metric": ({"samples": [LINE, LINE], "metric": "manhattan"}, "metric is 'manhattan'"),
    "method": ({"samples": [LINE, LINE], "method": "exactly"}, "method is 'exactly'"),
    "a method's refusal": (
        {"samples": {"x": LINE, "y": LINE}, "method": "gaussian"},
        "with a = samples['x'] and b = samples['y']: method 'gaussian' cannot answer this: ",
    ),
    "draws": ({"samples": [LINE, LINE], "draws": 0}, "draws is 0; pass an int of at least 1"),
    "jobs": ({"samples": [LINE, LINE], "n_jobs": 0}, "n_jobs is 0; pass a number of processes, -1 for all"),
    "seed": ({"samples": [LINE, LINE], "seed": -1}, "seed is -1"),
    "a metric's fault": (
        {"samples": [LINE, LINE], "metric": lambda x, y: np.zeros(3), "method": "discrete"},
        "with a = samples[0] and b = samples[1]: ",
    ),
}


@pytest.mark.parametrize(("ask", "text"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_names_the_set(ask, text):
    with pytest.raises(InputError, match="^" + re.escape(text)):
        wdist.pairwise(**ask)


def test_each_set_is_doubted_once(clouds, monkeypatch):
    from wdist import question

    seen = []
    real = question.as_samples
    monkeypatch.setattr(question, "as_samples", lambda *a, **o: seen.append(o["name"]) or real(*a, **o))
    wdist.pairwise(clouds)
    assert seen == [f"samples['{name}']" for name in "abcd"]
