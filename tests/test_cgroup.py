"""How much memory and how many cores there are, by the files in which a kernel says so."""

import os
from pathlib import Path

import pytest

from processing.sandbox.cgroup import cores, dies_as_one, memory_bytes

MIB = 1024 * 1024
ALL_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
UNLIMITED = "9223372036854771712"  # of v1
V2 = "30 23 0:26 {top} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
NO_SOURCE = "22 1 0:20 / /tmp rw - tmpfs  rw,size=1024k"
UNIFIED = "32 23 0:28 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw"
V1 = "31 23 0:27 {top} /sys/fs/cgroup/{of} rw,nosuid - cgroup cgroup rw,{of}"


@pytest.fixture
def machine(tmp_path: Path):
    """Write the files of a machine: this process's cgroups, what is mounted, and what stands in the cgroups."""

    def write(cgroup: str, mountinfo: str, **files: str) -> Path:
        for name, text in {"proc/self/cgroup": cgroup, "proc/self/mountinfo": mountinfo, **files}.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n")
        return tmp_path

    return write


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def v2(machine, place="/", top="/", **files):
    return machine(f"0::{place}", V2.format(top=top), **{f"sys/fs/cgroup/{name}": text for name, text in files.items()})


def v1(machine, place="/", top="/", **files):
    """As Docker mounts them: v2 is there, and has no controllers."""
    mounts = "\n".join([NO_SOURCE, *(V1.format(of=of, top=top) for of in ("memory", "cpu")), UNIFIED])
    cgroup = f"9:name=systemd:/\n4:memory:{place}\n1:cpu,cpuacct:{place}\n0::/"
    return machine(cgroup, mounts, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()})


@pytest.mark.parametrize(
    ("place", "top", "files", "expected"),
    [
        ("/", "/", {"memory.max": str(600 * MIB)}, 600 * MIB),
        ("/", "/", {"memory.max": "max"}, ALL_MEMORY),
        ("/", "/", {"memory.max": str(ALL_MEMORY * 2)}, ALL_MEMORY),
        ("/", "/", {}, ALL_MEMORY),
        ("/a/b", "/", {"a/b/memory.max": "max", "a/memory.max": str(512 * MIB)}, 512 * MIB),
        ("/a/b", "/", {"a/b/memory.max": str(300 * MIB), "a/memory.max": str(512 * MIB)}, 300 * MIB),
        ("/a/b", "/", {"a/c/memory.max": str(100 * MIB)}, ALL_MEMORY),
        ("/docker/id", "/docker/id", {"memory.max": str(600 * MIB)}, 600 * MIB),
        ("/../other", "/", {"memory.max": str(600 * MIB)}, 600 * MIB),
        ("/", "/", {"memory.max": str(900 * MIB), "memory.high": str(700 * MIB)}, 700 * MIB),
        ("/", "/", {"memory.max": "what is this"}, ALL_MEMORY),
    ],
)
def test_memory_is_the_least_that_a_cgroup_of_v2_allows(machine, place, top, files, expected):
    """Its own and those around it, none beside it, never more than the machine has."""
    assert memory_bytes(v2(machine, place, top, **files)) == expected


@pytest.mark.parametrize(
    ("place", "top", "files", "expected"),
    [
        ("/docker/id", "/docker/id", {"memory/memory.limit_in_bytes": str(600 * MIB)}, 600 * MIB),
        ("/a", "/", {"memory/a/memory.limit_in_bytes": str(600 * MIB)}, 600 * MIB),
        ("/a", "/", {"memory/a/memory.limit_in_bytes": UNLIMITED}, ALL_MEMORY),
    ],
)
def test_memory_is_the_least_that_a_cgroup_of_v1_allows(machine, place, top, files, expected):
    assert memory_bytes(v1(machine, place, top, **files)) == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 8), ("150000 100000", 2), ("20000 100000", 1), ("6400000 100000", 8)]
)
def test_cores_are_no_more_than_a_quota_keeps_busy(machine, quota, expected):
    assert cores(v2(machine, **{"cpu.max": quota})) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("150000", 2)])
def test_cores_are_no_more_than_a_quota_of_v1_keeps_busy(machine, quota, expected):
    files = {"cpu/cpu.cfs_quota_us": quota, "cpu/cpu.cfs_period_us": "100000"}
    assert cores(v1(machine, **files)) == expected


def test_a_cgroup_that_dies_as_one_is_told(machine):
    assert not dies_as_one(v2(machine, "/pod/worker", **{"pod/worker/memory.oom.group": "0"}))
    assert dies_as_one(v2(machine, "/pod/worker", **{"pod/memory.oom.group": "1"}))


def test_without_cgroups_it_is_all_of_the_machine(tmp_path):
    assert (memory_bytes(tmp_path), cores(tmp_path), dies_as_one(tmp_path)) == (ALL_MEMORY, 8, False)


def test_this_machine_tells_something():
    assert 0 < memory_bytes() <= ALL_MEMORY
    assert cores() >= 1
