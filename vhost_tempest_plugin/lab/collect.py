# SPDX-License-Identifier: Apache-2.0
"""Logs, configuration and state of a lab and its hosts, without secrets."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from vhost_tempest_plugin.cloud.configuration import render
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host.collect import host as of_host
from vhost_tempest_plugin.host.collect.collection import Collection
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.lab import status
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services import database
from vhost_tempest_plugin.lab.state.directory import LabDirectory

# Whole tables, so that they can be had though no API answers any more; those with keys or
# passwords of users are left out.
TABLES: Mapping[Database, tuple[str, ...]] = {
    Database.NOVA_CELL1: (
        *("pci_devices", "compute_nodes", "services", "instance_extra"),
        *("instance_faults", "instance_actions", "instance_actions_events", "migrations"),
    ),
    Database.NOVA_CELL0: ("instance_faults",),
    Database.NOVA_API: ("host_mappings", "instance_mappings", "flavors", "flavor_extra_specs"),
    Database.PLACEMENT: (
        *("resource_providers", "inventories", "allocations", "consumers"),
        *("resource_provider_traits", "traits", "resource_classes"),
    ),
}

# Of traits, those that somebody has.
_CONDITIONS = {
    (Database.PLACEMENT, "traits"): " WHERE id IN (SELECT trait_id FROM resource_provider_traits)",
}


def collect(name: str, collection: Collection) -> None:
    """Add the pieces of the lab *name*; its hosts' are below their names.

    :raises InputError: there is no such lab, or the collection cannot be written
    :raises HostError: its record is damaged
    """
    lab = Lab.find(name)
    directory, settings = lab.directory, lab.settings
    collection.take("lab/status.json", partial(_status, name))
    collection.take_file("lab/stages.jsonl", directory.stages)
    _collect_services(settings, collection)
    for base, tables in TABLES.items():
        for table in tables:
            collection.take(
                f"lab/tables/{base}/{table}.json", partial(_rows, settings, base, table)
            )
    _collect_tempest(directory, collection)
    for host in lab.record.hosts:
        if HostDirectory.of(host).exists:
            of_host.collect(host, collection)
        else:
            collection.lack(f"{host}/status.json", "there is no such host (any more)")


def _collect_services(settings: Settings, collection: Collection) -> None:
    for service in Service:
        if not service.in_host:
            collection.take_file(f"lab/logs/{service}.log", settings.log(service))
    for service in CONFIGURABLE:
        if not service.in_host:
            text = partial(_options, settings, service)
            collection.take(f"lab/etc/{service}.conf", text)
    for host in settings.hosts:
        options = render.compute_options(settings, host)
        collection.take(f"{host.name}/nova-compute.conf", partial(render.text, options))


def _collect_tempest(directory: LabDirectory, collection: Collection) -> None:
    workspace = directory.path / "tempest"
    if not workspace.is_dir():
        collection.lack("lab/tempest/tempest.log", "no test was run on the lab")
        return
    collection.take_file("lab/tempest/tempest.conf", workspace / "etc/tempest.conf")
    collection.take_file("lab/tempest/tempest.log", workspace / "tempest.log")
    # Where the run did not leave them elsewhere.
    for path in sorted((workspace / "report").glob("tests.*ml")):
        collection.take_file(f"lab/tempest/{path.name}", path)


def _options(settings: Settings, service: Service) -> str:
    return render.text(render.options(settings)[service])


def _status(name: str) -> str:
    return json.dumps([asdict(part) for part in status.parts(name)], indent=2) + "\n"


def _rows(settings: Settings, base: Database, table: str) -> str:
    sql = f"SELECT * FROM `{table}`{_CONDITIONS.get((base, table), '')}"  # noqa: S608 - ours
    try:
        rows = database.query(settings, base, sql)
    except OSError as error:
        raise HostError(f"the database does not run ({error})") from None
    return json.dumps(rows, indent=1, default=str) + "\n"
