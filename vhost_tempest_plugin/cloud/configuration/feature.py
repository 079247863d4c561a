# SPDX-License-Identifier: Apache-2.0
"""What guests of a deployment can have, and what its APIs can do with them."""

from enum import StrEnum


class TempestFeature(StrEnum):
    """A boolean option of tempest.conf, ``section.option``; tests say which they need set."""

    NEUTRON_PORTS = "vhost.neutron_ports"
    COLD_MIGRATION = "compute-feature-enabled.cold_migration"
    LIVE_MIGRATION = "compute-feature-enabled.live_migration"
