"""The rule behind "auto", line by line as docs/methods.md has it, and what `explain` tells of it."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import wdist
from wdist import methods
from wdist.cli.terminal import EXIT_CODES
from wdist.question import ask
from wdist.rng import as_rng

MANY, MOST = np.zeros((7000, 2)), np.zeros((14000, 2))


def law(n, rng):
    return torch.randn(n, 2, generator=rng, dtype=torch.float64)


def law_on_the_line(n, rng):
    return torch.randn(n, 1, generator=rng, dtype=torch.float64)


UNEVEN = {"weights_a": [0.5, 0.25, 0.25]}


def taxi(x, y):
    return np.abs(x[:, None] - y).sum(-1)


@pytest.mark.parametrize(
    ("a", "b", "kwargs", "chosen", "because"),
    [
        (MANY[:50], MANY[:50], {"target": "population"}, "population", "it is bounded from both sides"),
        (MANY[:3], MANY[:3], {"target": "population", **UNEVEN}, "critic", "only a critic speaks"),
        (law, MANY[:50], {"target": "population"}, "critic", "only a critic speaks"),
        (MANY[:50, 0], MANY[:50, 0], {"target": "population"}, "line", "on the line the bootstrap bounds it"),
        (
            law_on_the_line,
            MANY[:50, 0],
            {"target": "population"},
            "line",
            "on the line the bootstrap bounds it",
        ),
        (MANY[:50, 0], MANY[:50, 0], {"target": "population", "metric": taxi}, "critic", "only a critic"),
        (law, MANY[:50], {}, "critic", "a source that draws"),
        (law_on_the_line, law_on_the_line, {}, "critic", "a source that draws"),
        (MANY[:9, 0], MANY[:7, 0], {"p": math.inf}, "line", "one coordinate"),
        (law_on_the_line, MANY[:9, 0], {"p": 2}, "line", "one coordinate"),
        (law, law, {"p": 2}, "discrete", "between 2000 drawn points"),
        (law, law, {"metric": "cityblock"}, "discrete", "between 2000 drawn points"),
        (MANY[:6000], MANY[:6000], {"p": 9}, "discrete", "36,000,000 pairs of points, at most 36,000,000"),
        (MANY, MANY, {"p": 2}, "discrete", "49,000,000 pairs of points, at most 144,000,000"),
        (MANY, MANY, {"metric": "chebyshev"}, "discrete", "at most 144,000,000"),
        (MANY[:9, :1], MANY[:9, :1], {"metric": taxi}, "discrete", "81 pairs"),
        (MOST, MOST, {}, "critic", "196,000,000 pairs of points are more than the 144,000,000"),
        (MOST, MOST, {"p": 2}, "sliced", "bound W2 from below"),
        (MANY, MANY, {"p": math.inf}, "discrete", "nothing else answers"),
        (MOST, MOST, {"metric": "chebyshev"}, "discrete", "nothing else answers"),
    ],
)
def test_each_line_of_the_rule(a, b, kwargs, chosen, because):
    method, reason = methods.choose(ask(a, b, rng=as_rng(0), **kwargs))
    assert method.name == chosen
    assert because in reason


def test_little_memory_leaves_the_exact_solver(monkeypatch):
    question = ask(MANY[:1000], MANY[:1000], rng=as_rng(0))
    assert methods.choose(question)[0].name == "discrete"
    monkeypatch.setattr(methods, "available_bytes", lambda device="cpu": 50 * 2**20)
    assert methods.choose(question)[0].name == "critic"


def test_exact_is_the_line_where_there_is_one(rng):
    x = rng.standard_normal((9, 1))
    assert wdist.estimate(x, x + 1, method="exact").method == "line"
    assert wdist.estimate(np.hstack([x, x]), np.hstack([x, x]) + 1, method="exact").method == "discrete"


def test_explain_tells_rule_cost_others_and_certainty(rng):
    text = wdist.estimate(rng.standard_normal((30, 2)), rng.standard_normal((40, 2))).explain()
    assert "Why discrete: 1,200 pairs of points" in text
    assert "of working memory (predicted)" in text
    assert "How sure: exact" in text
    for name in set(wdist.METHODS) - {"discrete"}:
        assert f"\n  {name}: " in text  # considered, and why not taken


def test_a_sourced_answer_says_what_was_drawn():
    est = wdist.estimate(law, law, p=2, method="sliced")
    assert "a: 100000 points were drawn from the source" in est.message
    assert est.target is wdist.Target.SAMPLE


def test_docs_name_every_method_and_only_those():
    root = Path(__file__).parents[1]
    for page in ("README.md", "docs/methods.md"):
        text = (root / page).read_text()
        missing = [name for name in wdist.METHODS if name not in text]
        assert not missing, (page, missing)
    assert f"{methods.AUTO_PAIRS:,}" in (root / "docs/methods.md").read_text()
    assert "0 an answer" in EXIT_CODES


@pytest.mark.parametrize("name", list(wdist.METHODS))
def test_memory_is_predicted_before_anything_is_computed(name, monkeypatch, rng):
    """A machine with a kilobyte left refuses every method, by prediction alone."""
    monkeypatch.setattr(methods, "available_bytes", lambda device="cpu": 1024)
    monkeypatch.setattr(methods, "TRIFLE", 0)
    dim = 1 if name in ("line", "circle") else 3
    p = 2 if name == "gaussian" else 1
    x = rng.standard_normal((500, dim))
    target = "population" if name == "population" else "sample"
    with pytest.raises(
        wdist.InputError, match=rf"method '{name}' needs about .* and 1.0 KiB are free; no other method"
    ):
        wdist.estimate(x, rng.permutation(x) + 1, p=p, method=name, target=target)
