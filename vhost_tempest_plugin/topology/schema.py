# SPDX-License-Identifier: Apache-2.0
"""The form of a topology file, as a JSON Schema (draft 2020-12).

The schema that a user's editor follows is the one that ``check`` validates with. Its
descriptions are noun phrases that continue "give ...", and end with the default in brackets.
"""

import difflib
import functools
import re
from collections.abc import Iterable
from typing import Any

from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.topology import devices, iommus
from vhost_tempest_plugin.topology.key import Key
from vhost_tempest_plugin.topology.model import Binding, Iommu
from vhost_tempest_plugin.topology.pci import LAST_BUS
from vhost_tempest_plugin.util import name

NO_IOMMU = "none"

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


def _whole(pattern: str) -> str:
    """A pattern for all of a text; to Python, ``$`` alone also matches before a last newline."""
    return rf"^(?:{pattern})(?!\n)$"


def _or(words: Iterable[object]) -> str:
    return " or ".join(map(str, words))


def _string(description: str, pattern: str, longest: int) -> Schema:
    return {
        "description": description,
        "type": "string",
        "pattern": _whole(pattern),
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
_SRIOV = [model for model in devices.MODELS.values() if model.sriov]
_DEVICES = _list(
    "a list of groups of equal devices",
    _object(
        "a group of devices, such as {model: e1000e, count: 3}",
        required=("model",),
        model=_choice(f"the device's model, {_or(devices.MODELS)}", list(devices.MODELS)),
        count=_integer("how many devices, 1 to 256 (1)", 1, 256),
        vfs=_integer(
            f"how many virtual functions of each to enable, {_or(_SRIOV)} only (0)", 0, 256
        ),
        macs=_list("a list of one MAC address for each NIC, or none at all", _MAC, 256),
        driver=_choice(
            f"the driver that holds them after boot, {_or(Binding)} ({Binding.KERNEL})",
            list(map(str, Binding)),
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
        "pattern": _whole(_CPU_LIST),
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
            _whole("[1-9][0-9]{0,6}[KMG]"): _integer("how many huge pages, 0 or more", 0, 2**24)
        },
        "additionalProperties": False,
    },
    bus=_integer("the bus number of the node's expander bus, 1 to 255", 1, LAST_BUS),
    devices=_DEVICES,
)
_IOMMUS = [*iommus.MODELS, NO_IOMMU]
_WIDTHS_BITS = sorted(
    {bits for model in iommus.MODELS.values() for bits in model.address_widths_bits}
)
_IOMMU = _object(
    f"{', '.join(_IOMMUS)} or a mapping such as {{caching_mode: true}}",
    model=_choice(f"{_or(_IOMMUS)} ({Iommu().model})", _IOMMUS),
    interrupt_remapping={"description": "true or false (true)", "type": "boolean"},
    caching_mode={"description": "true or false (true)", "type": "boolean"},
    address_width_bits={
        "description": f"{_or(_WIDTHS_BITS)} ({Iommu().address_width_bits})",
        "type": "integer",
        "enum": _WIDTHS_BITS,
    },
)

SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A topology of vhost: the hardware of an emulated host",
    **_object(
        "a topology, at least nodes: [{cpus: 0-1, memory_mib: 1024}]",
        required=("nodes",),
        name=_string(
            f"a name of {name.RULE} (the file's own)",
            name.PATTERN,
            name.LONGEST_CHARS,
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
        devices={**_DEVICES, "description": "a list of groups of equal devices on no NUMA node"},
        iommu={
            **_IOMMU,
            "type": ["string", "object"],
            "pattern": _whole("|".join(_IOMMUS)),
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


def check(value: object) -> None:
    """Refuse what does not have the form of SCHEMA.

    :param value: of dict (with text keys), list, str, int, float, bool and None
    :raises TopologyError: for the fault that is highest up in it, with its key
    """
    # Loading it costs more than all else that most commands do.
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(value))
    if error is not None:
        raise _refusal(error)


@functools.cache
def _validator() -> Any:
    """JSON Schema's rules, but for 1.0, which is no integer: YAML reads 010 as 10.0."""
    import jsonschema

    base = jsonschema.Draft202012Validator
    integers = base.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    extend: Any = jsonschema.validators.extend
    return extend(base, type_checker=integers)(SCHEMA)


def _refusal(error: Any) -> TopologyError:
    """What to say of a fault that jsonschema found (a ValidationError)."""
    schema: Schema = error.schema
    value: Any = error.instance
    key = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        return _unknown_key(schema, value, key)
    if error.validator == "required":
        name = next(name for name in schema["required"] if name not in value)
        hint = f"give {schema['properties'][name]['description']}"
        return TopologyError(f"the key {name!r} is missing", key, hint=hint)
    return TopologyError(
        _fact(error.validator, schema, value), key, hint=f"give {schema['description']}"
    )


def _fact(rule: str, schema: Schema, value: Any) -> str:
    match rule:
        case "enum":
            return f"{shown(value)} is unknown"
        case "minimum" | "maximum":
            return f"{value} is not {schema['minimum']} to {schema['maximum']}"
        case "minItems" | "maxItems":
            return f"{len(value)} entries are not {schema['minItems']} to {schema['maxItems']}"
        case "maxLength":
            return f"{len(value)} characters are more than {schema['maxLength']}"
        case "pattern":
            return f"{shown(value)} is malformed"
    return f"{shown(value)} is not of the right kind"


def _unknown_key(schema: Schema, value: dict[str, object], key: Key) -> TopologyError:
    known = list(schema.get("properties", ()))
    patterns = schema.get("patternProperties", ())
    name = next(
        name
        for name in value
        if name not in known and not any(re.search(pattern, name) for pattern in patterns)
    )
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"give {schema['description']}"
    others = f" (known: {', '.join(known)})" if known else ""
    return TopologyError(f"unknown key {shown(name)}{others}", (*key, name), hint=hint)
