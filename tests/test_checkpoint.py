"""A fit that is interrupted goes on from its file, and ends where it would have ended."""

import os
import re

import numpy as np
import pytest
import torch

import wdist
from wdist import Cones, Critic, GradientPenalty, InputError
from wdist.critic.constraints import Orthonormal
from wdist.truth import funnels, scaling

CASE = scaling(3)


class Halt:
    """A progress function that breaks the run off at its n-th call."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def __call__(self, step, steps):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt


def run(path=None, halt=None, case=CASE, seed=0, constraint=None, **options):
    options = {"net": Cones(8, pace=0.1), "steps": 60, "batch": 32} | options
    method = Critic(constraint or Orthonormal(), checkpoint=path, progress=halt, **options)
    return wdist.estimate(case.a, case.b, method=method, seed=seed)


def same(one, two):
    assert one.value == two.value
    assert one.detail.steps == two.detail.steps
    x = torch.randn(20, CASE.a.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(one.detail.potential(x), two.detail.potential(x))
    key = [(look.net, look.step, look.training, look.objective) for look in one.detail.curve]
    assert key == [(look.net, look.step, look.training, look.objective) for look in two.detail.curve]


class Small(Orthonormal):
    """One cone against sixteen: the larger wins, and grows."""

    nets = (Cones(1, planes=0), Cones(16, pace=0.1))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"constraint": GradientPenalty(10.0), "net": wdist.MLP((8, 8))},
        {"net": wdist.MLP((8, 8), "abs")},
        {"net": None, "constraint": Small(), "case": funnels(3, 16)},
    ],
    ids=["cones", "penalty", "orthonormal", "portfolio that grows"],
)
@pytest.mark.parametrize("at", [1, 7, 8])  # after 8 looks the batches that were drawn at once are used up
def test_it_ends_where_it_would_have_ended(options, at, tmp_path):
    path, whole = tmp_path / "fit.pt", run(**options)
    if options.get("case"):
        at += 10  # in the second round
    with pytest.raises(KeyboardInterrupt):
        run(path, Halt(at), **options)
    calls = Halt(0)
    same(run(path, calls, **options), whole)
    rounds = len({look.net for look in whole.detail.curve}) - ("case" in options)
    assert (rounds > 1) == ("case" in options)
    assert calls.calls == 12 * rounds - at  # and does not begin again
    same(run(path, **options), whole)  # finished, it is read


def test_who_left_does_not_come_back(tmp_path):
    options = {"net": None, "constraint": Small(), "case": funnels(3, 16)}
    path, whole = tmp_path / "fit.pt", run(**options)
    left = [look.step for look in whole.detail.curve if look.net == repr(Small.nets[0])]
    assert len(left) < 8
    with pytest.raises(KeyboardInterrupt):
        run(path, Halt(8), **options)
    same(run(path, **options), whole)


def test_samples_go_on_too(tmp_path, rng):
    x, y = rng.standard_normal((90, 3)), rng.standard_normal((90, 3)) + 1
    ask = lambda **options: wdist.estimate(x, y, method=Critic(net=Cones(4), steps=40, batch=16, **options))  # noqa: E731
    whole = ask()
    with pytest.raises(KeyboardInterrupt):
        ask(checkpoint=str(tmp_path / "fit.pt"), progress=Halt(5))
    same(ask(checkpoint=str(tmp_path / "fit.pt")), whole)


def test_a_source_that_broke_and_was_mended_goes_on(tmp_path):
    law, broken = CASE, [True]

    def breaks(n, rng):
        x = law.b.draw(n, rng)
        return x * np.nan if broken[0] and breaks.calls > 60 else x

    calls = breaks.calls = 0

    def counted(n, rng):
        breaks.calls += 1
        return breaks(n, rng)

    ask = lambda: wdist.estimate(  # noqa: E731
        law.a, counted, method=Critic(net=Cones(4), steps=300, batch=16, checkpoint=tmp_path / "fit.pt")
    )
    with pytest.warns(wdist.WdistWarning, match="NaN or infinite value on draw"):
        assert not ask().converged
    broken[0], breaks.calls = False, calls
    mended = ask()
    assert mended.converged
    assert mended.detail.steps == 300


def test_another_fit_or_no_fit_is_refused(tmp_path):
    path = tmp_path / "fit.pt"
    run(path)
    text = f"checkpoint {path} is of a fit with other data, options or seed; delete it, or name another file"
    for other in ({"seed": 1}, {"steps": 61}, {"case": scaling(4)}):
        with pytest.raises(InputError, match=re.escape(text)):
            run(path, **other)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=re.escape(f"checkpoint {path} is no state of a fit (")):
        run(path)
    assert list(tmp_path.iterdir()) == [path]  # no half-written file beside it


def test_a_file_that_cannot_be_written_is_refused_before_the_fit(tmp_path):
    path = tmp_path / "no" / "fit.pt"
    text = f"checkpoint {path} cannot be made: {path.parent} is no folder; name another file"
    with pytest.raises(InputError, match=re.escape(text)):
        run(path)
    path.parent.mkdir()
    path.parent.chmod(0o500)
    if not os.access(path.parent, os.W_OK):  # root may write anywhere
        with pytest.raises(InputError, match="may not be written to; name another file"):
            run(path)


def test_a_full_disk_leaves_what_was_kept(tmp_path, monkeypatch):
    path = tmp_path / "fit.pt"
    whole, save, calls = run(tmp_path / "whole.pt"), torch.save, []

    def fills(state, file):
        calls.append(file)
        file.write_bytes(b"half")
        if len(calls) == 3:
            raise RuntimeError("[enforce fail] no space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", fills)
    with pytest.raises(
        InputError, match=r"fit.pt cannot be written \(.*no space left on device\); what was kept"
    ):
        run(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fit.pt", "whole.pt"]
    monkeypatch.setattr(torch, "save", save)
    assert run(path).value == whole.value


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"checkpoint": 3}, "checkpoint is 3; pass the path of a file, or None"),
        ({"ranks": 2}, "ranks is 2; pass wdist.Ranks.here(), or leave it"),
        ({"dtype": torch.float16}, "dtype is torch.float16; pass torch.float32 or torch.float64"),
    ],
)
def test_options_are_refused(options, text):
    with pytest.raises(InputError, match=re.escape(text)):
        Critic(**options)
