# SPDX-License-Identifier: Apache-2.0
"""What an emulated host of a devstack has of Neutron: its switch, and the agents that run in it.

OVN's chassis are described in ovn-controller(8); for agents, see neutron/conf/agent.
"""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.configuration import ini
from vhost_tempest_plugin.cloud.configuration.override import DEFAULT
from vhost_tempest_plugin.cloud.configuration.settings import HOST_IN_USER_MODE, Options, Value

STATE = PurePosixPath("/var/lib/neutron")

# Where os-vif and the agents look for the switch's database by themselves.
_DATABASE = "ptcp:6640:127.0.0.1"
_BRIDGE = "br-int"
_TUNNELS = ("vxlan", "geneve", "gre")
# The option's name, and its former one, which counts where the other is not given.
_NETWORK_TYPES = ("project_network_types", "tenant_network_types")

# What an agent needs nothing of, and what devstack says of the machine alone.
_WITHHELD_SECTIONS = ("database", "keystone_authtoken", "nova", "placement", "service_providers")
_WITHHELD = (
    *((DEFAULT, option) for option in ("use_journal", "use_syslog", "log_color", "bind_host")),
    *((DEFAULT, f"logging_{what}") for what in ("context_format_string", "default_format_string")),
    *((DEFAULT, f"logging_{what}") for what in ("debug_format_suffix", "exception_prefix")),
    ("ovs", "bridge_mappings"),
    ("ovs", "datapath_type"),
)
_ROOT_HELPERS = ("root_helper", "root_helper_daemon")


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the switch and OVN's controller identify themselves with; files of the machine."""

    key: Path
    certificate: Path
    authority: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.key, self.certificate, self.authority)


@dataclass(frozen=True, slots=True)
class NeutronAgent:
    """An agent of Neutron's that runs in a host.

    :param program: its name in the virtual environment, as ``neutron-openvswitch-agent``
    :param files: its configuration on the machine, which the host has at the same paths
    """

    program: str
    files: tuple[Path, ...]

    @property
    def unit(self) -> str:
        """What systemd in the host calls it."""
        return f"{self.program}.service"

    @property
    def log(self) -> PurePosixPath:
        """Where its output goes in the host."""
        return PurePosixPath(f"/var/log/{self.program}.log")


@dataclass(frozen=True, slots=True)
class Networking:
    """How a host's guests get ordinary ports.

    :param southbound: how OVN's southbound database is reached (ovsdb(7), Connection Methods),
        for a host that is a chassis of OVN's
    :param certificates: for a *southbound* with TLS
    """

    southbound: str | None = None
    certificates: Certificates | None = None
    agents: tuple[NeutronAgent, ...] = ()

    def __bool__(self) -> bool:
        return self.southbound is not None or bool(self.agents)

    @property
    def binaries(self) -> tuple[str, ...]:
        """What Neutron's list of agents has for a host, by the column of this name."""
        controller = () if self.southbound is None else ("ovn-controller",)
        return (*controller, *(agent.program for agent in self.agents))

    @property
    def files(self) -> tuple[Path, ...]:
        """What a host has of the machine's files as they are."""
        return self.certificates.files if self.certificates else ()


# For guests that have devices only.
NO_NETWORKING = Networking()


def tunnel_address(host: str, address: str) -> str:
    """Where other hosts would send to: *address*, unless all hosts have that one.

    Neutron and OVN want the address of each host to be its own, also where nothing can be
    sent there: then it is one of the link-local ones (RFC 3927), made from the host's name.
    """
    if address != HOST_IN_USER_MODE:
        return address
    digest = hashlib.sha256(host.encode()).digest()
    return f"169.254.{1 + digest[0] % 254}.{digest[1]}"


def chassis_id(host: str) -> str:
    """By what OVN knows a host, also one that was made anew."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, host))


def switch(networking: Networking, host: str, address: str) -> tuple[str, ...]:
    """The command line of ovs-vsctl(8) that makes a host's switch what it is to be.

    :param address: the host's own
    """
    facts = {"hostname": host, "system-id": chassis_id(host)}
    if networking.southbound is not None:
        facts |= {
            "ovn-remote": networking.southbound,
            "ovn-bridge": _BRIDGE,
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": tunnel_address(host, address),
        }
    # A colon or a comma in a value would be taken for more (ovs-vsctl(8), Database Values).
    values = (f'external-ids:{name}="{value}"' for name, value in facts.items())
    certified = ("--", "set-ssl", *map(str, networking.files)) if networking.files else ()
    return (
        *("ovs-vsctl", "--no-wait", "set-manager", _DATABASE),
        *certified,
        *("--", "set", "open_vswitch", ".", *values),
    )


def agent_options(base: Options, host: str, address: str) -> Options:
    """One file of an agent's in a host.

    :param base: what devstack has written
    :param address: the host's own
    """
    kept: dict[str, dict[str, Value]] = {
        section: {
            option: value
            for option, value in content.items()
            if (section, option) not in _WITHHELD and option not in _ROOT_HELPERS
        }
        for section, content in base.items()
        if section not in _WITHHELD_SECTIONS
    }
    for section, option, value in _additions(base, host, address):
        kept.setdefault(section, {})[option] = value
    return kept


def _additions(base: Options, host: str, address: str) -> Iterator[tuple[str, str, str]]:
    yield DEFAULT, "host", host
    yield DEFAULT, "state_path", str(STATE)
    yield DEFAULT, "use_stderr", "true"
    # Two processes are enough for a handful of guests, and memory is what a host lacks.
    yield DEFAULT, "metadata_workers", "0"
    # It is root already, and oslo.privsep takes no helper at all for sudo.
    yield "agent", "root_helper", "env"
    yield "oslo_concurrency", "lock_path", str(STATE / "lock")
    if "ml2" in base:
        said = (ini.last(base, option, "ml2") for option in _NETWORK_TYPES)
        wanted = next(filter(None, said), "").split(",")
        tunnels = [name for name in map(str.strip, wanted) if name in _TUNNELS]
        yield "ovs", "local_ip", tunnel_address(host, address)
        yield "agent", "tunnel_types", ",".join(tunnels)
        yield "securitygroup", "firewall_driver", "openvswitch"
