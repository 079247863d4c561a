# SPDX-License-Identifier: Apache-2.0
"""libvirt's test driver, and its embedded driver with real QEMU processes.

A process can open the embedded driver in one directory only, so whatever needs another
process to have it open runs one.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock
from uuid import UUID, uuid4
from xml.sax import saxutils

from tests.functional import embedded
from vhost_tempest_plugin.errors import HostError, LocalError
from vhost_tempest_plugin.hypervisor import (
    Connection,
    Domain,
    DomainState,
    alias,
    forget,
    orphan_processes,
)
from vhost_tempest_plugin.hypervisor import image as save_image
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri
from vhost_tempest_plugin.util import speed

UNKNOWN = UUID("9a7f2a6a-2b5e-4b57-8a4c-0000000000ff")
# Opens the driver, prints a line, and keeps it open until it is killed.
HOLD = """
import sys, time
from pathlib import Path
from vhost_tempest_plugin.hypervisor import Connection
with Connection.open(None, Path(sys.argv[1])) as connection:
    if len(sys.argv) > 2:
        connection.create(Path(sys.argv[2]).read_text())
    print("open", flush=True)
    time.sleep(120)
"""


def xml(uuid: UUID, *, kind: str = "qemu", devices: str = "") -> str:
    """A domain with no disk: its firmware finds nothing to boot and waits."""
    return (
        f"<domain type='{kind}'><name>h-{uuid.hex[:8]}</name><uuid>{uuid}</uuid>"
        "<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>"
        f"<devices>{devices}</devices></domain>"
    )


MANAGEMENT = "<interface type='user'><model type='virtio'/><rom enabled='no'/></interface>"
NETDEV = "hostnet0"
MEMORY = f"vhost-test-{os.getuid()}"
UNSAVEABLE = f"<shmem name='{MEMORY}'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>"


class TestDriverTest(unittest.TestCase):
    """On libvirt's own test driver, which has no QEMU behind it."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        opened = Connection.open(LibvirtUri.TEST, self.root)
        self.connection = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.uuid = uuid4()

    def create(self) -> Domain:
        text = xml(self.uuid, kind="test").replace(" machine='q35'", "").replace("x86_64", "i686")
        domain = self.connection.create(text)
        self.addCleanup(domain.destroy)
        return domain

    def test_a_domain_is_found_by_its_uuid(self) -> None:
        self.create()
        found = self.connection.find(self.uuid)
        assert found is not None
        self.assertEqual(self.uuid, found.uuid)
        self.assertEqual(DomainState.RUNNING, found.state)
        self.assertIn(str(self.uuid), found.xml())
        self.assertIsNone(self.connection.find(UNKNOWN))

    def test_it_is_gone_once_destroyed(self) -> None:
        domain = self.create()
        domain.destroy()
        self.assertEqual(DomainState.OFF, domain.state)
        self.assertIsNone(self.connection.find(self.uuid))
        domain.destroy()

    def test_the_users_own_domain_stays(self) -> None:
        self.create().destroy()
        names = [handle.name() for handle in self.connection._handle.listAllDomains()]
        self.assertEqual(["test"], names)

    def test_saved(self) -> None:
        domain = self.create()
        saved = self.root / "saved"
        domain.save(saved)
        self.assertEqual(DomainState.OFF, domain.state)
        self.assertFalse(save_image.is_sparse(saved))
        self.assertEqual(["saved"], [path.name for path in self.root.glob("saved*")])

    def test_what_is_no_image_is_not_restored(self) -> None:
        bad = self.root / "saved"
        for content in (b"", b"x" * 100, b"LibvirtQemudSave" + b"\0" * 100):
            with self.subTest(content[:20]):
                bad.write_bytes(content)
                with self.assertRaisesRegex(
                    HostError, "cannot restore the host from .*; 'vhost up --name article --cold'"
                ):
                    self.connection.restore(bad, self.uuid, "article")

    def test_nonsense_does_not_start(self) -> None:
        with self.assertRaisesRegex(HostError, "cannot start the host: .*; see QEMU's log"):
            self.connection.create("<domain/>")

    def test_a_driver_without_a_monitor_forwards_nothing(self) -> None:
        with self.assertRaises(HostError):
            self.create().forward_ssh(NETDEV)

    def test_no_such_libvirt(self) -> None:
        with self.assertRaisesRegex(LocalError, "libvirt does not open 'nosuch:///x'"):
            Connection.open("nosuch:///x", self.root).__enter__()


