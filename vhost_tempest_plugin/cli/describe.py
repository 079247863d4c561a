# SPDX-License-Identifier: Apache-2.0
"""What the commands print about a host."""

from vhost_tempest_plugin.cli.output import Moment
from vhost_tempest_plugin.host import readiness
from vhost_tempest_plugin.host.status import HostStatus

HOST_COLUMNS = ("name", "state", "owner", "topology", "accelerator", "ssh port")
DETAIL_COLUMNS = (
    *HOST_COLUMNS,
    *(
        "failure",
        "created",
        "uuid",
        "libvirt",
        "image",
        "shares",
        "uplink",
        "internet",
        "pids",
        "directory",
        "ssh",
    ),
)

_Cell = str | int | Moment | None


def host_row(status: HostStatus) -> tuple[_Cell, ...]:
    """The cells of HOST_COLUMNS."""
    record = status.record
    if record is None:
        return (status.directory.name, "damaged", "", "", "", "")
    port = record.ssh_port if status.pids else ""
    return (
        *(record.name, status.phase, str(record.owner)),
        *(record.topology, record.accelerator, port),
    )


def detail_row(status: HostStatus) -> tuple[_Cell, ...]:
    """The cells of DETAIL_COLUMNS."""
    row = host_row(status)
    pids = " ".join(str(pid) for pid in status.pids)
    record = status.record
    if record is None:
        return (*row, "", "", "", "", "", "", "", "", pids, str(status.directory.path), "")
    uplink = record.uplink
    reached = readiness.ssh(status.directory, record.ssh_port).login() if record.ssh_port else ""
    return (
        *row,
        status.failure,
        Moment(record.created),
        str(record.uuid),
        record.uri or "its own",
        record.image_digest or "",
        "\n".join(map(str, record.shares)),
        f"{uplink} {uplink.address}" if uplink else "",
        "yes" if record.internet else "no",
        pids,
        str(status.directory.path),
        reached,
    )
