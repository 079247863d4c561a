# SPDX-License-Identifier: Apache-2.0
"""What Placement has of a host, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vhost_tempest_plugin.topology.pci import PciAddress


@dataclass(frozen=True, slots=True)
class Inventory:
    """How much a provider has of a resource class."""

    total: int
    reserved: int
    used: int


@dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider of Placement; *parent* is the uuid of the one it is part of."""

    uuid: str
    name: str
    parent: str | None
    inventories: Mapping[str, Inventory]
    traits: frozenset[str]

    @classmethod
    def read(
        cls,
        entry: Mapping[str, Any],
        inventories: Mapping[str, Any],
        usages: Mapping[str, int],
        traits: list[str],
    ) -> "Provider":
        """From what its four resources in the API answer."""
        return cls(
            uuid=entry["uuid"],
            name=entry["name"],
            parent=entry["parent_provider_uuid"],
            inventories={
                kind: Inventory(said["total"], said["reserved"], usages.get(kind, 0))
                for kind, said in inventories.items()
            },
            traits=frozenset(traits),
        )


@dataclass(frozen=True, slots=True)
class Holding:
    """What a consumer, as an instance, has of one provider.

    :param consumer: its uuid
    :param provider: its name
    :param device: the PCI function that the provider stands for, None where for no such
    :param resources: amounts by resource class
    """

    consumer: str
    provider: str
    device: PciAddress | None
    resources: Mapping[str, int]


def device_of(provider: str) -> PciAddress | None:
    """The PCI function of a provider, by its name ``<host>_<address>``.

    nova/compute/pci_placement_translator.py, ``_get_rp_name_for_address``.
    """
    _, found, address = provider.rpartition("_")
    try:
        return PciAddress.parse(address) if found else None
    except ValueError:
        return None
