# SPDX-License-Identifier: Apache-2.0
"""Whether all who know of an instance say the same of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from vhost_tempest_plugin.hypervisor.domain import GuestDomain
from vhost_tempest_plugin.nova.expect import InstanceNode, Observation, domain_settings
from vhost_tempest_plugin.nova.pci_devices import CpuSets
from vhost_tempest_plugin.nova.views.disagreement import Disagreement, View
from vhost_tempest_plugin.nova.views.nova import ALLOCATED
from vhost_tempest_plugin.nova.views.server import Power, ServerViews
from vhost_tempest_plugin.topology import cpuset
from vhost_tempest_plugin.topology.pci import PciAddress

VFIO = "vfio-pci"
_SMALL_KIB = 4


def observation(domain: GuestDomain, dedicated: frozenset[int]) -> Observation:
    """Where libvirt has an instance, in the words in which ``expect`` says where it may be.

    :param dedicated: the host CPUs that instances are pinned to; a guest CPU that may run on one
        host CPU only, and not one of these, floats over a set of one
    """
    nodes = []
    for cell in domain.cells:
        on = {vcpu: domain.vcpu_cpus.get(vcpu, frozenset()) for vcpu in cell.cpus}
        pins = {v: min(cpus) for v, cpus in on.items() if len(cpus) == 1 and cpus <= dedicated}
        floating = [cpus for vcpu, cpus in on.items() if vcpu not in pins]
        nodes.append(
            InstanceNode(
                node=min(cell.nodes, default=-1) if len(cell.nodes) == 1 else -1,
                pins=pins,
                floating=frozenset[int]().union(*floating) if floating else None,
                memory_mib=cell.memory_mib,
                page_size_kib=cell.huge_page_kib or _SMALL_KIB,
            )
        )
    return Observation(tuple(nodes), domain.hostdevs, domain.emulator_cpus)


def disagreements(views: ServerViews, cpus: CpuSets) -> tuple[Disagreement, ...]:
    """All in which they differ; none where they agree.

    :param cpus: those of the host
    """
    dedicated = cpus.dedicated
    return (
        *_existence(views),
        *_devices(views),
        *_hold(views),
        *_nodes(views, dedicated),
        *_settings(views, cpus.shared),
        *_placement(views, dedicated),
        *_report(views),
    )


def _existence(views: ServerViews) -> Iterator[Disagreement]:
    """Whether it is there, and runs."""
    if views.recorded is None:
        yield Disagreement(views.server, {View.NOVA: f"not on {views.host}"})
    words = f"{views.power} on {views.host}"
    if views.domain is None:
        yield Disagreement(views.server, {View.API: words, View.LIBVIRT: "no such domain"})
    elif views.domain.active is not (views.power is Power.ON):
        state = "running" if views.domain.active else "not running"
        yield Disagreement(views.server, {View.API: words, View.LIBVIRT: state})


def _devices(views: ServerViews) -> Iterator[Disagreement]:
    """Whose devices they are."""
    nova = frozenset(device.row.address for device in views.nova)
    for device in views.nova:
        if device.status != ALLOCATED:
            yield Disagreement(
                str(device.row.address),
                {View.NOVA: f"{device.status} for {device.instance}"},
            )
    if views.domain is None:
        return
    libvirt = views.domain.hostdevs
    # What is off has devices only in Nova's accounting, whatever libvirt still knows of it.
    missing = nova - views.migration_reserved - libvirt if views.power is Power.ON else frozenset()
    for address in sorted(missing | (libvirt - nova)):
        yield Disagreement(
            str(address),
            {
                View.NOVA: _allocated(address in nova, views),
                View.LIBVIRT: _attached(address in libvirt, views),
            },
        )


def _allocated(count: int, views: ServerViews) -> str:
    times = f" {count} times" if count > 1 else ""
    return f"{'' if count else 'not '}allocated{times} to {views.server}"


def _attached(attached: bool, views: ServerViews) -> str:
    return f"{'' if attached else 'not '}attached to {views.server}"


def _hold(views: ServerViews) -> Iterator[Disagreement]:
    """Where they are and who has them in hand."""
    assigned = views.domain.hostdevs if views.domain and views.power is Power.ON else frozenset()
    managed = {d.address: d.managed for d in views.domain.assigned} if views.domain else {}
    for device in views.nova:
        address = device.row.address
        there = views.sysfs.get(address)
        if there is None:
            yield Disagreement(
                str(address), {View.NOVA: _allocated(1, views), View.SYSFS: "no such device"}
            )
            continue
        if there.node != device.row.numa_node:
            yield Disagreement(
                str(address),
                {View.NOVA: _node(device.row.numa_node), View.SYSFS: _node(there.node)},
            )
        wanted = frozenset({views.server} if address in assigned else ())
        if there.holders != wanted:
            yield Disagreement(
                str(address),
                {
                    View.LIBVIRT: f"held by {_list(wanted)}",
                    View.SYSFS: f"vfio group {there.group} held by {_list(there.holders)}",
                },
            )
        if address in assigned and there.driver != VFIO:
            yield Disagreement(
                str(address),
                {View.LIBVIRT: f"held by {VFIO}", View.SYSFS: f"driver {there.driver}"},
            )
        if address not in assigned and managed.get(address) and there.driver == VFIO:
            yield Disagreement(
                str(address), {View.LIBVIRT: "returned to the host", View.SYSFS: f"driver {VFIO}"}
            )


def _nodes(views: ServerViews, dedicated: frozenset[int]) -> Iterator[Disagreement]:
    """Where its nodes are, by Nova's database, its API and libvirt."""
    sources: dict[View, Observation] = {}
    if views.recorded is not None:
        sources[View.NOVA] = views.recorded
    if views.api is not None:
        sources[View.API] = views.api
    if views.domain is not None and views.power is Power.ON:
        sources[View.LIBVIRT] = observation(views.domain, dedicated)
    counts = {view: len(seen.nodes) for view, seen in sources.items()}
    if len(set(counts.values())) > 1:
        yield Disagreement("NUMA nodes of the guest", {v: str(n) for v, n in counts.items()})
        return
    for cell in range(min(counts.values(), default=0)):
        nodes = {view: seen.nodes[cell] for view, seen in sources.items()}
        yield from _differ(f"guest node {cell}", {v: _node(n.node) for v, n in nodes.items()})
        yield from _differ(f"pins of guest node {cell}", {v: _pins(n) for v, n in nodes.items()})
        memory = {v: f"{n.memory_mib} MiB" for v, n in nodes.items() if n.memory_mib is not None}
        yield from _differ(f"memory of guest node {cell}", memory)
        pages = {v: f"{n.page_size_kib} KiB" for v, n in nodes.items() if n.page_size_kib}
        yield from _differ(f"pages of guest node {cell}", pages)
    if views.domain is not None and views.domain.cells and views.domain.memory_mode != "strict":
        yield Disagreement(
            "numatune", {View.NOVA: "strict", View.LIBVIRT: str(views.domain.memory_mode)}
        )


