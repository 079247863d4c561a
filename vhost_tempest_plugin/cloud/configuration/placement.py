# SPDX-License-Identifier: Apache-2.0
"""placement.conf."""

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.settings import Options, Settings

USER = "placement"


def options(settings: Settings) -> Options:
    """The file's.

    ``[placement]`` and ``[workarounds]`` are what Nova's documentation asks for where a host
    has more than eight devices of one kind (doc/source/admin/pci-passthrough.rst).
    """
    return {
        "DEFAULT": common.logging(),
        "api": {"auth_strategy": "keystone"},
        "placement_database": common.database(settings, Database.PLACEMENT),
        "keystone_authtoken": common.authtoken(settings, USER),
        "placement": {
            "max_allocation_candidates": "1000",
            "allocation_candidates_generation_strategy": "breadth-first",
        },
        "workarounds": {"optimize_for_wide_provider_trees": "true"},
    }
