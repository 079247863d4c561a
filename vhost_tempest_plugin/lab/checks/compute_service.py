# SPDX-License-Identifier: Apache-2.0
"""compute-service: to Nova, nova-compute of each host is up and enabled."""

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LabCheck, LabSubject

_REPORTING = (Service.NOVA_CONDUCTOR, Service.NOVA_SCHEDULER)


class ComputeServices(LabCheck):
    """Nova's services report themselves; one that does not for half a minute is down."""

    name = "compute-service"

    def run(self, subject: LabSubject) -> Finding:
        """Ask Nova."""
        settings = subject.settings
        expected = {
            **{f"{service} on {settings.name}": "up, enabled" for service in _REPORTING},
            **{f"{Service.NOVA_COMPUTE} on {h.name}": "up, enabled" for h in settings.hosts},
        }
        observed = {
            f"{found.binary} on {found.host}": ", ".join(
                ("up" if found.is_up else "down", "enabled" if found.is_enabled else "disabled")
            )
            for found in subject.cloud.services()
        }
        return self.compare(
            expected,
            observed,
            f"'openstack compute service set --enable' enables one; {subject.again}, "
            f"{subject.logs(Service.NOVA_COMPUTE)} shows why it does not report",
        )
