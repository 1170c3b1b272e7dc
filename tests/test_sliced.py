"""Sliced and max-sliced W_p: against POT, closed forms, their gradients, rates and bounds."""

import math

import numpy as np
import ot
import pytest
import torch
from torch.nn.functional import normalize

from wdist.errors import InputError
from wdist.methods import sliced
from wdist.methods.line import wasserstein_1d
from wdist.methods.max_sliced import MaxSliced, max_sliced_wasserstein
from wdist.methods.sliced import Sliced, sliced_wasserstein
from wdist.question import ask
from wdist.result import Bound
from wdist.rng import as_rng


def clouds(seed=0, n=30, m=20, d=3):
    gen = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=gen, dtype=torch.float64)
    y = 1.3 * torch.randn(m, d, generator=gen, dtype=torch.float64) + 0.5
    a, b = (torch.rand(k, generator=gen, dtype=torch.float64) + 0.1 for k in (n, m))
    return x, y, a / a.sum(), b / b.sum()


def axes(k, d, seed=1):
    gen = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(k, d, generator=gen, dtype=torch.float64), dim=1)


def estimate(a, b, method=None, seed=0, **options):
    rng = as_rng(seed)
    return (method or Sliced()).estimate(ask(a, b, rng=rng, **options), rng)


def exact(x, y, p, a=None, b=None):
    a, b = (np.full(len(z), 1 / len(z)) if w is None else w.numpy() for z, w in ((x, a), (y, b)))
    cost = np.linalg.norm(x.numpy()[:, None] - y.numpy(), axis=2) ** p
    return float(ot.emd2(a, b, cost, numItermax=10**7)) ** (1 / p)


# -- sliced ----------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_on_the_same_directions_it_is_pots(p, weighted):
    x, y, a, b = clouds()
    theta = axes(40, 3)
    masses = (a.numpy(), b.numpy()) if weighted else ()
    options = {"p": p, "projections": theta.T.numpy()}
    mean, largest = (
        float(theirs(x.numpy(), y.numpy(), *masses, **options))
        for theirs in (ot.sliced_wasserstein_distance, ot.max_sliced_wasserstein_distance)
    )
    weights = {"weights_x": a, "weights_y": b} if weighted else {}
    ours = float(sliced_wasserstein(x, y, p=p, directions=theta, **weights))
    assert ours == pytest.approx(mean, rel=1e-10)
    assert ours < largest <= float(max_sliced_wasserstein(x, y, p=p, **weights)) * (1 + 1e-9)


@pytest.mark.parametrize("p", [1, 2, 2.5])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("m", [20, 30])
def test_report_and_kernel_agree_direction_by_direction(p, weighted, m, monkeypatch):
    monkeypatch.setattr(sliced, "BLOCK_BYTES", 8 * 50 * 7)  # several blocks of directions
    x, y, a, b = clouds(1, m=m)
    masses = {"weights_a": a, "weights_b": b} if weighted else {}
    weights = {"weights_x": a, "weights_y": b} if weighted else {}
    est = estimate(x + 1e4, y + 1e4, Sliced(50), p=p, **masses)
    theta = sliced.draw_directions(50, 3, as_rng(0).torch(), torch.device("cpu"))
    each = [wasserstein_1d(x @ t, y @ t, p=p, **weights) for t in theta]
    np.testing.assert_allclose(est.detail.distances, torch.stack(each), rtol=1e-9)
    value = sliced_wasserstein(x, y, p=p, directions=theta, **weights)
    assert est.value == pytest.approx(float(value), rel=1e-9)
    assert est.lower == est.detail.largest == pytest.approx(float(max(each)), rel=1e-9)
    assert float(max_along(x, y, est.detail.direction, p, weights)) == pytest.approx(est.lower, rel=1e-9)


def max_along(x, y, direction, p, weights):
    direction = torch.from_numpy(direction)
    return wasserstein_1d(x @ direction, y @ direction, p=p, **weights)


