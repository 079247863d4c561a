# SPDX-License-Identifier: Apache-2.0
"""What everybody who knows of an instance says of it, and whether they agree.

The five are libvirt (its XML), sysfs of the host, Nova (its database and its API), Placement and
the guest's own report; ``disagreements`` compares what they say, ``leaks`` what is still held
when all instances are gone.
"""

from vhost_tempest_plugin.host.observe.host_view import HostDevice, HostView
from vhost_tempest_plugin.nova.views.agreement import disagreements, observation
from vhost_tempest_plugin.nova.views.disagreement import Disagreement, View
from vhost_tempest_plugin.nova.views.leak import leaks, unchanged
from vhost_tempest_plugin.nova.views.nova import NovaView, TrackedDevice
from vhost_tempest_plugin.nova.views.placement import Holding, Inventory, Provider
from vhost_tempest_plugin.nova.views.reported import misreported
from vhost_tempest_plugin.nova.views.server import Power, ServerViews, server_views

__all__ = [
    "Disagreement",
    "Holding",
    "HostDevice",
    "HostView",
    "Inventory",
    "NovaView",
    "Power",
    "Provider",
    "ServerViews",
    "TrackedDevice",
    "View",
    "disagreements",
    "leaks",
    "misreported",
    "observation",
    "server_views",
    "unchanged",
]
