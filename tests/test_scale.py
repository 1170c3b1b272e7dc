"""The critic where there is much: maps larger than memory, other devices and full ones, whatever precision is set."""

import dataclasses
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import wdist
from wdist import Cones, Critic, GradientPenalty, InputError, Orthonormal
from wdist.critic import peak_gradient
from wdist.critic.parts import MOST_REPORT, MOST_VALIDATION, Split
from wdist.critic.retraction import OrthonormalAdam
from wdist.critic.step import CriticStep
from wdist.question import ask
from wdist.rng import as_rng
from wdist.truth import scaling

CASE = scaling(3)
STATUS = Path("/proc/self/status")


def own_memory():
    """Bytes of this process that no file backs."""
    return next(int(row.split()[1]) * 1024 for row in STATUS.read_text().splitlines() if "RssAnon" in row)


@pytest.mark.skipif(not STATUS.exists(), reason="memory is read from /proc")
def test_a_memory_map_is_not_copied(tmp_path):
    rows, dim = 400_000, 64
    paths = [tmp_path / name for name in ("a.npy", "b.npy")]
    for path, shift in zip(paths, (0.0, 0.5), strict=True):
        held = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dim))
        block = np.random.default_rng(0).standard_normal((1000, dim), dtype=np.float32) + np.float32(shift)
        for k in range(0, rows, 1000):
            held[k : k + 1000] = block
        del held, block
    method = Critic(net=Cones(4), steps=12, batch=32)
    wdist.estimate(CASE.a, CASE.b, method=method)  # what is imported once is not counted
    before, most, done = own_memory(), [0], threading.Event()

    def watch():
        while not done.is_set():
            most[0] = max(most[0], own_memory())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        est = wdist.estimate(*(np.load(path, mmap_mode="r") for path in paths), method=method)
    finally:
        done.set()
        watcher.join()
    size = 2 * rows * dim * 4
    assert most[0] - before < 0.9 * size  # copies of all parts, in double precision, were far more
    assert est.value > 1


def test_of_very_many_rows_a_bounded_number_is_held_out():
    x = torch.arange(3_200_000.0)[:, None]
    question = ask(x, x[:300], rng=as_rng(0))
    split = Split.of(question.a, question.b, as_rng(1))
    report, train = split.report[0].rows, split.train[0].rows
    assert (len(report), len(split.validation[0][0])) == (MOST_REPORT, MOST_VALIDATION)
    rows = torch.cat([train, report, split.validation[0][0][:, 0].long()])
    assert torch.equal(rows.sort().values, torch.arange(len(x)))


def weights(constraint, pieces):
    rng = torch.Generator().manual_seed(0)
    x, y = (law.draw(48, rng) for law in (CASE.a, CASE.b))
    net = constraint.prepare(wdist.MLP((8, 8), "abs").build(x, y, rng))
    step = CriticStep(net, constraint, torch.optim.SGD(net.parameters(), lr=0.1))
    values = [float(step(x, y, rng, pieces=pieces)) for _ in range(3)]
    return values, torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("constraint", [Orthonormal(), GradientPenalty(10.0, where="data")])
def test_a_step_in_pieces_is_the_same(constraint):
    whole, parts = weights(constraint, 1), weights(constraint, 3)
    assert whole[0] == pytest.approx(parts[0], rel=1e-12)
    assert torch.allclose(whole[1], parts[1], rtol=0, atol=1e-12)


def full(monkeypatch, most):
    """Let every network run out of memory on more than so many points while it learns."""
    forward, distances = wdist.critic.cones.ConeNet.forward, peak_gradient._distances
    asked = []

    def check(x):
        asked.append(len(x))
        if len(x) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    def guarded(self, x):
        if torch.is_grad_enabled():
            check(x)
        return forward(self, x)

    def written_out(x, centres):
        check(x)
        return distances(x, centres)

    monkeypatch.setattr(wdist.critic.cones.ConeNet, "forward", guarded)
    monkeypatch.setattr(peak_gradient, "_distances", written_out)
    return asked


