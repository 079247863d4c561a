# SPDX-License-Identifier: Apache-2.0
"""Nova's compute services: which hosts it may choose."""

from collections.abc import Mapping
from typing import Any

from vhost_tempest_plugin.cloud.deployment.driver import NOVA_COMPUTE
from vhost_tempest_plugin.errors import VhostError

# Why a host is disabled: another has the test for itself.
_DISABLED = "vhost-tempest-plugin"


class ComputeServices:
    """Those of the hosts, by Nova's names of these.

    :param client: tempest's client of Nova's API of services, an administrator's
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def disable(self, host: str) -> None:
        """Have Nova choose a compute host for nobody."""
        service = self._service(host)["id"]
        self._client.update_service(service, status="disabled", disabled_reason=_DISABLED)

    def enable(self, host: str) -> None:
        """Have Nova choose a compute host again."""
        self._client.update_service(self._service(host)["id"], status="enabled")

    def reopen(self, host: str) -> None:
        """Enable a compute host that a test which was killed has left disabled.

        :raises VhostError: somebody else has disabled it
        """
        service = self._service(host)
        if service["status"] == "enabled":
            return
        if service["disabled_reason"] != _DISABLED:
            raise VhostError(
                f"compute host {host!r} is disabled ({service['disabled_reason'] or 'no reason'})",
                hint="'openstack compute service set --enable' opens it",
            )
        self.enable(host)

    def _service(self, host: str) -> Mapping[str, Any]:
        found = self._client.list_services(binary=NOVA_COMPUTE, host=host)["services"]
        if not found:
            raise VhostError(f"Nova knows no compute host {host!r}", hint="correct [vhost]hosts")
        service: Mapping[str, Any] = found[0]
        return service
