# SPDX-License-Identifier: Apache-2.0
"""host-mapping: Nova's API knows in which cell each host is."""

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LabCheck, LabSubject
from vhost_tempest_plugin.lab.hosts import readiness


class HostMapping(LabCheck):
    """Without a mapping nothing is placed on a host, though its service is up."""

    name = "host-mapping"

    def run(self, subject: LabSubject) -> Finding:
        """Read the table host_mappings."""
        settings = subject.settings
        return self.compare(
            {host.name: "mapped" for host in settings.hosts},
            {
                host.name: "mapped" if readiness.is_mapped(settings, host) else "not mapped"
                for host in settings.hosts
            },
            "the scheduler maps a host within seconds of its first report; "
            f"{subject.logs(Service.NOVA_SCHEDULER)} shows why it does not, "
            f"{VhostCommand('lab', 'restart', Service.NOVA_SCHEDULER, name=settings.name)} "
            "restarts it",
        )
