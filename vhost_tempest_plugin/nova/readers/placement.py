# SPDX-License-Identifier: Apache-2.0
"""Placement's account of a compute host.

References: https://docs.openstack.org/api-ref/placement/
"""

from collections.abc import Callable, Mapping
from typing import Any

from vhost_tempest_plugin.nova.views.placement import Holding, Provider, device_of

Json = Mapping[str, Any]


class Placement:
    """The API.

    :param get: asks for a path, as in ``/resource_providers``, with microversion 1.36 (Train);
        an answer that there is no such thing is its caller's business
    """

    def __init__(self, get: Callable[[str], Json]) -> None:
        self._get = get

    def tree(self, compute_node: str) -> Mapping[str, str]:
        """The names of a host's providers by uuid: its own, and those of its devices."""
        path = f"/resource_providers?in_tree={compute_node}"
        found = self._get(path)["resource_providers"]
        return {entry["uuid"]: entry["name"] for entry in found}

    def providers(self, compute_node: str | None = None) -> tuple[Provider, ...]:
        """A host's providers, or all, with what they have and what of it is used, by name."""
        which = f"?in_tree={compute_node}" if compute_node else ""
        found = self._get(f"/resource_providers{which}")["resource_providers"]
        return tuple(sorted((self._provider(each) for each in found), key=lambda p: p.name))

    def of(self, consumer: str, tree: Mapping[str, str]) -> tuple[Holding, ...]:
        """What a consumer, as an instance or a migration, has."""
        held = self._get(f"/allocations/{consumer}")["allocations"]
        return tuple(
            _holding(consumer, tree.get(uuid, uuid), entry["resources"])
            for uuid, entry in sorted(held.items())
        )

    def all(self, tree: Mapping[str, str]) -> tuple[Holding, ...]:
        """What anybody has of these providers."""
        return tuple(
            _holding(consumer, name, entry["resources"])
            for uuid, name in sorted(tree.items(), key=lambda item: item[1])
            for consumer, entry in sorted(
                self._get(f"/resource_providers/{uuid}/allocations")["allocations"].items()
            )
        )

    def _provider(self, entry: Json) -> Provider:
        path = f"/resource_providers/{entry['uuid']}"
        return Provider.read(
            entry,
            self._get(f"{path}/inventories")["inventories"],
            self._get(f"{path}/usages")["usages"],
            self._get(f"{path}/traits")["traits"],
        )


def _holding(consumer: str, provider: str, resources: Mapping[str, int]) -> Holding:
    return Holding(consumer, provider, device_of(provider), resources)
