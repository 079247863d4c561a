# SPDX-License-Identifier: Apache-2.0
"""How a user's own clients reach the lab; these texts have the administrator's password."""

import json
import os
import shlex
from collections.abc import Mapping

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import REGION, Settings
from vhost_tempest_plugin.util import proxies


def variables(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The administrator's environment, as openstack(1) takes it; no proxy is asked.

    :param environment: the user's, to which these are added
    """
    return {
        "OS_AUTH_TYPE": "password",
        "OS_AUTH_URL": common.url(settings, Service.KEYSTONE),
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": common.ADMIN,
        "OS_PASSWORD": settings.secrets.admin,
        "OS_PROJECT_NAME": common.ADMIN,
        "OS_USER_DOMAIN_NAME": common.DOMAIN,
        "OS_PROJECT_DOMAIN_NAME": common.DOMAIN,
        "OS_REGION_NAME": REGION,
        "OS_COMPUTE_API_VERSION": "2.latest",
        "OS_PLACEMENT_API_VERSION": "1.39",
        **proxies.sparing_loopback(environment),
    }


def openrc(settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """Commands for a shell that has *environment*."""
    set_here = variables(settings, environment)
    lines = (f"export {name}={shlex.quote(text)}" for name, text in set_here.items())
    return "\n".join(lines) + "\n"


def clouds(settings: Settings) -> str:
    """A clouds.yaml whose one cloud has the lab's name."""
    said = variables(settings)
    auth = {
        "auth_url": said["OS_AUTH_URL"],
        "username": said["OS_USERNAME"],
        "password": said["OS_PASSWORD"],
        "project_name": said["OS_PROJECT_NAME"],
        "user_domain_name": said["OS_USER_DOMAIN_NAME"],
        "project_domain_name": said["OS_PROJECT_DOMAIN_NAME"],
    }
    lines = [
        "clouds:",
        f"  {json.dumps(settings.name)}:",
        "    auth:",
        *(f"      {name}: {json.dumps(text)}" for name, text in auth.items()),
        f"    region_name: {json.dumps(REGION)}",
        "    identity_api_version: 3",
        f"    compute_api_version: {json.dumps(said['OS_COMPUTE_API_VERSION'])}",
        f"    placement_api_version: {json.dumps(said['OS_PLACEMENT_API_VERSION'])}",
    ]
    return "\n".join(lines) + "\n"
