# SPDX-License-Identifier: Apache-2.0
"""A guest with a NIC, followed through everything that knows of it.

It is asked for through Nova's API; then Nova's database, libvirt in the host, the host's
sysfs, Placement and the guest itself must tell the same, and when it is deleted the NIC must
be free again.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from vhost_tempest_plugin import domain, guest, hosts, novaconf, speed
from vhost_tempest_plugin.configuration.common import Database
from vhost_tempest_plugin.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.domain import GuestDomain
from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.finding import Finding, Verdict
from vhost_tempest_plugin.guest import GuestReport
from vhost_tempest_plugin.lab import contents, database, labs, readiness
from vhost_tempest_plugin.lab.cloud import Cloud
from vhost_tempest_plugin.lab.resources import CloudError, Server
from vhost_tempest_plugin.novaconf import PciDeviceRow
from vhost_tempest_plugin.pci import PciAddress
from vhost_tempest_plugin.progress import Progress

_FLAVOR = "vhost.pci"
ACTIVE_LIMIT_S = 400.0
GONE_LIMIT_S = 200.0
_REPORT_LIMIT_S = 300.0
_POLL_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Views:
    """What each knows of the guest while it runs.

    :param rows: Nova's devices that are the guest's, by its database
    :param drivers: of each of libvirt's hostdevs, its driver and node in sysfs
    :param held: what it holds in Placement, by resource class
    """

    rows: tuple[PciDeviceRow, ...]
    libvirt: GuestDomain
    drivers: dict[PciAddress, tuple[str, int | None]]
    held: dict[str, int]
    report: GuestReport


def run(name: str, progress: Progress) -> tuple[Finding, ...]:
    """Boot a guest with a NIC in the lab *name*, look, delete it, look again.

    :raises InputError: the lab is not up, or its topology has no NICs
    :raises CloudError: Nova does not boot the guest
    """
    settings = labs.settings(name)
    labs.running(name)
    with Cloud.open(settings) as cloud:
        flavor, image = cloud.flavors().get(_FLAVOR), cloud.images().get(contents.IMAGE)
        if flavor is None or image is None:
            raise InputError(
                f"lab {name!r} has no flavor {_FLAVOR!r} or no image; its topology has no NICs, "
                "or somebody removed them ('vhost lab reset' brings them back)"
            )
        progress(f"booting a guest with flavor {_FLAVOR}: one NUMA node, one NIC")
        server = cloud.create_server("vhost-try", flavor=flavor, image=image)
        try:
            server = cloud.wait_for_server(server.uuid, ACTIVE_LIMIT_S)
            progress(f"{server.instance} is active on {server.host}")
            host = labs.host(settings, server.host)
            views = _look(settings, cloud, server, host, progress)
        finally:
            progress("deleting the guest")
            cloud.delete_server(server.uuid, GONE_LIMIT_S)
        free = _await_release(settings, host, views.rows, progress)
    return tuple(judge(host, views, free))


def _look(
    settings: Settings, cloud: Cloud, server: Server, host: ComputeHost, progress: Progress
) -> Views:
    rows = _rows_of(settings, host, server.uuid)
    with hosts.connected(host.name) as (_, machine):
        xml = machine.run(["virsh", "-c", "qemu:///system", "dumpxml", server.instance]).stdout
        libvirt = domain.parse_guest(xml)
        drivers = {}
        for address in libvirt.hostdevs:
            place = f"/sys/bus/pci/devices/{address}"
            said = machine.run(["cat", f"{place}/numa_node"]).stdout.strip()
            driver = machine.run(["readlink", f"{place}/driver"], check=False).stdout.strip()
            node = None if int(said) < 0 else int(said)
            drivers[address] = (driver.rpartition("/")[2] or "no driver", node)
    held: dict[str, int] = {}
    for resources in cloud.allocations(server.uuid).values():
        for kind, amount in resources.items():
            held[kind] = held.get(kind, 0) + amount
    progress("waiting for what the guest says on its console")
    report = await_report(cloud, server.uuid)
    return Views(rows, libvirt, drivers, held, report)


def _rows_of(settings: Settings, host: ComputeHost, uuid: str) -> tuple[PciDeviceRow, ...]:
    sql = "SELECT address FROM pci_devices WHERE instance_uuid = %s AND deleted = 0"
    rows = database.query(settings, Database.NOVA_CELL1, sql, (uuid,))
    addresses = {PciAddress.parse(row["address"]) for row in rows}
    known = readiness.devices(settings, host)
    return tuple(sorted(row for row in known if row.address in addresses))


def await_report(cloud: Cloud, uuid: str) -> GuestReport:
    """Wait until a guest has told on its console all that it sees.

    :raises HostError: it has not within the limit
    """

    def complete() -> GuestReport | None:
        try:
            report = guest.parse(cloud.console(uuid))
        except CloudError:
            return None
        return report if report.complete else None

    return _until(complete, _REPORT_LIMIT_S, "the guest's report")


def _await_release(
    settings: Settings, host: ComputeHost, rows: tuple[PciDeviceRow, ...], progress: Progress
) -> bool:
    """Whether the NICs are free again in Nova's database within the limit."""
    progress("waiting until the NIC is free again")

    def free() -> bool | None:
        known = readiness.devices(settings, host)
        return True if all(known.get(row) == "available" for row in rows) else None

    try:
        return _until(free, GONE_LIMIT_S, "the NIC's release")
    except HostError:
        return False


