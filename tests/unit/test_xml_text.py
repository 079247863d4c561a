# SPDX-License-Identifier: Apache-2.0
"""XML of others is read by one function, which resolves nothing."""

import ast
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

import vhost_tempest_plugin
from vhost_tempest_plugin.hypervisor import xml_text

PACKAGE = Path(vhost_tempest_plugin.__file__).parent
READERS = {"fromstring", "XML", "XMLParser", "parse", "iterparse", "fromstringlist", "XMLID"}


def reads_xml(path: Path) -> Iterator[int]:
    """The lines of a module that read XML with a library."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in READERS
            and isinstance(node.value, ast.Name)
            and node.value.id in ("etree", "ElementTree", "minidom", "sax")
        ):
            yield node.lineno


class XmlTextTest(unittest.TestCase):
    def test_an_entity_is_not_resolved(self) -> None:
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write("SECRET")
            secret.flush()
            for declared in (f'SYSTEM "file://{secret.name}"', '"SECRET"'):
                with self.subTest(declared):
                    text = f"<!DOCTYPE a [<!ENTITY e {declared}>]><a>&e;</a>"
                    self.assertNotIn("SECRET", xml_text.parse(text).text or "")

    def test_what_is_no_xml(self) -> None:
        for text in ("", "<a>", "<a/><b/>", "a\0b", "<a>&none;</a>", "\udc80"):
            with self.subTest(text), self.assertRaises(ValueError):
                xml_text.parse(text)

    def test_comments_are_left_out(self) -> None:
        self.assertEqual(["b"], [each.tag for each in xml_text.parse("<a><!-- c --><b/></a>")])

    def test_nothing_else_reads_xml(self) -> None:
        for path in sorted(PACKAGE.rglob("*.py")):
            with self.subTest(module=str(path.relative_to(PACKAGE))):
                lines = list(reads_xml(path))
                self.assertEqual(path.name == "xml_text.py", bool(lines), lines)
