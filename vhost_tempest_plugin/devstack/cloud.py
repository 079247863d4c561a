# SPDX-License-Identifier: Apache-2.0
"""devstack's cloud, as Nova's own account sees it, whose password every compute node has."""

from contextlib import AbstractContextManager

from vhost_tempest_plugin.cloud.client.client import Cloud, Entrance
from vhost_tempest_plugin.cloud.configuration import ini
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.nova.readers import Placement

_SECTION = "placement"
# devstack says there which authority is to be trusted (lib/keystone, SSL_BUNDLE_FILE), and relies
# elsewhere on what it has done to the certificates of its own virtual environment.
_OF_AUTHORITY = ("placement", "keystone_authtoken")


def open_cloud(options: Options) -> AbstractContextManager[Cloud]:
    """A client for as long as the block takes; nothing is asked yet.

    :param options: nova-compute's
    :raises InputError: they do not say how to get in
    """

    def value(option: str) -> str:
        found = ini.last(options, option, _SECTION)
        if found is None:
            raise InputError(
                f"devstack's configuration of nova-compute has no [{_SECTION}]{option}",
                hint="enable the service placement-api or placement-client",
            )
        return found.replace("$$", "$")

    authorities = (ini.last(options, "cafile", section) for section in _OF_AUTHORITY)
    return Cloud.enter(
        Entrance(
            identity=value("auth_url"),
            username=value("username"),
            password=value("password"),
            project=value("project_name"),
            user_domain=value("user_domain_name"),
            project_domain=value("project_domain_name"),
            region=ini.last(options, "region_name", _SECTION),
            authority=next(filter(None, authorities), None),
            logs=lambda _: "'journalctl -u devstack@*'",
        )
    )


def placement(cloud: Cloud) -> Placement:
    """Placement's account of the hosts."""
    return Placement(lambda path: cloud.call(Service.PLACEMENT, "GET", path))


def last_report(cloud: Cloud, host: str) -> str | None:
    """When nova-compute of a host has reported itself; None where it never did, or is down."""
    path = f"/os-services?binary={Service.NOVA_COMPUTE}&host={host}"
    found = cloud.call(Service.NOVA_API, "GET", path)["services"]
    return next((str(each["updated_at"]) for each in found if each["state"] == "up"), None)


def compute_node(cloud: Cloud, host: str) -> str | None:
    """The uuid of a host's compute node; None where it is mapped to no cell yet."""
    found = cloud.call(Service.NOVA_API, "GET", "/os-hypervisors/detail")["hypervisors"]
    return next((str(each["id"]) for each in found if each["service"]["host"] == host), None)


def living_agents(cloud: Cloud, host: str) -> frozenset[str]:
    """The agents of a host that are alive by Neutron's account, by their programs' names."""
    found = cloud.call(Service.NEUTRON, "GET", f"/v2.0/agents?host={host}")["agents"]
    return frozenset(str(each["binary"]) for each in found if each["alive"])
