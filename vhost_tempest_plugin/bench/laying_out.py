# SPDX-License-Identifier: Apache-2.0
"""Layout and rendering, for few NICs and for the most that the buses allow."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

from vhost_tempest_plugin.bench.measurement import Measurement, in_turn, seconds
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.errors import TopologyError
from vhost_tempest_plugin.hypervisor import domain
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology import layout
from vhost_tempest_plugin.topology.devices import e1000e
from vhost_tempest_plugin.topology.model import CpuTopology, DeviceGroup, Host, NumaNode
from vhost_tempest_plugin.topology.pci import LAST_BUS

_NODES = 8
_FEW = 9
_WIDE = 72
_RUNS = 9


def _host(nics: int) -> Host:
    """Eight nodes that share *nics* NICs as evenly as can be."""
    counts = [nics // _NODES + (index < nics % _NODES) for index in range(_NODES)]
    return Host(
        name=f"nics-{nics}",
        cpus=CpuTopology(sockets=_NODES),
        nodes=tuple(
            NumaNode(
                id=index,
                cpus=frozenset({index}),
                memory_mib=512,
                distances=tuple((to, 10 if to == index else 20) for to in range(_NODES)),
                devices=(DeviceGroup(e1000e.MODEL, count),) if count else (),
            )
            for index, count in enumerate(counts)
        ),
    )


def most_nics() -> int:
    """The most NICs that a host with eight nodes can have."""
    for nics in range(LAST_BUS, 0, -1):
        try:
            layout.lay_out(_host(nics))
        except TopologyError:
            continue
        return nics
    return 0


def _both(host: Host) -> str:
    return domain.render(
        layout.lay_out(host),
        name=host.name,
        uuid=UUID(int=1),
        boot=domain.Boot(Path("/k"), Path("/i"), "quiet", Path("/d"), Path("/c"), Path("/f")),
        accelerator=Accelerator.TCG,
    )


def measure(setting: Setting) -> Iterator[Measurement]:
    """The milliseconds for 72 and the most NICs against those for 9; linear is the aim."""
    sizes = (_FEW, _WIDE, most_nics())
    few, *others = in_turn(
        max(setting.runs, _RUNS),
        *(partial(_both_ms, _host(nics)) for nics in sizes),
        report=setting.about(f"layout and XML for {', '.join(map(str, sizes))} NICs, ms"),
    )
    for nics, samples in zip(sizes[1:], others, strict=True):
        yield Measurement(
            f"layout and XML, {nics} NICs", "ms", samples, f"{_FEW} NICs", few, nics / _FEW
        )


def _both_ms(host: Host) -> float:
    return 1000 * seconds(partial(_both, host))
