"""What is handed to torch-fidelity and what comes back, by a stand-in that looks at it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import wdist
from wdist.gan.fidelity import FidelityScores, fidelity_scores
from wdist.measures import as_samples


@pytest.fixture
def handed(monkeypatch):
    """Whatever calculate_metrics is called with."""
    seen = {}

    def calculate_metrics(**options):
        seen.update(options)
        return {
            "frechet_inception_distance": 12.5,
            "kernel_inception_distance_mean": 0.25,
            "kernel_inception_distance_std": 9.0,
            "inception_score_mean": 3.0,
        }

    monkeypatch.setitem(sys.modules, "torch_fidelity", SimpleNamespace(calculate_metrics=calculate_metrics))
    return seen


def test_grey_images_go_as_three_equal_channels_of_levels(handed):
    real = np.linspace(-0.5, 1.5, 6 * 12).reshape(6, 12)
    assert fidelity_scores(as_samples(real), real, (3, 4)) == FidelityScores(12.5, 0.25, 3.0, 6)
    images = handed["input2"]
    assert len(images) == len(handed["input1"]) == 6
    assert images[0].shape == (3, 3, 4)
    assert images[0].dtype == torch.uint8
    assert torch.equal(images[2][0], images[2][2])
    expected = (real.clip(0, 1) * 255).round().astype(np.uint8)
    assert np.array_equal(images[2][1].numpy().ravel(), expected[2])
    assert handed["isc"] is handed["fid"] is handed["kid"] is True
    assert handed["kid_subset_size"] == 6
    assert handed["feature_extractor_weights_path"] is None


def test_coloured_images_keep_their_channels(handed, tmp_path):
    real = np.random.default_rng(0).uniform(size=(5, 2 * 2 * 3))
    fidelity_scores(as_samples(real), real, (2, 2, 3), weights=tmp_path / "weights.pth")
    levels = (real.reshape(5, 2, 2, 3) * 255).round()
    assert np.array_equal(handed["input2"][4].numpy(), levels[4].transpose(2, 0, 1))
    assert handed["feature_extractor_weights_path"] == str(tmp_path / "weights.pth")


@pytest.mark.parametrize("shape", [(3, 3), (12,), (1, 6, 2)])
def test_points_that_are_no_such_images_are_refused(handed, shape):
    real = np.zeros((5, 12))
    with pytest.raises(wdist.InputError, match="for points of 12 coordinates; pass"):
        fidelity_scores(as_samples(real), real, shape)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(wdist.InputError, match=r"pip install 'wdist\[fidelity\]'; without it, Evaluator"):
        fidelity_scores(as_samples(np.zeros((5, 4))), np.zeros((5, 4)), (2, 2))
