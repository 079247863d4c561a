# SPDX-License-Identifier: Apache-2.0
"""The form of a topology file, as a JSON Schema (draft 2020-12).

``check`` is the reader's own interpreter of the part of JSON Schema that SCHEMA uses, so
that the schema a user's editor follows and what ``topology_file`` accepts are one thing.
It differs from a general validator in its messages: the descriptions are noun phrases
that continue "give ...".
"""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology.model import Binding, IommuModel
from vhost_tempest_plugin.topology.pci import LAST_BUS, DeviceModel

Key = tuple[str | int, ...]
Schema = dict[str, Any]

_SHOWN_CHARS = 40
_LAST_DISTANCE = 255  # a byte in the ACPI SLIT; 255 is unreachable (ACPI 6.5, 5.2.17)


def _object(description: str, required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _integer(description: str, minimum: int, maximum: int) -> Schema:
    return {
        "description": description,
        "type": "integer",
        "minimum": minimum,
        "maximum": maximum,
    }


def _string(description: str, pattern: str, longest: int) -> Schema:
    return {
        "description": description,
        "type": "string",
        "pattern": f"^{pattern}$",
        "maxLength": longest,
    }


def _choice(description: str, choices: list[str]) -> Schema:
    return {"description": description, "type": "string", "enum": choices}


def _list(description: str, items: Schema, longest: int, shortest: int = 0) -> Schema:
    return {
        "description": description,
        "type": "array",
        "items": items,
        "minItems": shortest,
        "maxItems": longest,
    }


_MAC = _string(
    "a MAC address such as '52:54:00:00:00:01'", "[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", 17
)
_DEVICES = _list(
    "a list of groups of equal NICs",
    _object(
        "a group of NICs, such as {model: e1000e, count: 3}",
        required=("model",),
        model=_choice("the NIC's model, e1000e or igb", [model.value for model in DeviceModel]),
        count=_integer("how many NICs, 1 to 256 (1)", 1, 256),
        vfs=_integer("how many virtual functions of each NIC to enable, igb only (0)", 0, 256),
        macs=_list("a list of one MAC address for each NIC, or none at all", _MAC, 256),
        driver=_choice(
            "the driver that holds the NICs after boot, kernel or vfio-pci (kernel)",
            [binding.value for binding in Binding],
        ),
    ),
    longest=256,
)
_CPU_LIST = r"([0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*)?"
_NODE = _object(
    "a NUMA node, such as {cpus: 0-1, memory_mib: 1024}",
    required=("cpus", "memory_mib"),
    cpus={
        "description": "the node's CPUs, such as 0-3,6",
        "type": ["integer", "string"],
        "minimum": 0,
        "maximum": 9999,
        "pattern": f"^{_CPU_LIST}$",
        "maxLength": 2048,
    },
    memory_mib=_integer("the node's memory in MiB, such as 1024", 1, 2**30),
    distances=_list(
        "a list of the distances to every node in turn, 10 to the node itself (10 and 20)",
        _integer("a distance, 10 to 255", 10, _LAST_DISTANCE),
        longest=1024,
        shortest=1,
    ),
    hugepages={
        "description": "the huge pages reserved at boot by size, such as {2M: 64, 1G: 1}",
        "type": "object",
        "patternProperties": {
            "^[1-9][0-9]{0,6}[KMG]$": _integer("how many huge pages, 0 or more", 0, 2**24)
        },
        "additionalProperties": False,
    },
    bus=_integer("the bus number of the node's expander bus, 1 to 255", 1, LAST_BUS),
    devices=_DEVICES,
)
_IOMMU = _object(
    "intel, none or a mapping such as {caching_mode: true}",
    model=_choice("intel or none (intel)", [model.value for model in IommuModel]),
    interrupt_remapping={"description": "true or false (true)", "type": "boolean"},
    caching_mode={"description": "true or false (true)", "type": "boolean"},
    address_width_bits={"description": "39 or 48 (48)", "type": "integer", "enum": [39, 48]},
)

SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A topology of vhost: the hardware of an emulated host",
    **_object(
        "a topology, at least nodes: [{cpus: 0-1, memory_mib: 1024}]",
        required=("nodes",),
        name=_string(
            "a name of small letters, digits and hyphens, a letter first (the file's own)",
            "[a-z]([a-z0-9-]*[a-z0-9])?",
            40,
        ),
        machine=_string(
            "QEMU's machine type, q35 or such as pc-q35-10.0 (q35)", "[a-z][a-z0-9._-]*", 40
        ),
        cpus=_object(
            "how the CPUs are arranged, such as {sockets: 2, cores: 2, threads: 2}",
            sockets=_integer("a number of sockets, 1 to 9999 (all CPUs, one each)", 1, 9999),
            cores=_integer("a number of cores for each socket, 1 to 9999 (1)", 1, 9999),
            threads=_integer("a number of threads for each core, 1 to 9999 (1)", 1, 9999),
        ),
        nodes=_list("a list of NUMA nodes", _NODE, longest=1024, shortest=1),
        devices={**_DEVICES, "description": "a list of groups of equal NICs on no NUMA node"},
        iommu={
            **_IOMMU,
            "type": ["string", "object"],
            "pattern": "^(intel|none)$",
        },
        management=_object("the management link, such as {mac: '52:54:00:00:00:01'}", mac=_MAC),
    ),
}


