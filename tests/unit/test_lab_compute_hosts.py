# SPDX-License-Identifier: Apache-2.0
"""When nova-compute runs while services that it asks are restarted."""

import unittest
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from unittest import mock

from tests.unit.lab_settings import host, settings
from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.lab.hosts.compute_hosts import ComputeHosts


class NotedComputes(ComputeHosts):
    """Two hosts that only note what is done to them; *stale* has other files."""

    def __init__(self, stale: str = "") -> None:
        self.settings = settings(host("small", "a"), host("small", "b"))
        self.stale = stale
        self.done: list[str] = []

    def _is_stale(self, host: ComputeHost) -> bool:
        return host.name == self.stale

    def _stop(self, host: ComputeHost) -> None:
        self.done.append(f"stop {host.name}")

    def _start(self, host: ComputeHost) -> None:
        self.done.append(f"start {host.name}")

    def connect(self) -> None:
        self.done.append("tunnels")

    def reports(self, those: Iterable[ComputeHost] | None = None) -> dict[str, int]:
        return {host.name: 0 for host in (self.settings.hosts if those is None else those)}

    def _wait(self, before: Any) -> None:
        self.done.append(f"wait {' '.join(before)}")

    @contextmanager
    def _asleep(self, host: ComputeHost) -> Iterator[None]:
        self.done.append(f"freeze {host.name}")
        yield
        self.done.append(f"thaw {host.name}")


class RestartingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(status, "is_running", return_value=True))

    def test_it_asks_nobody_who_ends(self) -> None:
        computes = NotedComputes()
        with computes.restarting():
            computes.done.append("others")
        self.assertEqual(
            ["stop a", "stop b", "others", "tunnels", "start a", "start b", "wait a b"],
            computes.done,
        )

    def test_one_with_its_files_as_they_are_sleeps(self) -> None:
        computes = NotedComputes(stale="b")
        with computes.restarting(only_changed=True):
            computes.done.append("others")
        expected = ["stop b", "freeze a", "others", "thaw a", "tunnels", "start b", "wait b"]
        self.assertEqual(expected, computes.done)

    def test_it_is_started_where_the_others_fail(self) -> None:
        computes = NotedComputes(stale="b")
        with self.assertRaises(ZeroDivisionError), computes.restarting(only_changed=True):
            cast(Any, 1) / 0
        self.assertEqual("start b", computes.done[-1])

    def test_start(self) -> None:
        computes = NotedComputes(stale="b")
        computes._progress = lambda text: None
        computes.start()
        self.assertEqual(["tunnels", "stop b", "start a", "start b", "wait a b"], computes.done)
