# SPDX-License-Identifier: Apache-2.0
"""A lab for tests of what is computed from its settings; nothing of it is really there."""

from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Ports, Secrets, Settings
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import catalog

PORTS = Ports(
    broker=10003,
    epmd=10004,
    keystone=10005,
    glance=10006,
    placement=10007,
    neutron=10008,
    nova_api=10009,
    nova_metadata=10010,
)
SECRETS = Secrets(
    database="database-secret",
    broker="broker-secret",
    admin="admin-secret",
    service="service-secret",
    metadata="metadata-secret",
)


def host(
    topology: str, name: str = "lab-0", accelerator: Accelerator = Accelerator.TCG
) -> ComputeHost:
    return ComputeHost(name, catalog.find(topology), accelerator)


def settings(*hosts: ComputeHost, directory: Path = Path("/labs/lab")) -> Settings:
    return Settings(
        name="lab",
        directory=directory,
        environment=Path("/cache/environment/digest/venv"),
        ports=PORTS,
        secrets=SECRETS,
        hosts=hosts or (host("article"),),
    )
