# SPDX-License-Identifier: Apache-2.0
"""What a measurement is taken with."""

from collections.abc import Callable
from dataclasses import dataclass

from vhost_tempest_plugin.bench.workplace import Workplace
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util.progress import Progress


@dataclass(frozen=True, slots=True)
class Setting:
    """What all measurements share.

    :param topology: the name or file that *layout* came from, for the ``vhost`` command
    :param accelerator: the one that ``vhost up`` will take
    :param runs: how often each reading is taken; the median counts
    """

    workplace: Workplace
    layout: Layout
    topology: str
    accelerator: Accelerator
    runs: int
    progress: Progress

    def about(self, what: str) -> Callable[[str], None]:
        """Progress that says first what is being measured."""
        return lambda news: self.progress(f"{what}: {news}")
