# SPDX-License-Identifier: Apache-2.0
"""``GET /servers/{id}/topology``."""

import json
from typing import Any

from tempest.lib.common import rest_client
from tempest.lib.services.compute import base_compute_client


class ServerTopologyClient(base_compute_client.BaseComputeClient):  # type: ignore[misc]
    """Nova's own account of a server's NUMA topology, from microversion 2.78 (Train) on."""

    def show_server_topology(self, server_id: str) -> Any:
        """Show the topology of a server.

        References: https://docs.openstack.org/api-ref/compute/#show-server-topology
        """
        response, body = self.get(f"servers/{server_id}/topology")
        self.expected_success(200, response.status)
        return rest_client.ResponseBody(response, json.loads(body))
