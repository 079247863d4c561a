# SPDX-License-Identifier: Apache-2.0
"""nova-compute in a host, as its log and systemd show it."""

import unittest
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import cast

from vhost_tempest_plugin.cloud.compute.service import ComputeService
from vhost_tempest_plugin.cloud.compute.unit import BEGIN, Unit
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.util.process import Completed

REFUSED = "nova.exception.PciInvalidAlias: The PCI alias(es) nic does not have vendor_id"
# As nova-compute 34 logs that it refuses its aliases, shortened.
ENDED = (
    "2026-11-27 06:23:00.053 6289 INFO nova.service [-] Starting compute node (version 34.0.0)",
    f"2026-11-27 06:23:00.556 6289 CRITICAL nova [-] Unhandled error: {REFUSED}",
    "2026-11-27 06:23:00.556 6289 ERROR nova Traceback (most recent call last):",
    '2026-11-27 06:23:00.556 6289 ERROR nova   File "/nova/pci/request.py", line 162',
    f"2026-11-27 06:23:00.556 6289 ERROR nova {REFUSED}",
)
BEGUN = ("2026-11-27 06:23:04.656 6300 INFO os_vif [-] Loaded VIF plugins: noop, ovs",)


class Host:
    """Stands in for a connection: has a log, and systemd's count of its own starts."""

    def __init__(self, log: Sequence[str], restarts: int) -> None:
        self._log = log
        self._restarts = restarts

    def run(self, argv: Sequence[str], **words: object) -> Completed:
        """Answer what is asked of a log and of systemd."""
        if argv[0] == "tail":
            return Completed(argv, 0, "\n".join(self._log[-int(argv[2]) :]), "")
        assert argv[:2] == ("systemctl", "show"), argv
        return Completed(argv, 0, f"{self._restarts}\n", "")


def service(log: Sequence[str], restarts: int = 0) -> ComputeService:
    unit = Unit("n-cpu.service", Path("/venv/bin/nova-compute"), PurePosixPath("/etc/nova.conf"))
    return ComputeService(unit, cast(HostConnection, Host(log, restarts)))


class SinceStartTest(unittest.TestCase):
    LOG = ("of before", BEGIN, *ENDED, BEGIN, *BEGUN)

    def test_one_that_was_started(self) -> None:
        self.assertEqual(list(BEGUN), service(self.LOG).since_start(80))

    def test_one_that_systemd_has_started_again(self) -> None:
        said = service(self.LOG, restarts=1).since_start(80)
        self.assertEqual([*ENDED, BEGIN, *BEGUN], said)
        self.assertEqual(REFUSED, failure.likely_cause("\n".join(said)))

    def test_a_log_that_does_not_reach_so_far_back(self) -> None:
        self.assertEqual([*ENDED[-1:], BEGIN, *BEGUN], service(self.LOG, restarts=1).since_start(3))
        self.assertEqual([], service([]).since_start(80))
