"""The border from outside: a bad request gets an `InputError` that says what came, where, and the remedy."""

import collections
import datetime
import decimal
import math
import operator
import re

import numpy as np
import ot
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from every_method import REQUESTS

import wdist
from wdist import InputError

NAN, INF = math.nan, math.inf
LINE = [0.0, 1.0, 2.0]
PLANE = np.arange(6.0).reshape(3, 2)
MANY = np.random.default_rng(0).normal(size=(30, 2))

PASS = "pass numbers of shape (n,) or (n, d): an array, a tensor, a list, a data frame"
REAL_AXIS = "pass real coordinates"
NOT_NUMERIC = "which is not numeric"


def refused(text, a=LINE, b=LINE, **options):
    """Check that the request is refused with exactly this passage in the text."""
    with pytest.raises(InputError, match=re.escape(text)):
        wdist.estimate(a, b, **options)


def masked(x, *holes):
    x = np.ma.array(x)
    for hole in holes:
        x[hole] = np.ma.masked
    return x


POINTS = {
    "NaN": ([0.0, NAN], "a is not finite in row 1 (NaN). Drop what is missing: a[numpy.isfinite(a)]"),
    "inf": ([0.0, 1.0, INF, -INF], "a is not finite in row 2 (infinite) and in 1 more rows."),
    "NaN in the plane": (
        np.array([[0, 1], [0, NAN], [NAN, 0]]),
        "a is not finite in row 1 (NaN in column 1) and in 1 more rows. "
        "Drop what is missing: a[numpy.isfinite(a).all(axis=1)]",
    ),
    "NaN in a tensor": (torch.tensor([NAN]), "row 0 (NaN). Drop what is missing: a[torch.isfinite(a)]"),
    "NaN in an image": (
        np.full((1, 1, 2, 2), NAN),
        "row 0 (NaN in column 0). Drop what is missing: a[numpy.isfinite(a).reshape(len(a), -1).all(axis=1)]",
    ),
    "missing in pandas": (pd.Series([1, None], dtype="Int64"), "a is not finite in row 1 (NaN)"),
    "missing in a frame": (
        pd.DataFrame({"x": [1.0, 2.0], "y": pd.array([1.5, None], dtype="Float64")}),
        "a is not finite in row 1 (NaN in column 1)",
    ),
    "missing in Arrow": (
        pd.DataFrame({"x": pd.array([None, 2.0], dtype="double[pyarrow]"), "y": [1.0, 2.0]}),
        "a is not finite in row 0 (NaN in column 0)",
    ),
    "missing in Polars": (pl.Series([1, None]), "a is not finite in row 1 (NaN)"),
    "long double": (np.array([1, np.longdouble("1e4000")]), "a is not finite in row 1 (infinite)"),
    "beyond float64": ([1e308, 0.0], "a reaches 1e+308, where differences leave the range of float64"),
    "far below": ([-1e308, 0.0], "a reaches 1e+308, where differences leave the range of float64"),
    "minus inf": (torch.tensor([[0.0, -INF]]), "a is not finite in row 0 (infinite in column 1)"),
    "empty list": ([], "a is empty (shape (0,)); pass at least one point"),
    "no rows": (np.zeros((0, 3)), "a is empty (shape (0, 3))"),
    "no columns": (np.zeros((3, 0)), "a is empty (shape (3, 0))"),
    "empty frame": (pd.DataFrame(), "a is empty (shape (0, 0))"),
    "number": (3.0, "a is a single number; pass a sample of shape (n,) or (n, d)"),
    "0-d array": (np.float64(3), "a is a single number"),
    "0-d tensor": (torch.tensor(3.0), "a is a single number"),
    "masked number": (np.ma.masked, "a is a single number"),
    "3-D": (np.zeros((3, 2, 2)), "a has shape (3, 2, 2); points are (n,) or (n, d) and images (n, C, H, W)"),
    "3-D list": ([[[1, 2], [3, 4]]], "a has shape (1, 2, 2)"),
    "5-D": (torch.zeros((2, 1, 1, 1, 2)), "pass a.reshape(len(a), -1)"),
    "5-D bytes": (np.zeros((2, 1, 1, 1, 2), np.uint8), "a has shape (2, 1, 1, 1, 2)"),
    "words": (np.array(["x"]), f"a has dtype <U1, {NOT_NUMERIC}; convert it: numpy.asarray(a, dtype=float)"),
    "digits as text": (["1", "2"], f"a has dtype <U1, {NOT_NUMERIC}"),
    "one word among numbers": ([1, 2, "3"], f"a has dtype <U21, {NOT_NUMERIC}"),
    "bytes": (np.array([b"1"]), f"a has dtype |S1, {NOT_NUMERIC}"),
    "records": (np.zeros(2, [("x", "f8"), ("y", "f8")]), NOT_NUMERIC),
    "objects": (
        np.array([1, "x", None], object),
        f"a has dtype object, {NOT_NUMERIC} (first in row 1: 'x'); drop such rows, or put numbers in their",
    ),
    "objects, row of a plane": (
        np.array([[1, 2], [3, None]], object),
        "(first in row 1: None); drop such rows",
    ),
    "objects that are numbers": (
        np.array([1, 2.5], object),
        f"a has dtype object, {NOT_NUMERIC}; convert it: numpy.asarray(a, dtype=float)",
    ),
    "decimals": ([decimal.Decimal("1.5")], "(first in row 0: Decimal('1.5')); convert it: numpy.asarray("),
    "None among numbers": ([1.0, None], "(first in row 1: None); drop such rows"),
    "pandas words": (pd.Series(["1", "2"]), f"a has dtype object, {NOT_NUMERIC} (first in row 0: '1')"),
    "pandas categories": (pd.Series(["u", "v"], dtype="category"), "(first in row 0: 'u'); drop such rows"),
    "frame with words": (
        pd.DataFrame(
            {"x": [1, 2], "y": ["u", "v"], "z": [True, False], "t": pd.to_datetime(["2020", "2021"])}
        ),
        "a has columns that are not numeric: y, t; select or encode them",
    ),
    "Polars frame with words": (
        pl.DataFrame({"x": [1, 2], "y": ["u", "v"]}),
        "a has columns that are not numeric: y;",
    ),
    "Polars lists": (pl.Series([[1, 2], [3, 4]]), f"a has dtype object, {NOT_NUMERIC} (first in row 0"),
    "dates": (
        np.array(["2020-01-01"], "M8[D]"),
        "a holds dates (datetime64[D]); pass numbers, such as seconds: "
        "(a - numpy.datetime64('2000-01-01')) / numpy.timedelta64(1, 's')",
    ),
    "time spans": (
        np.array([1, 2], "m8[s]"),
        "a holds time spans (timedelta64[s]); pass numbers, such as seconds: a / numpy.timedelta64(1, 's')",
    ),
    "dates with a zone": (
        pd.Series(pd.to_datetime(["2020-01-01"]).tz_localize("UTC")),
        "holds dates (datetime64[us, UTC])",
    ),
    "Polars dates": (pl.Series([datetime.date(2020, 1, 1)]), "a holds dates (datetime64[D])"),
    "Python dates": (
        [datetime.date(2020, 1, 1)],
        "(first in row 0: datetime.date(2020, 1, 1)); drop such rows",
    ),
    "complex": (
        np.array([1j]),
        f"a is complex (complex128); {REAL_AXIS}: numpy.column_stack([a.real, a.imag])",
    ),
    "complex tensor": (
        torch.tensor([1j]),
        f"a is complex (torch.complex64); {REAL_AXIS}: torch.view_as_real(a)",
    ),
    "sparse": (scipy.sparse.csr_array(np.eye(3)), "a is sparse; pass a dense array: a.toarray()"),
    "sparse tensor": (torch.eye(3).to_sparse(), "a is a sparse_coo tensor; pass a dense one: a.to_dense()"),
    "meta tensor": (torch.zeros(3, device="meta"), "a is a tensor on the meta device, which holds no data"),
    "masked": (masked(LINE, 1), "a has masked entries (first in row 1); drop them: a.compressed()"),
    "masked plane": (
        masked(PLANE, (2, 0)),
        "a has masked entries (first in row 2); drop them: numpy.ma.compress_rows(a)",
    ),
    "ragged": (
        [[1, 2], [3, 4], [5]],
        "a has rows of different lengths (row 0 has 2, row 2 has 1); every point",
    ),
    "ragged tensors": ([torch.zeros(2), torch.zeros(3)], "(row 0 has 2, row 1 has 3)"),
    "dict": ({"x": 1.0}, f"a is a dict; {PASS}"),
    "None": (None, f"a is a NoneType; {PASS}"),
    "text": ("x.npy", f"a is a str; {PASS}"),
    "bytearray": (bytearray(b"abc"), f"a is a bytearray; {PASS}"),
    "set": ({1.0, 2.0}, f"a is a set; {PASS}"),
    "module": (np, f"a is a module; {PASS}"),
    "lazy frame": (pl.DataFrame({"x": [1]}).lazy(), f"a is a LazyFrame; {PASS}"),
    "generator": ((i for i in range(3)), "a is a generator, which is not an array; pass list(a)"),
    "map": (map(float, LINE), "a is a map, which is not an array; pass list(a)"),
    "dict view": ({"x": 1.0}.values(), "a is a dict_values, which is not an array; pass list(a)"),
    "class": (collections.deque, "a is the class deque; pass an object made from it"),
}


