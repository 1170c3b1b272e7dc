"""The metric that is fed batch by batch: what it keeps is a fair sample, the same however rows are cut and spread."""

import datetime
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributed
from two_processes import TIME_OUT, findings

import wdist
from wdist import InputError, WassersteinMetric
from wdist.reservoir import Reservoir

NAN = float("nan")
X = torch.randn(600, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
Y = torch.randn(500, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 1


def fed(a=X, b=Y, batch=64, **options):
    metric = WassersteinMetric(**options)
    for x in a.split(batch):
        metric.update(a=x)
    for y in b.split(batch):
        metric.update(b=y)
    return metric


def refused(text, call, *args, **options):
    with pytest.raises(InputError, match=re.escape(text)):
        call(*args, **options)


def kept(metric):
    return [side.samples("").points for side in metric._sides]


class TestPlainLoop:
    def test_all_rows_kept_give_what_estimate_gives(self):
        est = fed(p=2).compute()
        whole = wdist.estimate(X, Y, p=2)
        assert est.value == pytest.approx(whole.value, rel=1e-12)
        assert (est.bound, est.p, est.method) == (whole.bound, 2, "discrete")
        assert est.message == "a: all 600 rows that came. b: all 500 rows that came."

    def test_rows_are_kept_to_the_bit_and_in_order(self):
        first, second = kept(fed())
        assert torch.equal(first, X)
        assert torch.equal(second, Y)

    def test_of_more_rows_a_part_is_used_and_told(self):
        metric = fed(rows=100)
        est = metric.compute()
        first, second = kept(metric)
        assert est.value == wdist.estimate(first, second).value
        assert est.message == (
            "a: 100 of 600 rows that came, a fair sample. b: 100 of 500 rows that came, a fair sample."
        )
        places = [int((row == X).all(dim=1).nonzero()) for row in first]
        assert places == sorted(set(places))
        assert len(places) == 100

    def test_options_reach_the_answer(self):
        assert fed(method="sliced", seed=3).compute().method == "sliced"
        assert fed(metric="cityblock").compute().value == wdist.estimate(X, Y, metric="cityblock").value
        est = fed(X[:, :1], Y[:, :1], target="population").compute()
        assert est.target is wdist.Target.POPULATION

    def test_computing_twice_and_going_on(self):
        metric = fed(X[:300], Y)
        assert metric.compute().value == metric.compute().value
        metric.update(a=X[300:])
        assert metric.compute().value == fed().compute().value

    def test_reset_forgets_all_and_the_same_rows_stay_again(self):
        metric = fed(rows=50)
        before = kept(metric)
        metric.reset()
        refused("no batch came since the metric was made or reset; call update(a, b) first", metric.compute)
        metric.update(X, Y)
        assert all(map(torch.equal, before, kept(metric)))

    def test_the_seed_decides_which_rows(self):
        assert all(map(torch.equal, kept(fed(rows=50, seed=1)), kept(fed(rows=50, seed=1))))
        assert not torch.equal(kept(fed(rows=50, seed=1))[0], kept(fed(rows=50, seed=2))[0])
        pair = fed(X, X, rows=50)
        assert not torch.equal(*kept(pair))  # the sides are sampled apart

    def test_batches_of_any_container_and_type(self):
        metric = WassersteinMetric()
        metric.update(torch.tensor([0.0, 1.0], dtype=torch.float32), np.array([3, 4]))
        metric.update([2.0], torch.tensor([5], dtype=torch.int16))
        assert metric.compute().value == 3
        metric.update(torch.tensor([0.1], dtype=torch.float64))
        assert kept(metric)[0].tolist() == [[0.0], [1.0], [2.0], [0.1]]

    def test_a_batch_changed_afterwards_changes_nothing(self):
        batch = X.clone()
        metric = WassersteinMetric()
        metric.update(batch, Y)
        batch.zero_()
        assert torch.equal(kept(metric)[0], X)

    def test_images_are_flattened(self):
        metric = WassersteinMetric()
        metric.update(X[:12].reshape(2, 2, 3, 3), Y[:12].reshape(2, 2, 3, 3))
        assert metric.compute().value == wdist.estimate(X[:12].reshape(2, 18), Y[:12].reshape(2, 18)).value


class TestModule:
    def test_it_is_saved_with_its_parent_and_goes_on(self):
        def parent():
            module = torch.nn.Module()
            module.metric = WassersteinMetric(rows=40, seed=None)
            return module

        first, second, whole = parent(), parent(), parent()
        whole.metric.load_state_dict(first.metric.state_dict())  # the same entropy
        first.metric.update(X[:300], Y[:100])
        state = first.state_dict()
        saved = state["metric._extra_state"]["a"]["rows"]
        before = saved.clone()
        first.metric.update(X[300:], Y[100:])
        assert torch.equal(saved, before)
        second.load_state_dict(state)
        second.metric.update(X[300:], Y[100:])
        whole.metric.update(X, Y)
        for metric in (second.metric, whole.metric):
            assert all(map(torch.equal, kept(first.metric), kept(metric)))
            assert metric.compute().value == first.metric.compute().value
        refused("batch 3: a is not finite", second.metric.update, [NAN])

    def test_its_state_is_safe_to_load(self, tmp_path):
        metric = fed(rows=40)
        torch.save(metric.state_dict(), tmp_path / "state.pt")
        other = WassersteinMetric(rows=40)
        other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        assert other.compute().message == metric.compute().message
        assert other.compute().value == metric.compute().value

    def test_a_state_of_another_size_would_not_stay_fair(self):
        text = "the state was kept with rows=40 and this metric has rows=50; make it with rows=40"
        refused(text, WassersteinMetric(rows=50).load_state_dict, fed(rows=40).state_dict())

    def test_it_has_no_buffers_that_a_data_parallel_parent_would_overwrite(self):
        assert list(fed().buffers()) == []

    def test_casts_leave_the_rows_alone_and_moves_do_not(self):
        metric = fed(rows=40)
        before = kept(metric)
        assert metric.half() is metric
        assert all(map(torch.equal, before, kept(metric)))
        metric.to("meta")
        assert {side.samples("").points.device.type for side in metric._sides} == {"meta"}

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")
    def test_rows_and_batches_on_any_device(self):
        metric = fed(X.cuda(), Y, rows=40)
        assert all(map(torch.equal, kept(metric), kept(fed(rows=40))))
        metric.cuda()
        metric.update(X[:5], Y[:5].cuda())
        assert {points.device.type for points in kept(metric)} == {"cuda"}
        assert metric.compute().value > 0

    def test_a_call_is_an_update(self):
        metric = WassersteinMetric()
        assert metric([0.0], [2.0]) is None
        assert metric.compute().value == 2


class TestBadInput:
    GOOD = torch.zeros(4, 2)
    BAD = (
        (([[0.0, NAN]], None), "a is not finite in row 0 (NaN in column 1)"),
        ((GOOD, [[0.0, float("inf")]]), "b is not finite in row 0 (infinite in column 1)"),
        (
            (torch.zeros(4, 3), GOOD),
            "a has 3 coordinates a point and the batches before had 2; all must live in one",
        ),
        ((GOOD, torch.zeros(4, 1)), "b has 1 coordinates a point and the batches before had 2; all must"),
        ((None, [0.0, 1.0]), "b has 1 coordinates a point and the batches before had 2"),
        ((None, None), "neither a nor b came; pass at least one of them"),
        ((torch.zeros(0, 2), GOOD), "a is empty (shape (0, 2))"),
        (("text", GOOD), "a is a str; pass numbers"),
        ((GOOD, iter([1])), "b is a list_iterator, which is not an array"),
    )

    @pytest.mark.parametrize(("batch", "text"), BAD, ids=[text[:22] for _, text in BAD])
    def test_it_is_refused_by_number_and_the_state_before_it_stands(self, batch, text):
        metric = WassersteinMetric(rows=6)
        for _ in range(3):
            metric.update(self.GOOD, self.GOOD + 1)
        before, said = kept(metric), metric.compute().message
        with pytest.raises(InputError, match=re.escape(f"batch 4: {text}")) as caught:
            metric.update(*batch)
        assert str(caught.value).endswith(". What came before it is kept")
        assert all(map(torch.equal, before, kept(metric)))
        assert metric.compute().message == said
        metric.update(self.GOOD)  # and it goes on
        refused("batch 6: a is not finite", metric.update, [NAN])

    def test_sides_of_one_batch_must_agree(self):
        text = "batch 1: b has 1 coordinates a point and a has 2; all must live in one space"
        refused(text, WassersteinMetric().update, self.GOOD, [0.0])

    def test_weights_are_refused(self):
        weighted = wdist.Samples(torch.zeros(2, 1), torch.tensor([0.25, 0.75], dtype=torch.float64))
        text = "batch 1: a is a Samples with weights, and rows of a stream count alike; pass its points"
        refused(text, WassersteinMetric().update, weighted)

    def test_computing_of_nothing_or_of_one_side(self):
        metric = WassersteinMetric()
        refused("no batch came since the metric was made or reset; call update(a, b) first", metric.compute)
        metric.update(a=X)
        refused("side b has no rows yet; call update(b=batch) first", metric.compute)
        metric.reset()
        metric.update(b=X)
        refused("side a has no rows yet; call update(a=batch) first", metric.compute)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"rows": 0}, "rows is 0; pass an int of at least 1"),
            ({"p": 0.5}, "p is 0.5; the order of a Wasserstein distance is"),
            ({"method": "emd"}, "method is 'emd'; choose auto, exact"),
            ({"metric": "cosine"}, "metric is 'cosine'; choose one of"),
            ({"target": "law"}, "target is 'law'; choose 'sample' or 'population'"),
            ({"seed": -1}, "seed is -1; pass a non-negative int"),
        ],
    )
    def test_options_are_refused_when_it_is_made(self, options, text):
        refused(text, WassersteinMetric, **options)

    def test_a_method_that_cannot_answer_leaves_the_state(self):
        metric = fed(p=2, method="critic")
        refused("method 'critic' cannot answer this: a critic measures W1 only", metric.compute)
        assert torch.equal(kept(metric)[0], X)


