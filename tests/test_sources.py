"""Things that draw: all forms of a source give the same answer, and a draw that goes wrong is named."""

import functools
import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import wdist
from wdist import InputError
from wdist.rng import as_rng
from wdist.sources import as_source, is_source

QUICK = wdist.Critic(net=wdist.Cones(4), steps=8, batch=16)
PLANE = torch.randn(64, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
NAN = float("nan")


class Law:
    """A source whose draws are what `draw` makes of (n, rng)."""

    def __init__(self, draw, dim=2):
        self._draw, self.dim = draw, dim

    def draw(self, n, rng):
        return self._draw(n, rng)


def normal(n, rng):
    return torch.randn(n, 2, generator=rng, dtype=torch.float64)


class Items(Dataset):
    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def refused(text, a, b=PLANE, method=QUICK, **options):
    with pytest.raises(InputError, match=re.escape(text)):
        wdist.estimate(a, b, method=method, **options)


def value(a, b=PLANE, method=QUICK, **options):
    return wdist.estimate(a, b, method=method, **options).value


class TestForms:
    """Whatever its form, a source that draws the same points gives the same number."""

    @pytest.mark.parametrize(
        "source",
        [
            lambda n, rng: normal(n, rng) + 3,
            lambda n, generator=None: normal(n, generator) + 3,
            lambda n, rng: (normal(n, rng) + 3).numpy(),
            lambda n, rng: (normal(n, rng) + 3).tolist(),
            lambda n, rng: (normal(n, rng).flip(0) + 3).numpy()[::-1],
            lambda n, rng: (normal(n, rng) + 3).requires_grad_(),
            lambda n, rng: (normal(n, rng) + 3)[:, :, None, None],
            functools.partial(lambda shift, n, rng: normal(n, rng) + shift, 3),
            Law(lambda n, rng: normal(n, rng) + 3),
            Law(lambda n, rng: normal(n, rng) + 3, dim=np.int64(2)),
        ],
        ids=[
            "f(n, rng)",
            "generator=",
            "array",
            "list",
            "negative stride",
            "gradient",
            "image",
            "partial",
            "object",
            "NumPy dim",
        ],
    )
    def test_they_agree(self, source):
        assert value(source, method="discrete") == value(
            Law(lambda n, rng: normal(n, rng) + 3), method="discrete"
        )
        assert value(source, method="discrete") == pytest.approx(18**0.5, rel=0.2)

    def test_a_function_of_n_alone(self):
        still = torch.ones(1, 2, dtype=torch.float64)
        est = wdist.estimate(lambda n: still.expand(n, 2), lambda n: np.full((n, 2), [4, 5]), p=2)
        assert est.value == pytest.approx(5)
        assert "a: 2000 points were drawn from the source. b: 2000 points were drawn" in est.message

    def test_a_function_with_more_settings_is_called_with_n_alone(self):
        seen = []

        def law(n, scale=2.0):
            seen.append(scale)
            return np.full((n, 2), scale)

        assert value(law, lambda n: np.zeros((n, 2)), method="discrete") == pytest.approx(8**0.5)
        assert set(seen) == {2.0}

    def test_draws_of_one_coordinate_may_be_flat(self):
        assert value(lambda n: np.zeros(n), lambda n: torch.ones(n, dtype=torch.int64), method="line") == 1

    def test_an_object_without_dim_is_asked_for_a_trial_draw(self):
        class Nameless:
            def draw(self, n):
                return np.zeros((n, 3))

        assert as_source(Nameless(), "a", as_rng(0)).dim == 3

    def test_arrays_tensors_and_classes_are_no_sources(self):
        assert not any(map(is_source, [np.zeros(3), torch.zeros(3), [1.0], None, "x", Law, float]))
        assert all(map(is_source, [Law(normal), normal, DataLoader(Items(1.0))]))

    def test_each_draw_is_fresh_and_of_the_size_asked_for(self):
        asked = []

        def law(n, rng):
            asked.append(n)
            return normal(n, rng)

        checked = as_source(Law(law), "a", as_rng(0))
        rng = torch.Generator().manual_seed(1)
        first, second = checked.draw(5, rng), checked.draw(7, rng)
        assert (first.shape, second.shape, asked) == ((5, 2), (7, 2), [5, 7])
        assert not torch.equal(first, second[:5])

    @pytest.mark.parametrize("method", ["discrete", QUICK], ids=["discrete", "critic"])
    def test_the_seed_decides_and_nothing_else(self, method):
        law = Law(lambda n, rng: normal(n, rng) + 1)
        first = value(law, method=method, seed=3)
        torch.manual_seed(99)
        assert value(law, method=method, seed=3) == first
        assert value(law, method=method, seed=4) != first


DRAWN = "draw(n, rng) must return n rows of 2 coordinates"
DENSE = "return a dense real tensor (n, d)"
DRAWS = {
    "a row too many": (
        lambda n, g: torch.zeros(n + 1, 2),
        f"a returned shape (2001, 2) on draw 1, asked for (2000, 2); {DRAWN}",
    ),
    "a column too few": (
        lambda n, g: torch.zeros(n, 1),
        "a returned shape (2000, 1) on draw 1, asked for (2000, 2)",
    ),
    "flat": (lambda n, g: np.zeros(n), "a returned shape (2000,) on draw 1, asked for (2000, 2)"),
    "nothing": (lambda n, g: torch.zeros(0, 2), "a returned shape (0, 2) on draw 1, asked for (2000, 2)"),
    "a number": (
        lambda n, g: torch.tensor(1.0),
        f"a returned a torch.float32 tensor of shape () on draw 1; {DENSE}",
    ),
    "complex": (
        lambda n, g: normal(n, g) * 1j,
        f"a returned a torch.complex128 tensor of shape (2000, 2) on draw 1; {DENSE}",
    ),
    "sparse": (
        lambda n, g: normal(n, g).to_sparse(),
        f"a returned a sparse tensor of shape (2000, 2) on draw 1; {DENSE}",
    ),
    "None": (lambda n, g: None, "a returned a NoneType on draw 1; return a tensor of shape (n, d)"),
    "text": (lambda n, g: "abc", "a returned a str on draw 1; return a tensor of shape (n, d)"),
    "ragged": (lambda n, g: [[1], [1, 2]], "a returned a list on draw 1; return a tensor of shape (n, d)"),
    "words": (
        lambda n, g: np.full((n, 2), "x"),
        "a returned a ndarray on draw 1; return a tensor of shape (n, d)",
    ),
}


class TestBadDraws:
    @pytest.mark.parametrize(("draw", "text"), DRAWS.values(), ids=DRAWS)
    def test_they_are_named(self, draw, text):
        refused(text, Law(draw), method="discrete")

    @pytest.mark.parametrize("bad", [NAN, float("inf")])
    @pytest.mark.parametrize("k", [1, 2, 3, 4])
    def test_the_kth_draw_is_named_with_its_row(self, k, bad):
        calls = []

        def law(n, rng):
            calls.append(n)
            x = normal(n, rng)
            if len(calls) == k:
                x[7, 1] = bad
            return x

        refused(
            f"b returned a NaN or infinite value on draw {k}, in row 7; mend the source or drop",
            PLANE,
            Law(law),
        )
        assert len(calls) == k

    def test_a_trial_draw_that_goes_wrong_is_called_so(self):
        refused("a returned a NoneType on draw 1, a trial of 2 points; return a tensor", lambda n: None)
        refused(
            "a returned a NaN or infinite value on draw 1, a trial of 2 points",
            lambda n: np.full((n, 2), NAN),
        )

    def test_coordinates_that_come_and_go(self):
        width = iter([2, 3, 2])
        refused(
            "a returned shape (2000, 3) on draw 2, asked for (2000, 2)",  # as the function would count
            lambda n: np.zeros((n, next(width))),
            method="discrete",
        )

    def test_an_error_of_the_sources_own_reaches_the_caller(self):
        with pytest.raises(ZeroDivisionError):
            wdist.estimate(Law(lambda n, g: 1 / 0), PLANE, method=QUICK)


class TestBadSources:
    @pytest.mark.parametrize("dim", [0, -1, "2", 2.0, NAN, True], ids=repr)
    def test_dimensions_are_refused(self, dim):
        refused(
            f"a.dim is {dim!r}; a Source's dim is its number of coordinates, an int >= 1", Law(normal, dim)
        )

    def test_dimensions_must_agree(self):
        refused("a has 3 coordinates a point and b has 2", Law(normal, 3))
        refused("a has 2 coordinates a point and b has 1", normal, [1.0, 2.0])

    FORM = "a source is f(n) or f(n, rng) -> (n, d)"

    @pytest.mark.parametrize(
        ("f", "text"),
        [
            (lambda: 3, "a is callable but takes 0 arguments; "),
            (lambda a, b, c: 3, "a is callable but takes 3 arguments; "),
            (lambda *, n: 3, "a needs arguments by name; "),
            (lambda n, *, scale: 3, "a needs arguments by name; "),
            (max, "a does not tell which arguments it takes; "),
        ],
    )
    def test_functions_of_another_form_are_refused(self, f, text):
        refused(text + self.FORM, f)

    def test_a_method_draw_of_another_form_is_refused(self):
        class Greedy(Law):
            def draw(self, n, rng, more):
                return normal(n, rng)

        refused("a.draw is callable but takes 3 arguments; " + self.FORM, Greedy(normal))

    def test_a_class_in_place_of_an_object(self):
        refused("a is the class Law; pass an object made from it", Law)

    def test_weights_have_nothing_to_weigh(self):
        text = "a is a source that draws, so weights_a has no points to weigh; drop it"
        refused(text, normal, weights_a=[1.0])
        refused(
            text.replace("a is", "b is").replace("weights_a", "weights_b"), PLANE, normal, weights_b=[1.0]
        )


def loader(*items, batch_size=2, **options):
    return DataLoader(Items(*items), batch_size=batch_size, **options)


LOADERS = {
    "no items": (loader(), "a is a DataLoader that yields no batch; is its data set empty?"),
    "less than a batch": (
        loader(1.0, batch_size=4, drop_last=True),
        "a is a DataLoader that yields no batch",
    ),
    "text": (loader("x", "y"), "a yields str batches; yield a tensor, or (tensor, label)"),
    "dicts": (loader({"x": 1.0}, {"x": 2.0}), "a yields dict batches; yield a tensor, or (tensor, label)"),
    "nothing in a tuple": (loader((), ()), "a yields list batches; yield a tensor"),
    "ragged batches": (
        loader(*[torch.zeros(2)] * 2, *[torch.zeros(3)] * 2),
        "a yields batches of different shapes: (2,), then in batch 2 (3,) a row",
    ),
    "ragged in a batch": (
        loader(torch.zeros(2), torch.zeros(3)),
        "a is a DataLoader that fails on batch 1: RuntimeError: stack expects each tensor to be equal size",
    ),
    "objects": (
        loader(object(), object()),
        "a is a DataLoader that fails on batch 1: TypeError: default_collate: batch must",
    ),
    "single rows": (
        loader(torch.zeros(2), torch.zeros(2), batch_size=None),
        "a yields single rows, as it has batch_size=None; give it a batch size",
    ),
    "empty batches": (
        loader(1.0, 2.0, collate_fn=lambda rows: torch.zeros(0, 2)),
        "a yields an empty batch, of shape (0, 2); leave such out",
    ),
    "NaN": (
        loader(torch.zeros(2), torch.tensor([0, NAN])),
        "a returned a NaN or infinite value on batch 1, in row 1;",
    ),
    "NaN later": (
        loader(*[torch.zeros(2)] * 9, torch.tensor([0, NAN])),
        "a returned a NaN or infinite value on batch 5, in row 1;",
    ),
    "too few coordinates": (loader(1.0, 2.0), "a has 1 coordinates a point and b has 2"),
}


class Once(IterableDataset):
    """A stream of batches that can be read once."""

    def __init__(self, batches):
        self._batches = iter(batches)

    def __iter__(self):
        return self._batches


class TestEnds:
    def test_a_loader_that_begins_again_says_so(self):
        est = wdist.estimate(DataLoader(TensorDataset(PLANE), batch_size=7), PLANE + 1, method="discrete")
        assert (
            "a: 2000 points were drawn from the source. a ended after 64 rows and was begun again: "
            in est.message
        )
        long = DataLoader(TensorDataset(PLANE.repeat(40, 1)), batch_size=7)
        assert "begun again" not in wdist.estimate(long, PLANE + 1, method="discrete").message

    def test_a_critic_says_so_too(self):
        loader = DataLoader(TensorDataset(PLANE), batch_size=7)
        assert (
            "a ended after 64 rows and was begun again"
            in wdist.estimate(loader, PLANE + 1, method=QUICK).message
        )

    def test_a_stream_that_can_be_read_once(self):
        refused(
            "a ended after 64 rows and yields nothing when it is begun again; give it a data set that can be read "
            "more than once, or that is longer",
            DataLoader(Once(PLANE.split(10)), batch_size=None),
            method="discrete",
        )

    def test_a_batch_of_a_later_epoch_is_named_by_both(self):
        epochs = iter([PLANE.split(32), [PLANE[:32], torch.full((32, 2), NAN)]])

        class Worsening(IterableDataset):
            def __iter__(self):
                return iter(next(epochs))

        text = "a returned a NaN or infinite value on batch 2 of epoch 2, in row 0; mend the source"
        refused(text, DataLoader(Worsening(), batch_size=None), method="discrete")

    @pytest.mark.parametrize(("batches", "call"), [(0, "draw 1, a trial of 2 points"), (1, "draw 2")])
    def test_a_function_of_an_iterator_that_ends(self, batches, call):
        left = iter([PLANE[:2]] * batches)
        refused(
            f"a came to its end on {call} (StopIteration); a source draws for ever: begin its iterator again",
            lambda n: next(left),
            method="discrete",
        )


class TestDataLoader:
    @pytest.mark.parametrize(("given", "text"), LOADERS.values(), ids=LOADERS)
    def test_bad_ones_are_refused(self, given, text):
        refused(text, given)

    @staticmethod
    def of(points, **options):
        return DataLoader(TensorDataset(points, torch.arange(len(points))), batch_size=7, **options)

    def test_rows_come_in_order_and_begin_again(self):
        source = as_source(self.of(PLANE), "a", as_rng(0))
        rng = torch.Generator().manual_seed(0)
        drawn = torch.cat([source.draw(n, rng) for n in (2, 20, 1, 60)])
        assert torch.equal(drawn, PLANE.repeat(2, 1)[: len(drawn)])

    def test_shuffled_rows_are_each_drawn_once_an_epoch(self):
        source = as_source(self.of(PLANE, shuffle=True), "a", as_rng(0))
        rng = torch.Generator().manual_seed(0)
        first, second = (source.draw(len(PLANE), rng) for _ in range(2))
        assert not torch.equal(first, second)
        for epoch in (first, second):
            assert not torch.equal(epoch, PLANE)
            assert torch.equal(epoch[epoch[:, 0].argsort()], PLANE[PLANE[:, 0].argsort()])

    @pytest.mark.parametrize("method", ["discrete", QUICK], ids=["discrete", "critic"])
    def test_one_seed_one_answer_and_no_trace(self, method):
        shuffled = self.of(PLANE, shuffle=True)
        torch.manual_seed(1)
        state = torch.get_rng_state()
        first = value(shuffled, PLANE + 1, method=method, seed=3)
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(2)
        assert value(shuffled, PLANE + 1, method=method, seed=3) == first
        if method is QUICK:  # the discrete answer is that of whole epochs, nearly the same for every seed
            assert value(shuffled, PLANE + 1, method=method, seed=4) != first

    def test_loading_in_its_own_order_is_the_data_set(self):
        exact = value(PLANE, PLANE + 1, method="discrete")
        epochs = wdist.Discrete.draws / len(PLANE)
        assert value(self.of(PLANE), PLANE + 1, method="discrete") == pytest.approx(exact, rel=2 / epochs)

    def test_images_with_labels(self):
        images = PLANE.reshape(64, 1, 1, 2)
        assert value(self.of(images), PLANE + 1) == value(self.of(PLANE), PLANE + 1)

    def test_streams_and_batches_made_elsewhere(self):
        class Stream(IterableDataset):
            def __iter__(self):
                return iter(PLANE.split(10))

        assert value(DataLoader(Stream(), batch_size=None), PLANE + 1) == value(self.of(PLANE), PLANE + 1)
        whole = DataLoader(TensorDataset(PLANE), batch_size=None, sampler=[list(range(64))])
        assert value(whole, PLANE + 1) == value(self.of(PLANE), PLANE + 1)


def test_a_device_without_points_to_put_there_is_refused():
    def law(n, rng):
        return torch.randn(n, 2, generator=rng)

    with pytest.raises(wdist.InputError, match="both sides are sources; have them draw on that device"):
        wdist.estimate(law, law, method="critic", device="cpu")
