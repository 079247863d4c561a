# SPDX-License-Identifier: Apache-2.0
"""Reads what a compute host, Nova's database and Placement report.

The values are those of ``views``, the same whatever the deployment is.
"""

from vhost_tempest_plugin.nova.readers.compute_host import ComputeHostReader, Link
from vhost_tempest_plugin.nova.readers.database import NovaDatabase
from vhost_tempest_plugin.nova.readers.placement import Placement

__all__ = ["ComputeHostReader", "Link", "NovaDatabase", "Placement"]
