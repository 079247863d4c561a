# SPDX-License-Identifier: Apache-2.0
"""A guest with a NIC, followed through everything that knows of it.

It is asked for through Nova's API; then Nova's database, libvirt in the host, the host's
sysfs, Placement and the guest itself must report the same, and when it is deleted all that it
had must be free again.
"""

from collections.abc import Iterable
from dataclasses import replace

from vhost_tempest_plugin.cloud.client import contents
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.client.resources import CloudError
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Settings
from vhost_tempest_plugin.errors import HostError, InputError, VhostCommand
from vhost_tempest_plugin.host import nested_guest
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding
from vhost_tempest_plugin.host.nested_guest import GuestReport
from vhost_tempest_plugin.lab.hosts import options as compute_options
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services import readers
from vhost_tempest_plugin.nova.compute_options import ComputeOptions
from vhost_tempest_plugin.nova.device_spec import InterfaceNameError
from vhost_tempest_plugin.nova.readers import ComputeHostReader
from vhost_tempest_plugin.nova.views import (
    Disagreement,
    ServerViews,
    View,
    disagreements,
    leaks,
    server_views,
)
from vhost_tempest_plugin.nova.views.nova import server_topology
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

_FLAVOR = "vhost.pci"
ACTIVE_LIMIT_S = 400.0
GONE_LIMIT_S = 200.0
_REPORT_LIMIT_S = 300.0
_POLL_S = 1.0


def run(name: str, progress: Progress) -> tuple[Finding, ...]:
    """Boot a guest with a NIC in the lab *name*, look, delete it, look again.

    :raises InputError: the lab is not up, its topology has no NICs, or which of them Nova tracks
        cannot be known
    :raises HostError: Nova would not take nova-compute's options
    :raises CloudError: Nova does not boot the guest
    """
    lab = Lab.running(name)
    settings = lab.settings
    in_force = {host.name: _in_force(settings, host) for host in settings.hosts}
    with Cloud.open(settings) as cloud:
        flavor, image = cloud.flavors().get(_FLAVOR), cloud.images().get(contents.IMAGE)
        if flavor is None or image is None:
            raise InputError(
                f"lab {name!r} has no flavor {_FLAVOR!r} or no image: its topology has no NICs, or "
                "somebody removed them",
                hint=f"{VhostCommand('lab', 'reset', name=name)} brings them back",
            )
        progress(f"booting a guest with flavor {_FLAVOR}: one NUMA node, one NIC")
        server = cloud.create_server("vhost-try", flavor=flavor, image=image)
        try:
            server = cloud.wait_for_server(server.uuid, ACTIVE_LIMIT_S)
            progress(f"{server.instance} is active on {server.host}")
            host = lab.host(server.host)
            views = _observe(settings, cloud, server.uuid, host)
            progress("waiting for what the guest says on its console")
            views = replace(views, report=await_report(cloud, server.uuid))
        finally:
            progress("deleting the guest")
            cloud.delete_server(server.uuid, GONE_LIMIT_S)
        progress("waiting until all that it had is free again")
        held = _await_release(settings, cloud, host, server.uuid)
    logs = (
        str(VhostCommand("lab", "logs", program, name=name))
        for program in (Service.NOVA_COMPUTE, Service.NOVA_SCHEDULER)
    )
    hint = f"see {' and '.join(logs)}"
    return tuple(judge(host, in_force[host.name], views, held, hint))


def await_report(cloud: Cloud, uuid: str) -> GuestReport:
    """Wait until the report on a guest's console is complete.

    :raises HostError: it has not within the limit
    """

    def complete() -> GuestReport | None:
        try:
            report = nested_guest.parse(cloud.console(uuid))
        except CloudError:
            return None
        return report if report.complete else None

    return wait_for(
        complete,
        "the guest's report on its console",
        _REPORT_LIMIT_S,
        poll_s=_POLL_S,
        error=lambda fact: HostError(fact, hint=f"see {cloud.logs(Service.NOVA_COMPUTE)}"),
    )


