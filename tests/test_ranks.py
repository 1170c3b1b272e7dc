"""Several processes at work on one answer: one step, one fit and one refusal, the same in all and as in one process."""

import datetime
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed
from two_processes import TIME_OUT, findings

import wdist
from wdist import Critic, GradientPenalty, InputError, NotConvergedError, Orthonormal, Ranks
from wdist.critic.step import CriticStep
from wdist.ranks import ALONE
from wdist.truth import scaling

NAN = float("nan")
X = torch.randn(64, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 1
Y = torch.randn(64, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

pytestmark = pytest.mark.skipif(not distributed.is_available(), reason="this torch has no torch.distributed")


class TestAlone:
    def test_nothing_happens_in_one_process(self):
        weight = torch.zeros(2, requires_grad=True)
        (3 * weight).sum().backward()
        ALONE.average([weight])
        ALONE.spread([weight])
        assert weight.grad.tolist() == [3, 3]
        assert ALONE.told(lambda: 5) == ALONE.agreed(lambda: 5) == 5
        assert ALONE.gather("mine") == ["mine"]
        assert ALONE.first
        assert Ranks.here() == ALONE

    @pytest.mark.parametrize("size", [1, 2, 3, 8])
    def test_shares_are_of_one_size_and_make_up_the_batch(self, size):
        batch = torch.arange(Ranks(0, size).whole(10))
        shares = [Ranks(rank, size).share(batch) for rank in range(size)]
        assert {len(share) for share in shares} == {-(-10 // size)}
        assert sorted(torch.cat(shares).tolist()) == batch.tolist()


def stepped(constraint, ranks=ALONE, steps=3):
    """Values after some steps on this rank's shares of the same batches, up to a constant.

    The constant is free: its gradient is nothing but rounding, of which Adam makes whole steps.
    """
    rng = torch.Generator().manual_seed(5)
    net = constraint.prepare(wdist.MLP((8, 8), "abs").build(X, Y, rng))
    step = CriticStep(net, constraint, constraint.optimizer(net, 0.05), ranks=ranks)
    for _ in range(steps):
        rows = torch.randperm(64, generator=rng)[:32]
        step(ranks.share(X[rows]), ranks.share(Y[rows]), rng)
    values = net(X).detach()
    return values - values.mean()


def fitted(constraint, net, ranks=ALONE, **options):
    """An estimate between laws, in double precision: value, standard error and steps."""
    case = scaling(3)
    method = Critic(constraint, net, steps=60, batch=64, ranks=ranks, dtype=torch.float64, **options)
    est = wdist.estimate(case.a, case.b, method=method)
    return est.value, est.detail.standard_error, est.detail.steps


FITTED = {
    "portfolio": (Orthonormal(), None),
    "penalty": (GradientPenalty(10.0), wdist.MLP((16, 16))),
}
STEPPED = {"penalty": GradientPenalty(10.0), "orthonormal": Orthonormal()}


def write(found, folder, rank):
    with open(f"{folder}/{rank}.pickle", "wb") as file:
        pickle.dump(found, file)


def process(rank, folder):
    """What each of two processes does; its findings go to a file."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2,
        timeout=datetime.timedelta(seconds=TIME_OUT / 2),
    )  # fmt: skip
    ranks = Ranks.here()
    found = {"here": (ranks.rank, ranks.size)}

    def refused(name, call):
        try:
            found[name] = call()
        except (InputError, NotConvergedError, ZeroDivisionError) as error:
            found[name] = f"{type(error).__name__}: {error}"

    def fails(where):
        if rank == where:
            raise InputError(f"batch 7 of process {rank} is no good")
        return rank

    weight = torch.full((3,), float(rank), requires_grad=True)
    (weight * torch.arange(3.0) * (rank + 1)).sum().backward()
    ranks.average([weight, torch.zeros(2, requires_grad=True)])
    ranks.spread([weight])
    found["averaged"], found["spread"] = weight.grad.tolist(), weight.tolist()
    found["gathered"] = ranks.gather(10 + rank)
    found["told"] = ranks.told(lambda: ("from", rank))
    refused("told error", lambda: ranks.told(lambda: 1 / rank))
    refused("agreed error", lambda: ranks.agreed(lambda: fails(1)))
    refused("agreed", lambda: ranks.agreed(lambda: fails(2)))
    for name, constraint in STEPPED.items():
        found[name] = stepped(constraint, ranks)
    for name, recipe in FITTED.items():
        found[f"fitted {name}"] = fitted(*recipe, ranks)
    calls = []

    def breaks(n, rng):
        calls.append(n)
        x = torch.randn(n, 3, generator=rng, dtype=torch.float64)
        return x * NAN if rank == 1 and len(calls) > 60 else x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = Critic(net=wdist.Cones(4), steps=300, batch=16, ranks=ranks)
        est = wdist.estimate(scaling(3).a, breaks, method=method)
    found["broken"] = (est.value, est.converged, est.message)
    started = time.monotonic()
    distributed.barrier()
    if rank == 1:
        write(found, folder, rank)
        os._exit(9)
    refused("left alone", lambda: ranks.gather(rank))
    found["seconds"] = time.monotonic() - started
    write(found, folder, rank)
    os._exit(0)  # once in a while gloo's threads abort on the way out, where the other side has died


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Findings of two processes that talk by gloo."""
    return findings(process, tmp_path_factory.mktemp("gloo"), exits=(0, 9))


class TestTwoProcesses:
    def test_they_know_each_other(self, two):
        assert [found["here"] for found in two] == [(0, 2), (1, 2)]
        assert two[0]["gathered"] == two[1]["gathered"] == [10, 11]

    def test_gradients_become_their_mean(self, two):
        assert two[0]["averaged"] == two[1]["averaged"] == [0, 1.5, 3]
        assert two[0]["spread"] == two[1]["spread"] == [0, 0, 0]

    def test_the_first_decides_and_its_errors_reach_all(self, two):
        assert two[0]["told"] == two[1]["told"] == ("from", 0)
        assert two[0]["told error"] == two[1]["told error"] == "ZeroDivisionError: division by zero"

    def test_a_refusal_in_one_is_one_in_all(self, two):
        assert [found["agreed"] for found in two] == [0, 1]
        assert {found["agreed error"] for found in two} == {"InputError: batch 7 of process 1 is no good"}

    @pytest.mark.parametrize("name", STEPPED)
    def test_a_step_is_that_of_one_process_on_the_whole_batch(self, two, name):
        """Also with a penalty between random points: its numbers are drawn for the whole batch and shared."""
        assert torch.equal(two[0][name], two[1][name])
        whole = stepped(STEPPED[name])
        assert (
            float((two[0][name] - whole).abs().max()) < 1e-8
        )  # Adam makes 1e-9 of the rounding of gradients that are zero
        assert float((whole - stepped(STEPPED[name], steps=2)).abs().max()) > 1e-3

    @pytest.mark.parametrize("name", FITTED)
    def test_a_fit_is_that_of_one_process(self, two, name):
        assert two[0][f"fitted {name}"] == two[1][f"fitted {name}"]
        assert two[0][f"fitted {name}"] == pytest.approx(fitted(*FITTED[name]), rel=1e-6)

    def test_a_source_that_fails_in_one_stops_all_at_the_last_good_state(self, two):
        assert two[0]["broken"] == two[1]["broken"]
        _, converged, message = two[0]["broken"]
        assert not converged
        assert "b returned a NaN or infinite value on draw" in message
        assert "The critic stands as validation liked it best before that" in message

    def test_one_that_dies_is_told_at_once(self, two):
        assert "NotConvergedError: another process of this job is gone" in two[0]["left alone"]
        assert "run the job again" in two[0]["left alone"]
        assert two[0]["seconds"] < TIME_OUT / 2


@pytest.mark.slow
def test_torchrun_gives_one_answer_and_a_killed_rank_loses_no_checkpoint(tmp_path):
    """Rank 1 is killed as soon as there is a checkpoint: the job ends with an error, and started again goes on."""
    for name, shift in (("a.npy", 1), ("b.npy", 0)):
        np.save(tmp_path / name, np.random.default_rng(shift).standard_normal((600, 3)) + shift)
    files = [str(tmp_path / name) for name in ("a.npy", "b.npy")]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--standalone",
        "-m",
        "wdist",
    ]
    command += ["estimate", *files, "--method", "critic", "--json", "--checkpoint", str(tmp_path / "fit.pt")]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 3 * TIME_OUT
    while not (tmp_path / "fit.pt").exists() and time.monotonic() < end:
        time.sleep(0.1)
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    out, errors = job.communicate(timeout=TIME_OUT)
    assert job.returncode != 0
    assert out == ""
    assert "SIGKILL" in errors
    rounds = torch.load(tmp_path / "fit.pt", weights_only=True)["rounds"]
    assert rounds[0]["course"][0] > 0
    again = subprocess.run(command, capture_output=True, text=True, timeout=6 * TIME_OUT)
    assert again.returncode == 0, again.stderr
    (line,) = again.stdout.splitlines()  # printed once
    whole = wdist.estimate(*map(np.load, files), method="critic")
    assert json.loads(line)["value"] == pytest.approx(whole.value, rel=1e-6)
