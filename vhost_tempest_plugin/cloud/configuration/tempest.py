# SPDX-License-Identifier: Apache-2.0
"""tempest.conf for a lab, as devstack would have it for the same topology."""

from collections.abc import Mapping
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import common, scenarios
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.scenarios import Contents, Subject
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import REGION, Options, Settings


def options(settings: Settings, contents: Contents, topology: Path, records: Path) -> Options:
    """The sections; the file has the administrator's password and the database's.

    :param topology: the file that describes the hosts
    :param records: where tests leave what they saw
    """
    subject = Subject(
        hosts=tuple(host.name for host in settings.hosts),
        topology=topology,
        database=common.database_url(settings, Database.NOVA_CELL1, settings.database_socket),
        driver="lab",
        deployment_name=settings.name,
        records=records,
    )
    of_hosts = scenarios.options(subject, contents)
    return {
        **of_hosts,
        "DEFAULT": {"log_file": "tempest.log", "use_stderr": "false"},
        "oslo_concurrency": {"lock_path": "lock"},
        "identity": {
            "auth_version": "v3",
            "uri_v3": common.url(settings, Service.KEYSTONE),
            "region": REGION,
            "v3_endpoint_type": "public",
        },
        "identity-feature-enabled": {"api_v2": "false"},
        "auth": {
            "use_dynamic_credentials": "true",
            **of_hosts["auth"],
            "admin_username": common.ADMIN,
            "admin_password": settings.secrets.admin,
            "admin_project_name": common.ADMIN,
            "admin_domain_name": common.DOMAIN,
        },
        "compute": {
            **of_hosts["compute"],
            "max_microversion": "latest",
        },
        "placement": {"max_microversion": "latest"},
        "service_available": _available(),
    }


def _available() -> Mapping[str, str]:
    there = {"nova", "glance", "neutron"}
    known = ("cinder", "glance", "horizon", "neutron", "nova", "swift")
    return {name: str(name in there).lower() for name in known}
