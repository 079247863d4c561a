# SPDX-License-Identifier: Apache-2.0
"""One devstack with emulated hosts: its record, its configuration, its hosts."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.devstack import files
from vhost_tempest_plugin.devstack.cloud import open_cloud
from vhost_tempest_plugin.devstack.compute_hosts import ComputeHosts
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.record import StackRecord
from vhost_tempest_plugin.devstack.services import Services
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util.progress import Progress


@dataclass(frozen=True, slots=True)
class Stack:
    """A devstack as its record has it.

    :param base: devstack's options of nova-compute, as they are now
    """

    directory: StackDirectory
    record: StackRecord
    base: Options
    hosts: ComputeHosts

    @classmethod
    def of(cls, directory: StackDirectory, record: StackRecord, progress: Progress) -> "Stack":
        """The devstack of a record.

        :raises InputError: devstack has not written its configuration
        """
        base = files.read(record.spec.configuration)
        return cls(directory, record, base, ComputeHosts(directory, record, base, progress))

    @property
    def layout(self) -> Layout:
        """The hardware that its hosts were made with."""
        return yaml_file.load_layout(self.directory.topology)

    def cloud(self) -> AbstractContextManager[Cloud]:
        """A client of its APIs for as long as the block takes; nothing is asked yet."""
        return open_cloud(self.base)

    @contextmanager
    def services(self) -> Iterator[Services]:
        """Nova's services on this machine."""
        with self.cloud() as cloud:
            yield Services(self.etc, cloud)

    @property
    def etc(self) -> Path:
        """Where Nova's files are on this machine."""
        return self.record.spec.configuration.parent
