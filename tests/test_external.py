"""Samples on disk: the same W_p as in memory, in bounded memory, and nothing left behind."""

import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import wdist
from wdist import InputError, line_from_disk
from wdist.cli import app
from wdist.methods import line_from_disk as module
from wdist.plans import external
from wdist.plans.column import Column
from wdist.plans.line import line_distance

SMALL = 2**16
"""Bytes of memory that make runs of 1820 points, merged two at a time."""


@pytest.fixture
def save(tmp_path):
    def write(name, points):
        np.save(tmp_path / name, points)
        return tmp_path / name

    return write


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("wdist-"))


class TestAgreement:
    @pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i2", "i8", "u1", "?", ">f8", ">i4", "g"])
    @pytest.mark.parametrize("sizes", [(9000, 9000), (9001, 6302), (4000, 9000)])
    def test_as_in_memory(self, dtype, sizes, save, tmp_path, rng):
        x = (30 * rng.standard_normal(sizes[0])).astype(dtype)
        y = (40 * rng.standard_normal(sizes[1]) + 3).astype(dtype)
        a, b = save("a.npy", x), save("b.npy", y)
        for p in (1, 2, 3.5, math.inf):
            est = line_from_disk(a, b, p=p, memory=SMALL, folder=tmp_path)
            inside = line_distance(x.astype(np.float64), y.astype(np.float64), p)
            assert est.value == pytest.approx(inside, rel=1e-12), p
            assert est.bound is wdist.Bound.EXACT
        assert left(tmp_path) == []

    @pytest.mark.parametrize("sizes", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
    def test_few_points(self, sizes, save, rng):
        x, y = rng.standard_normal(sizes[0]), rng.standard_normal(sizes[1])
        value = line_from_disk(save("a.npy", x), save("b.npy", y), p=2, memory=SMALL).value
        assert value == pytest.approx(line_distance(x, y, 2.0), rel=1e-12)

    @pytest.mark.parametrize("arrange", [np.sort, lambda x: np.sort(x)[::-1], np.round, np.zeros_like])
    def test_order_and_ties_in_the_file(self, arrange, save, rng):
        x, y = arrange(rng.standard_normal(12_000)), rng.standard_normal(9000)
        value = line_from_disk(save("a.npy", x), save("b.npy", y), memory=SMALL).value
        assert value == pytest.approx(line_distance(x, y, 1.0), rel=1e-12)

    @pytest.mark.parametrize("unit", [1e-150, 1e150])
    def test_extreme_units(self, unit, save, rng):
        x, y = rng.standard_normal(3000), rng.standard_normal(5000)
        value = line_from_disk(save("a.npy", unit * x), save("b.npy", unit * y), p=2, memory=SMALL).value
        assert value == pytest.approx(unit * line_distance(x, y, 2.0), rel=1e-12)

    def test_a_part_of_a_memory_map(self, save, rng):
        x = rng.standard_normal((5000, 1))
        part = np.load(save("a.npy", x), mmap_mode="r")[700:4000]
        value = line_from_disk(part, save("b.npy", x + 1), memory=SMALL).value
        assert value == pytest.approx(line_distance(x[700:4000, 0], x[:, 0] + 1, 1.0), rel=1e-12)

    def test_runs_are_merged_in_several_passes(self, save, tmp_path, rng, monkeypatch):
        made = []
        merge = external._merge
        monkeypatch.setattr(external, "_merge", lambda *args: made.append(merge(*args)) or made[-1])
        x = rng.standard_normal(9000)
        column = Column.of(np.load(save("a.npy", x), mmap_mode="r"), "a")
        runs = external._sort(column, tmp_path / "runs", SMALL, lambda count: None)
        assert [len(pass_.lengths) for pass_ in made] == [3, 2]  # five runs at first
        blocks = [block.copy() for block in external._blocks(runs, slice(None), SMALL)]
        assert len(blocks) > 5
        np.testing.assert_array_equal(np.concatenate(blocks), np.sort(x))


class TestBookkeeping:
    def test_progress_ends_at_its_total(self, save, rng):
        seen = []
        a, b = save("a.npy", rng.standard_normal(9000)), save("b.npy", rng.standard_normal(4000))
        line_from_disk(a, b, memory=SMALL, progress=lambda *at: seen.append(at))
        assert seen == sorted(seen)
        assert len({total for _, total in seen}) == 1
        assert (
            seen[-1][0] == seen[-1][1] == 2 * 13_000 + 2 * 9000 + 4000
        )  # read, walked; merged twice and once

    @pytest.mark.parametrize("stop", [1, 9, 25])
    def test_an_interrupt_leaves_nothing_behind(self, stop, save, tmp_path, rng):
        a, b = save("a.npy", rng.standard_normal(9000)), save("b.npy", rng.standard_normal(4000))
        during = []

        def progress(done, total):
            during.append(left(tmp_path))
            if len(during) == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            line_from_disk(a, b, memory=SMALL, folder=tmp_path, progress=progress)
        assert during[-1] != []
        assert left(tmp_path) == []

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_what_is_not_finite_is_found(self, bad, save, tmp_path, rng):
        x = rng.standard_normal(9000)
        x[7123] = bad
        with pytest.raises(
            InputError, match=r"^b is not finite in row 7123 \(-?(nan|inf)\); write b.npy anew"
        ):
            line_from_disk(save("a.npy", x[:9]), save("b.npy", x), memory=SMALL, folder=tmp_path)
        assert left(tmp_path) == []

    def test_what_is_too_large_is_found(self, save):
        with pytest.raises(InputError, match=r"^a is beyond 1e\+300, too large, in row 1 \(1e\+301\)"):
            line_from_disk(save("a.npy", [0.0, 1e301]), save("b.npy", [0.0]))

    def test_a_full_disk_is_told_beforehand(self, save, monkeypatch):
        a, b = save("a.npy", np.zeros(9000)), save("b.npy", np.zeros(4000))
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=150_000))
        monkeypatch.setattr(Column, "read", None)
        with pytest.raises(
            InputError,
            match=r"on disk needs 172 KiB in .*, where 146 KiB are free; choose a folder on another disk: folder=",
        ):
            line_from_disk(a, b, memory=SMALL)

    def test_other_bad_input(self, save, tmp_path):
        a = save("a.npy", np.zeros(5))
        with pytest.raises(InputError, match="folder='/no/such' cannot be used: No such file"):
            line_from_disk(a, a, folder="/no/such")
        with pytest.raises(InputError, match=r"only \.npy files are read from disk"):
            line_from_disk("a.csv", a)
        with pytest.raises(InputError, match=r"b \(shape \(5, 2\), float64\) is no column on disk"):
            line_from_disk(a, save("b.npy", np.zeros((5, 2))))
        with pytest.raises(InputError, match=r"a \(ndarray\) is no column on disk"):
            line_from_disk(np.zeros(5), a)
        with pytest.raises(InputError, match="order of a Wasserstein distance"):
            line_from_disk(a, a, p=0.5)
        with pytest.raises(InputError, match="memory is 10"):
            line_from_disk(a, a, memory=10)
        short = np.load(save("c.npy", np.zeros(5)), mmap_mode="r")
        os.truncate(tmp_path / "c.npy", 128 + 3 * 8)
        with pytest.raises(InputError, match="ends after 3 of 5 numbers"):
            line_from_disk(a, short)


