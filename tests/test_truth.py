"""Every analytic case held against its own proof, against draws, and against exact solvers.

A coupling and a potential settle a distance from both sides: the coupling's cost is the number in the case,
no other pairing of the same points is cheaper, and f(x) − f(y) = |x − y| on every pair, f 1-Lipschitz. What
is left to doubt is whether the coupling's two sides are the laws that the case holds, and whether those are
what their names say.
"""

from __future__ import annotations

import math
import pickle
import random
from itertools import pairwise

import numpy as np
import ot
import pytest
import torch
from scipy import integrate, linalg, optimize, stats

from wdist import truth
from wdist.errors import InputError
from wdist.measures import Samples
from wdist.plans.line import line_distance
from wdist.truth.case import Case
from wdist.truth.collection import PUBLISHED_FUNNELS
from wdist.truth.funnel import Landscape
from wdist.truth.laws import Box, Exponential, Gaussian

CASES = truth.cases()
F64 = torch.float64


def by_name(cases):
    return pytest.mark.parametrize("case", list(cases), ids=lambda case: case.name)


def is_discrete(case):
    return isinstance(case.a, Samples) and isinstance(case.b, Samples)


def finite_orders(case):
    return [p for p in case.w if math.isfinite(p)]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def pairs(case, seed=1):
    """Coupled draws; fewer in high dimension, where distances vary less."""
    return case.couple(20_000 if case.dim <= 16 else 5_000, rng(seed))


def norms(x):
    return torch.linalg.vector_norm(x, dim=1)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """These are many short operations, which threads on a busy machine only slow down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# --- the proofs ---------------------------------------------------------------------------------------------


@by_name(CASES)
def test_the_coupling_costs_what_the_case_says(case):
    x, y = pairs(case)
    lengths = norms(x - y)
    for p in finite_orders(case):
        powers = lengths**p
        error = case.error if p == 1 else 0.0
        tolerance = 4 * math.hypot(float(powers.std()) / math.sqrt(len(powers)), error)
        assert float(powers.mean()) == pytest.approx(case.w[p] ** p, rel=1e-9, abs=tolerance), p
    if math.inf in case.w:
        assert case.w[math.inf] * 0.99 <= float(lengths.max()) <= case.w[math.inf] * (1 + 1e-12)


@by_name(CASES)
def test_no_other_pairing_of_coupled_draws_is_cheaper(case):
    """An optimal coupling's support is c-cyclically monotone: its draws are optimally matched as they are."""
    x, y = case.couple(150, rng(2))
    lengths = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").numpy()
    for p in finite_orders(case):
        cost = lengths**p
        rows, columns = optimize.linear_sum_assignment(cost)
        assert np.trace(cost) == pytest.approx(cost[rows, columns].sum(), rel=1e-9), p
    if case.dim == 1 and math.inf in case.w:
        longest = float(norms(x - y).max())
        assert line_distance(x[:, 0].numpy(), y[:, 0].numpy(), math.inf) == pytest.approx(longest, rel=1e-12)


@by_name(CASES)
def test_the_marginals_of_the_coupling_are_the_two_laws(case):
    n = 4000
    x, y = case.couple(n, rng(3))
    towards = torch.randn(case.dim, 5, generator=rng(4), dtype=F64)
    for side, law, seed in ((x, case.a, 5), (y, case.b, 6)):
        fresh = law.draw(n, rng(seed))
        assert fresh.shape == side.shape == (n, case.dim)
        assert fresh.dtype == side.dtype == F64
        seen = torch.cat([side @ towards, norms(side)[:, None]], dim=1).numpy()
        wanted = torch.cat([fresh @ towards, norms(fresh)[:, None]], dim=1).numpy()
        for k in range(seen.shape[1]):
            assert stats.ks_2samp(seen[:, k], wanted[:, k], method="asymp").pvalue > 1e-6, k
        gap = fresh.mean(0) - side.mean(0)
        noise = ((fresh.var(0) + side.var(0)) / n).sqrt()
        assert bool((gap.abs() <= 5 * noise + 1e-12).all())


@by_name(case for case in CASES if case.potential is not None)
def test_the_potential_is_1_lipschitz(case):
    reach = float(norms(case.a.draw(500, rng(1))).max()) + 1
    spread = reach * torch.randn(500, case.dim, generator=rng(2), dtype=F64)
    points = torch.cat([case.a.draw(500, rng(3)), case.b.draw(500, rng(4)), spread])
    others = points[torch.randperm(len(points), generator=rng(5))]
    close = points + 1e-4 * torch.randn(points.shape, generator=rng(6), dtype=F64)
    for x, y in ((points, others), (points, close)):
        rise = (case.potential(x) - case.potential(y)).abs()
        assert bool((rise <= norms(x - y) * (1 + 1e-9) + 1e-12).all())


