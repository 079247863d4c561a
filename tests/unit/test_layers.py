# SPDX-License-Identifier: Apache-2.0
"""Imports point down only, and each third-party package has its owners."""

import ast
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "vhost_tempest_plugin"
ROOT = Path(__file__).resolve().parents[2] / PACKAGE

# From the top down; a module may import those of its own layer and of the layers below.
LAYERS = (
    "cli config plugin scenario services",
    "acceleration bench boot cache capability checks collecting compute console deployment doctor"
    " guest hosts hypervisor image keys lab lifecycle login machine named_directory"
    " network packages picture plugging probe process pruning reporting results rewiring sharing"
    " speed stack state tether viewer",
    "buses cabling catalog cmdline configuration cpio devicespec domain drawing expect layout"
    " memory mutants need novaconf observe report request topology_data topology_file"
    " topology_schema validity views",
    "ability accelerator cpuset errors feature finding hardware load nat paths pci progress record"
    " record_text share topology uplink",
)
OWNERS = {
    "amqp": "lab",
    "cliff": "cli",
    "jinja2": "report results",
    "libvirt": "hypervisor",
    "libvirt_qemu": "hypervisor",
    "lxml": "domain observe",
    "keystoneauth1": "lab stack",
    "markupsafe": "report",
    "openstack": "lab",
    "oslo_config": "config lab plugin",
    "packaging": "lab stack",
    "pymysql": "lab viewer",
    "stevedore": "catalog checks deployment mutants",
    "subprocess": "process",
    "subunit": "results",
    "supervisor": "lab",
    "tempest": "plugin scenario services",
    "testtools": "results scenario",
    "yaml": "topology_file",
}
HEIGHT = {name: -depth for depth, names in enumerate(LAYERS) for name in names.split()}


def imports(path: Path) -> Iterator[str]:
    """The full names of everything a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def complaints(name: str, imported: str) -> Iterator[str]:
    """What is wrong with the module *name* importing *imported*."""
    first, second = [*imported.split("."), "", ""][:2]
    if first == PACKAGE:
        if HEIGHT.get(second, 1 if second else 0) > HEIGHT[name]:
            yield f"{name} imports {second}, which is above it or in no layer"
    elif first in OWNERS:
        if name not in OWNERS[first].split():
            yield f"{name} imports {first}, which belongs to {OWNERS[first]}"
    elif first not in sys.stdlib_module_names:
        yield f"{name} imports {first}, which nobody owns"


class LayersTest(unittest.TestCase):
    def test_every_module_keeps_to_its_layer(self) -> None:
        for path in sorted(ROOT.rglob("*.py")):
            name = path.relative_to(ROOT).with_suffix("").parts[0]
            with self.subTest(module=str(path.relative_to(ROOT))):
                if name == "__init__":
                    self.assertEqual([], list(imports(path)))
                    continue
                self.assertIn(name, HEIGHT, "place it in LAYERS")
                self.assertEqual([], [c for i in imports(path) for c in complaints(name, i)])

    def test_it_can_fail(self) -> None:
        for name, imported in (
            ("pci", f"{PACKAGE}.process.run"),
            ("layout", f"{PACKAGE}.unheard_of"),
            ("machine", "subprocess"),
            ("image", "requests"),
        ):
            with self.subTest(module=name, imported=imported):
                self.assertEqual(1, len(list(complaints(name, imported))))
