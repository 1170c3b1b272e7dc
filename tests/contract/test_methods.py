"""What every method must keep, whatever it computes. A new method joins by one line in `CONTRACTS`.

Exact and closed-form methods keep the invariances to rounding. A critic keeps those that standardisation
gives it to rounding of float32, and the others up to what another random split changes.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import wdist
from wdist import Bound, Target
from wdist.truth import cases

SMALL_CRITIC = wdist.Critic(net=wdist.Cones(16), steps=150, batch=128)


@dataclass(frozen=True)
class Contract:
    """How a method is exercised: on what dimension and order, how close repeated answers are, and its rate in n."""

    method: wdist.Method
    p: float
    dim: int
    close: float = 1e-9
    split: float = 1e-9
    size: int = 60
    rate: float | None = -0.5
    rated: wdist.Method | None = None  # what the rate is stated of, where not of the defaults
    target: str = "sample"

    def ask(self, x, y, **more):
        return wdist.estimate(x, y, **{"p": self.p, "method": self.method, "target": self.target, **more})


CONTRACTS = {
    "line": Contract(wdist.Line(), 1, 1),
    "circle": Contract(wdist.Circle(period=100.0), 2, 1, close=1e-7),
    "discrete": Contract(wdist.Discrete(), 1, 3, rate=-1 / 3),
    "sinkhorn": Contract(wdist.Sinkhorn(), 2, 3, close=2e-3, rated=wdist.Sinkhorn(blur=1.0)),
    "sliced": Contract(wdist.Sliced(projections=200), 2, 3),
    "max-sliced": Contract(wdist.MaxSliced(), 2, 3, close=1e-3),
    "gaussian": Contract(wdist.Gaussian(), 2, 3, close=1e-7),
    "critic": Contract(SMALL_CRITIC, 1, 3, close=0.02, split=0.15, size=600, rate=None),
    "population": Contract(
        wdist.Population(rows="independent"),
        1,
        3,
        close=0.02,
        split=0.1,
        size=300,
        rate=None,
        target="population",
    ),
}


def test_every_method_has_a_contract():
    assert set(CONTRACTS) == set(wdist.METHODS)
    for name, contract in CONTRACTS.items():
        assert contract.method.name == name


@pytest.fixture(params=sorted(CONTRACTS))
def contract(request):
    return CONTRACTS[request.param]


@pytest.fixture
def clouds(contract, rng):
    """Two clouds that differ by a shift and a stretch, off the origin."""
    x = rng.standard_normal((contract.size, contract.dim)) + 20
    y = 1.5 * rng.standard_normal((contract.size, contract.dim)) + 22
    return x, y


class TestInvariance:
    def test_zero_on_identical_clouds(self, contract, clouds):
        x, _ = clouds
        est = contract.ask(x, x.copy())
        assert 0 <= est.value < (1e-6 if contract.split < 0.01 else 0.5)
        assert est.lower is None or est.lower < 1e-6

    def test_apart_on_different_clouds(self, contract, clouds):
        """The shift alone is 2·√d; no method may miss it, sign or size."""
        shift = 2 * math.sqrt(contract.dim)
        floor = 0.4 if contract.method.name == "sliced" else 0.7
        assert floor * shift < contract.ask(*clouds).value < 2 * shift

    def test_symmetric(self, contract, clouds):
        x, y = clouds
        close = max(contract.close, contract.split)
        assert contract.ask(y, x).value == pytest.approx(contract.ask(x, y).value, rel=close)

    def test_translation_of_both_changes_nothing(self, contract, clouds):
        x, y = clouds
        assert contract.ask(x + 7, y + 7).value == pytest.approx(
            contract.ask(x, y).value, rel=max(contract.close, 1e-9)
        )

    @pytest.mark.parametrize("unit", [1e-3, 25.0])
    def test_scaling_of_both_scales_the_distance(self, contract, clouds, unit):
        if contract.method.name == "circle":
            pytest.skip("the circle has a length of its own; test_circle.py scales it along")
        x, y = clouds
        assert contract.ask(unit * x, unit * y).value == pytest.approx(
            unit * contract.ask(x, y).value, rel=max(contract.close, 1e-8)
        )

    def test_order_of_rows_does_not_matter(self, contract, clouds, rng):
        x, y = clouds
        close = max(contract.close, contract.split)
        assert contract.ask(rng.permutation(x), rng.permutation(y)).value == pytest.approx(
            contract.ask(x, y).value, rel=close
        )

    def test_duplicated_points_are_weights(self, contract, clouds):
        if contract.method.name == "population":
            pytest.skip("it refuses weights")
        x, y = clouds
        counts = 1 + np.arange(len(x)) % 3
        doubled = contract.ask(np.repeat(x, counts, axis=0), y).value
        weighted = contract.ask(x, y, weights_a=counts / counts.sum()).value
        assert weighted == pytest.approx(doubled, rel=max(contract.close, contract.split))
        if contract.split < 0.01:
            assert abs(weighted - contract.ask(x, y).value) > 1e-4 * weighted  # the weights did something

    def test_the_value_is_a_distance_not_its_power(self, contract, clouds):
        """Doubling the unit doubles the number: a forgotten root would quadruple it."""
        x, y = clouds
        if contract.method.name == "circle":
            pytest.skip("the circle has a length of its own")
        assert contract.ask(2 * x, 2 * y).value == pytest.approx(2 * contract.ask(x, y).value, rel=0.05)


class TestAnswer:
    def test_same_seed_same_answer(self, contract, clouds):
        assert contract.ask(*clouds, seed=3).value == contract.ask(*clouds, seed=3).value

    def test_float32_tensors(self, contract, clouds):
        x, y = (torch.tensor(z, dtype=torch.float32) for z in clouds)
        before = x.clone()
        assert contract.ask(x, y).value == pytest.approx(
            contract.ask(*clouds).value, rel=max(contract.close, 1e-5)
        )
        assert torch.equal(x, before)

    def test_says_what_it_is(self, contract, clouds):
        est = contract.ask(*clouds)
        assert est.method == contract.method.name
        assert est.p == contract.p
        assert est.target is (Target.POPULATION if est.method in ("critic", "population") else Target.SAMPLE)
        assert est.converged
        assert est.seconds > 0
        assert est.quantity in repr(est)
        assert f"by {est.method} in" in repr(est)
        assert "\n" not in repr(est)

    def test_refuses_what_it_cannot_answer(self, contract):
        """Each method says no to a target or an order that it cannot serve, in words that name the way out."""
        x = np.zeros((40, contract.dim)) + np.arange(40)[:, None]
        if contract.method.name == "line":
            with pytest.raises(wdist.InputError, match="of the laws it speaks for p=1 only; pass p=1"):
                wdist.estimate(x, x, p=2, target="population", method="line")
        elif contract.method.name == "population":
            with pytest.raises(wdist.InputError, match="use 'discrete'"):
                contract.ask(x, x, target="sample")
        elif contract.method.name != "critic":
            with pytest.raises(wdist.InputError, match="use 'population'"):
                contract.ask(x, x, target="population")
        else:
            with pytest.raises(wdist.InputError, match="p=1"):
                wdist.estimate(x, x, p=2, method=contract.method)

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
    def test_same_on_the_gpu(self, contract, clouds):
        x, y = (torch.tensor(z) for z in clouds)
        there = contract.ask(x.cuda(), y.cuda())
        assert there.value == pytest.approx(
            contract.ask(x, y).value, rel=max(contract.close, contract.split, 1e-6)
        )


@pytest.mark.parametrize("name", sorted(set(CONTRACTS) - {"circle", "critic", "population"}))
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_bounds_are_on_the_right_side(name, case):
    """Between 80 points drawn from each law: lower <= exact <= upper for every method, and EXACT is exact."""
    contract = CONTRACTS[name]
    if case.dim != 1 and name == "line":
        pytest.skip("the line is for one coordinate")
    g = torch.Generator().manual_seed(8)
    drawn = [m if isinstance(m, wdist.Samples) else m.draw(80, g) for m in (case.a, case.b)]
    truth = wdist.estimate(*drawn, p=contract.p, method="discrete").value
    est = contract.ask(*drawn)
    slack = 1e-9 * truth + 1e-12
    if est.bound is Bound.EXACT:
        assert est.value == pytest.approx(truth, rel=1e-9, abs=1e-12)
    if est.bound is Bound.LOWER:
        assert est.value <= truth + slack
    assert est.lower is None or est.lower <= truth + slack
    assert est.upper is None or est.upper >= truth - slack
    assert est.lower is not None or est.upper is not None


@pytest.mark.parametrize("case", [c for c in cases() if 1.0 in c.w], ids=lambda case: case.name)
def test_critic_lower_bound_holds_between_the_laws(case):
    """The certified lower bound of the laws stays below the truth, and the sample bracket holds the exact distance."""
    g = torch.Generator().manual_seed(9)
    drawn = [m.draw(300, g) for m in (case.a, case.b)]
    est = wdist.estimate(*drawn, method=wdist.Critic(net=wdist.Cones(8), steps=40, batch=64))
    assert est.lower <= case.w[1.0] + 4 * case.error
    exact = wdist.estimate(*drawn).value
    assert est.detail.sample_lower <= exact * (1 + 1e-9) + 1e-12
    assert est.detail.sample_upper >= exact * (1 - 1e-9) - 1e-12


@pytest.mark.parametrize("name", sorted(n for n, c in CONTRACTS.items() if c.rate is not None))
def test_error_falls_with_n_at_the_stated_rate(name):
    """Between samples of one law the distance is all error; its log-log slope in n is the stated rate.

    n^{-1/d} for W_p in d > 2 (Dudley 1969); n^{-1/2} on the line, for projections, moments, and for entropic
    transport once the blur is as wide as the data (Genevay et al. 2019), below which it behaves like W_p.
    """
    contract = CONTRACTS[name]
    method = contract.rated or contract.method
    sizes, means = [50, 100, 200, 400], []
    for n in sizes:
        draws = np.random.default_rng(n).standard_normal((24, 2, n, contract.dim))
        means.append(np.mean([wdist.estimate(x, y, p=contract.p, method=method).value for x, y in draws]))
    slope = np.polyfit(np.log(sizes), np.log(means), 1)[0]
    assert slope == pytest.approx(contract.rate, abs=0.12)
