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
from wdist.gan.data import Rows, Scale, feed
from wdist.gan.indexed import DatasetRows
from wdist.gan.splitting import Parts
from wdist.gan.tensors import read_tree, write_tree
from wdist.ranks import ALONE, Ranks
from wdist.rng import as_rng

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


def judged(ranks=ALONE):
    """What a run by class, in pieces, with augmentation and a stopping rule says at each step."""
    classes = torch.arange(200) % 2
    rows = Rows(torch.as_tensor(POINTS) + 3 * classes[:, None], (2,), classes, ("low", "high"))
    config = gan.preset(
        "wgan-gp", Parts(rows, rows), generator=gan.MLPGenerator((16,), 4), critic=wdist.MLP((16,)), batch=32,
        dtype="float64", held_every=0, conditional=True, accumulate=2, augment=(gan.InstanceNoise(),),
        evaluate=gan.Evaluate(2, gan.StoppingRule(gain=0.9, fewest=3), most=40),
    )  # fmt: skip
    trainer = gan.Trainer(config, seed=5, ranks=ranks)
    reports = list(trainer.steps(20))
    looks = [report for report in reports if report.evaluation is not None]
    return {
        "steps": len(reports), "stopped": trainer.stopped, "curve": [report.critic for report in reports],
        "looks": [[look.step, look.evaluation.distance.value, look.evaluation.diversity] for look in looks],
        "verdicts": [[look.verdict.stop, look.verdict.newest, look.verdict.collapse] for look in looks],
        "generator": trainer.state()["generator"],
    }  # fmt: skip


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
    write_tree(folder / f"judged-{rank}", judged(Ranks.here()))
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


def test_two_processes_that_judge_as_they_train_are_one_that_does(together):
    """Evaluations and verdicts are the first process's in both, and both stop where one by itself does."""
    alone = judged()
    assert 4 <= alone["steps"] < 20
    assert alone["stopped"]
    found = [read_tree(together / f"judged-{rank}") for rank in range(2)]
    for other in found:
        assert (other["steps"], other["stopped"]) == (alone["steps"], alone["stopped"])
        assert other["verdicts"] == alone["verdicts"]
        assert np.allclose(other["looks"], alone["looks"], rtol=1e-8, atol=1e-9)
        assert other["curve"] == pytest.approx(alone["curve"], rel=0, abs=1e-10)
        for name, weight in alone["generator"].items():
            torch.testing.assert_close(other["generator"][name], weight, rtol=0, atol=1e-10)
    assert found[0]["looks"] == found[1]["looks"]


@pytest.mark.parametrize("workers", [0, 1])
def test_each_process_reads_its_share_of_the_rows_alone(workers, tmp_path):
    class Items(torch.utils.data.Dataset):
        def __len__(self):
            return 30

        def __getitem__(self, row):
            (tmp_path / f"{rank}-{row}").touch()
            return torch.tensor([float(row), -float(row)])

    def taken(ranks):
        rows = Rows(DatasetRows(Items()), (2,), torch.arange(30))
        source = feed(rows, Scale(0.0, 1.0), as_rng(4), "cpu", torch.float64, workers, ranks)
        x, classes = zip(*(source.take(8) for _ in range(5)), strict=True)  # into the second epoch
        return torch.cat(x), torch.cat(classes)

    rank = "whole"
    whole = taken(ALONE)
    for rank in range(2):
        for here, there in zip(taken(Ranks(rank, 2)), whole, strict=True):
            assert torch.equal(here, there[rank::2])
    if not workers:
        read = {name: {path.name for path in tmp_path.glob(f"{name}-*")} for name in (0, 1)}
        for rank, found in read.items():
            assert found == {f"{rank}-{int(row)}" for row in whole[0][rank::2, 0]} | {f"{rank}-0"}


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(InputError, match="batch is 9 for 2 processes; pass a multiple of their number"):
        gan.Trainer(gan.preset("wgan", POINTS, batch=9), ranks=Ranks(0, 2))


def test_batch_normalisation_over_shares_is_refused():
    config = gan.preset("wgan", "flags", generator=gan.DCGANGenerator(4), batch=8)
    with pytest.raises(
        InputError, match="batch normalisation goes by the whole batch, and 2 processes have shares"
    ):
        gan.Trainer(config, ranks=Ranks(0, 2))
