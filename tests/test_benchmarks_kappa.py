"""The benchmarks of kappa: laws that no card has, what is counted as covered, and the ways of clipping."""

import math

import pytest
import torch

import wdist
from benchmarks import cards, clipping, kappa, penalties, store, within
from wdist.critic.potential import Scaling
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

    def test_what_asks_for_no_card_has_a_line_of_the_families_that_the_card_has(self):
        def read(families, errors):
            answers = {
                "penalty": {"value": 1.0, "error": errors, "cpu": 1.0, "interval": None, "lower": None}
            }
            return {"d": 2, "family": "f", "truth": 1.0, "answers": {**answers, **families}}

        known = {
            kappa.READINGS[0]: {"value": 1.0, "error": 0.0, "cpu": 1.0, "interval": [0.5, 2.0], "lower": None}
        }
        text = kappa.table([read(known, -0.01), read({}, 0.5)])
        assert "| 2 | penalty | 2 | ±35.4 % |" in text
        assert "| 2 | penalty, families of the card | 1 | ±1.0 % |" in text

    def test_the_factor_is_that_of_half_the_interval(self):
        assert "| 1 of 1 | 2.00 |" in kappa.table([self.ROWS[3]])

    def test_cards_tell_their_own_figures(self):
        lines = cards.table().splitlines()[2:]
        stamps = [line for line in lines if line and not line.startswith("|")]
        for name, line in zip(cards.RECIPES, lines, strict=False):
            card = wdist.Calibration.load(name)
            assert line.startswith(f"| `{name}` | {card.per} | {len(card.trials)} | {card.cpu:.0f} s |")
            assert f"±{100 * card.spread:.1f} %" in line
            stamp = next(line for line in stamps if f"`{name}`" in line)
            assert f"wdist {card.versions['wdist']}, torch {card.versions['torch']}" in stamp


class TestLaterAnswers:
    def test_a_row_that_lacks_an_answer_is_asked_that_only(self, tmp_path, monkeypatch):
        _, case, _ = next(kappa.instances(2))
        key, old = (
            f"2 | {case.name}",
            {**row(True, case.w[1], None), "key": f"2 | {case.name}", "case": case.name},
        )
        into = store.Table(tmp_path / "kappa.json", resume=False)
        into.put(old)
        monkeypatch.setattr(kappa, "instances", lambda dim: iter([("axis", case, True)]))
        monkeypatch.setattr(kappa, "OTHERS", {"one-sided penalty": wdist.Critic(wdist.Clip(0.1), NET, 5)})
        kappa.measure(into, [2], lambda text: None)
        found = into[key]["answers"]
        assert list(found) == [kappa.READINGS[1], "one-sided penalty"]
        assert found[kappa.READINGS[1]] == old["answers"][kappa.READINGS[1]]
        assert len(store.Table(tmp_path / "kappa.json", resume=True).rows) == 1
        told = kappa.table([{**into[key], "answers": {**found, kappa.READINGS[2]: found[kappa.READINGS[1]]}}])
        assert "| 2 | one-sided penalty | 1 |" in told


class TestWithin:
    CARD = wdist.Calibration.load("clip-0.1-relu-100x100-d2")

    def test_the_trials_are_those_of_a_card(self):
        for name in ("funnels", "gaussian"):
            mine = [one.key for one in clipping.plan([name], 300, replicates=2)]
            assert mine == [
                trial.key for trial in self.CARD.trials if trial.family == name and trial.steps == 300
            ]

    def test_errors_are_those_that_the_card_tells(self):
        found = within.read(self.CARD)
        assert f"funnels ±{found['own']['funnels']:.1%}" in self.CARD.verdict
        assert found["spread"] == self.CARD.spread

    def test_the_table_has_ways_families_and_landscapes(self):
        whole = {"way": "new", "on": "all families", "fits": 90, "cpu": 9.0, **within.read(self.CARD)}
        ks = [0.8, 0.9]
        seeded = {"way": "new", "on": "seeds", "landscapes": [{"landscape": 1, "w": 0.5, "kappa": ks}]}
        text = within.table([{**whole, "on": "funnels"}, whole, seeded])
        assert f"| new | ±{100 * whole['own']['funnels']:.1f} % |" in text
        assert "| 90 | 0.1 s |" in text
        assert f"| a family left out | ±{100 * self.CARD.spread:.1f} % |" in text
        assert "| new | 1 | 0.50 | 0.85 | 8.3 % |" in text


class TestPenalties:
    def test_every_way_differs_from_the_first_in_what_it_says(self):
        first, *others = penalties.WAYS.values()
        assert first.constraint == wdist.GradientPenalty(10.0)
        assert len({repr(way) for way in (first, *others)}) == len(penalties.WAYS)
        for name, way in penalties.WAYS.items():
            assert way.constraint.two_sided is not name.startswith("one-sided")
            assert (way.steps == 3000) is name.endswith("3000 steps")
            assert way.lr == (6e-3 if "rate" in name else None)  # its default is 2e-3

    def test_a_card_is_read_by_family(self):
        card = wdist.Calibration.load("gradient-penalty-10-d2")
        assert penalties.budget(card, "subspace") == f"{100 * card.budget_effect:+.1f} %"
        assert f"subspace {penalties.held(card, 'subspace').replace(' %', '%')}" in card.verdict
        small = [t.said.own / t.w - 1 for t in card.trials if t.family == "line" and t.steps == card.steps]
        assert (
            penalties.own(card, "line") == f"±{100 * math.sqrt(sum(e * e for e in small) / len(small)):.1f} %"
        )


class TestAsGiven:
    def test_the_network_sees_the_points_that_were_given_times_the_unit(self):
        case = wdist.truth.translation(torch.tensor([3.0, 0.0]))
        recipe = clipping.as_given(case, 10.0)
        x, y = (side.draw(50, torch.Generator().manual_seed(k)) for k, side in enumerate((case.a, case.b)))
        scaling = Scaling(torch.tensor(recipe.shift, dtype=torch.float64), recipe.scale)
        z = scaling(x)
        plain, seen = (
            net.build(z, scaling(y), torch.Generator().manual_seed(0)) for net in (clipping.MLP, recipe)
        )
        assert seen(z).detach().numpy() * 10 * recipe.scale == pytest.approx(
            plain(10 * x).detach().numpy(), rel=1e-5
        )
        z.requires_grad_()
        (slope,) = torch.autograd.grad(seen(z).sum(), z)
        x.requires_grad_()
        (given,) = torch.autograd.grad(plain(10 * x).sum(), x)
        assert slope.numpy() == pytest.approx(
            given.numpy() / 10, rel=1e-4, abs=1e-6
        )  # over the points that it sees

    def test_a_critic_standardises_by_about_what_is_undone(self):
        case = wdist.truth.scaling(2, 5.0)
        by = clipping.as_given(case, 1.0)
        found = wdist.estimate(case.a, case.b, method=wdist.Critic(wdist.Clip(0.1), by, 2), seed=0)
        assert found.detail.potential.scaling.scale == pytest.approx(by.scale, rel=0.05)


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
