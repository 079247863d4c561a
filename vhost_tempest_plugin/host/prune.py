# SPDX-License-Identifier: Apache-2.0
"""What of the cache nobody needs any more: images and nested guests of the past.

Environments of OpenStack and their databases are kept, since a lab may come back to them; only
damaged ones go.
"""

from collections.abc import Callable, Collection
from functools import partial

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import image
from vhost_tempest_plugin.host import status as host_status
from vhost_tempest_plugin.host.nested_guest import kernel, program
from vhost_tempest_plugin.util import cache, processes
from vhost_tempest_plugin.util.progress import Progress

_IMAGE = "image"
_KEPT = ("environment", "schema")


def prune(progress: Progress, *, dry_run: bool = False) -> list[cache.Unused]:
    """Remove images that no host of this user has and that are not current, and old guests.

    Of environments and databases those go that are damaged.

    What a process has on its command line is kept too, for hosts of another state directory
    that run.

    :param dry_run: remove nothing
    :returns: what was or would be removed
    :raises HostError: the record of a host cannot be read, so that its image is not known
    :raises LocalError: the machine lacks what the current ones depend on
    """
    used: dict[str, Callable[[], Collection[str]]] = {
        _IMAGE: _images,
        kernel.KIND: lambda: {kernel.current()},
        program.KIND: lambda: {program.current()},
        **{kind: partial(_whole, kind) for kind in _KEPT},
    }
    return [
        unused
        for kind, of_kind in used.items()
        for unused in cache.prune(kind, of_kind, progress, dry_run=dry_run)
    ]


def _images() -> set[str]:
    found = image.find()
    current = {found.digest} if found else set()
    recorded = set()
    for status in host_status.overview():
        if status.record is None:
            directory = status.directory
            raise HostError(
                f"the record of {directory.name!r} cannot be read, so its image is not known",
                hint=f"run {directory.removal}",
            )
        if status.record.image_digest is not None:
            recorded.add(status.record.image_digest)
    return current | recorded | _running(_IMAGE)


def _whole(kind: str) -> set[str]:
    return cache.whole(kind) | _running(kind)


def _running(kind: str) -> set[str]:
    """What some process of this machine has on its command line, as a disk or a program."""
    directory = f"{cache.place(kind, '')}/"
    return {
        rest.partition("/")[0]
        for process in processes.others()
        for word in processes.words(process)
        for rest in word.split(directory)[1:]
    }
