"""Training by class: the joint space, that a class asked for is the class made, and that the curve sees a swap."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import wdist
from wdist import gan
from wdist.errors import InputError
from wdist.gan.conditional import Joint, class_shares, joint, latent, reach
from wdist.gan.data import Rows
from wdist.gan.form import Form
from wdist.gan.pictures import sheet
from wdist.gan.splitting import Parts

MIDDLES = torch.tensor([[3.0, 0.0], [-3.0, 1.0], [0.0, -4.0]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(n=300, shares=(0.5, 0.3, 0.2), spread=0.3):
    classes = torch.multinomial(torch.tensor(shares), n, True, generator=generator(1))
    points = MIDDLES[classes] + spread * torch.randn(n, 2, generator=generator(2))
    rows = Rows(points, (2,), classes, ("left", "7", "down"))
    return Parts(rows, rows)


def config(data=None, **changes):
    nets = {
        "generator": gan.MLPGenerator((32,), 2),
        "critic": wdist.MLP((32, 32)),
        "batch": 32,
        "n_critic": 2,
    }
    rates = {
        "generator_optimizer": gan.Adam(2e-3, (0.5, 0.9)),
        "critic_optimizer": gan.Adam(5e-3, (0.5, 0.9)),
    }
    return gan.preset("wgan-lp", data or blobs(), **{**nets, **rates, "conditional": True, **changes})


@pytest.fixture(scope="module")
def trained():
    trainer = gan.Trainer(config(held_every=50))
    return trainer, list(trainer.steps(150))


class TestJointSpace:
    def test_points_and_classes_lie_side_by_side(self):
        form = Form((3,), classes=2)
        x = torch.randn(4, 3, generator=generator())
        found = joint(x, torch.tensor([0, 1, 1, 0]), form)
        assert torch.equal(found[:, :3], x)
        assert torch.equal(found[:, 3:], 3**0.5 * torch.eye(2)[[0, 1, 1, 0]])
        assert joint(x, None, Form((3,))) is x

    def test_a_class_is_as_long_as_points_are(self):
        assert reach(Form((4, 4, 3), True, 5)) == 48**0.5
        assert (reach(Form((9,))), reach(Form((500,)))) == (3.0, 4.0)

    def test_what_is_made_brings_the_class_that_was_asked_for(self):
        form = Form((2,), classes=3)
        net = nn.Linear(5, 2)
        z = latent(torch.randn(4, 2, generator=generator()), torch.tensor([2, 0, 1, 2]), form)
        assert torch.equal(Joint(net, form)(z), joint(net(z), torch.tensor([2, 0, 1, 2]), form))

    def test_w1_there_is_the_mean_of_each_class_unless_a_swap_is_nearer(self):
        """Exact W1 between joint samples, against that of each class by itself."""
        form = Form((2,), classes=2)
        x = 0.2 * torch.randn(80, 2, generator=generator()).double()
        classes = torch.arange(80) % 2
        y = x.flip(0) + torch.tensor([[0.4, 0.0], [0.0, -0.5]]).double()[classes]
        assert torch.cdist(x, y).max() < 2**0.5 * reach(form)

        def w1(a, b):
            return wdist.estimate(a, b).value

        each = [w1(x[classes == c], y[classes == c]) for c in (0, 1)]
        assert w1(joint(x, classes, form), joint(y, classes, form)) == pytest.approx(np.mean(each), rel=1e-9)
        far = x + 10 * torch.eye(2).double()[classes]
        swapped = w1(joint(far, classes, form), joint(far, 1 - classes, form))
        assert swapped == pytest.approx(2**0.5 * reach(form), rel=1e-9)
        assert w1(far, far) == 0

    def test_shares(self):
        assert class_shares(blobs(1000).train) == pytest.approx((0.5, 0.3, 0.2), abs=0.05)


class TestTraining:
    def test_a_class_that_is_asked_for_is_made(self, trained):
        g = trained[0].generator
        assert g.names == ("left", "7", "down")
        for code, label in enumerate(("left", 7, "down")):
            made = g.draw(200, generator(5), label)
            assert (torch.cdist(made, MIDDLES).argmin(1) == code).double().mean() > 0.95
            assert (made.mean(0) - MIDDLES[code]).norm() < 0.5

    def test_the_curve_falls_and_held_out_points_bring_their_classes(self, trained):
        curve = [report.critic for report in trained[1]]
        assert np.mean(curve[:10]) > 4 * np.mean(curve[-10:]) > 0
        held = [report.held for report in trained[1] if report.held is not None]
        assert held[-1] == pytest.approx(np.mean(curve[-10:]), abs=0.5)

    def test_a_swap_of_classes_shows_on_the_curve(self, trained):
        """The same points under each other's labels: nothing between the laws of the points, much between the pairs."""
        trainer = gan.Trainer(config())
        trainer.restore(trained[0].state())
        first = trainer.net[0].weight
        with torch.no_grad():
            first[:, 2:] = first[:, [4, 2, 3]].clone()
        last = [report.critic for report in trainer.steps(8)][-1]
        assert last > 5 * trained[1][-1].critic

    def test_without_a_label_classes_come_as_often_as_in_training(self, trained):
        made = trained[0].generator.draw(2000, generator(3))
        shares = torch.bincount(torch.cdist(made, MIDDLES).argmin(1), minlength=3) / 2000
        assert shares.tolist() == pytest.approx(class_shares(blobs().train), abs=0.05)

    def test_labels_one_a_point(self, trained):
        g = trained[0].generator
        made = g.draw(4, generator(1), ["7", "left", 7, "down"])
        assert torch.cdist(made, MIDDLES).argmin(1).tolist() == [1, 0, 1, 2]

    def test_it_is_saved_with_its_classes(self, trained, tmp_path):
        g = trained[0].generator
        g.save(tmp_path / "g")
        again = gan.load(tmp_path / "g")
        assert (again.names, again.shares) == (g.names, g.shares)
        for label in (None, "down"):
            assert torch.equal(again.draw(9, generator(1), label), g.draw(9, generator(1), label))

    def test_a_run_is_restored_to_the_bit(self):
        whole, first, second = (gan.Trainer(config(), seed) for seed in (0, 0, 9))
        list(whole.steps(5))
        list(first.steps(2))
        second.restore(first.state())
        list(second.steps(3))
        for name in ("generator", "critic"):
            for a, b in zip(whole.state()[name].values(), second.state()[name].values(), strict=True):
                assert torch.equal(a, b)

    def test_images_under_convolutions(self, tmp_path):
        """Dark and bright images by class, a DCGAN critic, and a sheet that has each class in its turn."""
        levels = np.repeat([40, 215], 32)[:, None, None, None] * np.ones((64, 8, 8, 3))
        rows = Rows(
            torch.from_numpy(levels.astype(np.uint8)).flatten(1),
            (8, 8, 3),
            torch.arange(64) // 32,
            ("dark", "bright"),
        )
        trainer = gan.Trainer(
            config(
                Parts(rows, rows),
                generator=gan.MLPGenerator((32,), 4),
                critic=gan.DCGANCritic(8),
                batch=16,
            )
        )
        list(trainer.steps(80))
        dark, bright = (float(trainer.generator.draw(16, generator(), c).mean()) for c in ("dark", "bright"))
        assert bright > dark + 0.2
        sheet(trainer.generator, tmp_path / "sheet.png", n=4)
        with Image.open(tmp_path / "sheet.png") as drawn:
            levels = np.asarray(drawn).astype(float)
        half = len(levels) // 2
        assert levels[half:].mean() > levels[:half].mean() + 40

    def test_the_doctor_finds_it_sound(self):
        faults = {finding.check for finding in gan.doctor_of(config()).faults}
        assert faults <= {"bfloat16"}  # slopes of this small net, conditional or not


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (
                "ring",
                "conditional training needs the class of each point, and a law has none; take mnist, a folder",
            ),
            (np.zeros((20, 2), np.float32), "needs the class of each point, and data has none"),
            (gan.Data("mnist", classes=(7,)), "needs two classes or more; these points are all 7"),
        ],
    )
    def test_data_without_classes(self, data, text):
        with pytest.raises(InputError, match=text):
            gan.Trainer(gan.preset("wgan", data, conditional=True))

    def test_labels_that_are_not_there(self, trained):
        g = trained[0].generator
        with pytest.raises(InputError, match=r"label is 'up'; .* its classes are left, 7, down"):
            g.draw(2, generator(), ["7", "up"])
        with pytest.raises(InputError, match="there are 2 labels for 3 points; pass one, or one a point"):
            g.draw(3, generator(), ["7", "7"])
        plain = gan.Trainer(config(conditional=False)).generator
        with pytest.raises(InputError, match=r"label is '7'; .* it was not trained by class"):
            plain.draw(2, generator(), "7")


def test_a_picture_of_the_plane_has_the_points_and_the_class_asked_for(tmp_path, monkeypatch):
    generator = gan.Trainer(gan.preset("gan", "ring"), seed=0).generator
    drawn = []
    draw = type(generator).draw
    monkeypatch.setattr(
        type(generator), "draw", lambda self, n, *rest: drawn.append(n) or draw(self, n, *rest)
    )
    assert sheet(generator, tmp_path / "points.png", n=7)
    assert drawn == [7]
    with pytest.raises(InputError):
        sheet(generator, tmp_path / "points.png", label="3")
