"""Critics of distances to flats: what they reach, where they begin, and that a file gives them back."""

import numpy as np
import pytest
import torch

import wdist
from wdist import Cones, Critic, Flats, Potential
from wdist.critic import flats
from wdist.critic.flats import FEWEST, mixture
from wdist.truth import valleys

FLOORS = valleys(8, 2, 4)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_folds_that_cones_do_not_see(tmp_path):
    flat, cone = (
        wdist.estimate(FLOORS.a, FLOORS.b, method=Critic(net=net, steps=200)) for net in (Flats(8), Cones(8))
    )
    w = FLOORS.w[1]
    assert flat.value == pytest.approx(w, rel=0.03)
    assert cone.value < 0.9 * w
    assert flat.lower <= w
    assert flat.detail.lipschitz_bound == pytest.approx(1, abs=1e-9)
    flat.detail.potential.save(tmp_path / "f.safetensors")
    x = torch.randn(50, 8, generator=generator(), dtype=torch.float64)
    assert torch.equal(Potential.load(tmp_path / "f.safetensors")(x), flat.detail.potential(x))


def test_a_mixture_finds_two_crossing_sheets():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 3)) * [1, 1, 0.05]
    z[1000:] = z[1000:, [2, 0, 1]]
    _, covariances = mixture(torch.from_numpy(z), 2, generator())
    variances, axes = torch.linalg.eigh(covariances)
    assert variances[:, 0].max() < 0.02
    assert sorted(axes[:, :, 0].abs().argmax(dim=1).tolist()) == [0, 2]


def test_directions_are_kept_where_they_are_narrow_or_cost_nothing(monkeypatch):
    wide = torch.randn(2000, 40, generator=generator())
    sheets = wide.clone()
    sheets[:, :30] *= 0.05
    x = torch.cat([sheets, sheets.flip(1)])
    assert Flats(2).build(x, x, generator()).bases.shape == (4, 30, 40)
    assert Flats(2).build(wide, wide, generator()).bases.shape == (4, FEWEST, 40)
    assert Flats(2).build(wide[:, :3], wide[:, :3], generator()).bases.shape == (4, 3, 3)
    monkeypatch.setattr(flats, "NUMBERS", 2 * 40 * 7)
    assert Flats(2).build(x, x, generator()).bases.shape == (4, 7, 40)
    assert Flats(16).grown(64) == Flats(64)
    assert Flats(16).grown(63) is None


def test_in_very_many_dimensions_parts_are_told_apart_in_the_widest(monkeypatch):
    """Sixteen covariances of a colour image of 64 x 64 would take 20 GB."""
    lifted = torch.linalg.qr(torch.randn(2000, 8, generator=generator())).Q.T  # (8, d)
    rng, seen = generator(), []
    noise = [1e-3 * torch.randn(300, 2000, generator=rng) for _ in range(2)]
    x, y = (side.draw(300, rng).float() for side in (FLOORS.a, FLOORS.b))
    asked = flats.mixture
    monkeypatch.setattr(flats, "mixture", lambda z, *rest: seen.append(z.shape[1]) or asked(z, *rest))
    low, high = (
        Flats(4).build(*pair, generator())
        for pair in ((x, y), (x @ lifted + noise[0], y @ lifted + noise[1]))
    )
    assert seen == [8, 8, flats.WIDEST, flats.WIDEST]
    gram = high.bases @ high.bases.mT
    assert torch.allclose(gram, torch.eye(gram.shape[1]).expand_as(gram), atol=1e-5)
    assert high.bases.shape[2] == high.centres.shape[1] == 2000
    within = (high.centres @ lifted.T).norm() / high.centres.norm()
    assert within > 0.99
    assert torch.allclose(low.centres.norm(dim=1).mean(), high.centres.norm(dim=1).mean(), rtol=0.3)


@pytest.mark.parametrize("d", [2, 300])
def test_constant_points_are_no_error(d):
    x = torch.ones(30, d)
    assert torch.isfinite(Flats(4).build(x, x, generator())(x)).all()
