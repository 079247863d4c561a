# SPDX-License-Identifier: Apache-2.0
"""libvirt's default network in the host."""

from vhost_tempest_plugin.host.checks.base import Check, Subject
from vhost_tempest_plugin.host.checks.finding import Finding

_NETWORK = "default"


class DefaultNetworkOff(Check):
    """It is off, else it takes the address range of the network that the host itself is in."""

    name = "default-network-off"

    def run(self, subject: Subject) -> Finding:
        expected = "no network 'default' that is active or starts by itself"
        network = subject.libvirt.networks.get(_NETWORK)
        if network is None:
            return self.passed(expected, "there is none")
        state = "active" if network.active else "inactive"
        start = "starts by itself" if network.autostart else "does not start by itself"
        observed = f"it is {state} and {start}"
        commands = []
        if network.active:
            commands.append(f"virsh net-destroy {_NETWORK}")
        if network.autostart:
            commands.append(f"virsh net-autostart --disable {_NETWORK}")
        if not commands:
            return self.passed(expected, observed)
        return self.failed(expected, observed, f"run in the host: {'; '.join(commands)}")
