# SPDX-License-Identifier: Apache-2.0
"""Starts, finds, saves, restores and ends domains, looks at those elsewhere: libvirt's owner."""

from vhost_tempest_plugin.hypervisor import stray
from vhost_tempest_plugin.hypervisor.connection import Connection
from vhost_tempest_plugin.hypervisor.domain import Domain, State
from vhost_tempest_plugin.hypervisor.embedded import forget
from vhost_tempest_plugin.hypervisor.remote import Remote

__all__ = ["Connection", "Domain", "Remote", "State", "forget", "stray"]
