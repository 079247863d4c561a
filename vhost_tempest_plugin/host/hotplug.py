# SPDX-License-Identifier: Apache-2.0
"""Devices of a running host, pulled out and put back as by a hand.

The topology stays what it is: after the next boot all of them are there.  So a user may do it to
a lab's host too; a lab does it to its own hosts only.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from vhost_tempest_plugin.errors import HostError, InputError, VhostCommand
from vhost_tempest_plugin.host import ownership, status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.owner import HostOwner
from vhost_tempest_plugin.hypervisor import Connection, Domain, domain
from vhost_tempest_plugin.hypervisor.domain import PluggedNetwork
from vhost_tempest_plugin.topology.layout import Device
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util import speed
from vhost_tempest_plugin.util.progress import Progress

_WAIT_S = 600.0
# The host's slot waits 5 s for a second press of its button (pciehp), then lets go.
_LET_GO_S = 60.0
_FOUND_S = 60.0
_FOUND = """\
left=$(($2 * 5))
until [ -e "/sys/bus/pci/devices/$1/driver" ]; do
    [ "$left" -gt 0 ] || exit 0
    left=$((left - 1))
    sleep 0.2
done
echo found
"""


def unplug(
    name: str,
    address: PciAddress,
    progress: Progress,
    *,
    wait: bool = True,
    owner: HostOwner | None = None,
) -> None:
    """Pull a device out, and wait until the host has released it.

    A device that a guest has stays until that guest ends, and then goes, even if this command no
    longer waits for it.

    :param wait: else only ask for it
    :param owner: whose the host must be; None for anybody's
    :raises InputError: the host does not run, is another's, or has no device there
    :raises HostError: the host does not release it
    """
    device = _device(name, address)
    with _running(name, owner, progress) as running:
        alias = domain.alias(running.xml(), device)
        if alias is None:
            raise InputError(
                f"the device at {address} of {name!r} is unplugged",
                hint=f"{VhostCommand('plug', name, address)} puts it back",
            )
        progress(f"unplugging {address} of {name!r}")
        running.detach(alias)
        if wait:
            running.await_detached(alias, _LET_GO_S)


def plug(
    name: str,
    address: PciAddress,
    progress: Progress,
    *,
    multifunction: bool = False,
    owner: HostOwner | None = None,
) -> None:
    """Put a device back where it was, and wait until the host has found it and its driver.

    It cannot be saved then until it is started anew.

    :param multifunction: with another device in its slot, until the next boot: neither can be
        given to a guest alone then
    :param owner: whose the host must be; None for anybody's
    :raises InputError: the host does not run, is another's, or the device is there
    :raises HostError: there is no place for it, or the host does not find it
    """
    device = _device(name, address)
    with _running(name, owner, progress) as running:
        if domain.alias(running.xml(), device) is not None:
            raise InputError(f"the device at {address} of {name!r} is plugged in already")
        progress(f"plugging {address} of {name!r}")
        directory = HostDirectory.of(name)
        directory.write(replace(directory.read(), replugged=True))
        network = PluggedNetwork.of(device, running.uuid)
        running.execute_what_it_can(network.removal())
        running.execute(network.creation())
        # The host looks at a slot when its first function comes, so that comes last.
        if multifunction:
            running.attach_beside(domain.companion(device))
        running.attach(domain.device_xml(device, multifunction=multifunction))
        _restrict(running, network, device)
    _await(name, address)


def _restrict(running: Domain, network: PluggedNetwork, device: Device) -> None:
    """Put *network* between a NIC that was plugged in and what libvirt has connected it to.

    This takes less time than the host to notice the NIC.
    """
    alias = domain.alias(running.xml(), device)
    if alias is None:
        raise HostError(f"the device at {device.address} has left again", hint="repeat")
    try:
        running.execute(network.connection(f"host{alias}"))
    except HostError:
        running.detach(alias)
        raise


def _await(name: str, address: PciAddress) -> None:
    limit_s = math.ceil(_FOUND_S * speed.timeout_scale())
    words = ("sh", "-s", "--", str(address), str(limit_s))
    with status.connected(name) as (_, connection):
        if not connection.run(words, input_text=_FOUND).stdout:
            raise HostError(
                f"host {name!r} has not found the device at {address} within {limit_s} s",
                hint=f"{VhostCommand('ssh', name, 'dmesg')} shows why",
            )


def _device(name: str, address: PciAddress) -> Device:
    devices = {device.address: device for device in status.intended(name).devices}
    if address not in devices:
        known = ", ".join(map(str, sorted(devices))) or "none"
        raise InputError(f"host {name!r} has no device at {address}", hint=f"it has {known}")
    return devices[address]


@contextmanager
def _running(name: str, owner: HostOwner | None, progress: Progress) -> Iterator[Domain]:
    directory = HostDirectory.of(name)
    with directory.locked(wait_s=_WAIT_S, progress=progress):
        if owner is not None:
            ownership.require(name, owner)
        record = directory.read()
        with Connection.open(record.uri, directory.libvirt_root) as connection:
            found = connection.find(record.uuid)
            if found is None:
                raise InputError(
                    f"host {name!r} does not run", hint=f"{VhostCommand('up', name=name)} boots it"
                )
            yield found
