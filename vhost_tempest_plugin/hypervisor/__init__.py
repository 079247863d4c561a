# SPDX-License-Identifier: Apache-2.0
"""Starts, finds, saves, restores and ends domains: the owner of libvirt."""

from vhost_tempest_plugin.hypervisor import stray
from vhost_tempest_plugin.hypervisor.connection import Connection
from vhost_tempest_plugin.hypervisor.domain import Domain, State
from vhost_tempest_plugin.hypervisor.embedded import forget

__all__ = ["Connection", "Domain", "State", "forget", "stray"]
