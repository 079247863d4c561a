# SPDX-License-Identifier: Apache-2.0
"""glance-api.conf."""

from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options, Settings

USER = "glance"


def store(settings: Settings) -> Path:
    """Where the images are."""
    return settings.directory / "glance"


def options(settings: Settings) -> Options:
    """The file's; the two reserved stores are in use only during an import."""
    work = settings.run / "glance"
    return {
        "DEFAULT": {**common.logging(), "enabled_backends": "file:file"},
        "database": common.database(settings, Database.GLANCE),
        "keystone_authtoken": common.authtoken(settings, USER),
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": str(settings.environment / "etc/glance/glance-api-paste.ini"),
        },
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": str(store(settings))},
        "os_glance_staging_store": {"filesystem_store_datadir": str(work / "staging")},
        "os_glance_tasks_store": {"filesystem_store_datadir": str(work / "tasks")},
        "oslo_concurrency": common.locks(settings, Service.GLANCE),
    }
