"""Pairs walked in blocks: the same numbers as from whole matrices, in bounded memory, in either precision."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from wdist.methods.sinkhorn import Sinkhorn, sinkhorn_divergence
from wdist.plans import entropic, pairs
from wdist.plans.entropic import entropic_potentials
from wdist.plans.gibbs import Gibbs
from wdist.plans.pairs import Matrix, Powers, Squares, dense, ground_cost, row_blocks
from wdist.question import ask
from wdist.rng import as_rng


def clouds(seed=0, n=37, m=23, d=3):
    gen = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=gen, dtype=torch.float64)
    y = 1.3 * torch.randn(m, d, generator=gen, dtype=torch.float64) + 0.5
    a, b = (torch.rand(k, generator=gen, dtype=torch.float64) + 0.1 for k in (n, m))
    return x, y, a / a.sum(), b / b.sum()


def estimate(a, b, method, **options):
    rng = as_rng(0)
    return method.estimate(ask(a, b, rng=rng, **options), rng)


def never_hold(monkeypatch, rows=5, columns=37):
    monkeypatch.setattr(pairs, "KEPT_BYTES", 0)
    monkeypatch.setattr(pairs, "BLOCK_BYTES", {"cpu": 8 * rows * columns})


def first_coordinate(x, y):
    return abs(x[:, None, 0] - y[:, 0])


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", first_coordinate])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_costs_are_powers_of_distances_in_a_unit_however_they_are_made(metric, p, monkeypatch):
    x, y, _, _ = clouds()
    if callable(metric):
        want = (metric(x, y) / 1.7) ** p
    else:
        order = {"euclidean": 2, "cityblock": 1, "chebyshev": np.inf}[metric]
        want = (torch.linalg.vector_norm(x[:, None] - y, ord=order, dim=2) / 1.7) ** p
    held = ground_cost(x, y, metric, p, "torch", 1.7)
    raised = ground_cost(x, y, metric, 1.0, "torch").raised(p, 1.7)
    never_hold(monkeypatch)
    walked = ground_cost(x, y, metric, p, "torch", 1.7)
    assert isinstance(held, Squares) == isinstance(walked, Squares) == (metric == "euclidean" and p == 2)
    for cost in (held, raised, walked):
        torch.testing.assert_close(dense(cost), want, rtol=1e-12, atol=1e-13)
        assert float(cost.largest()) == pytest.approx(float(want.max()), rel=1e-13)
        assert float(cost.extent()) >= float(cost.largest()) / 2
    assert len(list(row_blocks(walked))) == 5


@pytest.mark.parametrize("form", [Squares, lambda x, y: Powers(x, y, "euclidean", 2.0), "matrix"])
def test_exponents_hold_potentials_and_cost(form):
    x, y = (torch.stack([z, 2 * z]) for z in clouds()[:2])  # a batch, at two levels
    cost = Matrix(torch.cdist(x, y) ** 2) if form == "matrix" else form(x, y)
    w, level = (
        torch.linspace(-1, 2, 120).double().reshape(2, 60),
        torch.tensor([[0.3], [0.9]], dtype=torch.float64),
    )
    want = w[:, :37, None] + w[:, None, 37:] - torch.cdist(x, y) ** 2 / level[..., None]
    for dtype, close in ((torch.float64, 1e-12), (torch.float32, 1e-4)):
        out = torch.empty(2, 4, 23, dtype=dtype)
        cost.exponents(w, level, dtype)(slice(3, 7), out)
        torch.testing.assert_close(out.double(), want[:, 3:7], rtol=close, atol=close)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_step_is_the_soft_c_transform_from_a_held_kernel_and_from_blocks(dtype, held, monkeypatch):
    if not held:
        never_hold(monkeypatch)
    x, y, a, b = clouds(1)
    cost, level, marginals = (
        dense(Powers(x, y, "euclidean", 2.0)),
        torch.tensor([0.8], dtype=torch.float64),
        torch.cat([a, b]),
    )
    kernel, close = Gibbs(Squares(x, y), dtype), 1e-12 if dtype is torch.float64 else 1e-4
    written = []
    monkeypatch.setattr(
        kernel, "blocks", lambda *w, inner=kernel.blocks, **k: (written.append(1), inner(*w, **k))[1]
    )
    for size in (0.0, 0.1, 0.5, 1.0):  # a little away from what may be held
        w = size * torch.linspace(-1, 1, 60).double()
        u, v = w[:37], w[37:]
        rows, columns = (v - cost / 0.8 + b.log()).logsumexp(1), (u - cost.T / 0.8 + a.log()).logsumexp(1)
        image = -torch.cat([rows, columns])
        found, reached = kernel.step(w, level, marginals)
        torch.testing.assert_close(found, image, rtol=close, atol=close)
        torch.testing.assert_close(reached, marginals * (w - image).exp(), rtol=close, atol=close)
    assert len(written) == (4 if not held else 2 if dtype is torch.float64 else 1)
    far, _ = kernel.step(1e3 * torch.linspace(-1, 1, 60).double(), level, marginals)
    assert bool(torch.isfinite(far).all())  # beyond the range of any kernel
    assert len(written) == (5 if not held else 3 if dtype is torch.float64 else 2)  # and of the one held


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("p", "metric"),
    [(1, "euclidean"), (2, "euclidean"), (3, "euclidean"), (2, "cityblock"), (1, first_coordinate)],
)
def test_blocks_give_what_held_matrices_give(seed, p, metric, monkeypatch):
    x, y, a, b = clouds(10 + seed)
    options = {"p": p, "metric": metric, "weights_a": a, "weights_b": b}
    method = Sinkhorn(blur=0.2, tol=1e-11)
    whole = estimate(x, y, method, **options)
    never_hold(monkeypatch)
    blocks = estimate(x, y, method, **options)
    assert whole.converged
    assert blocks.converged
    for name in ("value", "lower", "upper"):
        assert getattr(blocks, name) == pytest.approx(getattr(whole, name), rel=1e-9)
    np.testing.assert_allclose(blocks.detail.potential_a, whole.detail.potential_a, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("p", "metric"), [(2.0, "euclidean"), (1.0, "euclidean"), (1.5, "cityblock")])
def test_gradients_from_blocks(p, metric, monkeypatch):
    never_hold(monkeypatch, 2, 4)
    x, y, a, b = clouds(2, 4, 3, 2)

    def loss(x, y, logits_a, logits_b):
        weights = {"weights_x": logits_a.softmax(0), "weights_y": logits_b.softmax(0)}
        return sinkhorn_divergence(x, y, p=p, epsilon=0.8, metric=metric, tol=1e-12, **weights)

    inputs = [t.requires_grad_() for t in (x, y, a.log(), b.log())]
    assert torch.autograd.gradcheck(loss, inputs, atol=1e-6, rtol=1e-4)


def test_a_batch_in_blocks_with_its_gradient(monkeypatch):
    x, y = (torch.stack([z, 0.7 * z + 1]) for z in clouds(3)[:2])
    out = []
    for held in (True, False):
        if not held:
            never_hold(monkeypatch)
        z = x.clone().requires_grad_()
        value = sinkhorn_divergence(z, y, epsilon=0.5, tol=1e-11)
        value.sum().backward()
        out.append((value.detach(), z.grad))
    torch.testing.assert_close(out[0], out[1], rtol=1e-9, atol=1e-10)


def spied(monkeypatch):
    """Let single precision lead on small problems too, and list what works at each level."""
    used = []

    def spy(kernel, *rest, inner=entropic._at_level):
        used.append(kernel._dtype)
        return inner(kernel, *rest)

    monkeypatch.setattr(entropic, "SINGLE_PAIRS", 0)
    monkeypatch.setattr(entropic, "_at_level", spy)
    return used


@pytest.mark.parametrize("p", [1, 2])
def test_single_precision_leads_and_double_decides(p, monkeypatch):
    x, y, a, b = clouds(4, 60, 50)
    cost = ground_cost(x, y, "euclidean", p)
    solve = {"epsilon": 0.05 * float(dense(cost).mean()), "max_iter": 3000}
    plain = entropic_potentials(cost, a, b, tol=1e-11, **solve)
    used = spied(monkeypatch)
    led = entropic_potentials(cost, a, b, tol=1e-11, **solve)
    assert torch.float32 in used
    assert used[-1] is torch.float64
    assert float(led.value) == pytest.approx(float(plain.value), rel=1e-10)
    rough = entropic_potentials(cost, a, b, tol=1e-3, **solve)
    plan = ((rough.u[:, None] + rough.v - dense(cost)) / solve["epsilon"]).exp() * a[:, None] * b
    off = ((plan.sum(1) - a).abs().sum() + (plan.sum(0) - b).abs().sum()) / 2
    assert float(rough.error) == pytest.approx(float(off), rel=1e-9)  # not what single precision thought
    assert float(rough.error) <= 1e-3
    cut = entropic_potentials(cost, a, b, tol=1e-11, **{**solve, "max_iter": 1})
    assert float(cut.error) > 1e-3  # a step is left for double precision, which says how far it is


def test_single_precision_is_left_where_it_cannot_see_epsilon(monkeypatch):
    used = spied(monkeypatch)
    x, _, a, _ = clouds(5)
    far = Squares(1e4 * x, 1e4 * x + 1)
    found = entropic_potentials(far, a, a, 0.5, tol=1e-8, max_iter=50, guess=(0 * a, 0 * a))
    assert set(used) == {torch.float64}
    assert float(found.error) <= 1e-8
    assert float(found.value) == pytest.approx(
        3 - 0.5 * float(a @ a.log()), rel=1e-6
    )  # every point moves by 1, 1, 1


def test_a_large_problem_is_predicted_and_solved_without_a_matrix():
    question = ask(np.zeros((100_000, 3)), np.zeros((100_000, 3)), p=2, rng=as_rng(0))
    assert Sinkhorn().memory(question) < 8 * 2**30 / 10
    code = """
import resource, torch
from wdist.functional import sinkhorn_divergence
from wdist.plans import pairs
pairs.KEPT_BYTES = 0
torch.set_num_threads(1)  # on a busy machine two wait for each other
gen = torch.Generator().manual_seed(0)
x = torch.randn(6000, 2, generator=gen, dtype=torch.float64).requires_grad_()
sinkhorn_divergence(x[:50], x[:60] + 1, epsilon=5.0, tol=1e-2).backward()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sinkhorn_divergence(x, x + 1, epsilon=5.0, tol=1e-2).backward()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert float(out.stdout) < 80  # MiB; one matrix in double precision is 275
