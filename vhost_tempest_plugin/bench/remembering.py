# SPDX-License-Identifier: Apache-2.0
"""The peak memory of everything beside QEMU, against QEMU's own."""

from collections.abc import Iterator, Mapping

from vhost_tempest_plugin.bench import processes, watching
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.host import image
from vhost_tempest_plugin.hypervisor import orphan_processes

_NAME = "bench"
_POLL_S = 0.1
_BESIDE = "beside"


def measure(setting: Setting) -> Iterator[Measurement]:
    """Peaks during ``vhost up``, in MiB: the command and all it starts, and QEMU."""
    image.build(setting.progress)
    own, qemus = [], []
    for number in range(1, setting.runs + 1):
        beside_mib, qemu_mib = _peaks_mib(setting)
        own.append(beside_mib)
        qemus.append(qemu_mib)
        setting.progress(
            f"peak memory beside QEMU, QEMU's, MiB: run {number} of {setting.runs}: "
            f"{beside_mib:.0f}, {qemu_mib:.0f}"
        )
    yield Measurement(
        f"peak memory beside QEMU, {setting.layout.host.name}",
        "MiB",
        tuple(own),
        "QEMU's peak",
        tuple(qemus),
    )


def _peaks_mib(setting: Setting) -> tuple[float, float]:
    place = setting.workplace

    def look() -> Mapping[str, float]:
        return {_BESIDE: processes.proportional_mib(processes.marked(*place.mark))}

    with place.host(_NAME):
        with watching.peaks(look, _POLL_S) as peaks:
            place.vhost("up", setting.topology, "--name", _NAME)
        qemu_mib = processes.usage_of(orphan_processes.find(place.directory)).peak_mib
    return peaks[_BESIDE], qemu_mib
