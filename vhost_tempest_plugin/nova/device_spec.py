# SPDX-License-Identifier: Apache-2.0
"""Entries of ``[pci] device_spec``, and what Nova makes of them.

https://docs.openstack.org/nova/latest/configuration/config.html#pci.device_spec;
nova/pci/devspec.py, nova/compute/pci_placement_translator.py.
"""

import json
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

_ANY = "*"
_FIELDS = ("domain", "bus", "slot", "function")
_CUSTOM = "CUSTOM_"
# oslo.utils, bool_from_string.
_TRUE = ("1", "t", "true", "on", "y", "yes")


class InterfaceNameError(ValueError):
    """An entry names a network interface (``devname``); only the host knows which NIC that is."""


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """Regular expressions for the parts of an address; each counts from the part's beginning."""

    domain: str = ".*"
    bus: str = ".*"
    slot: str = ".*"
    function: str = ".*"

    def matches(self, address: PciAddress) -> bool:
        """Whether Nova takes the function for one that is meant (Python's ``re.match``)."""
        parts = _parts(address)
        return all(re.match(getattr(self, field), parts[field]) for field in _FIELDS)

    def words(self) -> Mapping[str, str]:
        """As in the option."""
        return {field: getattr(self, field) for field in _FIELDS}


@dataclass(frozen=True, slots=True)
class Entry:
    """Functions that Nova may give away.

    :param vendor_id: four hexadecimal digits, None for any
    :param product_id: four hexadecimal digits, None for any
    :param address: None for any; text is an address in which parts may be ``*`` or, from the
        left, left out
    :param resource_class: Placement's, in any spelling that Nova accepts
    :param traits: custom ones, in any spelling that Nova accepts
    :param managed: whether libvirt takes the function from its driver and gives it back; Nova's
        default is yes
    :param one_time_use: whether no second instance may have it until somebody has cleaned it
    """

    vendor_id: str | None = None
    product_id: str | None = None
    address: str | AddressPattern | None = None
    resource_class: str | None = None
    traits: tuple[str, ...] = ()
    managed: bool | None = None
    one_time_use: bool = False

    def words(self) -> Mapping[str, Any]:
        """As in the option."""
        address = self.address
        words = {
            "vendor_id": self.vendor_id,
            "product_id": self.product_id,
            "address": address.words() if isinstance(address, AddressPattern) else address,
            "resource_class": self.resource_class,
            "traits": ",".join(self.traits) or None,
            "managed": None if self.managed is None else "yes" if self.managed else "no",
            "one_time_use": "true" if self.one_time_use else None,
        }
        return {name: word for name, word in words.items() if word is not None}

    def matches(self, row: PciDeviceRow, physical: PciAddress | None = None) -> bool:
        """Whether the function is meant.

        :param physical: the physical function of a virtual one, whose address names this one too
        """
        ids = (self.vendor_id, row.vendor_id), (self.product_id, row.product_id)
        if not all(wanted in (None, found) for wanted, found in ids):
            return False
        if physical is not None and self._is_single and self._is_at(physical):
            return True
        return self._is_at(row.address)

    def _is_at(self, address: PciAddress) -> bool:
        if isinstance(self.address, AddressPattern):
            return self.address.matches(address)
        return self.address is None or _is_like(self.address, address)

    @property
    def _is_single(self) -> bool:
        """Whether the address is of one function, none of its parts left open."""
        match self.address:
            case None:
                return False
            case AddressPattern():
                parts = [getattr(self.address, field) for field in _FIELDS]
            case text:
                parts = list(_glob(text))
        return all(set(part) <= set(string.hexdigits) for part in parts)


def read(texts: Iterable[str]) -> tuple[Entry, ...]:
    """The entries of the option as an operator wrote it; tags for others than Nova count nothing.

    :param texts: one for each time that it is written, an entry or a list of them
    :raises InterfaceNameError: an entry names a network interface
    :raises ValueError: it is not JSON of that form
    """
    loaded = [json.loads(text) for text in texts if text.strip()]
    found = [entry for each in loaded for entry in (each if isinstance(each, list) else [each])]
    return tuple(map(_entry, found))


