"""What the machine still has: the least of what the kernel and the control groups above a process leave."""

import pytest
import torch

from wdist import memory
from wdist.memory import available_bytes, human_bytes

GIB = 2**30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 8 GiB available, whose control groups are folders here."""
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(memory, "_mem_available", lambda: 8 * GIB)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return write


def second(limit, used, cache=0, group=""):
    names = {
        "memory_dot_max": limit,
        "memory_dot_current": used,
        "memory_dot_stat": f"anon 1\ninactive_file {cache}",
    }
    return {group + name: text for name, text in names.items()}


def first(limit, used, cache=0, group="memory__"):
    names = {
        "memory_dot_limit_in_bytes": limit,
        "memory_dot_usage_in_bytes": used,
        "memory_dot_stat": f"cache 1\ntotal_inactive_file {cache}",
    }
    return {group + name: text for name, text in names.items()}


def test_without_groups_it_is_what_the_kernel_says(machine):
    assert available_bytes() == available_bytes(torch.device("cpu")) == 8 * GIB


@pytest.mark.parametrize("version", [second, first])
def test_a_container_leaves_its_limit_less_what_is_used(machine, version):
    machine(**version(6 * GIB, 2 * GIB))
    assert available_bytes() == 4 * GIB
    machine(**version(6 * GIB, 7 * GIB))
    assert available_bytes() == 0


@pytest.mark.parametrize("version", [second, first])
def test_page_cache_that_can_be_dropped_is_not_used(machine, version):
    machine(**version(6 * GIB, 5 * GIB, cache=3 * GIB))
    assert available_bytes() == 4 * GIB


def test_no_limit_is_no_limit(machine):
    machine(**second("max", 2 * GIB))
    assert available_bytes() == 8 * GIB
    machine(**first(2**63 - 4096, 2 * GIB))
    assert available_bytes() == 8 * GIB


def test_a_batch_job_may_have_less_than_the_groups_around_it(machine):
    machine(**second("max", 0), membership="0::/slurm/job_7")
    machine(**second(7 * GIB, GIB, group="slurm__"), **second(3 * GIB, GIB, group="slurm__job_7__"))
    assert available_bytes() == 2 * GIB
    machine(**second(2 * GIB, GIB, group="slurm__"))
    assert available_bytes() == GIB


def test_a_batch_job_under_the_first_version(machine):
    machine(
        membership="9:name=systemd:/\n4:cpu,memory:/job\n0::/", **first(3 * GIB, GIB, group="memory__job__")
    )
    assert available_bytes() == 2 * GIB


def test_this_machine_has_some():
    assert 2**20 < available_bytes() < 2**50


def test_the_kernel_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_left_by_groups", list)
    assert 2**20 < memory._mem_available() == pytest.approx(available_bytes(), rel=0.5)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (200 * 2**20, "200 MiB"), (3e12, "2794 GiB")],
)
def test_bytes_are_written_for_a_person(count, text):
    assert human_bytes(count) == text
