# SPDX-License-Identifier: Apache-2.0
"""tempest.conf for a lab, as devstack would have it for the same topology."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.configuration import common
from vhost_tempest_plugin.configuration.service import Service
from vhost_tempest_plugin.configuration.settings import REGION, Options, Settings


@dataclass(frozen=True, slots=True)
class Contents:
    """Ids of what tests boot.

    :param image: an image
    :param flavor: a flavor without anything special
    """

    image: str
    flavor: str


def options(settings: Settings, contents: Contents, topology: Path) -> Options:
    """The sections; the file has the administrator's password.

    :param topology: the file that describes the hosts
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
        },
        "compute-feature-enabled": {"console_output": "true", "vnc_console": "false"},
        "placement": {"max_microversion": "latest"},
        "service_available": _available(),
        "validation": {"run_validation": "false"},
        "vhost": {
            "host": settings.hosts[0].name,
            "topology": str(topology),
        },
    }


def _available() -> Mapping[str, str]:
    there = {"nova", "glance", "neutron"}
    known = ("cinder", "glance", "horizon", "neutron", "nova", "swift")
    return {name: str(name in there).lower() for name in known}
