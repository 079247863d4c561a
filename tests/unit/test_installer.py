# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.lab import installer

COLLECTING = [
    "Collecting nova==34.0.0",
    "  Downloading nova-34.0.0-py3-none-any.whl (5.1 MB)",
    "Requirement already satisfied: pbr in ./lib (7.1.3)",
    "Collecting oslo.log>=8.0.0",
]


class StageTest(unittest.TestCase):
    def test_stages(self) -> None:
        building = [
            *COLLECTING,
            "Building wheels for collected packages: a",
            "  Building wheel for a (pyproject.toml): started",
        ]
        for lines, news in (
            ([], "asking the package index"),
            (COLLECTING, "collecting packages, 3 so far"),
            (building, "building a"),
            ([*building, "Installing collected packages: a, nova"], "installing 2 packages"),
            (["Installing collected packages: nova"], "installing nova"),
        ):
            with self.subTest(news=news):
                self.assertEqual(news, installer.stage(lines))


class CauseTest(unittest.TestCase):
    def test_a_package_that_the_index_lacks(self) -> None:
        lines = [
            "Looking in indexes: https://me:secret@index.example/simple",
            "ERROR: Could not find a version that satisfies the requirement"
            " nova==99 (from versions: 1.0)",
            "ERROR: No matching distribution found for nova==99",
        ]
        said = installer.cause(lines)
        self.assertIn("the package index has no 'nova==99'", said)
        self.assertNotIn("index.example", said)

    def test_no_network_is_not_taken_for_a_missing_package(self) -> None:
        lines = [
            "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by ...",
            "ERROR: No matching distribution found for nova",
        ]
        self.assertIn("no package index was reached for 'nova'", installer.cause(lines))

    def test_a_package_that_does_not_build(self) -> None:
        lines = [
            "  build/libvirt.h:1:10: fatal error: Python.h: No such file or directory",
            "  ERROR: Failed building wheel for libvirt-python",
            "ERROR: Could not build wheels for libvirt-python, which is required to install",
        ]
        self.assertEqual(
            "'libvirt-python' does not build (fatal error: Python.h: No such file or directory);"
            " run 'vhost doctor' for what it needs",
            installer.cause(lines),
        )

    def test_anything_else_is_the_last_error_without_addresses(self) -> None:
        lines = ["ERROR: first", "ERROR: cannot read https://me:secret@index.example/x", "note: x"]
        self.assertEqual("ERROR: cannot read ...", installer.cause(lines))
        self.assertEqual("Killed", installer.cause(["Collecting a", "Killed", ""]))
        self.assertEqual("pip said nothing", installer.cause([]))