def test_equal_clouds_are_at_zero():
    x, _, _, _ = clouds(2)
    shuffled = x[torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    single = estimate(x.float(), torch.cat([shuffled, x]).float(), p=2)
    assert single.lower < 1e-14
    assert single.value <= single.lower
    for p in (1.0, 2.0):
        assert float(sliced_wasserstein(x, shuffled, p=p)) < 1e-14
        for method in (Sliced(), MaxSliced()):
            est = estimate(x, torch.cat([shuffled, x]), method, p=p)
            assert est.value < 1e-14
            assert math.isfinite(est.value)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("method", [Sliced(), MaxSliced()])
def test_on_the_line_it_is_the_distance_itself(p, method):
    x, y, a, b = clouds(3, d=1)
    est = estimate(x, y, method, p=p, weights_a=a, weights_b=b)
    assert est.value == pytest.approx(exact(x, y, p, a, b), rel=1e-10)
    assert est.bound is Bound.EXACT
    assert est.lower == est.upper == est.value
    assert est.interval is None


def test_a_translation_is_shortened_by_the_root_of_the_dimension():
    x, _, _, _ = clouds(4, d=8)
    shift = torch.arange(8.0).double()
    est = estimate(x, x + shift, Sliced(10000), p=2)
    truth = float(shift.norm()) / 8**0.5
    assert est.value == pytest.approx(truth, rel=0.03)
    assert est.interval.low < truth < est.interval.high


def test_the_interval_covers_what_it_says():
    x, _, _, _ = clouds(5, 6, d=4)
    truth, hits = 1 / 4**0.5, 0
    shifted = x + torch.tensor([1.0, 0, 0, 0]).double()
    for seed in range(200):
        interval = estimate(x, shifted, Sliced(60), seed, p=2, confidence=0.9).interval
        hits += interval.low <= truth <= interval.high
    assert 0.85 <= hits / 200 <= 0.95
    assert interval.confidence == 0.9
    assert interval.source == "random projections"


def test_the_error_falls_with_the_root_of_the_number_of_directions():
    x, y, _, _ = clouds(6, 8, 8, 5)
    counts = [20, 80, 320, 1280]
    truth = float(sliced_wasserstein(x, y, projections=200_000, seed=99)) ** 2
    values = [[float(sliced_wasserstein(x, y, projections=k, seed=s)) for s in range(60)] for k in counts]
    errors = ((np.square(values) - truth) ** 2).mean(axis=1) ** 0.5
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.08)
    stated = [estimate(x, y, Sliced(k), p=1).detail.standard_error for k in (100, 10000)]
    assert stated[0] / stated[1] == pytest.approx(10, rel=0.25)


def test_the_standard_error_by_hand():
    value, error = sliced._mean_and_error(np.array([1.0, 2.0, 3.0]), 2)
    assert value == pytest.approx((14 / 3) ** 0.5)
    assert error == pytest.approx(np.std([1, 4, 9], ddof=1) / 3**0.5 / (2 * value))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("p", [1, 2, 4])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_distance_lies_within_the_bounds(seed, p, dtype):
    x, y, a, b = clouds(20 + seed)
    x, y = x.to(dtype), y.to(dtype)
    truth = exact(x.double(), y.double(), p, a, b)
    far = float(torch.cdist(x.double(), y.double()).max())
    plain, largest = (
        estimate(x, y, method, p=p, weights_a=a, weights_b=b) for method in (Sliced(100), MaxSliced())
    )
    assert plain.bound is largest.bound is Bound.LOWER
    assert plain.value < plain.lower <= largest.lower * (1 + 1e-9)
    assert largest.lower == largest.value <= truth * (1 + 1e-12)
    assert truth * (1 - 1e-12) <= min(plain.upper, largest.upper)
    assert max(plain.upper, largest.upper) <= far


def test_one_atom_against_another_meets_the_bound():
    x, y = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    assert estimate(x, y, MaxSliced(), p=2).value == pytest.approx(5, rel=1e-12)
    assert estimate(x, y, p=2).value == pytest.approx(5 / 2**0.5, rel=0.1)


def test_weights_are_repeated_points():
    x, y, _, _ = clouds(8, 6, 5)
    counts = torch.tensor([1, 2, 3, 1, 2, 1])
    many = x.repeat_interleave(counts, dim=0)
    for kernel in (sliced_wasserstein, max_sliced_wasserstein):
        weighted, repeated = kernel(x, y, weights_x=counts.double() / 10), kernel(many, y)
        assert float(weighted) == pytest.approx(float(repeated), rel=1e-6)


@pytest.mark.parametrize("kernel", [sliced_wasserstein, max_sliced_wasserstein])
def test_batches_are_loops_and_dtypes_stay(kernel):
    gen = torch.Generator().manual_seed(9)
    x, y = torch.randn(2, 3, 12, 4, generator=gen), 2 * torch.randn(2, 3, 9, 4, generator=gen) + 0.3
    a, b = (torch.rand(shape, generator=gen).softmax(-1) for shape in ((2, 3, 12), (9,)))
    batch = kernel(x, y, weights_x=a, weights_y=b)
    assert batch.shape == (2, 3)
    assert batch.dtype is kernel(x, y.double()).dtype is torch.float32
    for i in range(2):
        for j in range(3):
            one = kernel(x[i, j], y[i, j], weights_x=a[i, j], weights_y=b)
            assert float(batch[i, j]) == pytest.approx(float(one), rel=1e-4)