class EmbeddedTest(unittest.TestCase):
    """With real QEMU processes, in one directory for the whole test process."""

    root = embedded.ROOT

    @classmethod
    def setUpClass(cls) -> None:
        opened = Connection.open(None, cls.root)
        try:
            cls.connection = opened.__enter__()
        except LocalError as error:
            raise unittest.SkipTest(f"no libvirt with QEMU here: {error}") from None
        cls.addClassCleanup(opened.__exit__, None, None, None)
        if "embed" not in cls.connection.uri:
            raise unittest.SkipTest("this libvirt has no embedded driver")

    def create(self, devices: str = MANAGEMENT) -> Domain:
        self.uuid = uuid4()
        self.addCleanup(orphan_processes.kill, self.uuid)
        return self.connection.create(xml(self.uuid, devices=devices))

    def test_its_life(self) -> None:
        domain = self.create()
        self.assertEqual(DomainState.RUNNING, domain.state)
        pid = domain.pid
        assert pid is not None
        allowed = os.sched_getaffinity(pid)
        self.assertEqual(os.sched_getaffinity(0), allowed, "QEMU may use all CPUs")
        port = domain.forward_ssh(NETDEV)
        self.assertEqual(port, domain.forward_ssh(NETDEV), "forwarded once only")
        socket.create_connection(("127.0.0.1", port), timeout=10).close()

        saved = self.root / "saved"
        domain.save(saved)
        fast = (
            self.connection.qemu_version >= save_image.QEMU_FLOOR
            and self.connection.libvirt_version >= save_image.LIBVIRT_FLOOR
        )
        self.assertEqual(fast, save_image.is_sparse(saved))
        self.assertEqual((DomainState.OFF, None), (domain.state, domain.pid))
        restored = self.connection.restore(saved, self.uuid, "article")
        self.assertEqual(DomainState.PAUSED, restored.state)
        restored.resume()
        self.assertEqual(DomainState.RUNNING, restored.state)
        self.assertGreater(restored.forward_ssh(NETDEV), 0)
        restored.destroy()
        self.assertEqual([], orphan_processes.find(self.uuid))

    def test_qemu_killed(self) -> None:
        domain = self.create()
        self.assertEqual(1, len(orphan_processes.kill(self.uuid)))
        limit_s = time.monotonic() + 30 * speed.timeout_scale()
        while domain.state is not DomainState.OFF and time.monotonic() < limit_s:
            time.sleep(0.05)
        self.assertIsNone(self.connection.find(self.uuid))

    def test_a_binding_older_than_libvirt(self) -> None:
        """It saves in the raw format, and says what to do about an image in the sparse one."""
        sparse, raw = self.root / "saved", self.root / "saved-raw"
        self.create().save(sparse)
        with mock.patch.object(save_image, "_OFFERED", "VIR_NOT_THERE"):
            # Where libvirt is no newer the image is a raw one.
            if save_image.is_sparse(sparse):
                with self.assertRaisesRegex(LocalError, "binding .* cannot take .*saved; 'pip "):
                    self.connection.restore(sparse, self.uuid, "article")
            self.create().save(raw)
            self.assertFalse(save_image.is_sparse(raw))
            self.assertEqual(
                DomainState.PAUSED, self.connection.restore(raw, self.uuid, "article").state
            )

    def test_a_device_that_cannot_be_saved_is_named_and_the_host_runs_on(self) -> None:
        self.addCleanup(Path("/dev/shm", MEMORY).unlink, missing_ok=True)
        domain = self.create(UNSAVEABLE)
        with self.assertRaisesRegex(HostError, "ivshmem.*leave the topology"):
            domain.save(self.root / "saved-not")
        self.assertEqual(DomainState.RUNNING, domain.state)
        self.assertEqual([], list(self.root.glob("saved-not*")))

    def test_too_small_a_disk_is_refused_before_anything_happens(self) -> None:
        domain = self.create()
        usage = mock.Mock(free=1 << 20)
        with (
            mock.patch("shutil.disk_usage", return_value=usage),
            self.assertRaisesRegex(HostError, "saving takes up to .* has 1 MiB free"),
        ):
            domain.save(self.root / "saved-not")
        self.assertEqual(DomainState.RUNNING, domain.state)

    def test_a_nic_comes_and_goes(self) -> None:
        ports = "".join(
            f"<controller type='pci' model='pcie-root-port' index='{i}'/>" for i in range(1, 5)
        )
        domain = self.create(ports + MANAGEMENT)
        domain.attach(
            "<interface type='user'><model type='e1000e'/><alias name='ua-extra'/></interface>"
        )
        self.assertIn("ua-extra", domain.xml())
        # No operating system runs that could let it go; to ask once more is no mistake.
        domain.detach("ua-extra")
        domain.detach("ua-extra")
        with self.assertRaisesRegex(HostError, "waiting for the host to release 'ua-extra'"):
            domain.await_detached("ua-extra", limit_s=0.5)
        with self.assertRaisesRegex(HostError, "cannot detach 'ua-none'"):
            domain.detach("ua-none")


