# SPDX-License-Identifier: Apache-2.0
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.util import capacity, cgroup, speed
from vhost_tempest_plugin.util.cgroup import MemoryLimit

MIB = 1 << 20
UNLIMITED_V1 = 9223372036854771712


class CgroupTest(unittest.TestCase):
    """In a tree like those that the kernel shows; tests/e2e/test_cgroup.py has real ones."""

    def setUp(self) -> None:
        self.base = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.process = self.base / "self"
        self.mounts: list[str] = []
        self.cgroups: list[str] = []

    def mounted(self, kind: str, path: str, *, root: str = "/", options: str = "rw") -> Path:
        place = self.base / f"mount-{len(self.mounts)}"
        place.mkdir()
        self.mounts.append(f"30 25 0:26 {root} {place} rw,nosuid shared:4 - {kind} none {options}")
        controllers = options.removeprefix("rw,") if kind == "cgroup" else ""
        self.cgroups.append(f"{len(self.cgroups)}:{controllers}:{path}")
        self.process.mkdir(exist_ok=True)
        (self.process / "mountinfo").write_text(
            "\n".join(["1 1 0:1 / / rw - ext4 x rw", *self.mounts])
        )
        (self.process / "cgroup").write_text("".join(f"{line}\n" for line in self.cgroups))
        return place

    def write(self, directory: Path, **files: object) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (directory / name.replace("__", ".")).write_text(f"{content}\n")

    def memory(self) -> list[MemoryLimit]:
        return cgroup.memory_limits(self.process)

    def test_version_2(self) -> None:
        top = self.mounted("cgroup2", "/user.slice/job.scope", options="rw,nsdelegate")
        self.write(top, cgroup__controllers="memory cpu")
        self.write(
            top / "user.slice",
            memory__max=900 * MIB,
            memory__high="max",
            memory__current=800 * MIB,
            memory__stat=f"anon 1\ninactive_file {50 * MIB}\nactive_file 7",
            cpu__max="150000 100000",
        )
        self.write(
            top / "user.slice/job.scope",
            memory__max="max",
            memory__high=300 * MIB,
            memory__current=400 * MIB,
            cpu__max="max 100000",
        )
        self.assertEqual(
            [MemoryLimit(900 * MIB, 150 * MIB), MemoryLimit(300 * MIB, 0)], self.memory()
        )
        self.assertEqual([1.5], cgroup.cpu_limits(self.process))

    def test_version_1_in_a_container(self) -> None:
        memory = self.mounted("cgroup", "/docker/abc/x", root="/docker/abc", options="rw,memory")
        cpu = self.mounted("cgroup", "/docker/abc", root="/docker/abc", options="rw,cpu,cpuacct")
        files = {"memory__usage_in_bytes": 100 * MIB}
        self.write(memory, memory__limit_in_bytes=300 * MIB, **files)
        self.write(memory / "x", memory__limit_in_bytes=UNLIMITED_V1, **files)
        self.write(cpu, cpu__cfs_quota_us=50000, cpu__cfs_period_us=100000)
        self.assertEqual(MemoryLimit(300 * MIB, 200 * MIB), self.memory()[0])
        self.assertEqual(2, len(self.memory()))
        self.assertEqual([0.5], cgroup.cpu_limits(self.process))

    def test_no_limit(self) -> None:
        top = self.mounted("cgroup2", "/")
        self.write(top, cgroup__controllers="")
        cpu = self.mounted("cgroup", "/", options="rw,cpu")
        self.write(cpu, cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)
        self.assertEqual([], self.memory())
        self.assertEqual([], cgroup.cpu_limits(self.process))

    def test_no_cgroups(self) -> None:
        self.assertEqual([], self.memory())
        self.assertEqual([], cgroup.cpu_limits(self.process))


class CapacityTest(unittest.TestCase):
    def test_the_least_counts(self) -> None:
        limits = [MemoryLimit(400 * MIB, 300 * MIB), MemoryLimit(500 * MIB, 100 * MIB)]
        with mock.patch.object(cgroup, "memory_limits", return_value=limits):
            self.assertEqual(capacity.Memory(400, 100), capacity.memory())
        with (
            mock.patch.object(cgroup, "cpu_limits", return_value=[0.3, 1.0]),
            mock.patch.object(capacity.os, "sched_getaffinity", return_value={1, 4}),
        ):
            self.assertEqual((0.3, 1), (capacity.cpus(), capacity.jobs()))
            # As slow at the least as the half of it that a host of two CPUs would have.
            self.assertGreaterEqual(speed.timeout_scale(), 2 / 0.3)

    def test_without_cgroups_the_machine_counts(self) -> None:
        with (
            mock.patch.object(cgroup, "cpu_limits", return_value=[]),
            mock.patch.object(capacity.os, "sched_getaffinity", return_value={1, 4, 5}),
        ):
            self.assertEqual((3.0, 3), (capacity.cpus(), capacity.jobs()))


class OneOwnerTest(unittest.TestCase):
    def test_nobody_else_counts(self) -> None:
        package = Path(capacity.__file__).parents[1]
        counting = ("cpu_count", "virtual_memory", '"-j", "0"')
        found = [
            str(path.relative_to(package))
            for path in package.rglob("*.py")
            if any(word in path.read_text() for word in counting)
        ]
        self.assertEqual(["util/capacity.py"], found)


if __name__ == "__main__":
    unittest.main()