@pytest.mark.parametrize(("points", "text"), POINTS.values(), ids=POINTS)
def test_points_are_refused(points, text):
    refused(text, points)


@pytest.mark.parametrize("case", ["NaN", "empty list", "words", "3-D", "masked plane", "dict"])
def test_the_text_names_the_second_argument(case):
    points, text = POINTS[case]
    refused(re.sub(r"\ba\b", "b", text) if case != "dict" else text.replace("a is", "b is", 1), b=points)


def test_an_input_error_is_a_value_error_and_a_wdist_error():
    with pytest.raises(ValueError, match="a is empty"):
        wdist.estimate([], LINE)
    with pytest.raises(wdist.WdistError, match="b is empty"):
        wdist.estimate(LINE, [])


@pytest.mark.parametrize("unreadable", [RuntimeError, TypeError, ValueError])
def test_an_object_whose_array_interface_fails_is_named(unreadable):
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise unreadable("it is locked")

    refused("a (Broken) cannot be read as an array: it is locked", Broken())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_unusual_tensors_are_refused_with_their_remedy():
    quantized = torch.quantize_per_tensor(torch.tensor([1.0, 2.0]), 0.1, 0, torch.qint8)
    refused("a is a quantized tensor; pass real numbers: a.dequantize()", quantized)
    nested = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])
    refused("a is a nested tensor; pass a dense one", nested)
    refused("a is a sparse_csr tensor", torch.eye(2).to_sparse_csr())


