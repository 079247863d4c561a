# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: one line says so, nothing is lost, and no half is taken for whole.

Each test runs in small file systems of its own, from one in which hardly anything fits to one in
which everything does.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path

# $DISK is the small file system.  The script prints what it finds after the failure.
START = """
import os, sys
from pathlib import Path
from vhost_tempest_plugin.errors import VhostError
disk = Path(os.environ["DISK"])
def attempt(action):
    try:
        action()
    except VhostError as error:
        print("failed:", error)
        return False
    print("done")
    return True
"""
BUILD = """
from vhost_tempest_plugin.host.nested_guest import program
from vhost_tempest_plugin.util import cache
is_built = attempt(program.build)
assert is_built == cache.is_whole(program.KIND, program.current())
left = {path.name for path in (disk / "vhost" / program.KIND).glob("*")}
assert left <= {"lock", program.current()}, left
(disk / "filling").unlink()
assert attempt(program.build)
"""
SNAPSHOT = """
from dataclasses import fields
from types import SimpleNamespace
from vhost_tempest_plugin.cloud.configuration.settings import Ports
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.lab.hosts import snapshot
from vhost_tempest_plugin.lab.state.directory import LabDirectory
filling = (disk / "filling").read_bytes()
(disk / "filling").unlink()
lab = LabDirectory.of("demo")
for place in (lab.mysql, lab.glance, HostDirectory.of("demo-0").path):
    place.mkdir(parents=True)
    (place / "file").write_bytes(os.urandom(20_000))
ports = Ports(*range(len(fields(Ports))))
settings = SimpleNamespace(hosts=(SimpleNamespace(name="demo-0"),), ports=ports)
snapshot.take(lab, settings, "first")
with (disk / "filling").open("wb") as file:
    file.write(filling)
is_taken = attempt(lambda: snapshot.take(lab, settings, "second"))
assert snapshot.is_current(lab, "second" if is_taken else "first")
assert not list(lab.path.glob("*partial*"))
"""
REPORT = """
from vhost_tempest_plugin.report.results import report
from vhost_tempest_plugin.report import index
output = disk / "output"
output.mkdir(exist_ok=True)
for name in (report.JUNIT, report.JSON, report.PAGE):
    (output / name).write_text("<html>before</html>")
before = report.index.write(output).read_text()
report.junit.render = report.page.render = lambda *rest: "after" * 4000
report.dataclasses.asdict = lambda run: {"tests": "after" * 4000}
run = type("Run", (), {"summary": "", "is_good": True, "own_share": 1})
is_written = attempt(lambda: report.write(run, {}, output))
for name in (report.JUNIT, report.JSON, report.PAGE):
    text = (output / name).read_text()
    assert text == "<html>before</html>" or len(text) >= 20_000, (name, len(text))
assert not list(output.glob(".*.partial"))
"""
SAVE = """
from uuid import uuid4
from unittest import mock
from tests.functional.test_hypervisor import xml
from vhost_tempest_plugin.hypervisor import Connection, Domain, DomainState, orphan_processes
uuid = uuid4()
# What libvirt finds out of QEMU is elsewhere.
os.environ["XDG_CACHE_HOME"] = sys.argv[1]
with Connection.open(None, Path(sys.argv[1]) / "libvirt") as connection:
    domain = connection.create(xml(uuid))
    try:
        # Another program takes the room that there was.
        with mock.patch.object(Domain, "_require_space"):
            is_saved = attempt(lambda: domain.save(disk / "saved"))
        assert is_saved == (disk / "saved").exists()
        assert is_saved == (domain.state is DomainState.OFF)
        assert not list(disk.glob("*partial*"))
    finally:
        domain.destroy()
        orphan_processes.kill(uuid)
"""


_SIZE_KIB = 64 << 10


class FullDiskTest(unittest.TestCase):
    def setUp(self) -> None:
        # Above it is what root has, who is nobody in an ordinary user's namespace.
        self.home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.disk, self.elsewhere = self.home / "disk", self.home / "elsewhere"
        for place in (self.disk, self.elsewhere):
            place.mkdir()

    def run_on(self, free_kib: int, script: str) -> list[str]:
        """What the script prints on a disk with this much room beside a file *filling*."""
        mount = f"mount -t tmpfs -o size={_SIZE_KIB}k full {shlex.quote(str(self.disk))}"
        filling = f"head -c {_SIZE_KIB - free_kib}K /dev/zero > {self.disk}/filling"
        mapping = [] if os.geteuid() == 0 else ["--map-current-user", "--keep-caps"]
        namespace = ["unshare", "--mount", *mapping, "sh", "-ec"]
        shell = f'{mount}; {filling}; exec "$@"'
        done = subprocess.run(
            [*namespace, shell, "sh", sys.executable, "-c", START + script, str(self.elsewhere)],
            env={
                **os.environ,
                "DISK": str(self.disk),
                "HOME": str(self.home),
                "XDG_CACHE_HOME": str(self.disk),
                "XDG_STATE_HOME": str(self.disk),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((0, ""), (done.returncode, done.stderr[-2000:]), done.stdout)
        return done.stdout.splitlines()

    def each(self, script: str, sizes_kib: Iterable[int], hint: str = "free s") -> None:
        said = []
        for free_kib in sizes_kib:
            with self.subTest(free_kib=free_kib):
                first = self.run_on(free_kib, script)[0]
                said.append(first)
                if first != "done":
                    self.assertRegex(first, rf"^failed: .*{hint}")
        self.assertIn("done", said)
        self.assertTrue(any(line.startswith("failed") for line in said), said)

    def test_a_build(self) -> None:
        self.each(BUILD, (4, 8, 12, 16, 20, 24, 32, 48, 256))

    def test_a_snapshot(self) -> None:
        self.each(SNAPSHOT, (170, 190, 210, 230, 600))

    def test_a_report(self) -> None:
        self.each(REPORT, (24, 40, 60, 80, 512))

    def test_a_saved_host(self) -> None:
        self.each(SAVE, (64, 512, 60_000))


if __name__ == "__main__":
    unittest.main()
