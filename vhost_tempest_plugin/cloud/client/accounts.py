# SPDX-License-Identifier: Apache-2.0
"""Who the services are to keystone, and where they are: users, roles and the catalogue.

Everything is looked for first and made only where it is missing.
"""

from collections.abc import Mapping
from typing import Any

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration import common, glance, neutron, nova, placement
from vhost_tempest_plugin.cloud.configuration.service import CATALOGUE, Service
from vhost_tempest_plugin.cloud.configuration.settings import REGION, Settings

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
    _users(settings, cloud)
    _catalogue(settings, cloud)


def _users(settings: Settings, cloud: Cloud) -> None:
    project = _one(cloud, "project", name=common.SERVICE_PROJECT, domain_id=_DOMAIN)
    roles = {role["name"]: role["id"] for role in _all(cloud, "role")}
    for name in USERS:
        secret = {"password": settings.secrets.service}
        user = _one(cloud, "user", secret, name=name, domain_id=_DOMAIN)
        for role in ROLES:
            cloud.call(
                Service.KEYSTONE, "PUT", f"/projects/{project}/users/{user}/roles/{roles[role]}"
            )


def _catalogue(settings: Settings, cloud: Cloud) -> None:
    services = {service["type"]: service["id"] for service in _all(cloud, "service")}
    endpoints = {(e["service_id"], e["interface"]): e for e in _all(cloud, "endpoint")}
    for service, kind in CATALOGUE.items():
        url = common.url(settings, service)
        name = service.value.partition("-")[0]
        number = services.get(kind) or _make(cloud, "service", type=kind, name=name)
        for interface in INTERFACES:
            known = endpoints.get((number, interface))
            if known is None:
                _make(
                    cloud,
                    "endpoint",
                    service_id=number,
                    interface=interface,
                    url=url,
                    region_id=REGION,
                )
            elif known["url"] != url:
                path = f"/endpoints/{known['id']}"
                cloud.call(Service.KEYSTONE, "PATCH", path, body={"endpoint": {"url": url}})


def _all(cloud: Cloud, kind: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.call(Service.KEYSTONE, "GET", f"/{kind}s{query}")[
        f"{kind}s"
    ]
    return found


def _one(cloud: Cloud, kind: str, secret: Mapping[str, str] | None = None, **words: str) -> str:
    """The id of the one with this name, made if there is none."""
    for entry in _all(cloud, kind, f"?name={words['name']}"):
        return str(entry["id"])
    return _make(cloud, kind, **words, **(secret or {}))


def _make(cloud: Cloud, kind: str, **words: str) -> str:
    made = cloud.call(Service.KEYSTONE, "POST", f"/{kind}s", body={kind: words})
    return str(made[kind]["id"])
