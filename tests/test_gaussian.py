"""The Gaussian (Bures) distance: against closed forms, POT and exact transport; gradients; shrinkage."""

import numpy as np
import ot
import pytest
import torch
from sklearn.covariance import ledoit_wolf_shrinkage

import wdist
from wdist.errors import InputError
from wdist.methods import gaussian
from wdist.methods.gaussian import Gaussian, gaussian_w2
from wdist.question import ask
from wdist.result import Bound
from wdist.rng import as_rng


def clouds(seed=0, n=40, m=30, d=3):
    gen = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=gen, dtype=torch.float64)
    x = torch.randn(n, d, generator=gen, dtype=torch.float64)
    y = torch.randn(m, d, generator=gen, dtype=torch.float64) @ mix + 0.5
    a, b = (torch.rand(k, generator=gen, dtype=torch.float64) + 0.1 for k in (n, m))
    return x, y, a / a.sum(), b / b.sum()


def estimate(a, b, method=None, **options):
    rng = as_rng(0)
    return (method or Gaussian()).estimate(ask(a, b, p=2, rng=rng, **options), rng)


def crosses(stds, mean=0.0):
    """2d points with exactly this mean and these standard deviations along the axes, uncorrelated."""
    arms = torch.diag(torch.as_tensor(stds, dtype=torch.float64) * len(stds) ** 0.5)
    return torch.cat([arms, -arms]) + mean


def test_commuting_covariances():
    x, y = crosses([1.0, 2.0, 5.0]), crosses([4.0, 2.0, 1.0], mean=2.0)
    truth = (3 * 2.0**2 + 3.0**2 + 0 + 4.0**2) ** 0.5
    est = estimate(x, y)
    assert est.value == pytest.approx(truth, rel=1e-14)
    assert est.detail.mean_shift == pytest.approx(12**0.5)
    assert est.detail.bures == pytest.approx(5)
    assert float(gaussian_w2(x, y)) == pytest.approx(truth, rel=1e-14)


def test_means_and_standard_deviations_on_the_line():
    x, y, a, b = clouds(1, d=1)
    means = [float(w @ z[:, 0]) for z, w in ((x, a), (y, b))]
    stds = [float(w @ (z[:, 0] - mean) ** 2) ** 0.5 for z, w, mean in ((x, a, means[0]), (y, b, means[1]))]
    truth = np.hypot(means[0] - means[1], stds[0] - stds[1])
    assert estimate(x, y, weights_a=a, weights_b=b).value == pytest.approx(truth, rel=1e-13)


@pytest.mark.parametrize("d", [2, 5, 20])
@pytest.mark.parametrize("block", [8192, 7])
def test_pots_bures_formula_on_the_sample_moments(d, block, monkeypatch):
    monkeypatch.setattr(gaussian, "BLOCK_ROWS", block)
    x, y, a, b = clouds(2, d=d)
    moments = []
    for z, w in ((x.numpy(), a.numpy()), (y.numpy(), b.numpy())):
        moments.append((np.average(z, axis=0, weights=w), np.cov(z.T, aweights=w, bias=True)))
    (mean_x, cov_x), (mean_y, cov_y) = moments
    theirs = float(ot.gaussian.bures_wasserstein_distance(mean_x, mean_y, cov_x, cov_y))
    assert estimate(x, y, weights_a=a, weights_b=b).value == pytest.approx(theirs, rel=1e-9)
    assert float(gaussian_w2(x, y, weights_x=a, weights_y=b)) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(6, 9), (9, 6), (200, 6), (6, 200)])
def test_fewer_points_than_coordinates_are_as_good_as_a_rotation_into_their_span(n, m):
    x, y, a, b = clouds(3, n, m, d=4)
    gen = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(50, 4, generator=gen, dtype=torch.float64))[0]
    low = estimate(x, y, weights_a=a, weights_b=b).value
    assert estimate(x @ turn.T, y @ turn.T, weights_a=a, weights_b=b).value == pytest.approx(low, rel=1e-12)
    high = gaussian_w2(x @ turn.T, y @ turn.T, weights_x=a, weights_y=b)
    assert float(high) == pytest.approx(low, rel=1e-12)


