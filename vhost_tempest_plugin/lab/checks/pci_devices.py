# SPDX-License-Identifier: Apache-2.0
"""pci-devices: Nova's table pci_devices has exactly the NICs that its options name."""

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.host.checks.base import differences, node_words
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LabCheck, LabSubject
from vhost_tempest_plugin.lab.services import readers
from vhost_tempest_plugin.nova.device_spec import InterfaceNameError
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow

_USABLE = ("available", "allocated", "claimed")


class PciDevices(LabCheck):
    """One row for each, with its ids, NUMA node and type; free, or a guest's."""

    name = "pci-devices"

    def run(self, subject: LabSubject) -> Finding:
        """Read the table."""
        expected: dict[str, str] = {}
        observed: dict[str, str] = {}
        for host in subject.settings.hosts:
            try:
                rows = subject.in_force(host).devices
            except InterfaceNameError as error:
                return self.not_applicable(str(error))
            expected |= {f"{host.name} {row.address}": _words(row) for row in rows}
            for device in readers.database(subject.settings).view(host.name).devices:
                odd = "" if device.status in _USABLE else f", {device.status}"
                observed[f"{host.name} {device.row.address}"] = _words(device.row) + odd
        hosts = {host.name: host for host in subject.settings.hosts}
        names = (key.partition(" ")[0] for key in differences(expected, observed))
        worst = hosts[next(names, subject.settings.hosts[0].name)]
        return self.compare(
            expected,
            observed,
            f"{subject.config(worst)} prints [pci]device_spec, {VhostCommand('check', worst.name)} "
            f"shows whether the host is right, {subject.logs(Service.NOVA_COMPUTE)} what Nova saw",
        )


def _words(row: PciDeviceRow) -> str:
    return f"{row.vendor_id}:{row.product_id}, {row.dev_type}, {node_words(row.numa_node)}"
