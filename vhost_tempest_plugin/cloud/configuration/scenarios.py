# SPDX-License-Identifier: Apache-2.0
"""The part of tempest.conf that follows from the emulated hosts of any cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import in_host
from vhost_tempest_plugin.cloud.configuration.feature import TempestFeature
from vhost_tempest_plugin.cloud.configuration.settings import Options

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


@dataclass(frozen=True, slots=True)
class SshAccess:
    """A way into the hosts for another user than theirs.

    :param ports: on the loopback address, by host
    :param key: the private key that all of them accept
    :param known_hosts: their public keys by their names
    """

    ports: Mapping[str, int]
    key: Path
    known_hosts: Path

    def options(self) -> Mapping[str, str]:
        """Options of the plugin's."""
        addresses = (f"{host}:127.0.0.1:{port}" for host, port in sorted(self.ports.items()))
        return {
            "ssh_addresses": ",".join(addresses),
            "ssh_user": "root",
            "ssh_key": str(self.key),
            "ssh_known_hosts": str(self.known_hosts),
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What the scenarios run on.

    :param hosts: the compute hosts' names
    :param topology: the file that describes them
    :param database: the URL of the cell's database, None where there is no way to it
    :param driver: the one that changes the deployment, None where tests may not
    :param deployment_name: what that one calls it
    :param ssh_access: how who runs the tests gets into the hosts, None where the hosts are theirs
    :param records: where tests leave what they saw
    :param features: what guests can have there, and what can be done with them
    """

    hosts: Sequence[str]
    topology: Path
    database: str | None
    driver: str | None
    deployment_name: str
    records: Path
    ssh_access: SshAccess | None = None
    features: frozenset[TempestFeature] = frozenset()


def options(subject: Subject, contents: Contents | None) -> Options:
    """The sections.

    :param contents: None for what others have put there
    """
    booted = {
        name: value
        for kind, value in (
            ("image_ref", contents and contents.image),
            ("flavor_ref", contents and contents.flavor),
        )
        if value
        for name in (kind, f"{kind}_alt")
    }
    database = {"nova_cell_database": subject.database} if subject.database else {}
    driver = (
        {"driver": subject.driver, "deployment_name": subject.deployment_name}
        if subject.driver
        else {}
    )
    return {
        # Scenarios make the networks that they need, and other tests have no way to them.
        "auth": {"create_isolated_networks": "false"},
        "validation": {"run_validation": "false"},
        "compute": {
            **booted,
            "min_compute_nodes": str(len(subject.hosts)),
            "build_timeout": str(_LIMIT_S),
        },
        "compute-feature-enabled": {
            "console_output": "true",
            "vnc_console": "false",
            "cold_migration": _boolean(TempestFeature.COLD_MIGRATION in subject.features),
            "live_migration": _boolean(TempestFeature.LIVE_MIGRATION in subject.features),
        },
        "vhost": {
            **database,
            "hosts": ",".join(subject.hosts),
            "topology": str(subject.topology),
            **driver,
            **(subject.ssh_access.options() if subject.ssh_access else {}),
            "neutron_ports": _boolean(TempestFeature.NEUTRON_PORTS in subject.features),
            "results_dir": str(subject.records),
            "reserved_memory_mib": str(in_host.RESERVED_MIB),
        },
    }


def _boolean(value: bool) -> str:
    return str(value).lower()
