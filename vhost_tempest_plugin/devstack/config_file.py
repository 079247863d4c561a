# SPDX-License-Identifier: Apache-2.0
"""The file in which devstack's plugin says what there is and what is wanted (``--config``).

``devstack/plugin.sh`` writes it as an INI file and decides nothing.  An option that is empty is not
given.  ``[vhost]`` has the variables of local.conf::

    [vhost]
    name = vhost-node
    topology = small
    hosts = 1
    accelerator = auto
    network = user
    neutron_agent = ovn
    nova_options = compute.a=1;pci.b=2
    pci_in_placement = False
    memory_limit_mib = 0
    disk_limit_mib = 0
    log_directory = /opt/stack/logs

``[devstack]`` has what stack.sh knows.  ``services`` are those of the machine that decide about
the hosts, ``ovn-agent`` and ``ovn-metadata-agent`` by what ``lib/neutron_plugins/ovn_agent`` says::

    [devstack]
    services = n-cond n-novnc tls-proxy ovn-controller ovn-metadata-agent
    environment = /opt/stack/data/venv
    nova_conf = /etc/nova/nova.conf
    nova_cpu_conf = /etc/nova/nova-cpu.conf
    cell_conf = /etc/nova/nova_cell1.conf
    novnc_url = http://192.0.2.2:6080/vnc_lite.html
    ca_bundle = /opt/stack/data/ca-bundle.pem
    ca_directory = /opt/stack/data/CA/int-ca
    certificate = devstack-cert
    ovn_southbound = tcp:192.0.2.2:6642
    ovn_agent_conf = /etc/neutron/plugins/ml2/ovn_agent.ini
    ovn_metadata_conf = /etc/neutron/neutron_ovn_metadata_agent.ini
    neutron_conf = /etc/neutron/neutron.conf
    ml2_conf = /etc/neutron/plugins/ml2/ml2_conf.ini
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeGuard, TypeVar

from vhost_tempest_plugin.cloud.configuration import ini
from vhost_tempest_plugin.cloud.configuration.networking import (
    NO_NETWORKING,
    Certificates,
    Networking,
    NeutronAgent,
)
from vhost_tempest_plugin.devstack import files
from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.owner import MOST_HOSTS
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import paths

_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_AUTO = "auto"
# What of the machine's services decides about the hosts.
_CONDUCTOR, _CONSOLE, _TLS = "n-cond", "n-novnc", "tls-proxy"
_CONTROLLER, _OVN_AGENT, _METADATA = "ovn-controller", "ovn-agent", "ovn-metadata-agent"

E = TypeVar("E", bound=StrEnum)


class _Reach(StrEnum):
    """VHOST_NETWORK."""

    USER = "user"
    NAT = "nat"


class _Agent(StrEnum):
    """VHOST_NEUTRON_AGENT, where it is not none."""

    OVN = "ovn"
    OPENVSWITCH = "openvswitch"


class _Section:
    """The options of one section, each of which is asked for once."""

    def __init__(self, file: Path, name: str, options: Mapping[str, tuple[str, ...]]) -> None:
        self._file = file
        self._name = name
        self._left = dict(options)

    def text(self, option: str) -> str | None:
        """A value; None where it is empty or not there."""
        values = self._left.pop(option, ())
        return (values[-1] or None) if values else None

    def wanted(self, option: str) -> str:
        """A value that has to be there."""
        value = self.text(option)
        if value is None:
            raise self._error(option, "is not there", "add it")
        return value

    def path(self, option: str) -> Path | None:
        """A file or directory."""
        value = self.text(option)
        return None if value is None else paths.absolute(Path(value))

    def wanted_path(self, option: str) -> Path:
        """A file or directory that has to be named."""
        return paths.absolute(Path(self.wanted(option)))

    def number(self, option: str, otherwise: int) -> int:
        """A number that is not negative."""
        value = self.text(option)
        if value is not None and not value.isdecimal():
            raise self._error(option, f"is {value!r}", "give a whole number from 0 on")
        return otherwise if value is None else int(value)

    def boolean(self, option: str) -> bool:
        """As devstack's ``trueorfalse`` prints it; False where it is not there."""
        value = self.text(option)
        if value not in (None, "True", "False"):
            raise self._error(option, f"is {value!r}", "give True or False")
        return value == "True"

    def choice(self, option: str, kind: type[E], none: str = "") -> E | None:
        """One of the members of an enumeration; None for *none*."""
        value = self.text(option)
        try:
            return None if value in (None, none) else kind(value)
        except ValueError:
            known = ", ".join(filter(None, (none, *kind)))
            raise self._error(option, f"is {value!r}", f"give one of {known}") from None

    def close(self) -> None:
        """All that is meant has been asked for.

        :raises InputError: there is more
        """
        for option in self._left:
            raise self._error(option, "means nothing", "remove it or correct its name")

    def _error(self, option: str, fact: str, hint: str) -> InputError:
        return InputError(f"{self._file}: [{self._name}]{option} {fact}", hint=hint)