def merged(*parts):
    """Union of reservoirs as each of their processes sees it, on threads that talk as processes do."""
    board, barrier = [None] * len(parts), threading.Barrier(len(parts))

    def side(rank):
        def gather(mine):
            board[rank] = mine
            barrier.wait(10)
            found = list(board)
            barrier.wait(10)
            return found

        return parts[rank].union(gather, rank)

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(side, range(len(parts))))


def reservoir(*streams, most=5, root=(0,)):
    """One that saw these (process, rows), in this order."""
    found = Reservoir(most, root, 0)
    for process, rows in streams:
        found.add(torch.as_tensor(rows, dtype=torch.float64)[:, None], process)
    return found


def rows_of(found):
    return found.samples("").points[:, 0].tolist()


class TestReservoir:
    @settings(deadline=None, max_examples=40)
    @given(cuts=st.lists(st.integers(1, 99), max_size=8), most=st.integers(1, 120))
    def test_batches_do_not_matter(self, cuts, most):
        rows = np.arange(100.0)
        parts = [(0, part) for part in np.split(rows, sorted(set(cuts)))]
        assert rows_of(reservoir(*parts, most=most)) == rows_of(reservoir((0, rows), most=most))

    @settings(deadline=None, max_examples=20)
    @given(n=st.integers(1, 40), m=st.integers(0, 40), most=st.integers(1, 90))
    def test_a_union_is_what_one_process_would_have_kept(self, n, m, most):
        first, second = np.arange(n), np.arange(n, n + m)
        one = reservoir((0, first), (1, second), most=most)
        parts = reservoir((0, first), most=most), reservoir((1, second), most=most)
        for whole in merged(*parts):
            assert rows_of(whole) == rows_of(one)
            assert whole.seen == one.seen

    def test_it_is_associative_and_counts_nothing_twice(self):
        parts = [reservoir((k, np.arange(10 * k, 10 * k + 8)), most=9) for k in range(3)]
        flat = merged(*parts)[0]
        pair = merged(*parts[:2])
        nested = merged(pair[0], pair[1], parts[2], flat)
        assert {tuple(rows_of(whole)) for whole in nested} == {tuple(rows_of(flat))}
        assert nested[0].seen == flat.seen == {0: 8, 1: 8, 2: 8}

    def test_every_row_is_as_likely_to_stay(self):
        trials, most, n, m = 1500, 5, 15, 5
        stay = np.zeros((trials, n + m))
        for seed in range(trials):
            found = reservoir((0, np.arange(n)), (1, np.arange(n, n + m)), most=most, root=(seed,))
            stay[seed, np.array(rows_of(found), dtype=int)] = 1
        share = most / (n + m)
        assert abs(stay.mean(axis=0) - share).max() < 4.5 * (share * (1 - share) / trials) ** 0.5
        of_second = stay[:, n:].sum(axis=1)  # hypergeometric
        assert of_second.mean() == pytest.approx(most * m / (n + m), rel=0.08)
        assert of_second.var() == pytest.approx(most * 0.25 * 0.75 * (n + m - most) / (n + m - 1), rel=0.15)


