# SPDX-License-Identifier: Apache-2.0
"""What devstack's tempest has to know of the hosts, and what its tests boot."""

from collections.abc import Mapping
from pathlib import Path

from vhost_tempest_plugin.cloud.client import contents
from vhost_tempest_plugin.cloud.configuration import render, scenarios, stack, whitebox
from vhost_tempest_plugin.cloud.configuration.scenarios import Contents, Subject
from vhost_tempest_plugin.devstack import access, files, ssh_access
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.stack import Stack
from vhost_tempest_plugin.errors import InputError, VhostCommand
from vhost_tempest_plugin.host import nested_guest
from vhost_tempest_plugin.util.progress import Progress

DEPLOYMENT = "devstack"
_FLAVOR = "vhost.plain"
_FEATURES = "compute-feature-enabled"


def provide(name: str, progress: Progress) -> None:
    """Give the cloud the guest's image, and flavors, where it has none.

    :raises InputError: there is no such devstack
    :raises CloudError: an API refuses or does not answer
    """
    found = access.read(name, progress)
    image = nested_guest.build(progress)
    progress("image and flavors of the guests")
    with found.cloud() as cloud:
        contents.ensure([found.layout], cloud, image)


def configure(
    name: str,
    file: Path,
    progress: Progress,
    *,
    prepared_image: bool,
    with_whitebox: bool,
    ssh_directory: Path | None = None,
) -> None:
    """Add to tempest.conf what the scenarios, and whitebox-tempest-plugin's tests, have to know.

    :param prepared_image: tests boot what ``provide`` has given, in place of devstack's image
    :param ssh_directory: a directory for a key with which another user gets into the hosts; that
        user may not change devstack
    :raises InputError: there is no such devstack, or it has no such image
    """
    found = access.read(name, progress)
    directory, spec = found.directory, found.record.spec
    database = files.database_url(spec.database) if spec.database else None
    subject = Subject(
        hosts=spec.hosts,
        topology=_topology(directory, ssh_directory),
        database=database,
        driver=None if ssh_directory else DEPLOYMENT,
        deployment_name=name,
        records=ssh_directory / "records" if ssh_directory else directory.records,
        ssh_access=ssh_access.admit(spec.hosts, ssh_directory) if ssh_directory else None,
        features=spec.features,
    )
    made = _contents(found) if prepared_image else None
    options = render.literal(scenarios.options(subject, made))
    filters = stack.filters(files.read(spec.nova_conf))
    features = {**options[_FEATURES], "scheduler_enabled_filters": ",".join(filters)}
    options = {**options, _FEATURES: features}
    if with_whitebox:
        more = whitebox.options(
            found.layout,
            spec.hosts,
            pci_in_placement=spec.pci_in_placement,
            way_in=_way_in(found, ssh_directory),
        )
        options = {**options, **more}
    # The URL has the password of the database.
    files.edit(file, options, secret=database is not None)


def _topology(directory: StackDirectory, ssh_directory: Path | None) -> Path:
    """The file with the topology, where who runs the tests can read it."""
    if ssh_directory is None:
        return directory.topology
    ssh_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = ssh_directory / directory.topology.name
    copy.write_text(directory.topology.read_text(encoding="utf-8"), encoding="utf-8")
    return copy


def _way_in(found: Stack, ssh_directory: Path | None) -> Mapping[str, str] | None:
    """How whitebox's tests get into the hosts; they only go to ssh's own port."""
    hosts = [host for host in found.hosts.hosts if host.is_reachable]
    if not hosts:
        return None
    place = ssh_directory or found.directory.whitebox
    admitted = ssh_access.admit(found.record.spec.hosts, place)
    file = place / "nodes.yaml"
    file.write_text(whitebox.services(hosts, stack.COMPUTE_FILE), encoding="utf-8")
    return whitebox.way_in(hosts, admitted.key, file)


def _contents(found: Stack) -> Contents:
    with found.cloud() as cloud:
        image, flavor = cloud.images().get(contents.IMAGE), cloud.flavors().get(_FLAVOR)
    if image is None or flavor is None:
        prepare = VhostCommand("stack", "prepare-image", name=found.record.spec.name)
        raise InputError(
            f"the cloud has no image {contents.IMAGE!r} or no flavor {_FLAVOR!r}",
            hint=f"{prepare} brings them",
        )
    return Contents(image, flavor)
