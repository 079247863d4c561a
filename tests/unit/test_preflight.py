# SPDX-License-Identifier: Apache-2.0
import collections
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import InputError, LocalError
from vhost_tempest_plugin.host.doctor.doctor import (
    LAB_DISK_MIB,
    ResourceRequirement,
)
from vhost_tempest_plugin.lab import preflight
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util.capacity import Memory

PLACE = Path("/somewhere/labs")
NEED = ResourceRequirement(catalog.find("small"), lab=True)
Usage = collections.namedtuple("Usage", "total used free")


class RequireTest(unittest.TestCase):
    """What the kernel says of memory and disk is made up; who asks is not."""

    def require(self, memory_mib: int, disk_mib: int, *, saved_mib: int = 4096) -> None:
        usage = Usage(0, 0, disk_mib << 20)
        with (
            mock.patch.object(preflight, "memory", return_value=Memory(1, memory_mib)),
            mock.patch.object(preflight.shutil, "disk_usage", return_value=usage) as asked,
        ):
            preflight.require(PLACE, NEED, saved_mib)
        asked.assert_called_once_with(PLACE)

    def test_just_enough(self) -> None:
        self.require(NEED.memory_mib, 4096 + LAB_DISK_MIB)
        self.require(NEED.memory_mib, LAB_DISK_MIB, saved_mib=0)

    def test_too_little_memory(self) -> None:
        with self.assertRaises(LocalError) as caught:
            self.require(NEED.memory_mib - 1, 1 << 20)
        self.assertIn(f"takes up to {NEED.memory_mib} MiB of memory", str(caught.exception))
        self.assertIn("--topology", str(caught.exception))

    def test_too_little_disk(self) -> None:
        with self.assertRaises(LocalError) as caught:
            self.require(1 << 20, 4095 + LAB_DISK_MIB)
        self.assertIn(
            f"{4096 + LAB_DISK_MIB} MiB in {PLACE} and {4095 + LAB_DISK_MIB}", str(caught.exception)
        )


class PlaceTest(unittest.TestCase):
    STATE = Path("/home/müller/a b/.local/state/vhost/labs/lab")
    CACHE = Path("/home/müller/.cache/vhost")

    def test_a_cache_where_a_host_has_files_of_its_own(self) -> None:
        with self.assertRaisesRegex(InputError, r"cannot have .*/tmp/c.*set XDG_CACHE_HOME to"):
            preflight.require_places(self.STATE, Path("/tmp/c"))

    def test_others(self) -> None:
        for place in ("/root/.cache/vhost", "/home/us.er@x~/.cache/vhost", "/srv/vhost"):
            with self.subTest(place):
                preflight.require_places(self.STATE, Path(place))

    def test_what_a_program_would_take_for_something_else(self) -> None:
        for mark in ":,;#%&$'\"\\?*!()[]{}<>|`^ ":
            with self.subTest(mark), self.assertRaisesRegex(InputError, "set XDG_CACHE_HOME to"):
                preflight.require_places(self.STATE, Path(f"/srv/a{mark}b"))
            if mark not in ", ":
                with self.assertRaisesRegex(InputError, "must not have .*set XDG_STATE_HOME to"):
                    preflight.require_places(Path(f"/srv/a{mark}b"), self.CACHE)