@pytest.mark.parametrize(
    "a",
    [
        np.array([0.0, NAN, 2.0]),
        np.array([[0.0, 1.0], [2.0, INF], [4.0, 5.0]]),
        np.array([0.0, 1.0, NAN, 3.0]).reshape(2, 1, 1, 2),
        torch.tensor([[0.0, NAN], [2.0, 3.0]]),
        pd.Series([0.0, None, 2.0]),
        pd.DataFrame({"x": [0.0, None, 2.0], "y": [1.0, 1.0, INF]}),
    ],
    ids=["line", "plane", "image", "tensor", "series", "frame"],
)
def test_the_remedy_for_missing_values_works(a):
    with pytest.raises(InputError, match=r"Drop what is missing: ") as caught:
        wdist.estimate(a, LINE)
    kept = eval(str(caught.value).rpartition(": ")[2], {"a": a, "numpy": np, "torch": torch})
    assert 0 < len(kept) < len(a)
    assert wdist.estimate(kept, kept).value == 0


def test_the_remedy_for_masks_and_dates_works():
    a = masked(PLANE, (1, 0))
    with pytest.raises(InputError) as caught:
        wdist.estimate(a, PLANE)
    kept = eval(str(caught.value).rpartition(": ")[2], {"a": a, "numpy": np})
    np.testing.assert_array_equal(kept, PLANE[[0, 2]])
    a, b = np.array(["2020-01-01"], "M8[D]"), np.array(["2020-01-03"], "M8[D]")
    with pytest.raises(InputError) as caught:
        wdist.estimate(a, b)
    remedy = str(caught.value).partition("seconds: ")[2]
    seconds = [eval(remedy, {"a": dates, "numpy": np}) for dates in (a, b)]
    assert wdist.estimate(*seconds).value == 2 * 86400  # one origin for both, so the shift is still there


def test_dimensions_must_agree():
    refused("a has 1 coordinates a point and b has 2; both must live in one space (n, d) and (m, d)", b=PLANE)
    refused("a has 2 coordinates a point and b has 3;", PLANE, np.zeros((3, 3)))
    wide, tall = np.zeros((2, 1, 2, 3)), np.zeros((2, 1, 3, 2))
    refused("a holds images of shape (1, 2, 3) and b of (1, 3, 2); resize one to the other", wide, tall)


ONE_EACH = "pass one weight a point, shape (3,)"
MASSES = {
    "negative": ([1.5, -0.5, 0.0], "weights_a is negative in row 1 (-0.5); masses are finite and >= 0"),
    "NaN": ([NAN, 0.5, 0.5], "weights_a is not finite in row 0 (nan); masses are finite"),
    "infinite": (
        [0.0, INF, INF],
        "weights_a is not finite in row 1 (inf) and in 1 more rows; masses are finite",
    ),
    "missing": (pd.Series([0.5, None, 0.5], dtype="Float64"), "weights_a is not finite in row 1 (nan)"),
    "zero": ([0.0, 0.0, 0.0], "weights_a sums to zero; at least one point needs a positive mass"),
    "too few": ([0.5, 0.5], f"weights_a has shape (2,) for 3 points; {ONE_EACH}"),
    "too many": ([0.25] * 4, f"weights_a has shape (4,) for 3 points; {ONE_EACH}"),
    "a row": ([[0.5, 0.5, 0.0]], f"weights_a has shape (1, 3) for 3 points; {ONE_EACH}"),
    "a number": (1.0, f"weights_a has shape () for 3 points; {ONE_EACH}"),
    "none": ([], f"weights_a has shape (0,) for 3 points; {ONE_EACH}"),
    "words": (["x", "y", "z"], f"weights_a has dtype <U1, {NOT_NUMERIC}"),
    "one word": ("uniform", "weights_a is a str"),
    "complex": ([1j, 0, 1], "weights_a is complex"),
    "function": (lambda n: n, "weights_a is a function"),
    "objects": ([0.5, None, 0.5], "weights_a has dtype object"),
}
OPEN_SUMS = {
    "counts": ([500, 300, 200], "weights_a sums to 1000, not to one; pass normalize_weights=True or divide"),
    "short of one": ([0.5, 0.25, 0.2499], "weights_a sums to 0.9999, not to one;"),
    "over float64": ([1e308, 1e308, 5e307], "weights_a sums to inf, not to one;"),
    "denormal": ([5e-324, 0, 0], "weights_a sums to 4.94065646e-324, not to one;"),
}


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("weights", "text"), MASSES.values(), ids=MASSES)
def test_weights_are_refused(weights, text, normalize):
    refused(text, weights_a=weights, normalize_weights=normalize)
    refused(text.replace("weights_a", "weights_b"), weights_b=weights, normalize_weights=normalize)


@pytest.mark.parametrize(("weights", "text"), OPEN_SUMS.values(), ids=OPEN_SUMS)
def test_weights_that_do_not_sum_to_one_are_refused_until_normalised(weights, text):
    refused(text, weights_a=weights)
    share = np.asarray(weights) / max(weights)
    expected = share @ np.arange(3) / share.sum()
    found = wdist.estimate(LINE, [0.0], weights_a=weights, normalize_weights=True)
    assert found.value == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_rounding_of_a_sum_is_not_refused():
    third = np.full(3, 1 / 3, np.float32)
    assert abs(float(third.sum(dtype=np.float64)) - 1) > 1e-9
    assert wdist.estimate(LINE, [0.0], weights_a=third).value == pytest.approx(1, rel=1e-12)


def test_samples_built_by_hand_are_doubted_too():
    points = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    halves = torch.tensor([0.5, 0.5], dtype=torch.float64)
    refused("weights_a sums to 2, not to one", wdist.Samples(points, 2 * halves))
    refused("a is not finite in row 0 (NaN", wdist.Samples(points * NAN, halves))
    refused("weights_b has shape (1,) for 2 points", b=wdist.Samples(points, halves[:1]))
    refused(
        "a is a Samples, which carries its weights; drop weights_a",
        wdist.Samples(points, halves),
        weights_a=[1],
    )
    skewed = torch.tensor([0.75, 0.25], dtype=torch.float64)
    claimed_uniform = wdist.Samples(points, skewed)  # the default says uniform=True
    assert wdist.estimate(claimed_uniform, [0.0, 0.0]).value == pytest.approx(0.25)
    assert wdist.estimate(claimed_uniform, [0.0, 0.0], method="discrete").value == pytest.approx(0.25)


