"""Data on disk, read ahead by worker processes: the same batches, and a run that can be cut anywhere."""

import gc
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
import torch
from PIL import Image

import wdist
from wdist import gan
from wdist.errors import InputError
from wdist.gan.data import OrderedFeed, Rows, Scale
from wdist.gan.folder import RunFolder
from wdist.gan.indexed import DatasetRows, MappedRows
from wdist.gan.run import Pace, begin, resume

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
"""Python from 3.12 on says so at each fork; torch's workers keep to one thread."""

POINTS = np.random.default_rng(3).normal(size=(203, 2)).astype(np.float32)


class Counted(torch.utils.data.Dataset):
    """Counts, over all processes, how many of its items were read."""

    def __init__(self):
        self.reads = multiprocessing.Value("i", 0)

    def __len__(self):
        return len(POINTS)

    def __getitem__(self, row):
        with self.reads.get_lock():
            self.reads.value += 1
        return POINTS[row]


def pictures(folder, n=24, side=16):
    folder.mkdir()
    for k in range(n):
        levels = np.random.default_rng(k).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(levels).save(folder / f"{k:02}.png")


def sets(tmp_path):
    """The three kinds of data on disk: a memory map, a Dataset, a folder."""
    np.save(tmp_path / "x.npy", POINTS)
    pictures(tmp_path / "pictures")
    return {
        "map": gan.Data(str(tmp_path / "x.npy")),
        "dataset": torch.utils.data.TensorDataset(torch.from_numpy(POINTS)),
        "folder": gan.Data(str(tmp_path / "pictures"), on_disk=True),
    }


def tiny(data, **changes):
    nets = {"generator": gan.MLPGenerator((8,), 4), "critic": wdist.MLP((8,)), "batch": 8, "n_critic": 2}
    return gan.preset("wgan-gp", data, **{**nets, "steps": 8, "held_every": 3, **changes})


def weights(trainer, steps):
    for _ in trainer.steps(steps):
        pass
    return torch.cat(
        [p.detach().flatten() for net in (trainer.net, trainer.critic.net) for p in net.parameters()]
    )


def feed(rows, workers, key=1):
    return OrderedFeed(Rows(rows, (2,)), Scale(0.0, 1.0), key, "cpu", torch.float32, workers)


@pytest.mark.parametrize("kind", ["map", "dataset", "folder"])
def test_a_run_is_the_same_with_workers_and_without_and_cut_in_two(kind, tmp_path):
    data = sets(tmp_path)[kind]
    alone, with_two, half, rest = (gan.Trainer(tiny(data, workers=n), seed=1) for n in (0, 2, 2, 1))
    wanted = weights(alone, 8)
    assert torch.equal(weights(with_two, 8), wanted)
    weights(half, 3)
    rest.restore(half.state())
    assert torch.equal(weights(rest, 5), wanted)


def test_a_folder_on_disk_trains_as_one_in_memory(tmp_path):
    pictures(tmp_path / "pictures")
    ends = [
        weights(gan.Trainer(tiny(gan.Data(str(tmp_path / "pictures"), on_disk=on))), 2)
        for on in (False, True)
    ]
    assert torch.equal(*ends)
    rows = gan.Data(str(tmp_path / "pictures"), on_disk=True).open().train.rows
    assert isinstance(rows, DatasetRows)
    assert rows.dtype == torch.uint8


def test_batches_come_in_the_feeds_order_over_epochs_and_from_any_place():
    plain, ahead = feed(torch.from_numpy(POINTS), 0), feed(MappedRows(POINTS), 3)
    for n in (64, 64, 64, 64, 10, 64, 500):  # the fourth begins the second epoch; another size begins anew
        assert torch.equal(ahead.take(n)[0], plain.take(n)[0])
    for state in ({"key": 1, "position": 70}, {"key": 9, "position": 0}):
        plain.restore(state)
        ahead.restore(state)
        assert torch.equal(ahead.take(64)[0], plain.take(64)[0])


def test_they_read_before_they_are_asked():
    data = Counted()
    ahead = feed(DatasetRows(data), 2)
    assert data.reads.value == 1  # for its type
    ahead.take(16)
    until = time.monotonic() + 20
    while data.reads.value < 1 + 5 * 16:  # the batch that was taken and two more of either worker
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.1)
    assert data.reads.value == 1 + 5 * 16


