# SPDX-License-Identifier: Apache-2.0
"""What tempest.conf says of the compute hosts and of what may be done to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tempest import config

from vhost_tempest_plugin import config as options
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.deployment import driver
from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.cloud.deployment.driver import Deployment
from vhost_tempest_plugin.cloud.deployment.requirement import TestEnvironment
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.ssh import Ssh
from vhost_tempest_plugin.nova.expect import Limits
from vhost_tempest_plugin.nova.readers import ComputeHostReader, NovaDatabase
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import paths

CONF = config.CONF
_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class ScenarioEnvironment:
    """Where tests run.

    :param readers: of the compute hosts, by name
    :param database: None where there is no way to it
    :param deployment: None without a driver
    """

    readers: Mapping[str, ComputeHostReader]
    limits: Limits
    database: NovaDatabase | None
    deployment: Deployment | None

    @property
    def test_environment(self) -> TestEnvironment:
        """What requirements are compared with."""
        capabilities = (
            frozenset[DriverCapability]()
            if self.deployment is None
            else self.deployment.capabilities
        )
        layouts = tuple(reader.layout for reader in self.readers.values())
        return TestEnvironment(layouts, capabilities, _features(CONF))


def missing(conf: Any = CONF) -> str:
    """Which options are missing for scenarios with servers; empty where none is."""
    group = conf.vhost
    absent = [
        f"[vhost]{name}"
        for name, value in (
            ("hosts", group.hosts),
            ("topology", group.topology or set(group.hosts) <= set(group.topologies)),
            ("nova_cell_database", group.nova_cell_database),
        )
        if not value
    ]
    return f"not set: {', '.join(absent)}" if absent else ""


def read(file: Path) -> TestEnvironment:
    """What a tempest.conf says that tests run on; nothing of it is asked.

    :raises InputError: it cannot be read, or does not say what it should
    """
    conf = options.read(file)
    if absent := missing(conf):
        raise InputError(f"{file} has no hosts for tests: {absent}", hint="give another file")
    group = conf.vhost
    deployment = _deployment(group)
    return TestEnvironment(
        tuple(_layout(group, name) for name in group.hosts),
        frozenset() if deployment is None else deployment.capabilities,
        _features(conf),
    )


def configured() -> ScenarioEnvironment:
    """The site of tempest.conf.

    :raises InputError: an option does not say what it should
    """
    group = CONF.vhost
    return ScenarioEnvironment(
        readers={
            name: ComputeHostReader(name, _layout(group, name), _ssh(name)) for name in group.hosts
        },
        limits=Limits(
            cpu_ratio=group.cpu_allocation_ratio,
            ram_ratio=group.ram_allocation_ratio,
            reserved_mib=group.reserved_memory_mib,
            pack=group.numa_packing,
        ),
        database=NovaDatabase(group.nova_cell_database) if group.nova_cell_database else None,
        deployment=_deployment(group),
    )


def _features(conf: Any) -> frozenset[TempestFeature]:
    def is_set(feature: TempestFeature) -> bool:
        section, option = feature.split(".")
        return bool(getattr(getattr(conf, section.replace("-", "_")), option))

    return frozenset(filter(is_set, TempestFeature))


def _deployment(group: Any) -> Deployment | None:
    if not group.driver:
        return None
    return driver.load(group.driver, group.deployment_name, tuple(group.hosts))


def _layout(group: Any, name: str) -> Layout:
    topology = group.topologies.get(name) or group.topology
    if not topology:
        raise InputError(f"host {name!r} has no topology", hint="set [vhost]topology or topologies")
    return catalog.find(topology)


def _ssh(name: str) -> Ssh | None:
    """How a host of [vhost]ssh_addresses is reached."""
    group = CONF.vhost
    address = group.ssh_addresses.get(name)
    if address is None:
        return None
    if not (group.ssh_key and group.ssh_known_hosts):
        raise InputError(
            f"host {name!r} is reached by ssh", hint="set [vhost]ssh_key and ssh_known_hosts"
        )
    where, _, port = address.partition(":")
    if port and not port.isdecimal():
        raise InputError(f"{address!r} is no address:port", hint="correct [vhost]ssh_addresses")
    directory = paths.state() / "ssh" / name
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Ssh(
        directory=directory,
        port=int(port or _SSH_PORT),
        key=Path(group.ssh_key),
        known_hosts=Path(group.ssh_known_hosts),
        alias=name,
        user=group.ssh_user,
        address=where,
    )
