"""Control groups as the kernel shows them, planted as files."""

import pytest

from tiler.cgroup import memory_left, processors

MB = 10**6
V2_MOUNT = "31 23 0:28 {within} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1_MOUNTS = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "35 31 0:32 {within} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "32 31 0:29 {within} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
)


def plant(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))


def v2(root, groups, own="/a/b", within="/"):
    plant(root, {"proc/self/cgroup": f"0::{own}\n", "proc/self/mountinfo": V2_MOUNT.format(within=within)})
    for group, files in groups.items():
        plant(root / "sys/fs/cgroup" / group, files)


def v1(root, memory=None, cpu=None, own="/a/b", within="/"):
    lines = f"9:name=systemd:/\n4:memory:{own}\n1:cpu,cpuacct:{own}\n0::/\n"
    plant(root, {"proc/self/cgroup": lines, "proc/self/mountinfo": V1_MOUNTS.format(within=within)})
    for folder, groups in (("memory", memory or {}), ("cpu,cpuacct", cpu or {})):
        for group, files in groups.items():
            plant(root / "sys/fs/cgroup" / folder / group, files)


def test_without_groups_or_limits_there_is_no_limit(tmp_path):
    assert (memory_left(tmp_path), processors(tmp_path)) == (None, None)
    v2(tmp_path, {"a/b": {"memory.max": "max\n", "memory.current": "5\n", "cpu.max": "max 100000\n"}})
    assert (memory_left(tmp_path), processors(tmp_path)) == (None, None)


def test_the_least_of_nested_groups_counts(tmp_path):
    group = {"memory.max": 900 * MB, "memory.current": 100 * MB, "cpu.max": "300000 100000\n"}
    above = {"memory.max": 700 * MB, "memory.current": 300 * MB, "cpu.max": "150000 100000\n"}
    v2(tmp_path, {"a/b": group, "a": above})
    assert (memory_left(tmp_path), processors(tmp_path)) == (400 * MB, 2)


def test_a_soft_limit_counts_and_idle_files_can_be_had(tmp_path):
    stat = "anon 7\ninactive_file 50000000\nactive_file 9\n"
    group = {"memory.max": "max", "memory.high": 500 * MB, "memory.current": 200 * MB, "memory.stat": stat}
    v2(tmp_path, {"a/b": group})
    assert memory_left(tmp_path) == 350 * MB
    plant(tmp_path / "sys/fs/cgroup/a/b", {"memory.current": 900 * MB})
    assert memory_left(tmp_path) == 0


@pytest.mark.parametrize(
    ("own", "within", "group"), [("/docker/x", "/docker/x", ""), ("/docker/x/y", "/docker/x", "y"), ("/../z", "/", "")]
)
def test_in_a_container_what_is_mounted_is_its_own(tmp_path, own, within, group):
    v2(tmp_path, {group: {"memory.max": 10 * MB, "memory.current": 0, "cpu.max": "20000 100000"}}, own, within)
    assert (memory_left(tmp_path), processors(tmp_path)) == (10 * MB, 1)


def test_version_1_has_other_names(tmp_path):
    stat = "inactive_file 1\ntotal_inactive_file 20000000\n"
    memory = {"memory.limit_in_bytes": 700 * MB, "memory.usage_in_bytes": 100 * MB, "memory.stat": stat}
    above = {"memory.limit_in_bytes": 9223372036854771712, "memory.usage_in_bytes": 100 * MB}
    v1(
        tmp_path,
        {"a/b": memory, "a": above},
        {"a/b": {"cpu.cfs_quota_us": -1, "cpu.cfs_period_us": 100000}},
    )
    assert (memory_left(tmp_path), processors(tmp_path)) == (620 * MB, None)
    v1(tmp_path, cpu={"a": {"cpu.cfs_quota_us": 250000, "cpu.cfs_period_us": 100000}})
    assert processors(tmp_path) == 3


def test_files_that_say_nothing_known_set_no_limit(tmp_path):
    plant(tmp_path, {"proc/self/cgroup": "what\n::\n", "proc/self/mountinfo": "short\n1 2 3 / /x rw - cgroup2\n"})
    assert (memory_left(tmp_path), processors(tmp_path)) == (None, None)
