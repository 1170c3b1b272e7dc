"""The border from inside: what holds the same numbers is the same measure, neither copied nor changed."""

import collections
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from every_method import REQUESTS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import wdist
from wdist.measures import as_device, as_samples
from wdist.question import ask
from wdist.result import Bound
from wdist.rng import as_rng

COLUMN = [3, 1, 4, 1, 5, 9, 2, 6]
PLANE = [[3, 1], [4, 1], [5, 9], [2, 6]]
FLOAT64 = {np.array: np.float64, torch.tensor: torch.float64}
ELSEWHERE = [[0.0, 0.5], [1.0, 7.0], [2.5, 2.0]]


def mapped(tmp_path, dtype=np.float64):
    np.save(tmp_path / "x.npy", np.array(COLUMN, dtype))
    return np.load(tmp_path / "x.npy", mmap_mode="r")


COLUMNS = {
    "float64": np.array(COLUMN, float),
    "float32": np.array(COLUMN, np.float32),
    "float16": np.array(COLUMN, np.float16),
    "long double": np.array(COLUMN, np.longdouble),
    "int64": np.array(COLUMN),
    "int8": np.array(COLUMN, np.int8),
    "uint64": np.array(COLUMN, np.uint64),
    "big-endian float64": np.array(COLUMN, ">f8"),
    "big-endian float32": np.array(COLUMN, ">f4"),
    "big-endian int16": np.array(COLUMN, ">i2"),
    "negative stride": np.array(COLUMN[::-1], float)[::-1],
    "every second": np.repeat(np.array(COLUMN, float), 2)[::2],
    "column (n, 1)": np.array(COLUMN, float)[:, None],
    "matrix": np.matrix(COLUMN, dtype=float).T,
    "masked without a hole": np.ma.array(COLUMN),
    "list": COLUMN,
    "list of lists": [[value] for value in COLUMN],
    "list of NumPy scalars": [np.float32(value) for value in COLUMN],
    "list of tensors": [torch.tensor(float(value)) for value in COLUMN],
    "tuple": tuple(COLUMN),
    "deque": collections.deque(COLUMN),
    "tensor float64": torch.tensor(COLUMN, dtype=torch.float64),
    "tensor float32": torch.tensor(COLUMN, dtype=torch.float32),
    "tensor half": torch.tensor(COLUMN, dtype=torch.half),
    "tensor bfloat16": torch.tensor(COLUMN, dtype=torch.bfloat16),
    "tensor int32": torch.tensor(COLUMN, dtype=torch.int32),
    "tensor uint8": torch.tensor(COLUMN, dtype=torch.uint8),
    "tensor with gradient": torch.tensor(COLUMN, dtype=torch.float32, requires_grad=True),
    "parameter": torch.nn.Parameter(torch.tensor(COLUMN, dtype=torch.float64)),
    "Series": pd.Series(COLUMN),
    "Series with another index": pd.Series(COLUMN, index=range(10, 18)),
    "Series float32": pd.Series(COLUMN, dtype="float32"),
    "Series Int64": pd.Series(COLUMN, dtype="Int64"),
    "Series Float64": pd.Series(COLUMN, dtype="Float64"),
    "Series Arrow": pd.Series(COLUMN, dtype="double[pyarrow]"),
    "Index": pd.Index(COLUMN),
    "DataFrame of one": pd.DataFrame({"x": COLUMN}),
    "Polars Series": pl.Series(COLUMN),
    "Polars Series float32": pl.Series(COLUMN, dtype=pl.Float32),
    "Polars DataFrame of one": pl.DataFrame({"x": COLUMN}),
    "Samples": as_samples(COLUMN),
}
PLANES = {
    "Fortran order": np.asfortranarray(np.array(PLANE, float)),
    "transposed": np.array(PLANE, float).T.copy().T,
    "columns reversed": np.array(PLANE, float)[:, ::-1].copy()[:, ::-1],
    "window": np.pad(np.array(PLANE, float), 2)[2:-2, 2:-2],
    "tuples": tuple(map(tuple, PLANE)),
    "list of arrays": [np.array(row) for row in PLANE],
    "list of tensors": [torch.tensor(row) for row in PLANE],
    "tensor transposed": torch.tensor(PLANE).T.contiguous().T,
    "DataFrame": pd.DataFrame(PLANE, columns=["x", "y"]),
    "DataFrame of two dtypes": pd.DataFrame({"x": [3, 4, 5, 2], "y": [1.0, 1, 9, 6]}),
    "DataFrame nullable": pd.DataFrame(PLANE).astype("Int64"),
    "DataFrame nullable and not": pd.DataFrame({"x": pd.array([3, 4, 5, 2], "Int64"), "y": [1.0, 1, 9, 6]}),
    "DataFrame Arrow and not": pd.DataFrame(
        {"x": pd.array([3, 4, 5, 2], "int64[pyarrow]"), "y": [1.0, 1, 9, 6]}
    ),
    "Polars DataFrame": pl.DataFrame({"x": [3, 4, 5, 2], "y": [1.0, 1.0, 9.0, 6.0]}),
    "Polars arrays": pl.Series(PLANE, dtype=pl.Array(pl.Int64, 2)),
    "images": np.array(PLANE, float).reshape(4, 1, 2, 1),
    "bytes as images": np.array(PLANE, np.uint8).reshape(4, 1, 2),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_every_container_of_a_column_is_the_same_measure(column):
    shift = wdist.estimate(column, np.array(COLUMN, float) + 0.25)
    assert shift.value == 0.25  # every number here, and so the answer, is exact in every dtype above
    assert wdist.estimate(ELSEWHERE[0], column, p=2).value == wdist.estimate(ELSEWHERE[0], COLUMN, p=2).value


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
def test_every_container_of_rows_is_the_same_measure(plane):
    assert wdist.estimate(plane, ELSEWHERE).value == wdist.estimate(PLANE, ELSEWHERE).value
    assert wdist.estimate(plane, PLANE).value == 0


def test_truth_values_ranges_and_maps_of_files(tmp_path):
    assert wdist.estimate([True, False], [False, False]).value == 0.5
    assert wdist.estimate(np.array([True, False]), torch.tensor([True, True])).value == 0.5
    assert wdist.estimate(pd.Series([True, False], dtype="boolean"), pl.Series([False, False])).value == 0.5
    assert wdist.estimate(range(8), range(1, 9)).value == 1
    for dtype in (float, np.float32, ">f8", np.int16):
        x = mapped(tmp_path, dtype)
        assert not x.flags.writeable
        assert wdist.estimate(x, COLUMN).value == 0


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 3)), elements=st.floats(-1e6, 1e6, width=32)
    )
)
@settings(max_examples=40, deadline=None)
def test_float32_is_read_to_the_last_bit(x):
    held = as_samples(x)
    assert held.points.dtype == torch.float32
    np.testing.assert_array_equal(held.points.numpy(), x)
    np.testing.assert_array_equal(as_samples(x.tolist()).points.numpy(), x.astype(float))


