# SPDX-License-Identifier: Apache-2.0
"""Clients of what tempest has none for; ``plugin`` registers them."""

from vhost_tempest_plugin.scenario.services.server_topology_client import ServerTopologyClient

__all__ = ["ServerTopologyClient"]
