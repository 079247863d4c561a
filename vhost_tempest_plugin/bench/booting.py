# SPDX-License-Identifier: Apache-2.0
"""The times of a host's life: ready to ssh, restored, up for the second time, by size."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from vhost_tempest_plugin.bench import bare
from vhost_tempest_plugin.bench.measurement import Measurement, in_turn, seconds
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.host import image
from vhost_tempest_plugin.topology import catalog, yaml_file
from vhost_tempest_plugin.topology.model import CpuTopology, Host, NumaNode

_NAME = "bench"
_READY_AIM = 1.15
_RESTORE_AIM = 1 / 20
_WIDE = "wide"


def up_s(setting: Setting, topology: str, cache: Path | None = None) -> float:
    """Seconds that ``vhost up`` takes for a new host, which is destroyed afterwards."""
    with setting.workplace.host(_NAME) as name:
        command = ("up", topology, "--name", name)
        return seconds(lambda: setting.workplace.vhost(*command, cache=cache))


def ready(setting: Setting) -> Iterator[Measurement]:
    """``vhost up`` against a bare QEMU with the same kernel and image."""
    made = image.build(setting.progress)

    def bare_s() -> float:
        with setting.workplace.fresh("bare") as work:
            return bare.ready_s(setting.layout.host, setting.accelerator, made, work)

    samples, baseline = in_turn(
        setting.runs,
        partial(up_s, setting, setting.topology),
        bare_s,
        report=setting.about("vhost up, bare QEMU, s"),
    )
    yield Measurement(
        f"ready to ssh, {setting.layout.host.name}", "s", samples, "bare QEMU", baseline, _READY_AIM
    )


def restore(setting: Setting) -> Iterator[Measurement]:
    """``vhost restore`` against the boot of the same host."""
    image.build(setting.progress)
    vhost = setting.workplace.vhost

    def save_and_restore() -> float:
        vhost("save", _NAME)
        return seconds(lambda: vhost("restore", _NAME))

    def boot() -> float:
        setting.workplace.destroy(_NAME)
        return seconds(lambda: vhost("up", setting.topology, "--name", _NAME))

    with setting.workplace.host(_NAME):
        baseline, samples = in_turn(
            setting.runs, boot, save_and_restore, report=setting.about("vhost up, vhost restore, s")
        )
    yield Measurement(
        f"restore, {setting.layout.host.name}", "s", samples, "cold boot", baseline, _RESTORE_AIM
    )


def second_up(setting: Setting) -> Iterator[Measurement]:
    """A new host with everything in the cache against one with nothing; once, for its length."""
    with setting.workplace.fresh("cache") as cache:
        baseline, samples = in_turn(
            1,
            partial(up_s, setting, setting.topology, cache),
            partial(up_s, setting, setting.topology, cache),
            report=setting.about("the first vhost up, the second, s"),
        )
    yield Measurement(
        f"second up, {setting.layout.host.name} (once)",
        "s",
        samples,
        "first, nothing cached",
        baseline,
    )


def by_size(setting: Setting) -> Iterator[Measurement]:
    """The boots of hosts with more nodes and NICs against the least host's."""
    image.build(setting.progress)
    wide = catalog.find(_WIDE).host
    least = one_node(wide)
    hosts = {host.name: host for host in (least, setting.layout.host, wide)}
    with setting.workplace.fresh("topologies") as directory:
        for host in hosts.values():
            (directory / f"{host.name}.yaml").write_text(yaml_file.dump(host), encoding="utf-8")
        readings = in_turn(
            setting.runs,
            *(partial(up_s, setting, str(directory / f"{name}.yaml")) for name in hosts),
            report=setting.about(f"vhost up of {', '.join(hosts)}, s"),
        )
    baseline, *others = readings
    for name, samples in zip(list(hosts)[1:], others, strict=True):
        yield Measurement(f"boot, {_size(hosts[name])}", "s", samples, _size(least), baseline)


def one_node(host: Host) -> Host:
    """A host with the CPUs and memory of *host* on one node, and no NICs."""
    return Host(
        name="least",
        cpus=CpuTopology(sockets=1, cores=host.cpus.count),
        nodes=(
            NumaNode(
                id=0,
                cpus=frozenset(range(host.cpus.count)),
                memory_mib=host.memory_mib,
                distances=((0, 10),),
            ),
        ),
    )


def _size(host: Host) -> str:
    nics = sum(group.count for _, group in host.groups())
    return f"nodes {len(host.nodes)}, NICs {nics}, CPUs {host.cpus.count}"
