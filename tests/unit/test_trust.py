# SPDX-License-Identifier: Apache-2.0
"""What others could have written is not believed, and not run."""

import grp
import os
import pwd
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.util import cache, paths, trust
from vhost_tempest_plugin.util.progress import silent

USER, STRANGER, GROUP = 1000, 1001, 1000


class TrustTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.middle = self.top / "middle"
        self.path = self.middle / "base"
        self.path.mkdir(parents=True)
        for each in (self.top, self.middle, self.path):
            each.chmod(0o755)

    def check(self, path: Path | None = None) -> str:
        """What is said against a path; empty where it is trusted."""
        try:
            trust.require(path or self.path, "remove it")
        except LocalError as error:
            return str(error)
        return ""

    def test_what_only_the_user_writes(self) -> None:
        self.assertEqual("", self.check())
        self.assertEqual("", self.check(self.path / "not/there/yet"))

    def test_what_others_can_write(self) -> None:
        for place, mode in (
            (self.path, 0o777),
            (self.path, 0o1777),
            (self.path, 0o757),
            (self.middle, 0o777),
        ):
            with self.subTest(place=place.name, mode=oct(mode)):
                before = place.stat().st_mode & 0o7777
                place.chmod(mode)
                for path in (self.path, self.path / "new"):
                    said = self.check(path)
                    if path == self.path or mode != 0o1777:
                        self.assertRegex(said, f"{place} can be written by .*everybody; remove it")
                place.chmod(before)

    def test_a_link_is_what_it_leads_to(self) -> None:
        self.path.chmod(0o777)
        link = self.top / "link"
        link.symlink_to(self.path)
        self.assertIn(f"{link} is not safe to use: {self.path} can be", self.check(link))

    def test_a_sticky_directory_above_is_as_tmp(self) -> None:
        self.middle.chmod(0o1777)
        self.assertEqual("", self.check())

    def test_above_the_home_nothing_counts(self) -> None:
        self.top.chmod(0o777)
        self.assertIn("everybody", self.check())
        with mock.patch.dict(os.environ, {"HOME": str(self.middle)}):
            self.assertEqual("", self.check())
        with mock.patch.object(Path, "home", side_effect=RuntimeError):
            self.assertIn("everybody", self.check())

    def test_whose_it_is(self) -> None:
        for owner, writers in ((0, []), (USER, []), (STRANGER, [f"user id {STRANGER}"])):
            self.assertEqual(writers, self.others(0o755, owner=owner))

    def test_a_group_of_the_user_alone_counts_as_the_user(self) -> None:
        own = grp.struct_group(("alice", "x", GROUP, []))
        for entry, writers in (
            (own, []),
            (grp.struct_group(("alice", "x", GROUP, ["alice"])), []),
            (grp.struct_group(("alice", "x", GROUP, ["bob"])), [f"group id {GROUP}"]),
            (grp.struct_group(("users", "x", GROUP, [])), [f"group id {GROUP}"]),
        ):
            with self.subTest(entry), mock.patch("grp.getgrgid", return_value=entry):
                self.assertEqual(writers, self.others(0o775))
        with mock.patch("grp.getgrgid", side_effect=KeyError):
            self.assertEqual([f"group id {GROUP}"], self.others(0o775))

    def others(self, mode: int, owner: int = USER) -> list[str]:
        facts = os.stat_result((0o40000 | mode, 1, 1, 1, owner, GROUP, 0, 0, 0, 0))
        alice = pwd.struct_passwd(("alice", "x", USER, GROUP, "", "/home/alice", "/bin/sh"))
        with (
            mock.patch("os.getuid", return_value=USER),
            mock.patch("pwd.getpwuid", return_value=alice),
        ):
            return list(trust._others(facts, is_above=False))


class UmaskTest(unittest.TestCase):
    def setUp(self) -> None:
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)

    def test_it_only_gets_stricter(self) -> None:
        for given, had in ((0o000, 0o022), (0o002, 0o022), (0o077, 0o077), (0o027, 0o027)):
            with self.subTest(umask=oct(given)):
                os.umask(given)
                trust.limit_umask()
                self.assertEqual(had, os.umask(0))

    def test_every_program_limits_it(self) -> None:
        os.umask(0)
        for module, arguments in (("cli.main", ("topology", "list")), ("host.worker", ("none",))):
            with self.subTest(module):
                program = (
                    "import os, sys\n"
                    f"from vhost_tempest_plugin.{module} import main\n"
                    "try: main()\n"
                    "except Exception: pass\n"
                    "print(os.umask(0), file=sys.stderr)"
                )
                ran = subprocess.run(
                    [sys.executable, "-P", "-c", program, *arguments],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                self.assertEqual("18", ran.stderr.split()[-1])


class PlacesTest(unittest.TestCase):
    """The state and the cache."""

    def setUp(self) -> None:
        self.home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        places = {"XDG_STATE_HOME": f"{self.home}/state", "XDG_CACHE_HOME": f"{self.home}/cache"}
        self.enterContext(mock.patch.dict(os.environ, places))

    def test_what_others_can_write_is_refused(self) -> None:
        for variable, find in (("XDG_STATE_HOME", paths.state), ("XDG_CACHE_HOME", paths.cache)):
            place = find()
            place.mkdir(parents=True)
            place.chmod(0o777)
            with self.subTest(variable), self.assertRaisesRegex(LocalError, variable) as raised:
                find()
            self.assertEqual(1, len(str(raised.exception).splitlines()))
        with self.assertRaisesRegex(LocalError, "not safe to use"):
            HostDirectory.of("one").locked(create=True)
        with self.assertRaisesRegex(LocalError, "not safe to use"):
            cache.obtain("image", "abc", lambda path: None, silent)