ORDER = "the order of a Wasserstein distance is a real number >= 1 (or inf)"


@pytest.mark.parametrize(
    "p",
    [0, 0.5, -1, -INF, NAN, np.nan, 1 - 1e-12, "2", True, None, 1j, [1], np.array([2]), torch.tensor(2.0)],
    ids=repr,
)
def test_orders_are_refused(p):
    refused(f"p is {p!r}; {ORDER}", p=p)


@pytest.mark.parametrize("p", [np.float32(1.5), np.int64(2), 3, INF], ids=repr)
def test_orders_of_any_real_type_are_taken(p):
    assert wdist.estimate(LINE, [5.0, 6.0, 7.0], p=p).value == pytest.approx(5)


@pytest.mark.parametrize("method", ["sinkhorn2", "Line", "", None, 1, ["line"], {}], ids=repr)
def test_unknown_methods_are_refused_with_the_known_ones(method):
    known = ", ".join(["auto", "exact", *wdist.METHODS])
    refused(f"; choose {known}, or pass a wdist method object", method=method)
    refused("method is " + (repr(method) if isinstance(method, str) else "a "), method=method)


def test_the_class_of_a_method_is_not_a_method():
    refused("method is the class Line; pass an object of it: wdist.Line()", method=wdist.Line)


def test_the_same_columns_in_another_order_are_not_compared_by_position():
    a = pd.DataFrame({"u": LINE, "v": LINE})
    text = "a has the columns u, v and b the same in another order, v, u; bring them in one order"
    refused(text, a, a[["v", "u"]])
    assert wdist.estimate(a, a[["v", "u"]][list(a.columns)]).value == 0
    assert wdist.estimate(a, a.rename(columns={"u": "w"})).value == 0


BAD_CLOUDS = [
    (torch.tensor([[math.nan, 0.0]]), {}, "NaN or infinite"),
    (torch.tensor([[1, 2]]), {}, "torch.int64; the kernels take float32 or float64 tensors"),
    (np.zeros((1, 2)), {}, "ndarray; the kernels take float32 or float64 tensors"),
    (torch.zeros(1, 2), {"weights_x": torch.tensor([-1.0])}, "weights must be finite, none negative"),
    (torch.zeros(1, 2), {"weights_x": torch.tensor([math.nan])}, "weights must be finite, none negative"),
    (torch.zeros(1, 2), {"weights_x": torch.ones(3) / 3}, "there are 3 weights for 1 points"),
]


@pytest.mark.parametrize(
    "kernel", ["emd", "max_sliced_wasserstein", "sinkhorn_divergence", "sliced_wasserstein"]
)
@pytest.mark.parametrize(("x", "given", "text"), BAD_CLOUDS)
def test_kernels_refuse_what_would_be_nan_or_hang(kernel, x, given, text):
    more = {"epsilon": 0.1} if kernel == "sinkhorn_divergence" else {}
    with pytest.raises(InputError, match=re.escape(text)):
        getattr(wdist.functional, kernel)(x, torch.zeros(4, 2), **given, **more)


@pytest.mark.parametrize("metric", ["l2", "Euclidean", None, 2, ["euclidean"], {}, np.array([1])], ids=repr)
def test_unknown_metrics_are_refused_with_the_known_ones(metric):
    refused(
        f"metric is {metric!r}; choose one of euclidean, cityblock, chebyshev or pass a function (x, y) ->",
        PLANE,
        PLANE,
        metric=metric,
    )


def matrix(fill, *spots):
    cost = np.ones((3, 3))
    for spot in spots:
        cost[spot] = fill
    return cost


ALL_PAIRS = "it must map (n, d) and (m, d) to all pairs, (n, m) = (3, 3)"
DENSE = "it must return a dense matrix of real numbers, (n, m)"
COSTS = {
    "pair by pair": (np.ones(3), f"metric given returned shape (3,) for 3 and 3 points; {ALL_PAIRS}"),
    "too small": (np.ones((2, 3)), f"metric given returned shape (2, 3) for 3 and 3 points; {ALL_PAIRS}"),
    "a number": (1.0, "metric given returned shape () for 3 and 3 points"),
    "negative": (
        matrix(-2.0, (1, 2)),
        "metric given returned a negative cost (-2.0) for row 1 of a and row 2 of b; costs must be finite",
    ),
    "NaN": (
        matrix(NAN, (2, 0)),
        "metric given returned a NaN or infinite cost (nan) for row 2 of a and row 0 of b",
    ),
    "infinite": (matrix(INF, (0, 1)), "a NaN or infinite cost (inf) for row 0 of a and row 1 of b"),
    "NaN in a tensor": (
        torch.full((3, 3), NAN),
        "a NaN or infinite cost (nan) for row 0 of a and row 0 of b",
    ),
    "None": (None, f"metric given returned a NoneType of dtype object; {DENSE}"),
    "text": ("x", f"metric given returned a str of dtype <U1; {DENSE}"),
    "words": (np.full((3, 3), "x"), f"metric given returned a ndarray of dtype <U1; {DENSE}"),
    "complex": (np.ones((3, 3)) * 1j, f"metric given returned a ndarray of dtype complex128; {DENSE}"),
    "complex tensor": (
        torch.ones(3, 3) * 1j,
        "metric given returned a torch.complex64 tensor of layout torch.str",
    ),
    "sparse": (scipy.sparse.eye_array(3), f"metric given returned a dia_array of dtype object; {DENSE}"),
    "sparse tensor": (
        torch.eye(3).to_sparse(),
        "metric given returned a torch.float32 tensor of layout torch.sparse",
    ),
    "masked": (
        np.ma.masked_less(matrix(0.0, (0, 0)), 1),
        "metric given returned a MaskedArray of dtype float64",
    ),
}


