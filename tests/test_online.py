"""Sums that KeOps makes: the same numbers as from blocks, and a clear word where it cannot."""

import numpy as np
import pytest
import torch

import wdist
from wdist.plans import online
from wdist.plans.gibbs import Gibbs
from wdist.plans.pairs import Matrix, Powers, Squares

needs_keops = pytest.mark.skipif(not online.has_keops(), reason="KeOps is not installed")


def a_step(kernel, w, level):
    marginals = torch.full_like(w, 1 / 30)
    return kernel.step(w, level, marginals)


@needs_keops
@pytest.mark.slow  # its compiler takes a quarter of a minute a formula
@pytest.mark.parametrize(
    ("metric", "p", "dtype"),
    [
        ("squares", 2.0, torch.float64),
        ("euclidean", 1.0, torch.float64),
        ("euclidean", 2.5, torch.float64),
        ("cityblock", 3.0, torch.float32),
    ],
)
def test_a_step_is_that_from_blocks(metric, p, dtype):
    rng = torch.Generator().manual_seed(5)
    x, y = (torch.randn(2, n, 3, generator=rng, dtype=torch.float64) for n in (37, 23))
    y[:, 0] = x[:, 0]  # a distance of zero, to every power
    cost = Squares(x, y, 1.5) if metric == "squares" else Powers(x, y, metric, p, unit=1.5)
    w, level = torch.randn(2, 60, generator=rng, dtype=torch.float64), torch.tensor([[0.3], [0.9]]).double()
    close = 1e-11 if dtype is torch.float64 else 1e-4
    for found, wanted in zip(
        a_step(online.Online(cost, dtype), w, level), a_step(Gibbs(cost, dtype), w, level), strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=close, atol=close)


@needs_keops
@pytest.mark.slow
def test_the_estimate_is_the_same():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((400, 3)), 1.2 * rng.standard_normal((300, 3)) + 1
    here, there = (wdist.estimate(a, b, p=2, method=wdist.Sinkhorn(keops=keops)) for keops in (False, True))
    assert there.value == pytest.approx(here.value, rel=1e-6)
    assert there.converged


def test_on_a_cpu_it_is_blocks_by_default(monkeypatch):
    monkeypatch.setattr(online, "has_keops", lambda: True)
    x = torch.zeros(4, 2, dtype=torch.float64)
    for cost in (Squares(x, x), Matrix(torch.zeros(4, 4).double())):
        assert type(online.gibbs(cost, torch.float64)) is Gibbs
    assert type(online.gibbs(Squares(x, x), torch.float64, keops=True)) is online.Online


def test_on_a_gpu_it_is_keops_where_there_is_no_room(monkeypatch):
    monkeypatch.setattr(online, "has_keops", lambda: True)
    for n, metric, kind in (
        (10**5, "euclidean", online.Online),
        (10, "euclidean", Gibbs),
        (10**5, "chebyshev", Gibbs),
    ):
        cost = Powers(torch.zeros(n, 2), torch.zeros(n, 2), metric, 1.0)
        cost.device = torch.device("cuda")  # nothing is computed there
        monkeypatch.setattr(Gibbs, "__init__", lambda self, cost, dtype: None)
        assert type(online.gibbs(cost, torch.float32)) is kind


def test_what_it_refuses(monkeypatch):
    a = np.zeros((3, 2))
    monkeypatch.setattr(online.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(wdist.InputError, match=r"KeOps is not installed: pip install 'wdist\[keops\]'"):
        wdist.Sinkhorn(keops=True)
    with pytest.raises(wdist.InputError, match="keops is 'yes'; pass True, False, or None"):
        wdist.Sinkhorn(keops="yes")
    monkeypatch.setattr(online.importlib.util, "find_spec", lambda name: object())
    with pytest.raises(wdist.InputError, match="formulas for euclidean and cityblock only"):
        wdist.estimate(a, a + 1, p=1, metric="chebyshev", method=wdist.Sinkhorn(keops=True))
    x = torch.zeros(3, 2)
    with pytest.raises(wdist.InputError, match="formulas for euclidean and cityblock, not chebyshev"):
        wdist.functional.sinkhorn_divergence(x, x, epsilon=1.0, metric="chebyshev", keops=True)
