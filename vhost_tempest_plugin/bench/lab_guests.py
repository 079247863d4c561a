# SPDX-License-Identifier: Apache-2.0
"""How long a lab takes to boot a guest with a NIC, against one without."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from vhost_tempest_plugin.bench import lab
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.cloud.client import contents
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab import smoke_guest

# Both have their memory on one NUMA node.
WITHOUT = "vhost.numa"
WITH = "vhost.pci"


@dataclass(frozen=True, slots=True)
class Boot:
    """Since the guest was asked for: until it was active, until its report was complete."""

    active_s: float
    report_s: float


def measure(setting: Setting) -> Iterator[Measurement]:
    """Both in turn, after a first one for which the host fetches the image.

    :raises InputError: the topology has no NICs
    """
    without: list[Boot] = []
    with_nic: list[Boot] = []
    report = setting.about("guest without a NIC active, its report; with one, s")
    with lab.up(setting) as settings, Cloud.open(settings) as cloud:
        first = boot(cloud, WITHOUT)
        for number in range(1, setting.runs + 1):
            without.append(boot(cloud, WITHOUT))
            with_nic.append(boot(cloud, WITH))
            times = (f"{b.active_s:.1f}, {b.report_s:.1f}" for b in (without[-1], with_nic[-1]))
            report(f"run {number} of {setting.runs}: {'; '.join(times)}")
    active = tuple(each.active_s for each in without)
    baseline = "guest without"
    yield Measurement(
        "guest with a NIC, ACTIVE", "s", tuple(b.active_s for b in with_nic), baseline, active
    )
    yield Measurement(
        "guest with a NIC, its report",
        "s",
        tuple(each.report_s for each in with_nic),
        baseline,
        tuple(each.report_s for each in without),
    )
    yield Measurement("first guest, ACTIVE (once)", "s", (first.active_s,), "later ones", active)


def boot(cloud: Cloud, flavor: str) -> Boot:
    """Boot a guest and delete it.

    :raises InputError: there is no such flavor
    :raises CloudError: Nova does not boot it
    :raises HostError: it does not report
    """
    known = cloud.flavors()
    if flavor not in known:
        raise InputError(f"the lab has no flavor {flavor!r}", hint="take a --topology with NICs")
    image = cloud.images()[contents.IMAGE]
    begun_s = time.perf_counter()
    server = cloud.create_server("vhost-bench", flavor=known[flavor], image=image)
    try:
        cloud.wait_for_server(server.uuid, smoke_guest.ACTIVE_LIMIT_S)
        active_s = time.perf_counter() - begun_s
        smoke_guest.await_report(cloud, server.uuid)
        return Boot(active_s, time.perf_counter() - begun_s)
    finally:
        cloud.delete_server(server.uuid, smoke_guest.GONE_LIMIT_S)
