# SPDX-License-Identifier: Apache-2.0
"""A lab: its record, and what follows from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.lab.environment import environment, release
from vhost_tempest_plugin.lab.environment.environment import Environment
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabPhase, LabRecord
from vhost_tempest_plugin.topology import yaml_file
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.state_directory import WAIT_S


@dataclass(frozen=True)
class Lab:
    """A lab as it is recorded, whether it runs or not.

    To change what runs of it, give it to ``LabRuntime``.
    """

    directory: LabDirectory
    record: LabRecord

    @classmethod
    def find(cls, name: str) -> Self:
        """The lab *name*.

        :raises InputError: there is no such lab
        :raises HostError: its record is damaged
        """
        directory = LabDirectory.of(name).existing()
        return cls(directory, directory.read())

    @classmethod
    def running(cls, name: str) -> Self:
        """The lab *name*, which is up.

        :raises InputError: there is no such lab, or it is not up
        """
        lab = cls.find(name)
        if not lab.is_up:
            raise InputError(
                f"lab {name!r} is not up",
                hint=f"{VhostCommand('lab', 'up', name=name)} brings it up",
            )
        return lab

    @classmethod
    @contextmanager
    def held(cls, name: str, progress: Progress) -> Iterator[Self]:
        """The lab *name*, which is up; no other command changes it during the block.

        :raises InputError: there is no such lab, or it is not up
        :raises BusyError: another command holds it for too long
        """
        with LabDirectory.of(name).locked(wait_s=WAIT_S, progress=progress):
            yield cls.running(name)

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    @cached_property
    def settings(self) -> Settings:
        """All that its configuration depends on.

        :raises TopologyError: its topology is damaged
        """
        record = self.record
        layout = yaml_file.load_layout(self.directory.topology)
        return Settings(
            name=record.name,
            directory=self.directory.path,
            environment=record.environment,
            ports=record.ports,
            secrets=record.secrets,
            hosts=tuple(ComputeHost(name, layout, record.accelerator) for name in record.hosts),
            nova_path=None if record.nova is None else self.directory.nova,
            overrides=record.overrides,
        )

    @cached_property
    def environment(self) -> Environment:
        """The environment that it was started with.

        :raises LocalError: it is gone from the cache
        """
        return environment.kept(self.record.environment, release.find(self.record.release))

    @property
    def is_supervised(self) -> bool:
        """Whether its supervisor runs.

        :raises VhostError: it runs but does not answer
        """
        return Supervision(self.directory.path).is_running()

    @property
    def is_up(self) -> bool:
        """Whether it was ready, and its supervisor still runs."""
        return self.record.phase is LabPhase.READY and self.is_supervised

    def host(self, name: str | None) -> ComputeHost:
        """Its host *name*, by default the first.

        :raises InputError: it has no such host
        """
        known = {host.name: host for host in self.settings.hosts}
        if name is not None and name not in known:
            raise InputError(f"the lab has no host {name!r}", hint=f"it has {', '.join(known)}")
        return known[name] if name else self.settings.hosts[0]

    def having(self, record: LabRecord) -> "Lab":
        """The same lab with another record, which is not written yet."""
        return replace(self, record=record)
