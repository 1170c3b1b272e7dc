"""`wdist demo` from end to end on a small part of its data, and the figures it is made of."""

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

import wdist
from wdist import plots
from wdist.cli import app


@pytest.fixture
def small(monkeypatch):
    """The real digits, sixty of each, and a critic that hardly learns."""
    digits = wdist.datasets.mnist()
    full = wdist.Critic

    class Few:
        def of(self, label):
            return digits.of(label)[:60]

    monkeypatch.setattr(wdist.datasets, "mnist", Few)
    monkeypatch.setattr(wdist, "Critic", lambda steps, progress: full(steps=30, progress=progress))


def test_prints_every_kind_of_answer_and_leaves_a_figure(small, tmp_path):
    path = tmp_path / "figure.png"
    result = CliRunner().invoke(app, ["demo", "--figure", str(path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for label in (
        "exact",
        "entropic",
        "sliced",
        "critic",
        "sampling floor",
        "Seattle",
        "60 fours and 60 nines",
    ):
        assert label in result.output
    assert "5.214" in result.output  # the records' exact W1, as the answers file has it
    assert "W1 between the laws" in result.output
    assert "≤ W1 ≤" in result.output
    image = imread(path)
    assert image.shape[0] > 600
    assert image.shape[1] > 1000
    assert image[..., :3].std() > 0.05  # not a blank sheet
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]  # no part of it left beside


def test_a_folder_that_is_not_there_is_one_line(small, tmp_path):
    result = CliRunner().invoke(app, ["demo", "--figure", str(tmp_path / "no" / "figure.png")])
    assert result.exit_code == 2
    assert "no such folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_line_shades_the_area_that_is_w1(rng):
    a, b = rng.standard_normal(50), rng.standard_normal(70) + 1
    ax = plots.new_figure(4, 3).subplots()
    plots.draw_line(ax, a, b, ("a", "b"), "m")
    shade = ax.collections[0].get_paths()[0].vertices
    x, y = shade[:-1, 0], shade[:-1, 1]
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2  # shoelace; a + 1 lies right of a
    assert area == pytest.approx(wdist.estimate(a, b).value, rel=0.05)
    assert ax.get_xlabel() == "m"


def test_saving_is_whole_or_not_at_all(tmp_path, monkeypatch):
    figure = plots.new_figure(2, 2)
    path = tmp_path / "f.png"
    path.write_bytes(b"before")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        plots.save(figure, path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