def test_a_full_device_gets_smaller_pieces(monkeypatch):
    method = Critic(net=Cones(8, pace=0.1), steps=60, batch=64)
    whole = wdist.estimate(CASE.a, CASE.b, method=method)
    asked = full(monkeypatch, 32)  # both sides are in it
    est = wdist.estimate(CASE.a, CASE.b, method=method)
    assert asked[:3] == [128, 64, 32]
    assert set(asked[2:]) == {32}
    assert est.value == pytest.approx(whole.value, rel=1e-4)


def test_a_device_that_holds_no_point_says_how(monkeypatch):
    full(monkeypatch, 1)
    text = (
        "the device has no memory for a step of Cones(centres=8, planes=8, ranks=(), pace=0.1) on 64 points a side, in "
        "64 pieces; pass a smaller batch, a smaller net, or device='cpu'"
    )
    with pytest.raises(InputError, match=re.escape(text)):
        wdist.estimate(CASE.a, CASE.b, method=Critic(net=Cones(8, pace=0.1), steps=60, batch=64))


ELSEWHERE = [
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here"),
        ],
    ),
    pytest.param(
        "mps",
        marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="there is no MPS here"),
    ),
]


@pytest.mark.parametrize("constraint", [Orthonormal(), GradientPenalty(10.0)])
@pytest.mark.parametrize("device", ["cpu", *ELSEWHERE])
def test_the_fit_may_be_elsewhere_than_the_points(device, constraint, monkeypatch):
    """The same numbers are drawn for it; the critic comes back to where the points are."""
    pinned, pin = [], torch.Tensor.pin_memory
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: pinned.append(len(x)) or pin(x))
    net = Cones(4) if isinstance(constraint, Orthonormal) else wdist.MLP((8, 8))
    method = Critic(constraint, net, steps=24, batch=32)
    here = wdist.estimate(CASE.a, CASE.b, method=method)
    there = wdist.estimate(CASE.a, CASE.b, method=dataclasses.replace(method, device=device))
    exact = device == "cpu"
    assert there.value == (here.value if exact else pytest.approx(here.value, rel=1e-3))
    assert {p.device.type for p in there.detail.potential.net.parameters()} == {"cpu"}
    assert (len(pinned) > 0) == (device == "cuda")


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="there is no MPS here")
def test_points_on_mps_are_read_in_float64_on_the_cpu():
    x = torch.rand(30, 2, generator=torch.Generator().manual_seed(0))
    assert wdist.estimate(x.to("mps"), (x + 1).to("mps"), p=2).value == wdist.estimate(x, x + 1, p=2).value
    with pytest.raises(InputError, match=r"the clouds are on mps, which has no float64; pass x\.cpu\(\)"):
        wdist.functional.sinkhorn_divergence(x.to("mps"), x.to("mps"), epsilon=0.1)
    metric = wdist.WassersteinMetric().to("mps")
    metric.update(x.to("mps"), x)
    assert metric.compute().value == 0


def test_a_device_without_float64_is_for_the_fit_alone():
    with pytest.raises(
        InputError, match=r"device='mps' cannot be used .*method=wdist.Critic\(device='mps'\)"
    ):
        wdist.estimate([[0.0, 0.0]], [[1.0, 1.0]], device="mps")
    with pytest.raises(InputError, match=r"device='cuda:99' cannot be used"):
        Critic(device="cuda:99")


def test_what_was_kept_on_one_device_goes_on_upon_another():
    def optimizer(device):
        matrix, free = (torch.ones(2, n, device=device, requires_grad=True) for n in (2, 1))
        return OrthonormalAdam([matrix], [free], angle=0.1, lr=0.05), (matrix, free)

    made, parameters = optimizer("cpu")
    for p in parameters:
        p.grad = torch.ones_like(p)
    made.step()
    elsewhere, _ = optimizer("meta")
    elsewhere.load_state_dict(made.state_dict())
    held = [elsewhere.state[name][0] for name in ("momenta", "means", "squares")]
    assert {state.device.type for state in held} == {"meta"}
    assert elsewhere.state["steps"] == 1


def test_it_multiplies_in_full_precision_and_gives_back_what_was_set():
    seen = []
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        method = Critic(
            net=Cones(4), steps=12, batch=16,
            progress=lambda step, steps: seen.append(torch.get_float32_matmul_precision()),
        )  # fmt: skip
        wdist.estimate(CASE.a, CASE.b, method=method)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    assert set(seen) == {"highest"}
