# SPDX-License-Identifier: Apache-2.0
import struct
import tempfile
import unittest
from pathlib import Path

from lxml import etree

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.report import picture
from vhost_tempest_plugin.report.picture import PictureFormat
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.drawing import draw

SVG_TEXT = "{http://www.w3.org/2000/svg}text"


class TestPicture(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def test_every_topology_in_every_format(self) -> None:
        for name in catalog.names():
            hardware = catalog.find(name).hardware()
            drawing = draw(hardware, title=name)
            for format_ in PictureFormat:
                with self.subTest(name=name, format=format_):
                    path = self.directory / f"{name}.{format_}"
                    picture.save(drawing, path, PictureFormat.of(path))
                    self.assertGreater(path.stat().st_size, 500)
            words = {t.text for t in etree.parse(self.directory / f"{name}.svg").iter(SVG_TEXT)}
            with self.subTest(name=name):
                for endpoint in hardware.endpoints:
                    self.assertIn(str(endpoint.address)[5:], words)
            head = (self.directory / f"{name}.png").read_bytes()[:24]
            self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", head[16:24])
            with self.subTest(name=name, width=width, height=height):
                self.assertLess(width, 3000)
                self.assertLess(height, 3000)

    def test_nothing_half_written(self) -> None:
        drawing = draw(catalog.find("smt").hardware())
        path = self.directory / "picture.png"
        path.mkdir()
        with self.assertRaisesRegex(InputError, "cannot write the picture"):
            picture.save(drawing, path, PictureFormat.PNG)
        self.assertEqual([entry.name for entry in self.directory.iterdir()], ["picture.png"])

    def test_unknown_suffix(self) -> None:
        with self.assertRaisesRegex(InputError, r"end it in \.svg, \.png"):
            PictureFormat.of(Path("a.jpg"))
