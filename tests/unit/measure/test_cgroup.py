"""Limits of control groups, version 1 and 2, anywhere above the process."""

import pytest

from ledger.measure.cgroup import cpu_limit_cores, in_container, memory_limit_bytes

GIB = 1024**3


@pytest.fixture
def system(tmp_path):
    """Write a file system: path to text."""

    def files(entries):
        for name, text in entries.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return files


def test_version_2_takes_the_tightest_limit_on_the_way_up(system):
    root = system(
        {
            "proc/self/cgroup": "0::/kubepods/pod1/box\n",
            "sys/fs/cgroup/kubepods/pod1/box/memory.max": "max\n",
            "sys/fs/cgroup/kubepods/pod1/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/kubepods/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/kubepods/pod1/box/cpu.max": "max 100000\n",
            "sys/fs/cgroup/kubepods/cpu.max": "150000 100000\n",
        }
    )
    assert memory_limit_bytes(root) == 2 * GIB
    assert cpu_limit_cores(root) == 1.5


def test_version_2_in_a_namespace_of_its_own_reads_the_root(system):
    root = system({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{GIB}\n"})
    assert memory_limit_bytes(root) == GIB


def test_version_1_reads_each_controller_and_knows_its_word_for_no_limit(system):
    root = system(
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n1:name=systemd:/docker/a\n",
            "sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": f"{3 * GIB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        }
    )
    assert memory_limit_bytes(root) == 3 * GIB
    assert cpu_limit_cores(root) == 0.5


def test_version_1_in_a_container_that_sees_only_its_own_mount(system):
    root = system(
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
        }
    )
    assert memory_limit_bytes(root) == GIB


def test_both_versions_side_by_side(system):
    root = system(
        {
            "proc/self/cgroup": "4:memory:/a\n0::/b\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{4 * GIB}\n",
            "sys/fs/cgroup/b/memory.max": f"{5 * GIB}\n",
        }
    )
    assert memory_limit_bytes(root) == 4 * GIB


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"proc/self/cgroup": ""},
        {"proc/self/cgroup": "nonsense\n0::/\n", "sys/fs/cgroup/memory.max": "lots\n", "sys/fs/cgroup/cpu.max": "1\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/cpu.max": "100 0\n"},
    ],
)
def test_what_cannot_be_read_is_no_limit(system, entries):
    root = system(entries)
    assert memory_limit_bytes(root) is None
    assert cpu_limit_cores(root) is None


def test_a_container_is_known_by_what_its_runtime_leaves(system):
    assert not in_container(system({"proc/self/cgroup": "0::/\n"}))
    assert in_container(system({".dockerenv": ""}))
