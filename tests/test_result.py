"""What comes back says in one line, and in full, which number it is, between what, and how sure."""

import copy
import dataclasses
import json
import math
import pickle
import re

import numpy as np
import pytest
from every_method import REQUESTS

import wdist
from wdist.errors import NotConvergedError
from wdist.result import Bound, Choice, Estimate, Interval, Target


@dataclasses.dataclass(frozen=True)
class Detail:
    iterations: int
    gap: float
    found: bool
    engine: str
    nothing: None
    open_end: float
    plan: np.ndarray


DETAIL = Detail(7, 0.5, True, "pot", None, math.nan, np.eye(2))
INTERVAL = Interval(1.2, 1.8, 0.95, "random projections")


def result(**given):
    plain = {
        "value": 1.5,
        "p": 2.0,
        "method": "some",
        "bound": Bound.NONE,
        "target": Target.SAMPLE,
        "quantity": "W2",
    }
    return Estimate(**{**plain, **given})


EXACT = {"bound": Bound.EXACT, "lower": 1.5, "upper": 1.5}
UNFINISHED = {"converged": False, "message": "the marginal error is 0.1.", "lower": 1.0, "upper": 2.0}
LINES = {
    "exact": (EXACT, "W2 between the samples = 1.5 (exact); by some in 0 ms"),
    "exact between laws": (
        {**EXACT, "target": Target.POPULATION, "seconds": 2.5},
        "W2 between the laws = 1.5 (exact); by some in 2.5 s",
    ),
    "lower": (
        {"bound": Bound.LOWER, "quantity": "sliced W2", "lower": 1.5, "interval": INTERVAL},
        "sliced W2 between the samples = 1.5 (so W2 is at least that); certified W2 ≥ 1.5; "
        "interval [1.2, 1.8] (95 %, random projections); by some in 0 ms",
    ),
    "upper": (
        {"bound": Bound.UPPER, "quantity": "plan W2", "upper": 1.5, "seconds": 0.0123},
        "plan W2 between the samples = 1.5 (so W2 is at most that); certified W2 ≤ 1.5; by some in 12.3 ms",
    ),
    "estimate": (
        {"p": 1.0, "quantity": "kappa*W1 (kappa unknown)", "target": Target.POPULATION},
        "kappa*W1 (kappa unknown) between the laws ≈ 1.5 (an estimate, no guarantee); by some in 0 ms",
    ),
    "estimate in a bracket": (
        {"lower": 1.0, "upper": 2.0},
        "W2 between the samples ≈ 1.5 (an estimate, no guarantee); certified 1 ≤ W2 ≤ 2; by some in 0 ms",
    ),
    "unfinished": (
        UNFINISHED,
        "W2 between the samples: NOT CONVERGED (unfinished figure 1.5); "
        "certified 1 ≤ W2 ≤ 2; by some in 0 ms",
    ),
    "unfinished for a bound": (
        {"converged": False, "bound": Bound.UPPER},
        "W2 between the samples: NOT CONVERGED (unfinished figure 1.5); by some in 0 ms",
    ),
    "infinite order": (
        {**EXACT, "p": math.inf, "quantity": "Winf"},
        "Winf between the samples = 1.5 (exact); by some in 0 ms",
    ),
    "rounded": (
        {"value": 1 / 3, "bound": Bound.LOWER},
        "W2 between the samples = 0.333333 (so W2 is at least that); by some in 0 ms",
    ),
}


@pytest.mark.parametrize(("given", "line"), LINES.values(), ids=LINES)
def test_the_one_line(given, line):
    assert repr(result(**given)) == str(result(**given)) == line


class TestFloat:
    @pytest.mark.parametrize("bound", Bound)
    def test_it_is_the_value_where_the_solver_converged(self, bound):
        assert float(result(bound=bound)) == 1.5

    def test_it_raises_where_the_solver_did_not(self):
        text = (
            "some did not converge: the marginal error is 0.1. Certified so far: 1 ≤ W2 ≤ 2. The unfinished"
        )
        with pytest.raises(NotConvergedError, match=re.escape(text)):
            float(result(**UNFINISHED))
        with pytest.raises(wdist.WdistError, match="Certified so far: nothing"):
            float(result(converged=False))
        assert result(**UNFINISHED).value == 1.5