def judge(
    host: ComputeHost,
    options: ComputeOptions,
    views: ServerViews,
    held: tuple[Disagreement, ...],
    hint: str,
) -> tuple[Finding, ...]:
    """What follows from what everybody said, and from what was held when it was gone.

    :param options: what nova-compute's options lead to on the host
    :param hint: what to do where something is wrong
    """
    found = disagreements(views, options.cpus)
    rows = [device.row for device in views.nova]
    nodes = {row.numa_node for row in rows}
    cpus = frozenset[int]().union(
        *(node.cpus for node in host.layout.host.nodes if node.id in nodes)
    )
    domain, leases = views.domain, views.report.leases if views.report else ()
    where = "no guest"
    if domain is not None:
        where = f"memory on node {_list(domain.nodes)}, CPUs {_list(domain.cpus)}"
    addresses = _list(lease.address for lease in leases)
    return (
        _finding(
            "nova",
            "one NIC that nova-compute's options name",
            "; ".join(f"{row.address} on node {row.numa_node}" for row in rows) or "no NIC",
            len(rows) == 1 and set(rows) <= set(options.devices),
            hint,
        ),
        _finding(
            "affinity",
            f"memory on node {_list(nodes)}, its CPUs there",
            where,
            domain is not None and domain.nodes == nodes and domain.cpus <= cpus,
            hint,
        ),
        *(_view(view, found, hint) for view in View),
        _finding(
            "dhcp",
            "an address through the NIC",
            addresses or "none",
            len(leases) == len(rows),
            hint,
        ),
        _finding("release", "all is free again", _words(held) or "free again", not held, hint),
    )


def _in_force(settings: Settings, host: ComputeHost) -> ComputeOptions:
    try:
        return compute_options.in_force(settings, host)
    except InterfaceNameError as error:
        raise InputError(
            f"which NICs Nova tracks cannot be known: {error}",
            hint=f"{compute_options.show(settings, host)} prints [pci]device_spec",
        ) from None


def _observe(settings: Settings, cloud: Cloud, server: str, host: ComputeHost) -> ServerViews:
    seen, nova = (
        ComputeHostReader(host.name, host.layout).view(),
        readers.database(settings).view(host.name),
    )
    tree = cloud.placement.tree(nova.compute_node)
    return server_views(
        server,
        host.name,
        seen,
        nova,
        api=server_topology(cloud.get(Service.NOVA_API, f"/servers/{server}/topology")),
        holdings=cloud.placement.of(server, tree),
    )


def _await_release(
    settings: Settings, cloud: Cloud, host: ComputeHost, server: str
) -> tuple[Disagreement, ...]:
    """What is still held of what a guest had, after a time in which all should be free."""

    def held() -> tuple[Disagreement, ...]:
        seen, nova = (
            ComputeHostReader(host.name, host.layout).view(),
            readers.database(settings).view(host.name),
        )
        holdings = cloud.placement.of(server, cloud.placement.tree(nova.compute_node))
        return leaks(seen, nova, holdings, ours={server})

    try:
        wait_for(lambda: not held(), "the NIC's release", GONE_LIMIT_S, poll_s=_POLL_S)
    except TimedOutError:
        return held()
    return ()


def _view(view: View, found: tuple[Disagreement, ...], hint: str) -> Finding:
    """Whether one of those who know of the guest says what the others say."""
    words = _words([each for each in found if view in each.said])
    return _finding(
        f"view {view.name.lower()}", "what the others say", words or "the same", not words, hint
    )


def _words(found: Iterable[Disagreement]) -> str:
    return "; ".join(map(str, found))


def _finding(name: str, expected: str, observed: str, passed: bool, hint: str) -> Finding:
    if passed:
        return Finding(name, CheckVerdict.PASSED, expected, observed)
    return Finding(name, CheckVerdict.FAILED, expected, observed, hint)


def _list(values: Iterable[object]) -> str:
    return " ".join(sorted(map(str, values)))