class TestHandingOver:
    """`estimate` goes to disk by itself, and only there where memory is short and nothing forbids it."""

    @pytest.fixture
    def maps(self, save, rng):
        files = save("a.npy", rng.standard_normal(3000)), save("b.npy", rng.standard_normal(2000))
        return [np.load(file, mmap_mode="r") for file in files]

    @pytest.fixture
    def scarce(self, monkeypatch):
        def give(count):
            monkeypatch.setattr(module, "available_bytes", lambda: count)

        return give

    @pytest.mark.parametrize("method", ["auto", "exact", "line", wdist.Line()])
    def test_where_memory_is_short(self, method, maps, scarce, monkeypatch):
        inside = wdist.estimate(*maps, p=2, method=method)
        assert "disk" not in inside.message
        scarce(300_000)
        monkeypatch.setattr("wdist.api.ask", None)  # no border pulls the points into memory
        seen = []
        est = wdist.estimate(*maps, p=2, method=method, progress=lambda *at: seen.append(at))
        assert est.value == pytest.approx(inside.value, rel=1e-12)
        assert "Sorted on disk" in est.message
        assert "from disk" in est.explain()
        assert seen

    def test_not_where_half_of_memory_does(self, maps, scarce):
        scarce(400_001)
        assert "disk" not in wdist.estimate(*maps).message

    def test_not_what_it_cannot_answer(self, maps, scarce):
        scarce(300_000)
        for asked in (
            {"method": "circle"},
            {"metric": lambda x, y: abs(x - y.T)},
            {"weights_a": np.full(3000, 1 / 3000)},
        ):
            belongs = {
                "method": "auto",
                "weights": (asked.pop("weights_a", None), None),
                "metric": "euclidean",
            }
            assert not module.belongs_on_disk(*maps, target="sample", device=None, **{**belongs, **asked})
        assert not module.belongs_on_disk(
            maps[0], np.zeros(9), method="auto", weights=(None, None), metric="euclidean",
            target="sample", device=None,
        )  # fmt: skip

    def test_weights_are_refused_where_nothing_else_would_do(self, maps, scarce):
        scarce(100_000)
        with pytest.raises(InputError, match="leave the weights out, and both are sorted on disk"):
            wdist.estimate(*maps, weights_a=np.full(3000, 1 / 3000))

    def test_rounding_of_whole_numbers_is_told(self, save):
        a, b = save("a.npy", np.array([2**60 + 1, 5])), save("b.npy", np.array([1.0]))
        assert "2**53 and beyond in a were rounded" in line_from_disk(a, b).message
        assert "rounded" not in line_from_disk(b, b).message

    def test_a_private_map_may_differ_from_its_file(self, save):
        assert Column.of(np.load(save("c.npy", np.array(1.0)), mmap_mode="r"), "a") is None  # a single number
        changed = np.load(save("a.npy", np.zeros(5)), mmap_mode="c")
        assert Column.of(changed, "a") is None

    def test_command_line(self, maps, scarce):
        inside = wdist.estimate(*maps).value
        scarce(300_000)
        run = CliRunner().invoke(app, ["estimate", *(str(side.filename) for side in maps), "--json"])
        assert run.exit_code == 0, run.output
        assert f'"value": {inside:.8f}'[:18] in run.stdout
        assert "Sorted on disk" in run.stdout


