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


def test_constant_points_are_no_error():
    x = torch.ones(30, 2)
    assert torch.isfinite(Flats(4).build(x, x, generator())(x)).all()
