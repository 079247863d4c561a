# SPDX-License-Identifier: Apache-2.0
"""libvirt's owner: starts, finds, saves, restores and ends domains, looks at those elsewhere.

And makes and ends networks.
"""

from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.hypervisor.alias import forget
from vhost_tempest_plugin.hypervisor.connection import Connection
from vhost_tempest_plugin.hypervisor.networks import Networks
from vhost_tempest_plugin.hypervisor.remote import Remote
from vhost_tempest_plugin.hypervisor.running_domain import Domain, DomainState

__all__ = [
    "Connection",
    "Domain",
    "DomainState",
    "Networks",
    "Remote",
    "forget",
    "orphan_processes",
]
