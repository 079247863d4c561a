# SPDX-License-Identifier: Apache-2.0
"""devstack's cloud, as Nova's own account sees it, whose password every compute host has."""

from contextlib import AbstractContextManager

from vhost_tempest_plugin.cloud.client.client import Cloud, Credentials
from vhost_tempest_plugin.cloud.configuration import ini
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.errors import InputError

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
    return Cloud.connect(
        Credentials(
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


def last_report(cloud: Cloud, host: str) -> str | None:
    """When nova-compute of a host has reported itself; None where it never did, or is down."""
    found = cloud.services(binary=Service.NOVA_COMPUTE, host=host)
    return next((each.updated_at for each in found if each.is_up), None)


def compute_node(cloud: Cloud, host: str) -> str | None:
    """The uuid of a host's compute node; None where it is mapped to no cell yet."""
    return next((each.uuid for each in cloud.hypervisors() if each.host == host), None)
