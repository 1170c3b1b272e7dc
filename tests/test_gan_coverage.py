"""Coverage, precision and recall, diversity and modes on generators whose faults are known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wdist
from wdist.gan.coverage import Coverage, Neighbours, Support, collapse, coverage, diversity
from wdist.gan.modes import count_modes
from wdist.plans.dense import Coupling


def normal(n, d, seed):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, d)))


class TestCoverage:
    """Four generated points go to four real ones, two of each class."""

    plan = Coupling(np.arange(4), np.array([0, 1, 2, 3]), np.full(4, 0.25))

    def found(self, origin, target=(0, 0, 1, 1), names=("a", "b")):
        cost = torch.tensor([1.0, 2.0, 3.0, 5.0])
        return coverage(self.plan, cost, torch.tensor(origin), torch.tensor(target), names)

    def test_all_classes_made(self):
        found = self.found([0, 0, 1, 1])
        assert found == Coverage(("a", "b"), (0.5, 0.5), (0.5, 0.5), (1.0, 1.0), (1.5, 4.0), 4)
        assert found.stays == 1
        assert found.missing == ()

    def test_mass_that_comes_from_another_class_is_not_its_own(self):
        found = self.found([0, 0, 0, 1])
        assert found.shares == (0.75, 0.25)
        assert found.filled == (1.0, 0.5)
        assert found.stays == 0.75

    def test_shares_alone_do_not_tell_that_the_mass_crosses(self):
        found = self.found([1, 1, 0, 0])
        assert found.shares == found.due
        assert found.stays == 0

    def test_due_is_the_mass_of_the_plan_and_not_a_count(self):
        plan = Coupling(np.array([0, 1]), np.array([0, 1]), np.array([0.9, 0.1]))
        found = coverage(plan, torch.ones(2), torch.tensor([0, 1]), torch.tensor([0, 1]), ("a", "b"))
        assert found.due == (0.9, 0.1)

    def test_a_class_that_is_not_due_is_neither_missing_nor_costly(self):
        found = self.found([0, 0, 1, 2], names=("a", "b", "c"))
        assert found.due[2] == 0
        assert found.shares[2] == 0.25
        assert found.filled[2] == found.cost[2] == 0

    @pytest.mark.parametrize(("n", "share", "missing"), [(100, 0.0, ("b",)), (100, 0.02, ()), (40, 0.0, ())])
    def test_missing_is_a_tenth_of_what_is_due_where_ten_are(self, n, share, missing):
        found = Coverage(("a", "b"), (0.85, 0.15), (1 - share, share), (1.0, 0.0), (0.0, 0.0), n)
        assert found.missing == missing


class TestNeighbours:
    def test_one_law_has_high_both(self):
        found = Support.of(normal(500, 2, 0)).against(Support.of(normal(500, 2, 1)))
        assert found.precision > 0.85
        assert found.recall > 0.85
        assert found.spacing == pytest.approx(1, abs=0.1)

    def test_a_part_of_the_law_has_precision_without_recall(self):
        x = normal(2000, 2, 0)
        x = x[x[:, 0] > 0][:500]
        found = Support.of(x).against(Support.of(normal(500, 2, 1)))
        assert found.precision > 0.85
        assert found.recall < 0.65

    def test_a_wider_law_has_recall_without_precision(self):
        found = Support.of(3 * normal(500, 2, 0)).against(Support.of(normal(500, 2, 1)))
        assert found.recall > 0.9
        assert found.precision < 0.7

    def test_a_collapsed_generator_has_precision_one_and_recall_zero(self):
        found = Support.of(torch.zeros(100, 2)).against(Support.of(normal(100, 2, 1)))
        assert found == Neighbours(1.0, 0.0, 0.0)

    def test_ten_repeated_points_have_no_spacing_however_far_apart(self):
        ten = normal(10, 2, 0).repeat(10, 1)
        found = Support.of(ten).against(Support.of(normal(100, 2, 1)))
        assert found.spacing == 0
        assert found.recall < 0.1

    def test_the_k_th_neighbour_is_not_the_point_itself(self):
        line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
        assert Support.of(line, 1).radii.tolist() == [1, 1, 2, 4]
        assert Support.of(line, 2).radii.tolist() == [3, 2, 3, 6]

    def test_precision_and_recall_swap_with_the_sides(self):
        x, y = Support.of(normal(50, 2, 0)), Support.of(2 * normal(50, 2, 1))
        one, two = x.against(y), y.against(x)
        assert (one.precision, one.recall) == (two.recall, two.precision)
        assert one.spacing == pytest.approx(1 / two.spacing)


class TestDiversity:
    def test_it_is_the_ratio_of_scales(self):
        x, y = normal(100, 3, 0), normal(100, 3, 1)
        assert diversity(0.25 * x, 0.25 * y, x, y) == pytest.approx(0.25)

    def test_constants(self):
        zero, x = torch.zeros(5, 2), normal(5, 2, 0)
        assert diversity(zero, zero, x, -x) == 0
        assert diversity(zero, zero, zero, zero) == 1
        assert diversity(x, -x, zero, zero) == np.inf


class TestCollapse:
    fine = Coverage(("1", "7"), (0.5, 0.5), (0.5, 0.5), (1.0, 1.0), (0.0, 0.0), 100)
    lost = Coverage(("1", "7"), (0.5, 0.5), (0.99, 0.01), (1.0, 0.0), (0.0, 0.0), 100)
    spread = Neighbours(0.9, 0.3, 0.7)

    @pytest.mark.parametrize(
        ("found", "neighbours", "variety", "name"),
        [
            (fine, spread, 0.9, ""),
            (fine, spread, 0.39, "collapsed: pairs are 0.39 of the real distance apart, recall 0.3"),
            (lost, spread, 0.9, "1 of 2 classes missing: 7"),
            (
                fine,
                Neighbours(1.0, 0.0, 0.02),
                0.9,
                "repeats itself: neighbours are 0.02 of the real distance apart",
            ),
            (fine, Neighbours(1.0, 0.0, 0.1), 0.5, ""),  # blur has no recall either
        ],
    )
    def test_names(self, found, neighbours, variety, name):
        assert collapse(found, neighbours, variety) == name


class TestModes:
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])

    def drawn(self, which, seed=0):
        return self.centres[which] + 0.1 * np.random.default_rng(seed).normal(size=(len(which), 2))

    def test_the_mixture_itself(self):
        found = count_modes(self.drawn(np.arange(4000) % 4), self.centres, 0.1)
        assert found.covered == 4
        assert found.good == pytest.approx(1 - np.exp(-4.5), abs=0.006)  # |z| <= 3 in the plane
        assert found.imbalance < 0.01
        assert sum(found.counts) == round(found.good * 4000)

    def test_a_mode_left_out(self):
        found = count_modes(self.drawn(np.arange(3000) % 3), self.centres, 0.1)
        assert found.covered == 3
        assert found.counts[3] == 0
        assert found.imbalance == pytest.approx(0.25, abs=0.01)
        assert str(found).startswith("3/4 modes, 99.3 % good, imbalance 0.25")

    def test_bridges_between_modes_are_not_good(self):
        on_bridges = np.linspace(0, 10, 100)[:, None] * np.array([[1.0, 0.0]])
        found = count_modes(on_bridges, self.centres, 0.1)
        assert found.good == pytest.approx(0.06, abs=0.02)

    def test_nothing_good(self):
        found = count_modes(np.full((10, 2), 5.0), self.centres, 0.1)
        assert (found.good, found.covered, found.imbalance) == (0, 0, 1)

    @pytest.mark.parametrize(("count", "covered"), [(25, 4), (24, 3)])
    def test_a_mode_is_covered_from_a_tenth_of_its_due_on(self, count, covered):
        which = np.concatenate(
            [np.zeros(1000 - 500 - count), np.ones(250), np.full(250, 2), np.full(count, 3)]
        )
        found = count_modes(self.centres[which.astype(int)], self.centres, 0.1)
        assert found.covered == covered

    @given(st.integers(1, 6), st.floats(0.01, 100))
    @settings(max_examples=20, deadline=None)
    def test_a_common_scale_changes_nothing(self, seed, scale):
        points = self.drawn(np.arange(40) % 4, seed)
        assert count_modes(points * scale, self.centres * scale, 0.15 * scale) == count_modes(
            points, self.centres, 0.15
        )

    @pytest.mark.parametrize(
        ("points", "width", "text"),
        [
            (np.zeros((3, 3)), 0.1, "points has 3 coordinates a point and centres has 2; pass one space"),
            (np.zeros((3, 2)), 0.0, "width is 0.0; pass a finite number above zero"),
        ],
    )
    def test_bad_input_is_refused(self, points, width, text):
        with pytest.raises(wdist.InputError, match=text):
            count_modes(points, self.centres, width)
