# SPDX-License-Identifier: Apache-2.0
"""tempest.conf for a lab, as devstack would have it for the same topology."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.configuration import common, in_host
from vhost_tempest_plugin.configuration.common import Database
from vhost_tempest_plugin.configuration.service import Service
from vhost_tempest_plugin.configuration.settings import REGION, Options, Settings

# For the first guest after a start of nova-compute in an emulated host.
_LIMIT_S = 400


@dataclass(frozen=True, slots=True)
class Contents:
    """Ids of what tests boot.

    :param image: an image
    :param flavor: a flavor without anything special
    """

    image: str
    flavor: str


def options(settings: Settings, contents: Contents, topology: Path, records: Path) -> Options:
    """The sections; the file has the administrator's password and the database's.

    :param topology: the file that describes the hosts
    :param records: where tests leave what they saw
    """
    return {
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
            # The hosts have no agents of neutron's.
            "create_isolated_networks": "false",
            "admin_username": common.ADMIN,
            "admin_password": settings.secrets.admin,
            "admin_project_name": common.ADMIN,
            "admin_domain_name": common.DOMAIN,
        },
        "compute": {
            "image_ref": contents.image,
            "image_ref_alt": contents.image,
            "flavor_ref": contents.flavor,
            "flavor_ref_alt": contents.flavor,
            "min_compute_nodes": str(len(settings.hosts)),
            "max_microversion": "latest",
            "build_timeout": str(_LIMIT_S),
        },
        "compute-feature-enabled": {"console_output": "true", "vnc_console": "false"},
        "placement": {"max_microversion": "latest"},
        "service_available": _available(),
        "validation": {"run_validation": "false"},
        "vhost": {
            "hosts": ",".join(host.name for host in settings.hosts),
            "topology": str(topology),
            "nova_cell_database": common.database_url(settings, Database.NOVA_CELL1),
            "deployment": "lab",
            "deployment_name": settings.name,
            "reserved_memory_mib": str(in_host.RESERVED_MIB),
            "record_directory": str(records),
        },
    }


def _available() -> Mapping[str, str]:
    there = {"nova", "glance", "neutron"}
    known = ("cinder", "glance", "horizon", "neutron", "nova", "swift")
    return {name: str(name in there).lower() for name in known}
