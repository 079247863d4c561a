# SPDX-License-Identifier: Apache-2.0
"""How a lab's database is looked at."""

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.nova.readers import NovaDatabase


def database(settings: Settings) -> NovaDatabase:
    """The database of Nova's cell."""
    url = common.database_url(settings, Database.NOVA_CELL1, settings.database_socket)
    return NovaDatabase(url)