def test_single_precision_loses_nothing_to_an_offset_and_bounds_in_double():
    x, y, a, _ = clouds(19, m=30)
    x, y = (x + 1e5).float(), (y + 1e5).float()
    theta = sliced.draw_directions(500, 3, as_rng(0).torch(), torch.device("cpu"))
    truth = float(sliced_wasserstein(x.double(), y.double(), directions=theta, weights_x=a))
    est = estimate(x, y, p=2, weights_a=a)  # one side weighted, the other not
    assert est.value == pytest.approx(truth, rel=2e-6)
    assert float(sliced_wasserstein(x, y, directions=theta, weights_x=a)) == pytest.approx(truth, rel=2e-6)
    shown = max_along(x.double() - 1e5, y.double() - 1e5, est.detail.direction, 2, {"weights_x": a})
    assert est.lower == pytest.approx(float(shown), rel=1e-12)


@pytest.mark.parametrize("kernel", [sliced_wasserstein, max_sliced_wasserstein])
def test_symmetry_scale_and_origin(kernel):
    x, y, a, b = clouds(10)
    here = float(kernel(x, y, weights_x=a, weights_y=b))
    assert float(kernel(y, x, weights_x=b, weights_y=a)) == pytest.approx(here, rel=1e-9)
    moved = kernel(1e-3 * (x + 1e5), 1e-3 * (y + 1e5), weights_x=a, weights_y=b)
    assert float(moved) == pytest.approx(1e-3 * here, rel=1e-8)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("blocks", [1, 4])
def test_gradients_of_sliced(p, blocks, monkeypatch):
    if blocks > 1:
        monkeypatch.setattr(sliced, "BLOCK_BYTES", 8 * 8 * 11 * 2)  # two directions a block
    x, y, a, b = clouds(11, 6, 5, 3)

    def loss(x, y, logits_a, logits_b, directions):
        weights = {"weights_x": logits_a.softmax(0), "weights_y": logits_b.softmax(0)}
        return sliced_wasserstein(x, y, p=p, directions=directions, **weights)

    inputs = [t.requires_grad_() for t in (x, y, a.log(), b.log(), axes(2 * blocks, 3))]
    assert torch.autograd.gradcheck(loss, inputs)
    x.grad = None
    loss(*inputs).backward()
    assert float(x.grad.abs().max()) > 0


def test_gradients_at_zero_are_finite():
    x = clouds(12)[0].requires_grad_()
    for kernel in (sliced_wasserstein, max_sliced_wasserstein):
        (gradient,) = torch.autograd.grad(kernel(x, x.detach().clone()), x)
        assert bool((gradient == 0).all())


def test_seeds_and_generators():
    x, y, _, _ = clouds(13)
    state = torch.get_rng_state()
    first, again, other = (float(sliced_wasserstein(x, y, seed=s)) for s in (0, 0, 1))
    assert first == again != other
    generator = torch.Generator().manual_seed(0)
    fresh = [float(sliced_wasserstein(x, y, seed=generator)) for _ in range(2)]
    assert fresh[0] != fresh[1]
    assert estimate(x, y, p=2, seed=3).value == estimate(x, y, p=2, seed=3).value
    assert estimate(x, y, MaxSliced(), seed=3).value == estimate(x, y, MaxSliced(), seed=3).value
    assert bool((torch.get_rng_state() == state).all())


def test_directions_are_uniform_unit_vectors():
    theta = sliced.draw_directions(20000, 5, as_rng(0).torch(), torch.device("cpu"))
    torch.testing.assert_close(theta.norm(dim=1), torch.ones(20000).double())
    torch.testing.assert_close(theta.T @ theta / 20000, torch.eye(5).double() / 5, rtol=0, atol=5e-3)
    assert float(theta.mean(0).abs().max()) < 0.02


# -- max-sliced ------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 5, math.inf])
def test_a_translation_is_found_in_full(p):
    x, _, a, _ = clouds(14, d=6)
    shift = torch.tensor([1.0, -2.0, 2.0, 4.0, 0.0, 0.0]).double()
    est = estimate(x, x + shift, MaxSliced(), p=p, weights_a=a, weights_b=a)
    assert est.value == pytest.approx(5, rel=1e-9)
    assert abs(float(shift @ torch.from_numpy(est.detail.direction))) == pytest.approx(5, rel=1e-6)
    at_once = estimate(x, x + shift, MaxSliced(starts=1, steps=0), p=p)  # the difference of the means
    assert at_once.value == pytest.approx(5, rel=1e-12)
    assert at_once.upper == pytest.approx(
        5, rel=1e-12
    )  # in the order along the shift each point meets its own