def _settings(views: ServerViews, shared: frozenset[int]) -> Iterator[Disagreement]:
    """What else Nova writes into a domain (``expect.domain_settings``)."""
    domain = views.domain
    if domain is None or views.recorded is None or views.power is not Power.ON:
        return
    due = domain_settings(
        views.recorded, domain.vcpu_cpus, shared, views.asked, views.compute_version
    )
    if domain.cpuset != due.cpuset:
        yield Disagreement(
            "cpuset of vcpu", {View.NOVA: _set(due.cpuset), View.LIBVIRT: _set(domain.cpuset)}
        )
    if domain.emulator_cpus != due.emulator:
        yield Disagreement(
            "emulator", {View.NOVA: _set(due.emulator), View.LIBVIRT: _set(domain.emulator_cpus)}
        )
    yield from _differ(
        "I/O threads", {View.NOVA: str(due.iothreads), View.LIBVIRT: str(domain.iothreads)}
    )
    for number in sorted(due.iothread_cpus.keys() | domain.iothread_cpus.keys()):
        must, cpus = due.iothread_cpus.get(number), domain.iothread_cpus.get(number)
        if cpus != must:
            yield Disagreement(
                f"I/O thread {number}", {View.NOVA: _set(must), View.LIBVIRT: _set(cpus)}
            )
    if domain.locked is not due.locked:
        yield Disagreement(
            "memory", {View.NOVA: _locked(due.locked), View.LIBVIRT: _locked(domain.locked)}
        )


