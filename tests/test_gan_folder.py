"""`wdist gan train` on a user's own folder of images: shapes drawn here, of any format and size, brought to one."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from wdist import gan
from wdist.cli import app
from wdist.gan.indexed import MappedRows
from wdist.gan.origin import changes, origin

COLOURS = ("#c0392b", "#1b2a49", "#7aa95c")


def shapes(folder, n, seed=0):
    """Discs and squares of three colours over white, of 40 to 80 pixels a side, as PNG and JPEG."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for k in range(n):
        side = int(rng.integers(40, 81))
        image = Image.new("RGB", (side, side), "white")
        pen, box = ImageDraw.Draw(image), (side // 4, side // 4, 3 * side // 4, 3 * side // 4)
        (pen.ellipse if k % 2 else pen.rectangle)(box, fill=COLOURS[k % 3])
        pen.rectangle((0, 0, side // 4, side // 4), fill=(4 * k, 0, 0))  # so that no two are alike
        image.save(folder / f"{k:03d}.{'jpg' if k % 5 == 0 else 'png'}")


def cli(line):
    return CliRunner().invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": "120"})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shapes(Path("shapes"), 60)


@pytest.mark.parametrize("size", [32, 64])
def test_a_folder_is_trained_on_and_drawn_from(size):
    nets = "--generator dcgan --channels 4 --units 16 --latent 8 --batch 8 --n-critic 1"
    result = cli(f"gan train --data shapes --size {size} {nets} --steps 2 --out run")
    assert result.exit_code == 0, result.output
    assert f"48 points of shape ({size}, {size}, 3); DCGANGenerator with " in result.stderr
    assert (
        "wdist: the critic beside it is MLP(widths=(16,), activation='relu'); --critic dcgan" in result.stderr
    )
    again = cli("gan train --resume run")
    assert again.exit_code == 0, again.output
    assert "the critic beside it" not in again.stderr
    assert cli("gan sample run --out s.png -n 4").exit_code == 0
    with Image.open("s.png") as sheet:
        assert sheet.mode == "RGB"
        assert sheet.size[0] == sheet.size[1]
        assert sheet.size[0] % (2 * size) == 0


def test_a_damaged_image_is_refused_or_left_out():
    Path("shapes/999.png").write_bytes(b"no image")
    small = "--units 8 --batch 8 --n-critic 1 --steps 1 --size 16"
    result = cli(f"gan train --data shapes {small} --out run")
    assert result.exit_code == 2
    assert "999.png" in result.stderr
    assert not Path("run").exists()
    result = cli(f"gan train --data shapes --on-bad skip {small} --out run")
    assert result.exit_code == 0, result.output


def test_a_run_does_not_land_among_the_images():
    small = "--units 8 --batch 8 --n-critic 1 --steps 1 --size 16"
    for folder in (Path("shapes").resolve(), "./shapes/"):
        result = cli(f"gan train --data {folder} {small} --seed 0")
        assert result.exit_code == 0, result.output
        assert Path("runs/shapes/config.json").exists()
        Path("runs/shapes").rename(f"runs/{len(str(folder))}")
    assert {file.suffix for file in Path("shapes").iterdir()} == {".png", ".jpg"}


def test_a_size_that_no_net_is_for_is_refused_with_one_that_is():
    result = cli("gan train --data shapes --generator dcgan --critic dcgan --size 256 --steps 1")
    assert result.exit_code == 2
    assert "bring a folder's images to such a size (--size 32)" in " ".join(result.stderr.split())
    result = cli("gan train --data shapes --generator dcgan --critic dcgan --steps 1")
    assert result.exit_code == 2
    assert "--size where a GAN is trained" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_shapes_are_learnt():
    """The distance to shapes that training never saw falls to a quarter of an untrained generator's."""

    def distance(steps):
        nets = "--generator dcgan --channels 16 --units 128 --latent 16"
        result = cli(f"gan train --data shapes --size 16 {nets} --steps {steps} --out run{steps}")
        assert result.exit_code == 0, result.output
        result = cli(f"gan evaluate run{steps} --json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["debiased"]

    assert distance(200) < distance(1) / 4


def test_a_folder_of_mixed_modes_says_so_and_is_told_how_to_be_read():
    Image.new("L", (40, 40), 200).save("shapes/grey.png")
    small = "--units 8 --batch 8 --n-critic 1 --steps 1 --size 16 --dry-run"
    mixed = cli(f"gan train --data shapes {small}")
    assert mixed.exit_code == 0, mixed.output
    assert "1 of 61 images are grey (grey.png), 60 in colour; all are read as colour" in flat(mixed.stderr)
    for mode, shape in (("RGB", "(16, 16, 3)"), ("L", "(16, 16)")):
        told = cli(f"gan train --data shapes --mode {mode} {small}")
        assert f"of shape {shape}" in flat(told.output)
        assert "grey.png" not in told.output


def test_a_folder_left_on_disk_is_read_by_workers_and_resumed_without():
    small = "--units 8 --batch 8 --n-critic 1 --steps 2 --size 16 --checkpoint-every 1"
    result = cli(f"gan train --data shapes --on-disk --workers 2 {small} --out run")
    assert result.exit_code == 0, result.output
    assert cli(f"gan train --data shapes {small} --out plain").exit_code == 0
    ends = [gan.load(f"{run}/generator.safetensors") for run in ("run", "plain")]
    assert torch.equal(*(end.draw(9, torch.Generator().manual_seed(0)) for end in ends))
    again = cli("gan train --resume run --workers 0")
    assert again.exit_code == 0, again.output
    result = cli(f"gan train --data shapes --workers 2 {small} --out other")
    assert result.exit_code == 2
    assert "a folder by Data(on_disk=True) (--on-disk)" in flat(result.stderr)


def flat(text):
    return " ".join(text.split())


class TestData:
    """A run and its data: found again from elsewhere, and known when they are others."""

    SMALL = "--units 8 --batch 8 --n-critic 1 --size 8"

    @pytest.fixture(params=["", "--on-disk"], ids=["in memory", "on disk"])
    def run(self, request):
        result = cli(f"gan train --data shapes {self.SMALL} {request.param} --steps 1 --out run")
        assert result.exit_code == 0, result.output

    def test_what_has_changed_is_not_gone_on_with_and_judged_with_a_warning(self, run):
        for line in ("train --resume run", "evaluate run", "nearest run", "compare run"):
            same = cli(f"gan {line}")
            assert same.exit_code == 0, same.output
            assert "changed" not in same.stderr
        Image.new("RGB", (50, 50), "teal").save("shapes/017.png")
        refused = cli("gan train --resume run")
        assert refused.exit_code == 2
        assert "the data of run have changed since it was begun: fingerprint was " in refused.stderr
        Path("shapes/016.png").unlink()
        assert "points was 60 and is 59" in cli("gan train --resume run").stderr
        for line in ("gan evaluate run", "gan nearest run", "gan compare run run", "report run --out r.html"):
            judged = cli(line)
            assert judged.exit_code == 0, judged.output
            assert judged.stderr.count("held out here may have been trained on") == 1
        refused = cli("gan train --from run --steps 1 --out other")
        assert refused.exit_code == 2
        assert "the data are not those that run was trained on (points was 60 and is 59" in refused.stderr

    def test_they_are_found_from_another_folder(self, run, monkeypatch):
        Path("else/where").mkdir(parents=True)
        monkeypatch.chdir("else/where")
        for line in ("evaluate", "nearest", "train --resume", "train --steps 1 --out other --from"):
            result = cli(f"gan {line} ../../run")
            assert result.exit_code == 0, result.output
        Path("../../shapes").rename("../../moved")
        result = cli("gan evaluate ../../run")
        assert result.exit_code == 2
        assert (
            f"neither in {Path.cwd()} nor in {Path.cwd().parent.parent}, where the run was begun"
            in result.stderr
        )

    def test_a_run_of_an_earlier_version_goes_on(self, run):
        path = Path("run/config.json")
        written = json.loads(path.read_text())
        path.write_text(json.dumps({key: written[key] for key in ("seed", "config")}))
        Path("shapes/016.png").unlink()
        for line in ("train --resume", "evaluate"):
            result = cli(f"gan {line} run")
            assert result.exit_code == 0, result.output


def test_of_a_memory_map_some_rows_are_read_for_its_fingerprint(monkeypatch):
    points = np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32)
    np.save("x.npy", points)
    parts = gan.Data("x.npy").open()
    read, whole = [], MappedRows.read
    monkeypatch.setattr(
        MappedRows, "read", lambda rows, index: (read.append(len(index)), whole(rows, index))[1]
    )
    was = origin(gan.Data("x.npy"), parts)
    assert sum(read) <= 128
    assert changes(was, parts) == []
    np.save("x.npy", points + 1)
    assert changes(was, gan.Data("x.npy").open())[0].startswith("fingerprint was ")
    assert origin(gan.Data("ring"), gan.Data("ring").open())["data"] is None
