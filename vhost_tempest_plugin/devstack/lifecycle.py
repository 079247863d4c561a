# SPDX-License-Identifier: Apache-2.0
"""The life of a devstack's emulated hosts: up, restarted, watched, destroyed.

devstack keeps nothing over ``unstack.sh`` that its hosts could go on with, so there is nothing
between up and gone.
"""

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.devstack import access, overrides, status
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.record import StackRecord
from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.devstack.stack import Stack
from vhost_tempest_plugin.errors import HostError, InputError, VhostCommand, VhostError
from vhost_tempest_plugin.host import acceleration, jobs, ownership, session
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.image.image import DISK_MIB
from vhost_tempest_plugin.host.network import registry
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import atomic_file
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.state_directory import WAIT_S
from vhost_tempest_plugin.util.waiting import wait_for

# How often a host is looked for that does not answer.
_AWAY_S = 2.0


def up(spec: DevstackSpec, progress: Progress) -> tuple[str, ...]:
    """Have the hosts run and be compute hosts; what is so already is left alone.

    :returns: their names
    :raises InputError: there are hosts of this name with another topology, network or owner, the
        network has not enough ports, or what devstack has written is not in order
    :raises LocalError: this machine lacks something
    :raises StartError: nova-compute of one does not come up; the hosts run on
    """
    session.require("a devstack of emulated hosts")
    override.parse(Service.NOVA_COMPUTE, spec.assignments)
    layout = catalog.find(spec.topology)
    _require_limits(spec, layout)
    if spec.network is not None:
        registry.read(spec.network).uplink(spec.count - 1)
    directory = StackDirectory.of(spec.name)
    with directory.locked(create=True, wait_s=WAIT_S, progress=progress):
        overrides.recover(directory, progress)
        _require_names(directory, spec.count)
        record = _record(directory, spec, layout, progress)
        computes = Stack.of(directory, record, progress).hosts
        for host in computes.hosts:
            computes.configuration(host)
            computes.agent_files(host)
        computes.boot(computes.hosts)
        with _log_end_printed(progress):
            computes.start(computes.hosts, only_changed=True)
    progress(f"{', '.join(spec.hosts)}: compute hosts of the cloud")
    return spec.hosts


def require_names(name: str, count: int) -> None:
    """Check that a devstack can have that many hosts, before anything of it is made.

    :raises InputError: it is no name, or a host's is another's
    """
    _require_names(StackDirectory.of(name), count)


def restart(name: str, names: Sequence[str], progress: Progress, *, reboot: bool = False) -> None:
    """Take what has changed and restart nova-compute in hosts, all for none; wait for it.

    :param reboot: boot the hosts anew before, with devstack's environment as it is now
    :raises InputError: there is no such devstack or host, or Nova does not import
    :raises StartError: one does not come up
    """
    with _held(name, progress) as stack, _log_end_printed(progress):
        wanted = stack.hosts.named(names)
        if reboot:
            stack.hosts.boot(wanted, anew=True)
        stack.hosts.start(wanted, only_changed=False)


def destroy(name: str, progress: Progress, *, missing_ok: bool = False) -> None:
    """Remove all hosts of a devstack, also where its record is damaged; those of others stay.

    :raises InputError: there are none
    """
    directory = StackDirectory.of(name)
    if missing_ok and not directory.exists:
        return
    with directory.locked(wait_s=WAIT_S, progress=progress):
        try:
            overrides.recover(directory, progress)
            names = directory.read().spec.hosts
        except VhostError as error:
            progress(f"{error}")
            names = ownership.hosts_of(directory.owner, progress)
        jobs.destroy_all(names, directory.owner, progress)
        directory.remove()