def process(rank, folder):
    """What each of two processes does; its findings go to a file."""
    torch.set_num_threads(1)
    late = WassersteinMetric()
    late.update(X, Y)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2,
        timeout=datetime.timedelta(seconds=TIME_OUT / 2),
    )  # fmt: skip
    found = {}

    def note(name, call):
        try:
            est = call()
            found[name] = (est.value, est.message)
        except InputError as error:
            found[name] = str(error)

    mine = X[rank::2], Y[rank::2]
    note("late", late.compute)
    note("all", fed(*mine, p=2).compute)
    part = fed(*mine, rows=100)
    note("part", part.compute)
    note("again", part.compute)
    found["apart"] = kept(part)
    part.sync()
    found["synced"] = kept(part)
    shared = [part.state_dict() if rank == 0 else None]
    distributed.broadcast_object_list(shared)
    resumed = WassersteinMetric(rows=100)
    resumed.load_state_dict(shared[0])
    note("resumed", resumed.compute)
    for metric in (part, resumed):
        metric.update(*(points[:50] + 9 for points in mine))
    note("on", part.compute)
    note("resumed on", resumed.compute)
    one_side = WassersteinMetric()
    one_side.update(**({"a": X} if rank == 0 else {"b": Y}))
    note("a side each", one_side.compute)
    note("no rows here", (fed() if rank == 0 else WassersteinMetric()).compute)
    note("empty", WassersteinMetric().compute)
    note("entropy", fed(*mine, rows=100, seed=None).compute)
    note("critic", fed(*mine, method=wdist.Critic(net=wdist.Cones(4), steps=8, batch=16)).compute)
    note("refusal", fed(*mine, p=2, method="critic").compute)
    note("widths", fed(X[:, : 2 + rank], Y[:, : 2 + rank]).compute)
    note("rows", fed(rows=100 + rank).compute)
    note("batch", lambda: part.update([[NAN, 0.0, 0.0]]))
    part.reset()
    note("reset", part.compute)
    with open(f"{folder}/{rank}.pickle", "wb") as file:
        pickle.dump(found, file)
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Findings of two processes that talk by gloo."""
    return findings(process, tmp_path_factory.mktemp("gloo"))


@pytest.mark.skipif(not distributed.is_available(), reason="this torch has no torch.distributed")
class TestTwoProcesses:
    def test_both_get_one_answer(self, two):
        same = [name for name in two[0] if name not in ("apart", "synced", "batch")]
        assert [name for name in same if two[0][name] != two[1][name]] == []

    def test_it_is_that_of_one_process_with_all_rows(self, two):
        value, message = two[0]["all"]
        assert value == pytest.approx(wdist.estimate(X, Y, p=2).value, rel=1e-9)
        assert (
            message == "a: all 600 rows that came in 2 processes. b: all 500 rows that came in 2 processes."
        )

    def test_the_sample_is_that_of_the_union(self, two):
        value, message = two[0]["part"]
        assert message.startswith(
            "a: 100 of 600 rows that came in 2 processes, a fair sample. b: 100 of 500 rows"
        )
        first, second = two[0]["synced"]
        assert all(map(torch.equal, two[0]["synced"], two[1]["synced"]))
        assert value == wdist.estimate(first, second).value
        halves = [found["apart"][0] for found in two]
        split = [sum(bool((row == half).all(dim=1).any()) for row in first) for half in halves]
        assert sum(split) == 100
        assert min(split) > 25  # hypergeometric: 50 +- 4.6

    def test_asking_changes_nothing_and_a_seed_repeats(self, two):
        assert two[0]["again"] == two[0]["part"]
        one = WassersteinMetric(rows=100)
        for side, points in zip(one._sides, (X, Y), strict=True):
            for rank in range(2):
                side.add(points[rank::2], rank)
        assert all(map(torch.equal, kept(one), two[0]["synced"]))

    def test_a_synced_state_of_the_first_serves_both(self, two):
        assert two[0]["resumed"] == two[0]["part"]
        assert two[0]["resumed on"] == two[0]["on"] != two[0]["part"]
        assert "a: 100 of 700 rows" in two[0]["on"][1]

    def test_a_process_may_hold_one_side_or_nothing(self, two):
        whole = wdist.estimate(X, Y).value
        assert two[0]["a side each"] == (whole, "a: all 600 rows that came. b: all 500 rows that came.")
        assert two[0]["no rows here"] == two[0]["a side each"]

    def test_entropy_is_shared_and_any_estimate_can_be_handed_over(self, two):
        assert two[0]["entropy"][0] > 0
        assert two[0]["critic"][0] > 0

    def test_refusals_reach_both(self, two):
        nothing = "no batch came since the metric was made or reset; call update(a, b) first"
        assert two[0]["empty"] == two[0]["reset"] == nothing
        assert "a critic measures W1 only" in two[0]["refusal"]
        assert two[0]["widths"] == (
            "processes do not go together: 0 has 2 coordinates a point and 1 has 3; make them the same"
        )
        assert two[0]["rows"] == (
            "processes do not go together: 0 has 100 rows at most and 1 has 101; make them the same"
        )
        assert two[0]["late"].startswith(
            "batches came before torch.distributed was initialised, and cannot be told"
        )

    def test_a_batch_is_named_with_its_process(self, two):
        assert [found["batch"].split(": a is")[0] for found in two] == [
            f"batch 11 in process {k}" for k in (0, 1)
        ]
