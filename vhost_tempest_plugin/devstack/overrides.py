# SPDX-License-Identifier: Apache-2.0
"""Options of devstack's services that tests change: applied, and put back whatever happens."""

from collections.abc import Iterator, Sequence

from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override
from vhost_tempest_plugin.devstack import files, journal
from vhost_tempest_plugin.devstack.directory import StackDirectory
from vhost_tempest_plugin.devstack.journal import Changes, Entry, FileChange
from vhost_tempest_plugin.devstack.stack import Stack
from vhost_tempest_plugin.errors import LocalError, VhostCommand, VhostError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.util import atomic_file
from vhost_tempest_plugin.util.progress import Progress, silent


def apply(stack: Stack, wanted: Sequence[Override], entry: Entry) -> None:
    """Change files and the record; restart whose they are.

    :param entry: is given what is about to change, first
    :raises LocalError: a file cannot be written
    :raises StartError: a service does not come up
    """
    with stack.services() as services:
        whose = services.edit((each for each in wanted if not each.service.in_host), entry)
        services.restart(whose)
    if of_hosts := [each for each in wanted if each.service.in_host]:
        known = override.parse(Service.NOVA_COMPUTE, stack.record.spec.assignments)
        typed = tuple(_typed(override.merge(known, of_hosts)))
        entry.note_assignments(stack.record.spec.assignments, typed)
        changed = stack.record.with_assignments(typed)
        stack.directory.write(changed)
        hosts = Stack.of(stack.directory, changed, silent).hosts
        hosts.start(hosts.hosts, only_changed=True)


def put_back(stack: Stack, entry: Entry) -> None:
    """Undo what an entry lists, and wait for the services.

    :raises LocalError: a file cannot be written, or somebody else has changed it since
    :raises StartError: a service does not come up
    """
    changes = entry.changes
    left = _put_files_back(stack.directory, changes)
    before = _put_record_back(stack.directory, changes)
    entry.remove()
    with stack.services() as services:
        services.restart(changes.services)
    if before:
        hosts = Stack.of(stack.directory, stack.directory.read(), silent).hosts
        hosts.start(hosts.hosts, only_changed=True)
    if left:
        raise left[0]


def recover(directory: StackDirectory, progress: Progress) -> None:
    """Undo what tests have left that were killed, with a line for each; nothing is waited for.

    :raises LocalError: a file cannot be written
    """
    for entry in journal.abandoned(directory.journal):
        changes = entry.changes
        if changes:
            progress(f"a test was killed that had changed {changes}: it is put back")
        for error in _put_files_back(directory, changes):
            progress(f"{error}")
        _put_record_back(directory, changes)
        entry.remove()
        try:
            _restart(Stack.of(directory, directory.read(), silent), changes)
        except VhostError as error:
            command = VhostCommand("stack", "restart", name=directory.name)
            progress(f"{error}")
            progress(f"restart {_restarted(changes, command)} when it is mended")


def _restart(stack: Stack, changes: Changes) -> None:
    with stack.services() as services:
        for service in changes.services:
            services.systemctl("restart", service)
    if changes.assignments is not None:
        for host in stack.hosts.hosts:
            if status.is_running(host.name):
                stack.hosts.launch(host)


def _restarted(changes: Changes, command: VhostCommand) -> str:
    hosts = [f"{Service.NOVA_COMPUTE} ({command})"] if changes.assignments else []
    return ", ".join([*changes.services, *hosts])


def _put_files_back(directory: StackDirectory, changes: Changes) -> list[LocalError]:
    """Put files back; an error for each that somebody else has changed since."""
    left = []
    for change in reversed(changes.files):
        # stack.sh, or unstack.sh, may have removed it since.
        if not change.path.exists() or (text := files.text(change.path)) == change.before:
            continue
        if journal.digest(text) == change.after:
            files.write(change.path, change.before)
        else:
            left.append(_set_aside(directory, change))
    return left


def _set_aside(directory: StackDirectory, change: FileChange) -> LocalError:
    kept = directory.set_aside / change.path.name
    atomic_file.write(kept, change.before, durable=True)
    return LocalError(
        f"{change.path} was changed by somebody else while a test had changed it",
        hint=f"take what you need from {kept}, its text from before the test",
    )


def _put_record_back(directory: StackDirectory, changes: Changes) -> bool:
    """Whether the hosts' nova-compute has to be restarted for it."""
    if changes.assignments is None:
        return False
    before, after = changes.assignments
    record = directory.read()
    if record.spec.assignments == after:
        directory.write(record.with_assignments(before))
    return True


def _typed(overrides: Sequence[Override]) -> Iterator[str]:
    for each in overrides:
        for value in each.value if isinstance(each.value, tuple) else (each.value,):
            yield f"{each.section}.{each.option}={value}"