def test_singular_covariances_do_not_cost_digits():
    x, _, _, _ = clouds(4, 30, d=3)
    flat = torch.cat([x, torch.zeros(30, 40)], dim=1)  # rank 3 in 43 dimensions
    shifted = flat + 1e-9
    assert estimate(flat, shifted).value == pytest.approx(43**0.5 * 1e-9, rel=1e-5)
    shuffled = flat[torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    assert estimate(flat, torch.cat([shuffled, flat])).value < 1e-14
    assert float(gaussian_w2(flat, shuffled)) < 1e-14


@pytest.mark.parametrize("seed", range(10))
def test_it_is_below_the_exact_distance(seed):
    x, y, a, b = clouds(10 + seed, 25, 25, d=2 + seed % 3)
    cost = np.linalg.norm(x.numpy()[:, None] - y.numpy(), axis=2) ** 2
    exact = ot.emd2(a.numpy(), b.numpy(), cost, numItermax=10**7) ** 0.5
    est = estimate(x, y, weights_a=a, weights_b=b)
    assert est.bound is Bound.LOWER
    assert est.lower == pytest.approx(est.value, rel=1e-11)
    assert est.lower <= est.value <= exact
    assert est.value > 0.5 * exact
    assert est.quantity == "Gaussian W2"


def test_it_is_the_exact_distance_to_a_positive_definite_image():
    x, _, _, _ = clouds(5, 30, d=4)
    root = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = x @ (root @ root.T) + 1.0  # the gradient of a convex function, so x -> y is optimal (Gelbrich 1990)
    displacement = float((y - x).square().sum(1).mean()) ** 0.5
    assert estimate(x, y).value == pytest.approx(displacement, rel=1e-12)


def test_symmetry_scale_origin_and_repeated_points():
    x, y, a, b = clouds(6)
    here = estimate(x, y, weights_a=a, weights_b=b).value
    assert estimate(y, x, weights_a=b, weights_b=a).value == pytest.approx(here, rel=1e-13)
    far = estimate(1e-3 * (x + 1e6), 1e-3 * (y + 1e6), weights_a=a, weights_b=b).value
    assert far == pytest.approx(1e-3 * here, rel=1e-8)
    counts = torch.arange(40) % 3 + 1
    weighted = estimate(x, y, weights_a=counts.double() / counts.sum()).value
    assert weighted == pytest.approx(estimate(x.repeat_interleave(counts, 0), y).value, rel=1e-13)
    zero = torch.cat([x, torch.full((1, 3), 1e3).double()])
    kept = torch.cat([a, torch.zeros(1)])
    assert estimate(zero, y, weights_a=kept, weights_b=b).value == pytest.approx(here, rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(8, 7, 2), (3, 4, 6), (8, 3, 4), (5, 5, 1)])
def test_gradients(n, m, d):
    x, y, a, b = clouds(7, n, m, d)

    def loss(x, y, logits_a, logits_b):
        return gaussian_w2(x, y, weights_x=logits_a.softmax(0), weights_y=logits_b.softmax(0))

    assert torch.autograd.gradcheck(loss, [t.requires_grad_() for t in (x, y, a.log(), b.log())])
    assert torch.autograd.gradcheck(gaussian_w2, [x, y])


def test_gradients_at_a_mass_of_zero_are_finite():
    x, y, _, _ = clouds(8, 3, 5)
    masses = torch.tensor([0.0, 0.5, 0.5]).double().requires_grad_()
    (gradient,) = torch.autograd.grad(gaussian_w2(x, y, weights_x=masses), masses)
    assert bool(torch.isfinite(gradient).all())