def test_nobodys_random_numbers_move():
    before = torch.get_rng_state()
    feed(MappedRows(POINTS), 1).take(8)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_cannot_be_read_is_said_at_its_turn_by_its_file(tmp_path):
    pictures(tmp_path / "pictures")
    broken = tmp_path / "pictures" / "05.png"
    broken.write_bytes(broken.read_bytes()[:100])
    images = gan.Data(str(tmp_path / "pictures"), on_disk=True).open().train.rows.dataset
    ahead = OrderedFeed(Rows(DatasetRows(images), images.shape), Scale(0.0, 1.0), 1, "cpu", torch.float32, 1)
    with pytest.raises(InputError, match=r"^\S*05\.png cannot be read as an image"):
        [ahead.take(8) for _ in range(3)]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", ["map", "dataset"])
def test_what_is_no_number_is_said_by_its_row(tmp_path, kind, workers):
    points = POINTS.copy()
    points[5, 1] = np.nan
    np.save(tmp_path / "x.npy", points)
    rows = {
        "map": lambda: MappedRows(np.load(tmp_path / "x.npy", mmap_mode="r")),
        "dataset": lambda: DatasetRows(torch.utils.data.TensorDataset(torch.from_numpy(points))),
    }[kind]()
    name = {"map": r"x\.npy", "dataset": "the TensorDataset"}[kind]
    part = rows.part(torch.arange(3, 203))  # its rows have numbers of their own, and the file's are told
    feed = OrderedFeed(Rows(part, (2,)), Scale(0.0, 1.0), 1, "cpu", torch.float32, workers)
    with pytest.raises(InputError, match=rf"^{name} holds a NaN or infinite value in row 5; drop such rows"):
        [feed.take(100) for _ in range(2)]


def test_a_map_that_holds_what_is_no_number_begins_no_run(tmp_path):
    np.save(tmp_path / "x.npy", np.full((40, 2), np.inf))
    with pytest.raises(InputError, match=r"^x\.npy holds a NaN or infinite value"):
        begin(RunFolder(tmp_path / "run"), tiny(gan.Data(str(tmp_path / "x.npy"))), 1, Pace())
    assert not (tmp_path / "run").exists()


def test_they_leave_ctrl_c_to_the_process_that_trains():
    plain, ahead = feed(torch.from_numpy(POINTS), 0), feed(MappedRows(POINTS), 2)
    for _ in range(10):
        assert torch.equal(ahead.take(8)[0], plain.take(8)[0])
        if ahead.position == 16:  # each of them has handed over a batch
            workers = ahead._ahead._batches[0]._workers
            for worker in workers:
                os.kill(worker.pid, signal.SIGINT)
    assert all(worker.is_alive() for worker in workers)


def test_they_end_at_once_with_the_feed_however_it_ends():
    ahead = feed(MappedRows(POINTS), 2)
    ahead.cycle = ahead  # as what a trainer is part of may be
    ahead.take(8)
    workers = ahead._ahead._batches[0]._workers
    began = time.monotonic()
    del ahead
    gc.collect()
    assert not any(worker.is_alive() for worker in workers)
    assert time.monotonic() - began < 5  # the collector alone takes that a worker


def test_a_run_may_go_on_with_another_number_of_them(tmp_path):
    data = sets(tmp_path)["map"]
    whole, half = (begin(RunFolder(tmp_path / name), tiny(data), 1, Pace(samples=0)) for name in "ab")
    list(whole.train())
    for report in half.train():
        if report.step == 4:
            half.checkpoint()
            break
    later = resume(RunFolder(tmp_path / "b"), tiny(data, workers=1))
    assert later.trainer.config.workers == 1
    list(later.train())
    assert torch.equal(weights(later.trainer, 0), weights(whole.trainer, 0))


@pytest.mark.parametrize(
    ("data", "workers", "text"),
    [
        (
            POINTS,
            2,
            "workers=2 read what is on disk, and data is in memory; drop it, or leave it on disk: a folder by",
        ),
        ("ring", 1, "workers=1 read what is on disk, and a law is drawn from; drop it"),
        (POINTS, -1, "workers is -1; pass an int of at least 0"),
    ],
    ids=["array", "law", "negative"],
)
def test_workers_with_nothing_to_read_are_refused(data, workers, text):
    with pytest.raises(InputError, match=text):
        gan.Trainer(tiny(data, workers=workers))


def test_of_a_set_on_disk_a_bounded_number_is_held_out():
    rows = np.arange(30_000, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    parts = gan.splitting.split(Rows(MappedRows(rows), (2,)), 0.2)
    assert (len(parts.held), len(parts.train)) == (4096, 30_000 - 4096)
    assert len(gan.splitting.split(Rows(torch.from_numpy(rows), (2,)), 0.2).held) == 6000
