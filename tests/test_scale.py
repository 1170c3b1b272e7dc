"""The critic where there is much: maps larger than memory, devices that are full, whatever precision is set."""

import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import wdist
from wdist import Cones, Critic, GradientPenalty, InputError, Orthonormal
from wdist.critic.parts import MOST_REPORT, MOST_VALIDATION, Split
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
    forward = wdist.critic.cones.ConeNet.forward
    asked = []

    def guarded(self, x):
        if torch.is_grad_enabled():
            asked.append(len(x))
            if len(x) > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return forward(self, x)

    monkeypatch.setattr(wdist.critic.cones.ConeNet, "forward", guarded)
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
