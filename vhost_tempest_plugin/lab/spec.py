# SPDX-License-Identifier: Apache-2.0
"""What 'vhost lab up' is asked for, beside what a lab of that name is."""

from dataclasses import dataclass, replace
from pathlib import Path

from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab.environment import mutant_tree
from vhost_tempest_plugin.lab.state.directory import LabDirectory
from vhost_tempest_plugin.lab.state.record import LabRecord
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.topology.layout import Layout

DEFAULT_TOPOLOGY = "small"


@dataclass(frozen=True, slots=True)
class LabSpec:
    """What ``lab up`` is asked for; None for what the lab has, or a new one's default.

    :param nova: a working tree of Nova
    :param release_nova: the release's own, whatever the lab has had
    :param cold: start anew even where there is a snapshot
    """

    name: str
    layout: Layout | None = None
    release: str | None = None
    nova: Path | None = None
    release_nova: bool = False
    hosts: int | None = None
    accelerator: Accelerator | None = None
    cold: bool = False


def default_layout() -> Layout:
    """The hosts of a new lab for which no topology is given."""
    return catalog.find(DEFAULT_TOPOLOGY)


def read_same(directory: LabDirectory, spec: LabSpec) -> LabRecord:
    """The record of a lab that exists; what is asked for must be that lab."""
    record = directory.read()
    differing = [
        f"{what} {known}"
        for what, known, asked in (
            ("the topology", record.topology, _topology(directory, spec.layout, record)),
            ("the release", record.release, spec.release or record.release),
            ("hosts:", len(record.hosts), spec.hosts or len(record.hosts)),
            ("the accelerator", record.accelerator, spec.accelerator or record.accelerator),
        )
        if known != asked
    ]
    if differing:
        raise InputError(
            f"lab {spec.name!r} has {', '.join(differing)}",
            hint=f"{VhostCommand('lab', 'destroy', name=spec.name)} first, or give another --name",
        )
    return record


def with_nova(directory: LabDirectory, record: LabRecord, spec: LabSpec) -> LabRecord:
    """The record of a lab that runs the Nova that is asked for.

    What a mutation check that was killed has left it with is not what it has.
    """
    if spec.release_nova:
        return replace(record, nova=None)
    return replace(record, nova=spec.nova or mutant_tree.before(directory, record))


def _topology(directory: LabDirectory, layout: Layout | None, record: LabRecord) -> str:
    same = layout is None or directory.topology.read_text(encoding="utf-8") == yaml_file.dump(
        layout.host
    )
    return record.topology if same else f"another than {record.topology}"