def given(layout: Layout) -> tuple[Entry, ...]:
    """What a deployment of ours has for a host."""
    return tuple(Entry(**json.loads(text)) for text in pci_devices.device_spec(layout))


def each(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The option, written once for each entry."""
    return tuple(json.dumps(entry.words()) for entry in entries)


def together(entries: Iterable[Entry]) -> str:
    """The option, written once for all entries as a list."""
    return json.dumps([entry.words() for entry in entries])


def tracked(
    rows: Iterable[PciDeviceRow],
    entries: Iterable[Entry],
    physical: Mapping[PciAddress, PciAddress] = MappingProxyType({}),
) -> Mapping[PciDeviceRow, Entry]:
    """Those functions that an entry means, each with the first that does (nova/pci/whitelist.py).

    :param rows: functions of a host
    :param physical: the physical function of each virtual one
    """
    known = tuple(entries)
    first = {
        row: next((e for e in known if e.matches(row, physical.get(row.address))), None)
        for row in rows
    }
    return {row: entry for row, entry in first.items() if entry is not None}


def custom(name: str) -> str:
    """Placement's name for a custom trait or resource class, as Nova makes it from another.

    ``normalize_name`` of os-traits and os-resource-classes; standard names are not meant here.  A
    name that begins as Placement's do is left as it is, whatever follows.
    """
    upper = name.upper()
    if upper.startswith(_CUSTOM):
        return upper
    return _CUSTOM + re.sub("[^0-9A-Z]+", "_", upper)


def _parts(address: PciAddress) -> Mapping[str, str]:
    return {
        "domain": f"{address.domain:04x}",
        "bus": f"{address.bus:02x}",
        "slot": f"{address.slot:02x}",
        "function": f"{address.function:x}",
    }


def _entry(fields: Any) -> Entry:
    """One entry of JSON; ``_normalize_device_spec_tag`` and ``_set_pci_dev_info`` of Nova."""
    if not isinstance(fields, dict):
        raise ValueError(f"{fields!r} is no entry of device_spec")
    if "devname" in fields:
        raise InterfaceNameError(
            f"device_spec names the network interface {fields['devname']!r}, which may be any NIC"
        )
    address = fields.get("address")
    if isinstance(address, dict):
        address = AddressPattern(**{name: address.get(name, ".*") for name in _FIELDS})

    def number(name: str) -> str | None:
        text = str(fields.get(name, _ANY)).strip()
        return None if text == _ANY else f"{int(text, 16):04x}"

    managed = fields.get("managed")
    return Entry(
        vendor_id=number("vendor_id"),
        product_id=number("product_id"),
        address=address or None,
        resource_class=fields.get("resource_class"),
        traits=tuple(name.strip() for name in fields.get("traits", "").split(",") if name.strip()),
        managed=None if managed is None else is_true(managed),
        one_time_use=is_true(fields.get("one_time_use", "")),
    )


def is_true(text: str) -> bool:
    """Whether oslo.config takes a text for true."""
    return text.strip().lower() in _TRUE


def _glob(text: str) -> tuple[str, ...]:
    """The parts of an address in which some are left open: domain, bus, slot, function."""
    place, _, function = text.partition(".")
    fields = [field.strip() or _ANY for field in place.split(":")]
    return (*[_ANY] * (3 - len(fields)), *fields, function.strip() or _ANY)


def _is_like(glob: str, address: PciAddress) -> bool:
    """nova/pci/devspec.py, ``PciAddressGlobSpec``."""
    parts = _parts(address)
    wanted = zip(_glob(glob), _FIELDS, strict=True)
    return all(word == _ANY or int(word, 16) == int(parts[field], 16) for word, field in wanted)