def test_two_dtypes_meet_in_the_wider_one():
    a, b = np.float32([0.1, 0.2]), np.array([0.1, 0.2])
    expected = np.abs(a.astype(float) - b).mean()
    assert expected > 0
    for pair in ((a, b), (torch.from_numpy(a), b), (a, torch.from_numpy(b))):
        assert wdist.estimate(*pair).value == pytest.approx(expected, rel=1e-12)
        assert wdist.estimate(*pair, method="discrete").value == pytest.approx(expected, rel=1e-12)
        met = ask(*pair, rng=as_rng(0)).samples
        assert [side.points.dtype for side in met] == [torch.float64] * 2
    kept = ask(a, a, rng=as_rng(0)).samples
    assert [side.points.dtype for side in kept] == [torch.float32] * 2


@pytest.mark.parametrize("hold", [np.int32, np.int64, torch.tensor, list, pd.Series, pl.Series])
def test_whole_numbers_keep_their_last_digit(hold):
    assert wdist.estimate(hold([2**24 + 1]), [0.0]).value == 2**24 + 1  # one more than float32 can hold


def test_weights_come_in_any_container_too():
    masses = [0.5, 0.25, 0.125, 0.125]
    expected = wdist.estimate(PLANE, ELSEWHERE, weights_a=masses).value
    assert expected != wdist.estimate(PLANE, ELSEWHERE).value
    for held in (
        np.float32(masses),
        np.array(masses)[:, None],
        torch.tensor(masses),
        pd.Series(masses, dtype="Float64"),
        pl.Series(masses),
        tuple(masses),
        np.array(masses[::-1])[::-1],
    ):
        assert wdist.estimate(PLANE, ELSEWHERE, weights_a=held).value == expected
    whole = wdist.estimate(PLANE, ELSEWHERE, weights_a=[4, 2, 1, 1], normalize_weights=True)
    assert whole.value == expected


