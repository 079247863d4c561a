# SPDX-License-Identifier: Apache-2.0
"""What the checks of a lab look at."""

from dataclasses import dataclass

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.host.checks.base import AnyCheck
from vhost_tempest_plugin.host.checks.registry import Registry
from vhost_tempest_plugin.util.progress import Progress, silent

AGAIN = "'vhost lab up' brings back what has died"


@dataclass(frozen=True, slots=True)
class LabSubject:
    """A lab beside what it should be.

    :param settings: what it should be follows from them
    """

    settings: Settings
    cloud: Cloud
    progress: Progress = silent


class LabCheck(AnyCheck[LabSubject]):
    """Something that must be true of a lab that is up."""


LAB: Registry[LabSubject] = Registry(
    "vhost_tempest_plugin.lab_checks",
    ("programs", "hosts", "apis", "compute-service", "host-mapping", "placement", "pci-devices"),
)
