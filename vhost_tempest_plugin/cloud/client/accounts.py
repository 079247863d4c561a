# SPDX-License-Identifier: Apache-2.0
"""Who the services are to keystone, and where they are: users, roles and the catalogue.

Everything is looked for first and made only where it is missing.
"""

from typing import TYPE_CHECKING, cast

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration import common, glance, neutron, nova, placement
from vhost_tempest_plugin.cloud.configuration.service import CATALOGUE, Service
from vhost_tempest_plugin.cloud.configuration.settings import REGION, Settings

if TYPE_CHECKING:
    from openstack.identity.v3._proxy import Proxy

USERS = (nova.USER, placement.USER, glance.USER, neutron.USER)
# For the services among each other, and for what Nova does as an administrator.
ROLES = ("service", "admin")
# keystone's middleware looks for the first, users' clients for the second.
INTERFACES = ("internal", "public")

_DOMAIN = "default"


def ensure(settings: Settings, cloud: Cloud) -> None:
    """Make what is missing, after ``keystone-manage bootstrap``.

    :raises CloudError: keystone refuses or does not answer
    """
    with cloud.refusals(Service.KEYSTONE, "the services' accounts"):
        _users(settings, cloud)
    with cloud.refusals(Service.KEYSTONE, "the catalogue"):
        _catalogue(settings, cloud)


def _users(settings: Settings, cloud: Cloud) -> None:
    identity = cast("Proxy", cloud.connection.identity)
    known = identity.projects(name=common.SERVICE_PROJECT, domain_id=_DOMAIN)
    project = next(known, None) or identity.create_project(
        name=common.SERVICE_PROJECT, domain_id=_DOMAIN
    )
    roles = {role.name: role for role in identity.roles()}
    for name in USERS:
        user = next(identity.users(name=name, domain_id=_DOMAIN), None) or identity.create_user(
            name=name, domain_id=_DOMAIN, password=settings.secrets.service
        )
        for role in ROLES:
            identity.assign_project_role_to_user(project, user, roles[role])


def _catalogue(settings: Settings, cloud: Cloud) -> None:
    identity = cast("Proxy", cloud.connection.identity)
    services = {service.type: service for service in identity.services()}
    endpoints = {(each.service_id, each.interface): each for each in identity.endpoints()}
    for service, kind in CATALOGUE.items():
        url = common.url(settings, service)
        name = service.value.partition("-")[0]
        entry = services.get(kind) or identity.create_service(type=kind, name=name)
        for interface in INTERFACES:
            known = endpoints.get((entry.id, interface))
            if known is None:
                identity.create_endpoint(
                    service_id=entry.id, interface=interface, url=url, region_id=REGION
                )
            elif known.url != url:
                identity.update_endpoint(known, url=url)