class TestImages:
    def test_they_are_flattened_with_a_word(self):
        est = wdist.estimate(np.zeros((2, 3, 4, 5)), np.ones((3, 3, 4, 5)))
        assert est.value == pytest.approx(np.sqrt(60))
        said = "{}: {} images of shape (3, 4, 5) were flattened to 60 coordinates."
        assert said.format("a", 2) in est.message
        assert said.format("b", 3) in est.message
        assert "Note: " + said.format("a", 2) in est.explain()

    @pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
    def test_grey_bytes_need_no_channel(self, kind):
        est = wdist.estimate(kind(np.zeros((2, 4, 5), np.uint8)), kind(np.full((2, 4, 5), 255, np.uint8)))
        assert est.value == pytest.approx(255 * np.sqrt(20))  # and 0 − 255 did not wrap round
        assert "a: 2 images of shape (4, 5) were flattened to 20 coordinates." in est.message

    def test_rows_that_are_flat_already_are_passed_over_in_silence(self):
        assert wdist.estimate(np.zeros((2, 60)), np.ones((3, 60))).message == ""


class TestWholeNumbers:
    """float64 holds every whole number to 2**53; past it the border says that it rounded, and by how much."""

    SAID = "a: whole numbers of 2**53 and beyond are held as float64, rounded by up to "

    @pytest.mark.parametrize(
        "a",
        [
            np.array([1_700_000_000_000_000_001, 1_700_000_000_000_000_000]),
            np.array([1_700_000_000_000_000_001, 1_700_000_000_000_000_000], np.uint64),
            torch.tensor([-1_700_000_000_000_000_001, 0]),
            [1_700_000_000_000_000_001, 0],
            pd.Series([1_700_000_000_000_000_001, 0]),
            pd.Series([1_700_000_000_000_000_001, 0], dtype="Int64"),
            pl.Series([1_700_000_000_000_000_001, 0]),
        ],
        ids=["int64", "uint64", "tensor", "list", "Series", "Int64", "Polars"],
    )
    def test_nanoseconds_since_1970_get_a_word(self, a):
        est = wdist.estimate(a, [0.0, 0.0])
        assert (
            f"{self.SAID}128; to keep them exact, first subtract one whole number from a and b."
            in est.message
        )

    def test_the_remedy_keeps_them_exact(self):
        a, b = np.array([1_700_000_000_000_000_001]), np.array([1_700_000_000_000_000_008])
        assert wdist.estimate(a, b).value == 0
        est = wdist.estimate(a - a[0], b - a[0])
        assert est.value == 7
        assert est.message == ""

    def test_smaller_ones_and_floats_get_none(self):
        assert wdist.estimate(np.array([2**53 - 1, 0]), [0.0]).message == ""
        assert self.SAID in wdist.estimate(np.array([2**53, 0]), [0.0]).message
        assert wdist.estimate([1e18], [0.0]).message == ""


class TestNothingIsCopied:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_floats_are_read_where_they_lie(self, dtype, tmp_path):
        x = np.arange(12, dtype=dtype).reshape(6, 2)
        for held in (x, x[:, 0], x[::2], x.T, np.asfortranarray(x), pd.DataFrame(x).to_numpy()):
            assert np.shares_memory(as_samples(held).points.numpy(), held)
        file = mapped(tmp_path, dtype)
        assert np.shares_memory(as_samples(file).points.numpy(), file)
        frame = pd.DataFrame(x)
        assert np.shares_memory(as_samples(frame).points.numpy(), frame.to_numpy())
        tensor = torch.from_numpy(x).reshape(6, 1, 1, 2)
        assert as_samples(tensor).points.data_ptr() == tensor.data_ptr()

    def test_doubting_samples_again_copies_no_points(self):
        held = as_samples(np.array(COLUMN, float))
        assert as_samples(held).points.data_ptr() == held.points.data_ptr()

    @pytest.mark.parametrize("method", wdist.METHODS)
    def test_no_method_writes_to_what_the_user_passed(self, method):
        request = REQUESTS[method]
        a, b = request.a.copy(), torch.from_numpy(request.b.copy())
        mass = np.full(len(a), 1 / len(a))
        kept = a.copy(), b.clone(), mass.copy()
        a.flags.writeable = mass.flags.writeable = False
        request(a=a, b=b, weights_a=mass)
        assert torch.equal(b, kept[1])
        np.testing.assert_array_equal(a, kept[0])
        np.testing.assert_array_equal(mass, kept[2])

    @pytest.mark.parametrize("method", ["discrete", "sinkhorn"])
    @pytest.mark.parametrize("hold", [np.array, torch.tensor])
    def test_a_metric_may_return_a_matrix_of_the_users_own(self, method, hold):
        cost = hold([[1.0, 2.0], [3.0, 4.0]], dtype=FLOAT64[hold])
        x = hold([[0.0, 0.0], [1.0, 1.0]])
        est = wdist.estimate(x, x, p=2, method=method, metric=lambda a, b: cost)
        assert cost.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert est.lower <= np.sqrt(13 / 2) * (1 + 1e-9)  # 1 + 16 in the other assignment
        assert est.upper >= np.sqrt(13 / 2) * (1 - 1e-9)

    @pytest.mark.parametrize("hold", [np.array, torch.tensor])
    def test_a_metric_that_writes_to_its_arguments_writes_to_copies(self, hold):
        def careless(x, y):
            x *= 0
            y *= 0
            return ((x[:, None] - y[None]) ** 2).sum(-1)

        x = hold([[0.0, 0.0], [1.0, 1.0]], dtype=FLOAT64[hold])
        wdist.estimate(x, x, metric=careless)
        assert x.tolist() == [[0.0, 0.0], [1.0, 1.0]]

    def test_a_metric_is_called_with_what_the_user_came_with(self):
        seen = []

        def metric(x, y):
            seen.append((type(x), type(y), str(x.dtype)))
            return abs(x[:, None, 0] - y[None, :, 0])

        x = np.float32([[0.0], [1.0]])
        for a, b in (
            (x, x),
            (torch.from_numpy(x), x),
            (x, torch.from_numpy(x)),
            (x.tolist(), pd.DataFrame(x)),
        ):
            wdist.estimate(a, b, metric=metric)
        arrays_, tensors = (np.ndarray,) * 2 + ("float64",), (torch.Tensor,) * 2 + ("torch.float64",)
        assert seen == [arrays_, tensors, tensors, arrays_]