@by_name(case for case in CASES if case.potential is not None)
def test_the_potential_sees_all_of_the_distance(case):
    """E_a f − E_b f = W_1, a first and b second; and on coupled pairs every bit of the way is seen."""
    x, y = pairs(case)
    torch.testing.assert_close(case.potential(x) - case.potential(y), norms(x - y), rtol=1e-9, atol=1e-9)
    up, down = case.potential(case.a.draw(len(x), rng(7))), case.potential(case.b.draw(len(x), rng(8)))
    noise = math.sqrt(float(up.var() + down.var()) / len(x))
    assert float(up.mean() - down.mean()) == pytest.approx(
        case.w[1], rel=1e-9, abs=4 * math.hypot(noise, case.error)
    )


def test_which_cases_carry_proofs():
    """All have a coupling, all with a W_1 but the piles a potential: nothing above is skipped in silence."""
    assert all(case.couple is not None for case in CASES)
    without = [case.name for case in CASES if case.potential is None and 1 in case.w]
    assert without == ["piles 5-2-2-5 to 3-3-5-3", "piles 3-2-1-4 to 1-2-4-3"]


# --- exact solvers ------------------------------------------------------------------------------------------


@by_name(case for case in CASES if case.dim == 1 and not is_discrete(case))
def test_large_samples_on_the_line_are_as_far_apart_as_the_laws(case):
    """|W_p(a_n, b_n) − W_p(a, b)| ≤ W_p(a_n, a) + W_p(b_n, b), about what two draws of each law show."""
    n = 100_000
    a, a2 = (case.a.draw(n, rng(s))[:, 0].numpy() for s in (1, 2))
    b, b2 = (case.b.draw(n, rng(s))[:, 0].numpy() for s in (3, 4))
    for p in finite_orders(case):
        tolerance = line_distance(a, a2, p) + line_distance(b, b2, p)
        assert tolerance < 0.2 * case.w[p]
        assert line_distance(a, b, p) == pytest.approx(case.w[p], abs=tolerance), p


@by_name(case for case in CASES if 2 <= case.dim <= 3 and not is_discrete(case))
def test_exact_transport_between_samples_is_near_the_truth_in_low_dimension(case):
    """The tolerance is again the distance between two draws of each law, here of 500 points."""
    p = min(finite_orders(case))

    def distance(x, y):
        cost = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").numpy() ** p
        return ot.emd2([], [], cost, numItermax=10**7) ** (1 / p)

    a, a2 = (case.a.draw(500, rng(s)) for s in (1, 2))
    b, b2 = (case.b.draw(500, rng(s)) for s in (3, 4))
    tolerance = distance(a, a2) + distance(b, b2)
    assert distance(a, b) == pytest.approx(case.w[p], abs=tolerance)


@by_name(case for case in CASES if is_discrete(case))
def test_discrete_cases_are_exact(case):
    a, b = case.a, case.b
    lengths = torch.cdist(a.points, b.points, compute_mode="donot_use_mm_for_euclid_dist").numpy()
    for p in finite_orders(case):
        value = ot.emd2(a.weights.numpy(), b.weights.numpy(), lengths**p, numItermax=10**7) ** (1 / p)
        assert value == pytest.approx(case.w[p], rel=1e-12)
        if case.dim == 1:
            masses = a.weights.numpy(), b.weights.numpy()
            on_line = line_distance(a.points[:, 0].numpy(), b.points[:, 0].numpy(), p, masses)
            assert on_line == pytest.approx(case.w[p], rel=1e-12)


