# SPDX-License-Identifier: Apache-2.0
"""All that is measured, by name."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from vhost_tempest_plugin.bench import (
    booting,
    building,
    lab_guests,
    lab_life,
    lab_size,
    lab_tests,
    laying_out,
    remembering,
    workplace,
)
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.host import acceleration
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util.progress import Progress

FIGURES: Mapping[str, Callable[[Setting], Iterator[Measurement]]] = {
    "layout": laying_out.measure,
    "ready": booting.ready,
    "restore": booting.restore,
    "memory": remembering.measure,
    "size": booting.by_size,
    "image": building.measure,
    "second-up": booting.second_up,
    "lab-cold": lab_life.cold,
    "lab-warm": lab_life.warm,
    "lab-reset": lab_life.reset,
    "lab-size": lab_size.measure,
    # Of the lab that is there by then.
    "lab-guest": lab_guests.measure,
    "lab-tests": lab_tests.measure,
    "lab-first": lab_life.first,
}


def measure(
    names: Sequence[str], topology: str, runs: int, progress: Progress
) -> list[Measurement]:
    """Take the figures *names*; hosts and files that it makes are gone afterwards.

    :raises BusyError: another measurement is under way
    """
    layout = catalog.find(topology)
    accelerator = acceleration.choose().accelerator
    measurements: list[Measurement] = []
    with workplace.opened() as place:
        setting = Setting(place, layout, topology, accelerator, runs, progress)
        for name in names:
            progress(f"measuring: {name}")
            measurements += FIGURES[name](setting)
    return measurements
