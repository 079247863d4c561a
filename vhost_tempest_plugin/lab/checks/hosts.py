# SPDX-License-Identifier: Apache-2.0
"""hosts: the emulated hosts run, and libvirt and nova-compute in them."""

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.errors import HostError, VhostCommand
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LabCheck, LabSubject
from vhost_tempest_plugin.lab.hosts.nova_compute import NovaCompute

_VIRSH = ("virsh", "-c", "qemu:///system", "version")


class Hosts(LabCheck):
    """Each host runs, libvirt answers in it, and nova-compute is active there."""

    name = "hosts"

    def run(self, subject: LabSubject) -> Finding:
        """Log in to each."""
        expected, observed = {}, {}
        for host in subject.settings.hosts:
            expected[host.name] = "running, libvirt answers, nova-compute is active"
            observed[host.name] = self._observe(subject, host.name)
        down = next((name for name in expected if observed[name] != expected[name]), "")
        return self.compare(
            expected,
            observed,
            f"{VhostCommand('console', down)} and {subject.logs(Service.NOVA_COMPUTE)} show why; "
            f"{subject.again}",
        )

    def _observe(self, subject: LabSubject, name: str) -> str:
        if not status.is_running(name):
            return "off"
        try:
            with status.connected(name) as (_, connection):
                libvirt = connection.run(_VIRSH, check=False)
                state = NovaCompute(subject.settings, connection).state()
        except HostError as error:
            return f"running, but {error.fact}"
        answers = "answers" if libvirt.returncode == 0 else "does not answer"
        return f"running, libvirt {answers}, nova-compute is {state}"