@pytest.mark.parametrize("method", ["discrete", "sinkhorn"])
@pytest.mark.parametrize(("cost", "text"), COSTS.values(), ids=COSTS)
def test_what_a_metric_returns_is_doubted(cost, text, method):
    def given(x, y):
        return cost

    refused(text, PLANE, PLANE + 1, metric=given, method=method)


def test_a_metric_that_expects_something_else_is_told_what_it_got():
    told = (
        "it was called with two NumPy arrays, of shape (3, 2) and (3, 2), and must return all pairs, (3, 3)"
    )
    refused(
        "metric cdist raised TypeError (cdist(): argument 'x1' (position 1) must be Tensor",
        PLANE,
        PLANE,
        metric=torch.cdist,
    )
    refused(told, PLANE, PLANE, metric=torch.cdist)
    refused(
        "it was called with two torch tensors",
        torch.tensor(PLANE),
        PLANE,
        metric=lambda x, y: x.astype(float),
    )
    refused("takes 1 positional argument but 2 were given", PLANE, PLANE, metric=lambda x: x)


def test_an_error_of_the_metrics_own_reaches_the_caller_as_it_is():
    with pytest.raises(ZeroDivisionError):
        wdist.estimate(PLANE, PLANE, metric=lambda x, y: 1 / 0)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, NAN, "0.95", None, True], ids=repr)
def test_confidence_levels_are_refused(confidence):
    refused(
        f"confidence is {confidence!r}; pass a level strictly between 0 and 1, such as 0.95",
        confidence=confidence,
    )


@pytest.mark.parametrize("target", ["samples", "SAMPLE", None, 1, []], ids=repr)
def test_targets_are_refused(target):
    refused(f"target is {target!r}; choose 'sample' or 'population'", target=target)


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True, NAN, [1], np.random, np.array([1, 2])], ids=repr)
def test_seeds_are_refused(seed):
    refused(
        f"seed is {seed!r}; pass a non-negative int, None, a numpy.random.Generator or a torch.Gen", seed=seed
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "", NAN, []], ids=repr)
def test_devices_are_refused(device):
    refused(f"device={device!r} cannot be used (", device=device)
    refused(f"device={device!r} cannot be used (", np.zeros, np.zeros, device=device)


def test_the_meta_device_is_refused():
    refused("device='meta' cannot be used: it holds shapes without data", device="meta")


SOLVER = "method {!r} cannot answer this: {}"
REFUSALS = [
    ("line", PLANE, PLANE, {}, "the points have 2 coordinates, not one; use 'discrete' or 'sliced'"),
    (
        "line",
        LINE,
        LINE,
        {"metric": operator.sub},
        "a metric of your own need not follow the order of the line",
    ),
    (
        "line",
        LINE,
        LINE,
        {"target": "population"},
        "a has 3 rows, and an interval between the laws needs 20 a side",
    ),
    ("line", LINE, LINE, {"p": 2, "target": "population"}, "of the laws it speaks for p=1 only; pass p=1"),
    ("circle", PLANE, PLANE, {}, "the points have 2 coordinates, not one angle"),
    ("circle", LINE, LINE, {"p": INF}, "p=inf is not implemented on the circle; pass a finite p"),
    ("circle", LINE, LINE, {"metric": operator.sub}, "on the circle the distance is the shorter arc"),
    ("circle", LINE, LINE, {"target": "population"}, "it measures between the samples"),
    (
        "discrete",
        PLANE,
        PLANE[:2],
        {"p": INF},
        "p=inf is exact here only for equally many points of equal weight",
    ),
    (
        "discrete",
        PLANE,
        PLANE,
        {"p": INF, "weights_a": [0.5, 0.25, 0.25]},
        "p=inf is exact here only for equally",
    ),
    ("discrete", PLANE, PLANE, {"target": "population"}, "it measures between the samples, which overstates"),
    ("sinkhorn", PLANE, PLANE, {"p": INF}, "entropic transport needs a finite p; pass one, or use 'line' or"),
    ("sinkhorn", PLANE, PLANE, {"target": "population"}, "it speaks of the samples, not of the laws"),
    ("sliced", PLANE, PLANE, {"p": INF}, "the mean over directions needs a finite p; pass one, or use"),
    ("sliced", PLANE, PLANE, {"metric": "cityblock"}, "projections shorten Euclidean distances only; pass"),
    ("sliced", PLANE, PLANE, {"target": "population"}, "it speaks of the samples, not of the laws"),
    (
        "max-sliced",
        PLANE,
        PLANE,
        {"metric": "cityblock"},
        "projections shorten Euclidean distances only; pass",
    ),
    ("max-sliced", PLANE, PLANE, {"target": "population"}, "it speaks of the samples, not of the laws"),
    ("gaussian", PLANE, PLANE, {"p": 1}, "the Gaussian closed form is of order 2, and p is 1; pass p=2"),
    (
        "gaussian",
        PLANE,
        PLANE,
        {"p": 2, "metric": "chebyshev"},
        "the Gaussian closed form is Euclidean; pass",
    ),
    ("gaussian", PLANE, PLANE, {"p": 2, "target": "population"}, "it speaks of the samples, not of the laws"),
    ("critic", MANY, MANY, {"p": 2}, "a critic measures W1 only; pass p=1, or use 'discrete', 'sinkhorn' or"),
    (
        "critic",
        MANY,
        MANY,
        {"metric": "cityblock"},
        "the critic's slope is bounded in the Euclidean metric; use",
    ),
    (
        "critic",
        MANY,
        MANY[:19],
        {},
        "it needs 20 points of positive mass a side to hold some out, and a side has 19; use 'discrete'",
    ),
]