def read(file: Path) -> DevstackSpec:
    """What devstack's hosts are to be.

    :raises InputError: the file is not there, or has what means nothing
    """
    options = ini.parse(files.text(file), str(file))
    for name in options.keys() - {"vhost", "devstack"}:
        raise InputError(f"{file}: [{name}] means nothing", hint="remove it or correct its name")
    wanted, there = (_Section(file, name, options.get(name, {})) for name in ("vhost", "devstack"))
    spec = _spec(wanted, there)
    for section in (wanted, there):
        section.close()
    return spec


def _spec(wanted: _Section, there: _Section) -> DevstackSpec:
    name, count = wanted.wanted("name"), wanted.number("hosts", 1)
    if not 1 <= count <= MOST_HOSTS:
        raise InputError(f"VHOST_HOSTS is {count}", hint=f"give 1 to {MOST_HOSTS}")
    services = frozenset((there.text("services") or "").split())
    is_on_network = wanted.choice("network", _Reach) is _Reach.NAT
    database, novnc_url = there.path("cell_conf"), there.text("novnc_url")
    # lib/nova says so only where the machine is a compute host.
    console = () if novnc_url is None else (f"vnc.novncproxy_base_url={novnc_url}",)
    typed = (each.strip() for each in (wanted.text("nova_options") or "").split(";"))
    authorities = (there.path("ca_bundle"), _AUTHORITIES)
    return DevstackSpec(
        name=name,
        topology=wanted.text("topology") or "small",
        count=count,
        nova_conf=there.wanted_path("nova_conf"),
        configuration=there.wanted_path("nova_cpu_conf"),
        environment=there.wanted_path("environment"),
        accelerator=wanted.choice("accelerator", Accelerator, none=_AUTO),
        database=database if _CONDUCTOR in services and _is_readable(database) else None,
        files=tuple(file for file in authorities if _is_readable(file)),
        assignments=(
            *(console if is_on_network and _CONSOLE in services else ()),
            *filter(None, typed),
        ),
        pci_in_placement=wanted.boolean("pci_in_placement"),
        memory_limit_mib=wanted.number("memory_limit_mib", 0),
        disk_limit_mib=wanted.number("disk_limit_mib", 0),
        log_directory=wanted.path("log_directory"),
        networking=_networking(wanted, there, services),
        network=name if is_on_network else None,
    )


def _networking(wanted: _Section, there: _Section, services: frozenset[str]) -> Networking:
    """What the hosts run of Neutron: what the machine runs."""
    agent = wanted.choice("neutron_agent", _Agent, none="none")
    ovn = _ovn(there, services)
    files_of_openvswitch = tuple(map(there.path, ("neutron_conf", "ml2_conf")))
    if agent is _Agent.OVN:
        if ovn.southbound is None:
            raise InputError(
                "the hosts are to be chassis of OVN, and devstack has no OVN_SB_REMOTE",
                hint="set VHOST_NEUTRON_AGENT=none, or Q_AGENT=ovn",
            )
        return ovn
    if agent is _Agent.OPENVSWITCH:
        named = tuple(file for file in files_of_openvswitch if file is not None)
        return Networking(agents=(NeutronAgent("neutron-openvswitch-agent", named),))
    return NO_NETWORKING


def _ovn(there: _Section, services: frozenset[str]) -> Networking:
    southbound, directory = there.text("ovn_southbound"), there.path("ca_directory")
    certificate = there.text("certificate")
    agents = (
        (_OVN_AGENT, "neutron-ovn-agent", there.path("ovn_agent_conf")),
        (_METADATA, "neutron-ovn-metadata-agent", there.path("ovn_metadata_conf")),
    )
    own = None
    if _TLS in services and directory is not None and certificate is not None:
        own = Certificates(
            directory / "private" / f"{certificate}.key",
            directory / f"{certificate}.crt",
            directory / "ca-chain.pem",
        )
    # devstack writes an agent's file where the machine runs one, which it does beside a controller.
    running = [
        NeutronAgent(program, (file,))
        for service, program, file in agents
        if {service, _CONTROLLER} <= services and file is not None
    ]
    return Networking(southbound, own, tuple(running[:1]))


def _is_readable(file: Path | None) -> TypeGuard[Path]:
    return file is not None and os.access(file, os.R_OK)
