# SPDX-License-Identifier: Apache-2.0
"""What explains the results of a test run: records, logs and tempest.conf, without secrets."""

import shutil
from functools import partial
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.host.collect.collection import Collection
from vhost_tempest_plugin.lab import logs
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.tempest import ERRORS, LOG, Workspace
from vhost_tempest_plugin.report import index
from vhost_tempest_plugin.util import removal

# Of nova-compute in a host, whose journal is read over ssh.
_MOST_LINES = 2000


def keep(workspace: Workspace, output: Path) -> None:
    """Put beside the results in *output* what a reader of them looks for next.

    What cannot be had is noted in ``collected.json``.

    :raises InputError: *output* cannot be written
    """
    records = output / index.RECORDS
    removal.remove(records)
    for record in sorted(workspace.records.glob("*.json")):
        records.mkdir(exist_ok=True)
        shutil.copyfile(record, records / record.name)
    settings = Lab.find(workspace.name).settings
    collection = Collection(output, partial(failure.mask, hidden=settings.hidden))
    collection.take_file(index.CONFIGURATION, workspace.configuration)
    for name in (LOG, ERRORS):
        collection.take_file(f"{index.LOGS}/{name}", workspace.directory / name)
    for service in Service:
        path = f"{index.LOGS}/{service}.log"
        if service.in_host:
            collection.take(path, partial(_of_hosts, workspace.name, service))
        else:
            collection.take_file(path, settings.log(service))
    collection.finish()


def _of_hosts(lab: str, service: Service) -> str:
    return "\n".join(logs.lines(lab, service, _MOST_LINES))