@pytest.mark.parametrize(("method", "a", "b", "options", "reason"), REFUSALS)
def test_methods_refuse_what_they_cannot_answer(method, a, b, options, reason):
    refused(SOLVER.format(method, reason), a, b, method=method, **options)


def test_exact_refuses_what_no_exact_method_answers():
    refused(
        "method 'discrete' cannot answer this: p=inf is exact here only",
        PLANE,
        PLANE[:2],
        p=INF,
        method="exact",
    )
    refused(
        "method 'discrete' cannot answer this: it measures between",
        LINE,
        LINE,
        target="population",
        method=wdist.Discrete(),
    )


@pytest.mark.parametrize("engine", ["scipy", "lapx"])
def test_assignment_engines_refuse_weights(engine):
    text = f"engine {engine!r} solves assignments only; use engine='pot' for weights or unequal sizes"
    refused(text, PLANE, PLANE[:2], method=wdist.Discrete(engine=engine))


OPTIONS = [
    (wdist.Discrete, {"engine": "x"}, "engine is 'x'; choose auto, sparse, pot, scipy, lapx"),
    (wdist.Discrete, {"engine": None}, "engine is None; choose auto, sparse, pot, scipy, lapx"),
    (wdist.Discrete, {"max_iter": 0}, "max_iter is 0; pass an iteration limit of at least 1"),
    (wdist.Critic, {"steps": 0}, "steps is 0; pass an int of at least 1"),
    (wdist.Critic, {"steps": 1.5}, "steps is 1.5; pass an int of at least 1"),
    (wdist.Critic, {"batch": -1}, "batch is -1; pass an int of at least 1"),
    (wdist.Critic, {"lr": 0}, "lr is 0; pass a learning rate above zero, or None"),
    (wdist.Critic, {"lr": NAN}, "lr is nan; pass a learning rate above zero, or None"),
    (
        wdist.Critic,
        {"constraint": "clip"},
        "constraint is 'clip'; pass wdist.Orthonormal(), wdist.GradientPenalty(10.0) or wdist.Clip",
    ),
    (wdist.Critic, {"constraint": wdist.Clip}, "constraint is <class"),
    (wdist.Critic, {"net": "mlp"}, "net is 'mlp'; pass a recipe such as wdist.MLP((100, 100))"),
    (wdist.Clip, {"c": -1}, "c is -1; pass a finite number above zero"),
    (wdist.Clip, {"c": NAN}, "c is nan; pass a finite number above zero"),
    (wdist.GradientPenalty, {"lam": 0}, "lam is 0; pass a finite number above zero"),
    (wdist.GradientPenalty, {"lam": INF}, "lam is inf; pass a finite number above zero"),
    (wdist.Circle, {"period": 0}, "period is 0; pass the length of the circle, such as 2*pi, 360 or 24"),
    (wdist.Circle, {"period": NAN}, "period is nan; pass the length of the circle"),
    (wdist.MLP, {"widths": ()}, "widths is (); pass the units of each hidden layer, such as (100, 100)"),
    (wdist.MLP, {"widths": (0,)}, "widths is (0,); pass the units of each hidden layer"),
    (wdist.MLP, {"widths": (1.5,)}, "widths is (1.5,); pass the units of each hidden layer"),
    (
        wdist.MLP,
        {"activation": "gelu"},
        "activation is 'gelu'; choose one of relu, leaky_relu, tanh, softplus",
    ),
    (wdist.Sinkhorn, {"blur": 0}, "blur is 0"),
    (wdist.Sinkhorn, {"blur": NAN}, "blur is nan"),
    (wdist.Sinkhorn, {"epsilon": -1}, "epsilon"),
    (wdist.Sinkhorn, {"tol": 0}, "tol is 0"),
    (wdist.Sinkhorn, {"max_iter": 0}, "max_iter"),
    (wdist.Sliced, {"projections": 0}, "projections is 0; pass 2 or more"),
    (wdist.MaxSliced, {"starts": 0}, "starts is 0"),
    (wdist.MaxSliced, {"steps": -1}, "steps"),
    (
        wdist.Gaussian,
        {"shrinkage": -0.5},
        "shrinkage is -0.5; pass a share between 0 and 1, or 'ledoit-wolf'",
    ),
    (wdist.Gaussian, {"shrinkage": "x"}, "shrinkage is 'x'; pass a share between 0 and 1, or 'ledoit-wolf'"),
]


@pytest.mark.parametrize(("cls", "given", "text"), OPTIONS)
def test_bad_options_are_refused_before_anything_runs(cls, given, text):
    with pytest.raises(InputError, match=re.escape(text)):
        cls(**given)


WRONG_TYPES = [
    (wdist.Discrete, {"max_iter": "a"}),
    (wdist.Discrete, {"max_iter": NAN}),
    (wdist.Discrete, {"max_iter": 2.5}),
    (wdist.Critic, {"steps": True}),
    (wdist.Critic, {"lr": "a"}),
    (wdist.Critic, {"progress": 3}),
    (wdist.Clip, {"c": "a"}),
    (wdist.GradientPenalty, {"lam": None}),
    (wdist.Circle, {"period": "24"}),
    (wdist.Circle, {"period": None}),
    (wdist.MLP, {"widths": 100}),
    (wdist.MLP, {"widths": (True,)}),
    (wdist.MLP, {"activation": []}),
    (wdist.Sinkhorn, {"blur": "a"}),
    (wdist.Sinkhorn, {"blur": INF}),
    (wdist.Sinkhorn, {"epsilon": "a"}),
    (wdist.Sinkhorn, {"max_iter": 1.5}),
    (wdist.Sinkhorn, {"max_iter": NAN}),
    (wdist.Sliced, {"projections": NAN}),
    (wdist.Sliced, {"projections": 10.5}),
    (wdist.Sliced, {"projections": None}),
    (wdist.MaxSliced, {"starts": NAN}),
    (wdist.MaxSliced, {"projections": 1.5}),
    (wdist.MaxSliced, {"steps": "a"}),
    (wdist.Gaussian, {"shrinkage": None}),
    (wdist.Gaussian, {"shrinkage": True}),
]


