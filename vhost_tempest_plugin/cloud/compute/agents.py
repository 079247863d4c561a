# SPDX-License-Identifier: Apache-2.0
"""Neutron's part in a host: the switch, OVN's controller, and agents of Neutron's."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vhost_tempest_plugin.cloud.compute.service import ComputeService, written
from vhost_tempest_plugin.cloud.compute.unit_file import daemon
from vhost_tempest_plugin.cloud.configuration import networking as description
from vhost_tempest_plugin.cloud.configuration.networking import Networking, NeutronAgent
from vhost_tempest_plugin.util import cache

# Units of Debian's and Ubuntu's packages.
_SWITCH = "openvswitch-switch.service"
_CONTROLLER = "ovn-controller.service"
# Open vSwitch makes one up otherwise, and has it win over its database at each start.
_IDENTITY = "/etc/openvswitch/system-id.conf"


def connect(
    compute: ComputeService,
    networking: Networking,
    host: str,
    address: str,
    environment: Path,
    files: Mapping[Path, str],
    code: str,
) -> None:
    """Have the switch and the agents of a host run with everything as it is now.

    What runs so already is left alone.

    :param address: the host's own
    :param environment: the virtual environment that the host shares
    :param files: what is to be in the agents' files
    :param code: a digest of the source trees that the host has
    :raises HostError: the host does not take it
    """
    if not networking:
        return
    tunnel = _tunnel(host, address)
    compute.shell(shlex.join(tunnel), *_connection(networking, host, address))
    for agent in networking.agents:
        texts = {str(file): files[file] for file in agent.files}
        compute.shell(*_running(agent, texts, _unit(agent, environment, tunnel), code))


def _tunnel(host: str, address: str) -> tuple[str, ...]:
    """A command that gives the host the address of its tunnels' ends; none where it has it."""
    end = description.tunnel_address(host, address)
    return ("ip", "address", "replace", f"{end}/32", "dev", "lo") if end != address else ()


def _connection(networking: Networking, host: str, address: str) -> Iterator[str]:
    """Commands of a shell for the switch and OVN's controller."""
    yield from written(f"{description.chassis_id(host)}\n", _IDENTITY, 0o644)
    # What its packages start by themselves, the image does not.
    yield f"systemctl -q enable {_SWITCH}"
    yield f"systemctl start {_SWITCH}"
    yield shlex.join(description.switch(networking, host, address))
    if networking.southbound is not None:
        yield f"systemctl -q enable {_CONTROLLER}"
        yield f"systemctl start {_CONTROLLER}"


def _running(agent: NeutronAgent, texts: Mapping[str, str], unit: str, code: str) -> Iterator[str]:
    """Commands of a shell for an agent, which is restarted where anything of it has changed."""
    wanted = cache.digest(unit, code, *(part for item in texts.items() for part in item))
    started = f"/run/{agent.program}.digest"
    for path, text in texts.items():
        yield from written(text, path, 0o600)
    yield from written(unit, f"/etc/systemd/system/{agent.unit}", 0o644)
    yield "systemctl daemon-reload"
    yield f"systemctl -q enable {agent.unit}"
    yield f'[ "$(cat {started} 2>/dev/null)" = {wanted} ] || systemctl restart {agent.unit}'
    yield f"systemctl start {agent.unit}"
    yield from written(f"{wanted}\n", started, 0o644)


def _unit(agent: NeutronAgent, environment: Path, tunnel: Sequence[str]) -> str:
    programs = environment / "bin"
    command = [str(programs / agent.program)]
    for file in agent.files:
        command += ["--config-file", str(file)]
    service = {
        # It looks for its privileged helper, and for programs of the system.
        "Environment": f"PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        # Also after the host was rebooted from inside.
        **({"ExecStartPre": shlex.join(tunnel)} if tunnel else {}),
        "ExecStart": shlex.join(command),
        "StateDirectory": description.STATE.name,
    }
    return daemon(f"OpenStack Neutron's {agent.program}", agent.log, service, [_SWITCH])
