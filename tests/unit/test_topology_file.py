# SPDX-License-Identifier: Apache-2.0
import copy
import json
import unittest

import jsonschema
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.strategies import hosts
from vhost_tempest_plugin.errors import InputError, TopologyError
from vhost_tempest_plugin.topology import catalog, serialization, yaml_file
from vhost_tempest_plugin.topology.devices import e1000e, igb
from vhost_tempest_plugin.topology.iommus import intel
from vhost_tempest_plugin.topology.model import (
    Binding,
    CpuTopology,
    DeviceGroup,
    Host,
    HugePages,
    Iommu,
    Management,
    NumaNode,
)
from vhost_tempest_plugin.topology.schema import SCHEMA

SMALLEST = "nodes: [{cpus: 0-1, memory_mib: 1024}]"

FULL = """\
name: all-keys
machine: q35
cpus: {sockets: 1, cores: 2, threads: 2}
iommu:
  model: intel
  interrupt_remapping: true
  caching_mode: false
  address_width_bits: 39
nodes:
  - cpus: 0,1
    memory_mib: 4096
    distances: [10, 21]
    hugepages: {2M: 64, 1G: 1}
    bus: 0x20
    devices:
      - {model: igb, count: 2, vfs: 7, macs: ['52:54:00:00:00:01', 52:54:00:12:34:56]}
      - {model: e1000e, driver: vfio-pci}
  - cpus: 2-3
    memory_mib: 1024
    distances: [21, 10]
devices:
  - model: e1000e
management: {mac: 52:54:00:00:00:09}
"""


def refusal(text: str | bytes) -> str:
    try:
        yaml_file.load(text, "a/my.yaml")
    except InputError as error:
        return str(error)
    raise AssertionError(f"{text!r} was accepted")


class TestLoad(unittest.TestCase):
    def test_smallest(self) -> None:
        self.assertEqual(
            yaml_file.load(SMALLEST, "a/My topology.v2.yaml").host,
            Host(
                "my-topology-v2",
                CpuTopology(2),
                (NumaNode(0, frozenset({0, 1}), 1024, ((0, 10),)),),
            ),
        )

    def test_every_key(self) -> None:
        first = NumaNode(
            0,
            frozenset({0, 1}),
            4096,
            ((0, 10), (1, 21)),
            huge_pages=(HugePages(2048, 64), HugePages(1048576, 1)),
            devices=(
                DeviceGroup(igb.MODEL, 2, 7, ("52:54:00:00:00:01", "52:54:00:12:34:56")),
                DeviceGroup(e1000e.MODEL, binding=Binding.VFIO_PCI),
            ),
            bus=32,
        )
        self.assertEqual(
            yaml_file.load(FULL, "x.yaml").host,
            Host(
                "all-keys",
                CpuTopology(1, 2, 2),
                (first, NumaNode(1, frozenset({2, 3}), 1024, ((0, 21), (1, 10)))),
                devices=(DeviceGroup(e1000e.MODEL),),
                iommu=Iommu(intel.MODEL, True, False, 39),
                management=Management("52:54:00:00:00:09"),
            ),
        )

    def test_defaults(self) -> None:
        host = yaml_file.load(
            "cpus: {threads: 2}\niommu: none\n"
            "nodes: [{cpus: 0-3, memory_mib: 512}, {cpus: 4-7, memory_mib: 512}]",
            "<stdin>",
        ).host
        self.assertEqual(host.name, "stdin")
        self.assertEqual(host.cpus, CpuTopology(4, 1, 2))
        self.assertEqual(host.nodes[1].distances, ((0, 20), (1, 10)))
        self.assertEqual(host.iommu, Iommu(None, False, False))

    def test_json_is_yaml(self) -> None:
        data = serialization.write(yaml_file.load(FULL, "x").host)
        self.assertEqual(yaml_file.load(json.dumps(data), "y"), yaml_file.load(FULL, "x"))