@pytest.mark.parametrize(("cls", "given"), WRONG_TYPES)
def test_options_of_a_wrong_type_are_refused_by_name(cls, given):
    ((name, value),) = given.items()
    with pytest.raises(InputError, match=rf"{name}( is)? {re.escape(repr(value))}"):
        cls(**given)


def test_whole_numbers_of_numpy_are_whole_numbers():
    assert wdist.Critic(steps=np.int64(8)).steps == wdist.Critic(batch=np.int32(8)).batch == 8
    assert wdist.MLP((np.int64(8),)).widths == (8,)
    assert wdist.Sliced(projections=np.int64(8)).projections == 8


class TestMemory:
    """A request that the machine cannot hold is refused before it starts, with what would fit."""

    @pytest.fixture
    def free(self, monkeypatch):
        def give(count):
            monkeypatch.setattr(wdist.methods, "available_bytes", lambda device="cpu": count)
            monkeypatch.setattr(wdist.methods, "TRIFLE", 0)

        return give

    x = np.random.default_rng(0).normal(size=(2000, 2))

    def test_the_text_names_methods_that_do_fit(self, free):
        free(100 * 2**20)
        with pytest.raises(InputError, match=r"^method 'discrete' needs about \d+ MiB") as caught:
            wdist.estimate(self.x, self.x, p=2, method=wdist.Discrete(engine="pot"))
        text = str(caught.value)
        named = re.search(
            r"for this request and 100 MiB are free; these would fit: (.*); or pass fewer points$", text
        )
        assert named, text
        names = named[1].split(", ")
        assert "gaussian" in names
        assert "discrete" not in names
        assert "critic" not in names  # it would fit, but cannot answer p = 2
        for name in names:
            assert wdist.estimate(self.x[:50], self.x[50:100], p=2, method=name).value > 0

    def test_the_one_that_fits_is_named_alone(self, free):
        free(10**6)
        x = self.x[:, 0]
        text = "these would fit: line, circle"
        dense = wdist.Discrete(engine="pot")
        with pytest.raises(InputError, match=text):
            wdist.estimate(x, x, p=2, method=dense)
        free(20_000)
        with pytest.raises(InputError, match=r"method='\w+' would fit; or pass fewer points"):
            wdist.estimate(x[:200], x[:200], p=3, method=dense)

    def test_where_nothing_fits_the_text_says_so(self, free):
        free(100)
        text = "method 'discrete' needs about 168 MiB for this request and 100 B are free; no other method"
        refused(text, self.x, self.x, method=wdist.Discrete(engine="pot"))

    def test_auto_turns_to_a_method_that_fits(self, free):
        free(120 * 2**20)  # the exact solver would take more than half of it
        found = wdist.estimate(self.x, self.x + 1, p=2)
        assert found.method == "sliced"
        assert found.value > 0

    def test_auto_says_that_memory_was_the_reason(self, free):
        free(120 * 2**20)
        assert "4,000,000 pairs of points are more than the 36,000,000" not in (
            wdist.estimate(self.x, self.x + 1, p=2).choice.rule
        )

    def test_a_request_that_fits_just_so_runs(self, free):
        need = wdist.estimate(PLANE, PLANE + 1, method="discrete").choice.memory
        free(need)
        assert wdist.estimate(PLANE, PLANE + 1, method="discrete").converged
        free(need - 1)
        refused("method 'discrete' needs about", PLANE, PLANE, method="discrete")


