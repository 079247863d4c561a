# SPDX-License-Identifier: Apache-2.0
import tempfile
import unittest
from pathlib import Path

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab.environment import release


class ReleaseTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        for name in ("2025.2", "2026.1", "2026.2", "notes"):
            (self.directory / f"{name}.txt").write_text("# seen\nnova==34.0.0\noslo.log==8.3.2\n")

    def test_the_default_is_the_newest(self) -> None:
        self.assertEqual("2026.2", release.find(None, self.directory).name)

    def test_catalogue_has_the_newest_first_and_no_other_files(self) -> None:
        self.assertEqual(["2026.2", "2026.1", "2025.2"], list(release.catalogue(self.directory)))

    def test_an_unknown_one_is_refused_with_the_known(self) -> None:
        for name in ("2019.1", "notes", "../x", ""):
            with (
                self.subTest(name=name),
                self.assertRaisesRegex(InputError, "known are 2026.2, 2026.1, 2025.2$"),
            ):
                release.find(name, self.directory)

    def test_pins(self) -> None:
        pins = release.find("2026.1", self.directory).pins()
        self.assertEqual({"nova": "34.0.0", "oslo.log": "8.3.2"}, pins)

    def test_every_shipped_release_pins_what_it_installs(self) -> None:
        shipped = release.catalogue()
        self.assertIn("2026.2", shipped)
        for one in shipped.values():
            pins = {name.lower().replace("_", "-") for name in one.pins()}
            lines = one.constraints.read_text().splitlines()
            with self.subTest(name=one.name):
                self.assertLessEqual(
                    {name.lower() for name in (*one.tools, *one.bindings, *one.packages)}, pins
                )
                self.assertNotIn("tempest", pins)
                self.assertEqual([], [n for n in lines if n and n[0] != "#" and "==" not in n])