LARGE = """
import resource, sys, wdist
est = wdist.line_from_disk(sys.argv[1], sys.argv[2], p=2, folder=sys.argv[3])
print(est.value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
def test_two_files_of_four_gigabytes_in_one_of_memory():
    """W_2 between N(0, 1) and N(1, 2²) is √2; five hundred million points a side come close."""
    n = 500_000_000
    with tempfile.TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < 20 * n:
            pytest.skip("needs 17 GB of disk")
        rng = np.random.default_rng(3)
        files = [Path(folder) / "a.npy", Path(folder) / "b.npy"]
        for k, file in enumerate(files):
            with file.open(
                "wb"
            ) as stream:  # not through a map: a child's peak begins at what its parent holds
                header = {"descr": "<f8", "fortran_order": False, "shape": (n,)}
                np.lib.format.write_array_header_1_0(stream, header)
                for _ in range(0, n, 10**7):
                    (k + (1 + k) * rng.standard_normal(10**7)).tofile(stream)
        run = subprocess.run(
            [sys.executable, "-c", LARGE, *files, folder], capture_output=True, text=True, check=True
        )
        value, peak = map(float, run.stdout.split())
        assert value == pytest.approx(math.sqrt(2), rel=1e-3)
        assert peak < 10**9
        assert len(list(Path(folder).iterdir())) == 2