# --- the numbers, by another road ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "p", "value"),
    [
        (truth.two_atoms(torch.tensor([1.0, -2.0, 2.0])), 3, 3.0),
        (
            truth.atom_and_many(torch.tensor([[3.0], [-1.0]]), torch.tensor([0.25, 0.75]), torch.zeros(1)),
            1,
            1.5,
        ),
        (
            truth.atom_and_many(torch.tensor([[3.0], [-1.0]]), torch.tensor([0.25, 0.75]), torch.zeros(1)),
            2,
            3**0.5,
        ),
        (truth.piles((5, 2, 2, 5), (3, 3, 5, 3)), 1, 5 / 14),
        (truth.piles((3, 2, 1, 4), (1, 2, 4, 3)), 1, 5 / 10),
        (truth.piles((2, 0, 0), (0, 0, 2)), 2, 2.0),
        (truth.piles((2, 0, 0), (1, 0, 1)), 2, 2**0.5),
        (truth.intervals((0.0, 2.0), (0.0, 1.0)), 2, 1 / math.sqrt(3)),
        (truth.intervals((-1.0, 1.0), (-2.0, 2.0)), 1, 0.5),
        (truth.intervals((0.0, 0.0), (0.0, 3.0)), 1, 1.5),
        (truth.intervals((0.0, 3.0), (0.0, 3.0)), 2, 0.0),
        (truth.exponentials(1.0, 2.0), 2, 1 / math.sqrt(2)),
        (truth.exponentials(0.25, 1.0), 3, 3 * 6 ** (1 / 3)),
        (truth.gaussians_on_line(0.0, 3.0, 0.0, 1.0), 1, 2 * math.sqrt(2 / math.pi)),
        (truth.gaussians_on_line(4.0, 5.0, 1.0, 1.0), 2, 5.0),
        (truth.gaussians_on_line(4.0, 2.0, 1.0, 2.0), math.inf, 3.0),
        (truth.wgan_example(-0.3), 1, 0.3),
        (truth.translation(torch.tensor([3.0, -4.0])), math.inf, 5.0),
        (truth.scaling(1, 3.0), 1, 2 * math.sqrt(2 / math.pi)),
        (truth.scaling(2, 0.0), 1, math.sqrt(math.pi / 2)),
        (truth.scaling(3, 2.0), 1, math.sqrt(8 / math.pi)),
        (truth.scaling(25, 3.0), 2, 10.0),
        (truth.subspace_scaling(7, 3, 2.0), 1, math.sqrt(8 / math.pi)),
        (truth.gaussians(torch.tensor([3.0]), torch.eye(1), torch.zeros(1), 25 * torch.eye(1)), 2, 5.0),
    ],
    ids=lambda item: item.name if isinstance(item, Case) else "",
)
def test_values_worked_out_by_hand(case, p, value):
    assert case.w[p] == pytest.approx(value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("before", [(5, 2, 2, 5), (3, 2, 1, 4), (0, 7, 0, 1)])
def test_piles_follow_the_textbook_recursion(before):
    after = before[::-1][:2] + before[:2]
    if sum(after) != sum(before):
        after = before[::-1]
    sigma = np.cumsum(np.subtract(before, after))
    assert truth.piles(before, after).w[1] == pytest.approx(np.abs(sigma).sum() / sum(before), rel=1e-14)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize(
    "ends", [((0, 1), (2, 5)), ((0, 1), (-1, 3)), ((0, 1), (0.5, 1.5 + 1e-9)), ((2, 2), (0, 9))]
)
def test_intervals_match_the_integral_over_quantiles(ends, p):
    (a0, a1), (b0, b1) = ends

    def gap(t):
        return abs(a0 - b0 + (a1 - a0 - b1 + b0) * t)

    crossing = (b0 - a0) / (a1 - a0 - b1 + b0)
    value = integrate.quad(lambda t: gap(t) ** p, 0, 1, points=[crossing] if 0 < crossing < 1 else None)[0]
    assert truth.intervals(*ends).w[p] == pytest.approx(value ** (1 / p), rel=1e-10)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("laws", [(0.5, 2.0, 0.0, 1.0), (-3.0, 0.5, 1.0, 1.5), (0.0, 1.0, 8.0, 1.01)])
def test_gaussians_on_the_line_match_the_integral_over_quantiles(laws, p):
    m, s = laws[0] - laws[2], laws[1] - laws[3]
    crossing = -m / s
    points = [crossing] if abs(crossing) < 12 else None
    value = integrate.quad(
        lambda z: abs(m + s * z) ** p * stats.norm.pdf(z), -12, 12, points=points, limit=200
    )[0]
    assert truth.gaussians_on_line(*laws).w[p] == pytest.approx(value ** (1 / p), rel=1e-8)


@pytest.mark.parametrize("d", [2, 5, 30])
def test_gaussians_match_the_formula_of_dowson_and_landau(d):
    g = np.random.default_rng(d)
    f_a, f_b = g.standard_normal((2, d, d))
    m_a, m_b = g.standard_normal((2, d))
    cov_a, cov_b = f_a @ f_a.T, f_b @ f_b.T
    root_a = linalg.sqrtm(cov_a)
    cross = linalg.sqrtm(root_a @ cov_b @ root_a).real
    w2 = math.sqrt(((m_a - m_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * cross))
    case = truth.gaussians(*(torch.from_numpy(t) for t in (m_a, cov_a, m_b, cov_b)))
    assert case.w[2] == pytest.approx(w2, rel=1e-8)
    x = case.a.draw(200_000, rng(d)).numpy()
    noise = 6 * np.sqrt((np.outer(np.diag(cov_a), np.diag(cov_a)) + cov_a**2) / len(x))
    assert (np.abs(np.cov(x.T) - cov_a) <= noise).all()


def test_close_gaussians_do_not_cancel():
    """The traces agree to 16 digits here; a difference of them would return rounding alone."""
    cov, zero = torch.diag(torch.tensor([1.0, 2.0], dtype=F64)), torch.zeros(2, dtype=F64)
    case = truth.gaussians(zero, cov, zero, cov * (1 + 1e-9) ** 2)
    assert case.w[2] == pytest.approx(1e-9 * math.sqrt(3), rel=1e-5)


@by_name(CASES)
def test_distances_grow_with_the_order(case):
    values = [case.w[p] for p in sorted(case.w)]
    assert all(small <= large * (1 + 1e-12) for small, large in pairwise(values))


# --- the laws are what their names say ----------------------------------------------------------------------


def test_laws_on_the_line_against_scipy():
    def one(*values):
        return torch.tensor(values, dtype=F64)

    for law, reference in (
        (Exponential(2.5), stats.expon(scale=0.4)),
        (Box(one(-1.0), one(3.0)), stats.uniform(-1, 4)),
        (Gaussian(one(2.0), one(3.0)[None]), stats.norm(2, 3)),
    ):
        assert stats.kstest(law.draw(20_000, rng(1))[:, 0].numpy(), reference.cdf).pvalue > 1e-3


def test_a_gaussian_takes_any_factor():
    """Not only symmetric ones: N(0, F·Fᵀ), of which Fᵀ·F is something else."""
    factor = torch.tensor([[1.0, 0.0], [3.0, 0.5]], dtype=F64)
    x = Gaussian(torch.zeros(2, dtype=F64), factor).draw(100_000, rng(1))
    torch.testing.assert_close(x.T.cov(), factor @ factor.T, rtol=0.02, atol=0)


def test_the_wgan_example_stands_on_two_parallel_segments():
    case = truth.wgan_example(2.0)
    for law, at in ((case.a, 2.0), (case.b, 0.0)):
        x = law.draw(20_000, rng(1)).numpy()
        assert (x[:, 0] == at).all()
        assert stats.kstest(x[:, 1], stats.uniform.cdf).pvalue > 1e-3


def test_translation_takes_any_law():
    law = Box(torch.zeros(2, dtype=F64), torch.ones(2, dtype=F64))
    case = truth.translation(torch.tensor([0.0, -2.0]), law, "square")
    x = case.a.draw(1000, rng(1))
    assert case.name == "translation d=2 square length=2"
    assert bool(((x[:, 1] >= -2) & (x[:, 1] <= -1)).all())
    assert bool(((x[:, 0] >= 0) & (x[:, 0] <= 1)).all())


def test_a_subspace_is_stretched_and_the_rest_is_not():
    case = truth.subspace_scaling(6, 2, 3.0)
    covariance = case.a.factor @ case.a.factor.T
    torch.testing.assert_close(
        torch.linalg.eigvalsh(covariance), torch.tensor([1.0] * 4 + [9.0] * 2, dtype=F64), rtol=1e-12, atol=0
    )


# --- the funnels --------------------------------------------------------------------------------------------


def landscape(case) -> Landscape:
    return case.potential.__self__


def test_funnels_stand_where_the_papers_code_puts_them():
    case = truth.funnels(2, 4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(987)
        tips = 2.5 * (torch.rand(4, 2) * 2 - 1)
        torch.manual_seed(987)
        heights = torch.randn(4) * 0.1
    torch.testing.assert_close(landscape(case).tips.float(), tips)
    torch.testing.assert_close(landscape(case).heights.float(), heights)


@pytest.mark.parametrize(("d", "n"), [(1, 3), (2, 4), (2, 64), (16, 16)])
def test_rays_end_at_the_next_funnel_or_the_wall(d, n):
    """Just short of a ray's end one is still in the cube and in the own funnel; just past it one is not."""
    case = truth.funnels(d, n)
    land = landscape(case)
    x = case.b.draw(4000, rng(1))
    own = land.funnel(x)
    tip = land.tips[own]
    t = (norms(land.sink(x) - tip) / norms(x - tip)) ** (1 / (land.power - 1))  # T(x) = tip + t^7 (x − tip)
    end = tip + (x - tip) / t[:, None]

    def inside(y):
        return (y.abs() <= land.half_width).all(dim=1) & (land.funnel(y) == own)

    clear = t > 0.1  # nearer to the tip, T(x) leaves too few digits of t
    assert float(clear.double().mean()) > 0.85
    assert bool(inside(tip + (end - tip) * (1 - 1e-6))[clear].all())
    assert not bool(inside(tip + (end - tip) * (1 + 1e-6))[clear].any())


def test_a_point_on_a_tip_stays_there():
    land = landscape(truth.funnels(3, 5))
    tips = land.tips[land.funnel(land.tips) == torch.arange(5)]
    torch.testing.assert_close(land.sink(tips), tips, rtol=0, atol=0)


def test_funnels_come_in_chunks_like_in_one_piece(monkeypatch):
    case = truth.funnels(3, 7)
    x = case.b.draw(1001, rng(1))
    whole = case.potential(x), landscape(case).sink(x)
    monkeypatch.setattr("wdist.truth.funnel.CHUNK", 700)
    torch.testing.assert_close((case.potential(x), landscape(case).sink(x)), whole, rtol=1e-13, atol=1e-13)


def test_one_funnel_on_the_line_in_closed_form():
    """d = 1, one tip a in [−L, L]: E|x − a| = (L² + a²) / (2L), of which (8 − 1)/(1 + 8) is gone down."""
    case = truth.funnels(1, 1)
    a = float(landscape(case).tips)
    assert case.w[1] == pytest.approx(7 / 9 * (2.5**2 + a**2) / 5, abs=4 * case.error)
    assert 0 < case.error < 0.002 * case.w[1]


# --- the valleys --------------------------------------------------------------------------------------------


def test_one_sheet_in_closed_form():
    """A normal coordinate at distance |z − c| from a plane through the level c, of which 0.7 is gone."""
    case = truth.valleys(4, 1, 3)
    land = case.potential.__self__
    c = float(land.centres[0] @ land.normals[0, 0])
    from_sheet = 2 * np.exp(-(c**2) / 2) / np.sqrt(2 * np.pi) + c * (1 - 2 * stats.norm.sf(c))
    assert case.w[1] == pytest.approx(0.7 * from_sheet, abs=4 * case.error)


@pytest.mark.parametrize(("d", "n", "k"), [(2, 5, 1), (5, 7, 2), (6, 4, 0)])
def test_what_sinks_stays_on_the_straight_way_to_its_own_floor(d, n, k):
    case, rng = truth.valleys(d, n, k, kept=0.25), torch.Generator().manual_seed(3)
    land = case.potential.__self__
    x = case.b.draw(500, rng)
    y = land.sink(x)
    torch.testing.assert_close(torch.linalg.vector_norm(x - y, dim=1), land.depth(x), rtol=1e-12, atol=1e-12)
    own = (x - (x - y) / 0.75)[:, None] - land.centres  # the feet; one of the floors holds each
    off = torch.linalg.vector_norm(torch.einsum("nmd,mrd->nmr", own, land.normals), dim=2)
    assert float(off.amin(dim=1).max()) < 1e-12
    torch.testing.assert_close(case.potential(y) - case.potential(x), land.depth(x), rtol=1e-12, atol=1e-12)


def test_valleys_cut_in_chunks_are_the_same(monkeypatch):
    case = truth.valleys(3, 5, 1)
    x = case.b.draw(200, torch.Generator().manual_seed(1))
    whole = case.potential(x), case.potential.__self__.sink(x)
    monkeypatch.setattr("wdist.truth.valley.CHUNK", 70)
    torch.testing.assert_close(
        (case.potential(x), case.potential.__self__.sink(x)), whole, rtol=1e-13, atol=1e-13
    )


def test_valleys_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="need d >= 1, n >= 1, 0 <= k < d"):
        truth.valleys(3, 2, 3)


# --- the collection -----------------------------------------------------------------------------------------


def test_the_collection_is_whole():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 40
    assert {f"funnels d={d} n={n}" for d, n in PUBLISHED_FUNNELS} <= set(names)
    assert all(case.origin and case.w and case.dim == case.b.dim for case in CASES)
    assert [case.error > 0 for case in CASES] == [
        case.name.startswith(("funnels", "valleys")) for case in CASES
    ]
    assert truth.cases() is CASES


def test_draws_hang_on_their_generator_alone_and_leave_no_trace():
    def everything(noise):
        torch.manual_seed(noise)
        np.random.seed(noise)  # noqa: NPY002
        random.seed(noise)
        before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
        built = truth.cases.__wrapped__()
        out = [
            (case.w, case.error, case.a.draw(7, rng(1)), case.b.draw(7, rng(2)), *case.couple(7, rng(3)))
            for case in built
        ]
        assert torch.equal(before[0], torch.get_rng_state())
        assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
        assert before[2] == random.getstate()
        return out

    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        first, second = everything(1), everything(2)
    finally:
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
    for one, other in zip(first, second, strict=True):
        assert one[:2] == other[:2]
        assert all(torch.equal(s, t) for s, t in zip(one[2:], other[2:], strict=True))


@by_name(case for case in CASES if not is_discrete(case))
def test_another_seed_gives_another_draw(case):
    for law in (case.a, case.b):
        assert not torch.equal(law.draw(5, rng(1)), law.draw(5, rng(2)))
        g = rng(1)
        assert not torch.equal(law.draw(5, g), law.draw(5, g))


def test_cases_can_be_sent_to_another_process():
    for case in CASES:
        copy = pickle.loads(pickle.dumps(case))
        assert (copy.name, copy.w) == (case.name, case.w)
        assert torch.equal(copy.a.draw(3, rng(1)), case.a.draw(3, rng(1)))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: truth.two_atoms(torch.zeros(3)), "not zero"),
        (lambda: truth.translation(torch.zeros(3)), "not zero"),
        (lambda: truth.wgan_example(0.0), "theta is 0"),
        (lambda: truth.atom_and_many(torch.eye(2), torch.tensor([1.0, 0.0]), torch.zeros(2)), "without mass"),
        (lambda: truth.piles((1, 2), (1, 1)), "same positive total"),
        (lambda: truth.piles((1, -1), (0, 0)), "same positive total"),
        (lambda: truth.intervals((1.0, 0.0), (0.0, 1.0)), "low <= high"),
        (lambda: truth.exponentials(0.0, 1.0), "a rate is > 0"),
        (lambda: truth.gaussians_on_line(0.0, -1.0, 0.0, 1.0), "must be >= 0"),
        (lambda: truth.scaling(0), "at least one coordinate"),
        (lambda: truth.scaling(2, -1.0), "pass one >= 0"),
        (lambda: truth.subspace_scaling(3, 4), "has 1 to 3"),
        (
            lambda: truth.gaussians(
                torch.zeros(2), torch.tensor([[1.0, 1.0], [0.0, 1.0]]), torch.zeros(2), torch.eye(2)
            ),
            "sym",
        ),
        (
            lambda: truth.gaussians(torch.zeros(2), torch.eye(2), torch.zeros(2), -torch.eye(2)),
            "negative eigenvalue",
        ),
        (lambda: truth.gaussians(torch.zeros(3), torch.eye(2), torch.zeros(2), torch.eye(2)), "shapes"),
        (lambda: truth.rotated_gaussians(2, 0.5), "condition"),
        (lambda: truth.translation(torch.ones(3), Exponential(1.0)), "one space"),
        (lambda: truth.funnels(2, 4, power=1.0), "power > 1"),
        (lambda: Case("x", Exponential(1.0), truth.scaling(2).b, {}, ""), "one space"),
        (lambda: Case("x", Exponential(1.0), Exponential(2.0), {0.5: 1.0}, ""), "p >= 1"),
        (lambda: Case("x", Exponential(1.0), Exponential(2.0), {1.0: math.inf}, ""), "finite"),
    ],
)
def test_a_case_that_cannot_be_is_refused(build, says):
    with pytest.raises(InputError, match=says):
        build()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_draws_lie_on_the_generators_device():
    g = torch.Generator(device="cuda").manual_seed(0)
    for case in CASES:
        if is_discrete(case):
            continue  # their points lie where they lie
        x, y = case.couple(64, g)
        assert {t.device.type for t in (x, y, case.a.draw(3, g), case.b.draw(3, g))} == {"cuda"}, case.name
        if case.potential is not None:
            torch.testing.assert_close(
                case.potential(x) - case.potential(y), norms(x - y), rtol=1e-9, atol=1e-9
            )
