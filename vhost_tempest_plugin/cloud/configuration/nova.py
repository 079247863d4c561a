# SPDX-License-Identifier: Apache-2.0
"""nova.conf, of the services on the machine and of nova-compute in a host."""

from pathlib import PurePosixPath

from vhost_tempest_plugin.cloud.configuration import common, in_host
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import (
    ComputeHost,
    Options,
    Settings,
)
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK

USER = "nova"
CELL = "cell1"

# Where nova-compute's files are in a host.
COMPUTE_FILE = PurePosixPath("/etc/nova/nova.conf")

# A service that is gone is noticed sooner than by the defaults (10 s and 60 s).
_REPORT_S = 5
_DOWN_S = 30
_DISCOVERY_S = 5


def options(settings: Settings, service: Service) -> Options:
    """Those of a service on the machine: they all share one set."""
    return {
        "DEFAULT": {
            **_every(settings.name),
            "my_ip": LOOPBACK,
            "state_path": str(settings.run / "nova"),
            "transport_url": common.broker_url(settings),
            "allow_resize_to_same_host": "true",
        },
        "api_database": common.database(settings, Database.NOVA_API),
        "database": common.database(settings, Database.NOVA_CELL1),
        "keystone_authtoken": common.authtoken(settings, USER),
        **_clients(settings),
        "neutron": {
            **common.client(settings, USER, Service.NEUTRON),
            "service_metadata_proxy": "true",
            "metadata_proxy_shared_secret": settings.secrets.metadata,
        },
        "conductor": {"workers": "1"},
        "scheduler": {"workers": "1", "discover_hosts_in_cells_interval": str(_DISCOVERY_S)},
        "filter_scheduler": {"enabled_filters": ",".join(pci_devices.FILTERS)},
        "pci": {"alias": _alias(settings)},
        "oslo_concurrency": common.locks(settings, service),
        "oslo_messaging_rabbit": common.messaging(),
    }


def compute(settings: Settings, host: ComputeHost) -> Options:
    """Those of nova-compute in *host*; of the lab's secrets it has what it needs."""
    programs = settings.environment / "bin"
    options = in_host.options(host, programs, COMPUTE_FILE, in_host.preloaded(programs))
    return {
        **options,
        "DEFAULT": {
            **_every(host.name),
            **options["DEFAULT"],
            "transport_url": common.broker_url(settings),
        },
        **_clients(settings),
        "neutron": common.client(settings, USER, Service.NEUTRON),
        "pci": {**options["pci"], "alias": _alias(settings)},
        "oslo_messaging_rabbit": common.messaging(),
    }


def _every(host: str) -> dict[str, str]:
    """What each of Nova's services has in ``[DEFAULT]``."""
    return {
        **common.logging(),
        "host": host,
        "report_interval": str(_REPORT_S),
        "service_down_time": str(_DOWN_S),
        # Periodic tasks begin at once, not within a minute.
        "periodic_fuzzy_delay": "0",
        "rpc_response_timeout": str(in_host.ANSWER_S),
    }


def _clients(settings: Settings) -> dict[str, dict[str, str]]:
    """How Nova talks to the other services, neutron left out."""
    return {
        "service_user": {
            **common.account(settings, USER),
            "send_service_user_token": "true",
        },
        "placement": common.client(settings, USER, Service.PLACEMENT),
        # Here Nova is always who it works for.
        "glance": common.place(settings, Service.GLANCE),
    }


def _alias(settings: Settings) -> tuple[str, ...]:
    return pci_devices.aliases(host.layout for host in settings.hosts)
