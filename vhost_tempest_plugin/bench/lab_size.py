# SPDX-License-Identifier: Apache-2.0
"""The memory and the idle CPU of a lab's services, against those of its emulated host."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from vhost_tempest_plugin.bench import lab, lab_guests, processes, watching
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.bench.processes import Usage
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.bench.workplace import Workplace
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.hypervisor import orphan_processes
from vhost_tempest_plugin.lab.hosts import nova_compute
from vhost_tempest_plugin.lab.services.orphan_processes import MARK
from vhost_tempest_plugin.util import processes as machine

_LIMIT_MIB = 3072.0
_POLL_S = 1.0
_SETTLE_S = 20.0
_IDLE_S = 20.0
_HOST = "the host's QEMU"
_BESIDE = "everything beside the host"
_SUPERVISOR = "supervisor"
_COMMANDS = "vhost commands"
_IN_HOST = f"{Service.NOVA_COMPUTE}, in the host"
# What supervisord sets for its programs (http://supervisord.org/subprocess.html).
_PROGRAM = "SUPERVISOR_PROCESS_NAME"


@dataclass(frozen=True, slots=True)
class Idle:
    """A part of a lab that nobody asks for anything.

    :param pss_mib: its memory
    :param cpu_percent: of one of the machine's CPUs
    """

    pss_mib: float
    cpu_percent: float


def measure(setting: Setting) -> Iterator[Measurement]:
    """Peaks while a new lab comes up and boots a guest, then what it takes when idle."""
    lab.fill_cache(setting)
    place = setting.workplace
    place.destroy_lab(lab.NAME)
    with ExitStack() as stack:
        with watching.peaks(lambda: _memory_mib(place), _POLL_S) as peaks:
            settings = stack.enter_context(lab.up(setting))
            cloud = stack.enter_context(Cloud.open(settings))
            lab_guests.boot(cloud, lab_guests.WITHOUT)
        setting.progress(f"looking at the idle lab for {_IDLE_S:g} s, {setting.runs} times")
        time.sleep(_SETTLE_S)
        idle = [_idle(place) for _ in range(setting.runs)]
        in_host = _in_host(place)
    yield from _peaks(peaks, in_host)
    yield from _idles(idle)


def part(variables: Mapping[str, str], place: Workplace) -> str | None:
    """What of the lab a process is, by its environment; None where it is none of it."""
    if variables.get(MARK) == os.path.realpath(place.lab(lab.NAME)):
        return variables.get(_PROGRAM, _SUPERVISOR)
    name, value = place.mark
    return _COMMANDS if variables.get(name) == value else None


def _parts(place: Workplace) -> dict[str, list[int]]:
    """The processes by part."""
    found: dict[str, list[int]] = defaultdict(list)
    found[_HOST] = orphan_processes.find(place.directory)
    for process in machine.others():
        is_host = process.pid in found[_HOST]
        if not is_host and (name := part(machine.variables(process), place)):
            found[name].append(process.pid)
    return found


def _memory_mib(place: Workplace) -> dict[str, float]:
    taken = {name: processes.proportional_mib(pids) for name, pids in _parts(place).items()}
    return {**taken, _BESIDE: sum(taken.values()) - taken[_HOST]}


def _idle(place: Workplace) -> dict[str, Idle]:
    """By part and all together, over _IDLE_S."""
    parts = _parts(place)
    looks = {name: partial(processes.usage_of, pids) for name, pids in parts.items()}
    looks[_IN_HOST] = partial(_in_host, place)
    # Into the host first and last: to log in there takes its QEMU time.
    before = {name: _now(look) for name, look in reversed(looks.items())}
    time.sleep(_IDLE_S)
    after = {name: _now(look) for name, look in looks.items()}
    taken = {name: _between(before[name], after[name]) for name in looks}
    beside = [idle for name, idle in taken.items() if name not in (_HOST, _IN_HOST)]
    whole = Idle(sum(i.pss_mib for i in beside), sum(i.cpu_percent for i in beside))
    return {**taken, _BESIDE: whole}


def _now(look: Callable[[], Usage]) -> tuple[float, Usage]:
    used = look()
    return time.monotonic(), used


def _between(before: tuple[float, Usage], after: tuple[float, Usage]) -> Idle:
    (begin_s, earlier), (end_s, later) = before, after
    return Idle(later.pss_mib, 100 * (later.cpu_s - earlier.cpu_s) / (end_s - begin_s))


def _in_host(place: Workplace) -> Usage:
    """What nova-compute takes of the host's memory and CPUs."""
    processes_of = f"$(systemctl show -P ControlGroup {nova_compute.UNIT})/cgroup.procs"
    files = " ".join(f"/proc/$pid/{name}" for name in processes.FILES)
    script = f"for pid in $(cat /sys/fs/cgroup{processes_of}); do cat {files}; done"
    return processes.usage(place.vhost("ssh", f"{lab.NAME}-0", script).stdout)


def _peaks(peaks: Mapping[str, float], in_host: Usage) -> Iterator[Measurement]:
    host = (peaks[_HOST],)
    for name, peak_mib in sorted(peaks.items(), key=lambda item: -item[1]):
        if name != _HOST:
            limit = _LIMIT_MIB if name == _BESIDE else None
            title = f"peak memory, {name} (once)"
            yield Measurement(title, "MiB", (peak_mib,), _HOST, host, limit=limit)
    title = f"peak memory, {_IN_HOST} (once)"
    yield Measurement(title, "MiB", (in_host.peak_mib,), _HOST, host)


def _idles(idle: list[dict[str, Idle]]) -> Iterator[Measurement]:
    names = sorted(idle[0], key=lambda name: -idle[0][name].pss_mib)
    for name in names:
        if name != _HOST:
            samples = tuple(each[name].pss_mib for each in idle)
            baseline = tuple(each[_HOST].pss_mib for each in idle)
            yield Measurement(f"idle memory, {name}", "MiB", samples, _HOST, baseline)
    for name in names:
        if name != _HOST:
            samples = tuple(each[name].cpu_percent for each in idle)
            baseline = tuple(each[_HOST].cpu_percent for each in idle)
            yield Measurement(f"idle CPU, {name}", "% of one", samples, _HOST, baseline)
