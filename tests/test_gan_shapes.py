"""Images as they lie, (H, W), (H, W, C) or (C, H, W), from every source: trained on, drawn, and shown."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.errors import InputError
from wdist.gan import pictures
from wdist.gan.critics import CRITICS
from wdist.gan.folder import RunFolder, found_in
from wdist.gan.form import Form
from wdist.gan.indexed import DatasetRows
from wdist.gan.recipes import GENERATORS
from wdist.gan.run import Pace, begin
from wdist.gan.sets import opened

LEVELS = np.random.default_rng(5).integers(0, 256, (40, 12, 16, 3)).astype(np.uint8)
"""(n, H, W, C)."""


def first(images):
    """(n, H, W, C) -> (n, C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


class TestChannelsFirst:
    @pytest.mark.parametrize(
        ("shape", "geometry"),
        [
            ((3, 12, 16), (3, 12, 16)), ((1, 8, 8), (1, 8, 8)), ((4, 8, 128), (4, 8, 128)), ((12, 16, 3), (3, 12, 16)),
            ((12, 16), (1, 12, 16)), ((3, 3, 3), (3, 3, 3)), ((3, 7, 9), (9, 3, 7)), ((3, 28, 3), (3, 3, 28)),
            ((5, 16, 16), (16, 5, 16)),
        ],
    )  # fmt: skip
    def test_what_is_not_clear_has_them_last(self, shape, geometry):
        form = Form(shape)
        assert form.geometry == geometry
        x = torch.arange(2.0 * form.dim).reshape(2, form.dim)
        images = form.as_images(x)
        assert images.shape == (2, *geometry[1:], geometry[0])
        assert torch.equal(form.as_points(images), x)
        lying = x.reshape(2, *shape)
        assert torch.equal(
            images, lying.movedim(1, 3) if form.channels_first else lying.reshape(images.shape)
        )

    @pytest.mark.parametrize(
        ("generator", "critic"), [("dcgan", "dcgan"), ("residual", "residual"), ("palette", "patches")]
    )
    def test_training_is_that_on_images_with_channels_last(self, generator, critic):
        """Convolutions, flips and shifts see one and the same image, and points lie as the data do."""

        def trained(images):
            config = gan.preset(
                "wgan-gp", images, generator=GENERATORS[generator](width=4, latent=3), critic=CRITICS[critic](4),
                batch=6, n_critic=1, dtype="float64", augment=(gan.Flip(), gan.Shift(), gan.Colour()), steps=2,
            )  # fmt: skip
            trainer = gan.Trainer(config, seed=1)
            reports = list(trainer.steps(2))
            return reports[-1].critic, trainer.generator

        (last, by_last), (curve, by_first) = trained(LEVELS), trained(first(LEVELS))
        assert curve == pytest.approx(last, rel=1e-9)
        lying = by_first.draw(5, rng()).reshape(5, 3, 12, 16)
        assert torch.allclose(lying.movedim(1, 3), by_last.draw(5, rng()).reshape(5, 12, 16, 3), atol=1e-9)
        assert by_first.images(5, rng()).shape == (5, 3, 12, 16)


class Items(torch.utils.data.Dataset):
    """What it is given, item by item."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        return self.items[place]


def tiny(data, **changes):
    nets = {"generator": gan.MLPGenerator((8,), 4), "critic": wdist.MLP((8,)), "batch": 8, "n_critic": 1}
    return gan.preset("wgan-gp", data, **{**nets, "steps": 2, **changes})


def begun(folder, data, **changes):
    """A run to its end, and the sheet of its last step as PIL reads it."""
    run = begin(RunFolder(folder), tiny(data, **changes), 0, Pace(samples=1))
    assert [report.step for report in run.train()] == [1, 2]
    return run, folder / "samples" / "000000002.png"


class TestSheets:
    @pytest.mark.parametrize(
        ("shape", "mode"),
        [
            ((16, 16), "L"), ((16, 16, 1), "L"), ((1, 16, 16), "L"), ((16, 16, 2), "L"), ((16, 16, 3), "RGB"),
            ((3, 16, 16), "RGB"), ((16, 16, 4), "RGBA"), ((4, 16, 16), "RGBA"), ((16, 16, 5), "RGB"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("floats", [False, True])
    def test_every_image_is_drawn(self, shape, mode, floats, tmp_path):
        levels = np.random.default_rng(1).integers(0, 256, (40, *shape)).astype(np.uint8)
        data = Items(list(torch.from_numpy(levels) / 255)) if floats else levels
        run, path = begun(tmp_path / "run", data)
        assert run.told == []
        with Image.open(path) as sheet:
            assert (sheet.mode, sheet.size) == (mode, (8 * 48, 8 * 48))
            drawn = np.array(sheet)[:48:3, :48:3]
        made = run.trainer.generator.images(64, rng(), None)[0].numpy()
        made = np.moveaxis(made, 0, -1) if shape[-1] == 16 and len(shape) == 3 else made
        made = made[..., 0] if len(shape) == 3 and made.shape[-1] <= 2 else made
        assert np.array_equal(drawn, made[..., :3] if made.shape[-1] == 5 else made)

    def test_points_without_a_picture_are_told_to_go_to_an_array(self, tmp_path):
        run, path = begun(tmp_path / "run", np.random.default_rng(1).normal(size=(40, 2, 3, 4, 5)))
        assert run.told == []
        assert not path.exists()
        line = ["gan", "sample", str(tmp_path / "run"), "--out", str(tmp_path / "x.png")]
        result = CliRunner().invoke(app, line, prog_name="wdist")
        assert result.exit_code == 2
        assert "no picture; pass --out points.npy" in " ".join(result.stderr.split())

    def test_a_picture_that_fails_is_said_once_and_ends_no_run(self, tmp_path, monkeypatch):
        def fail(*_):
            raise TypeError("no mode for that")

        monkeypatch.setattr(pictures, "sheet", fail)
        monkeypatch.setattr(pictures, "curve", fail)
        run, _ = begun(tmp_path / "run", LEVELS)
        assert run.told == [
            f"at step {step}: no {what} (TypeError: no mode for that)"
            for step, what in ((1, "sheet of samples"), (2, "curve"))
        ]
        assert found_in(tmp_path / "run").step is None


class TestImagesOfPil:
    @pytest.mark.parametrize(
        ("mode", "read", "shape"),
        [
            ("L", "L", (12, 16)), ("RGB", "RGB", (12, 16, 3)), ("RGBA", "RGBA", (12, 16, 4)), ("1", "L", (12, 16)),
            ("P", "RGB", (12, 16, 3)), ("CMYK", "RGB", (12, 16, 3)),
        ],
    )  # fmt: skip
    def test_they_are_read_in_their_own_mode(self, mode, read, shape):
        images = [Image.fromarray(image).convert(mode) for image in LEVELS]
        parts = opened(Items([(image, k % 2) for k, image in enumerate(images)]), labelled=True)
        assert parts.train.images
        assert parts.train.shape == parts.held.shape == shape
        wanted = {np.asarray(image.convert(read)).tobytes() for image in images}
        for rows in (parts.train, parts.held):
            read_levels = rows.at(torch.arange(len(rows)))
            assert read_levels.dtype == torch.uint8
            assert {row.numpy().tobytes() for row in read_levels} <= wanted

    def test_what_is_transparent_is_laid_over_white_as_of_a_folder(self):
        images = [Image.new("LA", (16, 12), (9, 0))] * 4
        assert opened(Items(images)).train.points().eq(1).all()

    @pytest.mark.parametrize(
        ("odd", "text"),
        [
            (Image.new("L", (20, 12)), r"item 3 is of shape \(12, 20\) \(mode L\) and item 0 is of shape \(12, 16\)"),
            (Image.new("RGB", (16, 12)), r"item 3 is of shape \(12, 16, 3\) \(mode RGB\) and item 0 is of shape"),
            (Image.new("I;16", (16, 12)), r"item 3 of the data set has more than 8 bits a level \(mode I;16\)"),
            (torch.zeros(12, 16), r"item 3 is of shape \(12, 16\) and item 0 is of shape \(12, 16\) \(mode L\)"),
        ],
    )  # fmt: skip
    def test_one_that_differs_is_named(self, odd, text):
        items = [Image.new("L", (16, 12), k) for k in range(9)]
        items[3] = odd
        rows = DatasetRows(Items(items))
        with pytest.raises(InputError, match=text):
            rows.part(torch.arange(8, -1, -1)).read(torch.arange(9))  # what the first is stays so in a part

    def test_they_are_trained_on_as_the_array_of_their_levels_is(self, tmp_path):
        runs = []
        for name, data in (("pil", Items([Image.fromarray(image) for image in LEVELS])), ("array", LEVELS)):
            run, _ = begun(tmp_path / name, data, workers=2 if name == "pil" else 0)
            runs.append(run.trainer.generator.draw(5, rng()))
        assert torch.equal(*runs)

    def test_no_item_at_all_is_refused(self):
        with pytest.raises(InputError, match="the Items is empty"):
            opened(Items([]))


class TestCurves:
    def test_one_reading_is_a_point_and_more_are_a_line(self):
        rows = [{"step": 10 * k, "critic": 2.0 / k, **({"held": 1.0} if k == 2 else {})} for k in (1, 2, 3)]
        for many, markers in ((1, ["o"]), (3, ["None", "o"]), (0, [])):
            ax = Figure().subplots()
            pictures._curve(ax, rows[:many], "W1")
            *lines, zero = ax.lines
            assert [line.get_marker() for line in lines] == markers
            assert zero.get_ydata() == [0, 0]
            assert (ax.get_legend() is None) == (many == 0)

    def test_the_title_says_that_its_reading_is_smoothed(self, tmp_path, monkeypatch):
        titles = []
        monkeypatch.setattr(pictures, "curve", lambda rows, path, title, unit: titles.append(title))
        run, _ = begun(tmp_path / "run", LEVELS)
        run.reading = None  # as where nothing was left to do
        run.finish()
        last = run.folder.rows()[-1]["critic"]
        assert "(smoothed) after 2 steps" in titles[0]
        assert titles[1].endswith(f" by the critic: {last:.4g} after 2 steps")


class TestPairs:
    @pytest.mark.parametrize(
        "shape",
        [(12, 16), (12, 16, 1), (12, 16, 2), (12, 16, 3), (12, 16, 4), (4, 12, 16), (3, 12, 16), (12, 16, 5)],
    )
    def test_images_of_any_channels_stand_beside_their_nearest(self, shape):
        form = Form(shape)
        points = torch.rand(30, form.dim, generator=rng())
        nearest = points.flip(0)
        found = gan.Novelty(points, nearest, torch.arange(30), torch.ones(30), torch.ones(9), 1.0)
        ax = Figure().subplots()
        pictures._pairs(ax, found, form)
        page = ax.images[0].get_array()
        images = form.as_images(nearest)[0]  # to the right of the first: after 16 pixels and a gap of one
        alpha = images[..., 3:] if images.shape[-1] == 4 else torch.ones(12, 16, 1)
        seen = images[..., :1] if images.shape[-1] <= 2 else images[..., :3]
        assert np.allclose(page[:12, 17:33], alpha * seen + 1 - alpha, atol=1e-6)
