# SPDX-License-Identifier: Apache-2.0
"""hosts: the emulated hosts run, and libvirt and nova-compute in them."""

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import AGAIN, LabCheck, LabSubject
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts
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
            observed[host.name] = self._look(subject, host.name)
        return self.compare(
            expected, observed, f"see 'vhost console' and 'vhost lab logs nova-compute'; {AGAIN}"
        )

    def _look(self, subject: LabSubject, name: str) -> str:
        if not ComputeHosts.is_running(name):
            return "off"
        try:
            with status.connected(name) as (_, machine):
                libvirt = machine.run(_VIRSH, check=False)
                state = NovaCompute(subject.settings, machine).state()
        except HostError as error:
            return f"running, but {error}".partition(";")[0]
        answers = "answers" if libvirt.returncode == 0 else "does not answer"
        return f"running, libvirt {answers}, nova-compute is {state}"
