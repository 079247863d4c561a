# SPDX-License-Identifier: Apache-2.0
"""The emulated hosts of a devstack with nova-compute in them."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.compute import agents, in_force
from vhost_tempest_plugin.cloud.compute import copies as copies_module
from vhost_tempest_plugin.cloud.compute.copies import Copy
from vhost_tempest_plugin.cloud.compute.service import ComputeService, written
from vhost_tempest_plugin.cloud.compute.unit import Unit
from vhost_tempest_plugin.cloud.configuration import networking, override, stack, whitebox
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import (
    HOST_IN_USER_MODE,
    ComputeHost,
    Options,
)
from vhost_tempest_plugin.devstack import files, readiness, sources, ssh_mesh, staging
from vhost_tempest_plugin.devstack.cloud import last_report, open_cloud
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.readiness import Readiness
from vhost_tempest_plugin.devstack.record import StackRecord
from vhost_tempest_plugin.errors import InputError, VhostCommand, VhostError
from vhost_tempest_plugin.host import jobs as host_jobs
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.image.image import DISK_MIB
from vhost_tempest_plugin.host.network import registry
from vhost_tempest_plugin.host.network.uplink import UplinkSpec
from vhost_tempest_plugin.host.share import Share
from vhost_tempest_plugin.host.worker_protocol import Down, Up
from vhost_tempest_plugin.nova.compute_options import ComputeOptions
from vhost_tempest_plugin.nova.device_spec import InterfaceNameError
from vhost_tempest_plugin.nova.readers import NovaDatabase
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util.progress import Progress

# As devstack calls it on the machine, so that "systemctl restart devstack@n-cpu" works in a host.
UNIT = f"{whitebox.COMPUTE_UNIT}.service"
_COMPUTE_ID = PurePosixPath("/etc/nova/compute_id")


class ComputeHosts:
    """All hosts of one devstack, whose record is held.

    :param base: devstack's options of nova-compute
    """

    def __init__(
        self, directory: StackDirectory, record: StackRecord, base: Options, progress: Progress
    ) -> None:
        self._directory = directory
        self._spec = record.spec
        self._progress = progress
        self.hosts = tuple(
            ComputeHost(name, self._layout(name), record.accelerator, self._address(port))
            for port, name in enumerate(record.spec.hosts)
        )
        self._base = base

    def named(self, names: Sequence[str]) -> tuple[ComputeHost, ...]:
        """The hosts of these names, all for none.

        :raises InputError: there is none of a name
        """
        known = {host.name: host for host in self.hosts}
        for name in names:
            if name not in known:
                raise InputError(
                    f"there is no host {name!r} here", hint=f"known are {', '.join(known)}"
                )
        return tuple(known[name] for name in names) or self.hosts

    def boot(self, wanted: Sequence[ComputeHost], *, anew: bool = False) -> None:
        """Have hosts run.

        :param anew: shut them down first; they have devstack's environment as it is now then
        """
        environment, owner = self._spec.environment, self._directory.owner
        shares = (Share(environment, PurePosixPath(environment)),)
        with host_jobs.Jobs(self._progress) as jobs:
            for host in wanted:
                down = [Down(host.name, owner)] if anew else []
                topology, uplink = self._topology(host.name), self._uplink(host)
                # Without a network it finds the machine's services through its management link.
                internet = uplink is None
                up = Up(host.name, owner, topology, host.accelerator, shares, uplink, internet)
                jobs.start(*down, up)

    def start(self, wanted: Sequence[ComputeHost], *, only_changed: bool) -> None:
        """Have nova-compute run in hosts with everything as it is now, and wait for it.

        :param only_changed: let those run on that have it so already
        :raises InputError: what devstack has written, or Nova, is not in order
        :raises StartError: one does not come up
        """
        copies = self._copies()
        with open_cloud(self._base) as cloud:
            before: dict[str, str | None] = {}
            for host in wanted:
                with self.compute(host.name) as compute:
                    self._install_files(host.name, compute)
                    text = self.configuration(host)
                    stale = compute.bring_up_to_date(text, copies, self._spool())
                    self._connect(host, compute, copies)
                    if stale or not only_changed:
                        compute.stop()
                        with suppress(VhostError):
                            before[host.name] = last_report(cloud, host.name)
                        self._progress(f"nova-compute in {host.name!r}")
                    compute.start()
            for host in wanted:
                with self.compute(host.name) as compute:
                    logs = VhostCommand("stack", "logs", host.name, name=self._directory.name)
                    readiness.wait(self._readiness(host, cloud, before), compute, logs)

    def launch(self, host: ComputeHost) -> None:
        """Have nova-compute run in a host with everything as it is now; it is not waited for.

        :raises InputError: what devstack has written, or Nova, is not in order
        """
        copies = self._copies()
        with self.compute(host.name) as compute:
            self._install_files(host.name, compute)
            if compute.bring_up_to_date(self.configuration(host), copies, self._spool()):
                compute.stop()
            self._connect(host, compute, copies)
            compute.start()

    def stop(self, wanted: Sequence[ComputeHost]) -> None:
        """End nova-compute in hosts."""
        for host in wanted:
            with self.compute(host.name) as compute:
                compute.stop()

    def configuration(self, host: ComputeHost) -> str:
        """What is to be in nova-compute's file in a host."""
        return stack.text(self._options(host))

    def _options(self, host: ComputeHost) -> Options:
        spec = self._spec
        limited: tuple[str, ...] = ()
        if spec.disk_limit_mib:
            reserved_mib = DISK_MIB - spec.disk_limit_mib
            limited = (f"reserved_host_disk_mb={reserved_mib}",)
        return stack.compute(
            self._base,
            host,
            spec.environment / "bin",
            override.parse(Service.NOVA_COMPUTE, (*limited, *spec.assignments)),
            pci_in_placement=spec.pci_in_placement,
            has_ports=bool(spec.networking),
        )

    def _in_force(self, host: ComputeHost) -> ComputeOptions | None:
        """What nova-compute's options lead to on a host, None where that cannot be known.

        :raises HostError: Nova would not take one of them
        """
        hint = "correct VHOST_NOVA_OPTIONS in local.conf, and stack again"
        with suppress(InterfaceNameError):
            return in_force.read(self._options(host), host, hint)
        return None

    def agent_files(self, host: ComputeHost) -> dict[Path, str]:
        """What is to be in the files of Neutron's agents in a host.

        :raises InputError: devstack has not written one of them
        """
        found = {file for agent in self._spec.networking.agents for file in agent.files}
        return {
            file: stack.text(networking.agent_options(files.read(file), host.name, host.address))
            for file in sorted(found)
        }

    @contextmanager
    def compute(self, host: str) -> Iterator[ComputeService]:
        """nova-compute of one host.

        :raises HostError: the host does not run
        """
        unit = Unit(UNIT, self._spec.environment / "bin/nova-compute", stack.COMPUTE_FILE)
        with status.connected(host) as (_, connection):
            yield ComputeService(unit, connection)

    def lacking(self, host: ComputeHost) -> str | None:
        """What the cloud does not know of a host yet, None where it knows all.

        :raises VhostError: it does not answer
        """
        with open_cloud(self._base) as cloud:
            return self._readiness(host, cloud, {}).lacking()

    def _topology(self, host: str) -> Path:
        """The file with a host's topology: what it was with_hardware to counts."""
        own = HostDirectory.of(host).topology
        return own if own.exists() else self._directory.topology

    def _layout(self, host: str) -> Layout:
        return yaml_file.load_layout(self._topology(host))

    def _address(self, port: int) -> str:
        """Where a host is reached: the network may be another than when the host booted.

        :raises InputError: the network is gone
        """
        if self._spec.network is None:
            return HOST_IN_USER_MODE
        return str(registry.read(self._spec.network).uplink(port).address.ip)

    def _uplink(self, host: ComputeHost) -> UplinkSpec | None:
        network = self._spec.network
        return None if network is None else UplinkSpec(network, self._spec.hosts.index(host.name))

    def _copies(self) -> tuple[Copy, ...]:
        environment = self._spec.environment
        found = sources.needed(environment, self._spec.projects)
        return staging.take(found, environment, self._directory.trees, self._progress)

    def _readiness(
        self, host: ComputeHost, cloud: Cloud, before: Mapping[str, str | None]
    ) -> Readiness:
        return Readiness(
            host,
            partial(self._in_force, host),
            cloud,
            self._database(),
            agents=self._spec.networking.binaries,
            before=before.get(host.name),
        )

    def _database(self) -> NovaDatabase | None:
        if self._spec.database is None:
            return None
        url = files.database_url(self._spec.database)
        return None if url is None else NovaDatabase(url)

    def _connect(self, host: ComputeHost, compute: ComputeService, copies: Sequence[Copy]) -> None:
        """Have what gives guests ordinary ports run, with everything as it is now."""
        agents.connect(
            compute,
            self._spec.networking,
            host.name,
            host.address,
            self._spec.environment,
            self.agent_files(host),
            copies_module.digest(copies),
        )

    def _install_files(self, host: str, compute: ComputeService) -> None:
        """What the host has of the machine's files, and by what uuid Nova knows it.

        Nova refuses a host that comes back under its name with another uuid, as one that was
        made anew would (nova/compute/manager.py, ``_check_for_host_rename``).
        """
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, host)
        compute.shell(*written(f"{identity}\n", str(_COMPUTE_ID), 0o644))
        for file in self._spec.files:
            with suppress(FileNotFoundError):
                compute.connection.put(file.read_text(encoding="utf-8"), str(file))
        if self._spec.network is not None:
            ssh_mesh.grant(compute.connection, self._directory, self.hosts)
        for file in self._spec.networking.files:
            compute.connection.put(files.text(file), str(file), mode=0o600)

    def _spool(self) -> Path:
        self._directory.spool.mkdir(mode=0o700, exist_ok=True)
        return self._directory.spool
