# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from uuid import UUID

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import prune
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import durability
from vhost_tempest_plugin.util.progress import silent


class PruneTest(unittest.TestCase):
    def setUp(self) -> None:
        home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(
            mock.patch.dict(
                os.environ, {"XDG_CACHE_HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
            )
        )
        self.cache = home / "vhost"
        for kind, digests in {
            "image": ("current", "recorded", "running", "old"),
            "guest-kernel": ("current", "old"),
            "guest-program": ("current",),
            "environment": ("any", "damaged", "running"),
        }.items():
            for digest in digests:
                (self.cache / kind / digest).mkdir(parents=True)
                (self.cache / kind / digest / "file").write_bytes(bytes(2 << 20))
                durability.seal(self.cache / kind / digest)
        for name in ("damaged", "running"):
            (self.cache / "environment" / name / "file").write_bytes(b"half")
        for place, value in (
            ("image.find", SimpleNamespace(digest="current")),
            ("kernel.current", "current"),
            ("program.current", "current"),
            ("_running", {"running"}),
        ):
            target = f"vhost_tempest_plugin.host.prune.{place}"
            self.enterContext(mock.patch(target, return_value=value))
        self.host = HostDirectory.of("one")
        with self.host.locked(create=True):
            self.host.write(
                HostRecord("one", UUID(int=1), "t", Accelerator.TCG, "", image_digest="recorded")
            )

    def left(self) -> set[str]:
        kinds = (path for path in self.cache.iterdir() if path.is_dir())
        return {f"{p.parent.name}/{p.name}" for k in kinds for p in k.iterdir() if p.is_dir()}

    def test_what_is_used_or_current_stays(self) -> None:
        before = self.left()
        removed = prune.prune(silent)
        self.assertEqual(
            {"image/old", "guest-kernel/old", "environment/damaged"}, before - self.left()
        )
        self.assertEqual(
            [("image", "old", 2), ("guest-kernel", "old", 2), ("environment", "damaged", 0)],
            [(unused.kind, unused.digest, unused.size_mib) for unused in removed],
        )
        self.assertEqual([], prune.prune(silent))

    def test_dry_run_removes_nothing(self) -> None:
        before = self.left()
        self.assertEqual(3, len(prune.prune(silent, dry_run=True)))
        self.assertEqual(before, self.left())

    def test_a_damaged_record_prevents_it(self) -> None:
        (self.host.path / "record.json").write_text("{")
        before = self.left()
        with self.assertRaisesRegex(HostError, "vhost destroy one"):
            prune.prune(silent)
        self.assertEqual(before, self.left())