class ProcessesTest(unittest.TestCase):
    """What one process leaves, the next finds."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        # So long that libvirt's sockets need a shorter name, with all that its URI, its options
        # and QEMU's would take for something else.
        marks = "a space,b&c=d#e%41%h'\"f:g;h$x\\i\u00fc?"
        self.root = Path(directory.name) / marks / ("long-" * 12) / "libvirt"
        self.root.mkdir(parents=True)
        self.addCleanup(forget, self.root)
        self.uuid = uuid4()
        self.xml = self.root / "domain.xml"
        self.xml.write_text(xml(self.uuid, devices=MANAGEMENT))
        self.addCleanup(orphan_processes.kill, self.uuid)

    def hold(self, *arguments: object) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", HOLD, str(self.root), *map(str, arguments)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.assertEqual("open\n", process.stdout.readline(), "it does not open here")
        return process

    def ask(self, expression: str) -> str:
        """What *expression* gives in another process with the driver open."""
        program = (
            "import sys\nfrom pathlib import Path\nfrom uuid import UUID\n"
            "from vhost_tempest_plugin.hypervisor import Connection\n"
            "with Connection.open(None, Path(sys.argv[1])) as connection:\n"
            f"    domain = connection.find(UUID('{self.uuid}'))\n"
            f"    print({expression})\n"
        )
        argv = [sys.executable, "-c", program, str(self.root)]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def test_a_killed_process_leaves_its_host_to_the_next(self) -> None:
        self.hold(self.xml).kill()
        pids = orphan_processes.find(self.uuid)
        self.assertEqual(1, len(pids))
        self.assertEqual(f"running {pids[0]}", self.ask("f'{domain.state} {domain.pid}'"))
        self.assertEqual("off", self.ask("domain.destroy() or domain.state"))
        self.assertEqual([], orphan_processes.find(self.uuid))

    def test_a_qemu_that_died_meanwhile_is_off(self) -> None:
        self.hold(self.xml).kill()
        os.kill(orphan_processes.find(self.uuid)[0], signal.SIGKILL)
        self.assertEqual("None", self.ask("domain"))

    def test_nothing_is_left_elsewhere(self) -> None:
        self.hold().kill()
        link = alias.obtain(self.root)
        self.assertEqual(self.root, link.readlink())
        forget(self.root)
        self.assertFalse(link.is_symlink())

    def second(self) -> subprocess.Popen[str]:
        """Another process that opens the same directory, and says so if it cannot."""
        program = (
            "import sys\nfrom pathlib import Path\n"
            "from vhost_tempest_plugin.errors import BusyError\n"
            "from vhost_tempest_plugin.hypervisor import Connection\n"
            "print('begun', flush=True)\n"
            "try:\n"
            "    Connection.open(None, Path(sys.argv[1])).__enter__()\n"
            "except BusyError as error:\n"
            "    print(error)\n"
        )
        argv = [sys.executable, "-c", program, str(self.root)]
        pipe = subprocess.PIPE
        process = self.enterContext(subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True))
        self.assertEqual("begun\n", process.stdout.readline())
        return process

    def test_two_processes_at_once(self) -> None:
        holder = self.hold()
        said, complaints = self.second().communicate()
        self.assertIn(f"is in use by pid {holder.pid} (", said)
        self.assertEqual("", complaints)

    def test_one_that_is_ending_is_waited_for(self) -> None:
        holder = self.hold()
        second = self.second()
        with self.assertRaises(subprocess.TimeoutExpired):
            second.wait(1)
        holder.kill()
        self.assertEqual(("", ""), second.communicate())

    def test_found_by_its_directory_where_the_record_is_damaged(self) -> None:
        disk = self.root / "disk"
        disk.write_bytes(b"\0" * 512)
        source = f"<source file={saxutils.quoteattr(str(disk))}/>"
        drive = f"<disk type='file'>{source}<target dev='vda' bus='virtio'/></disk>"
        self.xml.write_text(xml(self.uuid, devices=drive))
        self.hold(self.xml).kill()
        found = orphan_processes.find(self.root)
        self.assertEqual(orphan_processes.find(self.uuid), found)
        self.assertEqual(found, orphan_processes.kill(self.root))
        self.assertEqual([], orphan_processes.find(self.root))