class TestNoSilentFailure:
    """A solver that fails says so; it never hands out 0.0 or NaN."""

    @pytest.mark.parametrize("name", wdist.METHODS)
    def test_clouds_that_differ_are_apart(self, name):
        found = REQUESTS[name]()
        assert math.isfinite(found.value)
        assert found.value > 0

    @pytest.mark.parametrize("unit", [1e-150, 1e-20, 1e20, 1e150])
    @pytest.mark.parametrize("name", wdist.METHODS)
    def test_extreme_units_lose_nothing(self, name, unit):
        request = REQUESTS[name]
        method = wdist.Circle(period=unit * request.method.period) if name == "circle" else request.method
        found = request(a=unit * request.a, b=unit * request.b, method=method)
        assert found.value / unit == pytest.approx(request().value, rel=1e-6)

    def test_the_network_simplex_is_run_on(self, monkeypatch):
        limits = []
        emd = ot.emd

        def watched(a, b, cost, numItermax, **options):
            limits.append(numItermax)
            return emd(a, b, cost, numItermax=numItermax, **options)

        monkeypatch.setattr(ot, "emd", watched)
        exact = wdist.estimate(MANY, MANY[:20] + 1, method="discrete").value
        assert len(limits) == 1
        hurried = wdist.estimate(MANY, MANY[:20] + 1, method=wdist.Discrete(max_iter=1))
        assert limits[1:4] == [1, 10, 100]
        assert hurried.converged
        assert hurried.value == pytest.approx(exact, rel=1e-12)

    @pytest.mark.parametrize("code", [0, 2])
    def test_a_solver_that_gives_up_returns_no_number(self, monkeypatch, code):
        def broken(a, b, cost, **options):
            return np.zeros_like(cost), {"result_code": code, "warning": "infeasible", "u": 0 * a, "v": 0 * b}

        monkeypatch.setattr(ot, "emd", broken)
        with pytest.raises(wdist.NotConvergedError, match="the network simplex gave up: infeasible"):
            wdist.estimate(MANY, MANY[:20] + 1, method="discrete")

    def test_a_wrong_plan_is_found_out_by_its_certificate(self, monkeypatch):
        def careless(a, b, cost, **options):
            return np.outer(a, b), {"result_code": 1, "warning": None, "u": 0 * a, "v": 0 * b}

        exact = wdist.estimate(MANY, MANY[:20] + 1, method="discrete").value
        monkeypatch.setattr(ot, "emd", careless)
        with pytest.warns(wdist.WdistWarning, match="discrete did not converge: the certificate leaves"):
            found = wdist.estimate(MANY, MANY[:20] + 1, method="discrete")
        assert not found.converged
        assert found.lower <= exact <= found.upper
        with pytest.raises(wdist.NotConvergedError, match="discrete did not converge"):
            float(found)

    def test_sinkhorn_cut_short_says_so_and_keeps_its_bracket(self):
        exact = wdist.estimate(MANY, MANY + 1, p=2, method="discrete").value
        with pytest.warns(
            wdist.WdistWarning, match=r"sinkhorn did not converge: the marginal error is .* max_iter=1"
        ):
            found = wdist.estimate(MANY, MANY[::-1] + 1, p=2, method=wdist.Sinkhorn(max_iter=1, blur=0.01))
        assert not found.converged
        assert found.lower <= exact * (1 + 1e-9)
        assert exact <= found.upper * (1 + 1e-9)
        with pytest.raises(
            wdist.NotConvergedError, match=r"sinkhorn did not converge: .* Certified so far: .* ≤ W2 ≤"
        ):
            float(found)

    PILES = ([[0.0], [1000.0]], [[0.001], [1000.001]])

    @pytest.mark.parametrize("p", [20, 60, 1000])
    @pytest.mark.parametrize("method", ["line", wdist.Circle(1e5), "discrete", "max-sliced"], ids=str)
    def test_high_orders_do_not_underflow_to_zero(self, method, p):
        found = wdist.estimate(*self.PILES, p=p, method=method)
        assert found.value == pytest.approx(0.001, rel=1e-6)
        assert found.upper is None or found.upper >= 0.001 * (1 - 1e-9)

    @pytest.mark.filterwarnings("ignore::wdist.WdistWarning")  # a bracket is an honest answer at such orders
    def test_nor_where_a_first_plan_uses_long_pairs(self):
        a = [-0.43234000554, -1.13009677189, 0.67384362792, -1.10781459828, 2.01391558309, 0.92411203670]
        b = [-0.35926293808, 0.57051573127, 1.61158908989, 2.83396940658, -0.92326466530, 1.06507373113]
        found = wdist.estimate(a, b, p=1000, method="discrete")
        truth = wdist.estimate(a, b, p=1000, method="line").value
        assert found.lower <= truth * (1 + 1e-9)
        assert found.upper >= truth * (1 - 1e-9)

    @pytest.mark.parametrize("p", [4, 60])
    def test_high_orders_leave_the_entropic_bracket_true(self, p):
        found = wdist.estimate(*self.PILES, p=p, method="sinkhorn")
        assert found.lower <= 0.001 * (1 + 1e-9)
        assert found.upper >= 0.001 * (1 - 1e-9)

    def test_a_critic_that_diverges_says_so(self):
        wild = wdist.Critic(wdist.GradientPenalty(10.0), wdist.MLP((8,)), steps=30, batch=16, lr=1e30)
        with pytest.warns(wdist.WdistWarning, match="critic did not converge"):
            found = wdist.estimate(MANY, MANY + 1, method=wild)
        assert not found.converged

    @pytest.mark.parametrize("seed", range(4))
    def test_a_critic_without_mass_to_hold_out_is_refused(self, seed):
        one = np.eye(30)[0]
        critic = wdist.Critic(net=wdist.Cones(4), steps=5, batch=16)
        with pytest.raises(InputError, match="method 'critic' cannot answer this: it needs"):
            wdist.estimate(MANY, MANY + 1, weights_a=one, method=critic, seed=seed)


class TestSamplingFloor:
    def test_requests_are_refused(self):
        cases = [
            ({"p": INF}, "p is inf; the sampling floor is for finite p"),
            ({"a": LINE}, "a has 3 points; the sampling floor needs 4 to halve them"),
            ({"b": LINE}, "b has 3 points; the sampling floor needs 4"),
            (
                {"a": lambda n: np.zeros((n, 1))},
                "the sampling floor is of two given samples; draw from the source",
            ),
            ({"weights_a": [1, 1, 1, 1]}, "weights_a sums to 4, not to one"),
            ({"seed": -1}, "seed is -1"),
        ]
        for given, text in cases:
            with pytest.raises(InputError, match=re.escape(text)):
                wdist.sampling_floor(**{"a": range(4), "b": range(4), **given})

    @pytest.mark.parametrize("shuffles", [0, -1, 1.5])
    def test_numbers_of_shuffles_are_refused(self, shuffles):
        with pytest.raises(InputError, match=re.escape(f"shuffles is {shuffles}")):
            wdist.sampling_floor(range(8), range(8), shuffles=shuffles)

    def test_mass_on_one_point_alone_is_refused(self):
        with pytest.raises(InputError, match="weights_a"):
            wdist.sampling_floor(range(8), range(8), weights_a=[1, 0, 0, 0, 0, 0, 0, 0])