class TestRefusals(unittest.TestCase):
    def test_each_names_file_line_key_and_remedy(self) -> None:
        node = "nodes:\n  - cpus: 0-1\n    memory_mib: 1024\n"
        for text, *parts in (
            ("", "1: ", "empty", "nodes: [{cpus"),
            ("# nothing\n", "1: ", "empty"),
            ("3", "1: ", "not of the right kind"),
            ("nodes: []", "1: nodes: ", "0 entries"),
            (node + "nodes: []", "4: nodes: ", "second time", "line 1"),
            (
                node + "    memroy: 3",
                "4: nodes[0].memroy: ",
                "unknown",
                "did you mean 'memory_mib'",
            ),
            ("nodes:\n- cpus: 0-1\n", "2: nodes[0]: ", "'memory_mib' is missing"),
            (node + "    bus: 256", "4: nodes[0].bus: ", "256 is not 1 to 255"),
            (node + "    bus: true", "4: nodes[0].bus: ", "true is not of the right kind"),
            (node + "    bus: 1.5", "4: nodes[0].bus: ", "1.5 is not"),
            (node + "    bus: 010", "4: nodes[0].bus: ", "10.0 is not of the right kind"),
            (node + "    bus:", "4: nodes[0].bus: ", "nothing is not"),
            (node + "    distances: [10, 20]", "4: nodes[0].distances: ", "2 distances", "1 node"),
            (node + "    hugepages: {2M: 1, 2048K: 1}", "4: nodes[0].hugepages.2048K: ", "once"),
            (node + "    hugepages: {2MB: 1}", "4: nodes[0].hugepages.2MB: ", "{2M: 64, 1G: 1}"),
            (
                node + "    devices:\n      - model: e1001",
                "5: nodes[0].devices[0].model: ",
                "e1000e or igb",
            ),
            (node + "    devices:\n      - model: igb\n        vfs: 8\n", "6: nodes[0].devices[0]"),
            (node + "    devices: [{model: igb, macs: [a]}]", "4: nodes[0].devices[0].macs[0]: "),
            ("nodes: [{cpus: 3-1, memory_mib: 512}]", "1: nodes[0].cpus: ", "backwards"),
            ("cpus: {cores: 3}\n" + node, "1: cpus: ", "3 cores of 1 threads", "2 CPUs"),
            ("iommu: off\n" + node, "1: iommu: ", "'off'", "intel, none"),
            ("name: Bad\n" + node, "1: name: ", "'Bad' is malformed", "small letters"),
            ('name: "a\\n"\n' + node, "1: name: ", "malformed"),
            (node + '    hugepages: {"2M\\n": 1}', "4: nodes[0].hugepages.2M", "unknown key"),
            (node + "    bus: 256\nnam: a", "5: nam: ", "did you mean 'name'"),
            ("a: &a [1]\nb: *a", "2: b: ", "alias 'a'", "write it out"),
            ("a: !!python/name:os.system x", "1: a: ", "tag", "remove"),
            ("? [a]\n: b", "1: ", "key is not a word"),
            ("a: b: c", "1: ", "not YAML", "mapping values"),
            ("a\n---\nb", "2: ", "second document"),
            ("[" * 40, "1: ", "levels deep"),
            ("a: \x00", "1: ", "character 3", "remove it"),
            ("a: b\nc: \x07", "2: ", "character 8"),
            ('"\\UFFFFFFFF"', "1: ", "out of range"),
            ("%YAML " + "9" * 5000 + "\n---\n", "1: ", "out of range"),
            (b"a: b\n\xff", "2: ", "byte 5 is not UTF-8"),
            ("a" * 70000, "1: ", "longer than 65536"),
        ):
            with self.subTest(text=text[:80]):
                message = refusal(text)
                self.assertTrue(message.startswith(f"a/my.yaml:{parts[0]}"), message)
                for part in parts[1:]:
                    self.assertIn(part, message)
                self.assertNotIn("\n", message)

    def test_what_cannot_work_names_its_line(self) -> None:
        text = """\
nodes:
  - cpus: 0-1
    memory_mib: 1024
    bus: 180
    devices: [{model: e1000e, count: 3}]
  - cpus: 2-3
    memory_mib: 1024
    bus: 182
    devices: [{model: e1000e}]
"""
        message = refusal(text)
        self.assertTrue(message.startswith("a/my.yaml:8: nodes[1].bus: "), message)
        self.assertIn("182", message)

    def test_key_differs_from_text(self) -> None:
        with self.assertRaises(TopologyError) as caught:
            yaml_file.load("nodes: [{cpus: 0, memory_mib: x}]", "f")
        self.assertEqual(caught.exception.key, ("nodes", 0, "memory_mib"))

    def test_odd_file_names_stay_on_the_line(self) -> None:
        with self.assertRaises(InputError) as caught:
            yaml_file.load("", "a\nb")
        self.assertEqual(len(str(caught.exception).splitlines()), 1)