def run(name: str, host: str, progress: Progress) -> Generator[str, None, None]:
    """Run nova-compute in a host and print its log until this is ended; then end it.

    This is what devstack's unit runs: with it nova-compute is stopped, started and watched as
    if it were the machine's.  A host that is booted meanwhile is watched on.

    :raises InputError: there is no such devstack or host
    :raises HostError: the host does not run, or was removed
    """
    with _held(name, progress) as stack:
        wanted = stack.hosts.named([host])[0]
        stack.hosts.launch(wanted)
    try:
        with _copying(stack.record.spec.log_directory, host) as note:
            while HostDirectory.of(host).exists:
                lines = wait_for(lambda: _lines(host), "the host", None, poll_s=_AWAY_S)
                with suppress(HostError, InputError):
                    for line in lines:
                        note(line)
                        yield line
    except (GeneratorExit, KeyboardInterrupt):
        with suppress(VhostError), _held(name, progress) as stack:
            stack.hosts.stop([wanted])
        raise
    raise HostError(f"host {host!r} was removed", hint="stack again to make it anew")


def _lines(host: str) -> Iterator[str] | None:
    """The log of a host's nova-compute from now on, once there is a line of it.

    :returns: none where the host was removed; None where it is away
    """
    if not HostDirectory.of(host).exists:
        return iter(())
    with suppress(HostError, InputError):
        lines = status.follow(host, 0)
        for line in lines:
            return itertools.chain((line,), lines)
    return None


def _held(name: str, progress: Progress) -> AbstractContextManager[Stack]:
    return access.held(name, progress, WAIT_S)


def _require_names(directory: StackDirectory, count: int) -> None:
    names = directory.owner.host_names(count)
    ownership.require_names(directory.owner, names, is_new=not directory.is_recorded)


def _record(
    directory: StackDirectory, spec: DevstackSpec, layout: Layout, progress: Progress
) -> StackRecord:
    """The record of what is asked for, written before anything of it is made."""
    known = directory.read() if directory.is_recorded else None
    text = yaml_file.dump(layout.host)
    if known is not None and (
        known.spec.hosts,
        directory.topology.read_text(encoding="utf-8"),
        known.spec.network,
    ) != (spec.hosts, text, spec.network):
        there = "here" if known.spec.network is None else f"on network {known.spec.network}"
        raise InputError(
            f"there are {known.spec.count} hosts of topology {known.spec.topology} {there}",
            hint=f"{VhostCommand('stack', 'destroy', name=spec.name)} removes them",
        )
    if known is None or spec.accelerator not in (None, known.accelerator):
        verdict = acceleration.choose(spec.accelerator)
        progress(f"{verdict.accelerator.upper()}: {verdict.reason}")
        accelerator = verdict.accelerator
    else:
        accelerator = known.accelerator
    created = known.created if known else datetime.now(UTC).isoformat(timespec="seconds")
    record = StackRecord(spec, accelerator, created)
    atomic_file.write(directory.topology, text, durable=True)
    directory.write(record)
    return record


def _require_limits(spec: DevstackSpec, layout: Layout) -> None:
    wanted_mib = layout.host.memory_mib * spec.count
    if 0 < spec.memory_limit_mib < wanted_mib:
        raise InputError(
            f"{spec.count} hosts of topology {layout.host.name!r} take {wanted_mib} MiB of "
            f"memory, and the limit is {spec.memory_limit_mib} MiB",
            hint="take a smaller topology, fewer hosts, or another limit",
        )
    if spec.disk_limit_mib > DISK_MIB:
        raise InputError(
            f"a host's disk has {DISK_MIB} MiB, and the limit of guests is "
            f"{spec.disk_limit_mib} MiB",
            hint="give a lower limit, or 0",
        )


@contextmanager
def _copying(directory: Path | None, host: str) -> Iterator[Callable[[str], None]]:
    """What takes the lines of a host's log to a file in *directory*, if there is to be one."""
    if directory is None:
        yield lambda line: None
        return
    with (directory / f"n-cpu-{host}.log").open("a", encoding="utf-8") as file:
        yield lambda line: print(line, file=file, flush=True)


@contextmanager
def _log_end_printed(progress: Progress) -> Iterator[None]:
    """If nova-compute fails in the block, print the end of its log."""
    try:
        yield
    except StartError as error:
        for line in error.lines:
            progress(f"{error.service}: {line}")
        raise
