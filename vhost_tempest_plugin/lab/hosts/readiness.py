# SPDX-License-Identifier: Apache-2.0
"""Whether nova-compute of a host has reported everything, by Nova's own databases."""

from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.lab.hosts.nova_compute import NovaCompute
from vhost_tempest_plugin.lab.services import database

_POLL_S = 0.5
# For the first start in an emulated host, where to import Nova takes half a minute.
_LIMIT_S = 400.0
_LINES = 80


def reports(settings: Settings, host: ComputeHost) -> int:
    """How often nova-compute of a host has reported itself; -1 where it never did."""
    rows = database.query(
        settings,
        Database.NOVA_CELL1,
        "SELECT report_count FROM services WHERE `binary` = %s AND host = %s AND deleted = 0",
        (Service.NOVA_COMPUTE.value, host.name),
    )
    return int(rows[0]["report_count"]) if rows else -1


def is_mapped(settings: Settings, host: ComputeHost) -> bool:
    """Whether the host is known to belong to a cell, without which nothing is placed on it."""
    sql = "SELECT host FROM host_mappings WHERE host = %s"
    return bool(database.query(settings, Database.NOVA_API, sql, (host.name,)))


def wait(settings: Settings, host: ComputeHost, compute: NovaCompute, before: int) -> None:
    """Wait until nova-compute has reported itself again and its host is mapped.

    It reports itself after its resources and devices (nova/service.py, ``start``).

    :param before: what ``reports`` gave while it did not run
    :raises StartError: it ended, or does not report within the limit
    """
    compute.wait_until(
        lambda: reports(settings, host) > before and is_mapped(settings, host),
        "its report and its cell",
        _LIMIT_S,
        lambda seen: _failure(settings, compute, seen),
        _POLL_S,
    )


def _failure(settings: Settings, compute: NovaCompute, what: str) -> StartError:
    text = "\n".join(compute.since_start(_LINES))
    lines = tuple(failure.mask(text, settings.hidden).splitlines())
    return failure.in_lab(settings.name, Service.NOVA_COMPUTE, what, lines)
