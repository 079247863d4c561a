# SPDX-License-Identifier: Apache-2.0
"""The parts of a lab, by name."""

from enum import StrEnum


class Service(StrEnum):
    """A program of a lab; the name is what ``vhost lab status`` prints."""

    MARIADB = "mariadb"
    RABBITMQ = "rabbitmq"
    KEYSTONE = "keystone"
    GLANCE = "glance"
    PLACEMENT = "placement"
    NEUTRON = "neutron"
    NOVA_API = "nova-api"
    NOVA_METADATA = "nova-metadata"
    NOVA_SCHEDULER = "nova-scheduler"
    NOVA_CONDUCTOR = "nova-conductor"
    TUNNELS = "tunnels"
    NOVA_COMPUTE = "nova-compute"

    @property
    def in_host(self) -> bool:
        """Whether it runs in the emulated hosts rather than on the machine."""
        return self is Service.NOVA_COMPUTE

    @property
    def is_nova(self) -> bool:
        """Whether it runs the Nova under test."""
        return self.value.startswith("nova-")


# What a service is called in the catalogue of keystone; those that have an API there.
CATALOGUE = {
    Service.KEYSTONE: "identity",
    Service.GLANCE: "image",
    Service.PLACEMENT: "placement",
    Service.NEUTRON: "network",
    Service.NOVA_API: "compute",
}
