"""One look at a generator: what each kind of fault shows in, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

import wdist
from wdist.gan.classifier import TRAINED_ON, mnist_classifier
from wdist.gan.distance import debiased_distance
from wdist.gan.evaluator import Evaluator
from wdist.gan.toys import Mixture, SwissRoll, ring
from wdist.truth.laws import Gaussian, standard_gaussian


@dataclasses.dataclass
class Made:
    """A generator by a function of (n, rng)."""

    make: object
    dim: int

    def draw(self, n, rng):
        return self.make(n, rng)


LAW = standard_gaussian(3)


@pytest.fixture(scope="module")
def judge():
    return Evaluator(LAW.draw(600, torch.Generator().manual_seed(1)), clusters=4)


class TestInThreeCoordinates:
    def test_the_law_itself(self, judge):
        found = judge(LAW)
        assert abs(found.distance.value) < 0.03
        assert found.distance.between == pytest.approx(found.distance.within_real, rel=0.15)
        assert found.diversity == pytest.approx(1, abs=0.05)
        assert found.coverage.stays > 0.8
        assert min(found.neighbours.precision, found.neighbours.recall) > 0.85
        assert found.collapse == ""
        assert found.features is found.critic is None

    def test_a_point_is_named_collapsed(self, judge):
        found = judge(Made(lambda n, rng: torch.zeros(n, 3), 3))
        assert found.collapse == "collapsed: pairs are 0 of the real distance apart, recall 0"
        assert found.neighbours.precision == 1  # which says nothing
        assert found.numbers["diversity"] == 0

    def test_a_cluster_left_out_is_named(self):
        centres = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])

        def mixture(k):
            def make(n, rng):
                which = torch.randint(k, (n,), generator=rng)
                return centres[which] + torch.randn(n, 2, generator=rng)

            return Made(make, 2)

        real = mixture(3).draw(300, torch.Generator().manual_seed(5))
        labels = np.array(["left", "right", "top"])[torch.cdist(real, centres).argmin(1)]
        judge = Evaluator(real, labels=labels)
        assert judge(mixture(3)).collapse == ""
        found = judge(mixture(2))
        assert found.collapse == "1 of 3 classes missing: top"
        assert found.coverage.names == ("left", "right", "top")
        assert found.coverage.filled[2] == 0
        assert found.coverage.cost[2] > 15 > 3 > found.coverage.cost[0]
        assert str(found).endswith("1 of 3 classes missing: top")

    def test_three_points_are_named_repetition(self, judge):
        three = 2 * torch.eye(3)
        found = judge(Made(lambda n, rng: three[torch.randint(3, (n,), generator=rng)], 3))
        assert found.neighbours.spacing == 0
        assert found.diversity > 0.5
        assert "repeats itself" in found.collapse or "missing" in found.collapse

    def test_worse_laws_are_ranked_so(self, judge):
        eye = torch.eye(3, dtype=torch.float64)
        laws = [Gaussian(torch.full((3,), shift, dtype=torch.float64), eye) for shift in (0.0, 0.3, 1.0, 3.0)]
        found = [judge(law).distance.value for law in laws]
        assert found == sorted(found)

    def test_few_points_are_halved_anew_with_fresh_draws(self):
        moved, real = (
            Gaussian(torch.full((3,), 0.3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)),
            LAW.draw(60, torch.Generator().manual_seed(1)),
        )

        def deviation(halvings):
            judges = [Evaluator(real, clusters=4, halvings=halvings, seed=k) for k in range(10)]
            return np.std([judge(moved).distance.value for judge in judges])

        assert Evaluator(real, clusters=4)(moved).distance.halvings == 16
        assert deviation(None) < 0.5 * deviation(1)

    def test_the_distance_is_that_of_the_points(self):
        real = LAW.draw(8, torch.Generator().manual_seed(1))
        four = torch.arange(24.0).reshape(8, 3)
        found = Evaluator(real, k=1)(Made(lambda n, rng: four[:n], 3)).distance
        assert found.n == 4
        assert found.within_generated == pytest.approx(12 * 3**0.5, rel=1e-6)
        assert found.within_real == pytest.approx(debiased_distance(real, real).within_real, rel=1)
        each = [wdist.estimate(four[k : k + 4], real).value for k in (0, 4)]
        assert min(each) < found.between < max(each)

    def test_two_calls_draw_the_same_latents_and_seeds_differ(self, judge):
        assert judge(LAW).numbers == judge(LAW).numbers
        assert judge(LAW).numbers != dataclasses.replace(judge, seed=1)(LAW).numbers

    def test_no_generator_of_the_callers_is_moved(self, judge):
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
        judge(LAW)
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002

    def test_most_bounds_the_points_a_side(self):
        real = LAW.draw(100, torch.Generator().manual_seed(1))
        assert Evaluator(real)(LAW).distance.n == 50
        assert Evaluator(real, most=20)(LAW).distance.n == 20


class TestWithACritic:
    critic = wdist.Critic(constraint=wdist.Orthonormal(), net=wdist.MLP((16,), "maxmin"), steps=60, batch=64)

    def test_it_proves_a_distance_between_the_laws(self):
        real = LAW.draw(400, torch.Generator().manual_seed(1))
        far = Gaussian(torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64), torch.eye(3, dtype=torch.float64))
        judge = Evaluator(real, critic=self.critic)
        found = judge(far)
        assert 2.5 < found.critic.lower <= found.critic.value <= 3.2
        assert found.numbers["critic_lower"] == found.critic.lower
        assert f"laws at least {found.critic.lower:.4g} apart" in str(found)
        assert judge(LAW).critic.lower < 0.3


@pytest.fixture(scope="module")
def by_card():
    card = wdist.Calibration.load("clip-0.1-relu-100x100-d2")
    return wdist.Calibrated(card.critic(), card)


class TestByACard:
    """The law moved by a known way: W1 between the two is how far."""

    law = standard_gaussian(2)

    def judged(self, by_card, way, n=2000):
        real = self.law.draw(n, torch.Generator().manual_seed(1))
        moved = Gaussian(torch.tensor([way, 0.0], dtype=torch.float64), torch.eye(2, dtype=torch.float64))
        return Evaluator(real, clusters=2, calibrated=by_card)(moved)

    def test_its_interval_holds_the_distance_that_the_raw_reading_misses(self, by_card):
        found = self.judged(by_card, 1.0)
        numbers = found.numbers
        assert 0.85 < numbers["calibrated"] < 1.15
        assert numbers["calibrated_low"] < 1 < numbers["calibrated_high"] < 1.5
        assert found.calibrated.detail.critic.raw > 2  # clipped: a multiple of W1 that only the card tells
        assert f"W1 by its card {found.calibrated.value:.4g} [" in str(found)
        assert found.critic is None

    def test_below_what_was_calibrated_it_has_no_interval_and_says_so(self, by_card):
        found = self.judged(by_card, 0.0)
        assert found.calibrated.interval is None
        assert "below what was calibrated" in found.calibrated.message
        assert "calibrated_low" not in found.numbers
        assert f"W1 by its card {found.calibrated.value:.4g}" in str(found)

    def test_the_same_draws_give_the_same_reading(self, by_card):
        readings = {self.judged(by_card, 1.0, n=200).calibrated.value for _ in range(2)}
        assert len(readings) == 1

    def test_other_dimensions_are_refused_before_anything_is_fitted(self, by_card):
        real = LAW.draw(100, torch.Generator().manual_seed(1))
        with pytest.raises(
            wdist.InputError, match="the card is for d = 2 and the data have d = 3; make one by"
        ):
            Evaluator(real, calibrated=by_card)

    def test_too_few_points_for_a_critic_are_refused_at_once(self, by_card):
        real = self.law.draw(19, torch.Generator().manual_seed(1))
        for options in ({"calibrated": by_card}, {"critic": wdist.Critic()}):
            with pytest.raises(wdist.InputError, match="by 19 real points: it needs 20 points"):
                Evaluator(real, **options)


class TestToys:
    def test_the_modes_of_a_mixture_are_counted(self):
        law = ring()
        judge = Evaluator(law.draw(400, torch.Generator().manual_seed(1)), law=law)
        found = judge(law)
        assert found.modes.covered == 8
        assert found.numbers["good"] == found.good == found.modes.good > 0.97
        assert found.numbers["imbalance"] < 0.1
        assert "8/8 modes" in str(found)
        three = Mixture(law.centres[:3], law.width)
        assert judge(three).numbers["modes"] == 3
        assert judge(Mixture(law.centres, 10 * law.width)).good < 0.1
        assert sum(judge(law).modes.counts) == round(400 * found.good)

    def test_points_by_the_spiral_are_good(self):
        law = SwissRoll()
        judge = Evaluator(law.draw(400, torch.Generator().manual_seed(1)), law=law)
        found = judge(law)
        assert found.good == found.numbers["good"] > 0.98
        assert found.modes is None
        assert "modes" not in found.numbers
        assert (
            0.5 < judge(SwissRoll(width=1.0)).good < 0.85
        )  # |N(0, 1)| < 3/4 is true of 0.55, more where turns are near

    def test_the_share_by_the_spiral_is_that_of_a_gaussian_across_it(self):
        law = SwissRoll()
        points = law.draw(20_000, torch.Generator().manual_seed(2))
        assert law.good(points) == pytest.approx(0.9973, abs=0.002)
        assert law.good(points, reach=1.0) == pytest.approx(0.6827, abs=0.02)

    def test_other_laws_have_neither(self, judge):
        found = judge(LAW)
        assert found.modes is found.good is None
        with pytest.raises(wdist.InputError, match="law is in 2 coordinates and real has 3; leave it out"):
            Evaluator(LAW.draw(40, torch.Generator().manual_seed(1)), law=ring())


@pytest.fixture(scope="module")
def judged():
    bundle = wdist.datasets.mnist()
    x, labels = torch.as_tensor(bundle.points), bundle.labels
    judge = Evaluator(x[TRAINED_ON : TRAINED_ON + 800], classifier=mnist_classifier()[0])

    def of(rows):
        return Made(lambda n, rng: x[rows[torch.randperm(len(rows), generator=rng)[:n]]], 784)

    seen = np.arange(TRAINED_ON)
    return {
        "real": judge(of(seen)),
        "black": judge(Made(lambda n, rng: torch.zeros(n, 784), 784)),
        "no sevens": judge(of(seen[labels[:TRAINED_ON] != 7])),
        "one digit": judge(of(np.tile(seen[labels[:TRAINED_ON] == 1], 2))),
    }


class TestDigits:
    def test_images_are_at_the_floor(self, judged):
        found = judged["real"]
        assert abs(found.distance.value) < 0.1
        assert found.features.frechet == pytest.approx(found.features.frechet_floor, rel=0.15)
        assert found.features.inception > 9
        assert found.coverage.stays > 0.7
        assert found.collapse == ""

    def test_a_black_image_generator_is_named_collapsed_though_its_precision_in_pixels_is_one(self, judged):
        found = judged["black"]
        assert found.collapse.startswith("collapsed: ")
        assert found.neighbours.precision == 1
        assert found.features.inception == pytest.approx(1)
        assert found.distance.value > 5

    def test_a_missing_digit_is_named_where_the_distance_hardly_moves(self, judged):
        found = judged["no sevens"]
        assert found.collapse == "1 of 10 classes missing: 7"
        assert found.coverage.shares[7] < 0.01 < 0.05 < found.coverage.due[7]
        assert found.features.frechet > 1.1 * found.features.frechet_floor

    def test_one_digit_alone_is_collapsed(self, judged):
        assert judged["one digit"].collapse
        assert judged["one digit"].coverage.shares[1] > 0.95


class TestBadInput:
    real = LAW.draw(40, torch.Generator().manual_seed(1))

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"real": real[:7]}, "real has 7 points; halves with k=3 need 8"),
            ({"real": [[0.0], [float("nan")]]}, "real is not finite in row 1"),
            ({"labels": [0, 1]}, r"labels has shape \(2,\) for 40 real points; pass \(40,\)"),
            ({"labels": [0] * 40, "classifier": lambda x: x}, "labels and a classifier both tell classes"),
            ({"critic": 3}, r"critic is 3; pass wdist.Critic\(...\), or None"),
            ({"calibrated": 3}, r"calibrated is 3; pass wdist.Calibrated\(method, card\), or None"),
            ({"most": 0}, "most is 0; pass an int of at least 1"),
            ({"k": 1.5}, "k is 1.5; pass an int of at least 1"),
            ({"clusters": True}, "clusters is True; pass an int of at least 1"),
        ],
    )
    def test_options(self, options, text):
        with pytest.raises(wdist.InputError, match=text):
            Evaluator(**({"real": self.real} | options))

    def test_uneven_weights(self):
        weighted = wdist.Samples(self.real, torch.arange(1.0, 41.0).double() / 820, uniform=False)
        with pytest.raises(wdist.InputError, match="real has uneven weights"):
            Evaluator(weighted)

    @pytest.mark.parametrize(
        ("generator", "text"),
        [
            (
                standard_gaussian(2),
                "the generator draws points of 2 coordinates and real has 3; give both in one space",
            ),
            (
                Made(lambda n, rng: torch.full((n, 3), torch.nan), 3),
                "generator returned a NaN or infinite value on draw 1",
            ),
        ],
    )
    def test_generators(self, generator, text):
        with pytest.raises(wdist.InputError, match=text):
            Evaluator(self.real)(generator)