def _paths(value: object, key: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, item in items:
        found.append((*key, name))
        if isinstance(item, dict | list):
            found += _paths(item, (*key, name))
    return found


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 300),
    st.integers(),
    st.sampled_from(
        ["", "0-1", "intel", "igb", "e1000e", "q35", "2M", "0-9999", "5-1", "52:54:00:12:34:56"]
    ),
    st.text(max_size=20).filter(lambda text: not text.endswith("\n")),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "cpus", "2M", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> object:
    """The data of a valid host with one to three values replaced, added or taken out."""
    data = copy.deepcopy(serialization.write(draw(hosts())))
    for _ in range(draw(st.integers(1, 3))):
        paths = _paths(data)
        if not paths:
            break
        *parents, last = draw(st.sampled_from(paths))
        parent = data
        for part in parents:
            parent = parent[part]
        kind = draw(st.sampled_from(["replace", "delete", "add"]))
        if kind == "delete":
            del parent[last]
        elif kind == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["bus", "vfs", "mac", "model", "nodes"]))] = draw(VALUES)
        else:
            parent[last] = draw(VALUES)
    return data


class TestProperties(unittest.TestCase):
    def assert_host_or_one_line(self, text: str | bytes) -> None:
        try:
            host = yaml_file.load(text, "f.yaml").host
        except InputError as error:
            self.assertEqual(len(str(error).splitlines()), 1)
            self.assertTrue(str(error).startswith("f.yaml:"))
            str(error).encode("utf-8")
        else:
            self.assertIsInstance(host, Host)

    @given(hosts())
    @settings(suppress_health_check=[HealthCheck.too_slow])
    def test_dump_reads_back(self, host: Host) -> None:
        text = yaml_file.dump(host)
        self.assertEqual(yaml_file.load(text, "other.yaml").host, host)

    @given(hosts())
    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
    def test_dump_fits_the_schema_and_other_yaml_readers(self, host: Host) -> None:
        text = yaml_file.dump(host)
        data = yaml.safe_load(text)
        self.assertEqual(data, serialization.write(host))
        jsonschema.validate(data, SCHEMA)

    @given(mutated())
    @settings(suppress_health_check=[HealthCheck.too_slow])
    def test_mutated_documents(self, data: object) -> None:
        self.assert_host_or_one_line(yaml.safe_dump(data, allow_unicode=True))

    @given(st.text() | st.binary())
    @example("{" * 5000)
    @example("- " * 5000)
    @example('"\\uD800"')
    @example("- !<tag:yaml.org,2002:int> x")
    def test_anything(self, text: str | bytes) -> None:
        self.assert_host_or_one_line(text)

    @given(st.data())
    def test_damaged_text(self, data: st.DataObject) -> None:
        text = FULL
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(text)))
            end = data.draw(st.integers(at, min(len(text), at + 20)))
            text = (
                text[:at]
                + data.draw(st.text("{}[]:-,&*!#'\"\n \t%@|>?a0", max_size=4))
                + text[end:]
            )
        self.assert_host_or_one_line(text)


class TestSchema(unittest.TestCase):
    def test_is_a_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_shipped_topologies_fit(self) -> None:
        for name, path in catalog.load().shipped.items():
            with self.subTest(name):
                jsonschema.validate(yaml_file.plain(path.read_bytes(), {}), SCHEMA)
                catalog.find(name)
