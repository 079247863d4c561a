# SPDX-License-Identifier: Apache-2.0
import os
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.util import paths

PLACES: dict[str, Callable[[], Path]] = {
    "XDG_STATE_HOME": paths.state,
    "XDG_CACHE_HOME": paths.cache,
}


class PathsTest(unittest.TestCase):
    def test_every_name_that_can_be_written_in_a_line(self) -> None:
        for name in ("a b", "m\u00fcller", "50%h", "a:b,c;d#e&f'g\"h\\\\i$x", "x/" * 400):
            for variable, place in PLACES.items():
                with self.subTest(name), mock.patch.dict(os.environ, {variable: f"/srv/{name}"}):
                    self.assertEqual(Path(f"/srv/{name}/vhost"), place())

    def test_others_are_refused(self) -> None:
        for name, said in (
            ("a\nb", "cannot be printed"),
            ("a\tb", "cannot be printed"),
            ("a\x1bb", "cannot be printed"),
            ("a\udcffb", "cannot be printed"),
            ("x/" * 450, "has 910 bytes, and 900 are the most"),
        ):
            for variable, place in PLACES.items():
                with (
                    self.subTest(name),
                    mock.patch.dict(os.environ, {variable: f"/srv/{name}"}),
                    self.assertRaisesRegex(InputError, f"{said}; set {variable} to another"),
                ):
                    place()


if __name__ == "__main__":
    unittest.main()