class TestSamplesAsSource:
    masses = torch.tensor([0.5, 0.0, 0.3, 0.2], dtype=torch.float64)

    def test_rows_are_drawn_as_often_as_they_weigh(self):
        held = as_samples(PLANE, self.masses)
        assert isinstance(held, wdist.Source)
        n = 40_000
        drawn = held.draw(n, torch.Generator().manual_seed(1))
        assert drawn.shape == (n, 2)
        counts = [int((drawn == row).all(1).sum()) for row in held.points]
        assert sum(counts) == n
        assert counts[1] == 0
        for count, mass in zip(counts, self.masses, strict=True):
            assert count == pytest.approx(n * mass, abs=5 * np.sqrt(n / 4))

    def test_uniform_rows_are_drawn_equally_often(self):
        held = as_samples(COLUMN[4:])
        drawn = held.draw(40_000, torch.Generator().manual_seed(1))[:, 0]
        for value in COLUMN[4:]:
            assert int((drawn == value).sum()) == pytest.approx(10_000, abs=5 * np.sqrt(10_000))

    def test_the_generator_given_is_the_only_randomness(self):
        held = as_samples(PLANE, self.masses)
        first, again = (held.draw(50, torch.Generator().manual_seed(3)) for _ in range(2))
        other = held.draw(50, torch.Generator().manual_seed(4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_samples_remember_that_all_weights_are_equal():
    assert as_samples(PLANE, [0.25] * 4).uniform
    assert as_samples(PLANE, [7] * 4, normalize_weights=True).uniform
    assert not as_samples(PLANE, [0.25, 0.25, 0.3, 0.2]).uniform
    est = wdist.estimate(PLANE, PLANE[::-1], weights_a=[0.25] * 4, p=float("inf"))
    assert (est.value, est.bound) == (0, Bound.EXACT)


def test_the_device_is_read_once():
    assert as_device(None) is None
    assert as_device("cpu") == as_device(torch.device("cpu")) == torch.device("cpu")
    assert as_samples(COLUMN, [0.125] * 8, device="cpu").weights.device.type == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_points_stay_on_or_move_to_the_device():
    x = torch.tensor(PLANE, dtype=torch.float32, device="cuda")
    assert as_samples(x).points.device.type == as_samples(x, [0.25] * 4).weights.device.type == "cuda"
    assert as_samples(PLANE, device="cuda").points.device.type == "cuda"
    with pytest.raises(wdist.InputError, match="a is on cuda:0 and b on cpu; move one, or pass device="):
        wdist.estimate(x, PLANE)
    moved = wdist.estimate(x, ELSEWHERE, device="cuda", method="sliced").value
    assert moved == pytest.approx(wdist.estimate(PLANE, ELSEWHERE, method="sliced").value, rel=1e-5)


def test_reading_warns_of_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for held in (*COLUMNS.values(), *PLANES.values(), mapped(tmp_path)):
            as_samples(held)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads where Linux lists them")
def test_the_border_wakes_no_second_thread():
    """A pool that waits for its next piece of work takes more time than all that the border does."""
    code = (
        "import numpy as np, os, torch\n"
        "from wdist.measures import as_samples\n"
        "torch.set_num_threads(2)\n"
        "x, w = np.linspace(0, 1, 10**6), np.full(10**6, 1e-6)\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "as_samples(x), as_samples(x, w)\n"
        "print(len(os.listdir('/proc/self/task')) - before)\n"
        "torch.ones(10**6).aminmax()\n"
        "print(len(os.listdir('/proc/self/task')) - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["0", "1"]