def shown(value: object) -> str:
    """A value as a message quotes it: on one line, printable and short."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    text = ascii(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 3]}..."


def check(value: object, schema: Schema = SCHEMA, key: Key = ()) -> None:
    """Refuse what does not have the form that *schema* describes.

    :param value: of dict (with text keys), list, str, int, float, bool and None
    :raises TopologyError: for the first thing found, with its key
    """
    for fact in _faults(value, schema):
        raise TopologyError(f"{fact}", key, hint=f"give {schema['description']}")
    if isinstance(value, dict):
        _check_keys(value, schema, key)
        for name, item in value.items():
            check(item, _of_key(schema, name) or {}, (*key, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check(item, schema["items"], (*key, index))


def _type_of(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}
    return names.get(type(value), "other")


def _faults(value: object, schema: Schema) -> Iterator[str]:
    types = schema["type"]
    if _type_of(value) not in ([types] if isinstance(types, str) else types):
        yield f"{shown(value)} is not of the right kind"
    elif isinstance(value, list):
        if not schema["minItems"] <= len(value) <= schema["maxItems"]:
            yield f"{len(value)} entries are not {schema['minItems']} to {schema['maxItems']}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{shown(value)} is unknown"
    elif isinstance(value, int) and not isinstance(value, bool):
        if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
            yield f"{value} is not {schema['minimum']} to {schema['maximum']}"
    elif isinstance(value, str) and "pattern" in schema:
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{len(value)} characters are more than {schema['maxLength']}"
        elif not re.match(schema["pattern"].removesuffix("$") + r"\Z", value):
            yield f"{shown(value)} is malformed"


def _of_key(schema: Schema, name: str) -> Schema | None:
    found: Schema | None = schema.get("properties", {}).get(name)
    for pattern, described in schema.get("patternProperties", {}).items():
        if found is None and re.match(pattern.removesuffix("$") + r"\Z", name):
            found = described
    return found


def _check_keys(value: dict[str, object], schema: Schema, key: Key) -> None:
    known = list(schema.get("properties", ()))
    for name in value:
        if _of_key(schema, name) is None:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"give {schema['description']}"
            others = f" (known: {', '.join(known)})" if known else ""
            raise TopologyError(f"unknown key {shown(name)}{others}", (*key, name), hint=hint)
    for name in schema.get("required", ()):
        if name not in value:
            raise TopologyError(
                f"the key {name!r} is missing",
                key,
                hint=f"give {schema['properties'][name]['description']}",
            )
