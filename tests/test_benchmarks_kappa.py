"""The benchmarks of kappa: laws that no card has, what is counted as covered, and the ways of clipping."""

import math

import pytest
import torch

import wdist
from benchmarks import cards, clipping, kappa
from wdist.truth.laws import standard_gaussian

NET = wdist.MLP((100, 100))


class TestInstances:
    @pytest.mark.parametrize(("d", "k"), [(2, 1), (2, 2), (16, 1), (16, 16)])
    def test_outward_moves_every_point_by_as_much_and_no_critic_can_see_more_or_less(self, d, k):
        case = kappa.outward(d, k, 0.7)
        a, b = (side.draw(20_000, torch.Generator().manual_seed(0)) for side in (case.a, case.b))  # paired
        assert torch.linalg.vector_norm(a - b, dim=1).numpy() == pytest.approx(0.7)  # so W1 <= 0.7
        seen = [torch.linalg.vector_norm(z[:, :k], dim=1).mean() for z in (a, b)]  # 1-Lipschitz, so W1 >= 0.7
        assert float(seen[0] - seen[1]) == pytest.approx(0.7)
        assert case.w[1] == 0.7

    def test_outward_leaves_the_other_coordinates(self):
        x = standard_gaussian(3).draw(10, torch.Generator().manual_seed(0))
        moved = kappa.Outward(0.5, 1)(x)
        assert torch.equal(moved[:, 1:], x[:, 1:])
        assert (moved[:, 0] - x[:, 0]).numpy() == pytest.approx((0.5 * x[:, 0].sign()).numpy())

    @pytest.mark.parametrize("card", ["clip-0.1-relu-100x100-d2", "clip-0.01-relu-100x100-d2"])
    def test_none_of_them_entered_the_card(self, card):
        found = list(kappa.instances(2))
        entered = {trial.case for trial in wdist.Calibration.load(card).trials}
        fixed = {"axis", "diagonal", "scaling", "line"}  # nothing is random in them, so the name says it all
        assert entered.isdisjoint(case.name for family, case, _ in found if family in fixed)
        assert len({case.name for _, case, _ in found}) == len(found) >= 30
        families = set(wdist.Calibration.load(card).families)
        assert {family for family, _, known in found if known} == families
        assert families.isdisjoint(family for family, _, known in found if not known)


def row(known, truth, interval, value=None):
    value = value or truth
    answer = {"value": value, "error": value / truth - 1, "cpu": 1.0, "interval": interval, "lower": None}
    return {
        "d": 2, "family": "f", "case": "c", "truth": truth, "answers": {kappa.READINGS[1 if known else 2]: answer}
    }  # fmt: skip


class TestTable:
    ROWS = (
        row(True, 1.0, [0.5, 1.5]),
        row(True, 1.0, [1.2, 1.8], 1.5),
        row(True, 1.0, None),
        row(False, 2.0, [1.0, 4.0]),
    )

    def test_what_holds_the_truth_is_counted_among_what_has_an_interval(self):
        assert kappa.coverage(self.ROWS, kappa.READINGS[1]) == (1, 2)
        assert kappa.coverage(self.ROWS, kappa.READINGS[2]) == (1, 1)
        text = kappa.table(list(self.ROWS))
        assert f"| 2 | {kappa.READINGS[1]} | 3 | ±28.9 % | 0.0 % | +50 % (f) | 1 of 2 |" in text
        assert "interval held W1 in 2 of 3 instances (67%); in 1 more" in text

    def test_the_factor_is_that_of_half_the_interval(self):
        assert "| 1 of 1 | 2.00 |" in kappa.table([self.ROWS[3]])

    def test_cards_tell_their_own_figures(self):
        lines = cards.table().splitlines()[2:]
        for name, line in zip(cards.RECIPES, lines, strict=True):
            card = wdist.Calibration.load(name)
            assert line.startswith(f"| `{name}` | {card.per} | {len(card.trials)} | {card.cpu:.0f} s |")
            assert f"±{100 * card.spread:.1f} %" in line


class TestWays:
    def built(self, constraint):
        net = NET.build(*torch.randn(2, 8, 2), torch.Generator().manual_seed(0))
        return dict(constraint.prepare(net).named_parameters())

    def test_each_clips_what_it_says(self):
        plain, free = self.built(wdist.Clip(0.05)), self.built(clipping.FreeBiases(0.05))
        assert max(float(p.detach().abs().max()) for p in plain.values()) == pytest.approx(0.05)
        for name, parameter in free.items():
            assert (float(parameter.detach().abs().max()) > 0.051) is name.endswith("bias")
        above = self.built(clipping.NonNegative(0.05))
        for name, parameter in above.items():
            assert bool((parameter >= 0).all()) or name.endswith("bias")
            assert float(parameter.detach().abs().max()) <= 0.0501
        layered = self.built(clipping.ByLayer(0.05))
        assert float(layered["layers.0.weight"].detach().abs().max()) == pytest.approx(0.05 * math.sqrt(50))
        assert float(layered["layers.2.weight"].detach().abs().max()) == pytest.approx(0.05)