def test_batches_are_loops_and_dtypes_stay():
    gen = torch.Generator().manual_seed(9)
    x, y = torch.randn(2, 3, 12, 4, generator=gen), 2 * torch.randn(2, 3, 3, 4, generator=gen) + 0.3
    b = torch.rand(3, generator=gen)
    batch = gaussian_w2(x, y, weights_y=b)
    assert batch.shape == (2, 3)
    assert batch.dtype is torch.float32
    for i in range(2):
        for j in range(3):
            one = gaussian_w2(x[i, j], y[i, j], weights_y=b)
            assert float(batch[i, j]) == pytest.approx(float(one), rel=1e-6)


def test_full_shrinkage_compares_balls():
    x, y, _, _ = clouds(8, 4, 50, d=5)
    balls = [float((z - z.mean(0)).square().mean()) ** 0.5 for z in (x, y)]
    truth = float((x.mean(0) - y.mean(0)).square().sum()) + 5 * (balls[0] - balls[1]) ** 2
    est = estimate(x, y, Gaussian(1.0))
    assert est.value == pytest.approx(truth**0.5, rel=1e-12)
    assert est.bound is Bound.NONE
    assert est.lower == pytest.approx(est.detail.mean_shift, rel=1e-9, abs=1e-9)
    assert "Shrinkage (1.0): 1 of cov(a), 1 of cov(b)" in est.message


def test_partial_shrinkage_by_the_formula():
    x, y, _, _ = clouds(9, 4, 50, d=5)
    covs = []
    for z in (x.numpy(), y.numpy()):
        cov = np.cov(z.T, bias=True)
        covs.append(0.7 * cov + 0.3 * np.trace(cov) / 5 * np.eye(5))
    theirs = ot.gaussian.bures_wasserstein_distance(x.mean(0).numpy(), y.mean(0).numpy(), *covs)
    assert estimate(x, y, Gaussian(0.3)).value == pytest.approx(float(theirs), rel=1e-10)


@pytest.mark.parametrize(("n", "d"), [(30, 5), (10, 40), (1, 3), (2, 1)])
def test_ledoit_and_wolfs_share_is_scikit_learns(n, d, monkeypatch):
    monkeypatch.setattr(gaussian, "BLOCK_ROWS", 6)
    gen = torch.Generator().manual_seed(1)
    x = torch.randn(n, d, generator=gen, dtype=torch.float64) * torch.linspace(0.2, 3, d) + 100
    est = estimate(x, torch.randn(50, d, generator=gen, dtype=torch.float64), Gaussian("ledoit-wolf"))
    share = 0.0 if n == 1 or d == 1 else ledoit_wolf_shrinkage(x.numpy())
    assert est.detail.shrinkage_a == pytest.approx(share, rel=1e-8)
    assert est.bound is Bound.NONE


def test_what_it_refuses():
    rng = as_rng(0)
    x, y, _, _ = clouds()
    for p in (1, 3):
        assert "pass p=2" in Gaussian().refusal(ask(x, y, p=p, rng=rng))
    assert "Euclidean" in Gaussian().refusal(ask(x, y, p=2, metric="cityblock", rng=rng))
    assert "samples" in Gaussian().refusal(ask(x, y, p=2, target="population", rng=rng))
    question = ask(x, y, p=2, rng=rng)
    assert Gaussian().refusal(question) is None
    assert Gaussian().memory(question) > 0
    for wrong in (-0.1, 1.5, "oas", float("nan")):
        with pytest.raises(InputError, match="shrinkage is"):
            Gaussian(wrong)
    with pytest.raises(InputError, match="coordinates must agree"):
        gaussian_w2(x, y[:, :2])
    with pytest.raises(InputError, match="7 weights for 40 points"):
        gaussian_w2(x, y, weights_x=torch.ones(7))


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_the_upper_bound_is_that_of_the_independent_coupling(rng, shrinkage):
    x, y = rng.standard_normal((30, 3)) + 5, 2 * rng.standard_normal((40, 3))
    est = wdist.estimate(x, y, p=2, method=wdist.Gaussian(shrinkage))
    pairs = np.square(x[:, None] - y[None]).sum(axis=2)
    assert est.upper == pytest.approx(pairs.mean() ** 0.5, rel=1e-12)
    assert est.lower <= wdist.estimate(x, y, p=2, method="discrete").value <= est.upper
