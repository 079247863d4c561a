# SPDX-License-Identifier: Apache-2.0
"""The availability zone of the hosts that tests know, where the cloud has others beside them.

Servers of theirs would be placed on those others, too: on devstack's own machine, or on a second
one's hosts.  https://docs.openstack.org/nova/latest/admin/availability-zones.html
"""

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

from tempest.lib import exceptions

from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE
from vhost_tempest_plugin.errors import VhostError

# Of the aggregate and of the zone; one that a killed test has left is taken up by the next.
NAME = "vhost-tempest-plugin"


class HostAggregate:
    """Made where it is needed, and removed.

    :param aggregates: tempest's client of Nova's API of aggregates, an administrator's
    :param services: of that of services
    """

    def __init__(self, aggregates: Any, services: Any) -> None:
        self._aggregates = aggregates
        self._services = services
        self._has_own = False

    def around(self, hosts: Collection[str]) -> str | None:
        """The name of the zone of exactly these compute hosts; None where there are no others.

        :raises VhostError: somebody has them in a zone with others
        """
        services = self._services.list_services(binary=NOVA_COMPUTE)["services"]
        if {service["host"] for service in services} <= set(hosts):
            return None
        known = self._aggregates.list_aggregates()["aggregates"]
        for each in known:
            others = each["name"] != NAME
            if others and each["availability_zone"] and set(each["hosts"]) == set(hosts):
                return str(each["availability_zone"])
        self._has_own = True
        own = next((each for each in known if each["name"] == NAME), None) or self._create()
        for host in set(hosts) - set(own["hosts"]):
            self._add(own, host)
        for host in set(own["hosts"]) - set(hosts):
            self._aggregates.remove_host(own["id"], host=host)
        return NAME

    def remove(self) -> None:
        """Remove what ``around`` has made, if it has.

        Where a server is left that holds a host there, so is the zone; the next test takes it up.
        """
        known = self._aggregates.list_aggregates()["aggregates"] if self._has_own else ()
        with contextlib.suppress(exceptions.Conflict):
            for each in (each for each in known if each["name"] == NAME):
                for host in each["hosts"]:
                    self._aggregates.remove_host(each["id"], host=host)
                self._aggregates.delete_aggregate(each["id"])

    def _create(self) -> Mapping[str, Any]:
        made = self._aggregates.create_aggregate(name=NAME, availability_zone=NAME)["aggregate"]
        return {"id": made["id"], "hosts": []}

    def _add(self, aggregate: Mapping[str, Any], host: str) -> None:
        try:
            self._aggregates.add_host(aggregate["id"], host=host)
        except exceptions.Conflict as error:
            raise VhostError(
                f"compute host {host!r} cannot have a zone without those that are not in "
                f"[vhost]hosts",
                hint=f"put it where it can, or add the others: {error.resp_body}",
            ) from None