def _locked(locked: bool) -> str:
    return "locked" if locked else "not locked"


def _set(cpus: frozenset[int] | None) -> str:
    return "not pinned" if cpus is None else f"CPUs {cpuset.format(cpus)}"


def _placement(views: ServerViews, dedicated: frozenset[int]) -> Iterator[Disagreement]:
    """What it holds, beside what Nova and libvirt say that it has."""
    held: Counter[str] = Counter()
    for holding in views.holdings:
        if holding.device is None:
            held.update(holding.resources)
    if views.domain is not None and views.domain.cells and views.power is Power.ON:
        seen = observation(views.domain, dedicated)
        memory = sum(cell.memory_mib for cell in views.domain.cells)
        cpus = sum(len(cell.cpus) for cell in views.domain.cells)
        own = views.recorded.emulator if views.recorded else None
        total = cpus + len(own or ())
        pinned = sum(len(node.pins) for node in seen.nodes) + len(own or ())
        yield from _amount("MEMORY_MB", memory, held["MEMORY_MB"])
        if views.pcpu_fallback and not held["PCPU"]:
            pinned = 0
        yield from _amount("PCPU", pinned, held["PCPU"])
        yield from _amount("VCPU", total - pinned, held["VCPU"])
    if not views.reported_devices:
        return
    devices: Counter[PciAddress] = Counter()
    for holding in views.holdings:
        if holding.device is not None:
            devices[holding.device] += sum(holding.resources.values())
    mine = {device.row.address for device in views.nova} - views.migration_reserved
    # Placement has one provider for all virtual functions of a physical one.
    nova = Counter(views.physical.get(address, address) for address in mine)
    for address in sorted(devices.keys() | nova.keys()):
        if devices[address] != nova[address]:
            yield Disagreement(
                str(address),
                {
                    View.NOVA: _allocated(nova[address], views),
                    View.PLACEMENT: _allocated(devices[address], views),
                },
            )


def _report(views: ServerViews) -> Iterator[Disagreement]:
    """What the guest sees, beside what libvirt has given to it."""
    report, domain = views.report, views.domain
    if report is None or domain is None:
        return
    ids = Counter(f"{d.row.vendor_id}:{d.row.product_id}" for d in views.nova)
    seen = Counter(str(nic.id) for nic in report.nics)
    if ids != seen:
        yield Disagreement(
            "NICs", {View.NOVA: _list(ids.elements()), View.GUEST: _list(seen.elements())}
        )
    cells = [cpuset.format(cell.cpus) for cell in domain.cells]
    if cells:
        nodes = [cpuset.format(node.cpus) for node in report.nodes]
        yield from _differ(
            "CPUs of the guest's nodes",
            {View.LIBVIRT: "; ".join(cells), View.GUEST: "; ".join(nodes)},
        )


def _differ(subject: str, said: Mapping[View, str]) -> Iterator[Disagreement]:
    if len(set(said.values())) > 1:
        yield Disagreement(subject, said)


def _amount(what: str, libvirt: int, placement: int) -> Iterator[Disagreement]:
    yield from _differ(what, {View.LIBVIRT: str(libvirt), View.PLACEMENT: str(placement)})


def _node(number: int | None) -> str:
    return "no node" if number is None or number < 0 else f"node {number}"


def _pins(node: InstanceNode) -> str:
    return ", ".join(f"{vcpu} to {cpu}" for vcpu, cpu in sorted(node.pins.items())) or "none"


def _list(words: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, words))) or "nobody"