def test_the_direction_of_a_stretch_is_found_without_a_shift_of_the_mean():
    x, _, _, _ = clouds(15, 400, d=10)
    x = x - x.mean(0)
    direction = normalize(torch.arange(1.0, 11.0).double(), dim=0)
    y = x + 2 * torch.outer(x @ direction, direction)  # three times as wide along one direction
    est = estimate(x, y, MaxSliced(), p=2)
    assert est.value == pytest.approx(2 * float((x @ direction).square().mean()) ** 0.5, rel=0.02)
    assert abs(float(torch.from_numpy(est.detail.direction) @ direction)) > 0.98
    np.testing.assert_allclose(est.detail.ends, est.value, rtol=1e-6)  # every climb ends on one top
    assert est.detail.steps < 100


def test_no_direction_on_a_fine_circle_is_higher():
    x, y, a, b = clouds(16, d=2)
    angles = torch.linspace(0, math.pi, 2000).double()
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    heights = [max_along(x, y, t.numpy(), 2, {"weights_x": a, "weights_y": b}) for t in circle]
    est = estimate(x, y, MaxSliced(), p=2, weights_a=a, weights_b=b)
    assert est.value == pytest.approx(float(max(heights)), rel=1e-5)
    assert est.value >= float(max(heights)) * (1 - 1e-9)


def test_climbing_pays():
    x, y, _, _ = clouds(17, 200, 200, 30)
    x, y = x - x.mean(0), y - y.mean(0)
    stay, climb = (estimate(x, y, MaxSliced(steps=s), p=2).value for s in (0, 100))
    assert climb > 1.3 * stay
    drawn = sliced.draw_directions(50, 30, as_rng(0).torch(), torch.device("cpu"))
    assert stay == pytest.approx(max(float(max_along(x, y, t.numpy(), 2, {})) for t in drawn), rel=1e-12)


@pytest.mark.parametrize("seed", [25, 34])
def test_where_climbs_end_on_several_tops_the_highest_counts(seed):
    x, y, a, b = clouds(seed, 6, 5, 2)
    est = estimate(x, y, MaxSliced(), p=2, weights_a=a, weights_b=b)
    assert np.ptp(est.detail.ends) > 0.1
    assert est.value == pytest.approx(est.detail.ends.max(), rel=1e-9)
    kernel = max_sliced_wasserstein(x, y, weights_x=a, weights_y=b)
    assert float(kernel) == pytest.approx(est.value, rel=1e-9)


@pytest.mark.parametrize("p", [1.0, 3.0])
def test_gradients_of_max_sliced(p):
    x, y, a, b = clouds(38, 6, 5, 2)  # the top of these is smooth: no two projections tie there

    def loss(x, y, logits_a, logits_b):
        weights = {"weights_x": logits_a.softmax(0), "weights_y": logits_b.softmax(0)}
        return max_sliced_wasserstein(x, y, p=p, steps=1000, starts=2, projections=10, **weights)

    inputs = [t.requires_grad_() for t in (x, y, a.log(), b.log())]
    assert torch.autograd.gradcheck(loss, inputs, atol=1e-6, rtol=1e-4)


def test_what_they_refuse():
    rng = as_rng(0)
    x, y, _, _ = clouds()
    line = clouds(d=1)
    for method in (Sliced(), MaxSliced()):
        assert "Euclidean" in method.refusal(ask(x, y, metric="cityblock", rng=rng))
        assert "Euclidean" in method.refusal(ask(x, y, metric=lambda u, v: torch.cdist(u, v), rng=rng))
        assert "samples" in method.refusal(ask(x, y, target="population", rng=rng))
        assert method.refusal(ask(x, y, p=3.5, rng=rng)) is None
        assert method.refusal(ask(*line[:2], metric="cityblock", rng=rng)) is None
        assert method.memory(ask(x, y, rng=rng)) > 0
    assert "finite p" in Sliced().refusal(ask(x, y, p=math.inf, rng=rng))
    assert MaxSliced().refusal(ask(x, y, p=math.inf, rng=rng)) is None
    with pytest.raises(InputError, match="projections is 1"):
        Sliced(1)
    with pytest.raises(InputError, match="starts is 0"):
        MaxSliced(starts=0)
    with pytest.raises(InputError, match="finite p"):
        sliced_wasserstein(x, y, p=math.inf)
    with pytest.raises(InputError, match=r"directions \(4, 2\)"):
        sliced_wasserstein(x, y, directions=torch.ones(4, 2))
    for kernel in (sliced_wasserstein, max_sliced_wasserstein):
        with pytest.raises(InputError, match="coordinates must agree"):
            kernel(x, y[:, :2])
