# SPDX-License-Identifier: Apache-2.0
"""All that the configuration of a lab depends on."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.layout import Layout

# A section's options; a tuple is a multi-valued option, written once for each value.
Value = str | tuple[str, ...]
Options = Mapping[str, Mapping[str, Value]]

# A host's own address in user-mode networking, which nobody else can reach it at.
HOST_IN_USER_MODE = "10.0.2.15"
REGION = "RegionOne"


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on the loopback address, chosen by the kernel.

    :param epmd: where RabbitMQ would look for epmd, if its node were to be found by others; held
        so that nobody answers there
    """

    broker: int
    epmd: int
    keystone: int
    glance: int
    placement: int
    neutron: int
    nova_api: int
    nova_metadata: int


@dataclass(frozen=True, slots=True)
class Secrets:
    """Random for each lab; never printed: their representation is empty."""

    database: str = field(repr=False)
    broker: str = field(repr=False)
    admin: str = field(repr=False)
    service: str = field(repr=False)
    metadata: str = field(repr=False)

    @property
    def values(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True, slots=True)
class ComputeHost:
    """An emulated host of the lab; *name* is its host name and Nova's.

    :param address: where the machine and other hosts reach it, if they do
    """

    name: str
    layout: Layout
    accelerator: Accelerator
    address: str = HOST_IN_USER_MODE

    @property
    def is_reachable(self) -> bool:
        """Whether it is reached from outside at its address."""
        return self.address != HOST_IN_USER_MODE


@dataclass(frozen=True, slots=True)
class Override:
    """An option that was set by hand; it wins over what is computed.

    :param secret: its service registers it as one, so that its value is never shown
    """

    service: Service
    section: str
    option: str
    value: Value
    secret: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """Its values, one where it is not multi-valued."""
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True, slots=True)
class Settings:
    """A lab.

    :param directory: the lab's own; configuration, logs, sockets and data are below it
    :param environment: the virtual environment with OpenStack, at the same path in the hosts
    :param nova_path: a directory to import Nova from in place of the environment's
    """

    name: str
    directory: Path
    environment: Path
    ports: Ports
    secrets: Secrets
    hosts: tuple[ComputeHost, ...]
    nova_path: Path | None = None
    overrides: tuple[Override, ...] = ()

    @property
    def hidden(self) -> tuple[str, ...]:
        """What is masked wherever something of the lab is shown."""
        set_by_hand = (each.values for each in self.overrides if each.secret)
        return (*self.secrets.values, *itertools.chain.from_iterable(set_by_hand))

    def etc(self, service: Service) -> Path:
        """Where a service's files are."""
        return self.directory / "etc" / service.value

    def log(self, service: Service) -> Path:
        """Where a service's output goes."""
        return self.directory / "log" / f"{service.value}.log"

    @property
    def run(self) -> Path:
        """Sockets and what else lives only as long as the lab runs."""
        return self.directory / "run"

    @property
    def database_socket(self) -> Path:
        """Where MariaDB listens, and nowhere else."""
        return self.run / "mariadb.sock"