class TestExplain:
    CHOICE = Choice(
        "it was asked for by name.", 3 * 2**20, (("line", "the points have 2 coordinates"), ("other", "slow"))
    )

    def test_in_full(self):
        told = result(
            choice=self.CHOICE, seconds=0.5, message="It rained.", lower=1.0, interval=INTERVAL
        ).explain()
        assert told.splitlines() == [
            "W2 between the samples ≈ 1.5 (an estimate, no guarantee); certified W2 ≥ 1; "
            "interval [1.2, 1.8] (95 %, random projections); by some in 500 ms",
            "Why some: it was asked for by name.",
            "Cost: 500 ms, about 3.0 MiB of working memory (predicted).",
            "How sure: an estimate of W2 without a guarantee. Certified: W2 ≥ 1. "
            "95 % interval from random projections alone: [1.2, 1.8] (95 %, random projections).",
            "Note: It rained.",
            "Also considered:",
            "  line: the points have 2 coordinates",
            "  other: slow",
        ]

    @pytest.mark.parametrize(
        ("given", "certainty"),
        [
            (EXACT, "exact: W2 between the samples, to rounding."),
            ({"bound": Bound.LOWER}, "a certified lower bound on W2 between the samples."),
            (
                {"bound": Bound.UPPER, "target": Target.POPULATION, "upper": 1.5},
                "a certified upper bound on W2 between the laws. Certified: W2 ≤ 1.5.",
            ),
            ({"converged": False}, "not at all: the solver stopped short. Certified so far: nothing."),
            (UNFINISHED, "not at all: the solver stopped short. Certified so far: 1 ≤ W2 ≤ 2."),
        ],
    )
    def test_how_sure(self, given, certainty):
        assert f"\nHow sure: {certainty}" in result(**given).explain()

    def test_without_a_choice_it_says_less(self):
        assert result(**EXACT).explain().splitlines()[1:] == [
            "Cost: 0 ms.",
            "How sure: exact: W2 between the samples, to rounding.",
        ]

    @pytest.mark.parametrize("method", wdist.METHODS)
    def test_for_every_method_it_names_rule_cost_and_all_the_others(self, method):
        found = REQUESTS[method](method=method) if method != "critic" else REQUESTS[method]()
        told = found.explain()
        lines = told.splitlines()
        assert lines[0] == repr(found)
        assert f"Why {method}: it was " in lines[1]
        assert re.match(
            r"Cost: [\d.e+-]+ m?s, about [\d.]+ [KMG]?i?B of working memory \(predicted\)\.$", lines[2]
        )
        assert lines[3].startswith("How sure: ")
        others = [line.split(":")[0].strip() for line in lines[lines.index("Also considered:") + 1 :]]
        assert others == [name for name in wdist.METHODS if name != method]

    def test_auto_tells_which_rule_fired(self):
        assert "Why line: one coordinate: exact by sorting" in wdist.estimate([0, 1], [2, 3]).explain()
        told = wdist.estimate([[0, 1]], [[2, 3]]).explain()
        assert "Why discrete: 1 pairs of points, at most 36,000,000: the exact solver takes seconds." in told


class TestToDict:
    def test_everything_that_json_can_hold(self):
        given = result(
            **EXACT, detail=DETAIL, interval=INTERVAL, message="m", choice=Choice("r", 5, (("x", "y"),))
        )
        assert json.loads(json.dumps(given.to_dict(), allow_nan=False)) == {
            "value": 1.5,
            "p": 2.0,
            "method": "some",
            "bound": "exact",
            "target": "sample",
            "quantity": "W2",
            "lower": 1.5,
            "upper": 1.5,
            "interval": {"low": 1.2, "high": 1.8, "confidence": 0.95, "source": "random projections"},
            "converged": True,
            "message": "m",
            "seconds": 0.0,
            "detail": {"iterations": 7, "gap": 0.5, "found": True, "engine": "pot", "nothing": None},
            "choice": {"rule": "r", "memory": 5, "others": [["x", "y"]]},
            "floor": None,
        }

    def test_an_infinite_order_is_a_word(self):
        assert result(p=math.inf).to_dict()["p"] == "inf"

    def test_figures_without_a_number_are_left_out_of_the_detail(self):
        kept = result(detail=dataclasses.replace(DETAIL, gap=math.inf)).to_dict()["detail"]
        assert "gap" not in kept
        assert "open_end" not in kept
        assert result(detail=[1, 2]).to_dict()["detail"] == {}

    @pytest.mark.parametrize("method", wdist.METHODS)
    def test_every_methods_answer_is_json(self, method):
        found = REQUESTS[method]()
        back = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert back["value"] == found.value
        assert set(back) == {field.name for field in dataclasses.fields(Estimate)}

    def test_the_infinite_order_of_a_real_call_is_json(self):
        found = wdist.estimate([0.0, 1.0], [2.0, 4.0], p=math.inf)
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["p"] == "inf"


class TestObject:
    @pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Estimate)])
    def test_it_is_frozen(self, field):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result(), field, None)

    @pytest.mark.parametrize("method", wdist.METHODS)
    def test_it_travels(self, method):
        found = REQUESTS[method]()
        for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
            assert repr(twin) == repr(found)
            assert twin.explain() == found.explain()
            assert twin.to_dict() == found.to_dict()
            assert type(twin.detail) is type(found.detail)

    def test_a_trained_critic_travels_with_its_potential(self):
        found = REQUESTS["critic"]()
        twin = pickle.loads(pickle.dumps(found))
        x = wdist.measures.as_samples(REQUESTS["critic"].a).points
        values = found.detail.potential(x)
        assert float(values.std()) > 0
        assert values.tolist() == twin.detail.potential(x).tolist()

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_it_never_holds_what_is_no_number(self, value):
        with pytest.raises(AssertionError, match="some returned"):
            result(value=value)

    def test_its_bounds_are_in_order(self):
        with pytest.raises(AssertionError):
            result(lower=2.0, upper=1.0)
        assert result(lower=1.5 * (1 + 1e-12), upper=1.5).upper == 1.5

    @pytest.mark.parametrize("method", wdist.METHODS)
    def test_every_methods_answer_keeps_its_word(self, method):
        found = REQUESTS[method]()
        assert found.method == method
        assert found.p == REQUESTS[method].p
        assert "\n" not in repr(found)
        assert repr(found).startswith(f"{found.quantity} {found.target.words}")
        assert found.converged
        assert 0 < found.seconds < 60
        if found.bound is Bound.EXACT:
            assert found.lower == pytest.approx(found.value, rel=1e-9)
            assert found.upper == pytest.approx(found.value, rel=1e-9)
        if found.bound is Bound.LOWER:
            assert found.lower >= found.value * (1 - 1e-12)
        if found.interval is not None:
            assert found.interval.low <= found.value <= found.interval.high
