# SPDX-License-Identifier: Apache-2.0
"""What the files of several services have in common."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlencode

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import (
    REGION,
    Ports,
    Settings,
)
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK

# Who the services are to the database and to the broker.
DATABASE_USER = "vhost"
BROKER_USER = "vhost"

DOMAIN = "Default"
SERVICE_PROJECT = "service"
ADMIN = "admin"

Section = Mapping[str, str]


class Database(StrEnum):
    """The databases of a lab, by name."""

    KEYSTONE = "keystone"
    GLANCE = "glance"
    PLACEMENT = "placement"
    NEUTRON = "neutron"
    NOVA_API = "nova_api"
    NOVA_CELL0 = "nova_cell0"
    NOVA_CELL1 = "nova_cell1"


# What follows the port in the address of an API.
_PATHS = {Service.KEYSTONE: "/v3", Service.NOVA_API: "/v2.1"}


def port(ports: Ports, service: Service) -> int:
    """Where a service with an API listens."""
    number: int = getattr(ports, service.value.replace("-", "_"))
    return number


def url(settings: Settings, service: Service) -> str:
    """Where a service's API is; a host reaches it there, too, through its tunnel."""
    return f"http://{LOOPBACK}:{port(settings.ports, service)}{_PATHS.get(service, '')}"


def database_url(settings: Settings, database: Database, socket: Path) -> str:
    """Where a service's database is; it has the password in it.

    :param socket: the way to ``settings.database_socket``
    """
    server = f"{DATABASE_USER}:{settings.secrets.database}@localhost"
    query = urlencode({"unix_socket": socket, "charset": "utf8mb4"}, safe="/")
    return f"mysql+pymysql://{server}/{database}?{query}"


def broker_url(settings: Settings) -> str:
    """Where the broker is; it has the password in it."""
    secret = settings.secrets.broker
    return f"rabbit://{BROKER_USER}:{secret}@{LOOPBACK}:{settings.ports.broker}/"


def database(settings: Settings, name: Database) -> dict[str, str]:
    """A section ``[database]``, for a service that runs in one process.

    It runs in its directory of ``etc``; from there the name of the socket is short enough for
    unix(7).
    """
    socket = Path("../..") / settings.database_socket.relative_to(settings.directory)
    return {"connection": database_url(settings, name, socket), "max_pool_size": "5"}


def account(settings: Settings, user: str) -> dict[str, str]:
    """How a service says who it is to another (keystoneauth1's plugin ``v3password``)."""
    return {
        "auth_type": "v3password",
        "auth_url": url(settings, Service.KEYSTONE),
        "username": user,
        "password": settings.secrets.service,
        "user_domain_name": DOMAIN,
        "project_name": SERVICE_PROJECT,
        "project_domain_name": DOMAIN,
    }


def client(settings: Settings, user: str, service: Service) -> dict[str, str]:
    """How a service talks to another: who it is, and where that one is."""
    return {**account(settings, user), **place(settings, service)}


def place(settings: Settings, service: Service) -> dict[str, str]:
    """Where a service finds another (keystoneauth1's adapter)."""
    return {
        "region_name": REGION,
        "endpoint_override": url(settings, service),
    }


def authtoken(settings: Settings, user: str) -> dict[str, str]:
    """The section ``[keystone_authtoken]``: who validates the tokens that a service gets."""
    return {
        **account(settings, user),
        "www_authenticate_uri": url(settings, Service.KEYSTONE),
        "service_token_roles_required": "true",
    }


def messaging() -> dict[str, str]:
    """The section ``[oslo_messaging_rabbit]``.

    A host that comes back from a save has connections that the broker has forgotten.  It
    finds out when it next sends something, and it sends a heartbeat at a third of this.
    """
    return {
        "heartbeat_timeout_threshold": "30",
        "heartbeat_rate": "3",
        "kombu_reconnect_delay": "0.5",
        "rabbit_retry_interval": "1",
        "rabbit_interval_max": "5",
        "rabbit_quorum_queue": "false",
        "rabbit_transient_quorum_queue": "false",
    }


def logging() -> dict[str, str]:
    """The options of ``[DEFAULT]`` that send the log to the supervisor."""
    return {"debug": "false", "use_stderr": "true"}


def locks(settings: Settings, service: Service) -> dict[str, str]:
    """The section ``[oslo_concurrency]``."""
    return {"lock_path": str(settings.run / "lock" / service)}