def judge(host: ComputeHost, views: Views, free: bool) -> list[Finding]:
    """What follows from what everybody said, and from whether the NIC is free again."""
    expected = novaconf.expected_devices(host.layout)
    taken = {row.address for row in views.rows}
    nodes = {row.numa_node for row in views.rows}
    cpus = frozenset().union(*(n.cpus for n in host.layout.host.nodes if n.id in nodes))
    nics = [str(nic.id) for nic in views.report.nics]
    ids = [f"{row.vendor_id}:{row.product_id}" for row in views.rows]
    leases = [str(lease.address) for lease in views.report.leases]
    return [
        _finding(
            "nova", "one NIC of the topology", _rows_words(views.rows), _known(views, expected)
        ),
        _finding(
            "libvirt",
            f"hostdev {_list(taken)}, memory on node {_list(nodes)}, its CPUs there",
            f"hostdev {_list(views.libvirt.hostdevs)}, memory on node "
            f"{_list(views.libvirt.nodes)}, CPUs {_list(views.libvirt.cpus)}",
            set(views.libvirt.hostdevs) == taken
            and views.libvirt.nodes == nodes
            and views.libvirt.cpus <= cpus
            and bool(views.libvirt.cpus),
        ),
        _finding(
            "sysfs",
            f"vfio-pci on node {_list(nodes)}",
            "; ".join(f"{a}: {d} on node {n}" for a, (d, n) in views.drivers.items()),
            {*views.drivers.values()} == {("vfio-pci", node) for node in nodes},
        ),
        _finding(
            "placement",
            "VCPU and memory are held",
            ", ".join(f"{kind} {amount}" for kind, amount in sorted(views.held.items())),
            {"VCPU", "MEMORY_MB"} <= set(views.held),
        ),
        _finding("guest", f"NIC {_list(ids)}", f"NIC {_list(nics)}", sorted(nics) == sorted(ids)),
        _finding(
            "dhcp",
            "an address through the NIC",
            _list(leases) or "none",
            len(leases) == len(views.rows),
        ),
        _finding("release", "free again", "free again" if free else "still held", free),
    ]


def _known(views: Views, expected: tuple[PciDeviceRow, ...]) -> bool:
    return len(views.rows) == 1 and set(views.rows) <= set(expected)


def _finding(name: str, expected: str, observed: str, passed: bool) -> Finding:
    if passed:
        return Finding(name, Verdict.PASSED, expected, observed)
    remedy = "see 'vhost lab logs nova-compute' and 'vhost lab logs nova-scheduler'"
    return Finding(name, Verdict.FAILED, expected, observed, remedy)


def _rows_words(rows: tuple[PciDeviceRow, ...]) -> str:
    return "; ".join(f"{row.address} on node {row.numa_node}" for row in rows) or "no NIC"


def _list(values: Iterable[object]) -> str:
    return " ".join(sorted(map(str, values)))


def _until(condition: Callable[[], T | None], limit_s: float, what: str) -> T:
    limit_s *= speed.slowness()
    begun_s = time.monotonic()
    while (found := condition()) is None:
        if time.monotonic() - begun_s > limit_s:
            raise HostError(f"{what} did not come within {limit_s:.0f} s; see 'vhost lab logs'")
        time.sleep(_POLL_S)
    return found
