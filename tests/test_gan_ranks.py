"""Two processes that train one GAN: the same weights as one process on the whole batches."""

import datetime
import multiprocessing

import numpy as np
import pytest
import torch
from torch import distributed

import wdist
from wdist import gan
from wdist.errors import InputError
from wdist.gan.tensors import read_tree, write_tree
from wdist.ranks import ALONE, Ranks

POINTS = np.random.default_rng(3).normal(size=(200, 2))

pytestmark = pytest.mark.skipif(not distributed.is_available(), reason="this torch has no torch.distributed")


def trained(loss, ranks=ALONE):
    """Weights after a few steps, in double precision, with batches of 64 in all."""
    config = gan.preset(
        loss, POINTS, generator=gan.MLPGenerator((16,), 4), critic=wdist.MLP((16,)), batch=64, dtype="float64", ema=0.9,
        held_every=2,
    )  # fmt: skip
    trainer = gan.Trainer(config, seed=5, ranks=ranks)
    curve = [report.critic for report in trainer.steps(5)]
    state = trainer.state()
    return {"curve": curve, **{name: state[name] for name in ("generator", "averaged", "critic")}}


def work(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(seconds=100),
    )
    for loss in ("wgan-gp", "wgan", "gan"):
        write_tree(folder / f"{loss}-{rank}", trained(loss, Ranks.here()))
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Folder of what two gloo processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wdist.gan.run"])
    processes = [context.Process(target=work, args=(rank, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(200)
    assert [process.exitcode for process in processes] == [0, 0]
    return folder


@pytest.mark.parametrize("loss", ["wgan-gp", "wgan", "gan"])
def test_two_processes_with_32_points_each_are_one_with_64(loss, together):
    alone = trained(loss)
    for rank in range(2):
        found = read_tree(together / f"{loss}-{rank}")
        assert found["curve"] == pytest.approx(alone["curve"], rel=0, abs=1e-10)
        for net in ("generator", "averaged", "critic"):
            for name, weight in alone[net].items():
                torch.testing.assert_close(found[net][name], weight, rtol=0, atol=1e-10)


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(InputError, match="batch is 9 for 2 processes; pass a multiple of their number"):
        gan.Trainer(gan.preset("wgan", POINTS, batch=9), ranks=Ranks(0, 2))


def test_batch_normalisation_over_shares_is_refused():
    config = gan.preset("wgan", "flags", generator=gan.DCGANGenerator(4), batch=8)
    with pytest.raises(InputError, match="batch normalisation sees one process's share"):
        gan.Trainer(config, ranks=Ranks(0, 2))
