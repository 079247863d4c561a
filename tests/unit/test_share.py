# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
import unittest
from pathlib import Path, PurePosixPath
from unittest import mock
from uuid import UUID

from vhost_tempest_plugin.errors import InputError, TopologyError
from vhost_tempest_plugin.host import lifecycle, share
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.host.spec import HostSpec
from vhost_tempest_plugin.hypervisor.domain import share_serial
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.util.progress import silent


def shared(path: str, source: str = "/srv/x") -> Share:
    return Share(Path(source), PurePosixPath(path))


class ParseTest(unittest.TestCase):
    def test_a_directory_is_at_its_own_path(self) -> None:
        self.assertEqual(shared("/opt/stack", "/opt/stack"), share.parse("/opt/stack/"))

    def test_a_source_and_a_path(self) -> None:
        for text, source in (("/e.img:/opt/env", "/e.img"), ("/a:b/c:/opt/env", "/a:b/c")):
            with self.subTest(text):
                self.assertEqual(shared("/opt/env", source), share.parse(text))

    def test_its_text_reads_back(self) -> None:
        for one in (shared("/opt/env"), shared("/opt/stack", "/opt/stack")):
            self.assertEqual(one, share.parse(str(one)))


class RefusalTest(unittest.TestCase):
    def test_places(self) -> None:
        for path in (
            *("", "opt/x", ".", "/", "//opt", "/opt/../etc", "/opt/a b", "/opt/a\nb", "/opt/\x1b"),
            *("/etc", "/etc/nova", "/proc", "/proc/x", "/sys", "/dev", "/run/x", "/tmp/x"),
            *("/usr", "/usr/lib", "/usr/lib/python3/dist-packages", "/usr/local", "/lib64", "/bin"),
            *("/var", "/var/lib", "/var/lib/libvirt", "/var/lib/libvirt/images", "/var/run/x"),
            *("/root", "/root/.ssh"),
        ):
            with self.subTest(path), self.assertRaisesRegex(InputError, "place for a share"):
                shared(path)

    def test_sources(self) -> None:
        for source in ("", "x", "./x", "/a\nb"):
            with self.subTest(source), self.assertRaisesRegex(InputError, "no absolute path"):
                shared("/opt/x", source)

    def test_good_places(self) -> None:
        for path in (
            *("/opt", "/opt/stack", "/home", "/srv/x", "/usr/local/lib/x", "/var/lib/vhost"),
            *("/root/.cache/vhost", "/var/cache/vhost/e", "/etcetera", "/libraries"),
        ):
            with self.subTest(path):
                self.assertEqual(path, str(shared(path).path))

    def test_together(self) -> None:
        share.validate([shared("/opt/a"), shared("/opt/ab"), shared("/srv")])
        share.validate([shared(f"/opt/{n}") for n in range(7)])
        for paths in (
            ("/opt/a", "/opt/a"),
            ("/opt/a", "/srv", "/opt/a/b"),
            ("/opt/a/b/c", "/opt/a"),
        ):
            with self.subTest(paths), self.assertRaisesRegex(InputError, "in each other's way"):
                share.validate([shared(path) for path in paths])
        with self.assertRaisesRegex(InputError, "^8 shares are too many; a host can have 7$"):
            share.validate([shared(f"/opt/{n}") for n in range(8)])

    def test_a_serial_fits_a_virtio_disk(self) -> None:
        self.assertLessEqual(len(share_serial(share.MOST)), 20)


class SpecTest(unittest.TestCase):
    """What ``up`` refuses, it refuses before it makes anything."""

    def setUp(self) -> None:
        self.home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.state = self.home / "state"
        self.enterContext(mock.patch.dict(os.environ, {"XDG_STATE_HOME": str(self.state)}))
        self.tree = self.home / "tree"
        self.tree.mkdir()

    def refused(self, *shares: Share) -> str:
        spec = HostSpec(catalog.find("small"), "one", shares=shares)
        with self.assertRaises(InputError) as caught:
            lifecycle.up(spec, silent)
        self.assertNotIsInstance(caught.exception, TopologyError)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_impossible_shares_leave_nothing(self) -> None:
        plain = self.home / "plain"
        plain.write_bytes(bytes(5000))
        short = self.home / "short"
        short.touch()
        for said, one in (
            ("no '/nosuch/tree' to share", shared("/opt/x", "/nosuch/tree")),
            ("no ext4 file system", shared("/opt/x", str(plain))),
            ("no ext4 file system", shared("/opt/x", str(short))),
            ("to share", shared("/opt/x", "/dev/null")),
            ("the host's own files", shared("/opt/x", str(self.home))),
        ):
            with self.subTest(said):
                self.assertIn(said, self.refused(one))
                self.assertFalse(self.state.exists())
        self.assertIn("each other's way", self.refused(shared("/opt/x"), shared("/opt")))

    def test_a_file_needs_a_path(self) -> None:
        source = "/srv/environment.img"
        with mock.patch.object(Path, "is_file", return_value=True):
            self.assertIn(f"--share {source}:PATH", self.refused(shared(source, source)))

    def test_a_host_keeps_its_shares(self) -> None:
        one = shared("/opt/x", str(self.tree))
        directory = HostDirectory.of("one")
        directory.path.mkdir(parents=True)
        for recorded, said in (((one,), f"other shares ({one})"), ((), "other shares (none)")):
            record = HostRecord("one", UUID(int=1), "small", Accelerator.TCG, "", shares=recorded)
            directory.write(record)
            text = yaml_file.dump(catalog.find("small").host)
            directory.topology.write_text(text)
            with self.subTest(said):
                refusal = self.refused(shared("/opt/y", str(self.tree)))
                self.assertIn(said, refusal)
                self.assertIn("'vhost destroy one' first", refusal)
