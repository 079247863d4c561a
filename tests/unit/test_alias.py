# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.hypervisor import alias

NOBODY = 65534


class AliasTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.place.chmod(0o1777)
        self.enterContext(mock.patch.object(alias, "_PLACE", self.place))
        self.base = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.root = self.base / "a space"
        self.root.mkdir()

    def links(self) -> list[Path]:
        return sorted(self.place.iterdir())

    def test_a_plain_name_needs_none(self) -> None:
        for name in ("/srv/vhost/libvirt", "/home/a-b_c.d+e/x", "/" + "x" * 51):
            self.assertEqual(Path(name), alias.obtain(Path(name)))
        self.assertEqual([], self.links())

    def test_others_have_one(self) -> None:
        for name in ("/home/müller", "/a b", "/a%41", "/a,b", "/a:b", "/a\nb", "/" + "x" * 52):
            with self.subTest(name):
                link = alias.obtain(Path(name))
                self.assertEqual(Path(name), link.readlink())
                self.assertRegex(link.name, r"\Avhost-\d+-[0-9a-f]{12}\Z")
                self.assertEqual(link, alias.obtain(Path(name)), "it stays")

    def test_where_the_name_is_taken_another_is_found_again(self) -> None:
        taken = alias.obtain(self.root)
        for squat in ("directory", "file", "link"):
            with self.subTest(squat):
                taken.unlink(missing_ok=True)
                if squat == "directory":
                    taken.mkdir()
                    (taken / "x").touch()
                elif squat == "file":
                    taken.touch()
                else:
                    taken.symlink_to("/elsewhere")
                before = self.links()
                mine = alias.obtain(self.root)
                self.assertNotEqual(taken, mine)
                self.assertEqual(self.root, mine.readlink())
                self.assertEqual(mine, alias.obtain(self.root))
                if squat != "link":
                    alias.forget(self.root)
                    self.assertEqual(before, self.links(), "what others have there stays")
                if squat == "directory":
                    (taken / "x").unlink()
                    taken.rmdir()

    @unittest.skipUnless(os.geteuid() == 0, "only root gives a link to another user")
    def test_a_link_of_another_user_is_not_followed(self) -> None:
        theirs = alias.obtain(self.root)
        os.chown(theirs, NOBODY, NOBODY, follow_symlinks=False)
        mine = alias.obtain(self.root)
        self.assertNotEqual(theirs, mine)
        alias.forget(self.root)
        self.assertEqual([theirs], self.links())

    def test_what_leads_nowhere_is_removed(self) -> None:
        mine, gone = alias.obtain(self.root), alias.obtain(self.base / "an other")
        (self.place / "vhost-elsewhere").symlink_to("/nowhere")
        alias.forget(self.base / "a third")
        self.assertNotIn(gone, self.links())
        self.assertEqual([mine, self.place / "vhost-elsewhere"], self.links())

    def test_a_place_where_others_could_replace_it(self) -> None:
        self.place.chmod(0o777)
        with self.assertRaisesRegex(LocalError, "others could replace it; run 'chmod 1777"):
            alias.obtain(self.root)
        self.assertEqual([], self.links())


if __name__ == "__main__":
    unittest.main()
