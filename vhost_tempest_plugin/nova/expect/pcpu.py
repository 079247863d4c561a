# SPDX-License-Identifier: Apache-2.0
"""Whether Placement has PCPUs for a server, or Nova falls back on VCPUs.

nova/scheduler/manager.py, ``select_destinations``: where dedicated CPUs are asked for, Placement is
asked a second time, for VCPUs, unless ``[workarounds] disable_fallback_pcpu_query`` is set.  What
it answers then is taken of a host only where that host could not serve the PCPUs.
"""

from collections.abc import Iterable

from vhost_tempest_plugin.nova.expect.constraints import ConflictError, resolve
from vhost_tempest_plugin.nova.expect.host import seen_by_nova
from vhost_tempest_plugin.nova.expect.host_loads import HostCandidate
from vhost_tempest_plugin.nova.request import Request


def pcpus(request: Request) -> int:
    """How many PCPUs a request asks Placement for.

    nova/scheduler/utils.py, ``_translate_pinning_policies``: each dedicated CPU is one, and that
    of an isolated emulator another.
    """
    try:
        asked = resolve(request)
    except ConflictError:
        return 0
    return sum(
        len(cell.dedicated) + asked.reserved(number) for number, cell in enumerate(asked.cells)
    )


def pcpu_fallback(host: HostCandidate, requests: Iterable[Request]) -> bool:
    """Whether Placement may have too few free PCPUs on a host for one of some requests.

    :param requests: all that are made at once: which of them Placement serves first is open
    """
    dedicated = sum(len(node.dedicated) for node in seen_by_nova(host.layout).nodes)
    taken = sum(len(node.pinned) for node in host.load.nodes.values())
    return sum(map(pcpus, requests)) > dedicated - taken
