"""Memorised or new, where the answer is known: copies, fresh points, noise, a mean; and the command that asks."""

import json
import shlex

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.gan import pictures

DIM = 8


@pytest.fixture
def points():
    return torch.randn(500, DIM, generator=torch.Generator().manual_seed(0))


def law(change):
    """A Source that draws standard Gaussian points and changes them."""
    return lambda n, rng: change(torch.randn(n, DIM, generator=rng))


def test_new_points_and_copies_are_told_apart(points):
    train = gan.opened(points).train.points()
    fresh = gan.novelty(law(lambda x: x), points)
    copies = gan.novelty(law(lambda x: train[: len(x)]), points)
    assert 0.4 < fresh.nearer < 0.6
    assert copies.nearer == 1
    assert copies.distances.max() == 0
    assert copies.reached == 200
    assert torch.equal(copies.rows, torch.arange(200))
    assert torch.equal(copies.generated, copies.nearest)


def test_a_mean_lies_near_and_noise_lies_far(points):
    assert gan.novelty(law(lambda x: 0.1 * x), points).nearer > 0.8
    assert gan.novelty(law(lambda x: 3 * x), points).nearer < 0.1


def test_copies_and_blur_are_told_apart_in_words(points):
    train = gan.opened(points).train.points()
    found = {
        "new": law(lambda x: x),
        "noise": law(lambda x: 3 * x),
        "copies": law(lambda x: train[: len(x)]),
        "some": law(lambda x: torch.cat([train[: len(x) // 4], x[len(x) // 4 :]])),
        "blur": law(lambda x: 0.7 * x),
        "mean": law(lambda x: 0 * x),
        "doubtful": law(lambda x: train[: len(x)] + 0.5 * x),
    }
    found = {name: gan.novelty(source, points) for name, source in found.items()}
    assert found["blur"].nearer > 0.6
    assert found["mean"].nearer > 0.8
    words = {name: each.reading.split(":")[0] for name, each in found.items()}
    assert words == {
        "new": "no sign of copies", "noise": "no sign of copies", "copies": "100% are copies, or all but",
        "some": f"{found['some'].copied:.0%} are copies, or all but", "blur": "blur rather than copies",
        "mean": "blur rather than copies",
        "doubtful": "nearer than new ones, yet neither close as copies nor alike as blur",
    }  # fmt: skip
    assert 0.25 <= found["some"].copied < 0.3
    assert found["copies"].variety == pytest.approx(1, abs=0.1)
    assert str(found["blur"]).endswith("blurred copies are so too")


def test_distances_are_those_of_every_pair(points):
    found = gan.novelty(law(lambda x: x), points, n=20)
    parts = gan.opened(points)
    every = torch.cdist(found.generated.double(), parts.train.points().double())
    assert torch.allclose(found.distances.double(), every.min(dim=1).values)
    assert torch.equal(found.rows, every.argmin(dim=1))
    held = torch.cdist(parts.held.points().double(), parts.train.points().double()).min(dim=1).values
    assert torch.allclose(found.held.double(), held)
    again = gan.novelty(law(lambda x: x), points, n=20)
    assert torch.equal(found.generated, again.generated)


def test_the_set_is_read_piece_by_piece(points, monkeypatch):
    whole = gan.novelty(law(lambda x: x), points)
    monkeypatch.setattr("wdist.gan.nearest.PIECE", 7)
    pieces = gan.novelty(law(lambda x: x), points)
    assert torch.equal(whole.rows, pieces.rows)
    assert torch.equal(whole.held, pieces.held)


def test_a_law_and_another_space_are_refused(points):
    with pytest.raises(wdist.InputError, match="new each time"):
        gan.novelty(law(lambda x: x), "ring")
    with pytest.raises(wdist.InputError, match="8 coordinates and the data have 3"):
        gan.novelty(law(lambda x: x), torch.randn(30, 3))


def test_a_portrait_shows_pairs_of_images(tmp_path):
    images = torch.randint(256, (40, 8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = gan.novelty(lambda n, rng: torch.rand(n, 288, generator=rng), images, n=50)
    rows = [{"step": 1, "critic": 2.0, "held": 1.0}, {"step": 2, "critic": 1.0}]
    pictures.portrait(found, (8, 12, 3), rows, tmp_path / "p.png", "title", "W1")
    with Image.open(tmp_path / "p.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 24)) > 500  # of random levels, many
    with pytest.raises(wdist.InputError, match="no images"):
        pictures.portrait(found, (288,), rows, tmp_path / "q.png", "title", "W1")


def test_the_command_says_how_new_and_draws(tmp_path, monkeypatch):
    def cli(line):
        return CliRunner().invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": "120"})

    monkeypatch.chdir(tmp_path)
    small = "--units 8 --batch 8 --n-critic 1 --steps 2"
    assert cli(f"gan train --data flags {small} --out run").exit_code == 0
    result = cli("gan nearest run --json -n 30 --out n.png")
    assert result.exit_code == 0, result.output
    numbers = json.loads(result.stdout)
    assert numbers == gan.novelty(gan.load("run/generator.safetensors"), "flags", 30).numbers
    assert (tmp_path / "n.png").exists()
    said = cli("gan nearest run").stdout
    assert f"held-out points {numbers['nearest_held_out']:.4g}" in said
    assert cli(f"gan train --data ring {small} --out laws").exit_code == 0
    result = cli("gan nearest laws")
    assert result.exit_code == 2
    assert "data is a law" in result.stderr
    result = cli("gan nearest run --out n.gif")
    assert result.exit_code == 2
    assert "name a .png" in result.stderr
