"""Fréchet distance and inception score in closed form, the classifier that ships, and classifiers of others."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

import wdist
from wdist.gan.classifier import TRAINED_ON, Card, DigitNet, mnist_classifier
from wdist.gan.features import Seen, frechet_distance, inception_score


def normal(n, d, seed):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, d)))


def whitened(n, d, seed):
    """Points whose mean is zero and whose covariance is the identity, exactly."""
    x = normal(n, d, seed)
    x = x - x.mean(dim=0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / n)).T


class TestFrechet:
    def test_gaussians_that_commute(self):
        """|m|² + Σ(s_i − t_i)² (Dowson and Landau 1982)."""
        x, y = whitened(200, 3, 0), whitened(300, 3, 1)
        s, t, m = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 0.5]), torch.tensor([1.0, -2.0, 0.0])
        expected = math.sqrt(5 + 1 + 0 + 6.25)
        assert frechet_distance(x * s, y * t + m) == pytest.approx(expected, rel=1e-9)

    def test_gaussians_that_do_not_commute_by_scipys_root(self):
        from scipy.linalg import sqrtm

        x, y = normal(100, 4, 0), normal(120, 4, 1) @ normal(4, 4, 2)
        a, b = (np.cov(z.numpy(), rowvar=False, bias=True) for z in (x, y))
        shift = (x.mean(dim=0) - y.mean(dim=0)).numpy()
        square = shift @ shift + np.trace(a + b - 2 * sqrtm(a @ b).real)
        assert frechet_distance(x, y) == pytest.approx(math.sqrt(square), rel=1e-9)

    def test_it_is_a_distance_and_not_its_square(self):
        x = normal(50, 2, 0)
        assert frechet_distance(3 * x, 3 * x + 6) == pytest.approx(3 * frechet_distance(x, x + 2))
        assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


class TestInception:
    def test_sure_and_even_is_the_number_of_classes(self):
        assert inception_score(torch.eye(10).repeat(3, 1)) == pytest.approx(10)

    def test_one_class_or_no_idea_is_one(self):
        assert inception_score(torch.eye(10)[:1].repeat(5, 1)) == 1
        assert inception_score(torch.full((5, 10), 0.1)) == pytest.approx(1)

    def test_in_between_by_hand(self):
        p = torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64)
        mean = [0.6, 0.4]
        kl = [sum(a * math.log(a / b) for a, b in zip(row, mean, strict=True)) for row in p.tolist()]
        assert inception_score(p) == pytest.approx(math.exp(sum(kl) / 2), rel=1e-12)


@pytest.fixture(scope="module")
def digits():
    bundle = wdist.datasets.mnist()
    return torch.as_tensor(bundle.points[TRAINED_ON:]), torch.as_tensor(
        bundle.labels[TRAINED_ON:].astype("int64")
    )


class TestTheClassifierThatShips:
    def test_its_card_says_what_is_measured(self, digits):
        net, card = mnist_classifier()
        x, labels = digits
        assert card == Card(TRAINED_ON, round(float((net(x).argmax(1) == labels).double().mean()), 4), len(x))
        assert card.accuracy > 0.975

    def test_it_is_small_and_holds_no_pickle(self):
        from importlib import resources

        path = resources.files("wdist") / "data" / "mnist_classifier.safetensors"
        assert len(path.read_bytes()) < 300_000
        with safe_open(path, "pt") as file:
            assert json.loads(file.metadata()["wdist"])["trained_on"] == TRAINED_ON

    def test_the_images_that_trained_it_look_much_the_same_to_it(self, digits):
        """So a Fréchet distance of held-out images does not hang on whether the classifier had seen the generator's."""
        net, _ = mnist_classifier()
        trained = torch.as_tensor(wdist.datasets.mnist().points[:1500])
        sides = [Seen.by(net, x, 3) for x in (trained, digits[0][:1500], digits[0][1500:])]
        found = sides[0].against(sides[1], sides[2])
        assert found.frechet == pytest.approx(found.frechet_floor, rel=0.25)

    def test_black_images_and_noise_are_far_from_digits(self, digits):
        net, _ = mnist_classifier()
        real, other = (Seen.by(net, x, 3) for x in digits[0][:1000].split(500))
        for images in (
            torch.zeros(500, 784),
            torch.rand(500, 784, generator=torch.Generator().manual_seed(0)),
        ):
            found = Seen.by(net, images, 3).against(real, other)
            assert found.frechet > 5 * found.frechet_floor
            assert found.inception < 1.5 < 9 < found.inception_real
            assert found.neighbours.recall == 0

    def test_it_saves_what_it_loads(self, tmp_path):
        net, card = mnist_classifier()
        net.save(tmp_path / "again.safetensors", card)
        with safe_open(tmp_path / "again.safetensors", "pt") as file:
            assert torch.equal(file.get_tensor("head.weight"), net.head.weight)
            assert Card(**json.loads(file.metadata()["wdist"])) == card

    def test_its_first_weights_come_from_the_generator_alone(self):
        one, two, other = (DigitNet(torch.Generator().manual_seed(seed)).head.weight for seed in (1, 1, 2))
        assert torch.equal(one, two)
        assert not torch.equal(one, other)

    def test_other_images_are_refused(self):
        with pytest.raises(
            wdist.InputError, match=r"x has shape \(3, 100\); this classifier reads grey images"
        ):
            mnist_classifier()[0](torch.zeros(3, 100))


class TestAnyClassifier:
    x = normal(40, 2, 0)

    def test_a_function_of_logits_is_its_own_features(self):
        seen = Seen.by(lambda x: torch.stack([x[:, 0], -x[:, 0], 0 * x[:, 0]], dim=1), self.x, 3)
        assert torch.equal(seen.features[:, 0], self.x[:, 0])
        assert torch.equal(seen.classes, torch.where(self.x[:, 0] > 0, 0, 1))
        assert seen.probabilities.sum(dim=1) == pytest.approx(np.ones(40))

    def test_a_module_gets_its_own_dtype_and_is_left_as_it_was(self):
        net = nn.Sequential(nn.utils.skip_init(nn.Linear, 2, 3), nn.Dropout(0.5)).eval()
        assert Seen.by(net, self.x, 3).features.dtype == torch.float64
        assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())

    @pytest.mark.parametrize(
        ("classifier", "text"),
        [
            (nn.Sequential(nn.Dropout(0.5)), r"the classifier is in training mode; call its eval\(\)"),
            (
                lambda x: x[:1],
                r"the classifier gave shape \(1, 2\) as logits of 40 points; give a tensor with one row",
            ),
            (lambda x: x[:, 0], r"the classifier gave shape \(40,\) as logits of 40 points"),
            (lambda x: x.tolist(), "the classifier gave a list as logits of 40 points"),
            (lambda x: x * math.nan, "gave logits that are not finite; does it take points in another unit"),
        ],
    )
    def test_what_is_no_classifier_is_refused(self, classifier, text):
        with pytest.raises(wdist.InputError, match=text):
            Seen.by(classifier, self.x, 3)
